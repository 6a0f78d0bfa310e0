"""scripts/quickstart, on the build under test."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from harness import AMIVIRT, TOP, main, need


class Quickstart(unittest.TestCase):
    def test_several_machines_answer_and_nothing_stays(self):
        need(AMIVIRT, "the amivirt binary")
        preset = pathlib.Path(AMIVIRT).parents[1].name
        if pathlib.Path(AMIVIRT).parents[1].parent != TOP / "build":
            self.skipTest(f"{AMIVIRT} was not built by scripts/build")
        # Other tests import build/images/tiny.qcow2 meanwhile.
        folder = pathlib.Path(tempfile.mkdtemp(prefix="amivirt-e2e.", dir="/var/tmp"))
        self.addCleanup(shutil.rmtree, folder)
        ran = subprocess.run([TOP / "scripts/quickstart"],
                             env={**os.environ, "AMIVIRT_QUICKSTART_PRESET": preset, "AMIVIRT_QUICKSTART_COUNT": "2",
                                  "AMIVIRT_QUICKSTART_IMAGE": str(folder / "tiny.qcow2")},
                             capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=600, check=False)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assertEqual(ran.stdout.count("I am web-"), 2, ran.stdout + ran.stderr)
        self.assertEqual(list(pathlib.Path("/var/tmp").glob("amivirt-quickstart.*")), [])


if __name__ == "__main__":
    main()
