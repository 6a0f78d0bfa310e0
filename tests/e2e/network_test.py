"""Libvirt networks and host bridges, in a network namespace with a libvirtd of its own: nothing of this host's network is touched."""

import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest

from harness import GuestCase, TINY, main, need, virsh, wait_until

INSIDE = "AMIVIRT_E2E_NAMESPACE"
NAT = """<network><name>lab</name><forward mode='nat'/><bridge name='virbr9'/><ip address='10.77.0.1' netmask='255.255.255.0'>
<dhcp><range start='10.77.0.100' end='10.77.0.199'/></dhcp></ip></network>"""


class OutsideNamespace(unittest.TestCase):
    """Starts the tests below in namespaces that end with their first process, and tells their outcome."""

    def test_in_a_namespace_of_its_own(self):
        need(TINY, "the tiny image")
        if os.geteuid() != 0:
            self.skipTest("a libvirtd of one's own needs root")
        for program in ("libvirtd", "virtlogd", "dnsmasq", "iptables", "ip", "unshare", "tini"):
            if not shutil.which(program):
                self.skipTest(f"{program} is not installed")
        namespaces = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private",
                      "tini", "--"]  # which reaps: a QEMU that is a zombie is none that libvirt has ended
        tried = subprocess.run([*namespaces, "sh", "-c", "mount -t tmpfs none /run && ip link add br9 type bridge"], capture_output=True, text=True, check=False)
        if tried.returncode != 0:
            self.skipTest(f"namespaces are not permitted: {tried.stderr.strip()}")
        # libvirtd's folders lie on a disk that the host's daemon does not use; QEMU's user walks through them.
        folder = pathlib.Path(tempfile.mkdtemp(prefix="amivirt-netns.", dir="/var/tmp"))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        folder.chmod(0o755)
        ran = subprocess.run([*namespaces, sys.executable, __file__, "InNamespace"], env={**os.environ, INSIDE: str(folder)}, capture_output=True, text=True,
                             stdin=subprocess.DEVNULL, timeout=400, check=False)
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
        self.assertRegex(ran.stderr + ran.stdout, r"[1-9]\d* passed, 0 failed, 0 skipped")


