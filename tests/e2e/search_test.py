"""Finding images, tagging, accounts: the real binary, no guest."""

import json
import pathlib
import signal
import sqlite3

from harness import Case, TINY, main, need


class Search(Case):
    def setUp(self):
        super().setUp()
        need(TINY, "the tiny image")

    def names(self, *words, **environment):
        return [image["Name"] for image in self.store.ok("image", "list", *words, "-o", "json", **environment).json["Images"]]

    def fails(self, status, *words, says=(), **environment):
        result = self.store.run(*words, **environment)
        self.assertEqual((result.status, result.out), (status, ""), result)
        for text in says:
            self.assertIn(text, result.err)

    def test_the_newest_of_a_name(self):
        for name in ("web-1", "web-2", "data", "web.[x]"):
            self.store.import_tiny(name, "--tag", f"kind={name[:2]}")
        self.assertEqual(self.names("--name", "web-*", "--sort", "-creation-date", "--limit", "1"), ["web-2"])
        self.assertEqual(self.names("--sort", "name"), ["data", "web-1", "web-2", "web.[x]"])
        self.assertEqual(self.names("--name", "web.[?]", "--owner", "self"), ["web.[x]"])
        self.assertEqual(self.names("--filter", "tag:kind=w?", "--filter", "name=*-\\*,*-2"), ["web-2"])
        self.assertEqual(self.names("--owner", "amazon"), [])
        self.fails(2, "image", "list", "--sort", "nmae", says=["Did you mean \"name\"?"])
        self.fails(3, "image", "show", "web-3", says=["did you mean \"web-"])
        self.fails(5, "snapshot", "delete", self.store.rows("SELECT snapshot FROM image_block_device")[0][0], says=["InvalidSnapshot.InUse", "ami-"])
        for name in self.names():
            self.store.ok("image", "deregister", name, "--delete-snapshots")
        self.assertEqual(self.names(), [])
        self.assert_clean()

    def test_many(self):
        """A catalog of 20,000 images answers as one of few does."""
        self.store.import_tiny("the-one")
        with sqlite3.connect(self.store.region / "catalog.db") as catalog:
            columns = [row[1] for row in catalog.execute("PRAGMA table_info(image)")]
            chosen = ", ".join({"sequence": "n + 1000", "id": "printf('ami-%017x', n)", "name": "'copy-' || n", "created": "created + n * 1000"}.get(c, c)
                               for c in columns)
            catalog.execute(f"WITH RECURSIVE counter(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counter WHERE n < 20000) "
                            f"INSERT INTO image SELECT {chosen} FROM counter, image WHERE name = 'the-one'")
            catalog.execute("INSERT INTO tag SELECT id, 'nth', CAST(sequence - 1000 AS TEXT) FROM image WHERE sequence > 1000")
        self.assertEqual(self.names("--sort", "-creation-date", "--limit", "2"), ["copy-20000", "copy-19999"])
        self.assertEqual(self.names("--filter", "tag:nth=777,7777"), ["copy-777", "copy-7777"])
        self.assertEqual(len(self.names("--name", "copy-1234*")), 11)
        self.assertEqual(len(self.names()), 20001)
        self.fails(2, "run", "the-one", "--type", "none", says=["none"])
        self.fails(3, "run", "the-noe", says=["did you mean \"the-one\"?"])

    def test_tags(self):
        image = self.store.import_tiny()
        volume = self.store.ok("volume", "create", "--size", "1", "--name", "data").out.strip()
        snapshot = self.store.ok("snapshot", "create", "data", "--tag", "stage=old").out.strip()
        self.assertEqual(self.store.ok("tag", "add", "tiny", "data", snapshot, "stage=prod", "note=ä = b").lines, [image, volume, snapshot])
        tags = self.store.ok("tag", "list", "--filter", "key=stage", "-o", "json").json["Tags"]
        self.assertEqual([(t["ResourceId"], t["ResourceType"], t["Value"]) for t in tags],
                         [(image, "image", "prod"), (snapshot, "snapshot", "prod"), (volume, "volume", "prod")])
        self.assertEqual(self.store.ok("volume", "list", "--filter", "tag:stage=prod", "-o", "id").lines, [volume])
        self.assertEqual(self.store.ok("tag", "remove", "tiny", snapshot, "--key", "note", "stage=other").lines, [image, snapshot])
        self.assertEqual(self.store.rows("SELECT key, value FROM tag WHERE resource_id = ?", image), [("stage", "prod")])
        self.fails(3, "tag", "add", "no-such", "a=1", says=["InvalidID", "no-such"])
        self.fails(2, "tag", "add", "tiny", *(f"k{n}=" for n in range(50)), says=["TagLimitExceeded", "51"])
        self.fails(2, "tag", "add", "tiny", "aws:a=1", says=["reserved"])
        self.assertEqual(self.store.rows("SELECT count(*) FROM tag WHERE resource_id = ?", image), [(1,)])
        # Another account sees none of it.
        self.assertEqual(self.store.ok("--account", "111122223333", "tag", "list", "-o", "json").json, {"Tags": []})
        self.fails(3, "--account", "111122223333", "tag", "add", image, "a=1", says=["InvalidAMIID.NotFound"])
        self.store.import_tiny("open", "--public")
        self.fails(4, "--account", "111122223333", "tag", "add", "open", "a=1", says=["AuthFailure"])
        self.store.ok("snapshot", "delete", snapshot)
        self.store.ok("volume", "delete", "data")
        self.assert_clean()


