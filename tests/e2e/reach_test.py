"""Each instance at an address of its own: SSH with a key pair of the API, whoever starts, stops and serves; and `amivirt env`, which a client reads."""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time
import unittest
import unittest.mock

from harness import AMIVIRT, TINY, Case, main, need, wait_until
from serve_test import Server

try:
    import boto3
    import botocore.config
    import botocore.exceptions
except ImportError:
    boto3 = None


def ssh_port():
    """22, where this process may listen on it and no sshd has it on all addresses; else the one that takes its place."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.251.3.9", 22))
            probe.listen()
            return 22
        except OSError:
            return 2222


def answers(address, port):
    try:
        with socket.create_connection((address, port), timeout=2):
            return True
    except OSError:
        return False


@unittest.skipIf(boto3 is None, "python3-boto3 is not installed")
class Reach(Case):
    def setUp(self):
        super().setUp()
        need(TINY, "the tiny image")
        self.store.region = self.store.home / "regions/us-east-1"
        self.store.environment.update(AMIVIRT_REGION="us-east-1", AMIVIRT_ACCOUNT="tester")
        self.store.ok("account", "create", "--alias", "tester", AMIVIRT_ACCOUNT="")
        self.servers = []
        self.addCleanup(self.end)

    def end(self):
        for server in self.servers:
            if server.process.poll() is None:
                server.stop(signal.SIGKILL)
        for instance in self.store.run("ps", "-a", "-o", "id").lines:
            self.store.run("terminate", instance)

    def serve(self):
        self.servers.append(Server(self.store))
        return self.servers[-1]

    def client(self, server):
        """What `amivirt env` says is all that it is told."""
        told = self.store.ok("env", "--listen", server.url, "-o", "json").json
        client = boto3.client("ec2", endpoint_url=told["AWS_ENDPOINT_URL"], region_name=told["AWS_REGION"],
                              aws_access_key_id=told["AWS_ACCESS_KEY_ID"], aws_secret_access_key=told["AWS_SECRET_ACCESS_KEY"],
                              config=botocore.config.Config(retries={"max_attempts": 0}))
        self.addCleanup(client.close)
        return client

    def address(self, ec2, instance):
        return self.one(ec2, instance).get("PublicIpAddress")

    def one(self, ec2, instance):
        return ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]

    def ssh(self, address, port, key, *command):
        """As clients do, it tries again while the guest has just come up and drops connections."""
        words = ["ssh", "-i", key, "-p", str(port), "-o", "IdentitiesOnly=yes", "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=20",
                 "-o", f"UserKnownHostsFile={self.store.folder}/known_hosts", "-o", "StrictHostKeyChecking=accept-new", f"root@{address}", *command]
        for _ in range(10):
            done = subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60, check=False)
            if done.returncode != 255:
                break
            time.sleep(2)
        return done

    def test_ssh_to_an_address(self):
        port = ssh_port()
        server = self.serve()
        image = self.store.import_tiny()
        ec2 = self.client(server)
        made = ec2.create_key_pair(KeyName="one", KeyType="rsa")
        key = self.store.folder / "one.pem"
        key.write_text(made["KeyMaterial"])
        key.chmod(0o600)
        self.assertEqual(len(made["KeyFingerprint"]), 59)
        run = ec2.run_instances(ImageId=image, MinCount=2, MaxCount=2, InstanceType="t3.nano", KeyName="one")["Instances"]
        first, second = (each["InstanceId"] for each in run)
        ec2.get_waiter("instance_running").wait(InstanceIds=[first, second], WaiterConfig={"Delay": 1})
        shown = self.one(ec2, first)
        address, other = shown["PublicIpAddress"], self.address(ec2, second)
        self.assertEqual((shown["KeyName"], shown["PublicDnsName"]), ("one", address))
        self.assertRegex(address, r"^127\.[1-9]\d*\.\d+\.\d+$")
        self.assertNotEqual(address, other)
        found = ec2.describe_instances(Filters=[{"Name": "ip-address", "Values": [other]}])["Reservations"]
        self.assertEqual([i["InstanceId"] for r in found for i in r["Instances"]], [second])
        self.store.ok("instance", "wait", first, second, "--for", "ssh")
        for name, at in ((first, address), (second, other)):
            host = self.ssh(at, port, key, "hostname")
            self.assertEqual((host.returncode, host.stdout != ""), (0, True), f"{name} at {at}: {host}")
        much = self.ssh(address, port, key, "head -c 3000000 /dev/zero | tr '\\0' x")
        self.assertEqual(len(much.stdout), 3000000)

        # A second server of the store: it tells the same, and takes over when the first is killed.
        twin = self.serve()
        self.assertEqual(self.address(self.client(twin), first), address)
        server.stop(signal.SIGKILL)
        self.assertFalse(answers(address, port))
        ec2 = self.client(twin)
        self.assertEqual(self.address(ec2, first), address)
        self.assertEqual(self.ssh(address, port, key, "echo again").stdout, "again\n")

        # Stopped and started by the command line, while the server is told nothing.
        self.store.ok("stop", "--force", first)
        self.assertIsNone(self.address(ec2, first))
        self.assertFalse(answers(address, port))
        self.store.ok("start", first)
        self.assertEqual(self.address(ec2, first), address)
        self.store.ok("instance", "wait", first, "--for", "ssh")
        self.assertEqual(self.ssh(address, port, key, "echo back").stdout, "back\n")
        ec2.terminate_instances(InstanceIds=[second])
        ec2.get_waiter("instance_terminated").wait(InstanceIds=[second], WaiterConfig={"Delay": 1})
        self.assertFalse(answers(other, port))

        # Ended, it lets go of all of them; started again, they are where they were.
        self.assertEqual(twin.stop(), 0)
        self.assertFalse(answers(address, port))
        server = self.serve()
        self.assertTrue(answers(address, port), "at once, before anybody asks")
        self.assertEqual(self.address(self.client(server), first), address)
        self.store.ok("terminate", first)
        wait_until(lambda: not answers(address, port), 60, "the server notices at its next look")
        self.assertEqual(server.stop(), 0)
        self.assertEqual(self.store.rows("SELECT * FROM document WHERE kind = 'loopback-address'"), [])
        self.assert_clean()

    def test_other_ports(self):
        server = self.serve()
        self.store.import_tiny()
        instance = self.store.ok("run", "tiny", "--type", "t2.nano", "-p", "0:8080", "--wait", "ssh", "-o", "id").out.strip()
        self.store.ok("exec", instance, "--", "sh", "-c", "while :; do echo hello | nc -l -p 8080; done >/dev/null 2>&1 &")
        address = self.address(self.client(server), instance)

        def hears():
            with socket.create_connection((address, 8080), timeout=20) as connection:
                return connection.makefile().read()

        wait_until(lambda: hears() == "hello\n", 30, "port 8080 of the address")
        self.assertEqual(server.stop(), 0)

    @unittest.skipIf(shutil.which("setpriv") is None, "setpriv is not installed")
    def test_without_port_22(self):
        """As a user without the capability: another port, and a warning."""
        if int(pathlib.Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()) <= 22:
            self.skipTest("everybody may listen on port 22 here")
        plain = self.store.folder / "amivirt"
        plain.write_text(f"#!/bin/sh\nexec setpriv {'--bounding-set -net_bind_service' if os.geteuid() == 0 else '--no-new-privs'} {AMIVIRT} \"$@\"\n")
        plain.chmod(0o755)
        with unittest.mock.patch("harness.AMIVIRT", str(plain)):
            server = self.serve()
        self.store.import_tiny()
        instance = self.store.ok("run", "tiny", "--type", "t2.nano", "--wait", "ssh", "-o", "id").out.strip()
        address = self.address(self.client(server), instance)
        self.assertTrue(address.startswith("127.") and address != "127.0.0.1", address)
        with socket.create_connection((address, 2222), timeout=20) as connection:
            self.assertTrue(connection.makefile("rb").readline().startswith(b"SSH-2.0-"))
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(60)
        said = server.process.stderr.read()
        self.assertEqual(said.count("answer SSH on port 2222"), 1, said)

    def test_env_in_a_shell(self):
        server = self.serve()
        self.store.import_tiny("there")
        shell = f"eval \"$({AMIVIRT} env --listen {server.url})\" && " \
                'aws --endpoint-url "$AWS_ENDPOINT_URL" ec2 describe-images --owners self --query "Images[].Name" --output text'
        done = subprocess.run(["sh", "-c", shell], env={**self.store.environment, "HOME": str(self.store.folder), "AWS_PAGER": ""},
                              capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, "there\n"), done.stderr)
        self.assertEqual(self.store.run("env", "--account", "999988887777").status, 3)
        self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    main()
