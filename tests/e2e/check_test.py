"""du says what the file system says; fsck names what was lost, cut or changed behind our back, and launches refuse it."""

import os
import subprocess
import threading

from harness import TINY, GuestCase, main, virsh, wait_until


class Check(GuestCase):
    def setUp(self):
        super().setUp()
        self.image = self.store.import_tiny()

    def quiet(self, *words):
        """A machine that is not looked into, and its image's snapshot."""
        image = self.store.import_quiet()
        instance = self.store.ok("run", "quiet", "--type", "t2.nano", "-o", "id", *words).out.strip()
        return image, instance

    def bytes_of(self, *paths):
        return sum(p.stat().st_blocks * 512 for path in paths for p in ([path] if path.is_file() else path.rglob("*")) if p.is_file())

    def layer_of(self, table, name):
        return self.store.region / "disks" / (self.store.rows(f"SELECT layer FROM {table} WHERE id = ?", name)[0][0] + ".qcow2")

    def usage(self):
        return {row["Id"]: row for row in self.store.ok("du", "-o", "json").json["Usage"]}

    def test_du_is_what_the_file_system_gives_back(self):
        instance = self.launch("--name", "one")
        self.ssh(instance, "dd if=/dev/urandom of=/root/fill bs=1M count=20 2>/dev/null; sync")
        self.store.ok("stop", instance)
        volume = self.instance(instance)["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
        snapshot = self.store.ok("snapshot", "create", volume).out.strip()
        disks = self.store.region / "disks"
        usage = self.usage()
        self.assertEqual(usage[volume]["OwnBytes"], self.bytes_of(self.layer_of("volume", volume)))
        image_snapshot = self.store.ok("image", "show", "tiny", "-o", "json").json["Images"][0]["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
        base = self.bytes_of(self.layer_of("snapshot", image_snapshot))
        taken = self.bytes_of(self.layer_of("snapshot", snapshot))
        self.assertGreater(taken, 20 << 20)
        self.assertEqual(usage[volume]["SharedBytes"], base + taken)
        self.assertEqual((usage[snapshot]["OwnBytes"], usage[snapshot]["FreedBytes"]), (0, 0))
        self.assertEqual(usage[volume]["FreedBytes"], 0)  # attached
        free = self.store.ok("volume", "create", "--snapshot", snapshot).out.strip()
        for name, command in ((free, ("volume", "delete", free)), (instance, ("terminate", instance)), (snapshot, ("snapshot", "delete", snapshot)),
                              (self.image, ("image", "deregister", self.image, "--delete-snapshots"))):
            promised = self.usage()[name]["FreedBytes"]
            before = self.bytes_of(disks, self.store.region / "instances")
            self.store.ok(*command)
            self.assertEqual(before - self.bytes_of(disks, self.store.region / "instances"), promised, name)
        self.assertEqual(self.store.files("disks"), [])
        self.assert_clean()

    def test_nothing_is_wrong_with_what_we_made(self):
        _, instance = self.quiet("--map", "/dev/sdb=:1:true")
        self.store.ok("snapshot", "create", "--instance", instance)
        self.assertEqual(self.store.ok("fsck", "-o", "json").json["Faults"], [])
        self.assertEqual(self.store.ok("fsck", "--deep", "-o", "json").json["Faults"], [])
        self.assertEqual(self.store.ok("fsck", "--deep", "-o", "json").json["Faults"], [])
        self.store.ok("terminate", instance)
        self.store.ok("snapshot", "delete", *self.store.ok("snapshot", "list", "--filter", "volume-id=vol-*", "-o", "id").lines)
        self.assert_clean()

    def damaged(self, damage, words, name="quiet"):
        """A launched machine whose image's layer gets `damage`: fsck names it and what it hits, run and start refuse."""
        if name == "quiet":
            image, instance = self.quiet("--name", "victim")
        else:
            image, instance = self.image, self.launch("--name", "victim")
        self.store.ok("stop", instance, *(["--force"] if name == "quiet" else []))
        snapshot = self.store.ok("image", "show", name, "-o", "json").json["Images"][0]["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
        path = self.layer_of("snapshot", snapshot)
        kept = path.read_bytes()
        damage(path)
        for attempt in (("fsck",), ("fsck", "--repair")):
            result = self.store.run(*attempt)
            self.assertEqual(result.status, 1, result)
            for word in (path.stem, *words, image, snapshot, instance):
                self.assertIn(word, result.out, attempt)
        refused = self.refused(1, "StoreCorrupt", "run", name, "--type", "t2.nano")
        self.assertIn(path.stem, refused.err)
        self.refused(1, "StoreCorrupt", "start", "victim")
        self.refused(1, "StoreCorrupt", "volume", "create", "--snapshot", snapshot)
        self.assertEqual(self.instance("victim")["State"]["Name"], "stopped")
        return path, kept

    def test_a_layer_file_deleted(self):
        path, kept = self.damaged(os.unlink, ["not there"])
        path.write_bytes(kept)  # from a backup: its time is new, its content is not known to be right
        path.chmod(0o444)
        self.assertEqual(self.store.run("fsck").status, 1)
        self.store.ok("terminate", "victim")
        self.store.ok("image", "deregister", "quiet", "--delete-snapshots")
        self.assert_clean()

    def test_a_layer_file_cut_short(self):
        def cut(path):
            path.chmod(0o644)
            os.truncate(path, path.stat().st_size // 2)

        self.store.ok("fsck", "--deep")
        path, kept = self.damaged(cut, ["bytes"], "tiny")
        # The right bytes again: with a checksum on record --deep sees it, and can mend the record of the time.
        path.chmod(0o644)
        path.write_bytes(kept)
        path.chmod(0o444)
        mended = self.store.run("fsck", "--deep", "--repair")
        self.assertEqual(mended.status, 0, mended)
        self.store.ok("start", "victim", "--wait", "ssh")
        self.store.ok("terminate", "victim")
        self.assert_clean()

    def test_a_layer_file_changed(self):
        def change(path):
            path.chmod(0o644)
            with open(path, "r+b") as file:
                file.seek(path.stat().st_size - 100)  # data: the tables are before it
                file.write(b"changed")

        self.store.import_quiet("other")  # its layer is the machine's, too
        self.store.ok("fsck", "--deep")
        sealed = {p: p.stat() for p in (self.store.region / "disks").iterdir()}
        path, kept = self.damaged(change, ["written to after it was sealed"])
        # With its old time only the checksum tells, which no repair replaces.
        os.utime(path, ns=(sealed[path].st_atime_ns, sealed[path].st_mtime_ns))
        path.chmod(0o444)
        self.assertEqual(self.store.run("fsck").status, 0)
        for words in (("--deep",), ("--deep", "--repair"), ("--deep",)):
            found = self.store.run("fsck", *words)
            self.assertEqual(found.status, 1, found)
            self.assertIn("content changed since it was sealed", found.out, words)
        path.chmod(0o644)
        path.write_bytes(kept)
        os.utime(path, ns=(sealed[path].st_atime_ns, sealed[path].st_mtime_ns))
        path.chmod(0o444)
        self.assertEqual(self.store.run("fsck", "--deep").status, 0)
        self.store.ok("terminate", "victim")
        self.assertTrue(path.exists())

    def test_what_is_not_understood_stays(self):
        strange = self.store.region / "disks" / "precious.txt"
        strange.write_text("mine")
        orphan = self.store.region / "disks" / "layer-0123456789abcdef0.qcow2"
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", orphan, "1G"], check=True)
        result = self.store.run("fsck", "--repair")
        self.assertEqual(result.status, 1, result)
        for word in ("precious.txt", orphan.stem):
            self.assertIn(word, result.out)
        self.store.ok("gc")
        self.assertTrue(strange.exists() and orphan.exists())
        strange.unlink()
        orphan.unlink()
        self.assertEqual(self.store.run("fsck").status, 0)

    def test_repairs(self):
        _, instance = self.quiet()
        volume = self.store.ok("volume", "create", "--size", "1").out.strip()
        path = self.layer_of("volume", volume)
        subprocess.run(["qemu-img", "resize", "-q", path, "2G"], check=True)
        base = next(p for p in (self.store.region / "disks").glob("*.qcow2") if not p.stat().st_mode & 0o200)
        base.chmod(0o644)
        subprocess.run(["virsh", "-q", "-c", "qemu:///system" if os.geteuid() == 0 else "qemu:///session", "destroy", instance], check=True)
        found = self.store.run("fsck")
        self.assertEqual(found.status, 1, found)
        self.store.ok("fsck", "--repair")
        self.assertEqual(self.store.ok("fsck").status, 0)
        self.assertEqual(self.volume(volume)["Size"], 2)
        self.store.ok("volume", "delete", volume)
        self.store.ok("terminate", instance)
        self.assert_clean()


    def test_a_volumes_own_layer_lost_cut_or_overwritten(self):
        """What a volume writes to has no seal; that it is no disk any more is seen all the same."""
        instance = self.launch("--name", "victim", "--map", "/dev/sdb=:1:true")
        device, _ = self.disks(instance)["vol" + self.instance(instance)["BlockDeviceMappings"][1]["Ebs"]["VolumeId"][4:]]
        self.ssh(instance, f"dd if=/dev/urandom of=/dev/{device} bs=1M count=4 conv=fsync 2>/dev/null; echo kept > /root/kept; sync")
        self.store.ok("stop", instance)
        text = b"Dear disk,\nI am but a letter.\n" * 100

        def cut(size):
            return lambda path, _: os.truncate(path, size)

        for volume in (m["Ebs"]["VolumeId"] for m in self.instance(instance)["BlockDeviceMappings"]):
            path = self.layer_of("volume", volume)
            kept = path.read_bytes()
            for name, damage in (("deleted", lambda path, _: path.unlink()), ("emptied", cut(0)), ("cut in its header", cut(100)),
                                 ("overwritten with text", lambda path, _: path.write_bytes(text))):
                with self.subTest(volume=volume, damage=name):
                    damage(path, kept)
                    found = self.store.run("fsck")
                    self.assertEqual(found.status, 1, found)
                    for word in (path.stem, volume, instance):
                        self.assertIn(word, found.out)
                    self.assertIn(path.stem, self.refused(1, "StoreCorrupt", "start", "victim").err)
                    self.assertEqual(virsh("domstate", instance).strip(), "shut off")
                    self.assertEqual(self.instance("victim")["State"]["Name"], "stopped")
                    mended = self.store.run("fsck", "--repair")  # nothing is made up in its place
                    self.assertEqual(mended.status, 1, mended)
                path.write_bytes(kept)
            # Cut where only data is missing: a start reads headers alone, and fsck all tables.
            os.truncate(path, len(kept) // 2)
            found = self.store.run("fsck")
            self.assertEqual(found.status, 1, found)
            for word in (path.stem, volume, instance):
                self.assertIn(word, found.out)
            path.write_bytes(kept)
            self.assertEqual(self.store.run("fsck").out, "")
        self.store.ok("start", "victim", "--wait", "ssh")
        self.assertEqual(self.ssh(instance, "cat /root/kept").strip(), "kept")
        self.store.ok("stop", instance)
        self.layer_of("volume", self.instance(instance)["BlockDeviceMappings"][1]["Ebs"]["VolumeId"]).unlink()
        self.store.ok("terminate", instance)  # what is broken can be got rid of
        self.assert_clean()

    def test_a_lost_key(self):
        instance = self.launch("--name", "vault", "--map", "/dev/sda1=::::::encrypted")
        volume = self.instance(instance)["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
        self.ssh(instance, "echo kept > /root/kept; sync")
        self.store.ok("stop", instance)
        self.store.ok("fsck")
        (key,) = [p for p in self.store.region.rglob("*key*") if p.is_file()]
        safe = self.store.folder / "safe"
        key.rename(safe)
        strange = self.store.region / "disks" / "precious.txt"
        strange.write_text("mine")
        for words in (("fsck",), ("fsck", "--deep"), ("fsck", "--repair")):
            with self.subTest(words=words):
                found = self.store.run(*words)
                self.assertEqual(found.status, 1, found)
                for word in (str(key), self.layer_of("volume", volume).stem, volume, "precious.txt"):  # it goes on to the rest
                    self.assertIn(word, found.out)
        strange.unlink()
        self.refused_untouched(1, "StoreCorrupt", "volume", "create", "--size", 1, "--encrypted", says=[key])
        self.assertFalse(key.exists(), "a new key in the place of a lost one is worse than none")
        refused = self.store.run("start", "vault")
        self.assertEqual((refused.status, str(key) in refused.err), (1, True), refused)
        self.assertEqual(self.instance("vault")["State"]["Name"], "stopped")
        self.assertFalse(key.exists())
        self.store.ok("volume", "delete", self.store.ok("volume", "create", "--size", 1).out.strip())  # others need no key
        safe.rename(key)
        self.assertEqual(self.store.ok("fsck").out, "")
        self.store.ok("start", "vault", "--wait", "ssh")
        self.assertEqual(self.ssh(instance, "cat /root/kept").strip(), "kept")
        self.store.ok("terminate", instance)
        self.assert_clean()

    def test_fsck_beside_those_who_work(self):
        """What others are in the middle of is no fault."""
        rounds = 3
        wrong = []

        def work(number):
            name = f"v{number}"
            for _ in range(0 if wrong else rounds):
                for words in (("volume", "create", "--size", "1", "--name", name), ("snapshot", "create", name, "--name", name),
                              ("volume", "resize", name, "2"), ("volume", "delete", name), ("snapshot", "delete", name)):
                    result = self.store.run(*words)
                    if result.status != 0:
                        wrong.append((words, result))

        workers = [threading.Thread(target=work, args=(n,)) for n in range(3)]
        for worker in workers:
            worker.start()
        checks = 0
        while (checks <= 5 or any(worker.is_alive() for worker in workers)) and not wrong:
            for words in (("fsck",), ("fsck", "--deep")):
                result = self.store.run(*words, "-o", "json")
                checks += 1
                if result.status != 0 or result.json["Faults"]:
                    wrong.append((words, result))
        for worker in workers:
            worker.join()
        self.assertEqual(wrong, [])
        self.assertGreater(checks, 5)
        self.assertEqual(self.store.ok("fsck", "-o", "json").json["Faults"], [])
        self.assert_clean()


class InstanceStore(GuestCase):
    def test_a_root_that_dies_with_its_instance(self):
        manifest = self.store.folder / "image.yaml"
        manifest.write_text(f"name: shortlived\nrootDeviceType: instance-store\narchitecture: x86_64\nbootMode: legacy-bios\nsource: {{file: {TINY}}}\n")
        image = self.store.ok("image", "register", "-f", manifest, "--no-inspect").out.strip()
        self.assertEqual(self.store.ok("image", "show", image, "-o", "json").json["Images"][0]["RootDeviceType"], "instance-store")
        instance = self.launch(image="shortlived")
        self.assertEqual(self.instance(instance)["RootDeviceType"], "instance-store")
        self.assertEqual(self.store.ok("volume", "list", "-o", "id").lines, [])
        self.refused(1, "UnsupportedOperation", "stop", instance)
        self.refused(1, "UnsupportedOperation", "snapshot", "create", "--instance", instance)
        self.assertEqual(virsh("domstate", instance).strip(), "running")
        # A volume of one's own outlives it.
        volume = self.store.ok("volume", "create", "--size", "1").out.strip()
        self.store.ok("volume", "attach", volume, instance)
        self.ssh(instance, "poweroff", check=False)
        wait_until(lambda: virsh("domstate", instance, check=False).strip() in ("shut off", ""), 60, "the guest is off")
        self.store.ok("ps")
        self.assertEqual(self.instance(instance)["State"]["Name"], "terminated")
        self.assertEqual(self.store.ok("volume", "list", "-o", "id").lines, [volume])
        self.store.ok("volume", "delete", volume)
        self.assert_clean()


if __name__ == "__main__":
    main()
