"""kill -9 at each step: then any amivirt command, and nothing has leaked and nothing acknowledged is lost."""

import gzip
import os
import signal
import subprocess
import time

from harness import Case, boot_sector, main, virsh, wait_until
from kill_walk import Walk


class KillAtEachStep(Case, Walk):
    """Of guests that halt at once: nothing here looks into them, and each step has one or two of its own."""

    def drop_all(self, _context=None):
        ids = self.store.ok("ps", "-o", "id").lines
        if ids:
            self.store.ok("terminate", *ids)

    def test_import(self):
        copies = iter(range(1000))

        def prepare():
            # Different bytes each time, so that no import shares the layer of an earlier one.
            path = self.store.folder / f"disk{next(copies)}.raw"
            path.write_bytes(boot_sector() + os.urandom((2 << 20) - 512))
            return path

        def clean_up(path):
            self.store.run("image", "deregister", path.stem, "--delete-snapshots")
            path.unlink()

        def check(path, _point):
            images = self.store.ok("image", "list", "-o", "json").json["Images"]
            mine = [i for i in images if i["Name"] == path.stem]
            self.assertIn(len(mine), (0, 1))
            if mine:
                self.assertEqual(mine[0]["State"], "available")

        self.walk(prepare, lambda path: ("image", "import", path, "--name", path.stem, "--no-inspect"), clean_up, check)

    def test_import_of_a_compressed_file(self):
        packed = self.store.folder / "disk.raw.gz"
        packed.write_bytes(gzip.compress(boot_sector() + os.urandom((2 << 20) - 512), 1))
        self.walk(lambda: packed, lambda path: ("image", "import", path, "--name", "packed", "--no-inspect"),
                  lambda _: self.store.run("image", "deregister", "packed", "--delete-snapshots"))

    def import_and_make_the_key(self):
        """The first launch of a store makes its key pair, too, and so passes points that no other does (login_test walks those)."""
        self.store.import_quiet()
        self.store.ok("run", "quiet", "--type", "t2.nano")
        self.drop_all()

    def test_run(self):
        self.import_and_make_the_key()
        self.walk(lambda: None, lambda _: ("run", "quiet", "-n", "2", "--type", "t2.nano"), self.drop_all)

    def test_run_in_the_background(self):
        """The user has the ids already; the process that launches is killed; the next command launches them again."""
        self.import_and_make_the_key()
        launch = ("run", "quiet", "-n", "2", "--type", "t2.nano")
        points = self.points(*launch)
        self.drop_all()
        for name in ("run.volume", "run.started"):
            with self.subTest(point=name):
                launched = self.store.ok(*launch, "--no-wait", "-o", "id", AMIVIRT_FAULT_KILL_AT=str(points.index(name) + 1))
                self.assertEqual(len(launched.lines), 2)
                states = lambda: [i["State"]["Name"] for r in self.store.ok("ps", "-o", "json").json["Reservations"] for i in r["Instances"]]
                wait_until(lambda: states() == ["running"] * 2, 60, "it is killed, and recovered")
                self.assertEqual(sorted(self.store.ok("ps", "-o", "id").lines), sorted(launched.lines))
                self.assertEqual(sorted(self.store.domains()), sorted(launched.lines))
                self.drop_all()
                self.assert_clean()

    def test_stop(self):
        self.store.import_quiet()

        def check(instance, _point):
            # It was acknowledged by `run`: whatever became of the stop, the instance and its disk are there.
            state = self.store.ok("instance", "show", instance, "-o", "json").json["Reservations"][0]["Instances"][0]["State"]["Name"]
            self.assertIn(state, ("running", "stopped"))

        self.walk(lambda: self.store.ok("run", "quiet", "--type", "t2.nano", "-o", "id").out.strip(),
                  lambda instance: ("stop", "--timeout", "1s", instance), self.drop_all, check)

    def test_start(self):
        self.store.import_quiet()

        def prepare():
            instance = self.store.ok("run", "quiet", "--type", "t2.nano", "-o", "id").out.strip()
            self.store.ok("stop", "--force", instance)
            return instance

        self.walk(prepare, lambda instance: ("start", instance), self.drop_all)

    def test_terminate(self):
        self.store.import_quiet()
        self.walk(lambda: self.store.ok("run", "quiet", "--type", "t2.nano", "-o", "id").out.strip(),
                  lambda instance: ("terminate", instance), self.drop_all)

    def test_reap(self):
        """Two are over. Whatever the killed one left, the next `reap` ends what is still there, and only that."""
        self.import_and_make_the_key()
        kept = self.store.ok("run", "quiet", "--type", "t2.nano", "--ttl", "1h", "-o", "id").out.strip()

        def prepare():
            over = self.store.ok("run", "quiet", "--type", "t2.nano", "-n", "2", "--ttl", "1s", "-o", "id").lines
            time.sleep(1.1)
            return over

        def check(over, _point):
            left = set(self.store.ok("ps", "-o", "id").lines) - {kept}
            self.assertLessEqual(left, set(over))
            self.assertEqual(set(self.store.ok("reap").lines), left)
            self.assertEqual(self.store.ok("ps", "-o", "id").lines, [kept])

        # Each termination's own steps are test_terminate's.
        own = ("catalog.", "collect.", "instance_files.", "libvirt.", "liveness.", "operation.", "volume_store.")
        self.walk(prepare, lambda _: ("reap",), lambda _: None, check, skip=own)
        self.assertEqual(self.store.domains(), [kept])

    def test_run_rm(self):
        """Of a guest that never answers; what it is killed at, the launch's own steps apart (test_run's), leaves to the next `reap`."""
        self.import_and_make_the_key()
        command = ("run", "--rm", "quiet", "--type", "t2.nano", "--wait", "ssh=100ms", "--", "true")
        before = self.store.rows("SELECT id FROM instance")
        trace = self.store.folder / "trace"
        self.assertEqual(self.store.run(*command, AMIVIRT_FAULT_TRACE=str(trace)).status, 6)
        if not trace.exists():
            self.skipTest("this build has no fault points (AMIVIRT_FAULT_INJECTION)")
        points = trace.read_text().split()
        for name in ("run.started", "oneshot.running", "oneshot.used", "terminate.domain", "terminate.files"):
            with self.subTest(point=name):
                killed = self.store.run(*command, AMIVIRT_FAULT_KILL_AT=str(points.index(name) + 1))
                self.assertEqual(killed.status, -signal.SIGKILL, killed)
                self.store.ok("reap")
                self.assertEqual(self.store.domains(), [])
                self.assertEqual(self.store.rows("SELECT id FROM instance"), before)
                self.assert_clean()

    def test_deregister_with_snapshots(self):
        def check(image, point):
            there = self.store.ok("image", "list", "-o", "id").lines
            left = (len(self.store.ok("snapshot", "list", "-o", "id").lines), len(self.store.files("disks")))
            self.assertIn((there, left), (([image], (1, 1)), ([], (0, 0))), point)

        self.walk(self.store.import_quiet, lambda image: ("image", "deregister", image, "--delete-snapshots"),
                  lambda _: self.store.run("image", "deregister", "quiet", "--delete-snapshots"), check)

    def test_recovery_itself(self):
        """Killed while cleaning up after a kill, at each of its steps."""
        self.store.import_quiet()
        launch = ("run", "quiet", "--type", "t2.nano")
        points = self.points(*launch)
        self.drop_all()
        last = max(k for k, name in enumerate(points, 1) if name == "run.started")
        for k in range(1, 30):
            killed = self.store.run(*launch, AMIVIRT_FAULT_KILL_AT=str(last))
            self.assertEqual(killed.status, -signal.SIGKILL, killed)
            again = self.store.run("ps", AMIVIRT_FAULT_KILL_AT=str(k))
            if again.status == 0:
                break
            self.assertEqual(again.status, -signal.SIGKILL, again)
            self.store.ok("ps")
            self.assert_clean()
        self.assertGreater(k, 2)
        self.assertEqual(again.status, 0, again)
        self.assert_clean()


class KilledElsewhere(Case):
    def test_qemu_killed(self):
        self.store.import_quiet()
        instance = self.store.ok("run", "quiet", "--type", "t2.nano", "-o", "id").out.strip()
        subprocess.run(["pkill", "-KILL", "-f", f"guest={instance}"], check=True)
        wait_until(lambda: virsh("domstate", instance).strip() == "shut off", 20, "libvirt notices")
        shown = self.store.ok("instance", "show", instance, "-o", "json").json["Reservations"][0]["Instances"][0]
        self.assertEqual(shown["State"]["Name"], "stopped")
        self.assertEqual(shown["StateReason"]["Code"], "Server.InternalError")
        self.assert_clean()
        self.store.ok("start", instance)
        self.assert_clean()
        self.store.ok("terminate", instance)
        self.assert_clean()


if __name__ == "__main__":
    main()
