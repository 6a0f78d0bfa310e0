"""Every command of README.md's tours runs, and prints what README.md says.

AMIVIRT_UPDATE_README=1 writes what was really printed into README.md instead."""

import os
import re
import subprocess

from harness import AMIVIRT, Case, TINY, TOP, main, need

README = TOP / "README.md"
BLOCK = re.compile(r"```console\n(.*?)```", re.S)


def commands(block):
    """[(command, printed)] of one console block."""
    found = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif found:
            found[-1][1].append(line)
    return [(command, "\n".join(lines).strip()) for command, lines in found]


def shape(text):
    """What stays the same from run to run and from host to host."""
    text = re.sub(r"\b(ami|i|vol|snap|r)-[0-9a-f]{17}\b", "ID", text)
    text = re.sub(r"\b\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME", text)
    text = re.sub(r"(?m)^(Console log|Source) .*", r"\1 PATH", text)
    text = re.sub(r"\d+(\.\d+)*", "N", text)
    text = re.sub(r"(\bN (s|min|h)\b|\bnow\b)", "AGE", text)
    return [re.sub(r"\s+", " ", line).strip() for line in text.splitlines() if line.strip()]


class Readme(Case):
    def setUp(self):
        super().setUp()
        need(TINY, "the tiny image")
        self.work = self.store.folder / "work"
        (self.work / "build/images").mkdir(parents=True)
        os.symlink(TINY, self.work / "build/images/tiny.qcow2")
        os.symlink(TOP / "images", self.work / "images")
        self.environment = {**self.store.environment, "PATH": f"{os.path.dirname(AMIVIRT)}:{os.environ['PATH']}"}

    def test_tours(self):
        text = README.read_text()
        blocks = BLOCK.findall(text)
        self.assertGreaterEqual(len(blocks), 2)
        new_text = text
        for block in blocks:
            printed_block = ""
            for command, expected in commands(block):
                ran = subprocess.run(["bash", "-o", "pipefail", "-c", command], cwd=self.work, env=self.environment, capture_output=True, text=True,
                                     stdin=subprocess.DEVNULL, timeout=400, check=False)
                self.assertEqual(ran.returncode, 0, f"{command}: {ran.stderr}")
                printed_block += f"$ {command}\n{ran.stdout}"
                # What a host is differs; that it was examined does not.
                if not os.environ.get("AMIVIRT_UPDATE_README") and command != "amivirt doctor":
                    self.assertEqual(shape(ran.stdout), shape(expected), f"README.md differs from what `{command}` prints")
            new_text = new_text.replace(block, printed_block.replace(str(self.store.home), "/var/lib/amivirt").replace(str(self.work), "/src/amivirt"))
        self.assert_clean()
        if os.environ.get("AMIVIRT_UPDATE_README"):
            README.write_text(new_text)
            self.skipTest("README.md was written anew")


if __name__ == "__main__":
    main()
