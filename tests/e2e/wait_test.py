"""Boots that fail, each with a real guest; waiting; forwarded ports; what can be changed of an instance; its serial console as a terminal."""

import os
import pathlib
import pty
import select
import shutil
import signal
import socket
import subprocess
import termios
import time

from harness import AMIVIRT, GuestCase, TINY, TOP, boot_sector, main, need, wait_until
from kill_walk import Walk


class Disks(GuestCase):
    def import_disk(self, name, content=b""):
        disk = self.store.folder / f"{name}.raw"
        disk.write_bytes(content)
        os.truncate(disk, 1 << 20)
        return self.store.ok("image", "import", disk, "--name", name, "--no-inspect").out.strip()


class Boots(Disks):
    def fails(self, status, code, *words):
        result = self.store.run(*words)
        self.assertEqual((result.status, f"({code})" in result.err), (status, True), result)
        return result

    def end(self):
        self.store.ok("terminate", *self.store.ok("ps", "-o", "id").lines)
        self.assert_clean()

    def test_an_empty_disk_never_boots(self):
        self.import_disk("empty")
        ran = self.fails(6, "TimedOut", "run", "empty", "--type", "t2.nano", "--wait", "ssh=3s", "-o", "id")
        instance = ran.out.strip()
        self.assertIn(f'instance "{instance}" did not answer SSH on 127.0.0.1:', ran.err)
        self.assertIn("within 3 s", ran.err)
        self.assertRegex(ran.err, rf"hint: all that it printed: `amivirt console {instance}` \(.*/{instance}/console.log\); QEMU's log: .*{instance}.log")
        log = ran.err.split("QEMU's log: ")[1].strip()
        self.assertIn("starting up", pathlib.Path(log).read_text())
        once = self.fails(6, "TimedOut", "run", "--rm", "empty", "--type", "t2.nano", "--wait", "ssh=2s", "--", "true")
        self.assertIn("without --rm it stays", once.err)
        self.fails(6, "TimedOut", "instance", "wait", instance, "--for", "stopped", "--timeout", "500ms")
        self.assertEqual(self.store.ok("instance", "wait", instance, "--for", "running").lines, [instance])
        self.end()
        self.assertFalse(pathlib.Path(log).exists(), "QEMU's log goes with the machine")

    def test_qemus_own_words_are_told(self):
        """Of a processor that the emulator cannot give: it says so, and goes on."""
        templates = self.store.folder / "config/amivirt/templates"
        templates.mkdir(parents=True)
        shipped = (TOP / "templates/domain.xml").read_text()
        cpu = "<cpu mode='custom' match='exact' check='none'><model fallback='forbid'>qemu64</model><feature policy='require' name='vmx'/></cpu>"
        (templates / "domain.xml").write_text(shipped.replace("<vcpu/>", f"<vcpu/>\n  {cpu}"))
        self.import_disk("empty")
        ran = self.fails(6, "TimedOut", "--accel", "tcg", "run", "empty", "--type", "t2.nano", "--wait", "ssh=2s", "-o", "id")
        self.assertRegex(ran.err, r"QEMU said \(TimedOut\):\n  qemu\S+: warning: TCG doesn't support requested feature: .*vmx")
        self.end()

    def test_a_guest_that_powers_off_at_once(self):
        self.import_disk("off", boot_sector("this guest wants to go\r\n", power_off=True))
        ran = self.fails(5, "IncorrectInstanceState", "run", "off", "--type", "t2.nano", "--wait", "ssh=60s", "-o", "id")
        instance = ran.out.strip()
        once = self.fails(5, "IncorrectInstanceState", "run", "--rm", "off", "--type", "t2.nano", "--", "true")
        self.assertIn("switched itself off before SSH answered; its console ends with (IncorrectInstanceState):\n  this guest wants to go\n", once.err)
        self.assertEqual(self.store.ok("ps", "-a", "-o", "id").lines, [instance])
        self.assertIn("switched itself off before SSH answered; its console ends with (IncorrectInstanceState):\n  this guest wants to go\n", ran.err)
        self.assertEqual(self.store.ok("instance", "wait", instance, "--for", "stopped", "--timeout", "10s").lines, [instance])
        again = self.fails(5, "IncorrectInstanceState", "start", instance, "--wait", "ssh=60s")
        self.assertIn("this guest wants to go", again.err)
        # Off before anybody attaches, and console -f ends by itself.
        self.assertEqual(self.store.ok("console", "-f", instance, timeout=30).out.count("wants to go"), 2)
        self.fails(5, "IncorrectInstanceState", "attach", instance)
        self.store.ok("terminate", instance)
        self.fails(5, "IncorrectInstanceState", "instance", "wait", instance, "--for", "running")
        self.assertEqual(self.store.ok("instance", "wait", instance, "--for", "terminated").lines, [instance])
        self.fails(3, "InvalidInstanceID.NotFound", "instance", "wait", "nobody", "--for", "running")
        self.assert_clean()

    def test_a_guest_whose_kernel_panics(self):
        for program in ("sfdisk", "debugfs"):
            if not shutil.which(program):
                self.skipTest(f"{program} is not installed")
        disk = self.store.folder / "panic.raw"
        subprocess.run(["qemu-img", "convert", "-O", "raw", TINY, disk], check=True)
        table = subprocess.run(["sfdisk", "--dump", disk], capture_output=True, text=True, check=True).stdout
        root = next(line for line in table.splitlines() if 'name="root"' in line)
        offset = int(root.split("start=")[1].split(",")[0]) * 512
        init = self.store.folder / "init"
        init.write_text("#!/bin/sh\nexit 7\n")
        subprocess.run(["debugfs", "-w", "-f", "-", f"{disk}?offset={offset}"], check=True, capture_output=True, text=True,
                       input=f"rm /sbin/init\nwrite {init} /sbin/init\nset_inode_field /sbin/init mode 0100755\n")
        self.store.ok("image", "import", disk, "--name", "panic", "--no-inspect")
        disk.unlink()
        ran = self.fails(5, "IncorrectInstanceState", "run", "panic", "--type", "t2.nano", "--wait", "ssh=120s", "-o", "id")
        self.assertIn(f'the kernel of instance "{ran.out.strip()}" panicked before SSH answered', ran.err)
        self.assertIn("Kernel panic - not syncing: Attempted to kill init", ran.err)
        # It happened before these began to wait; `panic=10` lets it boot, and panic, again and again.
        for what in ("ssh", "cloud-init"):
            self.fails(5, "IncorrectInstanceState", "instance", "wait", ran.out.strip(), "--for", what, "--timeout", "60s")
        once = self.fails(5, "IncorrectInstanceState", "run", "--rm", "panic", "--type", "t2.nano", "--", "true")
        self.assertIn("Kernel panic - not syncing: Attempted to kill init", once.err)
        self.assertIn("virtio_blk virtio1", once.err, "more of it, for it is gone")
        self.end()

    def test_ports(self):
        self.import_disk("empty")
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            refused = self.refused_untouched(2, "InvalidParameterValue", "run", "empty", "-p", f"{port}:80", says=[port, "another program"])
            self.assertIn(f"hint: `ss -tlnp 'sport = :{port}'`", refused.err)
            self.refused_untouched(2, "InvalidParameterValue", "run", "empty", "-p", f"{port}:80", "--dry-run", says=[port])
        self.refused_untouched(2, "InvalidParameterValue", "run", "empty", "-p", "80:80", "-p", "203.0.113.1:0:80", says=["port 80", "203.0.113.1", "2 faults"])
        self.refused_untouched(2, "InvalidParameterCombination", "run", "empty", "-n", "2", "-p", f"{port}:80", says=[port])
        one = self.store.ok("run", "empty", "--type", "t2.nano", "-p", f"{port}:80", "-p", "0.0.0.0:0:53/udp", "-o", "id").out.strip()
        forwards = {(f["GuestPort"], f["Protocol"]): (f["HostAddress"], f["HostPort"]) for f in self.instance(one)["PortForwards"]}
        self.assertEqual(forwards[80, "tcp"], ("127.0.0.1", port))
        self.assertEqual(forwards[53, "udp"][0], "0.0.0.0")
        picked = forwards[53, "udp"][1]
        self.assertIn(f"127.0.0.1:{port}->80, 0.0.0.0:{picked}->53/udp", self.store.ok("ps").out)
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            pass
        for address in ("", "0.0.0.0:"):
            self.refused_untouched(2, "InvalidParameterValue", "run", "empty", "-p", f"{address}{port}:81", says=[port, one])
        self.store.ok("stop", "--force", one)
        self.refused_untouched(2, "InvalidParameterValue", "run", "empty", "-p", f"{port}:80", says=[port, one])
        # A port that was asked for stays; one that was picked is replaced.
        with socket.create_server(("127.0.0.1", port)), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            kept = self.refused(1, "InsufficientInstanceCapacity", "start", one)
            self.assertIn(f"port {port}/tcp of 127.0.0.1 is taken by another program", kept.err)
            self.assertEqual(self.instance(one)["State"]["Name"], "stopped")
            other.bind(("0.0.0.0", picked))
            self.refused(1, "InsufficientInstanceCapacity", "start", one)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("0.0.0.0", picked))
            self.assertIn(f"host port {picked} is taken, using", self.store.ok("start", one).err)
        forwards = {f["GuestPort"]: f["HostPort"] for f in self.instance(one)["PortForwards"]}
        self.assertEqual((forwards[80], forwards[53] != picked), (port, True))
        self.end()

    def test_modify(self):
        self.import_disk("empty")
        one = self.store.ok("run", "empty", "--type", "t2.nano", "--name", "one", "-o", "id").out.strip()
        self.refused_untouched(5, "IncorrectInstanceState", "instance", "modify", "one", "--type", "t3.micro", "--termination-protection", "on", says=[one])
        self.store.ok("instance", "modify", "one", "--termination-protection", "on", "--shutdown-behavior", "terminate")
        self.refused(4, "OperationNotPermitted", "terminate", "one")
        self.store.ok("stop", "--force", "one")
        data = self.store.folder / "changed"
        data.write_text("#!/bin/sh\necho a very new thing\n")
        shown = self.store.ok("instance", "modify", "one", "--type", "t3.micro", "--user-data", data, "-o", "json").json
        self.assertEqual((shown["InstanceId"], shown["InstanceType"]["Value"]), (one, "t3.micro"))
        self.assertIn(b"a very new thing", (self.store.region / f"instances/{one}/seed.img").read_bytes())
        self.store.ok("start", "one")
        self.assertEqual(self.instance("one")["InstanceType"], "t3.micro")
        self.refused_untouched(2, "InvalidParameterValue", "instance", "modify", "one", "--type", "t9.huge", says=["t9.huge"])
        self.store.ok("instance", "modify", "one", "--termination-protection", "off")
        self.end()


