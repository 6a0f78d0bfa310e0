"""Accounts, permissions and retirement of images: enforced at real launches, with real machines that outlive their image."""

import sqlite3

from harness import Case, GuestCase, main
from kill_walk import Walk

OTHER = "111122223333"


class Machines(GuestCase):
    def as_other(self, *words):
        return self.store.ok("--account", OTHER, *words)

    def port_of_other(self, instance):
        shown = self.as_other("instance", "show", instance, "-o", "json").json
        return shown["Reservations"][0]["Instances"][0]["PortForwards"][0]["HostPort"]

    def allocated(self):
        return sum(p.stat().st_blocks * 512 for p in (self.store.region / "disks").iterdir())

    def test_shared_launched_retired(self):
        image = self.store.import_tiny()
        base = self.store.files("disks")[0]
        imported = self.allocated()
        mine = self.launch("--name", "mine")

        # Another account: neither found nor launched, until it is permitted.
        self.assertEqual(self.as_other("image", "list", "-o", "id").lines, [])
        self.refused_untouched(3, "InvalidAMIID.NotFound", "--account", OTHER, "image", "show", image)
        self.refused_untouched(4, "AuthFailure", "--account", OTHER, "run", image, says=[f"Not authorized for images: [{image}]"])
        self.store.ok("account", "create", "--id", OTHER, "--alias", "lab")
        self.store.ok("image", "permit", "tiny", "lab")
        self.assertEqual(self.as_other("image", "list", "-o", "id").lines, [image])
        for words in (("image", "deregister", image), ("image", "permit", image, "all"), ("image", "disable", image)):
            self.refused_untouched(4, "AuthFailure", "--account", OTHER, *words, says=[image])
        theirs = self.launch("--account", OTHER, image=image)
        self.ssh(theirs, "echo theirs > /root/state; sync", port=self.port_of_other(theirs))
        usage = self.store.ok("image", "usage", "tiny", "-o", "json").json
        self.assertEqual({r["ResourceId"]: r["OwnerId"] for r in usage["ImageReferences"]}, {mine: "000000000000", theirs: OTHER})
        self.assertIn("LastLaunchedTime", usage)
        self.store.ok("image", "protect", "tiny")
        self.refused_untouched(4, "OperationNotPermitted", "image", "deregister", "tiny", "--delete-snapshots", says=[image])
        self.store.ok("image", "unprotect", "tiny")

        # The image goes; one machine runs on, the other one is off and comes up again.
        self.as_other("stop", theirs)
        self.store.ok("image", "deregister", "tiny", "--delete-snapshots")
        self.refused_untouched(5, "InvalidAMIID.Unavailable", "run", image)
        self.refused_untouched(5, "InvalidAMIID.Unavailable", "--account", OTHER, "run", image)
        self.assertEqual(self.ssh(mine, "echo alive").strip(), "alive")
        self.as_other("start", theirs, "--wait", "ssh")
        self.assertEqual(self.ssh(theirs, "cat /root/state", port=self.port_of_other(theirs)).strip(), "theirs")

        # Its layer stays until the last of them is terminated; then the space is back.
        self.store.ok("terminate", "mine")
        self.assertIn(base, self.store.files("disks"))
        self.assertGreaterEqual(self.allocated(), imported)
        self.as_other("terminate", theirs)
        self.assertEqual(self.store.files("disks"), [])
        self.assertEqual(self.allocated(), 0)
        self.assert_clean()


