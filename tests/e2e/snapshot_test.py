"""Snapshots as layers: of one moment, in no time, consistent, deleted in any order, flattened when deep."""

import pathlib
import subprocess
import time

from harness import Case, GuestCase, main, serial, wait_until

# Some twenty times a second: as fast as it can it would keep a core busy, and grow a file that each look reads whole.
COUNTER = "n=0; while :; do n=$((n+1)); echo $n | dd of=/root/counter oflag=append conv=notrunc,fsync 2>/dev/null; sleep 0.03; done"


class Snapshots(GuestCase):
    def setUp(self):
        super().setUp()
        self.store.import_tiny()

    def root(self, instance):
        return self.instance(instance)["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]

    def allocated(self):
        return int(subprocess.run(["du", "-s", "-B1", self.store.region / "disks"], capture_output=True, text=True, check=True).stdout.split()[0])

    def synced(self, writer):
        """The newest number that is on the disk for sure: the guest may show one more, which it is still syncing."""
        return int(self.ssh(writer, "tail -n 1 /root/counter")) - 1

    def test_twenty_while_a_guest_counts(self):
        writer = self.launch("--name", "writer")
        reader = self.launch("--name", "reader")
        self.ssh(writer, f"setsid sh -c '{COUNTER}' >/dev/null 2>&1 & sleep 1; cat /root/counter | wc -l")
        snapshots = []
        acknowledged = []
        for index in range(20):
            acknowledged.append(self.synced(writer))
            before = self.allocated()
            began = time.monotonic()
            snapshots.append(self.store.ok("snapshot", "create", self.root(writer), "--name", f"s{index}").out.strip())
            took = time.monotonic() - began
            self.assertLess(took, 5, f"snapshot {index} took {took:.2f} s")
            self.assertLess(self.allocated() - before, 8 << 20)
        self.assertEqual(self.store.ok("snapshot", "list", "-o", "id").lines[-20:], snapshots)
        for index in range(0, 20, 3):
            volume = self.store.ok("volume", "create", "--snapshot", snapshots[index]).out.strip()
            self.store.ok("volume", "attach", volume, reader)
            wait_until(lambda v=volume: serial(v) in self.disks(reader), 20, "the restored disk is there")
            device, _ = self.disks(reader)[serial(volume)]
            lines = self.ssh(reader, f"mkdir -p /mnt/r; mount -t ext4 /dev/{device}1 /mnt/r && cat /mnt/r/root/counter; umount /mnt/r").split()
            self.assertEqual(lines, [str(n) for n in range(1, len(lines) + 1)], f"snapshot {index} is no prefix")
            self.assertGreaterEqual(len(lines), acknowledged[index], f"snapshot {index} lost what was synced before it")
            self.store.ok("volume", "detach", volume)
            self.store.ok("volume", "delete", volume)
        # Stopped: the chain is deeper than the limit and is made shallow in the background; the snapshots stay what they were.
        last = self.synced(writer)
        self.store.ok("stop", "--force", writer)

        def depth():
            layer = self.store.rows("SELECT layer FROM volume WHERE attached_instance = ? AND is_root = 1", writer)[0][0]
            levels = 0
            while layer:
                layer, levels = self.store.rows("SELECT parent FROM layer WHERE id = ?", layer)[0][0], levels + 1
            return levels

        wait_until(lambda: depth() <= 8 and not self.store.rows("SELECT 1 FROM operation"), 120, "the chain is flattened")
        self.assertEqual(self.store.ok("snapshot", "list", "-o", "id").lines[-20:], snapshots)
        self.assertEqual(self.store.ok("fsck").out, "")
        self.store.ok("start", writer, "--wait", "ssh")
        lines = self.ssh(writer, "cat /root/counter").split()
        self.assertGreaterEqual(len(lines), last)
        self.assertEqual(lines, [str(n) for n in range(1, len(lines) + 1)])
        # Deleted in any order: in the end only the image's layer and the two machines' tops are left.
        order = snapshots[::2] + snapshots[1::2][::-1]
        self.store.ok("snapshot", "delete", *order[:10])
        self.assertEqual(self.store.leaks(), [])
        self.store.ok("snapshot", "delete", *order[10:])
        self.assertEqual(self.store.leaks(), [])
        self.store.ok("terminate", writer, reader)
        self.assertEqual(len(self.store.files("disks")), 1)
        self.assert_clean()

    def test_all_volumes_of_an_instance_at_one_moment(self):
        instance = self.launch("--map", "/dev/sdb=:1:true")
        volumes = [m["Ebs"]["VolumeId"] for m in self.instance(instance)["BlockDeviceMappings"]]
        device, _ = self.disks(instance)[serial(volumes[1])]
        # Each number goes to the second disk after the first: at no moment may the second be ahead.
        self.ssh(instance, "setsid sh -c 'n=0; while :; do n=$((n+1)); printf %08d $n | dd of=/root/n conv=notrunc,fsync 2>/dev/null; "
                           f"printf %08d $n | dd of=/dev/{device} conv=fsync 2>/dev/null; done' >/dev/null 2>&1 & sleep 2")
        ids = self.store.ok("snapshot", "create", "--instance", instance).lines
        self.assertEqual(len(ids), 2)
        shown = [self.store.ok("snapshot", "show", i, "-o", "json").json["Snapshots"][0] for i in ids]
        self.assertEqual([s["VolumeId"] for s in shown], volumes)
        self.assertEqual({s["State"] for s in shown}, {"completed"})
        copies = [self.store.ok("volume", "create", "--snapshot", i).out.strip() for i in ids]
        for copy in copies:
            self.store.ok("volume", "attach", copy, instance)
            wait_until(lambda c=copy: serial(c) in self.disks(instance), 20, "the restored disk is there")
        seen = self.disks(instance)
        first = self.ssh(instance, f"mkdir -p /mnt/r; mount -t ext4 /dev/{seen[serial(copies[0])][0]}1 /mnt/r; cat /mnt/r/root/n; umount /mnt/r")
        second = self.ssh(instance, f"head -c 8 /dev/{seen[serial(copies[1])][0]}")
        self.assertIn(int(first) - int(second), (0, 1), (first, second))
        # Without an agent there is nothing that could freeze the guest.
        self.refused(1, "UnsupportedOperation", "snapshot", "create", volumes[0], "--quiesce", "yes")
        self.store.ok("terminate", instance)
        self.store.ok("volume", "delete", *copies)
        self.store.ok("snapshot", "delete", *ids)
        self.assert_clean()

    def test_of_a_stopped_machine_and_of_a_volume_at_rest(self):
        instance = self.launch()
        self.ssh(instance, "echo one > /root/state; sync")
        self.store.ok("stop", instance)
        one = self.store.ok("snapshot", "create", self.root(instance), "--description", "before").out.strip()
        self.store.ok("start", instance, "--wait", "ssh")
        self.ssh(instance, "echo two > /root/state; sync")
        volume = self.store.ok("volume", "create", "--snapshot", one, "--name", "back").out.strip()
        two = self.store.ok("snapshot", "create", "back").out.strip()
        self.assertEqual(self.store.ok("snapshot", "show", one, "-o", "json").json["Snapshots"][0]["Description"], "before")
        self.store.ok("volume", "attach", "back", instance)
        wait_until(lambda: serial(volume) in self.disks(instance), 20, "the restored disk is there")
        device, _ = self.disks(instance)[serial(volume)]
        self.assertEqual(self.ssh(instance, f"mkdir -p /mnt/r; mount -t ext4 /dev/{device}1 /mnt/r; cat /mnt/r/root/state /root/state; umount /mnt/r").split(),
                         ["one", "two"])
        self.store.ok("terminate", instance)
        # `gc --explain` names what keeps each file, and nothing else is there.
        explained = self.store.ok("gc", "--explain").out
        for word in (one, two, volume, "tiny"):
            self.assertIn(word, explained)
        self.store.ok("snapshot", "delete", one)
        self.assertEqual(self.store.leaks(), [])
        self.store.ok("volume", "delete", "back")
        self.store.ok("snapshot", "delete", two)
        self.assertEqual(len(self.store.files("disks")), 1)
        self.assert_clean()


class Depth(Case):
    def test_the_limit_is_the_configurations(self):
        volume = self.store.ok("volume", "create", "--size", "1").out.strip()
        snapshots = [self.store.ok("snapshot", "create", volume).out.strip() for _ in range(3)]
        self.assertEqual(self.store.ok("gc", "--flatten").out, "")
        config = pathlib.Path(self.store.environment["XDG_CONFIG_HOME"]) / "amivirt/config.yaml"
        config.parent.mkdir(parents=True)
        config.write_text("chainLimit: 2\n")
        refused = self.store.run("gc", "--flatten")
        self.assertEqual((refused.status, "chainLimit" in refused.err), (2, True), refused)  # less than flattening leaves
        config.write_text("chainLimit: 3\n")
        self.assertEqual(self.store.ok("gc", "--flatten").lines, [volume])
        self.assertEqual(self.store.ok("gc", "--flatten").out, "")
        self.store.ok("volume", "delete", volume)
        self.store.ok("snapshot", "delete", *snapshots)
        self.assert_clean()


if __name__ == "__main__":
    main()
