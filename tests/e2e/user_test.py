"""As an ordinary user, on a session libvirt: the tour, a kill, two at once. (Where the tests run as such a user all of them do that anyway.)"""

import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

from harness import AMIVIRT, TINY, TOP, main, need


class OrdinaryUser(unittest.TestCase):
    def test_session(self):
        if os.geteuid() != 0:
            self.skipTest("the whole suite runs as an ordinary user here")
        need(AMIVIRT, "the amivirt binary")
        need(TINY, "the tiny image")
        user = pwd.getpwnam("nobody")
        home = pathlib.Path(tempfile.mkdtemp(prefix="amivirt-user.", dir="/var/tmp"))
        self.addCleanup(shutil.rmtree, home, ignore_errors=True)
        # The repository may lie where nobody may go: what is needed is brought along.
        build = pathlib.Path(AMIVIRT).parents[1]
        (home / "bin").mkdir()
        shutil.copy(AMIVIRT, home / "bin/amivirt")
        shutil.copytree(build / "share/amivirt/templates", home / "share/amivirt/templates")
        shutil.copytree(TOP / "tests/e2e", home / "tests/e2e")
        shutil.copy(TINY, home / "tiny.qcow2")
        (home / "run").mkdir(mode=0o700)
        for path in [home, *home.rglob("*")]:
            os.chown(path, user.pw_uid, user.pw_gid)
        environment = {"HOME": str(home), "PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": str(home / "run"), "LANG": "C.UTF-8",
                       "AMIVIRT_E2E_MACHINES": "1",  # the tour's steps, which three machines are led through elsewhere
                       "AMIVIRT": str(home / "bin/amivirt"), "AMIVIRT_TINY_IMAGE": str(home / "tiny.qcow2"), "PYTHONDONTWRITEBYTECODE": "1"}
        self.addCleanup(self.end_session, home)
        python = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable
        for program, *tests in (("launch_test.py", "Launch.test_from_image_to_three_machines_and_back"),
                                ("race_test.py", "TwoAtOnce.test_terminate_against_start"),
                                ("kill_test.py", "KillAtEachStep.test_run", "KilledElsewhere")):
            with self.subTest(program=program):
                ran = subprocess.run(["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--inh-caps=-all",
                                      python, str(home / "tests/e2e" / program), *tests], env=environment, cwd=home, capture_output=True, text=True,
                                     stdin=subprocess.DEVNULL, timeout=600, check=False)
                self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
                self.assertRegex(ran.stdout, r"[1-9]\d* passed, 0 failed, 0 skipped")

    def end_session(self, home):
        """The session's daemons would stay for a while after their last client."""
        for pid in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if f"HOME={home}".encode() in (pid / "environ").read_bytes().split(b"\0"):
                    os.kill(int(pid.name), signal.SIGTERM)
            except OSError:
                pass


if __name__ == "__main__":
    main()
