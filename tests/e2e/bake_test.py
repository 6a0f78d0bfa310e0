"""Tools that build on the API: Packer bakes an image over SSH, which then boots; an Ansible playbook that changes nothing the second time; the calls of
Terraform's provider, in its order."""

import base64
import json
import re
import shutil
import subprocess
import unittest

from clients_test import ClientCase
from harness import main
from reach_test import ssh_port

try:
    import boto3
    import botocore.exceptions
except ImportError:
    boto3 = None

PLAYBOOK = """
- hosts: localhost
  connection: local
  gather_facts: false
  module_defaults:
    group/amazon.aws.aws: &server
      endpoint_url: "{{ endpoint }}"
      region: us-east-1
  tasks:
    - amazon.aws.ec2_key: {name: lab, key_material: "{{ lookup('file', key + '.pub') }}"}
    - amazon.aws.ec2_security_group:
        name: lab
        description: SSH from here
        rules: [{proto: tcp, ports: [22], cidr_ip: 127.0.0.0/8}]
    - amazon.aws.ec2_instance:
        name: lab
        image_id: "{{ image }}"
        instance_type: t2.nano
        key_name: lab
        security_group: lab
        tags: {team: desk}
        state: running
        wait: true
      register: made
    - amazon.aws.ec2_vol: {instance: "{{ made.instances[0].instance_id }}", volume_size: 1, device_name: /dev/sdf, name: data}
    - add_host: {name: guest, ansible_host: "{{ made.instances[0].public_ip_address }}"}
      changed_when: false
    - wait_for: {host: "{{ made.instances[0].public_ip_address }}", port: "{{ ssh_at }}", search_regex: SSH, timeout: 60}
- hosts: guest
  gather_facts: false
  tasks:
    - raw: cat /etc/baked 2>/dev/null || { echo yes >/etc/baked; sync; echo new; }
      register: said
      changed_when: "'new' in said.stdout"
- hosts: localhost
  connection: local
  gather_facts: false
  module_defaults:
    group/amazon.aws.aws: *server
  tasks:
    - amazon.aws.ec2_ami_info: {owners: self, filters: {name: lab-image}}
      register: found
    - amazon.aws.ec2_ami: {name: lab-image, instance_id: "{{ made.instances[0].instance_id }}", no_reboot: true, wait: true, tags: {team: desk}}
      when: found.images | length == 0
"""

UNDO = """
- hosts: localhost
  connection: local
  gather_facts: false
  module_defaults:
    group/amazon.aws.aws: {endpoint_url: "{{ endpoint }}", region: us-east-1}
  tasks:
    - amazon.aws.ec2_ami_info: {owners: self, filters: {name: lab-image}}
      register: found
    - amazon.aws.ec2_ami: {image_id: "{{ found.images[0].image_id }}", state: absent, delete_snapshot: true}
    - amazon.aws.ec2_instance: {filters: {"tag:Name": lab}, state: absent, wait: true}
    - amazon.aws.ec2_security_group: {name: lab, state: absent}
    - amazon.aws.ec2_key: {name: lab, state: absent}
"""


