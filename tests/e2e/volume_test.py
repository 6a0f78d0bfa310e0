"""Volumes on real machines: mapped, made, attached, grown, throttled, encrypted, detached, deleted."""

import os
import sqlite3
import stat
import subprocess

from harness import GuestCase, main, serial, virsh, wait_until

GIB = 2**30


class Volumes(GuestCase):
    def setUp(self):
        super().setUp()
        self.store.import_tiny()

    def quiet(self, *words):
        """A machine that is not looked into."""
        self.store.import_quiet()
        return self.store.ok("run", "quiet", "--type", "t2.nano", "-o", "id", *words).out.strip()

    def test_every_volume_of_the_mapping_is_in_the_guest_in_order(self):
        types = self.store.folder / "config/amivirt"
        types.mkdir(parents=True)
        (types / "instance-types.yaml").write_text("lab.disk: {vcpus: 1, memory: 512MiB, instanceStore: {volumes: 2, size: 3GiB}}\n")
        instance = self.launch("--map", "/dev/sdc=:3:false:gp3", "--map", "/dev/sda1=:2", "--map", "/dev/sdb=:1", "--map", "/dev/sdd=ephemeral1",
                               "--map", "/dev/sde=ephemeral7", "--map", "/dev/sdf=none", type="lab.disk")
        mapping = {m["DeviceName"]: m["Ebs"] for m in self.instance(instance)["BlockDeviceMappings"] if "Ebs" in m}
        self.assertEqual(list(mapping), ["/dev/sda1", "/dev/sdb", "/dev/sdc"])
        self.assertEqual([m["DeleteOnTermination"] for m in mapping.values()], [True, False, False])
        seen = self.disks(instance)
        self.assertEqual(seen, {serial(mapping["/dev/sda1"]["VolumeId"]): ("vda", 2 * GIB), serial(mapping["/dev/sdb"]["VolumeId"]): ("vdb", GIB),
                                serial(mapping["/dev/sdc"]["VolumeId"]): ("vdc", 3 * GIB), "ephemeral1": ("vdd", 3 * GIB)})
        # Instance store is gone with a stop, EBS is not.
        self.ssh(instance, "echo kept > /root/kept; echo x | dd of=/dev/vdd 2>/dev/null; echo y | dd of=/dev/vdb 2>/dev/null; sync")
        self.store.ok("stop", instance)
        self.assertEqual([f for f in self.store.files("instances") if "ephemeral" in f], [])
        self.store.ok("start", instance, "--wait", "ssh")
        self.assertEqual(self.ssh(instance, "cat /root/kept; dd if=/dev/vdb bs=1 count=1 2>/dev/null; dd if=/dev/vdd bs=1 count=1 2>/dev/null | hexdump -e '1/1 \"%d\"'").split(),
                         ["kept", "y0"])
        # DeleteOnTermination, changed on the running instance.
        self.store.ok("instance", "modify", instance, "--delete-on-termination", "/dev/sdb=yes")
        self.store.ok("terminate", instance)
        left = self.store.ok("volume", "list", "-o", "json").json["Volumes"]
        self.assertEqual([(v["VolumeId"], v["State"]) for v in left], [(mapping["/dev/sdc"]["VolumeId"], "available")])
        self.store.ok("volume", "delete", left[0]["VolumeId"])
        self.assert_clean()

    def test_made_attached_grown_detached_and_used_elsewhere(self):
        first = self.launch("--name", "first", "--map", "/dev/sdh=:4:true:io1:100")
        self.assert_a_hundred_iops_are_about_a_hundred(first)
        volume = self.store.ok("volume", "create", "--size", 1, "--name", "data").out.strip()
        self.assertRegex(volume, r"^vol-[0-9a-f]{17}$")
        self.assertEqual(self.volume("data")["State"], "available")
        self.store.ok("volume", "attach", "data", "first")
        attachment = self.volume(volume)["Attachments"][0]
        self.assertEqual((attachment["Device"], attachment["InstanceId"], attachment["DeleteOnTermination"]), ("/dev/sdf", first, False))
        wait_until(lambda: serial(volume) in self.disks(first), 20, "the guest sees the new disk")
        device, size = self.disks(first)[serial(volume)]
        self.assertEqual(size, GIB)
        self.ssh(first, f"echo written > /tmp/w; dd if=/tmp/w of=/dev/{device} conv=fsync 2>/dev/null")
        # Grown in use: the guest sees it.
        self.store.ok("volume", "resize", volume, 2)
        wait_until(lambda: self.disks(first)[serial(volume)][1] == 2 * GIB, 10, "the guest sees the new size")
        self.assertEqual(self.volume(volume)["Size"], 2)
        self.refused(5, "VolumeInUse", "volume", "attach", "data", "first")
        self.refused(5, "VolumeInUse", "volume", "delete", "data")
        root = next(m["Ebs"]["VolumeId"] for m in self.instance(first)["BlockDeviceMappings"] if m["DeviceName"] == "/dev/sda1")
        self.refused(4, "OperationNotPermitted", "volume", "detach", root)
        self.store.ok("volume", "detach", "data")
        wait_until(lambda: serial(volume) not in self.disks(first), 10, "the disk leaves the guest")
        self.store.ok("volume", "detach", "data")  # again is done
        # To a stopped machine, under a name of one's own; there at the next start.
        self.store.ok("stop", first)
        self.store.ok("volume", "attach", "data", "first", "--device", "/dev/sdb", "--delete-on-termination")
        self.refused(2, "InvalidParameterValue", "volume", "attach", self.store.ok("volume", "create", "--size", 1, "--name", "other").out.strip(), "first",
                     "--device", "/dev/xyz")
        self.refused(2, "InvalidParameterValue", "volume", "attach", "other", "first", "--device", "sdb")
        self.store.ok("volume", "resize", "data", 3)
        # The root may be detached from a stopped machine.
        self.store.ok("volume", "detach", root)
        self.assertIn("/dev/sda1", self.refused(5, "IncorrectInstanceState", "start", first).err)
        self.store.ok("volume", "attach", root, first, "--device", "/dev/sda1", "--delete-on-termination")
        self.store.ok("start", first, "--wait", "ssh")
        device, size = self.disks(first)[serial(volume)]
        self.assertEqual(size, 3 * GIB)
        self.assertIn("written", self.ssh(first, f"head -c 7 /dev/{device}"))
        self.store.ok("terminate", first)
        self.assertEqual([v["VolumeId"] for v in self.store.ok("volume", "list", "-o", "json").json["Volumes"]],
                         [self.store.ok("volume", "show", "other", "-o", "json").json["Volumes"][0]["VolumeId"]])
        self.store.ok("volume", "delete", "other")
        self.assert_clean()

    def assert_a_hundred_iops_are_about_a_hundred(self, instance):
        device, _ = self.disks(instance)["vol" + self.instance(instance)["BlockDeviceMappings"][1]["Ebs"]["VolumeId"][4:]]
        # The limit's bucket holds a second's worth: it is emptied first.
        measure = (f"dd if=/dev/zero of=/dev/{device} bs=4k count=300 oflag=direct 2>/dev/null; t=$(cut -d' ' -f1 /proc/uptime); "
                   f"dd if=/dev/zero of=/dev/{device} bs=4k count=1000 oflag=direct 2>/dev/null; echo $t $(cut -d' ' -f1 /proc/uptime)")
        began, ended = map(float, self.ssh(instance, measure).split())
        rate = 1000 / (ended - began)
        self.assertTrue(80 <= rate <= 125, f"{rate:.0f} IOPS")
        self.store.ok("volume", "resize", self.instance(instance)["BlockDeviceMappings"][1]["Ebs"]["VolumeId"], 40, "--iops", 2000)
        began, ended = map(float, self.ssh(instance, measure).split())
        self.assertGreater(1000 / (ended - began), 200)

    def test_encrypted_disks_show_nothing(self):
        secret = "the quick brown fox of amivirt " * 4
        instance = self.launch("--name", "vault", "--map", "/dev/sda1=::::::encrypted")  # an encrypted root boots
        volume = self.store.ok("volume", "create", "--size", 1, "--encrypted", "--name", "safe").out.strip()
        self.store.ok("volume", "attach", "safe", "vault")
        wait_until(lambda: serial(volume) in self.disks(instance), 20, "the guest sees the disk")
        device, size = self.disks(instance)[serial(volume)]
        self.assertEqual(size, GIB)
        write = f"yes '{secret}' | head -c 1000000 > /tmp/w; dd if=/tmp/w of=/dev/{{}} conv=fsync 2>/dev/null"
        self.ssh(instance, write.format(device))
        snapshot = self.store.ok("snapshot", "create", "safe", "--name", "safe-1").out.strip()
        self.ssh(instance, f"dd if=/tmp/w of=/dev/{device} bs=1M seek=100 conv=fsync 2>/dev/null")  # into the layer above the snapshot's
        self.assertTrue(self.store.ok("snapshot", "show", snapshot, "-o", "json").json["Snapshots"][0]["Encrypted"])
        copy = self.store.ok("volume", "create", "--snapshot", "safe-1", "--name", "copy").out.strip()
        self.assertTrue(self.volume(copy)["Encrypted"])
        self.store.ok("volume", "attach", "copy", "vault")
        wait_until(lambda: serial(copy) in self.disks(instance), 20, "the guest sees the copy")
        other, _ = self.disks(instance)[serial(copy)]
        self.assertIn(secret[:30], self.ssh(instance, f"head -c 100 /dev/{other}"))
        # An encrypted volume over a plain snapshot.
        plain = self.store.ok("image", "show", "tiny", "-o", "json").json["Images"][0]["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
        mixed = self.store.ok("volume", "create", "--snapshot", plain, "--encrypted").out.strip()
        self.store.ok("volume", "attach", mixed, "vault")
        wait_until(lambda: serial(mixed) in self.disks(instance), 20, "the guest sees the third")
        third, _ = self.disks(instance)[serial(mixed)]
        self.ssh(instance, write.format(third))
        # And boots again.
        self.ssh(instance, f"yes '{secret}' | head -c 1000000 > /root/w; sync")
        self.store.ok("stop", "vault")
        self.store.ok("start", "vault", "--wait", "ssh")
        self.assertIn(secret[:30], self.ssh(instance, "head -c 100 /root/w"))
        self.store.ok("stop", "vault")
        for path in (self.store.region / "disks").glob("*.qcow2"):
            row = self.store.rows("SELECT encrypted FROM layer WHERE id = ?", path.stem)[0][0]
            found = subprocess.run(["grep", "-caF", secret[:30], path], capture_output=True, text=True, check=False).stdout.strip()
            if row:
                self.assertEqual(found, "0", f"{path} shows plain text")
        keys = [p for p in self.store.region.rglob("*key*") if p.is_file()]
        self.assertEqual(len(keys), 1, keys)
        self.assertEqual(stat.S_IMODE(os.stat(keys[0]).st_mode), 0o600)
        self.assertNotIn(keys[0].read_text(), subprocess.run(["virsh", "-c", "qemu:///system" if os.geteuid() == 0 else "qemu:///session", "dumpxml", instance],
                                                            capture_output=True, text=True, check=True).stdout)
        self.store.ok("terminate", "vault")
        self.store.ok("volume", "delete", volume, copy, mixed)
        self.store.ok("snapshot", "delete", snapshot)
        self.assert_clean()

    def test_bad_input(self):
        stopped = self.quiet()
        self.store.ok("stop", "--force", stopped)
        before = self.store.files("disks")
        snapshot = self.store.ok("image", "show", "tiny", "-o", "json").json["Images"][0]["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
        big = self.store.ok("volume", "create", "--size", 5, "--name", "five").out.strip()
        five = self.store.ok("snapshot", "create", big).out.strip()
        for status, code, words in (
                (2, "InvalidParameterValue", ["--snapshot", five, "--size", "2"]),
                (2, "InvalidParameterValue", ["--size", "0"]),
                (2, "InvalidParameterValue", ["--size", "-3"]),
                (2, "InvalidParameterValue", ["--size", "65TiB"]),
                (2, "InvalidParameterValue", ["--size", "many"]),
                (2, "InvalidParameterValue", ["--size", "10", "--type", "gp9"]),
                (2, "InvalidParameterValue", ["--size", "10", "--type", "io1", "--iops", "99999"]),
                (2, "InvalidParameterValue", ["--size", "10", "--type", "io1", "--iops", "5"]),
                (2, "InvalidParameterValue", ["--size", "4", "--type", "io1", "--iops", "300"]),
                (2, "MissingParameter", ["--size", "10", "--type", "io1"]),
                (2, "InvalidParameterCombination", ["--size", "200", "--type", "st1", "--iops", "300"]),
                (2, "", []),
                (2, "InvalidParameterValue", ["--size", "3", "--type", "st1"]),
                (3, "InvalidSnapshot.NotFound", ["--snapshot", "snap-0123456789abcdef0"]),
                (3, "InvalidSnapshot.NotFound", ["--snapshot", "no-such-name"]),
                (2, "InvalidSnapshotID.Malformed", ["--snapshot", "snap-xyz"])):
            with self.subTest(words=words):
                result = self.store.run("volume", "create", *words)
                self.assertEqual(result.status, status, result)
                self.assertTrue(f"({code})" in result.err or not code, f"{words}: {result}")
        self.refused(3, "InvalidVolume.NotFound", "volume", "attach", "vol-0123456789abcdef0", stopped)
        self.refused(3, "InvalidInstanceID.NotFound", "volume", "attach", big, "i-0123456789abcdef0")
        self.refused(2, "InvalidParameterValue", "volume", "attach", big, stopped, "--device", "/dev/sda1")
        self.refused(2, "InvalidParameterValue", "volume", "resize", big, 3)
        self.store.ok("volume", "delete", big)
        self.refused(3, "InvalidVolume.NotFound", "snapshot", "create", big)
        self.refused(3, "InvalidVolume.NotFound", "volume", "delete", big)
        self.refused(5, "InvalidSnapshot.InUse", "snapshot", "delete", snapshot)
        self.store.ok("snapshot", "delete", five)
        self.assertEqual(self.store.files("disks"), before)
        self.store.ok("terminate", stopped)
        self.assert_clean()

    def test_sizes_that_a_volume_cannot_have(self):
        volume = self.store.ok("volume", "create", "--size", 2, "--name", "data").out.strip()
        value = "InvalidParameterValue"
        for code, words, says in (
                (value, ["0"], ['"0"', "GiB"]),
                (value, ["--size", "0"], ['"0"', "GiB"]),
                (value, ["--size", "-3"], ['"-3"', "GiB"]),
                (None, ["-3"], ['"-3"']),
                (value, ["many"], ['"many"', "GiB"]),
                (value, ["1.5GiB"], ['"1.5GiB"', "GiB"]),
                (value, ["65TiB"], [f'volume "{volume}"', "66560 GiB", "1 to 16384 GiB"]),
                (value, ["1"], [volume, "2 GiB", "1 GiB"]),
                (value, ["3", "--type", "io1", "--iops", "5"], ["2 faults (InvalidParameterValue):", "3 GiB", "IOPS"])):
            with self.subTest(words=words):
                if code:
                    self.refused_untouched(2, code, "volume", "resize", "data", *words, says=says)
                else:
                    before = self.store.state()
                    result = self.store.run("volume", "resize", "data", *words)
                    self.assertEqual((result.status, result.out), (2, ""), result)
                    self.assertIn(says[0], result.err)
                    self.assertEqual(self.store.state(), before)
        self.refused_untouched(2, "InvalidVolumeID.Malformed", "volume", "resize", "vol-123", 3, says=['"vol-123"', '"vol-" and 17 hexadecimal digits'])
        self.store.ok("volume", "resize", "data", 3)
        self.assertEqual(self.volume("data")["Size"], 3)
        self.store.ok("volume", "delete", "data")
        self.assert_clean()

    def test_an_attachment_that_fails_leaves_the_volume_available(self):
        instance = self.quiet("--name", "host")
        self.store.ok("stop", "--force", instance)
        volume = self.store.ok("volume", "create", "--size", 1, "--name", "data").out.strip()
        path = self.layer(volume)
        kept = path.read_bytes()
        for size in (0, 100):
            with self.subTest(size=size):
                os.truncate(path, size)
                self.refused_untouched(1, "StoreCorrupt", "volume", "attach", "data", "host", says=[path.stem])
                shown = self.volume("data")
                self.assertEqual((shown["State"], shown["Attachments"]), ("available", []))
        self.store.ok("start", instance)  # nothing of it is in the way
        self.refused_untouched(1, "StoreCorrupt", "volume", "attach", "data", "host", says=[path.stem])
        self.assertEqual(self.volume("data")["State"], "available")
        path.write_bytes(kept)
        self.store.ok("volume", "attach", "data", "host")
        self.assertEqual(self.volume("data")["State"], "in-use")
        self.store.ok("terminate", instance)
        self.store.ok("volume", "delete", volume)
        self.assert_clean()

    def layer(self, volume):
        return self.store.region / "disks" / (self.store.rows("SELECT layer FROM volume WHERE id = ?", volume)[0][0] + ".qcow2")

    def test_a_machine_that_was_started_behind_our_back(self):
        """Stopped by amivirt, started by virsh: what is done to its disks next is done to the running domain."""
        instance = self.launch("--name", "ghost", "--map", "/dev/sdb=:1:true")
        port = self.instance(instance)["PortForwards"][0]["HostPort"]
        root, data = (m["Ebs"]["VolumeId"] for m in self.instance(instance)["BlockDeviceMappings"])
        extra = self.store.ok("volume", "create", "--size", 1, "--name", "extra").out.strip()
        stopped = {}
        numbers = "for d in /sys/block/vd*; do echo $(cat $d/serial)= ${d##*/} $(cat $d/size); done"

        def seen():
            lines = (line.split() for line in self.ssh(instance, numbers, port=port).splitlines())
            return {serial_number[:-1]: (device, int(sectors) * 512) for serial_number, device, sectors in lines if serial_number != "="}

        def restart():
            self.store.ok("stop", instance)
            with sqlite3.connect(self.store.region / "catalog.db") as catalog:
                names = [column[1] for column in catalog.execute("PRAGMA table_info(instance)")]
                stopped.update(zip(names, catalog.execute("SELECT * FROM instance WHERE id = ?", (instance,)).fetchone()))
            catalog.close()
            virsh("start", instance)
            wait_until(lambda: "up" in self.ssh(instance, "echo up", check=False, port=port), 90, "the guest is up")

        def forget():
            """The record as the stop left it, which a boot each time would come to, too."""
            with sqlite3.connect(self.store.region / "catalog.db") as catalog:
                catalog.execute(f"UPDATE instance SET {', '.join(f'{name} = :{name}' for name in stopped)} WHERE id = :id", stopped)
            catalog.close()
            self.assertEqual(self.store.rows("SELECT state FROM instance WHERE id = ?", instance), [("stopped",)])

        def check(volumes):
            """The domain runs on and writes where the catalog says; the guest can write."""
            self.assertEqual(virsh("domstate", instance).strip(), "running")
            sources = {line.split(None, 1)[1].strip() for line in virsh("domblklist", instance).splitlines() if line.strip()}
            for volume in volumes:
                self.assertIn(str(self.layer(volume)), sources)
            self.ssh(instance, "date >> /root/alive; sync", port=port)
            for volume in volumes[1:]:
                self.ssh(instance, f"echo {len(volumes)} | dd of=/dev/{seen()[serial(volume)][0]} conv=fsync 2>/dev/null", port=port)
            self.assertEqual(self.instance(instance)["State"]["Name"], "running")  # looked at, the record is right again
            fsck = self.store.run("fsck")
            self.assertEqual((fsck.status, fsck.out), (0, ""), fsck)

        restart()
        self.ssh(instance, "echo before > /root/mark; sync", port=port)
        snapshots = self.store.ok("snapshot", "create", "--instance", "ghost").lines
        self.assertEqual(len(snapshots), 2)
        check([root, data])
        forget()
        self.store.ok("volume", "attach", "extra", "ghost")
        wait_until(lambda: serial(extra) in seen(), 20, "the guest sees the disk")
        check([root, data, extra])
        self.store.ok("volume", "detach", "extra")
        wait_until(lambda: serial(extra) not in seen(), 20, "the disk leaves the guest")
        forget()
        self.store.ok("volume", "resize", data, 2)
        wait_until(lambda: seen()[serial(data)][1] == 2 * GIB, 20, "the guest sees the new size")
        check([root, data])
        forget()
        self.refused(4, "OperationNotPermitted", "volume", "detach", root)
        self.store.ok("volume", "detach", data)
        wait_until(lambda: serial(data) not in seen(), 20, "the disk leaves the guest")
        check([root])
        self.store.ok("stop", instance)
        self.store.ok("volume", "attach", data, "ghost")
        self.store.ok("start", instance, "--wait", "ssh")
        self.assertEqual(self.ssh(instance, f"cat /root/mark; head -c 1 /dev/{self.disks(instance)[serial(data)][0]}").split(), ["before", "2"])
        self.assertEqual(self.store.run("fsck").out, "")
        self.store.ok("terminate", instance)
        self.store.ok("snapshot", "delete", *snapshots)
        self.store.ok("volume", "delete", extra, data)
        self.assert_clean()


if __name__ == "__main__":
    main()
