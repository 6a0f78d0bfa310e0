"""Labs of real machines: the sample, edited, killed, two at once; and the schemas."""

import json
import pathlib
import signal
import unittest

from harness import AMIVIRT, TINY, TOP, Case, main, need

LAB = TOP / "templates/labs/shop.yaml"


class Lab(Case):
    def setUp(self):
        super().setUp()
        need(TINY, "the tiny image")
        self.store.import_tiny()
        self.store.import_quiet()

    def write(self, text):
        path = self.store.folder / "lab.yaml"
        path.write_text(text)
        return path

    def members(self, path, status=0):
        result = self.store.run("status", path, "-o", "json")
        self.assertEqual(result.status, status, result)
        return {m["Name"]: m for m in result.json["Members"]}

    def test_the_sample_comes_up_is_edited_and_goes(self):
        self.assertEqual(self.store.run("up", LAB, "--plan").status, 10)
        up = self.store.ok("up", LAB)
        self.assertIn("will create instance db", up.err)
        first = self.members(LAB)
        self.assertEqual([(n, m["State"]) for n, m in first.items()],
                         [("data", "in-use"), ("db", "running"), ("web-1", "running"), ("web-2", "running")])
        again = self.store.ok("up", LAB)
        self.assertIn("nothing to do", again.err)
        self.assertEqual({n: m["ResourceId"] for n, m in self.members(LAB).items()}, {n: m["ResourceId"] for n, m in first.items()})
        # An edit: in place for db and the volume, one web less; and a machine that was terminated by hand.
        edited = self.write(LAB.read_text().replace("data: {size: 1}", "data: {size: 2}").replace("role: db", "role: main").replace("count: 2", "count: 3"))
        self.store.ok("terminate", "web-1")
        plan = self.store.run("up", edited, "--plan", "-o", "json")
        self.assertEqual(plan.status, 10, plan)
        self.assertEqual({m["Name"]: m["Action"] for m in plan.json["Members"]},
                         {"data": "change", "db": "change", "web-1": "create", "web-2": "keep", "web-3": "create"})
        self.store.ok("up", edited)
        after = self.members(edited)
        for kept in ("data", "db", "web-2"):
            self.assertEqual(after[kept]["ResourceId"], first[kept]["ResourceId"])
        self.assertNotEqual(after["web-1"]["ResourceId"], first["web-1"]["ResourceId"])
        volume = self.store.ok("volume", "show", "data", "-o", "json").json["Volumes"][0]
        self.assertEqual((volume["Size"], volume["Attachments"][0]["InstanceId"]), (2, after["db"]["ResourceId"]))
        self.store.ok("down", edited, "--keep-volumes")
        self.assertEqual(list(self.members(edited, status=10)), ["data", "db", "web-1", "web-2", "web-3"])
        self.store.ok("down", edited)
        self.assertIn("nothing to do", self.store.ok("down", edited).err)
        self.assertEqual(self.store.rows("SELECT * FROM lab_member UNION ALL SELECT id, id, id, id, id, id, id, id FROM volume"), [])
        self.assert_clean()

    SMALL = """
instances:
  one:
    image: quiet
    type: t2.nano
    volumes: [{device: /dev/sdf, volume: data}]
volumes: {data: {size: 1}}
"""

    def test_two_at_once_make_one_lab(self):
        path = self.write(self.SMALL)
        both = [self.store.start("up", path) for _ in range(2)]
        errors = [process.communicate(timeout=120)[1] for process in both]
        self.assertEqual([process.returncode for process in both], [0, 0], errors)
        self.assertEqual(len([e for e in errors if "nothing to do" in e]), 1, errors)
        self.assertEqual(self.store.rows("SELECT count(*) FROM instance"), [(1,)])
        self.store.ok("down", path)
        self.assert_clean()

    def test_killed_anywhere_the_next_one_goes_on(self):
        path = self.write(self.SMALL)
        trace = self.store.folder / "trace"
        self.store.ok("up", path, AMIVIRT_FAULT_TRACE=str(trace))
        if not trace.exists():
            self.skipTest("this build has no fault points (AMIVIRT_FAULT_INJECTION)")
        points = trace.read_text().split()
        self.store.ok("down", path)
        ours = [k for k, name in enumerate(points, 1) if name.startswith("lab.") or name in ("run.started", "attach.plugged")]
        self.assertGreaterEqual(len(ours), 5, points)
        for k in ours:
            with self.subTest(point=points[k - 1]):
                killed = self.store.run("up", path, AMIVIRT_FAULT_KILL_AT=str(k))
                self.assertEqual(killed.status, -signal.SIGKILL, killed)
                self.store.ok("ps")
                self.assert_clean()
                self.store.ok("up", path)
                self.assertEqual({n: m["State"] for n, m in self.members(path).items()}, {"data": "in-use", "one": "running"})
                self.store.ok("down", path)
                self.assert_clean()
        self.assertEqual(self.store.rows("SELECT count(*) FROM lab_member"), [(0,)])

    def test_down_killed_anywhere_the_next_one_goes_on(self):
        path = self.write(self.SMALL)
        trace = self.store.folder / "trace"
        self.store.ok("up", path)
        self.store.ok("down", path, AMIVIRT_FAULT_TRACE=str(trace))
        if not trace.exists():
            self.skipTest("this build has no fault points (AMIVIRT_FAULT_INJECTION)")
        points = trace.read_text().split()
        ours = [k for k, name in enumerate(points, 1) if name.startswith(("lab.", "terminate.")) or name in ("detach.unplugged", "volume.removed")]
        self.assertGreaterEqual(len(ours), 4, points)
        for k in ours:
            with self.subTest(point=points[k - 1]):
                self.store.ok("up", path)
                killed = self.store.run("down", path, AMIVIRT_FAULT_KILL_AT=str(k))
                self.assertEqual(killed.status, -signal.SIGKILL, killed)
                self.store.ok("ps")
                self.assert_clean()
                self.store.ok("down", path)
                self.assertEqual(self.store.domains(), [])
                self.assertEqual(self.store.rows("SELECT id FROM volume"), [])
                self.assertEqual(self.store.rows("SELECT count(*) FROM lab_member"), [(0,)])
                self.assert_clean()


class Schemas(unittest.TestCase):
    def test_the_samples_are_as_the_schemas_say(self):
        need(AMIVIRT, "the amivirt binary")
        try:
            import jsonschema
            import yaml
        except ImportError as reason:
            self.skipTest(str(reason))
        import subprocess
        files = {"lab": sorted((TOP / "templates/labs").glob("*.yaml")), "image": sorted((TOP / "images").glob("*/image.yaml")),
                 "catalog": [TOP / "images/catalog.yaml"]}
        for kind, samples in files.items():
            printed = subprocess.run([AMIVIRT, "schema", kind], capture_output=True, text=True, check=True).stdout
            self.assertEqual(printed, pathlib.Path(TOP / f"templates/schema/{kind}.json").read_text())
            schema = json.loads(printed)
            jsonschema.Draft202012Validator.check_schema(schema)
            validator = jsonschema.Draft202012Validator(schema)
            self.assertGreater(len(samples), 0)
            for sample in samples:
                self.assertEqual([e.message for e in validator.iter_errors(yaml.safe_load(sample.read_text()))], [], sample)
            self.assertNotEqual(list(validator.iter_errors({"nonsense": 1})), [])


if __name__ == "__main__":
    main()
