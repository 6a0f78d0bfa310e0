"""One image, several real machines: import, launch, log in, stop, start, reboot, console, terminate, as a user would."""

import os
import pathlib
import subprocess

from harness import Case, TINY, main, need, virsh, wait_until


class Launch(Case):
    def setUp(self):
        super().setUp()
        need(TINY, "the tiny image")

    def key(self):
        path = self.store.folder / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
        return path

    def user_data(self, key):
        path = self.store.folder / "user-data"
        path.write_text("#cloud-config\nssh_authorized_keys:\n  - " + key.with_suffix(".pub").read_text())
        return path

    def ssh(self, key, port, command):
        return subprocess.run(["ssh", "-i", key, "-p", str(port), "-o", "IdentitiesOnly=yes", "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=20",
                               "-o", f"UserKnownHostsFile={self.store.folder}/known_hosts", "-o", "StrictHostKeyChecking=accept-new",
                               "root@127.0.0.1", command], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120, check=True).stdout

    def instances(self, *words):
        return [i for r in self.store.ok("ps", "-o", "json", *words).json["Reservations"] for i in r["Instances"]]

    def test_from_image_to_three_machines_and_back(self):
        image = self.store.import_tiny()
        self.assertRegex(image, r"^ami-[0-9a-f]{17}$")
        key = self.key()
        count = int(os.environ.get("AMIVIRT_E2E_MACHINES", "3"))
        launched = self.store.ok("run", "tiny", "-n", count, "--type", "t2.nano", "--name", "web", "--user-data", self.user_data(key), "--wait", "ssh", "-o", "id")
        ids = launched.lines
        self.assertEqual(len(ids), count)
        shown = self.instances()
        self.assertEqual({i["InstanceId"] for i in shown}, set(ids))
        self.assertEqual({t["Value"] for i in shown for t in i["Tags"]}, {f"web-{n}" for n in range(1, count + 1)} if count > 1 else {"web"})
        ports = {i["InstanceId"]: i["PortForwards"][0]["HostPort"] for i in shown}
        self.assertEqual(len(set(ports.values())), count)
        for instance, port in ports.items():
            answer = self.ssh(key, port, "cat /var/lib/cloud/data/instance-id; hostname; cat /sys/block/vda/serial")
            said, host, serial = answer.split()
            self.assertEqual(said, instance)
            self.assertRegex(host, r"^web(-[123])?$")
            volume = next(i for i in shown if i["InstanceId"] == instance)["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
            self.assertEqual(serial, volume.replace("-", ""))
        self.assertIn("SSH", self.store.ok("ps").out)
        self.assertIn(f"127.0.0.1:{ports[ids[0]]}", self.store.ok("ps").out)

        # The filters and names of the aws CLI.
        last = shown[-1]
        self.assertEqual(self.store.ok("ps", "--filter", f"Name=tag:Name,Values={last['Tags'][0]['Value']}", "-o", "id").lines, [last["InstanceId"]])
        self.assertEqual(self.store.ok("ps", "--filter", "Name=instance-state-name,Values=stopped", "-o", "id").lines, [])

        # What is written stays over stop and start; the console goes on.
        first = ids[0]
        self.ssh(key, ports[first], "echo kept > /root/kept; sync")
        self.assertIn("Linux version", self.store.ok("console", first).out)
        name = next(i["Tags"][0]["Value"] for i in shown if i["InstanceId"] == first)
        self.store.ok("stop", name)
        self.assertEqual(self.store.ok("instance", "show", first, "-o", "json").json["Reservations"][0]["Instances"][0]["State"], {"Code": 80, "Name": "stopped"})
        self.assertEqual(virsh("domstate", first).strip(), "shut off")
        self.store.ok("start", name, "--wait", "ssh")
        port = next(i for i in self.instances() if i["InstanceId"] == first)["PortForwards"][0]["HostPort"]
        self.assertEqual(self.ssh(key, port, "cat /root/kept").strip(), "kept")
        self.assertEqual(self.store.ok("console", first).out.count("Linux version"), 2)

        # A reboot brings the guest up again without a new domain.
        self.store.ok("reboot", first)
        wait_until(lambda: self.store.ok("console", first).out.count("Linux version") == 3, 60, "the guest boots a third time")
        self.assertEqual(self.store.leaks(), [])

        # The image goes; the machines run on, and the last of them takes the layer along.
        self.store.ok("image", "deregister", "tiny", "--delete-snapshots")
        self.assertEqual(len(self.instances()), count)
        refused = self.store.run("run", image)
        self.assertEqual((refused.status, "InvalidAMIID.Unavailable" in refused.err), (5, True), refused)
        self.assertEqual(sorted(self.store.ok("terminate", *ids).lines), sorted(ids))
        self.assertEqual(self.store.files("disks"), [])
        self.assertEqual(self.instances(), [])
        self.assertEqual(len(self.instances("-a")), count)
        self.assertEqual(self.store.ok("terminate", first).lines, [first])  # again is done
        self.assertEqual(self.store.leaks(), [])

    def test_uefi_with_its_own_nvram(self):
        self.store.import_tiny("tiny-uefi", "--boot-mode", "uefi")
        instance = self.store.ok("run", "tiny-uefi", "--type", "t2.nano", "--wait", "ssh", "-o", "id", timeout=200).out.strip()
        self.assertEqual(self.instances()[0]["CurrentInstanceBootMode"], "uefi")
        self.assertIn(f"instances/{instance}/nvram.fd", virsh("dumpxml", instance))
        self.assertIn("EFI", self.store.ok("console", instance).out)
        self.store.ok("terminate", instance)
        self.assert_clean()

    def test_the_guest_powers_itself_off(self):
        self.store.import_tiny()
        script = self.store.folder / "off"
        script.write_text("#!/bin/sh\nsync\npoweroff\n")
        stops = self.store.ok("run", "tiny", "--type", "t2.nano", "--user-data", script, "-o", "id").out.strip()
        ends = self.store.ok("run", "tiny", "--type", "t2.nano", "--user-data", script, "--shutdown-behavior", "terminate", "-o", "id").out.strip()
        for instance in (stops, ends):
            wait_until(lambda i=instance: virsh("domstate", i, check=False).strip() in ("shut off", ""), 60, "the guest is off")
        states = {i["InstanceId"]: (i["State"]["Name"], i["StateReason"]["Code"]) for i in self.instances("-a")}
        self.assertEqual(states[stops], ("stopped", "Client.InstanceInitiatedShutdown"))
        self.assertEqual(states[ends][0], "terminated")
        self.assertEqual(self.store.leaks(), [])
        self.store.ok("terminate", stops)
        self.assert_clean()

    def test_json_yaml_id_and_table_say_the_same(self):
        image = self.store.import_tiny()
        shown = self.store.ok("image", "list", "-o", "json").json["Images"]
        self.assertEqual([i["ImageId"] for i in shown], [image])
        for field in ("ImageId", "Name", "State", "OwnerId", "Public", "CreationDate", "Architecture", "BlockDeviceMappings", "RootDeviceName"):
            self.assertIn(field, shown[0])
        self.assertEqual(self.store.ok("image", "list", "-o", "id").lines, [image])
        self.assertIn(f"ImageId: {image}", self.store.ok("image", "list", "-o", "yaml").out)
        self.assertIn(image, self.store.ok("image", "list").out)
        self.assertEqual(self.store.ok("image", "list", "--filter", "Name=name,Values=ti*", "-o", "id").lines, [image])
        self.assertEqual(self.store.ok("image", "list", "--filter", "Name=name,Values=no*", "-o", "id").lines, [])

    def test_a_client_token_launches_once(self):
        self.store.import_quiet()
        first = self.store.ok("run", "quiet", "--type", "t2.nano", "--client-token", "job-1", "-o", "id").lines
        self.assertEqual(self.store.ok("run", "quiet", "--type", "t2.nano", "--client-token", "job-1", "-o", "id").lines, first)
        other = self.store.run("run", "quiet", "--type", "t3.micro", "--client-token", "job-1")
        self.assertEqual((other.status, "IdempotentParameterMismatch" in other.err), (2, True), other)
        self.assertEqual(len(self.store.domains()), 1)
        dry = self.store.run("run", "quiet", "--dry-run")
        self.assertEqual(dry.status, 0, dry)
        self.assertEqual(len(self.store.domains()), 1)

    def test_no_wait_returns_when_they_are_pending(self):
        self.store.import_quiet()
        ids = self.store.ok("run", "quiet", "-n", 2, "--type", "t2.nano", "--no-wait", "-o", "id").lines
        self.assertEqual(len(ids), 2)
        self.assertLessEqual({i["State"]["Name"] for i in self.instances()}, {"pending", "running"})
        wait_until(lambda: all(i["State"]["Name"] == "running" for i in self.instances()), 60, "they run")
        self.assertEqual({i["InstanceId"] for i in self.instances()}, set(ids))
        wait_until(lambda: self.store.leaks() == [], 10, "the launch in the background ends")
        self.store.ok("terminate", *ids)
        self.assert_clean()

    def test_no_wait_tells_in_the_foreground_what_is_wrong_at_once(self):
        self.store.import_quiet()
        for words, status, code in ((("nobody",), 3, "InvalidAMIID.NotFound"), (("quiet", "--type", "t9.huge"), 2, "InvalidParameterValue"),
                                    (("quiet", "--connect", "qemu:///nowhere"), 7, "HypervisorUnavailable")):
            refused = self.store.run("run", *words, "--no-wait")
            self.assertEqual((refused.status, refused.out, code in refused.err), (status, "", True), refused)
        self.assert_clean()

    def test_no_wait_that_fails_later_says_why_in_the_log(self):
        self.store.import_quiet()
        config = self.store.folder / "config/amivirt/templates"
        config.mkdir(parents=True)
        template = (pathlib.Path(__file__).parents[2] / "templates/domain.xml").read_text()
        config.joinpath("domain.xml").write_text(template.replace("<on_crash>destroy", "<on_crash>nonsense"))
        log = self.store.folder / "log"
        instance = self.store.ok("run", "quiet", "--type", "t2.nano", "--no-wait", "-o", "id", AMIVIRT_LOG=str(log)).out.strip()
        wait_until(lambda: f"the launch of {instance} failed: " in log.read_text(), 60, "the log says it")
        wait_until(lambda: self.store.leaks() == [], 20, "it is undone")
        ended = self.instances("-a")
        self.assertEqual([(i["InstanceId"], i["State"]["Name"]) for i in ended], [(instance, "terminated")])
        self.assertIn("Server.InternalError: ", ended[0]["StateReason"]["Message"])

    def test_accelerator_falls_back_with_one_line(self):
        self.store.import_quiet()
        modules = os.path.isdir("/sys/module/kvm_intel") or os.path.isdir("/sys/module/kvm_amd")
        if modules or not os.path.exists("/dev/kvm"):
            self.skipTest("this host's KVM is usable, or absent: nothing to fall back from")
        run = self.store.ok("run", "quiet", "--type", "t2.nano")
        self.assertEqual(len([line for line in run.err.splitlines() if "TCG" in line]), 1, run)
        self.assertEqual(self.instances()[0]["Accelerator"], "tcg")


if __name__ == "__main__":
    main()
