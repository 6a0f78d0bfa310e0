"""Every command of README.md's tours runs, and prints what README.md says.

A tour is a ```console block: its lines "$ COMMAND" (those ending in a backslash go on) are run one after the other, in one store and one folder for
all tours, what one exports is there for the next, and what follows each is what it prints to stdout. A file that a tour needs is a block before it with the file's name, as in ```yaml lab.yaml.
A tour that names an image which is not there is left out, and said.

AMIVIRT_UPDATE_README=1 writes what was really printed into README.md instead. To add a command: write its line alone, and run that."""

import os
import re
import subprocess
import unittest

from harness import AMIVIRT, Case, DEBIAN, TINY, TOP, main, need

README = TOP / "README.md"
BLOCK = re.compile(r"^```(?P<kind>\w+)(?: (?P<file>\S+))?\n(?P<text>.*?)^```$", re.S | re.M)
# What a host is differs; that it was examined does not.
OF_THIS_HOST = {"amivirt doctor"}
# What a command exports stays, as in the one shell that a person has.
SHELL = """[ ! -e .exported ] || . ./.exported
{}
status=$?; export -p >.exported; exit $status"""


def commands(block):
    """[(command, printed)] of one console block; a command is as it stands there, with its line breaks."""
    found = []
    goes_on = False
    for line in block.splitlines():
        if goes_on:
            found[-1] = (f"{found[-1][0]}\n{line}", found[-1][1])
        elif line.startswith("$ "):
            found.append((line[2:], []))
        elif found:
            found[-1][1].append(line)
            continue
        goes_on = line.endswith("\\")
    return [(command, "\n".join(lines).strip()) for command, lines in found]


def shape(text):
    """What stays the same from run to run and from host to host."""
    text = re.sub(r"\b(ami|i|vol|snap|r)-[0-9a-f]{17}\b", "ID", text)
    text = re.sub(r"\b\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME", text)
    text = re.sub(r"(?m)^(Console log|Source) .*", r"\1 PATH", text)
    text = re.sub(r"(?m)^/\S+$", "PATH", text)
    text = re.sub(r"\brule-[0-9a-f]{17}\b", "ID", text)
    text = re.sub(r"\d+(\.\d+)*", "N", text)
    text = re.sub(r"(\bN (s|min|h)\b|\bnow\b)", "AGE", text)
    return [re.sub(r"\s+", " ", line).strip() for line in text.splitlines() if line.strip()]


class Readme(Case):
    def setUp(self):
        super().setUp()
        need(TINY, "the tiny image")
        self.work = self.store.folder / "work"
        (self.work / "build/images").mkdir(parents=True)
        for image in (TINY, DEBIAN):
            if os.path.exists(image):
                os.symlink(image, self.work / "build/images" / os.path.basename(image))
        os.symlink(TOP / "images", self.work / "images")
        self.environment = {**self.store.environment, "PATH": f"{os.path.dirname(AMIVIRT)}:{os.environ['PATH']}"}
        self.updates = bool(os.environ.get("AMIVIRT_UPDATE_README"))

    def run_tour(self, block):
        """The block as it would stand there now."""
        printed = ""
        for command, expected in commands(block):
            ran = subprocess.run(["bash", "-o", "pipefail", "-c", SHELL.format(command)], cwd=self.work, env=self.environment, capture_output=True, text=True,
                                 stdin=subprocess.DEVNULL, timeout=600, check=False)
            self.assertEqual(ran.returncode, 0, f"{command}: {ran.stderr}")
            printed += f"$ {command}\n{ran.stdout}"
            if ran.stdout and not ran.stdout.endswith("\n"):
                printed += "\n"
            if not self.updates and command not in OF_THIS_HOST:
                self.assertEqual(shape(ran.stdout), shape(expected), f"README.md differs from what `{command}` prints")
        return printed.replace(str(self.store.home), "/var/lib/amivirt").replace(str(self.work), "/src/amivirt")

    def test_tours(self):
        text = README.read_text()
        new_text = ""
        end = 0
        tours = 0
        left_out = []
        for block in BLOCK.finditer(text):
            if block["file"]:
                (self.work / block["file"]).write_text(block["text"])
            if block["kind"] != "console":
                continue
            missing = [i for i in re.findall(r"build/images/\S+\.qcow2", block["text"]) if not (self.work / i).exists()]
            if missing:
                left_out.append(f"a tour needs {missing[0]}")
                continue
            new_text += text[end:block.start("text")] + self.run_tour(block["text"])
            end = block.end("text")
            tours += 1
        self.assertGreaterEqual(tours, 2)
        self.assert_clean()
        if self.updates:
            README.write_text(new_text + text[end:])
            self.skipTest("; ".join(["README.md was written anew", *left_out]))
        if left_out:
            self.skipTest("; ".join(left_out))


class Reading(unittest.TestCase):
    """How a tour is read."""

    def test_commands(self):
        self.assertEqual(commands("$ a\n1\n2\n$ b \\\n  c\n$ d\n\n"), [("a", "1\n2"), ("b \\\n  c", ""), ("d", "")])
        self.assertEqual(commands("nothing\n"), [])

    def test_blocks(self):
        found = [(b["kind"], b["file"], b["text"]) for b in BLOCK.finditer("x\n```yaml lab.yaml\na: 1\n```\n\n```console\n$ a\n```\n```\nplain\n```\n")]
        self.assertEqual(found, [("yaml", "lab.yaml", "a: 1\n"), ("console", None, "$ a\n")])

    def test_shape(self):
        self.assertEqual(shape("i-0123456789abcdef0  web  42 s\n"), shape("i-ffffffffffffffff0 web now\n"))
        self.assertNotEqual(shape("web running\n"), shape("web stopped\n"))


if __name__ == "__main__":
    main()