class ModifyKilled(Disks, Walk):
    """kill -9 at each step: catalog and seed say the same, the old or the new."""

    def test_user_data(self):
        self.import_disk("empty")
        one = self.store.ok("run", "empty", "--type", "t2.nano", "-o", "id").out.strip()
        self.store.ok("stop", "--force", one)
        files = {text: self.store.folder / text for text in ("old-words", "new-words")}
        for text, path in files.items():
            path.write_text(f"#!/bin/sh\necho {text}\n")
        change = lambda text: ("instance", "modify", one, "--user-data", files[text])

        def check(_context, _point):
            kept = bytes(self.store.rows("SELECT user_data FROM instance WHERE id = ?", one)[0][0])
            seed = (self.store.region / f"instances/{one}/seed.img").read_bytes()
            for text in files:
                self.assertEqual(text.encode() in seed, text.encode() in kept, text)
            self.assertTrue(any(text.encode() in kept for text in files))

        self.walk(lambda: self.store.ok(*change("old-words")), lambda _: change("new-words"), lambda _: None, check)
        self.store.ok("terminate", one)


class Attached(GuestCase):
    """`attach` behind a terminal of the test's own."""

    def attach(self, instance, *words):
        leader, follower = pty.openpty()
        before = termios.tcgetattr(follower)
        self.addCleanup(os.close, leader)
        process = subprocess.Popen([AMIVIRT, "attach", instance, *words], env=self.store.environment, stdin=follower, stdout=follower,
                                   stderr=subprocess.PIPE, text=True, start_new_session=True)
        self.addCleanup(os.close, follower)
        self.addCleanup(process.kill)
        wait_until(lambda: termios.tcgetattr(follower)[3] & termios.ICANON == 0 or process.poll() is not None, 30, "the terminal is raw")
        self.assertIsNone(process.poll())
        return process, leader, lambda: self.assertEqual(termios.tcgetattr(follower), before, "the terminal is as it was")

    def read_until(self, leader, text, seconds=30):
        seen = b""
        deadline = time.monotonic() + seconds
        while text not in seen:
            ready, _, _ = select.select([leader], [], [], max(0, deadline - time.monotonic()))
            self.assertTrue(ready, f"{text} is not in {seen}")
            seen += os.read(leader, 4096)
        return seen

    def carries_datagrams(self, instance):
        """From the forwarded UDP port into the guest, which has nobody to take them and counts those."""
        port, = (f["HostPort"] for f in self.instance(instance)["PortForwards"] if f["Protocol"] == "udp")
        lost = lambda: int(self.ssh(instance, "grep Udp: /proc/net/snmp").splitlines()[1].split()[2])
        before = lost()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"a datagram\n", ("127.0.0.1", port))
        wait_until(lambda: lost() > before, 30, "a datagram arrives")

    def test_a_shell_on_the_serial_console(self):
        need(TINY, "the tiny image")
        self.store.import_tiny()
        instance = self.launch("-p", "0:9999/udp")
        self.carries_datagrams(instance)
        self.store.ok("instance", "wait", instance, "--for", "cloud-init", "--timeout", "60s")
        process, leader, is_restored = self.attach(instance)
        os.write(leader, b"\n")  # the tiny image's console asks for it
        os.write(leader, b"echo $((6*7))-answer\n")
        self.read_until(leader, b"42-answer")
        second = self.store.run("attach", instance)
        self.assertEqual((second.status, "(Busy)" in second.err), (5, True), second)
        os.write(leader, b"\x1d")
        self.assertEqual(process.wait(timeout=20), 0)
        is_restored()

        process, leader, is_restored = self.attach(instance)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(timeout=20), 128 + signal.SIGTERM)
        is_restored()

        piped = subprocess.run([AMIVIRT, "attach", instance], env=self.store.environment, input="echo $((6*9))-piped\n", capture_output=True, text=True,
                               timeout=60, check=False)
        self.assertEqual((piped.returncode, "54-piped" in piped.stdout), (0, True), piped)

        process, leader, is_restored = self.attach(instance)
        follow = self.store.start("console", "-f", instance)
        self.store.ok("stop", "--force", instance)
        self.assertEqual(process.wait(timeout=30), 0)
        is_restored()
        out, err = follow.communicate(timeout=30)
        self.assertEqual((follow.returncode, "42-answer" in out), (0, True), err)
        # Of this boot, not of the one before.
        self.store.ok("start", instance)
        self.assertEqual(self.store.run("instance", "wait", instance, "--for", "cloud-init", "--timeout", "100ms").status, 6)
        self.store.ok("start", instance, "--wait", "cloud-init=120s")
        self.assertEqual(self.store.ok("console", instance).out.count("Cloud-init v. tiny finished at "), 2)
        self.store.ok("terminate", instance)
        self.assert_clean()


if __name__ == "__main__":
    main()
