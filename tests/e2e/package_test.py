"""The Debian package: what is in it, what it needs, and that it works where it was unpacked. Needs no network."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from harness import AMIVIRT, TOP, main

BUILD = pathlib.Path(AMIVIRT).parents[1]
TOOLS = ("cpack", "dpkg-deb", "dpkg-shlibdeps", "man", "gzip")


def output(*words, **options):
    return subprocess.run([str(w) for w in words], capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL, **options).stdout


class Package(unittest.TestCase):
    """Packed once: it takes some seconds."""

    @classmethod
    def setUpClass(cls):
        for tool in TOOLS:
            if shutil.which(tool) is None:
                raise unittest.SkipTest(f"{tool} is not installed")
        if not (BUILD / "CPackConfig.cmake").exists():
            raise unittest.SkipTest(f"{BUILD} is no build tree")
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="amivirt-package.", dir="/var/tmp"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        # Packed fast, not small: the preset's own compression takes ten times as long over a sanitizer's program.
        packed = subprocess.run(["cpack", "--config", BUILD / "CPackConfig.cmake", "-G", "DEB", "-B", cls.folder, "-D", "CPACK_DEBIAN_COMPRESSION_TYPE=gzip"],
                                capture_output=True, text=True, check=False)
        if packed.returncode != 0:
            raise AssertionError(packed.stdout + packed.stderr)
        cls.deb, = cls.folder.glob("*.deb")
        cls.root = cls.folder / "root"
        subprocess.run(["dpkg-deb", "-x", cls.deb, cls.root], check=True)
        cls.amivirt = cls.root / "usr/bin/amivirt"

    def field(self, name):
        return output("dpkg-deb", "-f", self.deb, name).strip()

    def packages_of(self, *fields):
        return {re.split(r"[ (:]", alternative.strip())[0] for field in fields for entry in self.field(field).split(",")
                for alternative in entry.split("|") if alternative.strip()}

    def test_what_it_says_of_itself(self):
        self.assertEqual(self.field("Package"), "amivirt")
        self.assertEqual(f"amivirt {self.field('Version')}\n", output(self.amivirt, "--version"))
        self.assertEqual(self.field("Architecture"), output("dpkg", "--print-architecture").strip())
        self.assertEqual(self.deb.name, f"amivirt_{self.field('Version')}_{self.field('Architecture')}.deb")
        summary, *more = self.field("Description").splitlines()
        self.assertTrue(0 < len(summary) <= 80 and not summary.endswith("."), summary)
        self.assertGreaterEqual(len(more), 2)
        self.assertLessEqual(max(map(len, more)), 80)
        self.assertEqual(self.field("Section"), "admin")
        self.assertRegex(self.field("Maintainer"), r"^.+ <.+@.+>$")

    def test_what_it_needs(self):
        needed = self.packages_of("Depends")
        self.assertLessEqual({"libvirt0", "libguestfs0", "libc6", "libstdc++6"}, needed)  # found by looking into the program
        self.assertLessEqual({"qemu-system-x86", "qemu-utils", "libvirt-daemon-system", "openssh-client"}, needed)
        # All that scripts/setup installs to run is known to the package, too.
        listed = re.search(r"^run=\((.*?)\)", (TOP / "scripts/setup").read_text(), re.M | re.S).group(1).split()
        self.assertEqual(set(listed) - self.packages_of("Depends", "Recommends", "Suggests"), set())

    def test_what_is_in_it(self):
        inside = {str(p.relative_to(self.root)) for p in self.root.rglob("*")}
        for file in ("usr/share/amivirt/templates/domain.xml", "usr/share/amivirt/templates/instance-types.yaml", "usr/share/amivirt/images/tiny/build",
                     "usr/share/bash-completion/completions/amivirt", "usr/share/zsh/vendor-completions/_amivirt",
                     "usr/share/fish/vendor_completions.d/amivirt.fish", "usr/share/man/man1/amivirt.1.gz", "usr/share/man/man1/amivirt-run.1.gz",
                     "usr/lib/systemd/system/amivirt.service", "usr/lib/systemd/user/amivirt.socket", "usr/share/doc/amivirt/copyright", "usr/share/doc/amivirt/changelog.gz"):
            self.assertIn(file, inside)
        self.assertEqual({p.split("/")[0] for p in inside}, {"usr"})
        for line in output("dpkg-deb", "-c", self.deb).splitlines():
            mode, owner = line.split()[:2]
            self.assertEqual(owner, "root/root", line)
            self.assertRegex(mode, r"^(-rw-r--r--|-rwxr-xr-x|drwxr-xr-x)$", line)
        self.assertNotIn(".symtab", output("readelf", "-S", "-W", self.amivirt) if shutil.which("readelf") else "")

    def test_it_can_be_installed(self):
        """Into a root of its own, by dpkg; what it needs is not there, and is not asked for here."""
        target = self.folder / "target"
        (target / "var/lib/dpkg/updates").mkdir(parents=True)
        (target / "var/lib/dpkg/info").mkdir()
        (target / "var/lib/dpkg/status").write_text("")
        dpkg = ("dpkg", f"--root={target}", "--force-not-root", "--force-script-chrootless", "--force-depends", "--log=/dev/null")
        output(*dpkg, "-i", self.deb)
        self.assertEqual(output(target / "usr/bin/amivirt", "--version"), output(self.amivirt, "--version"))
        self.assertEqual(output("dpkg", f"--root={target}", "--verify", "amivirt"), "")
        output(*dpkg, "--purge", "amivirt")
        self.assertEqual([p for p in target.glob("usr/**/*") if p.is_file()], [])

    def test_it_works_from_where_it_is(self):
        home = self.folder / "home"
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(home), "AMIVIRT_HOME": str(home), "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "")}
        self.assertIn("t3.micro", output(self.amivirt, "instance-type", "list", env=environment))
        self.assertIn("t3.micro", output(self.amivirt, "__complete", "run", "--type", "t3.m", env=environment))
        for shell, file in (("bash", "bash-completion/completions/amivirt"), ("zsh", "zsh/vendor-completions/_amivirt"),
                            ("fish", "fish/vendor_completions.d/amivirt.fish")):
            self.assertEqual(output(self.amivirt, "completion", shell), (self.root / "usr/share" / file).read_text())

    def test_every_man_page_renders(self):
        pages = sorted((self.root / "usr/share/man/man1").glob("*.1.gz"))
        self.assertGreater(len(pages), 50)
        environment = {"PATH": "/usr/bin:/bin", "MANWIDTH": "80", "MANROFFSEQ": "", "LC_ALL": "C.UTF-8"}
        for page in pages:
            text = output("gzip", "-dc", page)
            if text.startswith(".so "):
                self.assertTrue((self.root / "usr/share/man" / f"{text.split()[1]}.gz").exists(), page)
                continue
            # As `man -l` does it, but that it would pass its own warnings over.
            shown = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-rLL=80n", "-rCHECKSTYLE=0", "-z"], input=text, capture_output=True, text=True,
                                   env=environment, check=False) if shutil.which("groff") else None
            if shown is not None:
                self.assertEqual((shown.returncode, shown.stderr), (0, ""), page)
        for page in ("amivirt", "amivirt-run", "amivirt-image-import"):
            shown = subprocess.run(["man", "--warnings", "-l", self.root / f"usr/share/man/man1/{page}.1.gz"], env=environment, capture_output=True,
                                   text=True, check=False)
            self.assertEqual((shown.returncode, shown.stderr), (0, ""), page)
            self.assertIn("NAME", shown.stdout)


if __name__ == "__main__":
    main()
