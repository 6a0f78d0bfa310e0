"""`cmake --install` yields a working tool, and a user's own templates and types go before the shipped ones."""

import json
import pathlib
import shutil
import subprocess

from harness import AMIVIRT, Case, TINY, main, need, virsh


class Installed(Case):
    def setUp(self):
        super().setUp()
        self.prefix = self.store.folder / "prefix"
        build = pathlib.Path(AMIVIRT).parents[1]
        if not (build / "cmake_install.cmake").exists():
            self.skipTest(f"{build} is no build tree")
        subprocess.run(["cmake", "--install", build, "--prefix", self.prefix], check=True, capture_output=True)
        self.amivirt = self.prefix / "bin/amivirt"

    def run_installed(self, *words):
        return subprocess.run([self.amivirt, *words], env=self.store.environment, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)

    def test_it_works_from_there(self):
        need(TINY, "the tiny image")
        for file in ("share/amivirt/templates/schema/lab.json", "share/amivirt/templates/schema/image.json",
                     "share/amivirt/templates/domain.xml", "share/amivirt/templates/instance-types.yaml", "share/amivirt/images/tiny/build",
                     "share/bash-completion/completions/amivirt", "share/zsh/site-functions/_amivirt", "lib/systemd/system/amivirt.socket",
                     "lib/systemd/user/amivirt.socket"):
            self.assertTrue((self.prefix / file).exists(), file)
        self.assertFalse((self.prefix / "share/amivirt/templates/systemd").exists())
        for whose in ("system", "user"):
            unit = (self.prefix / f"lib/systemd/{whose}/amivirt.service").read_text()
            self.assertIn(f"\nExecStart={self.prefix}/bin/amivirt serve $", unit)
            if shutil.which("systemd-analyze"):
                told = subprocess.run(["systemd-analyze", "verify", f"--{whose}", "--man=no", self.prefix / f"lib/systemd/{whose}/amivirt.service",
                                       self.prefix / f"lib/systemd/{whose}/amivirt.socket"], capture_output=True, text=True, check=False,
                                      env={**self.store.environment, "XDG_RUNTIME_DIR": str(self.store.folder)})
                self.assertEqual([line for line in told.stderr.splitlines() if "amivirt" in line], [])
        moved = self.store.folder / "elsewhere"
        shutil.move(self.prefix, moved)
        self.amivirt = moved / "bin/amivirt"
        self.assertEqual(self.run_installed("image", "import", TINY, "--name", "tiny", "--no-inspect").returncode, 0)

        # A type and a domain of the user's own.
        config = self.store.folder / "config/amivirt"
        (config / "templates").mkdir(parents=True)
        (config / "instance-types.yaml").write_text("mine.tiny: {vcpus: 1, memory: 192MiB}\n")
        shipped = (moved / "share/amivirt/templates/domain.xml").read_text()
        self.assertIn("<on_crash>destroy</on_crash>", shipped)
        (config / "templates/domain.xml").write_text(shipped.replace("<on_crash>destroy</on_crash>", "<on_crash>preserve</on_crash>"))
        ran = self.run_installed("run", "tiny", "--type", "mine.tiny", "-o", "id")
        self.assertEqual(ran.returncode, 0, ran.stderr)
        domain = virsh("dumpxml", ran.stdout.strip())
        self.assertIn("<on_crash>preserve</on_crash>", domain)
        self.assertIn("<memory unit='KiB'>196608</memory>", domain)
        self.assertIn("mine.tiny", self.run_installed("instance-type", "list").stdout)
        self.assertEqual(self.run_installed("terminate", ran.stdout.strip()).returncode, 0)
        self.assert_clean()

    def test_doctor(self):
        doctor = self.run_installed("doctor", "-o", "json")
        self.assertEqual(doctor.returncode, 0, doctor.stdout)
        found = json.loads(doctor.stdout)
        self.assertTrue(found["Healthy"])
        subjects = {f["Subject"] for f in found["Findings"]}
        self.assertTrue({"libvirt", "qemu-img", "accelerator", "libguestfs", "store", "memory"} <= subjects, subjects)


if __name__ == "__main__":
    main()
