"""The real binary in a store of its own, and what is left behind, looked at from outside."""

import json
import os
import pathlib
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest

TOP = pathlib.Path(__file__).resolve().parents[2]
AMIVIRT = os.environ.get("AMIVIRT", str(TOP / "build/ci/bin/amivirt"))
TINY = os.environ.get("AMIVIRT_TINY_IMAGE", str(TOP / "build/images/tiny.qcow2"))
DEBIAN = os.environ.get("AMIVIRT_DEBIAN_IMAGE", str(TOP / "build/images/debian-12.qcow2"))
URI = "qemu:///system" if os.geteuid() == 0 else "qemu:///session"


def boot_sector(text="", power_off=False):
    """Prints `text` on the serial port, then powers off by ACPI (source: QEMU's PM1a control register) or halts."""
    end = bytes.fromhex("ba0406" "b80020" "ef") if power_off else b""
    code = bytes.fromhex("31c0" "8ed8")  # xor ax, ax; mov ds, ax
    loop = bytes.fromhex("ac" "84c0" "7406" "baf803" "ee" "ebf5")  # lodsb; test al, al; jz end; mov dx, 0x3f8; out dx, al; jmp
    stop = end + bytes.fromhex("f4" "ebfd")  # hlt; jmp
    message = 0x7C00 + len(code) + 3 + len(loop) + len(stop)
    sector = code + b"\xbe" + message.to_bytes(2, "little") + loop + stop + text.encode() + b"\0"
    return sector.ljust(510, b"\0") + b"\x55\xaa"


def need(path, what):
    if not os.path.exists(path):
        raise unittest.SkipTest(f"{what} is not there: {path}")


class Result:
    def __init__(self, process):
        self.status = process.returncode
        self.out = process.stdout
        self.err = process.stderr

    def __repr__(self):
        return f"status {self.status}\nstdout: {self.out}\nstderr: {self.err}"

    @property
    def lines(self):
        return self.out.split()

    @property
    def json(self):
        return json.loads(self.out)


