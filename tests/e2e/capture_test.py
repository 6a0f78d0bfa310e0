"""Images made of machines: in an instant while they run, generalized, looked into; and killed at each step."""

import time

from harness import GuestCase, main
from kill_walk import Walk

# What systemd does at boot, as user data, since the tiny image has no machine-id of its own.
MACHINE_ID = """\
#!/bin/sh
mkdir -p /root/.ssh
echo '{key}' >> /root/.ssh/authorized_keys
[ -s /etc/machine-id ] || tr -d - < /proc/sys/kernel/random/uuid > /etc/machine-id
sync
"""


class Capture(GuestCase, Walk):
    def setUp(self):
        super().setUp()
        self.image = self.store.import_tiny()

    def drop(self, name):
        self.store.ok("image", "deregister", name, "--delete-snapshots")

    def test_while_it_runs_in_an_instant_and_two_of_it(self):
        instance = self.launch("--map", "/dev/sda1=:20", "--map", "/dev/sdf=:1:true")
        self.ssh(instance, "echo customised > /root/proof; sync")
        began = time.monotonic()
        golden = self.store.ok("image", "create", instance, "--name", "golden", "--no-reboot", "--tag", "role=web").out.strip()
        took = time.monotonic() - began
        self.assertLess(took, 1.5, "it takes an instant: 0.3 s on an idle machine")
        print(f"image create --no-reboot of 20 GiB: {took:.2f} s", flush=True)
        shown = self.store.ok("image", "show", golden, "-o", "json").json["Images"][0]
        self.assertEqual((shown["State"], shown["SourceInstanceId"], shown["SourceImageId"], shown["Public"]),
                         ("available", instance, self.image, False))
        root, data = (d["Ebs"] for d in shown["BlockDeviceMappings"])
        self.assertEqual((root["VolumeSize"], root["DeleteOnTermination"], data["VolumeSize"], data["DeleteOnTermination"]), (20, True, 1, True))
        self.ssh(instance, "echo later > /root/proof; sync")
        # Generalized, from the running machine, which notices nothing.
        self.ssh(instance, "echo 00000000000000000000000000000000 > /etc/machine-id; echo secret > /root/.ash_history; sync")
        common = self.store.ok("image", "create", instance, "--name", "common", "--no-reboot", "--generalize", "--map", "/dev/sdf=none").out.strip()
        # What --generalize took away is in the other image, and in none that is cleaned.
        lint = self.store.ok("image", "lint", "golden", "--fix", "clean", "-o", "json")
        self.assertIn("/dev/sdf", lint.err, "the volume that nobody looked into is named")
        self.assertIn(("ssh-host-key", "/etc/dropbear/dropbear_ed25519_host_key"), [(f["Rule"], f["Path"]) for f in lint.json["Findings"]])
        self.assertEqual(self.ssh(instance, "cat /etc/machine-id /root/.ash_history").split(), ["0" * 32, "secret"])
        script = self.store.folder / "script"
        script.write_text(MACHINE_ID.format(key=self.key.with_suffix(".pub").read_text().strip()))
        copy = self.launch(image="golden")
        others = self.store.ok("run", "common", "-n", 2, "--type", "t2.nano", "--user-data", script, "--wait", "ssh", "-o", "id").lines
        self.assertEqual(self.ssh(copy, "cat /root/proof").strip(), "customised")
        seen = [self.ssh(c, "cat /root/proof /etc/machine-id; ls -A /root; cat /etc/dropbear/*.pub; ls /var/lib/cloud/instances") for c in others]
        for other, text in zip(others, seen):
            self.assertIn("later", text)
            self.assertNotIn(".ash_history", text)
            self.assertNotIn(instance, text)
            self.assertIn(other, text)
        ids = {text.split()[1] for text in seen}
        keys = {line for text in seen for line in text.splitlines() if line.startswith("ssh-ed25519 ")}
        self.assertEqual((len(ids), len(keys)), (2, 2), seen)
        self.assertNotIn("0" * 32, ids)
        self.assertNotEqual(golden, common)
        self.store.ok("terminate", instance, copy, *others)
        self.assertEqual(self.store.ok("image", "lint", "clean", "-o", "json").json["Findings"], [])
        rules = {f["Rule"] for f in self.store.run("image", "lint", "common", "-o", "json").json["Findings"]}
        self.assertEqual(rules & {"ssh-host-key", "machine-id", "history", "log", "cloud-init-state", "dhcp-lease", "random-seed"}, set())
        self.assertIn("authorized-keys", rules, "which stay, and are told")
        diff = self.store.ok("image", "diff", "golden", "common", "-o", "json").json
        self.assertIn("/etc/dropbear/dropbear_ed25519_host_key", diff["Files"]["Removed"])
        self.assertEqual([c["What"] for c in diff["Files"]["Changed"] if c["Path"] == "/root/proof"], [["content"]])
        self.assertEqual((diff["Packages"], diff["Users"]), ([], []))
        for name in ("golden", "common", "clean"):
            self.drop(name)
        self.assertEqual(len(self.store.files("disks")), 1)
        self.assert_clean()

    def test_shut_down_for_it_and_booted_again(self):
        instance = self.launch("--name", "web")
        self.ssh(instance, "echo not synced > /root/proof")
        self.store.ok("image", "create", "web", "--name", "golden")
        self.store.ok("start", "web", "--wait", "ssh")  # it runs: this waits for SSH
        self.assertEqual(self.ssh(instance, "cat /root/proof").strip(), "not synced")
        copy = self.launch(image="golden")
        self.assertEqual(self.ssh(copy, "cat /root/proof").strip(), "not synced")
        self.assertEqual(self.instance(instance)["State"]["Name"], "running")
        self.store.ok("stop", "--force", "web")
        self.store.ok("image", "create", "web", "--name", "stopped")
        self.assertEqual(self.instance(instance)["State"]["Name"], "stopped")
        for words, status, code in (
                (("web", "--name", "golden"), 2, "InvalidAMIName.Duplicate"),
                (("web", "--name", "ab"), 2, "InvalidAMIName.Malformed"),
                (("nobody", "--name", "new"), 3, "InvalidInstanceID.NotFound"),
                (("i-123", "--name", "new"), 2, "InvalidInstanceID.Malformed"),
                (("web", "--name", "new", "--map", "/dev/sda1=none"), 2, "InvalidBlockDeviceMapping"),
                (("web", "--name", "new", "--no-reboot", "--quiesce", "yes"), 1, "UnsupportedOperation")):
            self.refused(status, code, "image", "create", *words)
        self.store.ok("terminate", instance, copy)
        self.refused_untouched(5, "IncorrectInstanceState", "image", "create", instance, "--name", "new", says=[instance])
        self.drop("golden")
        self.drop("stopped")
        self.assertEqual(len(self.store.files("disks")), 1)
        self.assert_clean()

    def test_killed_at_each_step(self):
        instance = self.launch("--map", "/dev/sdf=:1:true")
        number = iter(range(1000))

        def mark():
            name = f"m{next(number)}"
            self.ssh(instance, f"echo {name} > /root/proof; sync")
            return name

        def check(name, _point):
            self.assertEqual(self.ssh(instance, "cat /root/proof").strip(), name)
            whole(2)

        def whole(disks):
            images = self.store.rows("SELECT state FROM image WHERE name = 'golden' AND state != 'deregistered'")
            self.assertIn(images, ([], [("available",)]))
            snapshots = self.store.rows("SELECT state FROM snapshot WHERE volume IS NOT NULL")
            self.assertEqual(snapshots, [("completed",)] * (disks * len(images)))
            self.assertEqual(self.store.rows("SELECT state FROM instance WHERE state != 'terminated'"), [("running",)])

        def clean_up(_):
            if self.store.rows("SELECT 1 FROM image WHERE name = 'golden' AND state = 'available'"):
                self.drop("golden")

        self.walk(mark, lambda _: ("image", "create", instance, "--name", "golden", "--no-reboot"), clean_up, check)
        self.store.ok("terminate", instance)
        # Without grace its plug is pulled, so that no step waits for the guest, and each boots it anew: one that halts at once.
        self.store.import_quiet()
        instance = self.store.ok("run", "quiet", "--type", "t2.nano", "--map", "/dev/sdf=:1:true", "-o", "id").out.strip()
        self.walk(lambda: None, lambda _: ("image", "create", instance, "--name", "golden", "--timeout", "0s", "--map", "/dev/sdf=none"), clean_up,
                  lambda _context, _point: whole(1))
        result = self.store.run("fsck")
        self.assertEqual(result.status, 0, result)
        self.store.ok("terminate", instance)
        self.assertEqual(len(self.store.files("disks")), 2)
        self.assert_clean()


if __name__ == "__main__":
    main()
