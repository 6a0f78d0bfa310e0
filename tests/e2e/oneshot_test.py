"""Machines for one command, and leases: real guests, real signals, and nothing left behind."""

import contextlib
import os
import pathlib
import signal
import subprocess
import time

import harness
from harness import TINY, Case, need


class OneShot(Case):
    def setUp(self):
        super().setUp()
        need(TINY, "the tiny image")
        self.store.import_tiny()

    def popen(self, *words, stdin=subprocess.DEVNULL, **options):
        return subprocess.Popen([harness.AMIVIRT, *map(str, words)], env=self.store.environment, stdin=stdin, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, start_new_session=True, **options)

    def command(self, *words, input=None):
        process = self.popen("run", "--rm", "tiny", "--type", "t2.nano", *words, stdin=subprocess.PIPE)
        process.stdout_text, process.stderr_text = process.communicate(input or "", timeout=300)
        return process

    def left(self):
        """What a run could leave: rows of the machine, files, domains, processes that were given a path of this store."""
        tables = ("instance", "volume", "operation", "port_forward", "layer", "snapshot")
        processes = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as words:
                    if str(self.store.home).encode() in words.read():
                        processes.append(pid)
            except OSError:
                pass
        return ({t: self.store.rows(f"SELECT * FROM {t}") for t in tables},
                [self.store.files(f) for f in ("disks", "instances", "staging", "locks")], self.store.domains(), processes)

    def test_what_a_ci_job_does(self):
        """Output, status, stdin, words, environment, files; two side by side; nothing left."""
        source = self.store.folder / "src"
        (source / "sub").mkdir(parents=True)
        (source / "sub/file").write_text("content\n")
        script = 'cat; cat src/sub/file; echo "$1|$WHAT"; echo talk >&2; echo log >/root/log; exit 3'
        self.store.ok("run", "--rm", "tiny", "--type", "t2.nano", "--", "true")  # makes the default key
        before = self.left()
        other = self.popen("run", "--rm", "tiny", "--type", "t2.nano", "--", "no-such-command")
        done = self.command("--copy-in", f"{source}:src", "--copy-out", f"/root/log:{self.store.folder}/log", "--env", "WHAT=two  words;$HOME", "--", "sh",
                            "-c", script, "sh", "a  'b\" $c", input="from here\n")
        self.assertEqual(done.stdout_text, "from here\ncontent\na  'b\" $c|two  words;$HOME\n", done.stderr_text)
        self.assertEqual(done.returncode, 3, done.stderr_text)
        self.assertIn("talk\n", done.stderr_text)
        self.assertEqual((self.store.folder / "log").read_text(), "log\n")
        out, err = other.communicate(timeout=300)
        self.assertEqual((other.returncode, out), (127, ""), err)
        self.assertEqual(self.left(), before)
        self.assert_clean()

    def test_in_a_row_and_in_parallel(self):
        """Five after one another, six at once: store, libvirt, ports (QEMU's, and reserved) and processes are afterwards what they were."""
        temporary = self.store.folder / "tmp"
        temporary.mkdir()
        self.store.environment["TMPDIR"] = str(temporary)
        run = ("run", "--rm", "tiny", "--type", "t2.nano", "--", "true")
        self.store.ok(*run)  # makes the default key
        before = self.left()
        trace = self.store.folder / "trace"
        for _ in range(int(os.environ.get("AMIVIRT_E2E_IN_A_ROW", "5"))):
            trace.unlink(missing_ok=True)
            self.store.ok(*run, AMIVIRT_FAULT_TRACE=str(trace))
        self.assertEqual(self.left(), before, "in a row")
        many = [self.popen(*run) for _ in range(6)]
        ended = [(process.communicate(timeout=600), process.returncode) for process in many]
        self.assertEqual([status for _, status in ended], [0] * 6, ended)
        self.assertEqual([out for (out, _), _ in ended], [""] * 6)
        self.assertEqual(self.left(), before, "in parallel")
        if trace.exists():  # else this build has no fault points
            ready = trace.read_text().split().index("oneshot.ready") + 1
            killed = self.store.run(*run, AMIVIRT_FAULT_KILL_AT=str(ready))
            self.assertEqual(killed.status, -signal.SIGKILL, killed)
            self.assertEqual(len(self.store.ok("reap").lines), 1)
            self.assertEqual(self.left(), before, "killed before the command")
        self.assertEqual(os.listdir(temporary), [])
        self.assert_clean()

    def copying(self, process):
        """Is a scp of its under way?"""
        for status in pathlib.Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                name, rest = status.read_text().split("(", 1)[1].rsplit(")", 1)
                if name == "scp" and int(rest.split()[1]) == process.pid:
                    return True
        return False

    def test_signals_and_the_time_limit(self):
        """During the command, the boot (of a guest that has none) and the copying in (of more than is ever through)."""
        self.store.import_quiet()
        started = {}
        for name, number in (("int", signal.SIGINT), ("hup", signal.SIGHUP), ("kill", signal.SIGKILL)):
            started[name] = number, self.popen("run", "--rm", "tiny", "--type", "t2.nano", "--", "sh", "-c", "echo up; exec sleep 600")
        with open(self.store.folder / "endless", "wb") as file:
            os.truncate(file.fileno(), 1 << 36)
        copying = self.popen("run", "--rm", "tiny", "--type", "t2.nano", "--copy-in", f"{self.store.folder}/endless:/dev/null", "--", "echo", "never")
        booting = self.popen("run", "--rm", "quiet", "--type", "t2.nano", "-v", "--", "true")
        line = ""
        while " is running" not in line:
            line = booting.stderr.readline()
            self.assertTrue(line, "it is not launched")
        booting.send_signal(signal.SIGTERM)
        _, err = booting.communicate(timeout=120)
        self.assertEqual(booting.returncode, 128 + signal.SIGTERM, err)
        late = self.popen("run", "--rm", "tiny", "--type", "t2.nano", "--timeout", "2s", "--", "sleep", "600")
        for name, (number, process) in started.items():
            self.assertEqual(process.stdout.readline(), "up\n", name)
            process.send_signal(number)
        harness.wait_until(lambda: self.copying(copying) or copying.poll() is not None, 300, "it copies")
        copying.send_signal(signal.SIGTERM)
        out, err = copying.communicate(timeout=120)
        self.assertEqual((copying.returncode, out), (128 + signal.SIGTERM, ""), err)
        for name, (number, process) in started.items():
            _, err = process.communicate(timeout=120)
            self.assertEqual(process.returncode, -9 if name == "kill" else 128 + number, f"{name}: {err}")
        _, err = late.communicate(timeout=300)
        self.assertEqual(late.returncode, 6, err)
        self.assertEqual(len(self.store.domains()), 1, "the killed one's")
        reaped = self.store.ok("reap").lines
        self.assertEqual(len(reaped), 1)
        self.assertEqual(self.store.domains(), [])
        self.assertEqual(self.store.rows("SELECT * FROM instance"), [])
        self.assert_clean()

    def test_leases_sessions_and_reset(self):
        self.store.import_quiet()
        kept = self.store.ok("run", "quiet", "--type", "t2.nano", "--ttl", "1h", "-o", "id", "--session", "other").lines
        ids = self.store.ok("run", "quiet", "--type", "t2.nano", "-n", "2", "--ttl", "1s", "-o", "id", AMIVIRT_SESSION="job").lines
        self.assertEqual(self.store.ok("ps", "-o", "id", "--session", "job").lines, ids)
        time.sleep(1.1)
        two = [self.popen("reap") for _ in range(2)]
        reaped = [line for process in two for line in process.communicate(timeout=120)[0].split()]
        self.assertEqual([process.returncode for process in two], [0, 0])
        self.assertEqual(sorted(reaped), sorted(ids), "each by one of them")
        self.assertEqual(self.store.ok("ps", "-o", "id").lines, kept)
        self.assertEqual(self.store.ok("terminate", "--session", "other").lines, kept)
        self.assert_clean()
        self.store.ok("run", "quiet", "--type", "t2.nano")
        self.store.ok("volume", "create", "--size", "1")
        refused = self.store.run("reset")
        self.assertEqual(refused.status, 2)
        self.assertEqual(len(self.store.domains()), 1)
        killed = self.store.run("reset", "--yes", AMIVIRT_FAULT_KILL_AT="9")
        self.assertIn(killed.status, (0, -9))
        self.store.ok("reset", "--yes", "--keep-images")
        self.assertEqual(self.store.domains(), [])
        self.assertEqual(self.store.rows("SELECT * FROM volume"), [])
        self.assert_clean()
        self.store.ok("reset", "--yes")
        self.assertEqual(self.store.files("disks"), [])
        self.assertEqual(self.store.ok("image", "list", "-o", "id").lines, [])
        self.assert_clean()


if __name__ == "__main__":
    harness.main()
