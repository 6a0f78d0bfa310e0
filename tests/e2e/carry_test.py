"""Images on their way: from region to region, out into files, and back in on another machine; killed at each step; and bad bundles."""

import io
import json
import os
import pathlib
import shutil
import sqlite3
import subprocess
import tarfile
import tempfile
import unittest

from harness import Case, GuestCase, Store, main
from kill_walk import Walk


SKIP = ("catalog.",)  # how a transaction dies is tested where there is little else to see


class RegionOf(Store):
    """Another region of the same home."""

    def __init__(self, store, name):
        self.__dict__.update(store.__dict__)
        self.region = store.home / "regions" / name
        self.marked = {}
        self.environment = {**store.environment, "AMIVIRT_REGION": name}


class Carrying:
    """For a Case: a second region, and files."""

    def setUp(self):
        super().setUp()
        config = self.store.folder / "config/amivirt/config.yaml"
        config.parent.mkdir(parents=True)
        config.write_text("defaultRegion: local\nregions: {local: {}, far: {}, apart: {}}\n")
        self.far = RegionOf(self.store, "far")
        self.apart = RegionOf(self.store, "apart")
        self.out = self.store.folder / "out"
        self.out.mkdir()

    def assert_all_clean(self):
        self.assert_clean()
        self.assertEqual(self.far.leaks(), [])
        self.assertEqual(self.apart.leaks(), [])

    def put_apart(self):
        """The region "apart" on another file system."""
        if not os.access("/dev/shm", os.W_OK):
            self.skipTest("/dev/shm is not there")
        place = tempfile.mkdtemp(prefix="amivirt-e2e.", dir="/dev/shm")
        self.addCleanup(shutil.rmtree, place, ignore_errors=True)
        if os.stat(place).st_dev == os.stat(self.store.folder).st_dev:
            self.skipTest("/dev/shm is no file system of its own")
        self.apart.region.parent.mkdir(parents=True, exist_ok=True)
        self.apart.region.symlink_to(place)

    def layers(self, store, image):
        """Files of the image's top layers, in order of its devices."""
        rows = store.rows("SELECT layer FROM image_block_device JOIN snapshot ON snapshot.id = image_block_device.snapshot "
                          "WHERE image = ? ORDER BY image_block_device.position", image)
        return [store.region / "disks" / f"{layer}.qcow2" for layer, in rows]

    def assert_same_disk(self, one, other, form="qcow2"):
        """Guests see the same bytes, of disks of the same size."""
        sizes = {json.loads(subprocess.run(["qemu-img", "info", "--output=json", "-f", f, d], capture_output=True, check=True).stdout)["virtual-size"]
                 for f, d in (("qcow2", one), (form, other))}
        self.assertEqual(len(sizes), 1, sizes)
        result = subprocess.run(["qemu-img", "compare", "-f", "qcow2", "-F", form, one, other], capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 0, f"{one} {other}: {result.stdout}{result.stderr}")

    def small_image(self, name="small"):
        """A few MiB, no system."""
        disk = self.store.folder / "small.raw"
        if not disk.exists():
            disk.write_bytes(os.urandom(1 << 20) + bytes(2 << 20) + os.urandom(1 << 20))
        return self.store.ok("image", "import", disk, "--name", name, "--no-inspect").out.strip()

    def two_volumes(self, name="two"):
        """The small image, and one whose second volume is its disk."""
        snapshot = self.store.ok("image", "show", self.small_image(), "-o", "json").json["Images"][0]["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
        disk = self.store.folder / "root.raw"
        disk.write_bytes(bytes(1 << 20) + os.urandom(2 << 20))
        manifest = self.store.folder / "two.yaml"
        manifest.write_text(f"name: {name}\nsource: {{file: {disk}}}\nbootMode: uefi\nblockDeviceMappings:\n"
                            f"  - deviceName: /dev/sdf\n    ebs: {{snapshotId: {snapshot}, volumeSize: 2}}\n")
        return self.store.ok("image", "register", "-f", manifest, "--no-inspect").out.strip()

    def signing_key(self, name):
        for path in (self.out / f"{name}.pem", self.out / f"{name}.pub.pem"):
            if path.suffixes == [".pem"]:
                subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", path], check=True)
            else:
                subprocess.run(["openssl", "pkey", "-in", self.out / f"{name}.pem", "-pubout", "-out", path], check=True)
        return self.out / f"{name}.pem", self.out / f"{name}.pub.pem"


class ThereAndBack(Carrying, GuestCase):
    def test_all_ways_lead_to_the_same_machine(self):
        store, far = self.store, self.far
        tiny = store.import_tiny("tiny", "--tag", "team=lab")

        # To another region: the same layers, without taking space, and then without the source.
        copy = store.ok("image", "copy", "tiny", "--to", "far", "--copy-tags", "--client-token", "one").out.strip()
        self.assertEqual(store.ok("image", "copy", "tiny", "--to", "far", "--copy-tags", "--client-token", "one").out.strip(), copy)
        self.refused(2, "IdempotentParameterMismatch", "image", "copy", "tiny", "--to", "far", "--name", "another", "--client-token", "one")
        shown = far.ok("image", "show", copy, "-o", "json").json["Images"][0]
        self.assertEqual((shown["SourceImageId"], shown["SourceImageRegion"], shown["Tags"]), (tiny, "local", [{"Key": "team", "Value": "lab"}]))
        one, other = self.layers(store, tiny)[0], self.layers(far, copy)[0]
        self.assertEqual(one.name, other.name)
        self.assertTrue(os.path.samefile(one, other) or other.stat().st_mtime > one.stat().st_mtime, "neither linked nor cloned")
        store.ok("image", "deregister", "tiny", "--delete-snapshots")
        self.assertEqual(store.files("disks"), [])
        self.assert_all_clean()

        # A real guest there, whose disk becomes the image's.
        self.store = far
        instance = self.launch("--name", "there")
        self.ssh(instance, "echo carried > /root/proof; sync")
        far.ok("stop", instance)
        snapshot = far.ok("snapshot", "create", "--instance", instance).out.strip()
        far.ok("terminate", instance)
        # What an image of the instance would be.
        with sqlite3.connect(far.region / "catalog.db") as catalog:
            catalog.execute("UPDATE image_block_device SET snapshot = ? WHERE image = ?", (snapshot, copy))
        catalog.close()
        top = self.layers(far, copy)[0]

        # Out as disks.
        for form, driver in (("qcow2", "qcow2"), ("raw", "raw"), ("vmdk", "vmdk"), ("vhd", "vpc")):
            file = self.out / f"disk.{form}"
            made = far.ok("image", "export", "tiny", file, "--format", form)
            self.assertEqual(made.out.strip(), str(file))
            self.assert_same_disk(top, file, driver)
            self.assertLess(file.stat().st_blocks * 512, 100 << 20, "sparse")
            file.unlink()

        # Out as an OVA and back.
        ova = self.out / "tiny.ova"
        far.ok("image", "export", "tiny", ova, "--format", "ova")
        again = far.ok("image", "import", ova, "--name", "from-ova", "--no-inspect")
        self.assertIn("--type t3.small", again.err)
        self.assert_same_disk(top, self.layers(far, again.out.strip())[0])

        # Out as a signed bundle, and back on another machine, where a guest finds what was written.
        key, public = self.signing_key("anna")
        bundle = self.out / "tiny.ami.zst"
        stored = far.ok("image", "store", "tiny", bundle, "--sign", key, "-o", "json").json
        self.assertEqual((stored["ObjectKey"], stored["AmiId"]), (str(bundle), copy))
        self.assert_all_clean()
        elsewhere = Store()
        self.addCleanup(elsewhere.close)
        self.store = elsewhere
        elsewhere.ok("signer", "demand", "yes")
        self.refused_untouched(4, "OperationNotPermitted", "image", "restore", bundle)
        elsewhere.ok("signer", "trust", public, "--name", "anna")
        image = elsewhere.ok("image", "restore", bundle, "--name", "from-afar").out.strip()
        shown = elsewhere.ok("image", "show", image, "-o", "json").json["Images"][0]
        self.assertNotEqual(image, copy)
        self.assertEqual((shown["SourceImageId"], shown["Tags"], shown["Signer"]),
                         (copy, [{"Key": "team", "Value": "lab"}], elsewhere.ok("signer", "list", "-o", "id").out.strip()))
        self.assert_same_disk(top, self.layers(elsewhere, image)[0])
        instance = self.launch("--name", "back", image="from-afar")
        self.assertEqual(self.ssh(instance, "cat /root/proof").strip(), "carried")
        elsewhere.ok("terminate", instance)
        elsewhere.ok("signer", "distrust", "anna")
        self.refused(4, "OperationNotPermitted", "run", "from-afar")
        self.assert_clean()


class Volumes(Carrying, Case):
    def test_all_of_them_there_and_back(self):
        image = self.two_volumes()
        disks = self.layers(self.store, image)
        self.assertEqual(len(disks), 2)
        ova, bundle = self.out / "two.ova", self.out / "two.ami.zst"
        self.store.ok("image", "export", "two", ova, "--format", "ova")
        self.store.ok("image", "store", "two", bundle)
        back = (self.store.ok("image", "import", ova, "--name", "from-ova", "--no-inspect").out.strip(),
                self.store.ok("image", "restore", bundle, "--name", "restored", "--region", "far").out.strip())
        for store, made in zip((self.store, self.far), back):
            with self.subTest(image=made):
                shown = store.ok("image", "show", made, "-o", "json").json["Images"][0]
                self.assertEqual((shown["BootMode"], len(shown["BlockDeviceMappings"])), ("uefi", 2))
                for one, other in zip(disks, self.layers(store, made), strict=True):
                    self.assert_same_disk(one, other)
        self.assertEqual(self.far.ok("image", "show", back[1], "-o", "json").json["Images"][0]["BlockDeviceMappings"][1]["Ebs"]["VolumeSize"], 2)
        file = self.out / "second.raw"
        self.store.ok("image", "export", "two", file, "--format", "raw", "--device", "/dev/sdf")
        self.assert_same_disk(disks[1], file, "raw")
        self.assert_all_clean()


class Copies(Carrying, GuestCase):
    def test_between_file_systems(self):
        self.put_apart()
        image = self.small_image()
        copy = self.store.ok("image", "copy", "small", "--to", "apart").out.strip()
        self.assert_same_disk(self.layers(self.store, image)[0], self.layers(self.apart, copy)[0])
        checksum = self.apart.rows("SELECT seal_sha256 FROM layer")[0][0]
        self.assertEqual(len(checksum), 64)
        # Its layer is there already: nothing to copy.
        self.store.ok("image", "copy", "small", "--to", "apart", "--name", "second")
        self.assertEqual(len(self.apart.files("disks")), 1)
        self.assertEqual(self.apart.run("fsck", "--deep").status, 0)
        self.assert_all_clean()

    def test_encrypted(self):
        self.small_image()
        self.store.ok("image", "copy", "small", "--name", "secret", "--encrypted")
        self.refused_untouched(2, "InvalidParameterCombination", "image", "copy", "secret", "--to", "far", "--no-encrypted")
        self.refused_untouched(1, "UnsupportedOperation", "image", "export", "secret", self.out / "x", "--format", "raw")
        self.refused_untouched(1, "UnsupportedOperation", "image", "store", "secret", self.out / "x")
        copy = self.store.ok("image", "copy", "secret", "--to", "far").out.strip()
        layer = self.layers(self.far, copy)[0]
        key = self.far.region / "layers.key"
        self.assertNotEqual(key.read_text(), (self.store.region / "layers.key").read_text())
        disk = self.store.folder / "small.raw"
        plain = self.out / "plain.raw"
        subprocess.run(["qemu-img", "convert", "--object", f"secret,id=k,file={key}", "--image-opts",
                        f"driver=qcow2,file.filename={layer},encrypt.format=luks,encrypt.key-secret=k", "-O", "raw", plain], check=True)
        self.assertEqual(plain.read_bytes(), disk.read_bytes())
        self.assertEqual(os.listdir(self.out), ["plain.raw"])
        self.assert_all_clean()

    def test_refused(self):
        self.small_image()
        for status, code, words in (
            (2, "InvalidParameterValue", ("--to", "nowhere")),
            (2, "InvalidAMIName.Duplicate", ()),
            (2, "InvalidAMIName.Malformed", ("--name", "x")),
        ):
            with self.subTest(words=words):
                self.refused_untouched(status, code, "image", "copy", "small", *words)
        self.assertEqual(self.store.run("image", "copy", "small", "--encrypted", "--no-encrypted").status, 2)
        self.refused_untouched(3, "InvalidAMIID.NotFound", "image", "copy", "smal", "--to", "far", says=("small",))
        self.refused_untouched(4, "AuthFailure", "image", "export", self.shared(), self.out / "x", "--format", "raw", "--account", "111122223333")
        self.assertEqual(os.listdir(self.out), [])

    def shared(self):
        disk = self.store.folder / "small.raw"
        return self.store.ok("image", "import", disk, "--name", "shared", "--no-inspect", "--public").out.strip()


class Killed(Carrying, Walk, Case):
    def drop(self, store, image_name):
        ids = store.ok("image", "list", "--filter", f"Name=name,Values={image_name}", "-o", "id").lines
        if ids:
            store.ok("image", "deregister", *ids, "--delete-snapshots")

    def walk_copy(self, store):
        """After each kill: nothing half-made, and the same copy again comes to its end."""
        name = store.region.name
        self.small_image()
        store.ok("ps")
        command = ("image", "copy", "small", "--to", name)

        def check(_context, _point):
            store.ok("ps")
            self.assertEqual(store.leaks(), [])
            again = self.store.run(*command)
            self.assertTrue(again.status == 0 or "InvalidAMIName.Duplicate" in again.err, again)
            self.assertEqual(self.layers(store, store.ok("image", "list", "-o", "id").out.strip())[0].read_bytes(),
                             next((self.store.region / "disks").iterdir()).read_bytes())
        self.walk(lambda: None, lambda _: command, lambda _: self.drop(store, "small"), check, skip=SKIP)

    def test_copy(self):
        self.walk_copy(self.far)

    def test_copy_between_file_systems(self):
        self.put_apart()
        self.walk_copy(self.apart)

    def test_encrypted_copy_of_two_volumes(self):
        """Each is written anew; the steps that every copy has are killed above."""
        self.two_volumes()
        self.far.ok("ps")
        command = ("image", "copy", "two", "--to", "far", "--encrypted")

        def check(_context, point):
            self.far.ok("ps")
            self.assertEqual(self.far.leaks(), [])
            images = self.far.rows("SELECT state FROM image WHERE state != 'deregistered'")
            self.assertIn(images, ([], [("available",)]), point)
            self.assertEqual(len(self.far.files("disks")), 2 * len(images), point)
            self.assertEqual(self.far.rows("SELECT encrypted FROM snapshot"), [(1,)] * (2 * len(images)), point)

        self.walk(lambda: None, lambda _: command, lambda _: self.drop(self.far, "two"), check,
                  skip=(*SKIP, "operation.", "liveness.", "collect.", "files.", "region_key."))

    def assert_old_or_new(self, files, form):
        """All of them as they were, or all of them new."""
        def check(_context, point):
            self.assertEqual(sorted(os.listdir(self.out)), sorted(f.name for f in files))
            old = {f.read_bytes() == b"old" for f in files}
            self.assertEqual(len(old), 1, point)
            if old == {False} and form == "raw":
                self.assertEqual(files[0].read_bytes(), (self.store.folder / "small.raw").read_bytes())
            elif old == {False} and form == "bundle" and point == "operation.finished":
                self.store.ok("image", "restore", files[0], "--name", "check")
                self.drop(self.store, "check")
        return check

    def set_old(self, files):
        for file in files:
            file.write_bytes(b"old")

    def test_export(self):
        self.small_image()
        file = self.out / "disk.raw"
        self.walk(lambda: self.set_old([file]), lambda _: ("image", "export", "small", file, "--format", "raw", "--force"), lambda _: None,
                  self.assert_old_or_new([file], "raw"), skip=SKIP)

    def test_ova_of_two_volumes(self):
        """Each disk is written before the archive is."""
        self.two_volumes()
        file = self.out / "two.ova"
        self.walk(lambda: self.set_old([file]), lambda _: ("image", "export", "two", file, "--format", "ova", "--force"), lambda _: None,
                  self.assert_old_or_new([file], "ova"), skip=(*SKIP, "operation.", "liveness.", "collect."))

    def test_signed_store(self):
        self.small_image()
        key, public = self.signing_key("anna")
        self.store.ok("signer", "trust", public, "--name", "anna")
        key = key.rename(self.store.folder / "anna.pem")
        public.unlink()
        files = [self.out / "b.ami.zst", self.out / "b.ami.zst.sig"]
        self.walk(lambda: self.set_old(files), lambda _: ("image", "store", "small", files[0], "--sign", key, "--force"), lambda _: None,
                  self.assert_old_or_new(files, "bundle"), skip=SKIP)

    def test_restore(self):
        self.small_image()
        bundle = self.out / "b.ami.zst"
        self.store.ok("image", "store", "small", bundle)

        def check(_context, point):
            images = self.store.rows("SELECT state FROM image WHERE name = 'back' AND state != 'deregistered'")
            self.assertIn(images, ([], [("available",)]), point)
            self.assertEqual(len(self.store.files("disks")), 1 + len(images), point)
            self.assertEqual(len(self.store.rows("SELECT 1 FROM snapshot")), 1 + len(images), point)
        self.walk(lambda: None, lambda _: ("image", "restore", bundle, "--name", "back"), lambda _: self.drop(self.store, "back"), check,
                  skip=SKIP)


class BadFiles(Carrying, GuestCase):
    def test_bundles(self):
        self.small_image()
        bundle = self.out / "b.ami.zst"
        self.store.ok("image", "store", "small", bundle)
        whole = bundle.read_bytes()
        unpacked = subprocess.run(["zstd", "-dc", bundle], capture_output=True, check=True).stdout
        bad = self.out / "bad"

        def refused(status, code, content, *words, says=()):
            bad.write_bytes(content)
            self.refused_untouched(status, code, "image", "restore", bad, "--name", "bad", *words, says=says)

        def edited(name, change):
            out = io.BytesIO()
            with tarfile.open(fileobj=io.BytesIO(unpacked)) as source, tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as target:
                for member in source:
                    content = source.extractfile(member).read()
                    content = change(content) if member.name == name else content
                    member.size = len(content)
                    target.addfile(member, io.BytesIO(content))
            return subprocess.run(["zstd", "-qc"], input=out.getvalue(), capture_output=True, check=True).stdout

        for size in (0, 10, len(whole) // 2, len(whole) - 1):
            refused(2, "InvalidDiskImage", whole[:size])
        refused(1, "ChecksumMismatch", edited("volumes/0.qcow2", lambda b: b[:-1] + bytes([b[-1] ^ 1])))
        refused(1, "ChecksumMismatch", edited("manifest.json", lambda b: b.replace(b'"small"', b'"large"')))
        refused(1, "StoreTooNew", edited("manifest.json", lambda b: b.replace(b'"1.0"', b'"2.0"')), says=("2.0",))
        refused(2, "InvalidDiskImage", (self.store.folder / "small.raw").read_bytes())
        refused(4, "OperationNotPermitted", whole, "--require-signature", says=("not signed",))
        self.refused_untouched(1, "FetchFailed", "image", "restore", self.out / "none", says=("none",))
        self.refused_untouched(2, "InvalidAMIName.Duplicate", "image", "restore", bundle)

        # Signed by another, and signed for another.
        (anna, anna_public), (berta, _) = self.signing_key("anna"), self.signing_key("berta")
        self.store.ok("signer", "trust", anna_public, "--name", "anna")
        self.store.ok("image", "store", "small", self.out / "by-berta", "--sign", berta)
        self.refused_untouched(4, "OperationNotPermitted", "image", "restore", self.out / "by-berta", "--name", "bad", says=("does not trust",))
        self.store.ok("image", "store", "small", self.out / "by-anna", "--sign", anna)
        pathlib.Path(f"{bad}.sig").write_bytes((self.out / "by-anna.sig").read_bytes())
        refused(1, "ChecksumMismatch", edited("SHA256SUMS", lambda b: b), says=("not what was signed",))
        claimed = (self.out / "by-berta.sig").read_text().splitlines()
        true = (self.out / "by-anna.sig").read_text().splitlines()
        pathlib.Path(f"{bad}.sig").write_text("\n".join([*claimed[:2], true[2], claimed[3]]) + "\n")
        refused(1, "ChecksumMismatch", whole, says=("anna",))
        self.store.ok("image", "restore", self.out / "by-anna", "--name", "good", "--require-signature")
        self.assert_clean()

    def test_files_that_cannot_be_made(self):
        self.small_image()
        there = self.out / "there"
        there.write_text("mine")
        for status, code, file in ((2, "InvalidParameterValue", there), (1, "IOError", self.out / "no/x"), (1, "IOError", self.out)):
            self.refused_untouched(status, code, "image", "export", "small", file, "--format", "raw")
            self.refused_untouched(status, code, "image", "store", "small", file)
        self.refused_untouched(2, "InvalidParameterValue", "image", "export", "small", self.out / "x", "--format", "vmdx")
        self.refused_untouched(2, "InvalidParameterValue", "image", "export", "small", self.out / "x", "--format", "raw", "--device", "/dev/sdb")
        self.refused_untouched(2, "InvalidParameterValue", "image", "store", "small", self.out / "x", "--sign", there)
        self.refused_untouched(2, "InvalidParameterValue", "signer", "trust", there, "--name", "x")
        self.assertEqual(there.read_text(), "mine")
        self.assertEqual(os.listdir(self.out), ["there"])

    def on_small(self, place, size, leftovers, *words):
        """`image` with a file system of that size mounted at `place`; what it leaves there is on stdout after a line "left"."""
        script = f'mount -t tmpfs -o size={size}k none "$0" || exit 99; "$@"; status=$?; echo left; {leftovers}; exit $status'
        return subprocess.run(["unshare", "-m", "sh", "-c", script, place, os.environ.get("AMIVIRT", "build/ci/bin/amivirt"), "image",
                               *map(str, words)], env=self.store.environment, capture_output=True, text=True, check=False)

    def sweep(self, name, place, sizes, leftovers, whole, *words):
        """In every room it either comes about whole or leaves nothing; the smallest does not suffice, and the largest does."""
        statuses = []
        for size in sizes:
            with self.subTest(command=name, kib=size):
                result = self.on_small(place, size, leftovers, *words)
                left = result.stdout.partition("left\n")[2].split()
                statuses.append(result.returncode)
                self.assertEqual((result.returncode, "(StoreFull)" in result.stderr), (1, True) if result.returncode else (0, False), result)
                self.assertEqual(len(left), 0 if result.returncode else whole, result)
                self.assert_clean()
        self.assertEqual((statuses[0], statuses[-1]), (1, 0), name)

    @unittest.skipIf(os.geteuid() != 0, "only root may mount a small file system")
    def test_a_full_disk(self):
        self.small_image()
        bundle = self.store.folder / "b"
        self.store.ok("image", "store", "small", bundle)
        self.sweep("export", self.out, (8, 1024, 1536, 3072, 8192), 'ls -A "$0"', 1, "export", "small", self.out / "x", "--format", "raw")
        self.sweep("store", self.out, (8, 1024, 2048, 8192), 'ls -A "$0"', 1, "store", "small", self.out / "x")
        # A region on a small file system: what does not fit leaves nothing.
        self.apart.region.mkdir(parents=True)
        files = 'find "$0/disks" "$0/staging" "$0/downloads" "$0/locks" -type f'
        self.sweep("copy", self.apart.region, (1024, 1500, 2048, 2560, 16384), files, 1, "copy", "small", "--to", "apart")
        self.sweep("restore", self.apart.region, (1024, 1500, 2560, 3584, 5120, 16384), files, 1, "restore", bundle, "--region", "apart")


if __name__ == "__main__":
    main()
