"""`run --inject` on an image that reads no seed: keys, host name, host key and a first-boot script are on the disk before it boots."""

import json

from harness import Case, TINY, main, need

# Instead of the image's own reading of a seed. The host key is taken from where OpenSSH has it, into dropbear's form; scripts run as OpenRC's
# "local" service runs them.
PLAIN = r"""
name=$(cat /etc/hostname); hostname "$name"
key=/etc/dropbear/dropbear_ed25519_host_key
rm -f $key $key.pub
if [ -f /etc/ssh/ssh_host_ed25519_key ]; then
    sed -n '/-----BEGIN/,/-----END/{/-----/!p}' /etc/ssh/ssh_host_ed25519_key | base64 -d >/run/given
    { printf '\0\0\0\013ssh-ed25519\0\0\0\100'; dd if=/run/given bs=1 skip=161 count=64 2>/dev/null; } >$key
    chmod 600 $key
else
    dropbearkey -t ed25519 -f $key >/dev/null 2>&1
fi
for script in /etc/local.d/*.start; do
    [ ! -x "$script" ] || "$script"
done
"""

MAKE_PLAIN = """set -e
cat >/usr/lib/tiny/seed
rm -rf /root/.ssh/* /var/lib/cloud/* /etc/dropbear/*key*
mkdir -p /etc/ssh /etc/local.d
echo plain >/etc/hostname
printf '#!/bin/sh\\nexit 0\\n' >/usr/lib/tiny/user-data
sync
"""


class Inject(Case):
    def setUp(self):
        super().setUp()
        need(TINY, "the tiny image")

    def script(self):
        script = self.store.folder / "script"
        script.write_text("#!/bin/sh\necho \"ran as $(id -un) on $(hostname)\" >>/root/ran\n")
        return script

    def test_what_nobody_would_run_is_refused(self):
        """A system that has neither systemd nor OpenRC has nobody to run the script: told, and nothing is left."""
        store = self.store
        store.import_tiny()
        refused = store.run("run", "tiny", "--type", "t2.nano", "--inject", "--user-data", self.script(), timeout=600)
        self.assertEqual((refused.status, "(UnsupportedOperation)" in refused.err), (1, True), refused)
        self.assertEqual(store.ok("ps", "-o", "id").lines, [])
        self.assert_clean()
        config = store.folder / "config.yaml"
        config.write_text("#cloud-config\n{}\n")
        refused = store.run("run", "tiny", "--type", "t2.nano", "--inject", "--user-data", config)
        self.assertEqual((refused.status, "begins with \"#!\"" in refused.err), (2, True), refused)
        self.assert_clean()

    def test_inject(self):
        store = self.store
        store.import_tiny()
        script = self.script()
        made = store.ok("run", "tiny", "--type", "t2.nano", "--wait", "ssh", "-o", "id").out.strip()
        (store.folder / "seed").write_text(PLAIN)
        store.ok("cp", store.folder / "seed", f"{made}:/tmp/seed")
        store.ok("exec", made, "--", "sh", "-c", f"exec </tmp/seed; {MAKE_PLAIN}")
        store.ok("stop", made)
        store.ok("image", "create", made, "--name", "plain")
        store.ok("terminate", made)

        # Without: nobody gets in, which shows that it reads no seed.
        without = store.ok("run", "plain", "--type", "t2.nano", "--wait", "ssh", "-o", "id").out.strip()
        stranger = store.run("exec", without, "--accept-new-host-key", "--", "true")
        self.assertEqual((stranger.status != 0, "Permission denied" in stranger.err), (True, True), stranger)
        store.ok("terminate", without)

        launched = store.ok("run", "plain", "--type", "t2.nano", "--inject", "--user-data", script, "--name", "Web 1", "--wait", "ssh", "-o", "id",
                            timeout=600)
        web = launched.out.strip()
        self.assertIn(f"putting keys into {web}", launched.err)
        # The host key that it was given is the one it shows: no word of accepting another.
        self.assertEqual(store.ok("exec", web, "--", "hostname").out, "web-1\n")
        self.assertEqual(store.ok("exec", web, "--", "cat", "/root/ran").out, "ran as root on web-1\n")
        modes = store.ok("exec", web, "--", "stat", "-c", "%a %u %n", "/root/.ssh", "/root/.ssh/authorized_keys", "/etc/ssh/ssh_host_ed25519_key").out
        self.assertEqual(modes.splitlines(), ["700 0 /root/.ssh", "600 0 /root/.ssh/authorized_keys", "600 0 /etc/ssh/ssh_host_ed25519_key"])
        # Once, not at every boot.
        store.ok("stop", web)
        store.ok("start", web)
        self.assertEqual(store.ok("exec", web, "--", "cat", "/root/ran").out, "ran as root on web-1\n")
        shown = json.loads(store.ok("instance", "show", web, "-o", "json").out)["Reservations"][0]["Instances"][0]
        self.assertTrue(shown["SshHostKey"].startswith("ssh-ed25519 "))
        store.ok("terminate", web)
        self.assert_clean()


if __name__ == "__main__":
    main()
