"""Images with ids of their own, catalogs, registering, sharing and storing over the API, on real machines; every answer against botocore's model."""

import json
import unittest

import serve_test
from harness import TINY, main

CATALOG = """\
source: {{file: {disk}}}
images:
  - imageId: ami-0fb83963b3fd2c89d
    name: ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-amd64-server-20230115
    ownerId: "099720109477"
    architecture: x86_64
    bootMode: legacy-bios
    platform: linux
    launchPermissions: [all]
    productCodes: [{{productCode: a8jyynf4hjutohctm41o2z18m}}]
  - imageId: ami-0abcdef1
    name: {second}
    ownerId: "801119661308"
    architecture: x86_64
    bootMode: legacy-bios
    platform: windows
    launchPermissions: [all]
  - imageId: ami-0123456789abcdef0
    name: mine
    ownerId: "111122223333"
    architecture: x86_64
    bootMode: legacy-bios
"""


@unittest.skipIf(serve_test.boto3 is None, "python3-boto3 is not installed")
class ImagesTest(unittest.TestCase):
    setUp = serve_test.ServeTest.setUp
    end = serve_test.ServeTest.end
    serve = serve_test.ServeTest.serve
    key = serve_test.ServeTest.key
    refused = serve_test.ServeTest.refused
    until = serve_test.ServeTest.until

    def client(self, server, **options):
        ec2 = serve_test.ServeTest.client(self, server, **options)
        if not hasattr(self, "checker"):
            self.checker = serve_test.Checker()
        original = ec2._endpoint._do_get_response

        def noting(request, operation_model, context):
            result = original(request, operation_model, context)
            if result[0] is not None:
                self.checker.look(result[0][0], operation_model)
            return result

        ec2._endpoint._do_get_response = noting
        return ec2

    def launch(self, ec2, image):
        instance = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, InstanceType="t3.nano")["Instances"][0]["InstanceId"]
        self.until(lambda: ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]["State"]["Name"] == "running")
        return instance

    def end_of(self, ec2, *instances):
        ec2.terminate_instances(InstanceIds=list(instances))
        self.until(lambda: {i["State"]["Name"] for r in ec2.describe_instances(InstanceIds=list(instances))["Reservations"]
                            for i in r["Instances"]} == {"terminated"})

    def test_an_id_of_ones_own(self):
        server = self.serve()
        wanted = "ami-0fb83963b3fd2c89d"
        image = self.store.import_tiny("tiny", "--account", "tester", "--image-id", wanted)
        self.assertEqual(image, wanted)
        again = self.store.run("image", "import", TINY, "--name", "other", "--account", "tester", "--image-id", wanted, "--no-inspect")
        self.assertNotEqual(again.status, 0)
        self.assertIn(wanted, again.err)
        bad = self.store.run("image", "import", TINY, "--name", "other", "--image-id", "ami-XYZ")
        self.assertEqual(bad.status, 2)
        self.assertIn("8 or 17 hexadecimal digits", bad.err)
        ec2 = self.client(server)
        instance = self.launch(ec2, wanted)
        self.until(lambda: ec2.get_console_output(InstanceId=instance).get("Output", "") != "", 240)
        self.end_of(ec2, instance)
        ec2.deregister_image(ImageId=wanted)
        self.assertEqual(self.store.import_tiny("tiny", "--account", "tester", "--image-id", wanted), wanted)
        self.assertEqual(server.stop(), 0)
        self.assertEqual(self.checker.wrong, [])

    def test_catalog(self):
        catalog = self.store.folder / "catalog.yaml"
        catalog.write_text(CATALOG.format(disk=TINY, second="Windows_Server-2022-English-Full-Base"))
        server = self.serve("--catalog", str(catalog))
        ec2 = self.client(server)
        images = {i["ImageId"]: i for i in ec2.describe_images()["Images"]}
        self.assertEqual(set(images), {"ami-0fb83963b3fd2c89d", "ami-0abcdef1", "ami-0123456789abcdef0"})
        self.assertEqual(images["ami-0fb83963b3fd2c89d"]["OwnerId"], "099720109477")
        self.assertEqual(images["ami-0fb83963b3fd2c89d"]["ProductCodes"],
                         [{"ProductCodeId": "a8jyynf4hjutohctm41o2z18m", "ProductCodeType": "marketplace"}])
        self.assertEqual(images["ami-0abcdef1"]["Platform"], "windows")
        found = ec2.describe_images(Owners=["099720109477"], Filters=[{"Name": "name", "Values": ["ubuntu/images/hvm-ssd/ubuntu-jammy-*"]}])
        self.assertEqual([i["ImageId"] for i in found["Images"]], ["ami-0fb83963b3fd2c89d"])
        self.assertEqual(ec2.describe_image_attribute(ImageId="ami-0123456789abcdef0", Attribute="productCodes")["ProductCodes"], [])
        disks = sorted(p.name for p in (self.store.region / "disks").iterdir())
        self.assertEqual(len(disks), 1, "three images over one disk")
        instance = self.launch(ec2, "ami-0abcdef1")
        self.end_of(ec2, instance)
        before = ec2.describe_images()["Images"]
        self.assertEqual(server.stop(), 0)
        # A second start changes nothing; an edited file changes what differs.
        server = self.serve("--catalog", str(catalog))
        ec2 = self.client(server)
        strip = lambda all_images: [{k: v for k, v in i.items() if k != "LastLaunchedTime"} for i in all_images]
        self.assertEqual(strip(ec2.describe_images()["Images"]), strip(before))
        self.assertEqual(server.stop(), 0)
        catalog.write_text(CATALOG.format(disk=TINY, second="renamed"))
        server = self.serve("--catalog", str(catalog))
        after = self.client(server).describe_images()["Images"]
        self.assertEqual(sorted(i["Name"] for i in after if i["ImageId"] == "ami-0abcdef1"), ["renamed"])
        self.assertEqual([i["BlockDeviceMappings"] for i in after], [i["BlockDeviceMappings"] for i in before])
        self.assertEqual(server.stop(), 0)
        # All faults at once, each with its field and line.
        catalog.write_text("source: {file: nowhere}\nimages:\n  - {imageId: ami-0abcdef1, name: x}\n")
        refused = self.store.run("serve", "--listen", "127.0.0.1:0", "--regions", "us-east-1", "--catalog", str(catalog))
        self.assertNotEqual(refused.status, 0)
        self.assertIn("catalog.yaml:1: source.file", refused.err)
        self.assertIn("catalog.yaml:3: images[0].name", refused.err)
        schema = json.loads(self.store.ok("schema", "catalog").out)
        self.assertEqual(schema["properties"]["images"]["items"]["required"], ["name", "imageId"])
        self.assertEqual(self.checker.wrong, [])

    def test_registered_shared_copied_stored(self):
        server = self.serve("--account", "tester", regions="us-east-1,eu-west-1")
        other = self.store.ok("account", "create", "--alias", "other", "--id", "444455556666", "-o", "json").json["AccessKey"]
        image = self.store.import_tiny("tiny", "--account", "tester")
        ec2 = self.client(server)
        theirs = self.client(server, key=(other["AccessKeyId"], other["SecretAccessKey"]))
        root = ec2.describe_images(ImageIds=[image])["Images"][0]["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]

        registered = ec2.register_image(Name="again", RootDeviceName="/dev/xvda", Architecture="x86_64", VirtualizationType="hvm", EnaSupport=True,
                                        BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": root, "VolumeSize": 2}}])["ImageId"]
        self.assertTrue(ec2.describe_images(ImageIds=[registered])["Images"][0]["EnaSupport"])
        self.refused("UnsupportedOperation", ec2.register_image, Name="paravirtual", VirtualizationType="paravirtual",
                     BlockDeviceMappings=[{"DeviceName": "/dev/sda1", "Ebs": {"SnapshotId": root}}])
        stored = ec2.register_image(Name="of a file", ImageLocation=TINY, Architecture="x86_64", BootMode="legacy-bios")["ImageId"]
        ec2.get_waiter("image_available").wait(ImageIds=[stored])
        self.assertEqual(ec2.describe_images(ImageIds=[stored])["Images"][0]["RootDeviceType"], "instance-store")
        instance = self.launch(ec2, registered)

        volume = ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)["VolumeId"]
        ec2.modify_volume(VolumeId=volume, Size=2)
        modified = ec2.describe_volumes_modifications(VolumeIds=[volume])["VolumesModifications"][0]
        self.assertEqual((modified["OriginalSize"], modified["TargetSize"], modified["ModificationState"]), (1, 2, "completed"))
        ec2.modify_volume_attribute(VolumeId=volume, AutoEnableIO={"Value": True})
        self.assertTrue(ec2.describe_volume_attribute(VolumeId=volume, Attribute="autoEnableIO")["AutoEnableIO"]["Value"])
        ec2.enable_volume_io(VolumeId=volume)
        snapshot = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
        self.refused("InvalidSnapshot.NotFound", theirs.create_volume, AvailabilityZone="us-east-1a", SnapshotId=snapshot)
        ec2.modify_snapshot_attribute(SnapshotId=snapshot, CreateVolumePermission={"Add": [{"UserId": "444455556666"}]})
        self.assertEqual(ec2.describe_snapshot_attribute(SnapshotId=snapshot, Attribute="createVolumePermission")["CreateVolumePermissions"],
                         [{"UserId": "444455556666"}])
        self.assertEqual([s["SnapshotId"] for s in theirs.describe_snapshots(RestorableByUserIds=["self"])["Snapshots"]], [snapshot])
        shared = theirs.create_volume(AvailabilityZone="us-east-1a", SnapshotId=snapshot)["VolumeId"]
        theirs.delete_volume(VolumeId=shared)
        ec2.reset_snapshot_attribute(SnapshotId=snapshot, Attribute="createVolumePermission")
        self.refused("InvalidSnapshot.NotFound", theirs.describe_snapshots, SnapshotIds=[snapshot])

        twin = ec2.copy_snapshot(SourceSnapshotId=snapshot, SourceRegion="us-east-1", Description="twin")["SnapshotId"]
        far = self.client(server, region="eu-west-1")
        away = far.copy_snapshot(SourceSnapshotId=root, SourceRegion="us-east-1")["SnapshotId"]
        far.get_waiter("snapshot_completed").wait(SnapshotIds=[away], WaiterConfig={"Delay": 1})
        there = far.register_image(Name="there", RootDeviceName="/dev/sda1",
                                   BlockDeviceMappings=[{"DeviceName": "/dev/sda1", "Ebs": {"SnapshotId": away}}])["ImageId"]
        self.end_of(far, self.launch(far, there))

        ec2.enable_ebs_encryption_by_default()
        self.assertTrue(ec2.get_ebs_encryption_by_default()["EbsEncryptionByDefault"])
        encrypted = ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)
        self.assertTrue(encrypted["Encrypted"])
        self.assertFalse(ec2.disable_ebs_encryption_by_default()["EbsEncryptionByDefault"])

        key = ec2.create_store_image_task(ImageId=registered, Bucket="shelf")["ObjectKey"]
        self.until(lambda: ec2.describe_store_image_tasks(ImageIds=[registered])["StoreImageTaskResults"][0]["StoreTaskState"] == "Completed")
        self.assertTrue((self.store.region / "buckets/111122223333/shelf" / key).is_file())
        back = ec2.create_restore_image_task(Bucket="shelf", ObjectKey=key, Name="back")["ImageId"]
        ec2.get_waiter("image_available").wait(ImageIds=[back])

        self.end_of(ec2, instance)
        for gone in (volume, encrypted["VolumeId"]):
            ec2.delete_volume(VolumeId=gone)
        for gone in (registered, stored, back):
            ec2.deregister_image(ImageId=gone)
        for gone in (snapshot, twin):
            ec2.delete_snapshot(SnapshotId=gone)
        self.assertEqual(server.stop(), 0)
        self.assertEqual(self.checker.wrong, [])


if __name__ == "__main__":
    main()
