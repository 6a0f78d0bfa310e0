"""kill -9 at each step: then any amivirt command, and nothing has leaked and nothing acknowledged is lost."""

import os
import shutil
import signal
import subprocess

from harness import Case, TINY, main, need, virsh, wait_until
from kill_walk import Walk


class KillAtEachStep(Case, Walk):
    def setUp(self):
        super().setUp()
        need(TINY, "the tiny image")

    def drop_all(self, _context=None):
        ids = self.store.ok("ps", "-o", "id").lines
        if ids:
            self.store.ok("terminate", *ids)

    def test_import(self):
        copies = iter(range(1000))

        def prepare():
            # Different bytes each time, so that no import shares the layer of an earlier one.
            path = self.store.folder / f"disk{next(copies)}.qcow2"
            shutil.copy(TINY, path)
            with open(path, "ab") as disk:
                disk.write(os.urandom(65536))
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
        packed = self.store.folder / "tiny.qcow2.gz"
        with open(packed, "wb") as out:
            subprocess.run(["gzip", "-1", "-c", TINY], stdout=out, check=True)
        self.walk(lambda: packed, lambda path: ("image", "import", path, "--name", "packed", "--no-inspect"),
                  lambda _: self.store.run("image", "deregister", "packed", "--delete-snapshots"))

    def test_run(self):
        self.store.import_tiny()
        self.walk(lambda: None, lambda _: ("run", "tiny", "-n", "2", "--type", "t3.nano"), self.drop_all)

    def test_run_in_the_background(self):
        """The user has the ids already; the process that launches is killed; the next command cleans up."""
        self.store.import_tiny()
        self.store.ok("ps")
        launch = ("run", "tiny", "-n", "2", "--type", "t3.nano")
        points = self.points(*launch)
        self.drop_all()
        for name in ("run.volume", "run.started"):
            with self.subTest(point=name):
                launched = self.store.ok(*launch, "--no-wait", "-o", "id", AMIVIRT_FAULT_KILL_AT=str(points.index(name) + 1))
                self.assertEqual(len(launched.lines), 2)
                wait_until(lambda: self.store.ok("ps", "-o", "id").lines == [], 60, "it is killed, and recovered")
                self.assert_clean()

    def test_stop(self):
        self.store.import_tiny()

        def check(instance, _point):
            # It was acknowledged by `run`: whatever became of the stop, the instance and its disk are there.
            state = self.store.ok("instance", "show", instance, "-o", "json").json["Reservations"][0]["Instances"][0]["State"]["Name"]
            self.assertIn(state, ("running", "stopped"))

        self.walk(lambda: self.store.ok("run", "tiny", "--type", "t3.nano", "-o", "id").out.strip(),
                  lambda instance: ("stop", "--timeout", "1s", instance), self.drop_all, check)

    def test_start(self):
        self.store.import_tiny()

        def prepare():
            instance = self.store.ok("run", "tiny", "--type", "t3.nano", "-o", "id").out.strip()
            self.store.ok("stop", "--force", instance)
            return instance

        self.walk(prepare, lambda instance: ("start", instance), self.drop_all)

    def test_terminate(self):
        self.store.import_tiny()
        self.walk(lambda: self.store.ok("run", "tiny", "--type", "t3.nano", "-o", "id").out.strip(),
                  lambda instance: ("terminate", instance), self.drop_all)

    def test_deregister_with_snapshots(self):
        self.walk(self.store.import_tiny, lambda image: ("image", "deregister", image, "--delete-snapshots"),
                  lambda _: self.store.run("image", "deregister", "tiny", "--delete-snapshots"))

    def test_recovery_itself(self):
        """Killed while cleaning up after a kill, at each of its steps."""
        self.store.import_tiny()
        launch = ("run", "tiny", "--type", "t3.nano")
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
        need(TINY, "the tiny image")
        self.store.import_tiny()
        instance = self.store.ok("run", "tiny", "--type", "t3.nano", "-o", "id").out.strip()
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