class Store:
    """A temporary AMIVIRT_HOME, in a folder of its own if none is given. close() terminates what is left and removes it."""

    def __init__(self, folder=None):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="amivirt-e2e.", dir=folder or "/var/tmp"))
        self.folder.chmod(0o711)  # QEMU's user walks through it
        self.home = self.folder / "home"
        self.region = self.home / "regions/local"
        self.marked = {}  # domains: are they this store's?
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("AMIVIRT_")},
            "AMIVIRT_HOME": str(self.home),
            "XDG_CONFIG_HOME": str(self.folder / "config"),
            "NO_COLOR": "1",
        }

    def start(self, *words, **environment):
        return subprocess.Popen([AMIVIRT, *map(str, words)], env={**self.environment, **environment}, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)

    def run(self, *words, timeout=300, **environment):
        """Any status."""
        process = self.start(*words, **environment)
        try:
            process.stdout_text, process.stderr_text = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise
        process.stdout, process.stderr = process.stdout_text, process.stderr_text
        return Result(process)

    def ok(self, *words, **options):
        """Must succeed."""
        result = self.run(*words, **options)
        assert result.status == 0, f"amivirt {' '.join(map(str, words))}: {result}"
        return result

    def import_tiny(self, name="tiny", *words):
        return self.ok("image", "import", TINY, "--name", name, "--no-inspect", *words).out.strip()

    def import_quiet(self, name="quiet", *words):
        """An image whose guest halts at once: for all that is not done inside of a guest. A boot of the tiny image is 5 s of two cores under TCG."""
        disk = self.folder / "quiet.raw"
        if not disk.exists():
            disk.write_bytes(boot_sector())
            os.truncate(disk, 1 << 20)
        return self.ok("image", "import", disk, "--name", name, "--no-inspect", *words).out.strip()

    # What is there, not by amivirt's own word.
    def rows(self, query, *values):
        with sqlite3.connect(f"file:{self.region}/catalog.db?mode=ro", uri=True) as catalog:
            return catalog.execute(query, values).fetchall()

    def files(self, folder):
        path = self.region / folder
        return sorted(str(p.relative_to(path)) for p in path.rglob("*") if not p.is_dir()) if path.exists() else []

    def state(self):
        """All that a refused command may not have touched: rows, files by name, domains."""
        tables = ("image", "instance", "volume", "snapshot", "layer", "operation", "port_forward", "download", "key_pair")
        return ({t: self.rows(f"SELECT * FROM {t}") for t in tables}, *(self.files(f) for f in ("disks", "instances", "staging", "downloads", "locks")),
                self.domains(), sorted(p.name for p in (self.home / "keys").glob("*")))

    def domains(self):
        """Names of libvirt's domains that carry this store's mark."""
        if not (self.region / "catalog.db").exists():
            return []
        store = self.rows("SELECT id FROM store")[0][0]
        names = [n for n in virsh("list", "--all", "--name").split() if n.startswith("i-")]
        for name in names:
            if name not in self.marked:  # no domain changes its store, and those of other tests are many
                xml = virsh("dumpxml", name, check=False)
                if xml:
                    self.marked[name] = store in xml
        return sorted(n for n in names if self.marked.get(n))

    def leaks(self):
        """Sentences about everything that does not add up: [] is a clean store."""
        wrong = []
        if not (self.region / "catalog.db").exists():
            return wrong
        layers = dict(self.rows("SELECT id, state FROM layer"))
        disks = {f[: -len(".qcow2")] for f in self.files("disks") if f.endswith(".qcow2")}
        wrong += [f"disk file without row: {x}" for x in disks - layers.keys()]
        wrong += [f"row without disk file: {x}" for x in layers.keys() - disks]
        wrong += [f"stray file in disks: {f}" for f in self.files("disks") if not f.endswith(".qcow2")]
        wrong += [f"layer {i} is {s}" for i, s in layers.items() if s not in ("sealed", "writable")]
        used = {r[0] for r in self.rows("SELECT layer FROM volume UNION SELECT layer FROM snapshot")}
        wrong += [f"layer that nothing uses: {x}" for x in layers.keys() - used
                  if not self.rows("SELECT 1 FROM layer WHERE parent = ?", x)]
        instances = dict(self.rows("SELECT id, state FROM instance WHERE state != 'terminated'"))
        wrong += [f"instance {i} is {s}" for i, s in instances.items() if s not in ("running", "stopped")]
        folders = {p.name for p in (self.region / "instances").iterdir()} if (self.region / "instances").exists() else set()
        wrong += [f"folder without instance: {x}" for x in folders - instances.keys()]
        domains = set(self.domains())
        wrong += [f"domain without instance: {x}" for x in domains - instances.keys()]
        wrong += [f"instance without domain: {x}" for x in instances.keys() - domains]
        running = set(virsh("list", "--name").split())
        wrong += [f"{i} is {s} and its domain is {'on' if i in running else 'off'}" for i, s in instances.items() if (s == "running") != (i in running)]
        wrong += [f"operation left: {r}" for r in self.rows("SELECT * FROM operation")]
        wrong += [f"pending image: {r}" for r in self.rows("SELECT id FROM image WHERE state = 'pending'")]
        wrong += [f"lock left: {f}" for f in self.files("locks")]
        wrong += [f"staging left: {f}" for f in self.files("staging")]
        known = {r[0] for r in self.rows("SELECT file FROM download")}
        wrong += [f"download left: {f}" for f in self.files("downloads") if f not in known]
        attached = self.rows("SELECT id FROM volume WHERE attached_instance IS NOT NULL AND attached_instance NOT IN "
                             "(SELECT id FROM instance WHERE state != 'terminated')")
        wrong += [f"volume of no instance: {r[0]}" for r in attached]
        return wrong

    def close(self):
        for name in self.domains():
            virsh("destroy", name, check=False)
            virsh("undefine", "--nvram", name, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)


def virsh(*words, check=True):
    process = subprocess.run(["virsh", "-q", "-c", URI, *words], capture_output=True, text=True, check=False)
    if check and process.returncode != 0:
        raise AssertionError(f"virsh {' '.join(words)}: {process.stderr}")
    return process.stdout


