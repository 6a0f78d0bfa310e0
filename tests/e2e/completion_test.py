"""TAB in real shells: what they offer is what amivirt says, as readline and its kin take words apart and put them together."""

import os
import pathlib
import pty
import re
import select
import shlex
import shutil
import subprocess
import time
import unittest

from harness import AMIVIRT, Case, TINY, main, need

MARK = re.compile(r"<<(.*?)>>", re.S)


class Terminal:
    """An interactive shell on a terminal of its own, in which Ctrl-X shows the line being edited."""

    def __init__(self, argv, environment, folder, setup):
        pid, self.fd = pty.fork()
        if pid == 0:
            os.chdir(folder)
            os.execvpe(argv[0], argv, {**environment, "TERM": "dumb", "PS1": "", "COLUMNS": "400"})
        self.pid = pid
        self.seen = ""
        for line in setup:
            self.send(line + "\n")
        self.send("echo rea''dy\n")
        self.until(lambda: "ready" in self.seen.replace("rea''dy", ""))

    def send(self, text):
        os.write(self.fd, text.encode())

    def until(self, condition, seconds=60):
        deadline = time.monotonic() + seconds
        while not condition():
            left = deadline - time.monotonic()
            if left <= 0:
                raise AssertionError(f"the shell shows only {self.seen!r}")
            if select.select([self.fd], [], [], left)[0]:
                try:
                    self.seen += os.read(self.fd, 65536).decode(errors="replace")
                except OSError as ended:
                    raise AssertionError(f"the shell ended, having shown {self.seen!r}") from ended

    def complete(self, typed):
        """The line after TAB."""
        self.seen = ""
        self.send("\x15" + typed + "\t\x18")
        self.until(lambda: MARK.search(self.seen))
        return MARK.search(self.seen).group(1)

    def offered(self, typed):
        """What is listed after TAB, TAB, as it stands on the screen."""
        self.seen = ""
        self.send("\x15" + typed + "\t\t\x18")
        self.until(lambda: MARK.search(self.seen))
        return MARK.split(self.seen)[0]

    def close(self):
        try:
            os.close(self.fd)
        finally:
            os.waitpid(self.pid, 0)


