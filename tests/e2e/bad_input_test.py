"""Every input has a bad form: a clear message, the right exit status, and the store as it was."""

import contextlib
import gzip
import http.server
import os
import pathlib
import sqlite3
import subprocess
import threading

from harness import Case, Store, TINY, main, need


def qemu_img(*words):
    subprocess.run(["qemu-img", *map(str, words)], check=True, capture_output=True)


class BadInput(Case):
    def setUp(self):
        super().setUp()
        self.store.ok("ps")
        self.folder = self.store.folder

    def file(self, name, content=b""):
        path = self.folder / name
        path.write_bytes(content)
        return path

    def refused(self, status, *words, says=(), **environment):
        """Fails with `status`, says all of `says` in lines that begin as errors do, and leaves no trace."""
        before = self.store.state()
        result = self.store.run(*words, **environment)
        self.assertEqual(result.status, status, result)
        self.assertEqual(result.out, "", "stdout is data")
        self.assertRegex(result.err, r"(?m)^amivirt: ")
        for text in says:
            self.assertIn(str(text), result.err)
        self.assertEqual(self.store.state(), before)
        self.assert_clean()
        return result

    def import_refused(self, path, *says, status=2, words=()):
        return self.refused(status, "image", "import", path, "--name", "bad", "--no-inspect", *words, says=[pathlib.Path(path).name, *says])

    # Files that are no disks.
    def test_missing(self):
        self.import_refused(self.folder / "no-such.qcow2", "There is no file", status=1)

    def test_directory(self):
        (self.folder / "folder.qcow2").mkdir()
        self.import_refused(self.folder / "folder.qcow2", "directory", status=1)

    def test_unreadable(self):
        if os.geteuid() == 0:
            self.skipTest("root may read everything")
        path = self.file("secret.qcow2", b"QFI\xfb")
        path.chmod(0)
        self.import_refused(path, "Permission denied", status=1)

    def test_empty(self):
        self.import_refused(self.file("empty.qcow2"), "empty")

    def test_text(self):
        self.import_refused(self.file("text.qcow2", b"Dear disk,\nI am but a letter.\n" * 100), "text")

    def test_truncated(self):
        need(TINY, "the tiny image")
        content = pathlib.Path(TINY).read_bytes()
        for size in (3, 60, 70000, len(content) // 2):
            with self.subTest(size=size):
                self.import_refused(self.file("cut.qcow2", content[:size]), "InvalidDiskImage")

    def test_truncated_compression(self):
        whole = gzip.compress(os.urandom(1 << 20))
        self.import_refused(self.file("cut.raw.gz", whole[: len(whole) // 2]))

    # Disks that reach outside of themselves.
    def test_qcow2_with_a_backing_file(self):
        base = self.file("base.raw", bytes(1 << 20))
        qemu_img("create", "-f", "qcow2", "-b", base, "-F", "raw", self.folder / "over.qcow2")
        self.import_refused(self.folder / "over.qcow2", "backing file")

    def test_qcow2_with_a_data_file(self):
        qemu_img("create", "-f", "qcow2", "-o", f"data_file={self.folder}/data.raw,data_file_raw=on", self.folder / "ext.qcow2", "1M")
        self.import_refused(self.folder / "ext.qcow2", "data file")

    def test_vmdk_with_an_outside_extent(self):
        text = '# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\ncreateType="monolithicFlat"\nRW 2048 FLAT "/etc/passwd" 0\n'
        self.import_refused(self.file("flat.vmdk", text.encode()), "other files")

    def test_sparse_bomb(self):
        path = self.folder / "bomb.qcow2"
        qemu_img("create", "-f", "qcow2", "-o", "cluster_size=2M", path, "100T")
        self.import_refused(path, "100", "TiB")
        raw = self.folder / "bomb.raw"
        with open(raw, "wb") as file:
            try:
                file.truncate(100 << 40)
            except OSError:
                return  # this file system cannot hold it; the qcow2 has been tried
        self.import_refused(raw, "TiB")

    def test_wrong_checksum(self):
        need(TINY, "the tiny image")
        result = self.import_refused(TINY, "ChecksumMismatch", status=1, words=("--sha256", "0" * 64))
        self.assertIn("0" * 64, result.err)
        self.refused(2, "image", "import", TINY, "--name", "bad", "--sha256", "nonsense", says=["nonsense"])

    # Names and words.
    def test_names(self):
        need(TINY, "the tiny image")
        self.store.import_tiny()
        self.refused(2, "image", "import", TINY, "--name", "tiny", "--no-inspect", says=["tiny", "InvalidAMIName.Duplicate"])
        for name in ("ab", "x" * 129, "no;semicolon", "new\nline", ""):
            with self.subTest(name=name):
                self.refused(2, "image", "import", TINY, "--name", name, "--no-inspect")
        self.refused(2, "image", "import", TINY, says=["--name"])

    def test_unknown_image_type_instance(self):
        self.store.import_quiet("debian-12")
        result = self.refused(3, "run", "debain-12", says=['image "debain-12" not found (InvalidAMIID.NotFound)', "debian-12"])
        self.assertEqual(len(result.err.strip().splitlines()), 2, result)
        self.refused(2, "run", "debian-12", "--type", "t3.nanoo", says=["t3.nanoo", "t3.nano"])
        self.refused(2, "run", "ami-123", says=["InvalidAMIID.Malformed", "ami-123"])
        self.refused(3, "run", "ami-" + "0" * 17, says=["InvalidAMIID.NotFound"])
        for verb in ("stop", "start", "reboot", "terminate", "console"):
            self.refused(3, verb, "i-" + "0" * 17, says=["InvalidInstanceID.NotFound"])
        self.refused(2, "terminate", "i-xyz", says=["InvalidInstanceID.Malformed"])

    def test_several_ids_one_bad(self):
        self.store.import_quiet("tiny")
        good = self.store.ok("run", "tiny", "--type", "t2.nano", "-o", "id").out.strip()
        result = self.store.run("terminate", "nobody", good)
        self.assertEqual(result.status, 3, result)
        self.assertEqual(result.lines, [good])
        self.assert_clean()

    def test_usage(self):
        self.store.import_quiet("tiny")
        for words, says in ((("rnu", "tiny"), "run"), (("image", "lst"), "list"), (("ps", "-o", "jsn"), "json"), (("run",), "IMAGE"),
                            (("run", "tiny", "-n", "0"), "0"), (("run", "tiny", "-n", "-3"), "-3"), (("run", "tiny", "-n", "many"), "many"),
                            (("run", "tiny", "-n", "1e9"), "1e9"), (("run", "tiny", "-n", "101"), "101"), (("run", "tiny", "-p", "99999:22"), "99999"),
                            (("run", "tiny", "--map", "/dev/sdb"), "/dev/sdb"), (("run", "tiny", "--map", "/dev/sdb=:0"), '"/dev/sdb", 0 GiB'),
                            (("run", "tiny", "--wait", "tea"), "tea"), (("ps", "--filter", "Name=nonsense,Values=x"), "nonsense"),
                            (("run", "tiny", "--user-data", "/no/such"), "/no/such"), (("--account", "12", "ps"), "12"),
                            (("--accel", "warp", "ps"), "warp"), (("--region", "nowhere", "ps"), "nowhere")):
            with self.subTest(words=words):
                result = self.refused(2, *words)
                self.assertIn(says, result.err)

    def test_user_data(self):
        """What cloud-init would ignore is warned of before anything is launched; what is too large is refused."""
        self.store.import_quiet("tiny")
        for content, says in ((b"\xff\xfe#!/bin/sh\n", "neither UTF-8 text nor gzip"), (b"echo hello\n", "will ignore them"),
                              (b"#cloud-config\na: b: c\n", "line 2, column"),
                              (b"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/cloud-config\n\n[1]\n--x--\n",
                               "no mapping")):
            with self.subTest(content=content):
                before = self.store.state()
                dry = self.store.ok("run", "tiny", "--user-data", self.file("user-data", content), "--dry-run")
                self.assertIn(says, dry.err)
                self.assertEqual(self.store.state(), before)
        large = self.file("user-data", b"#!/bin/sh\n" + bytes(16375))
        self.refused(2, "run", "tiny", "--user-data", large, "--dry-run", says=["--user-data-large"])
        self.store.ok("run", "tiny", "--user-data", large, "--user-data-large", "--dry-run")

    def test_wrong_architecture(self):
        self.store.import_quiet("arm", "--arch", "arm64")
        self.refused(1, "run", "arm", says=["arm64", "x86_64"])

    def test_a_fixed_port_that_is_taken(self):
        self.store.import_quiet("tiny")
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
            self.refused(2, "run", "tiny", "-p", f"{server.server_port}:80", says=[server.server_port])

    # Manifests.
    def test_manifest_with_five_faults(self):
        path = self.file("image.yaml", b"name: x\narchitecture: sparc\nbootMode: magic\nsource: {file: a, url: b}\ncolour: blue\n"
                                       b"blockDeviceMappings:\n  - deviceName: /dev/sdb\n    ebs: {volumeSize: many}\n")
        result = self.refused(2, "image", "register", "-f", path)
        for line, field in ((1, "name"), (2, "architecture"), (3, "bootMode"), (4, "source"), (5, "colour"), (8, "volumeSize")):
            self.assertRegex(result.err, rf"image\.yaml:{line}:.*{field}")
        self.refused(2, "image", "register", "-f", self.file("broken.yaml", b"name: [unclosed\n"), says=["broken.yaml"])
        self.refused(2, "image", "register", "-f", self.folder / "none.yaml", says=["none.yaml"])

    def test_manifest_works(self):
        need(TINY, "the tiny image")
        path = self.file("image.yaml", f"name: from-manifest\ndescription: a test\nsource: {{file: {TINY}}}\nlaunchPermissions: [all]\n"
                                       "tags: {os: tiny}\nblockDeviceMappings:\n  - deviceName: /dev/sda1\n    ebs: {volumeSize: 2}\n".encode())
        image = self.store.ok("image", "register", "-f", path, "--no-inspect").out.strip()
        shown = self.store.ok("image", "show", image, "-o", "json").json["Images"][0]
        self.assertTrue(shown["Public"])
        self.assertEqual(shown["BlockDeviceMappings"][0]["Ebs"]["VolumeSize"], 2)
        self.assertEqual(shown["Tags"], [{"Key": "os", "Value": "tiny"}])
        self.assert_clean()

    # The host.
    def test_libvirt_down(self):
        self.store.import_quiet("tiny")
        for words in (("run", "tiny"),):
            result = self.refused(7, "-c", f"qemu+unix:///system?socket={self.folder}/no-such-sock", *words, says=["no-such-sock"])
            self.assertIn("doctor", result.err)
        doctor = self.store.run("-c", f"qemu+unix:///system?socket={self.folder}/no-such-sock", "doctor")
        self.assertEqual(doctor.status, 7, doctor)
        self.assertIn("libvirt", doctor.out)

    @contextlib.contextmanager
    def small_home(self, size):
        """A home on a file system of its own, that can be filled."""
        if os.geteuid() != 0:
            self.skipTest("mounting a small tmpfs needs root")
        home = self.folder / "small"
        home.mkdir(mode=0o711)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=711", "tmpfs", home], capture_output=True, check=False)
        if mounted.returncode:
            self.skipTest(f"cannot mount a tmpfs: {mounted.stderr}")
        try:
            yield home
        finally:
            subprocess.run(["umount", "-l", home], check=True)

    def test_disk_full(self):
        need(TINY, "the tiny image")
        with self.small_home("8m") as home:
            result = self.store.run("--home", home, "image", "import", TINY, "--name", "tiny", "--no-inspect")
            self.assertEqual(result.status, 1, result)
            self.assertIn("No space left on device", result.err)
            self.assertIn("StoreFull", result.err)
            self.assertEqual([p for p in (home / "regions/local/disks").rglob("*")], [])
            self.assertEqual([p for p in (home / "regions/local/staging").rglob("*")], [])
            self.assertEqual(self.store.ok("--home", home, "image", "list", "-o", "id").out, "")

    def test_disk_full_at_create_and_deregister(self):
        """With every amount of room too small for it: the old state or the new one."""
        need(TINY, "the tiny image")
        with self.small_home("96m") as home:
            store = Store(home)
            filler = home / "filler"

            def fill(room):
                free = os.statvfs(home).f_bavail * os.statvfs(home).f_frsize
                with open(filler, "wb") as file:
                    os.posix_fallocate(file.fileno(), 0, max(1, free - room * 1024))

            def images():
                return set(store.ok("image", "list", "-o", "id").lines)

            try:
                store.import_quiet()
                instance = store.ok("run", "quiet", "--type", "t2.nano", "-o", "id").out.strip()
                store.ok("stop", instance, "--force")
                statuses = set()
                kept = set()
                for room in (0, 4, 8, 16, 32, 64, 128, 256, 1024):
                    with self.subTest(kib=room):
                        before = images()
                        fill(room)
                        made = store.run("image", "create", instance, "--name", f"made-{room}")
                        filler.unlink()
                        statuses.add(made.status)
                        self.assertEqual((made.status, "StoreFull" in made.err), (1, True) if made.status else (0, False), made)
                        self.assertEqual(images() - before, set(made.lines))
                        self.assertEqual(store.leaks(), [])
                        victim = store.ok("image", "create", instance, "--name", f"victim-{room}").out.strip()
                        fill(room)
                        gone = store.run("image", "deregister", victim, "--delete-snapshots")
                        filler.unlink()
                        self.assertEqual((gone.status, "StoreFull" in gone.err), (1, True) if gone.status else (0, False), gone)
                        self.assertEqual(victim in images(), gone.status == 1)
                        kept.add(gone.status)
                        self.assertEqual(store.leaks(), [])
                for found in (statuses, kept):
                    self.assertEqual(found, {0, 1}, "some of these rooms suffice, and some do not")
                store.ok("start", instance)
                store.ok("terminate", instance)
                self.assertEqual(store.leaks(), [])
            finally:
                store.close()

    def test_store_not_writable(self):
        self.refused(1, "--home", "/proc/nowhere", "ps", says=["/proc/nowhere"])

    def test_catalog_of_a_newer_amivirt(self):
        with sqlite3.connect(self.store.region / "catalog.db") as catalog:
            version = catalog.execute("PRAGMA user_version").fetchone()[0]
            catalog.execute(f"PRAGMA user_version = {version + 1}")
        result = self.store.run("ps")
        self.assertNotEqual(result.status, 0)
        self.assertIn("newer", result.err)
        with sqlite3.connect(self.store.region / "catalog.db") as catalog:
            catalog.execute(f"PRAGMA user_version = {version}")

    def test_every_format_comes_in(self):
        """And what is good is not refused: each format, each compression, all the same to the guest."""
        need(TINY, "the tiny image")
        for form, options in (("raw", ()), ("vmdk", ("-o", "subformat=streamOptimized")), ("vpc", ("-o", "force_size=on")), ("vhdx", ()), ("vdi", ())):
            with self.subTest(format=form):
                path = self.folder / f"tiny.{form}"
                qemu_img("convert", "-O", form, *options, TINY, path)
                self.store.ok("image", "import", path, "--name", f"tiny-{form}", "--no-inspect")
        for tool, ending in (("gzip", "gz"), ("xz", "xz"), ("zstd", "zst")):
            with self.subTest(compression=tool):
                path = self.folder / f"tiny.qcow2.{ending}"
                with open(path, "wb") as out:
                    subprocess.run([tool, "-1", "-c", TINY], stdout=out, check=True)
                self.store.ok("image", "import", path, "--name", f"tiny-{ending}", "--no-inspect")
        for (file,) in self.store.rows("SELECT id FROM layer"):
            qemu_img("compare", "-f", "qcow2", "-F", "qcow2", TINY, self.store.region / "disks" / f"{file}.qcow2")
        # The three compressed ones are the same bytes once unpacked.
        self.assertEqual(len(self.store.files("disks")), 6)
        self.assert_clean()


class Server(http.server.BaseHTTPRequestHandler):
    """Serves TINY; may break off after a number of bytes, once."""

    protocol_version = "HTTP/1.1"
    content = b""
    break_after = None
    ranges = []

    def do_GET(self):
        begin = 0
        header = self.headers.get("Range")
        Server.ranges.append(header)
        if self.path != "/tiny.qcow2":
            self.send_error(404)
            return
        if header:
            begin = int(header.split("=")[1].split("-")[0])
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {begin}-{len(self.content) - 1}/{len(self.content)}")
        else:
            self.send_response(200)
        self.send_header("ETag", '"one"')
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(self.content) - begin))
        self.end_headers()
        body = self.content[begin:]
        if Server.break_after is not None:
            body, Server.break_after = body[: Server.break_after], None
            self.wfile.write(body)
            self.close_connection = True
            return
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Urls(Case):
    def setUp(self):
        super().setUp()
        need(TINY, "the tiny image")
        Server.content = pathlib.Path(TINY).read_bytes()
        Server.ranges = []
        Server.break_after = None
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.url = f"http://127.0.0.1:{server.server_port}/tiny.qcow2"
        self.store.ok("ps")

    def test_download(self):
        self.store.ok("image", "import", self.url, "--name", "far", "--no-inspect")
        qemu_img("compare", "-f", "qcow2", "-F", "qcow2", TINY, self.store.region / "disks" / self.store.files("disks")[0])
        self.assert_clean()

    def test_broken_connection_is_resumed(self):
        Server.break_after = 3 << 20
        self.store.ok("image", "import", self.url, "--name", "far", "--no-inspect")
        self.assertIn("bytes=", str(Server.ranges[1]))
        qemu_img("compare", "-f", "qcow2", "-F", "qcow2", TINY, self.store.region / "disks" / self.store.files("disks")[0])
        self.assert_clean()

    def test_not_found(self):
        result = self.store.run("image", "import", self.url + ".no", "--name", "far", "--no-inspect")
        self.assertEqual(result.status, 1, result)
        self.assertIn("404", result.err)
        self.assertIn(self.url, result.err)
        self.assert_clean()

    def test_wrong_checksum(self):
        result = self.store.run("image", "import", self.url, "--name", "far", "--no-inspect", "--sha256", "0" * 64)
        self.assertEqual(result.status, 1, result)
        self.assertIn("ChecksumMismatch", result.err)
        self.assertEqual(self.store.files("downloads"), [])
        self.assert_clean()


if __name__ == "__main__":
    main()