def wait_until(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.1)


class Case(unittest.TestCase):
    """A test with a store; after it, nothing may have leaked."""

    def setUp(self):
        need(AMIVIRT, "the amivirt binary")
        try:
            virsh("version")
        except (AssertionError, FileNotFoundError) as reason:
            self.skipTest(f"libvirt is not reachable: {reason}")
        self.store = Store()
        self.addCleanup(self.store.close)

    def assert_clean(self):
        self.assertEqual(self.store.leaks(), [])


class GuestCase(Case):
    """A test that logs in to guests of the tiny image."""

    def setUp(self):
        super().setUp()
        need(TINY, "the tiny image")
        self.key = self.store.folder / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.key], check=True)
        self.user_data = self.store.folder / "user-data"
        self.user_data.write_text("#cloud-config\nssh_authorized_keys:\n  - " + self.key.with_suffix(".pub").read_text())

    def launch(self, *words, image="tiny", type="t2.nano"):
        """An instance that answers SSH."""
        return self.store.ok("run", image, "--type", type, "--user-data", self.user_data, "--wait", "ssh", "-o", "id", *words).out.strip()

    def instance(self, name):
        return self.store.ok("instance", "show", name, "-o", "json").json["Reservations"][0]["Instances"][0]

    def ssh(self, instance, command, check=True, timeout=120, port=None):
        """`port`: for a guest that amivirt is not to be asked about."""
        port = port or self.instance(instance)["PortForwards"][0]["HostPort"]
        # dropbear takes five clients of one address that have not logged in; a starved guest still counts those that only looked whether it answers.
        for _ in range(5):
            process = subprocess.run(["ssh", "-i", self.key, "-p", str(port), "-o", "IdentitiesOnly=yes", "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=20",
                                      "-o", f"UserKnownHostsFile={self.store.folder}/known_hosts", "-o", "StrictHostKeyChecking=accept-new",
                                      "root@127.0.0.1", command], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=timeout, check=False)
            if process.returncode != 255 or "kex_exchange_identification" not in process.stderr:
                break
            time.sleep(1)
        if check and process.returncode != 0:
            raise AssertionError(f"in {instance}: {command}: {process.stderr}")
        return process.stdout

    def disks(self, instance):
        """serial -> (device, bytes), as the guest sees them."""
        lines = self.ssh(instance, "for d in /sys/block/vd*; do echo $(cat $d/serial)= ${d##*/} $(cat $d/size); done").splitlines()
        return {serial[:-1]: (device, int(sectors) * 512) for serial, device, sectors in (line.split() for line in lines) if serial != "="}

    def volume(self, name):
        return self.store.ok("volume", "show", name, "-o", "json").json["Volumes"][0]

    def refused(self, status, code, *words):
        """The command fails with this exit status and EC2 code, and leaves nothing behind."""
        result = self.store.run(*words)
        self.assertEqual((result.status, f"({code})" in result.err), (status, True), f"{words}: {result}")
        return result

    def refused_untouched(self, status, code, *words, says=()):
        """The same, with all of `says` in the message, nothing on stdout and the store as it was."""
        before = self.store.state()
        result = self.refused(status, code, *words)
        self.assertEqual(result.out, "", f"{words}: stdout is data")
        self.assertRegex(result.err, r"(?m)^amivirt: ")
        for text in says:
            self.assertIn(str(text), result.err, f"{words}: {result}")
        self.assertEqual(self.store.state(), before, words)
        return result


def serial(volume):
    return volume.replace("-", "")


def main():
    """unittest with one closing line for ctest; 125 when everything was skipped."""
    program = unittest.main(exit=False, verbosity=2, argv=[sys.argv[0], *sys.argv[1:]])
    result = program.result
    bad = len(result.failures) + len(result.errors)
    skipped = len(result.skipped)
    print(f"{result.testsRun - bad - skipped} passed, {bad} failed, {skipped} skipped")
    sys.exit(1 if bad or result.testsRun == 0 else 125 if skipped == result.testsRun else 0)
