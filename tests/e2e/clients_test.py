"""Clients as they are, each through the life of an image on a real machine: boto3's resources, the aws CLI with its waiters and paginators, the
JavaScript SDK."""

import json
import os
import shutil
import signal
import subprocess
import unittest

from harness import TINY, Case, main, need
from serve_test import Server

try:
    import boto3
except ImportError:
    boto3 = None

JAVASCRIPT = """
import * as ec2 from "@aws-sdk/client-ec2";
import * as fs from "node:fs";
const client = new ec2.EC2Client({});
const send = (name, input) => client.send(new ec2[name + "Command"](input));
const said = {};
const wait = { client, maxWaitTime: 90, minDelay: 1, maxDelay: 2 };
const image = process.argv[2];
said.images = [];
for await (const page of ec2.paginateDescribeImages({ client, pageSize: 5 }, { Owners: ["self"] })) said.images.push(...page.Images.map(i => i.ImageId));
said.key = (await send("CreateKeyPair", { KeyName: "js", KeyType: "ed25519" })).KeyMaterial.split("\\n")[0];
const run = await send("RunInstances", { ImageId: image, MinCount: 1, MaxCount: 1, InstanceType: "t3.nano", KeyName: "js",
  TagSpecifications: [{ ResourceType: "instance", Tags: [{ Key: "Name", Value: "j & s" }] }] });
const id = run.Instances[0].InstanceId;
await ec2.waitUntilInstanceRunning(wait, { InstanceIds: [id] });
const shown = (await send("DescribeInstances", { Filters: [{ Name: "tag:Name", Values: ["j*s"] }] })).Reservations[0].Instances[0];
said.instance = { id: shown.InstanceId, state: shown.State.Name, address: shown.PublicIpAddress, launched: shown.LaunchTime instanceof Date, tags: shown.Tags };
await send("StopInstances", { InstanceIds: [id], Force: true });
await ec2.waitUntilInstanceStopped(wait, { InstanceIds: [id] });
const made = (await send("CreateImage", { InstanceId: id, Name: "by javascript" })).ImageId;
await ec2.waitUntilImageAvailable(wait, { ImageIds: [made] });
said.made = (await send("DescribeImages", { ImageIds: [made] })).Images[0].Name;
try { await send("DescribeInstances", { InstanceIds: ["i-00000000000000bad"] }); } catch (error) { said.error = [error.name, error.$metadata.httpStatusCode]; }
await send("TerminateInstances", { InstanceIds: [id] });
await ec2.waitUntilInstanceTerminated(wait, { InstanceIds: [id] });
await send("DeregisterImage", { ImageId: made });
await send("DeleteKeyPair", { KeyName: "js" });
said.left = (await send("DescribeKeyPairs", {})).KeyPairs.length;
fs.writeFileSync(process.argv[3], JSON.stringify(said));
"""