@unittest.skipUnless(INSIDE in os.environ, "runs inside the namespace only")
class InNamespace(GuestCase):
    @classmethod
    def setUpClass(cls):
        folder = pathlib.Path(os.environ[INSIDE])
        run = subprocess.check_call
        run(["mount", "-t", "tmpfs", "-o", "mode=755", "none", "/run"])
        run(["umount", "-l", "-R", "/sys"])  # with the control groups: libvirtd would look for them where they are not
        run(["mount", "-t", "sysfs", "none", "/sys"])  # the one of this network namespace
        for place in ("lib", "log", "cache"):
            (folder / place).mkdir(exist_ok=True)
            run(["mount", "--bind", folder / place, f"/var/{place}/libvirt"])
        # Without the host's domains, networks and pools.
        shutil.copytree("/etc/libvirt", folder / "etc", ignore=shutil.ignore_patterns("qemu", "storage", "secrets", "autostart"))
        run(["mount", "--bind", folder / "etc", "/etc/libvirt"])
        run(["ip", "link", "set", "lo", "up"])
        cls.daemons = [subprocess.Popen([program], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
                       for program in ("virtlogd", "libvirtd")]
        wait_until(lambda: subprocess.run(["virsh", "-c", "qemu:///system", "version"], capture_output=True, check=False).returncode == 0, 60,
                   "the namespace's libvirtd answers")
        for name, text in (("lab", NAT), ("idle", NAT.replace("lab", "idle").replace("virbr9", "virbr8").replace("10.77.0", "10.78.0"))):
            (folder / f"{name}.xml").write_text(text)
            virsh("net-define", str(folder / f"{name}.xml"))
        virsh("net-start", "lab")

    @classmethod
    def tearDownClass(cls):
        for daemon in reversed(cls.daemons):
            daemon.terminate()
            daemon.wait(timeout=30)

    def connects(self, address):
        with contextlib.suppress(OSError), socket.create_connection((address, 22), timeout=5):
            return True
        return False

    def shell(self, address, command):
        ran = subprocess.run(["ssh", "-i", self.key, "-o", "IdentitiesOnly=yes", "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=20",
                              "-o", f"UserKnownHostsFile={self.store.folder}/known_hosts", "-o", "StrictHostKeyChecking=accept-new",
                              f"root@{address}", command], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60, check=False)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        return ran.stdout

    def test_two_guests_on_a_nat_network_reach_each_other(self):
        self.store.import_tiny()
        ids = self.store.ok("run", "tiny", "-n", "2", "--type", "t2.nano", "--network", "lab", "--user-data", self.user_data, "--name", "web",
                            "--wait", "ssh=3m", "-o", "id").lines
        addresses = [self.instance(i)["PrivateIpAddress"] for i in ids]
        self.assertEqual(len(set(addresses)), 2)
        leases = virsh("net-dhcp-leases", "lab")
        for instance, address in zip(ids, addresses):
            self.assertRegex(address, r"^10\.77\.0\.1\d\d$")
            self.assertIn(address, leases)
            shown = self.instance(instance)
            self.assertEqual((shown["Network"], shown["PortForwards"]), ("network:lab", []))
            self.assertNotIn("PublicIpAddress", shown)
            self.assertRegex(self.store.ok("ps", instance).out, rf"{address}:22\b")
            self.assertRegex(self.store.ok("instance", "show", instance).out, rf"(?m)^Address +{address}$")
        self.assertIn("SSH-2.0", self.shell(addresses[0], f"sleep 2 | nc {addresses[1]} 22 | head -n 1"))
        # A stop and a start: the same card, so the same address again.
        self.store.ok("stop", ids[0], "--force")
        self.assertNotIn("PrivateIpAddress", self.instance(ids[0]))
        virsh("net-destroy", "lab")
        self.addCleanup(virsh, "net-start", "lab", check=False)
        refused = self.refused(5, "IncorrectState", "start", ids[0])
        self.assertIn("net-start lab", refused.err)
        virsh("net-start", "lab")
        self.store.ok("terminate", *ids)
        self.assert_clean()

    def test_a_bridge_of_the_host_finds_addresses_by_arp(self):
        self.store.import_tiny()
        folder = pathlib.Path(os.environ[INSIDE])
        for words in (["link", "add", "br9", "type", "bridge"], ["addr", "add", "10.79.0.1/24", "dev", "br9"]):
            subprocess.check_call(["ip", *words])
        self.addCleanup(subprocess.call, ["ip", "link", "del", "br9"])
        down = self.refused_untouched(5, "IncorrectState", "run", "tiny", "--network", "bridge:br9", says=["br9"])
        self.assertIn("hint: ip link set br9 up", down.err)
        subprocess.check_call(["ip", "link", "set", "br9", "up"])
        # Not libvirt's own: it knows of no lease.
        dhcp = subprocess.Popen(["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--interface=br9", "--bind-interfaces",
                                 "--dhcp-range=10.79.0.50,10.79.0.60,1h", f"--dhcp-leasefile={folder}/leases", f"--pid-file={folder}/dnsmasq.pid", "--user=root"],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(dhcp.wait)
        self.addCleanup(dhcp.terminate)
        instance = self.store.ok("run", "tiny", "--type", "t2.nano", "--network", "bridge:br9", "--user-data", self.user_data, "-o", "id").out.strip()
        leased = lambda: (folder / "leases").exists() and (folder / "leases").read_text().split()
        wait_until(leased, 120, "the guest has a lease")
        # So that the host has talked to it, which is how it comes to know the address.
        wait_until(lambda: self.connects(leased()[2]), 60, "the guest answers")
        self.store.ok("instance", "wait", instance, "--for", "ssh", "--timeout", "2m")
        address = self.instance(instance)["PrivateIpAddress"]
        self.assertEqual(address, leased()[2])
        self.assertEqual(self.shell(address, "hostname").strip(), instance)
        self.store.ok("terminate", instance)
        self.assert_clean()

    def test_networks_that_cannot_be_used_are_refused_before_anything_is_made(self):
        self.store.import_tiny()
        unknown = self.refused_untouched(3, "ResourceNotFoundException", "run", "tiny", "--network", "labb", says=['"labb"', "lab", "idle (not active)"])
        self.assertIn('did you mean "lab"?', unknown.err)
        idle = self.refused_untouched(5, "IncorrectState", "run", "tiny", "--network", "idle", says=['"idle"'])
        self.assertIn("hint: virsh -c qemu:///system net-start idle", idle.err)
        self.refused_untouched(3, "ResourceNotFoundException", "run", "tiny", "--network", "bridge:nobr", says=['"nobr"', "virbr9"])
        self.refused_untouched(2, "InvalidParameterCombination", "run", "tiny", "--network", "lab", "-p", "0:80", says=["network:lab"])


if __name__ == "__main__":
    if INSIDE not in os.environ:
        del InNamespace
    main()
