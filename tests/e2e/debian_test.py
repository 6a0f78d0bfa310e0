"""A real cloud image: debian-12 is inspected, launched, and cloud-init does what it is told."""

import subprocess

from harness import Case, DEBIAN, main, need


class Debian(Case):
    def test_inspected_launched_and_set_up_by_cloud_init(self):
        need(DEBIAN, "the debian-12 image")
        key = self.store.folder / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        user_data = self.store.folder / "user-data"
        user_data.write_text("#cloud-config\nssh_authorized_keys:\n  - " + key.with_suffix(".pub").read_text() +
                             "write_files:\n  - {path: /run/told, content: by amivirt}\n")
        self.store.ok("image", "import", DEBIAN, "--name", "debian-12", timeout=400)
        image = self.store.ok("image", "show", "debian-12", "-o", "json").json["Images"][0]
        self.assertIn("Debian GNU/Linux 12", image["PlatformDetails"])
        self.assertEqual(image["Architecture"], "x86_64")
        self.assertEqual(image["BootMode"], "legacy-bios")

        instance = self.store.ok("run", "debian-12", "--type", "t3.small", "--name", "deb", "--user-data", user_data, "--wait", "ssh=400s", "-o", "id",
                                 timeout=500).out.strip()
        shown = self.store.ok("instance", "show", "deb", "-o", "json").json["Reservations"][0]["Instances"][0]
        said = subprocess.run(["ssh", "-i", key, "-p", str(shown["PortForwards"][0]["HostPort"]), "-o", "IdentitiesOnly=yes", "-o", "LogLevel=ERROR",
                               "-o", f"UserKnownHostsFile={self.store.folder}/known_hosts", "-o", "StrictHostKeyChecking=accept-new",
                               "-o", "ConnectTimeout=60", "-o", "ConnectionAttempts=5", "debian@127.0.0.1",
                               "cloud-init status --wait >/dev/null; sudo cat /var/lib/cloud/data/instance-id; hostname; cat /run/told; echo; "
                               "ls /dev/disk/by-id"],
                              capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300, check=False)
        self.assertEqual(said.returncode, 0, said.stderr + self.store.run("console", instance).out[-2000:])
        lines = said.stdout.splitlines()
        self.assertEqual(lines[:3], [instance, "deb", "by amivirt"])
        self.assertIn("virtio-" + shown["BlockDeviceMappings"][0]["Ebs"]["VolumeId"].replace("-", ""), said.stdout)
        self.store.ok("terminate", "deb")
        self.assert_clean()


if __name__ == "__main__":
    main()