class ClientCase(Case):
    """A server, and what `amivirt env` says of it."""

    def setUp(self):
        super().setUp()
        need(TINY, "the tiny image")
        self.store.region = self.store.home / "regions/us-east-1"
        self.store.environment.update(AMIVIRT_REGION="us-east-1", AMIVIRT_ACCOUNT="tester")
        self.store.ok("account", "create", "--alias", "tester", AMIVIRT_ACCOUNT="")
        self.server = Server(self.store)
        self.addCleanup(self.end)
        self.image = self.store.import_tiny()
        self.told = self.store.ok("env", "--listen", self.server.url, "-o", "json").json

    def end(self):
        if self.server.process.poll() is None:
            self.server.stop(signal.SIGKILL)
        for instance in self.store.run("ps", "-a", "-o", "id").lines:
            self.store.run("terminate", instance)

    def client_environment(self):
        return {**{k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "AMIVIRT_"))}, **self.told, "HOME": str(self.store.folder),
                "AWS_PAGER": "", "AWS_EC2_METADATA_DISABLED": "true"}

    def client(self, service="ec2", make="client"):
        return getattr(boto3, make)(service, endpoint_url=self.told["AWS_ENDPOINT_URL"], region_name=self.told["AWS_REGION"],
                                    aws_access_key_id=self.told["AWS_ACCESS_KEY_ID"], aws_secret_access_key=self.told["AWS_SECRET_ACCESS_KEY"])

    def call(self, *command, timeout=180, **options):
        done = subprocess.run([*map(str, command)], env=self.client_environment(), capture_output=True, text=True, timeout=timeout, check=False,
                              stdin=subprocess.DEVNULL, **options)
        self.assertEqual(done.returncode, 0, f"{command}:\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def finish(self):
        self.assertEqual(self.server.stop(), 0)
        self.assert_clean()


class Clients(ClientCase):
    @unittest.skipIf(boto3 is None, "python3-boto3 is not installed")
    def test_boto3_resources(self):
        ec2 = self.client(make="resource")
        pair = ec2.create_key_pair(KeyName="boto", KeyType="ed25519")
        self.assertTrue(pair.key_material.startswith("-----BEGIN OPENSSH PRIVATE KEY-----\n"))
        imported = ec2.import_key_pair(KeyName="copy", PublicKeyMaterial=self.store.ok("key", "list", "-o", "json").json["KeyPairs"][0]["PublicKey"].encode())
        self.assertEqual(imported.key_fingerprint, pair.key_fingerprint)
        self.assertEqual([p.name for p in ec2.key_pairs.all()], ["boto", "copy"])
        imported.delete()
        [instance] = ec2.create_instances(ImageId=self.image, MinCount=1, MaxCount=1, InstanceType="t3.nano", KeyName="boto")
        instance.create_tags(Tags=[{"Key": "Name", "Value": "res"}])
        instance.meta.client.get_waiter("instance_running").wait(InstanceIds=[instance.id], WaiterConfig={"Delay": 1})
        instance.reload()
        self.assertEqual((instance.state["Name"], instance.key_name, instance.image.id), ("running", "boto", self.image))
        self.assertTrue(instance.public_ip_address.startswith("127."))
        self.assertEqual([t["Value"] for t in instance.tags], ["res"])
        [root] = instance.volumes.all()
        volume = ec2.create_volume(AvailabilityZone=instance.placement["AvailabilityZone"], Size=1)
        volume.meta.client.get_waiter("volume_available").wait(VolumeIds=[volume.id], WaiterConfig={"Delay": 1})
        volume.attach_to_instance(InstanceId=instance.id, Device="/dev/sdf")
        volume.meta.client.get_waiter("volume_in_use").wait(VolumeIds=[volume.id], WaiterConfig={"Delay": 1})
        snapshot = root.create_snapshot(Description="of the root")
        snapshot.meta.client.get_waiter("snapshot_completed").wait(SnapshotIds=[snapshot.id], WaiterConfig={"Delay": 1})
        image = instance.create_image(Name="by boto3", NoReboot=True)
        image.meta.client.get_waiter("image_available").wait(ImageIds=[image.id], WaiterConfig={"Delay": 1})
        image.reload()
        self.assertEqual([m["DeviceName"] for m in image.block_device_mappings], [instance.root_device_name, "/dev/sdf"])
        self.assertEqual(sorted(i.id for i in ec2.images.filter(Owners=["self"])), sorted([self.image, image.id]))
        volume.detach_from_instance(Force=True)
        volume.meta.client.get_waiter("volume_available").wait(VolumeIds=[volume.id], WaiterConfig={"Delay": 1})
        volume.delete()
        instance.terminate()
        instance.meta.client.get_waiter("instance_terminated").wait(InstanceIds=[instance.id], WaiterConfig={"Delay": 1})
        image.deregister()
        for each in ec2.snapshots.filter(OwnerIds=["self"], Filters=[{"Name": "description", "Values": ["Created by*", "of the root"]}]):
            each.delete()
        pair.delete()
        self.assertEqual(list(ec2.key_pairs.all()), [])
        self.finish()

    @unittest.skipIf(shutil.which("aws") is None, "the aws CLI is not installed")
    def test_aws_cli(self):
        def aws(*words):
            return self.call("aws", "--endpoint-url", self.told["AWS_ENDPOINT_URL"], "--output", "text", "ec2", *words).split()

        key = self.store.folder / "id"
        subprocess.run(["ssh-keygen", "-q", "-t", "rsa", "-N", "", "-f", key], check=True)
        self.assertEqual(aws("import-key-pair", "--key-name", "cli", "--public-key-material", f"fileb://{key}.pub", "--query", "KeyName"), ["cli"])
        self.assertEqual(aws("describe-key-pairs", "--key-names", "cli", "--query", "KeyPairs[].KeyType"), ["rsa"])
        more = [self.store.ok("image", "copy", self.image, "--name", f"copy-{n}").out.strip() for n in range(6)]
        # Pages of five, put together.
        self.assertEqual(aws("describe-images", "--owners", "self", "--page-size", "5", "--query", "Images[].ImageId"), [self.image, *more])
        first = json.loads(self.call("aws", "--endpoint-url", self.told["AWS_ENDPOINT_URL"], "ec2", "describe-images", "--owners", "self",
                                     "--max-items", "2", "--output", "json"))
        self.assertEqual([i["ImageId"] for i in first["Images"]], [self.image, more[0]])
        rest = aws("describe-images", "--owners", "self", "--starting-token", first["NextToken"], "--query", "Images[].ImageId")
        self.assertEqual(rest, more[1:])
        instance = aws("run-instances", "--image-id", self.image, "--instance-type", "t3.nano", "--key-name", "cli", "--count", "1",
                       "--query", "Instances[].InstanceId")[0]
        # Answers at once, or 15 s later: it must be there at the second look.
        aws("wait", "instance-exists", "--instance-ids", instance)
        aws("wait", "instance-running", "--instance-ids", instance)
        self.assertRegex(aws("describe-instances", "--instance-ids", instance, "--query", "Reservations[].Instances[].PublicIpAddress")[0], r"^127\.")
        made = aws("create-image", "--instance-id", instance, "--name", "by cli", "--no-reboot", "--query", "ImageId")[0]
        aws("wait", "image-available", "--image-ids", made)
        aws("stop-instances", "--instance-ids", instance, "--force")
        self.store.ok("instance", "wait", instance, "--for", "stopped")
        aws("wait", "instance-stopped", "--instance-ids", instance)
        aws("terminate-instances", "--instance-ids", instance)
        aws("delete-key-pair", "--key-name", "cli")
        for image in (made, *more):
            aws("deregister-image", "--image-id", image)
        aws("wait", "instance-terminated", "--instance-ids", instance)
        self.finish()

    @unittest.skipIf(shutil.which("npm") is None or shutil.which("node") is None, "node and npm are not installed: scripts/setup clients")
    def test_javascript_sdk(self):
        folder = self.store.folder / "js"
        folder.mkdir()
        (folder / "package.json").write_text('{"private": true, "type": "module"}')
        # The last that run on the Node.js of Debian 12.
        installed = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--silent", "@aws-sdk/client-ec2@<3.800"], cwd=folder, capture_output=True,
                                   text=True, timeout=300, check=False, stdin=subprocess.DEVNULL)
        if installed.returncode != 0:
            self.skipTest(f"npm cannot install @aws-sdk/client-ec2: {installed.stderr[-300:]}")
        (folder / "life.js").write_text(JAVASCRIPT)
        for number in range(5):
            self.store.ok("image", "copy", self.image, "--name", f"copy-{number}")
        out = folder / "said.json"
        self.call("node", "life.js", self.image, out, cwd=folder)
        said = json.loads(out.read_text())
        self.assertEqual((len(said["images"]), said["images"][0]), (6, self.image))
        self.assertEqual(said["key"], "-----BEGIN OPENSSH PRIVATE KEY-----")
        instance = said["instance"]
        self.assertEqual((instance["state"], instance["launched"], instance["tags"]), ("running", True, [{"Key": "Name", "Value": "j & s"}]))
        self.assertTrue(instance["address"].startswith("127."))
        self.assertEqual((said["made"], said["left"]), ("by javascript", 0))
        self.assertEqual(said["error"], ["InvalidInstanceID.NotFound", 400])
        self.finish()


if __name__ == "__main__":
    main()
