"""A real cloud image: debian-12 is inspected, launched, and cloud-init does what it is told."""

import gzip
import json
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

from harness import Case, DEBIAN, main, need, virsh, wait_until


# In the place of QEMU's agent: one that hangs, whose file systems do not freeze, or do not thaw.
AGENT = '''
import json, sys, time
port = open("/dev/virtio-ports/org.qemu.guest_agent.0", "r+b", buffering=0)
left = b""
while True:
    left += port.read(4096) or time.sleep(0.1) or b""
    *lines, left = left.split(b"\\n")
    for line in lines if sys.argv[1] != "hang" else []:
        asked = json.loads(line.strip(b"\\xff"))
        answer = {"return": asked["arguments"]["id"] if "sync" in asked["execute"] else time.time_ns() if "time" in asked["execute"] else 1}
        if asked["execute"] == "guest-fsfreeze-" + sys.argv[1]:
            answer = {"error": {"class": "GenericError", "desc": "it does not"}}
        port.write(json.dumps(answer).encode() + b"\\n")
'''


class Debian(Case):
    def freeze(self, status, quiesce, says):
        """A snapshot of the machine's root, after which it writes on."""
        taken = self.store.run("-v", "snapshot", "create", self.volume, "--quiesce", quiesce)
        self.assertEqual(taken.status, status, taken)
        self.assertIn(says, taken.err)
        self.assertEqual(self.guest("echo on > /var/tmp/on && sync /var/tmp/on && cat /var/tmp/on"), "on\n")
        return taken.out.split()

    def guest(self, command):
        return self.store.ok("ssh", "deb", "--", "sudo", "sh", "-c", command, timeout=90).out

    def quiesce(self, instance):
        """The guest's agent freezes its file systems for a snapshot; one that is not up to it holds up only who insists."""
        frozen, not_frozen = (f"the file systems of {instance} were {word}frozen for it" for word in ("", "not "))
        wait_until(lambda: "active" in self.store.run("ssh", "deb", "--", "systemctl", "is-active", "qemu-guest-agent").out.split(), 120, "the agent runs")
        snapshots = self.freeze(0, "yes", frozen) + self.freeze(0, "no", not_frozen)
        last = "qemu-guest-agent"
        for fault, outcomes in (("hang", ((1, "yes", "answers"),)), ("freeze", ((7, "yes", "it does not"), (0, "auto", not_frozen))),
                                ("thaw", ((0, "yes", "may still be frozen"),))):
            self.guest(f"systemctl stop {last}")
            wait_until(lambda: "state='disconnected'" in virsh("dumpxml", instance), 60, f"libvirt sees {last} go")
            last = f"agent-{fault}"
            self.guest(f"systemd-run -q --unit={last} python3 /run/agent.py {fault}")
            wait_until(lambda: "state='connected'" in virsh("dumpxml", instance), 60, f"libvirt sees {last}")
            for outcome in outcomes:
                with self.subTest(agent=fault, quiesce=outcome[1]):
                    snapshots += self.freeze(*outcome)
        self.assertEqual(len(snapshots), 4)
        return snapshots

    def test_inspected_launched_and_set_up_by_cloud_init(self):
        need(DEBIAN, "the debian-12 image")
        parts = MIMEMultipart()
        files = [{"path": "/run/told", "content": "by amivirt"}, {"path": "/run/agent.py", "content": AGENT}]
        parts.attach(MIMEText("#cloud-config\n" + json.dumps({"write_files": files}), "cloud-config"))
        parts.attach(MIMEText("#!/bin/sh\necho this script fails\nexit 3\n", "x-shellscript"))
        user_data = self.store.folder / "user-data.gz"
        user_data.write_bytes(gzip.compress(parts.as_bytes()))
        self.store.ok("image", "import", DEBIAN, "--name", "debian-12", timeout=400)
        image = self.store.ok("image", "show", "debian-12", "-o", "json").json["Images"][0]
        self.assertIn("Debian GNU/Linux 12", image["PlatformDetails"])
        self.assertEqual(image["Architecture"], "x86_64")
        self.assertEqual(image["BootMode"], "legacy-bios")

        # Its end is told, and that the script failed; the machine stays, to be looked at.
        ran = self.store.run("run", "debian-12", "--type", "t2.small", "--name", "deb", "--user-data", user_data, "--wait", "cloud-init=400s", "-o", "id",
                             timeout=500)
        instance = ran.out.strip()
        console = self.store.run("console", instance).out
        self.assertEqual(ran.status, 1, f"{ran}{console[-4000:]}")
        self.assertRegex(ran.err, r"scripts[-_]user")
        self.assertRegex(ran.err, r"(?s)the last that it printed.*this script fails")
        self.assertRegex(ran.err, rf"hint: .*`amivirt console {instance}` \(.*console\.log\)")
        waited = self.store.run("instance", "wait", "deb", "--for", "cloud-init", "--timeout", "5s")
        self.assertEqual((waited.status, "(GuestFailed)" in waited.err), (1, True), waited)
        shown = self.store.ok("instance", "show", "deb", "-o", "json").json["Reservations"][0]["Instances"][0]
        self.assertEqual((shown["KeyName"], shown["LoginUser"]), ("amivirt", "debian"))
        said = self.store.ok("ssh", "deb", "--", "sh", "-c",
                             "sudo cat /var/lib/cloud/data/instance-id; hostname; cat /run/told; echo; whoami; sudo cat /etc/ssh/ssh_host_ed25519_key.pub; "
                             "ls /etc/ssh/*_key; sudo cat /run/cloud-init/instance-data.json; ls /dev/disk/by-id").out
        lines = said.splitlines()
        self.assertEqual(lines[:4], [instance, "deb", "by amivirt", "debian"], console[-2000:])
        self.assertEqual(" ".join(lines[4].split()[:2]), shown["SshHostKey"])
        self.assertEqual(lines[5], "/etc/ssh/ssh_host_ed25519_key")
        for text in (shown["ImageId"], shown["InstanceType"], "reservation-id", "ami-launch-index", "security-groups", shown["Placement"]["AvailabilityZone"],
                     "virtio-" + shown["BlockDeviceMappings"][0]["Ebs"]["VolumeId"].replace("-", "")):
            self.assertIn(text, said)
        (self.volume,) = (m["Ebs"]["VolumeId"] for m in shown["BlockDeviceMappings"])
        snapshots = self.quiesce(instance)
        self.store.ok("terminate", "deb")
        self.store.ok("snapshot", "delete", *snapshots)
        self.assert_clean()


if __name__ == "__main__":
    main()
