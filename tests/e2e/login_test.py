"""Keys and logins: the default key, named keys, host keys, ssh, exec and cp, on a real guest; and what a launch killed meanwhile leaves."""

import os
import signal
import subprocess

from harness import AMIVIRT, Case, TINY, main, need, wait_until


def mode(path):
    return os.stat(path).st_mode & 0o777


class Login(Case):
    def setUp(self):
        super().setUp()
        need(TINY, "the tiny image")

    def test_run_and_ssh_and_all_around(self):
        """One guest for all of it: a boot costs more than anything done in it."""
        store = self.store
        store.import_tiny()
        keys = store.home / "keys"
        self.assertFalse(keys.exists())
        made = store.ok("run", "tiny", "--name", "web", "--type", "t2.nano", "-o", "json").json["Instances"][0]
        instance = made["InstanceId"]
        self.assertEqual(made["KeyName"], "amivirt")
        self.assertRegex(made["SshHostKey"], r"^ssh-ed25519 AAAA\S+$")
        self.assertEqual((mode(keys), mode(keys / "amivirt")), (0o700, 0o600))

        # At once: it waits, and says so on stderr.
        hello = store.ok("ssh", "web", "--", "echo", "hello  there", "$HOME", "'")
        self.assertEqual(hello.out, "hello  there $HOME '\n")
        self.assertIn(f"waiting for SSH of {instance}", hello.err)
        now = store.rows("SELECT host_key FROM instance WHERE id = ?", instance)[0][0]
        guest_key = store.ok("exec", "web", "--", "cat", "/etc/dropbear/dropbear_ed25519_host_key.pub").out.split()[:2]
        self.assertEqual(now.split()[:2], guest_key)
        self.assertEqual(store.ok("exec", instance, "--", "id", "-un").out, "root\n")

        # Statuses, streams.
        for status, words in ((0, ["true"]), (42, ["sh", "-c", "exit 42"]), (127, ["no-such-command"]), (255, ["sh", "-c", "exit 255"]),
                              (143, ["sh", "-c", "kill -TERM $$"])):
            ran = store.run("exec", "web", "--", *words)
            self.assertEqual(ran.status, status, f"{words}: {ran}")
            self.assertNotIn("LoginFailed", ran.err)
        both = store.run("exec", "web", "--", "sh", "-c", "echo out; echo err >&2")
        self.assertEqual((both.out, both.err), ("out\n", "err\n"))
        self.assertEqual(self.piped(b"\0\xff" * 50000, "exec", "web", "--", "sha256sum"),
                         subprocess.run(["sha256sum"], input=b"\0\xff" * 50000, capture_output=True, check=True).stdout)

        # Files and folders, both ways.
        here = store.folder / "here"
        (here / "sub").mkdir(parents=True)
        (here / "a file: with colon").write_text("one\n")
        (here / "sub/tool").write_text("#!/bin/sh\n")
        (here / "sub/tool").chmod(0o755)
        store.ok("cp", here, "web:/srv")
        self.assertEqual(store.ok("exec", "web", "--", "sh", "-c", "cat '/srv/a file: with colon'; /srv/sub/tool && echo ran").out, "one\nran\n")
        back = store.folder / "back"
        store.ok("cp", "web:/srv/sub", back)
        self.assertEqual(mode(back / "tool"), 0o755)
        store.ok("cp", here / "a file: with colon", f"{instance}:")
        self.assertEqual(store.ok("exec", "web", "--", "cat", "a file: with colon").out, "one\n")
        missing = store.run("cp", "web:/no/such", back)
        self.assertEqual((missing.status, "No such file" in missing.err), (1, True), missing)
        self.assertEqual(store.run("cp", "a", "b").status, 2)

        # Who may not.
        self.assert_login_fails("ssh", "web", "--user", "nobody-there", "--", "true", says="Permission denied")
        stranger = store.folder / "stranger"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", stranger], check=True)
        self.assert_login_fails("exec", "web", "-i", stranger, "--", "true", says="Permission denied")
        stranger.chmod(0o644)
        readable = store.run("exec", "web", "-i", stranger, "--", "true")
        self.assertEqual((readable.status, f'"{stranger}" has mode 0644' in readable.err), (2, True), readable)
        gone = store.run("exec", "web", "-i", store.folder / "no.pem", "--", "true")
        self.assertEqual((gone.status, "no.pem" in gone.err), (2, True), gone)

        # Another host key is no small thing: refused, until a person accepts it.
        store.ok("exec", "web", "--", "sh", "-c", "cd /etc/dropbear && rm -f *key* && dropbearkey -t ed25519 -f dropbear_ed25519_host_key >/dev/null 2>&1 && "
                 "kill $(cat /run/dropbear.pid) && sleep 0.2; dropbear -s -E -r /etc/dropbear/dropbear_ed25519_host_key -P /run/dropbear.pid")
        self.assert_login_fails("exec", "web", "--", "true", says="another SSH host key")
        store.ok("exec", "web", "--accept-new-host-key", "--", "true")
        store.ok("exec", "web", "--", "true")

        # A command that is interrupted ends, and so does a wait.
        process = store.start("exec", "web", "--", "sleep", "600")
        wait_until(lambda: "sleep 600" in store.run("exec", "web", "--", "ps").out, 30, "the command runs")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
        self.assertEqual(process.returncode, 128 + signal.SIGTERM)
        # The connection is gone with the machine.
        process = store.start("exec", "web", "--", "sleep", "601")
        wait_until(lambda: "sleep 601" in store.run("exec", "web", "--", "ps").out, 30, "the command runs")
        store.ok("terminate", "web")
        _, said = process.communicate(timeout=90)
        self.assertEqual((process.returncode, "LoginFailed" in said), (1, True), said)
        self.assertEqual(store.run("ssh", instance).status, 5)
        self.assert_clean()

    def test_keys(self):
        """No guest."""
        store = self.store
        first = store.ok("key", "create", "one")
        self.assertIn("-----BEGIN OPENSSH PRIVATE KEY-----", first.out)
        pem = store.folder / "two.pem"
        store.ok("key", "create", "two", "--type", "rsa", "--out", pem, "--tag", "team=web")
        self.assertEqual(mode(pem), 0o600)
        listed = store.ok("key", "list", "-o", "json").json["KeyPairs"]
        self.assertEqual([(k["KeyName"], k["KeyType"]) for k in listed], [("one", "ed25519"), ("two", "rsa")])
        derived = subprocess.run(["ssh-keygen", "-y", "-f", pem], capture_output=True, text=True, check=True).stdout.split()[:2]
        self.assertEqual(listed[1]["PublicKey"].split()[:2], derived)
        taken = store.run("key", "create", "one", "--out", store.folder / "other.pem")
        self.assertEqual((taken.status, "(InvalidKeyPair.Duplicate)" in taken.err), (2, True), taken)
        self.assertFalse((store.folder / "other.pem").exists())
        over = store.run("key", "create", "three", "--out", pem)
        self.assertEqual((over.status, str(pem) in over.err), (2, True), over)
        private = store.run("key", "import", "three", pem)
        self.assertEqual((private.status, "(InvalidKey.Format)" in private.err, "private key" in private.err), (2, True, True), private)
        store.ok("key", "delete", "one")
        self.assertEqual(store.run("key", "delete", "one").status, 3)
        store.import_tiny()
        unknown = store.run("run", "tiny", "--key", "twoo")
        self.assertEqual((unknown.status, 'did you mean "two"?' in unknown.err), (3, True), unknown)
        self.assert_clean()

    def test_two_first_launches_make_one_key(self):
        """Both at once, in a home without any; neither a dry run nor what is refused makes one. A third is killed as it makes the key."""
        store = self.store
        store.import_quiet()
        lab = store.folder / "lab.yaml"
        lab.write_text("name: lab\ninstances: {one: {image: quiet, type: no-such-type}}\n")
        store.run("run", "quiet", "--dry-run")
        for refused in (("run", "quiet", "--type", "no-such-type"), ("run", "nothing"), ("run", "quiet", "--user", "a b", "--", "true"), ("up", lab)):
            self.assertIn(store.run(*refused).status, (2, 3), refused)
            self.assertEqual(store.ok("key", "list", "-o", "id").lines, [], refused)
            self.assertFalse((store.home / "keys").exists(), refused)
        trace = store.folder / "trace"
        store.ok("run", "quiet", "--type", "t2.nano", AMIVIRT_FAULT_TRACE=str(trace))
        points = trace.read_text().split()
        killed_at = 0
        for k, point in enumerate(points, 1):
            if "key" not in point:
                continue
            killed_at += 1
            with self.subTest(point=point):
                for left in (store.home / "keys").glob("*"):
                    left.unlink()
                store.run("key", "delete", "amivirt")
                killed = store.run("run", "quiet", "--type", "t2.nano", AMIVIRT_FAULT_KILL_AT=str(k))
                self.assertEqual(killed.status, -signal.SIGKILL, killed)
                store.ok("run", "quiet", "--type", "t2.nano")
                self.assertEqual(len(store.ok("key", "list", "-o", "id").lines), 1)
        self.assertGreater(killed_at, 0)
        for left in (store.home / "keys").glob("*"):
            left.unlink()
        store.run("key", "delete", "amivirt")
        self.assertEqual(list((store.home / "keys").iterdir()), [], "what the killed ones left was removed")
        both = [store.start("run", "quiet", "--type", "t2.nano") for _ in range(2)]
        for process in both:
            _, said = process.communicate(timeout=60)
            self.assertEqual(process.returncode, 0, said)
        store.ok("terminate", *store.ok("ps", "-o", "id").lines)
        pairs = store.ok("key", "list", "-o", "json").json["KeyPairs"]
        self.assertEqual([p["KeyName"] for p in pairs], ["amivirt"])
        derived = subprocess.run(["ssh-keygen", "-y", "-f", store.home / "keys/amivirt"], capture_output=True, text=True, check=True).stdout.split()[:2]
        self.assertEqual(pairs[0]["PublicKey"].split()[:2], derived)
        self.assertEqual(sorted(p.name for p in (store.home / "keys").iterdir()), ["amivirt"])
        self.assert_clean()

    def piped(self, data, *words):
        process = subprocess.run([AMIVIRT, *words], env=self.store.environment, input=data, capture_output=True, timeout=60, check=True)
        return process.stdout

    def assert_login_fails(self, *words, says):
        result = self.store.run(*words)
        self.assertEqual((result.status, "(LoginFailed)" in result.err, says in result.err), (1, True, True), f"{words}: {result}")


if __name__ == "__main__":
    main()
