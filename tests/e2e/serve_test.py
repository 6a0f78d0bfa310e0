"""`amivirt serve`, asked by the real aws CLI and boto3: an AMI's life on a real machine; restarts; every answer against botocore's model."""

import base64
import concurrent.futures
import http.client
import re
import select
import signal
import socket
import subprocess
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

import ec2_model
from ec2_model import Checker
from harness import TINY, TOP, Store, main, need

try:
    import boto3
    import botocore.config
    import botocore.exceptions
except ImportError:
    boto3 = None

class Server:
    """`amivirt serve` on a free port."""

    def __init__(self, store, *words, regions="us-east-1"):
        self.process = store.start("serve", "--listen", "127.0.0.1:0", "--regions", regions, *words)
        ready, _, _ = select.select([self.process.stdout], [], [], 60)
        self.url = self.process.stdout.readline().strip() if ready else ""
        assert self.url.startswith("http://"), self.process.stderr.read() if self.process.poll() is not None else "the server said nothing"

    def stop(self, how=signal.SIGTERM, timeout=60):
        self.process.send_signal(how)
        self.process.wait(timeout)
        self.process.stdout.close()
        self.process.stderr.close()
        return self.process.returncode


@unittest.skipIf(boto3 is None, "python3-boto3 is not installed")
class ServeTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        need(TINY, "the tiny image")
        self.store = Store()
        self.addCleanup(self.store.close)
        self.store.region = self.store.home / "regions/us-east-1"
        self.store.environment["AMIVIRT_REGION"] = "us-east-1"
        self.account = self.store.ok("account", "create", "--alias", "tester", "--id", "111122223333", "-o", "json").json
        self.servers = []
        self.addCleanup(self.end)

    def end(self):
        for server in self.servers:
            if server.process.poll() is None:
                server.stop(signal.SIGKILL)
        for instance in self.store.run("ps", "-o", "id", "--account", "tester").lines:
            self.store.run("terminate", "--account", "tester", instance)

    def serve(self, *words, **options):
        self.servers.append(Server(self.store, *words, **options))
        return self.servers[-1]

    def key(self):
        key = self.account["AccessKey"]
        return key["AccessKeyId"], key["SecretAccessKey"]

    def client(self, server, service="ec2", key=None, region="us-east-1"):
        identity, secret = key or self.key()
        client = boto3.client(service, endpoint_url=server.url, region_name=region, aws_access_key_id=identity, aws_secret_access_key=secret,
                            config=botocore.config.Config(retries={"max_attempts": 0}))
        self.addCleanup(client.close)
        return client

    def aws(self, server, *words):
        identity, secret = self.key()
        done = subprocess.run(["aws", "--endpoint-url", server.url, "--region", "us-east-1", "--output", "text", "ec2", *words],
                              env={**self.store.environment, "AWS_ACCESS_KEY_ID": identity, "AWS_SECRET_ACCESS_KEY": secret,
                                   "HOME": str(self.store.folder), "AWS_PAGER": ""},
                              capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.split()

    def checked(self, ec2, checker=None):
        """A checker that sees each answer as it came, beside what botocore makes of it."""
        checker = checker or Checker()
        original = ec2._endpoint._do_get_response

        def noting(request, operation_model, context):
            result = original(request, operation_model, context)
            response = result[0]
            if response is not None:
                checker.look(response[0], operation_model)
            return result

        ec2._endpoint._do_get_response = noting
        return checker

    def refused(self, code, call, **parameters):
        with self.assertRaises(botocore.exceptions.ClientError) as caught:
            call(**parameters)
        self.assertEqual(caught.exception.response["Error"]["Code"], code)
        return caught.exception.response

    def until(self, what, seconds=60):
        ends = time.monotonic() + seconds
        while not what():
            self.assertLess(time.monotonic(), ends, "did not come about")
            time.sleep(0.2)

    def test_life_of_an_image(self):
        server = self.serve()  # makes the region's store, which the commands then find
        image = self.store.import_tiny("tiny", "--account", "tester")
        ec2 = self.client(server)
        checker = self.checked(ec2)

        self.assertEqual([i["ImageId"] for i in ec2.describe_images(Owners=["self"])["Images"]], [image])
        self.assertEqual(self.client(server, "sts").get_caller_identity()["Account"], "111122223333")
        for call in (ec2.describe_regions, ec2.describe_availability_zones, ec2.describe_account_attributes, ec2.describe_instance_types,
                     ec2.describe_instance_type_offerings, ec2.describe_tags):
            call()
        self.refused("DryRunOperation", ec2.run_instances, ImageId=image, MinCount=1, MaxCount=1, InstanceType="t3.nano", DryRun=True)
        self.refused("InvalidAMIID.NotFound", ec2.describe_images, ImageIds=["ami-00000000000000bad"])

        run = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, InstanceType="t3.nano", UserData="#!/bin/sh\n",
                                TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "<one>"}]}])
        instance = run["Instances"][0]["InstanceId"]
        self.assertEqual(run["Instances"][0]["State"]["Name"], "pending")
        self.until(lambda: ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]["State"]["Name"] == "running")
        self.assertEqual(ec2.describe_instance_status(InstanceIds=[instance])["InstanceStatuses"][0]["InstanceStatus"]["Status"], "ok")
        self.assertEqual(self.store.ok("ps", "-o", "id", "--account", "tester").lines, [instance])
        self.assertEqual(ec2.describe_instance_attribute(InstanceId=instance, Attribute="userData")["UserData"]["Value"], "IyEvYmluL3NoCg==")

        volume = ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)["VolumeId"]
        ec2.get_waiter("volume_available").wait(VolumeIds=[volume])
        ec2.attach_volume(VolumeId=volume, InstanceId=instance, Device="/dev/sdf")
        ec2.get_waiter("volume_in_use").wait(VolumeIds=[volume])
        self.until(lambda: ec2.get_console_output(InstanceId=instance).get("Output", "") != "")

        made = ec2.create_image(InstanceId=instance, Name="baked", NoReboot=True)["ImageId"]
        self.until(lambda: ec2.describe_images(ImageIds=[made])["Images"][0]["State"] != "pending")
        ec2.get_waiter("image_available").wait(ImageIds=[made])
        baked = ec2.describe_images(ImageIds=[made])["Images"][0]
        self.assertEqual(len(baked["BlockDeviceMappings"]), 2)
        snapshots = [d["Ebs"]["SnapshotId"] for d in baked["BlockDeviceMappings"]]
        ec2.get_waiter("snapshot_completed").wait(SnapshotIds=snapshots)
        ec2.create_tags(Resources=[made, *snapshots], Tags=[{"Key": "team", "Value": "a&b"}])
        self.assertEqual({t["ResourceId"] for t in ec2.describe_tags(Filters=[{"Name": "key", "Values": ["te*m"]}])["Tags"]}, {made, *snapshots})
        ec2.modify_image_attribute(ImageId=made, LaunchPermission={"Add": [{"UserId": "444455556666"}]})
        self.assertEqual(ec2.describe_image_attribute(ImageId=made, Attribute="launchPermission")["LaunchPermissions"], [{"UserId": "444455556666"}])
        copy = ec2.copy_image(SourceImageId=made, SourceRegion="us-east-1", Name="copied")["ImageId"]

        stopped = ec2.stop_instances(InstanceIds=[instance], Force=True)["StoppingInstances"][0]
        self.assertEqual((stopped["CurrentState"]["Name"], stopped["PreviousState"]["Name"]), ("stopping", "running"))
        self.until(lambda: ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]["State"]["Name"] == "stopped")

        # The aws CLI sees the same.
        self.assertEqual(self.aws(server, "describe-images", "--owners", "self", "--query", "Images[].ImageId"), [image, made, copy])
        self.assertEqual(self.aws(server, "terminate-instances", "--instance-ids", instance, "--query", "TerminatingInstances[].CurrentState.Name"),
                         ["shutting-down"])
        self.until(lambda: ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]["State"]["Name"] == "terminated")
        ec2.delete_volume(VolumeId=volume)
        for gone in (made, copy):
            ec2.deregister_image(ImageId=gone)
        for snapshot in ec2.describe_snapshots(OwnerIds=["self"], Filters=[{"Name": "description", "Values": ["Created by*", "Copied for*"]}])["Snapshots"]:
            ec2.delete_snapshot(SnapshotId=snapshot["SnapshotId"])
        self.assertEqual(server.stop(), 0)
        self.assertEqual(checker.wrong, [])
        self.assertGreater(len(checker.seen), 20, checker.seen)
        self.assertEqual(self.store.leaks(), [])

    def test_launch_template_and_attributes(self):
        server = self.serve()  # makes the region's store, which the commands then find
        image = self.store.import_tiny("tiny", "--account", "tester")
        ec2 = self.client(server)
        checker = self.checked(ec2)
        data = (f'{{"ImageId": "{image}", "InstanceType": "t3.nano", "Monitoring": {{"Enabled": true}}, "UserData": "IyEvYmluL3NoCg==",'
                ' "MetadataOptions": {"HttpTokens": "required"}, "TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "team", "Value": "a&b"}]}]}')
        template = self.aws(server, "create-launch-template", "--launch-template-name", "web", "--launch-template-data", data,
                            "--query", "LaunchTemplate.LaunchTemplateId")[0]
        self.assertEqual(self.aws(server, "create-launch-template-version", "--launch-template-id", template, "--source-version", "1",
                                  "--launch-template-data", '{"DisableApiStop": true}', "--query", "LaunchTemplateVersion.VersionNumber"), ["2"])
        versions = ec2.describe_launch_template_versions(LaunchTemplateName="web")["LaunchTemplateVersions"]
        self.assertEqual([v["VersionNumber"] for v in versions], [2, 1])
        self.assertEqual(versions[0]["LaunchTemplateData"]["MetadataOptions"]["HttpTokens"], "required")
        instance = self.aws(server, "run-instances", "--launch-template", "LaunchTemplateName=web,Version=$Latest", "--tag-specifications",
                            "ResourceType=instance,Tags=[{Key=Name,Value=one}]", "--query", "Instances[].InstanceId")[0]
        shown = lambda: ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
        self.until(lambda: shown()["State"]["Name"] == "running")
        self.assertEqual({t["Key"]: t["Value"] for t in shown()["Tags"]},
                         {"Name": "one", "team": "a&b", "aws:ec2launchtemplate:id": template, "aws:ec2launchtemplate:version": "2"})
        self.assertEqual((shown()["Monitoring"]["State"], shown()["MetadataOptions"]["HttpTokens"]), ("enabled", "required"))

        self.refused("UnsupportedOperation", ec2.get_console_screenshot, InstanceId=instance)  # the machine has no display
        # Stop protection is there from the launch on, for the command line too.
        self.refused("OperationNotPermitted", ec2.stop_instances, InstanceIds=[instance])
        self.assertEqual(self.store.run("stop", "--force", "--account", "tester", instance).status, 4)
        self.aws(server, "modify-instance-attribute", "--instance-id", instance, "--no-disable-api-stop")
        self.refused("IncorrectInstanceState", ec2.modify_instance_attribute, InstanceId=instance, InstanceType={"Value": "t3.micro"})
        self.aws(server, "stop-instances", "--force", "--instance-ids", instance)
        self.until(lambda: shown()["State"]["Name"] == "stopped")
        self.aws(server, "modify-instance-attribute", "--instance-id", instance, "--instance-type", "Value=t3.micro")
        self.aws(server, "modify-instance-attribute", "--instance-id", instance, "--attribute", "userData", "--value", "IyEvYmluL3RydWUK")
        self.aws(server, "modify-instance-attribute", "--instance-id", instance, "--disable-api-termination")
        self.assertEqual(self.aws(server, "describe-instance-attribute", "--instance-id", instance, "--attribute", "userData",
                                  "--query", "UserData.Value"), ["IyEvYmluL3RydWUK"])
        ec2.modify_instance_metadata_options(InstanceId=instance, HttpTokens="optional", HttpPutResponseHopLimit=3)
        ec2.unmonitor_instances(InstanceIds=[instance])
        ec2.monitor_instances(InstanceIds=[instance])
        ec2.modify_instance_credit_specification(InstanceCreditSpecifications=[{"InstanceId": instance, "CpuCredits": "standard"}])
        self.assertEqual(ec2.describe_instance_credit_specifications(InstanceIds=[instance])["InstanceCreditSpecifications"][0]["CpuCredits"], "standard")
        ec2.modify_instance_maintenance_options(InstanceId=instance, AutoRecovery="disabled")
        ec2.get_password_data(InstanceId=instance)
        ec2.report_instance_status(Instances=[instance], Status="impaired", ReasonCodes=["other"])
        ec2.reset_instance_attribute(InstanceId=instance, Attribute="sourceDestCheck")
        for attribute in ("instanceType", "kernel", "ramdisk", "userData", "disableApiTermination", "instanceInitiatedShutdownBehavior", "rootDeviceName",
                          "blockDeviceMapping", "productCodes", "sourceDestCheck", "groupSet", "ebsOptimized", "sriovNetSupport", "enaSupport",
                          "enclaveOptions", "disableApiStop"):
            ec2.describe_instance_attribute(InstanceId=instance, Attribute=attribute)

        # All of it outlives the server, and the machine has the new type; and now a display, from a template of one's own.
        server.stop(signal.SIGKILL)
        template_file = self.store.folder / "config/amivirt/templates/domain.xml"
        template_file.parent.mkdir(parents=True)
        shipped = (TOP / "templates/domain.xml").read_text()
        template_file.write_text(shipped.replace("  </devices>", '    <video><model type="vga"/></video>\n  </devices>'))
        server = self.serve()
        ec2 = self.client(server)
        restarted = self.checked(ec2, checker)
        ec2.start_instances(InstanceIds=[instance])
        self.until(lambda: shown()["State"]["Name"] == "running")
        self.assertEqual((shown()["InstanceType"], shown()["MetadataOptions"]["HttpPutResponseHopLimit"]), ("t3.micro", 3))
        picture = base64.b64decode(ec2.get_console_screenshot(InstanceId=instance)["ImageData"])
        self.assertEqual((picture[:2], picture[-2:]), (b"\xff\xd8", b"\xff\xd9"))
        self.assertGreater(len(picture), 1000)
        copy = ec2.get_launch_template_data(InstanceId=instance)["LaunchTemplateData"]
        self.assertEqual((copy["ImageId"], copy["InstanceType"], copy["CreditSpecification"]), (image, "t3.micro", {"CpuCredits": "standard"}))
        self.refused("OperationNotPermitted", ec2.terminate_instances, InstanceIds=[instance])
        ec2.modify_instance_attribute(InstanceId=instance, DisableApiTermination={"Value": False})
        ec2.terminate_instances(InstanceIds=[instance])
        self.until(lambda: shown()["State"]["Name"] == "terminated")
        ec2.modify_launch_template(LaunchTemplateName="web", DefaultVersion="2")
        done = ec2.delete_launch_template_versions(LaunchTemplateName="web", Versions=["1", "2"])
        self.assertEqual([len(done[k]) for k in ("SuccessfullyDeletedLaunchTemplateVersions", "UnsuccessfullyDeletedLaunchTemplateVersions")], [1, 1])
        self.assertEqual([t["LatestVersionNumber"] for t in ec2.describe_launch_templates()["LaunchTemplates"]], [2])
        ec2.delete_launch_template(LaunchTemplateId=template)
        self.assertEqual(server.stop(), 0)
        self.assertEqual(checker.wrong, [])
        self.assertGreater(len(restarted.seen), 20, restarted.seen)
        self.assertEqual(self.store.leaks(), [])

    def test_kill_and_restart(self):
        server = self.serve()  # makes the region's store, which the commands then find
        image = self.store.import_quiet("quiet", "--account", "tester")
        ec2 = self.client(server)
        token = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, InstanceType="t3.nano", ClientToken="once")["Instances"][0]["InstanceId"]
        self.until(lambda: ec2.describe_instances(InstanceIds=[token])["Reservations"][0]["Instances"][0]["State"]["Name"] == "running")
        ec2.terminate_instances(InstanceIds=[token])
        server.stop(signal.SIGKILL)
        server = self.serve()
        ec2 = self.client(server)
        # What was acknowledged is done, and the token is remembered.
        self.until(lambda: ec2.describe_instances(InstanceIds=[token])["Reservations"][0]["Instances"][0]["State"]["Name"] == "terminated")
        again = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, InstanceType="t3.nano", ClientToken="once")["Instances"][0]
        self.assertEqual((again["InstanceId"], again["State"]["Name"]), (token, "terminated"))
        self.refused("IdempotentParameterMismatch", ec2.run_instances, ImageId=image, MinCount=2, MaxCount=2, InstanceType="t3.nano", ClientToken="once")
        # Killed in the middle of a launch: it is done all the same.
        cut = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, InstanceType="t3.nano")["Instances"][0]["InstanceId"]
        server.stop(signal.SIGKILL)
        server = self.serve()
        ec2 = self.client(server)
        self.assertEqual(ec2.describe_instances(InstanceIds=[cut])["Reservations"][0]["Instances"][0]["State"]["Name"], "running")
        # Several at once: each comes up, and goes again.
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            runs = list(pool.map(lambda _: ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, InstanceType="t3.nano"), range(4)))
        ids = [run["Instances"][0]["InstanceId"] for run in runs]
        self.assertEqual(len(set(ids)), 4)
        states = lambda: {i["State"]["Name"] for r in ec2.describe_instances(InstanceIds=ids)["Reservations"] for i in r["Instances"]}
        self.until(lambda: states() == {"running"})
        ec2.terminate_instances(InstanceIds=[*ids, cut])
        self.until(lambda: states() == {"terminated"})
        # Told to stop in the middle of a launch, it finishes that first.
        last = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, InstanceType="t3.nano")["Instances"][0]["InstanceId"]
        self.assertEqual(server.stop(), 0)
        self.assertEqual(self.store.leaks(), [])
        shown = self.store.ok("instance", "show", last, "--account", "tester", "-o", "json").json["Reservations"][0]["Instances"][0]
        self.assertEqual(shown["State"]["Name"], "running")

    def asked_plainly(self, server):
        """A function that asks, unsigned and over one connection: (status, error code)."""
        connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=60)
        self.addCleanup(connection.close)

        def ask(action, *parameters):
            form = urllib.parse.urlencode([("Action", action), ("Version", "2016-11-15"), *parameters])
            connection.request("POST", "/", form, {"Content-Type": "application/x-www-form-urlencoded"})
            response = connection.getresponse()
            code = re.search(rb"<Code>([\w.]+)</Code>", response.read())
            return response.status, code.group(1).decode() if code else ""

        return ask

    def test_every_parameter_of_the_model(self):
        """Of each action that there is: what botocore's model lets a client say is known, each by itself; what it does not is told before all else."""
        ask = self.asked_plainly(self.serve("--no-auth", "--rate", "0"))
        actions = ec2_model.actions()
        self.assertGreater(len(actions), 140)
        unknown = []
        for action in actions:
            # Else the next would say nothing.
            self.assertEqual(ask(action, ("Unheard", "1")), (400, "UnknownParameter"), action)
            for name, value in ec2_model.leaves_of(action):
                if ask(action, (name, value))[1] == "UnknownParameter":
                    unknown.append(f"{action} {name}")
        self.assertEqual(unknown, [])

    def test_every_filter_of_the_model(self):
        """Of each action that has filters: those which botocore's documentation names are known, and others are not."""
        ask = self.asked_plainly(self.serve("--no-auth", "--rate", "0"))
        refused = []
        names = 0
        for action, filters in ec2_model.filters().items():
            needed = [("LaunchTemplateVersion.1", "$Latest")] if action == "DescribeLaunchTemplateVersions" else []
            self.assertEqual(ask(action, *needed, ("Filter.1.Name", "unheard"), ("Filter.1.Value.1", "x")), (400, "InvalidParameterValue"), action)
            # Also behind one that nothing passes.
            first = [("Filter.1.Name", filters[0]), ("Filter.1.Value.1", "nothing"), ("Filter.2.Name", "unheard"), ("Filter.2.Value.1", "x")]
            self.assertEqual(ask(action, *needed, *first), (400, "InvalidParameterValue"), action)
            for name in filters:
                names += 1
                if ask(action, *needed, ("Filter.1.Name", name), ("Filter.1.Value.1", "x")) != (200, ""):
                    refused.append(f"{action} {name}")
        self.assertEqual(refused, [])
        self.assertGreater(names, 400)

    def test_who_one_is(self):
        """STS and IAM, as far as tools begin with them."""
        server = self.serve()
        sts, iam = self.client(server, "sts"), self.client(server, "iam")
        self.assertEqual(sts.get_caller_identity()["Account"], "111122223333")
        self.assertEqual(iam.list_account_aliases()["AccountAliases"], ["tester"])
        self.assertIn("111122223333", iam.get_user()["User"]["Arn"])
        profile = iam.get_instance_profile(InstanceProfileName="builder")["InstanceProfile"]
        self.assertEqual((profile["Arn"], profile["Roles"]), ("arn:aws:iam::111122223333:instance-profile/builder", []))
        lent = sts.get_session_token(DurationSeconds=3600)["Credentials"]
        ec2 = boto3.client("ec2", endpoint_url=server.url, region_name="us-east-1", aws_access_key_id=lent["AccessKeyId"],
                           aws_secret_access_key=lent["SecretAccessKey"], aws_session_token=lent["SessionToken"])
        self.addCleanup(ec2.close)
        self.assertEqual(ec2.describe_images(Owners=["self"])["Images"], [])
        self.refused("ValidationError", sts.get_session_token, DurationSeconds=900_000)

    def test_bad_requests(self):
        server = self.serve()
        host, port = server.url.removeprefix("http://").split(":")
        identity, _ = self.key()
        self.refused("SignatureDoesNotMatch", self.client(server, key=(identity, "wrong")).describe_images)
        self.refused("AuthFailure", self.client(server, key=("AKIANOBODY", "wrong")).describe_images)
        self.refused("AuthFailure", self.client(server, region="mars-1").describe_images)
        self.refused("InvalidAction", self.client(server).describe_vpn_gateways)
        elsewhere = self.refused("InvalidParameterValue", self.client(server).copy_image, SourceImageId="ami-0123456789abcdef0",
                                 SourceRegion="nowhere", Name="copied")
        self.assertEqual(elsewhere["Error"]["Message"], 'the region "nowhere" is unknown')

        def raw(data, shut=False):
            with socket.create_connection((host, int(port)), timeout=20) as connection:
                connection.sendall(data)
                if shut:
                    connection.shutdown(socket.SHUT_WR)
                answer = b""
                while chunk := connection.recv(65536):
                    answer += chunk
                return answer

        head = f"POST / HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n".encode()
        self.assertIn(b"MissingAuthenticationToken", raw(head + b"Content-Length: 21\r\n\r\nAction=DescribeImages"))
        self.assertIn(b" 413 ", raw(head + b"Content-Length: 10485760\r\n\r\n").split(b"\r\n")[0])
        self.assertIn(b" 431 ", raw(head + b"X: " + b"x" * 100000 + b"\r\n\r\n").split(b"\r\n")[0])
        # boto3 reads what it is told then as it reads EC2's errors.
        large = self.refused("RequestEntityTooLarge", self.client(server).describe_tags, Filters=[{"Name": "key", "Values": ["x" * 1000] * 200}] * 50)
        self.assertEqual(large["ResponseMetadata"]["HTTPStatusCode"], 413)
        for smuggled in (b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nA=123", b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                         b"Content-Length: -1\r\n\r\n", b"Content-Length : 5\r\n\r\nA=123", b"Transfer-Encoding: xchunked\r\n\r\n"):
            self.assertIn(b" 400 ", raw(head + smuggled, shut=True).split(b"\r\n")[0], smuggled)
        self.assertIn(b" 400 ", raw(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\r\n" * 3, shut=True).split(b"\r\n")[0])
        # And it goes on.
        with urllib.request.urlopen(server.url + "/healthz", timeout=20) as response:
            self.assertEqual(response.read(), b"ok\n")
        with self.assertRaises(urllib.error.HTTPError):
            urllib.request.urlopen(server.url + "/elsewhere", timeout=20)
        # A client that is slow to speak keeps nobody else waiting, nor the server from ending.
        with socket.create_connection((host, int(port)), timeout=20) as slow:
            slow.sendall(b"POST / HTTP/1.1\r\n")
            with urllib.request.urlopen(server.url + "/healthz", timeout=20) as response:
                self.assertEqual(response.read(), b"ok\n")
        self.assertEqual(server.stop(), 0)

    def test_refusals_of_the_command(self):
        self.assertEqual(self.store.run("serve", "--listen", "0.0.0.0:0").status, 2)
        self.assertEqual(self.store.run("serve", "--listen", "nonsense").status, 2)
        self.assertEqual(self.store.run("serve", "--regions", "../up").status, 2)


if __name__ == "__main__":
    main()