class Retirement(Case, Walk):
    def expire(self):
        """As if the days had passed."""
        with sqlite3.connect(self.store.region / "catalog.db") as catalog:
            for table in ("image", "snapshot"):
                catalog.execute(f"UPDATE {table} SET bin_expires = 1 WHERE bin_expires IS NOT NULL")
        catalog.close()

    def empty(self, _context=None):
        self.store.run("image", "deregister", "quiet", "--delete-snapshots")
        self.expire()
        self.store.ok("ps")
        self.assertEqual(self.store.files("disks"), [])

    def test_the_bin(self):
        self.store.ok("ps")
        self.store.ok("retention-rule", "create", "image", "--days", "7", "--tag", "keep")
        image = self.store.import_quiet("quiet", "--tag", "keep=yes")
        layers = self.store.files("disks")
        noted = self.store.ok("image", "deregister", "quiet", "--delete-snapshots")
        self.assertEqual(noted.lines, [image])
        self.assertIn(f"amivirt image restore-from-bin {image}", noted.err)
        self.assertEqual([i["ImageId"] for i in self.store.ok("bin", "list", "-o", "json").json["Images"]], [image])
        self.assertEqual(self.store.ok("snapshot", "list", "-o", "id").lines, [])
        self.store.ok("gc")
        self.assertEqual(self.store.files("disks"), layers)
        again = self.store.import_quiet()
        self.assertEqual(self.store.run("image", "restore-from-bin", image).status, 2, "its name is taken")
        self.store.ok("image", "deregister", again, "--delete-snapshots")  # without the tag: gone at once
        self.assertEqual(self.store.ok("image", "restore-from-bin", image).lines, [image])
        self.assertEqual(self.store.ok("image", "show", "quiet", "-o", "json").json["Images"][0]["State"], "available")
        self.store.ok("run", "quiet", "--dry-run")
        self.assertEqual(self.store.leaks(), [])
        self.empty()
        self.assert_clean()

    def test_killed_on_the_way_into_the_bin(self):
        self.store.ok("ps")
        self.store.ok("retention-rule", "create", "image", "--days", "7")

        def check(image, point):
            there = self.store.ok("image", "list", "-o", "id").lines
            snapshots = self.store.ok("snapshot", "list", "-o", "id").lines
            binned = self.store.ok("bin", "list", "-o", "json").json
            if there:
                self.assertEqual((there, len(snapshots), binned["Images"]), ([image], 1, []), point)
            else:
                self.assertEqual((len(snapshots), len(binned["Snapshots"]), binned["Images"][0]["ImageId"]), (0, 1, image), point)
                self.store.ok("image", "restore-from-bin", image)

        self.walk(self.store.import_quiet, lambda image: ("image", "deregister", image, "--delete-snapshots"), self.empty, check)

    def test_killed_while_the_bin_is_emptied(self):
        self.store.ok("ps")
        self.store.ok("retention-rule", "create", "image", "--days", "7")

        def prepare():
            self.store.import_quiet()
            self.store.ok("image", "deregister", "quiet", "--delete-snapshots")
            self.expire()

        def check(_context, point):
            self.assertEqual((self.store.files("disks"), self.store.rows("SELECT id FROM snapshot")), ([], []), point)

        self.walk(prepare, lambda _: ("bin", "list"), lambda _: None, check)

    def test_at_the_same_time(self):
        """Each of several processes gives a permission, and none is lost; of several that restore one image, one does."""
        image = self.store.import_quiet()
        accounts = [f"{n:012}" for n in range(1, 9)]
        for process in [self.store.start("image", "permit", "quiet", a) for a in accounts]:
            process.communicate(timeout=120)
            self.assertEqual(process.returncode, 0)
        told = self.store.ok("image", "permissions", "quiet", "-o", "json").json["LaunchPermissions"]
        self.assertEqual(sorted(p["UserId"] for p in told), accounts)
        self.store.ok("retention-rule", "create", "image", "--days", "7")
        self.store.ok("image", "deregister", "quiet")
        statuses = []
        for process in [self.store.start("image", "restore-from-bin", image) for _ in range(4)]:
            process.communicate(timeout=120)
            statuses.append(process.returncode)
        self.assertEqual(sorted(statuses), [0, 3, 3, 3])
        self.assert_clean()


if __name__ == "__main__":
    main()