class Accounts(Case):
    def setUp(self):
        super().setUp()
        self.config = pathlib.Path(self.store.environment["XDG_CONFIG_HOME"]) / "amivirt"

    def test_an_account(self):
        self.config.mkdir(parents=True)
        (self.config / "config.yaml").write_text("# mine\nchainLimit: 9 # why\n")
        made = self.store.ok("account", "create", "--alias", "build")
        account = made.out.strip()
        self.assertRegex(account, r"^[0-9]{12}$")
        credentials = self.config / "credentials.yaml"
        self.assertEqual(credentials.stat().st_mode & 0o777, 0o600)
        key, secret = made.err.split("access key ")[1].split(" with the secret ")
        self.assertIn(key, credentials.read_text())
        self.assertIn(secret.split(";")[0], credentials.read_text())
        self.assertEqual((self.config / "config.yaml").read_text(),
                         f"# mine\nchainLimit: 9 # why\naccounts:\n  \"{account}\":\n    alias: build\n")
        self.assertFalse(self.store.home.exists(), "accounts belong to no region")
        listed = self.store.ok("account", "list", "-o", "json")
        self.assertEqual(listed.json["Accounts"], [{"Id": "000000000000", "AccessKeyIds": []}, {"Id": account, "Alias": "build", "AccessKeyIds": [key]}])
        self.assertNotIn(secret.split(";")[0], listed.out)

        need(TINY, "the tiny image")
        self.store.ok("--account", "build", "image", "import", TINY, "--name", "theirs", "--no-inspect", "--public")
        self.assertEqual(self.store.rows("SELECT owner FROM image"), [(account,)])
        for words in (("--owner", "build"), ("--owner", account), ("--filter", "owner-alias=bu*"), ("--executable-by", "all")):
            images = self.store.ok("image", "list", *words, "-o", "json").json["Images"]
            self.assertEqual([(i["Name"], i["ImageOwnerAlias"]) for i in images], [("theirs", "build")], words)
        self.assertEqual(self.store.ok("image", "list", "--owner", "self", "-o", "id").out, "")
        self.assertEqual(self.store.ok("image", "list", "--owner", "self", "-o", "id", AMIVIRT_ACCOUNT="build").lines,
                         self.store.ok("image", "list", "-o", "id").lines)
        for words, environment in ((("--account", "biuld", "ps"), {}), (("ps",), {"AMIVIRT_ACCOUNT": "biuld"}), (("image", "list", "--owner", "biuld"), {})):
            result = self.store.run(*words, **environment)
            self.assertEqual((result.status, "did you mean \"build\"?" in result.err), (2, True), result)
        self.assertEqual(self.store.run("account", "create", "--alias", "build").status, 2)

    def test_many_at_once(self):
        started = [self.store.start("account", "create", "--alias", f"build-{n}") for n in range(8)]
        ids = {process.communicate(timeout=60)[0].strip() for process in started}
        self.assertEqual([process.returncode for process in started], [0] * 8)
        listed = self.store.ok("account", "list", "-o", "json").json["Accounts"][1:]
        self.assertEqual({a["Id"] for a in listed}, ids)
        self.assertTrue(all(len(a["AccessKeyIds"]) == 1 for a in listed), json.dumps(listed))

    def test_killed_anywhere(self):
        self.config.mkdir(parents=True)
        (self.config / "config.yaml").write_text("# mine\n")
        trace = self.store.folder / "trace"
        self.store.ok("account", "create", "--alias", "first", AMIVIRT_FAULT_TRACE=str(trace))
        if not trace.exists():
            self.skipTest("this build has no fault points (AMIVIRT_FAULT_INJECTION)")
        points = trace.read_text().split()
        self.assertEqual(points, ["accounts.key", "accounts.written"])
        for k, there in ((1, False), (2, True)):
            alias = f"killed-{k}"
            self.assertEqual(self.store.run("account", "create", "--alias", alias, AMIVIRT_FAULT_KILL_AT=str(k)).status, -signal.SIGKILL)
            accounts = self.store.ok("account", "list", "-o", "json").json["Accounts"]
            self.assertEqual([len(a["AccessKeyIds"]) for a in accounts if a.get("Alias") == alias], [1] if there else [])
            self.assertEqual(self.store.run("account", "create", "--alias", alias).status, 2 if there else 0)
            self.assertTrue((self.config / "config.yaml").read_text().startswith("# mine\n"))
        self.assertEqual(sorted(p.name for p in self.config.iterdir()), ["config.yaml", "credentials.yaml"])


if __name__ == "__main__":
    main()