class Bake(ClientCase):
    @unittest.skipIf(shutil.which("packer") is None, "packer is not installed")
    def test_packer(self):
        template = {
            "builders": [{
                "type": "amazon-ebs", "custom_endpoint_ec2": self.told["AWS_ENDPOINT_URL"], "region": "us-east-1", "skip_region_validation": True,
                "skip_metadata_api_check": True, "skip_credential_validation": True, "source_ami": self.image, "instance_type": "t3.nano",
                "ssh_username": "root", "ssh_port": ssh_port(), "ssh_file_transfer_method": "sftp", "ami_name": "baked", "ami_description": "by packer",
                "tags": {"team": "desk"}, "run_tags": {"Name": "baking"}, "aws_polling": {"delay_seconds": 1, "max_attempts": 120},
            }],
            "provisioners": [{"type": "shell", "remote_folder": "/root", "inline": ["echo baked by packer >/etc/baked", "sync"]}],
        }
        (self.store.folder / "bake.json").write_text(json.dumps(template))
        packer = subprocess.run(["packer", "build", "-color=false", "bake.json"], cwd=self.store.folder, capture_output=True, text=True, timeout=400,
                                env={**self.client_environment(), "CHECKPOINT_DISABLE": "1", "PACKER_LOG": "1"}, stdin=subprocess.DEVNULL, check=False)
        self.assertEqual(packer.returncode, 0, packer.stdout + packer.stderr[-6000:])
        made = re.search(r"^us-east-1: (ami-[0-9a-f]{17})$", packer.stdout, re.M)
        self.assertTrue(made, packer.stdout)
        shown = self.store.ok("image", "show", made[1], "-o", "json").json["Images"][0]
        self.assertEqual((shown["Name"], shown["Description"], shown["Tags"]), ("baked", "by packer", [{"Key": "team", "Value": "desk"}]))
        # Nothing of it is left but the image, and what it has made is there when it boots.
        self.assertEqual(self.store.ok("ps", "-o", "id").lines, [])
        self.assertEqual(self.store.ok("key", "list", "-o", "id").lines, [])
        self.assertEqual(self.store.ok("volume", "list", "-o", "id").lines, [])
        instance = self.store.ok("run", "baked", "--type", "t2.nano", "--wait", "ssh", "-o", "id").out.strip()
        self.assertEqual(self.store.ok("exec", instance, "--", "cat", "/etc/baked").out, "baked by packer\n")
        self.store.ok("terminate", instance)
        self.finish()

    @unittest.skipIf(shutil.which("ansible-playbook") is None, "ansible is not installed")
    def test_ansible(self):
        folder = self.store.folder / "play"
        folder.mkdir()
        (folder / "site.yaml").write_text(PLAYBOOK)
        (folder / "undo.yaml").write_text(UNDO)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "id"], check=True)
        more = {"endpoint": self.told["AWS_ENDPOINT_URL"], "image": self.image, "key": str(folder / "id"), "ssh_at": ssh_port(), "ansible_port": ssh_port(),
                "ansible_user": "root", "ansible_ssh_private_key_file": str(folder / "id"), "ansible_python_interpreter": "/usr/bin/python3"}
        environment = {**self.client_environment(), "ANSIBLE_HOST_KEY_CHECKING": "False", "ANSIBLE_NOCOLOR": "1", "ANSIBLE_LOCALHOST_WARNING": "False",
                       "ANSIBLE_HOME": str(folder / "home"), "ANSIBLE_LOCAL_TEMP": str(folder / "tmp")}

        def play(name):
            done = subprocess.run(["ansible-playbook", "-i", "localhost,", "-e", json.dumps(more), name], cwd=folder, env=environment, timeout=400,
                                  capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            return done.stdout, sum(int(n) for n in re.findall(r"changed=(\d+)", done.stdout))

        said, changed = play("site.yaml")
        self.assertGreaterEqual(changed, 5, said)
        instance = self.store.ok("ps", "-o", "id").lines
        self.assertEqual(len(instance), 1)
        said, changed = play("site.yaml")
        self.assertEqual(changed, 0, said)
        self.assertEqual(self.store.ok("ps", "-o", "id").lines, instance)
        play("undo.yaml")
        self.assertEqual(self.store.ok("ps", "-o", "id").lines, [])
        self.assertEqual(self.store.ok("key", "list", "-o", "id").lines, [])
        for volume in self.store.ok("volume", "list", "-o", "id").lines:
            self.store.ok("volume", "delete", volume)
        self.finish()

    @unittest.skipIf(boto3 is None, "python3-boto3 is not installed")
    def test_calls_of_terraform(self):
        """One aws_key_pair, aws_security_group, aws_instance, aws_ebs_volume with its attachment and aws_ami_from_instance: create, read, change, destroy."""
        ec2 = self.client()
        sts = self.client("sts")
        self.assertRegex(sts.get_caller_identity()["Account"], r"^\d{12}$")
        self.assertIn("vpc", ec2.describe_account_attributes(AttributeNames=["supported-platforms"])["AccountAttributes"][0]["AttributeValues"][0]["AttributeValue"].lower())
        tags = [{"Key": "Name", "Value": "tf"}]
        key = ec2.import_key_pair(KeyName="tf", PublicKeyMaterial=self.public_key(), TagSpecifications=[{"ResourceType": "key-pair", "Tags": tags}])
        self.assertEqual(ec2.describe_key_pairs(KeyNames=["tf"])["KeyPairs"][0]["KeyPairId"], key["KeyPairId"])
        [vpc] = ec2.describe_vpcs(Filters=[{"Name": "isDefault", "Values": ["true"]}])["Vpcs"]
        for attribute in ("enableDnsSupport", "enableDnsHostnames"):
            ec2.describe_vpc_attribute(VpcId=vpc["VpcId"], Attribute=attribute)
        group = ec2.create_security_group(GroupName="tf", Description="Managed by Terraform", VpcId=vpc["VpcId"])["GroupId"]
        everything = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
        ec2.revoke_security_group_egress(GroupId=group, IpPermissions=[everything])
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}])
        self.assertEqual(ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissionsEgress"], [])

        image = ec2.describe_images(ImageIds=[self.image], IncludeDeprecated=True)["Images"][0]
        ec2.describe_instance_types(InstanceTypes=["t3.nano"])
        made = ec2.run_instances(ImageId=self.image, MinCount=1, MaxCount=1, InstanceType="t3.nano", KeyName="tf", SecurityGroupIds=[group],
                                 UserData=base64.b64encode(b"#!/bin/sh\n").decode(), DisableApiTermination=False, EbsOptimized=False,
                                 Monitoring={"Enabled": False}, MetadataOptions={"HttpTokens": "required", "HttpEndpoint": "enabled"},
                                 TagSpecifications=[{"ResourceType": "instance", "Tags": tags}])["Instances"][0]
        instance = made["InstanceId"]
        ec2.get_waiter("instance_running").wait(InstanceIds=[instance], WaiterConfig={"Delay": 1})
        shown = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
        self.assertEqual([g["GroupId"] for g in shown["SecurityGroups"]], [group])
        self.assertEqual((shown["VpcId"], shown["SourceDestCheck"]), (vpc["VpcId"], True))
        ec2.describe_volumes(VolumeIds=[shown["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]])
        self.assertEqual(ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [instance]}])["Tags"][0]["Value"], "tf")
        for attribute in ("disableApiStop", "disableApiTermination", "instanceInitiatedShutdownBehavior", "userData"):
            ec2.describe_instance_attribute(InstanceId=instance, Attribute=attribute)
        self.assertEqual(ec2.describe_instance_credit_specifications(InstanceIds=[instance])["InstanceCreditSpecifications"][0]["InstanceId"], instance)
        ec2.modify_instance_attribute(InstanceId=instance, DisableApiTermination={"Value": True})
        with self.assertRaises(botocore.exceptions.ClientError) as refused:
            ec2.terminate_instances(InstanceIds=[instance])
        self.assertEqual(refused.exception.response["Error"]["Code"], "OperationNotPermitted")
        ec2.modify_instance_attribute(InstanceId=instance, DisableApiTermination={"Value": False})
        ec2.modify_instance_metadata_options(InstanceId=instance, HttpTokens="optional")
        ec2.monitor_instances(InstanceIds=[instance])

        volume = ec2.create_volume(AvailabilityZone=shown["Placement"]["AvailabilityZone"], Size=1, VolumeType="gp3",
                                   TagSpecifications=[{"ResourceType": "volume", "Tags": tags}])["VolumeId"]
        ec2.get_waiter("volume_available").wait(VolumeIds=[volume], WaiterConfig={"Delay": 1})
        ec2.attach_volume(VolumeId=volume, InstanceId=instance, Device="/dev/sdh")
        ec2.get_waiter("volume_in_use").wait(VolumeIds=[volume], WaiterConfig={"Delay": 1},
                                             Filters=[{"Name": "attachment.instance-id", "Values": [instance]}, {"Name": "attachment.device", "Values": ["/dev/sdh"]}])
        ec2.modify_volume(VolumeId=volume, Size=2)
        changed = ec2.describe_volumes_modifications(VolumeIds=[volume])["VolumesModifications"][0]
        self.assertEqual((changed["TargetSize"], changed["ModificationState"] in ("optimizing", "completed")), (2, True))

        baked = ec2.create_image(InstanceId=instance, Name="tf-baked", NoReboot=True)["ImageId"]
        ec2.get_waiter("image_available").wait(ImageIds=[baked], WaiterConfig={"Delay": 1})
        registered = ec2.register_image(Name="tf-registered", RootDeviceName=image["RootDeviceName"], Architecture="x86_64", VirtualizationType="hvm",
                                        BlockDeviceMappings=[{"DeviceName": image["RootDeviceName"], "Ebs": {"SnapshotId": image["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]}}])["ImageId"]
        ec2.get_waiter("image_available").wait(ImageIds=[registered], WaiterConfig={"Delay": 1})

        for each in (registered, baked):
            ec2.deregister_image(ImageId=each)
        ec2.detach_volume(VolumeId=volume, InstanceId=instance, Device="/dev/sdh", Force=True)
        ec2.get_waiter("volume_available").wait(VolumeIds=[volume], WaiterConfig={"Delay": 1})
        ec2.delete_volume(VolumeId=volume)
        ec2.get_waiter("volume_deleted").wait(VolumeIds=[volume], WaiterConfig={"Delay": 1})
        ec2.terminate_instances(InstanceIds=[instance])
        ec2.get_waiter("instance_terminated").wait(InstanceIds=[instance], WaiterConfig={"Delay": 1})
        ec2.delete_security_group(GroupId=group)
        with self.assertRaises(botocore.exceptions.ClientError) as gone:
            ec2.describe_security_groups(GroupIds=[group])
        self.assertEqual(gone.exception.response["Error"]["Code"], "InvalidGroup.NotFound")
        ec2.delete_key_pair(KeyName="tf")
        self.finish()

    def public_key(self):
        key = self.store.folder / "tf"
        subprocess.run(["ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", key], check=True)
        return key.with_suffix(".pub").read_bytes()


if __name__ == "__main__":
    main()
