"""libvirtd is killed and comes back: while an instance runs, and in the middle of a launch. Alone on this host's libvirt."""

import os
import pathlib
import re
import shutil
import signal
import subprocess

from harness import Case, Result, TINY, URI, main, need, wait_until


class LibvirtdKilled(Case):
    def libvirtd(self):
        """The daemon's pid, of one that this test may kill: then it runs again at the end, whatever happens."""
        if os.geteuid() != 0:
            self.skipTest("libvirtd is not ours to kill: not root")
        if os.path.isdir("/run/systemd/system"):
            self.skipTest("libvirtd is systemd's to start")
        pids = subprocess.run(["pgrep", "-x", "libvirtd"], capture_output=True, text=True, check=False).stdout.split()
        if len(pids) != 1:
            self.skipTest(f"not one libvirtd here but {len(pids)}")
        self.addCleanup(self.start_libvirtd)
        return int(pids[0])

    def kill_libvirtd(self):
        pid = self.libvirtd()
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not os.path.exists(f"/proc/{pid}"), 10, "libvirtd is dead")

    def forget_what_libvirt_cannot(self):
        """libvirt 9.0 killed while it starts a domain, before it knows QEMU's pid, holds that domain for ever after: it takes up the job of
        starting it without a thread that would end it, and destroy waits for that job. Only removing its status file helps."""
        for (name,) in self.store.rows("SELECT id FROM instance"):
            status = pathlib.Path(f"/run/libvirt/qemu/{name}.xml")
            if status.exists() and re.search("<domstatus [^>]*pid='0'", status.read_text()):
                subprocess.run(["pkill", "-KILL", "-f", f"guest={name}"], check=False)
                status.unlink()

    def start_libvirtd(self):
        """As scripts/setup does; it must outlive us and hold nothing of ours."""
        def answers():
            return subprocess.run(["virsh", "-c", URI, "version"], capture_output=True, check=False).returncode == 0

        if not answers():
            reaper = ["tini", "-s", "--"] if shutil.which("tini") else []
            subprocess.Popen([*reaper, "libvirtd"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                             start_new_session=True, cwd="/", env={k: v for k, v in os.environ.items() if not k.startswith("AMIVIRT_")})
        wait_until(answers, 30, "libvirtd answers")

    def qemus(self, instance):
        return subprocess.run(["pgrep", "-f", f"guest={instance}"], capture_output=True, text=True, check=False).stdout.split()

    def test_libvirtd_killed_while_an_instance_runs(self):
        need(TINY, "the tiny image")
        self.store.import_tiny()
        instance = self.store.ok("run", "tiny", "--type", "t2.nano", "--wait", "ssh", "-o", "id").out.strip()
        qemu = self.qemus(instance)
        self.kill_libvirtd()
        unknown = self.store.run("ps")
        self.assertEqual((unknown.status, instance in unknown.out, "libvirt could not be asked" in unknown.err), (7, True, True), unknown)
        self.assertIn("Linux version", self.store.ok("console", instance).out)
        self.start_libvirtd()
        shown = self.store.ok("ps", "-o", "json").json["Reservations"][0]["Instances"][0]
        self.assertEqual((shown["InstanceId"], shown["State"]["Name"]), (instance, "running"))
        self.assertEqual(self.qemus(instance), qemu, "the machine itself never stopped")
        self.assertEqual(self.store.ok("console", instance).out.count("Linux version"), 1)
        self.assert_clean()
        self.store.ok("stop", instance)
        self.assert_clean()
        self.store.ok("start", instance, "--wait", "ssh")
        self.assertEqual(self.store.ok("console", instance).out.count("Linux version"), 2)
        self.store.ok("terminate", instance)
        self.assertEqual(self.qemus(instance), [])
        self.assert_clean()

    def test_libvirtd_killed_in_the_middle_of_a_launch(self):
        need(TINY, "the tiny image")
        self.store.import_tiny()
        for point in ("run.files", "run.started"):
            with self.subTest(point=point):
                trace = self.store.folder / f"trace-{point}"
                launch = self.store.start("run", "tiny", "-n", "2", "--type", "t2.nano", "-o", "id", AMIVIRT_FAULT_TRACE=str(trace))
                wait_until(lambda: launch.poll() is not None or (trace.exists() and point in trace.read_text()), 60, "the launch is under way")
                if not trace.exists():
                    launch.communicate()
                    self.skipTest("this build has no fault points (AMIVIRT_FAULT_INJECTION)")
                self.kill_libvirtd()
                launch.stdout, launch.stderr = launch.communicate(timeout=120)
                launched = Result(launch)
                if launched.status != 0:
                    self.assertEqual((launched.status, "(Hypervisor" in launched.err), (7, True), launched)
                self.forget_what_libvirt_cannot()
                self.start_libvirtd()
                ids = self.store.ok("ps", "-o", "id").lines
                self.assertEqual(sorted(ids), sorted(launched.lines))
                self.assert_clean()
                if ids:
                    self.store.ok("terminate", *ids)
                known = subprocess.run(["pgrep", "-af", str(self.store.region)], capture_output=True, text=True, check=False).stdout
                self.assertEqual(known, "", "no QEMU is left that libvirt has forgotten")
                self.assert_clean()


if __name__ == "__main__":
    main()