class Completion(Case):
    def setUp(self):
        super().setUp()
        self.work = self.store.folder / "work"
        self.work.mkdir()
        (self.work / "user data.yaml").write_text("#cloud-config\n")
        (self.work / "disks").mkdir()
        (self.work / "bin").mkdir()
        (self.work / "bin/amivirt").symlink_to(pathlib.Path(AMIVIRT).resolve())
        need(TINY, "the tiny image")
        self.store.import_tiny("debian-12")
        self.store.import_tiny("tiny img")
        self.environment = {**self.store.environment, "PATH": f"{self.work}/bin:{os.environ['PATH']}", "HOME": str(self.work), "INPUTRC": "/dev/null"}

    def terminal(self, *argv, setup):
        if shutil.which(argv[0]) is None:
            self.skipTest(f"{argv[0]} is not installed")
        shell = Terminal(argv, self.environment, self.work, setup)
        self.addCleanup(shell.close)
        return shell

    def check(self, shell, quoted):
        """What all shells do alike; `quoted`: how they write a space."""
        self.assertEqual(shell.complete("amivirt inst").rstrip(), "amivirt instance")  # nothing more is common: instance-type
        self.assertEqual(shell.complete("amivirt image imp"), "amivirt image import ")
        self.assertEqual(shell.complete("amivirt run deb"), "amivirt run debian-12 ")
        self.assertEqual(shell.complete("amivirt run tin"), f"amivirt run tiny{quoted}img ")
        self.assertEqual(shell.complete("amivirt run debian-12 --type t3.nan"), "amivirt run debian-12 --type t3.nano ")
        self.assertEqual(shell.complete("amivirt run --type=t3.nan"), "amivirt run --type=t3.nano ")
        self.assertEqual(shell.complete("amivirt ps -o ya"), "amivirt ps -o yaml ")
        self.assertEqual(shell.complete("amivirt ps --output=ya"), "amivirt ps --output=yaml ")
        self.assertEqual(shell.complete("amivirt run --user-data us"), f"amivirt run --user-data user{quoted}data.yaml ")
        self.assertEqual(shell.complete("amivirt run --user-data=us"), f"amivirt run --user-data=user{quoted}data.yaml ")
        self.assertEqual(shell.complete("amivirt --home di"), "amivirt --home disks/")
        self.assertEqual(shell.complete("amivirt run no-such-im").rstrip(), "amivirt run no-such-im")
        self.assertIn("--dry-run", shell.offered("amivirt run debian-12 --d"))
        self.assertIn("debian-12", shell.offered("amivirt image show "))

    def test_bash(self):
        shell = self.terminal("bash", "--norc", "--noprofile", "-i", setup=[
            "bind 'set bell-style none'; bind 'set enable-bracketed-paste off'; bind 'set completion-query-items 0'; bind 'set page-completions off'",
            r"""bind -x '"\C-x": printf "<<%s>>" "$READLINE_LINE"'""", "source <(amivirt completion bash)"])
        self.check(shell, "\\ ")
        self.assertEqual(shell.complete("amivirt run 'tin"), "amivirt run 'tiny img' ")
        self.assertEqual(shell.complete("./bin/amivirt image imp"), "./bin/amivirt image import ")

    def test_zsh(self):
        shell = self.terminal("zsh", "-f", "-i", setup=[
            "unsetopt zle_bracketed_paste prompt_sp prompt_cr beep 2>/dev/null; PROMPT=; autoload -Uz compinit; compinit -u -D",
            "show-line() { print -rn -- \"<<$BUFFER>>\" }; zle -N show-line; bindkey -e; bindkey '^X' show-line; bindkey '^U' kill-whole-line; KEYTIMEOUT=1",
            "source <(amivirt completion zsh)"])
        self.check(shell, "\\ ")

    def test_fish(self):
        if shutil.which("fish") is None:
            self.skipTest("fish is not installed")
        script = subprocess.run([AMIVIRT, "completion", "fish"], capture_output=True, text=True, check=True).stdout
        (self.work / "amivirt.fish").write_text(script)

        def offered(line):
            done = subprocess.run(["fish", "--no-config", "-c", f"source amivirt.fish; complete -C {shlex.quote(line)}"], cwd=self.work,
                                  env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=True)
            return [entry.split("\t")[0] for entry in done.stdout.splitlines()]

        self.assertEqual(offered("amivirt image imp"), ["import"])
        self.assertEqual(offered("amivirt run deb"), ["debian-12"])
        self.assertEqual(offered("amivirt run tin"), ["tiny img"])
        self.assertEqual(offered("amivirt run --type=t3.nan"), ["--type=t3.nano"])
        self.assertEqual(offered("amivirt run --user-data us"), ["user data.yaml"])
        self.assertEqual(offered("amivirt run --user-data=us"), ["--user-data=user data.yaml"])
        self.assertEqual(offered("amivirt --home di"), ["disks/"])
        self.assertIn("--dry-run", offered("amivirt run --d"))

    def test_a_press_of_tab_changes_nothing_and_needs_nothing(self):
        before = self.store.state()
        self.assertIn("debian-12", self.store.ok("__complete", "run", "").out)
        # No libvirt, no store, a store that is none: never a word too much, never a status.
        for environment in ({"AMIVIRT_URI": "qemu+ssh://nowhere.invalid/system"}, {"AMIVIRT_HOME": str(self.store.folder / "none")},
                            {"AMIVIRT_REGION": "nowhere"}, {"AMIVIRT_REGION": "Not A Region"}, {"AMIVIRT_HOME": "/dev/null"}):
            asked = self.store.run("__complete", "run", "", **environment)
            self.assertEqual((asked.status, asked.err), (0, ""), environment)
        self.assertFalse((self.store.folder / "none").exists())
        catalog = self.store.region / "catalog.db"
        whole = catalog.read_bytes()
        catalog.write_bytes(b"no catalog" * 100)
        asked = self.store.run("__complete", "run", "")
        self.assertEqual((asked.status, asked.out, asked.err), (0, "", ""))
        catalog.write_bytes(whole)
        self.assertEqual(self.store.state(), before)

    def test_it_is_fast(self):
        """Against --version, which does nothing at all: a sanitizer's start is not ours."""
        def best(*words):
            times = []
            for _ in range(7):
                begun = time.monotonic()
                self.store.ok(*words)
                times.append(time.monotonic() - begun)
            return min(times)
        self.assertLess(best("__complete", "run", "") - best("--version"), 0.05)


if __name__ == "__main__":
    main()
