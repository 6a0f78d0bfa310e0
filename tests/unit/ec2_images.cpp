// Images, snapshots and volumes over the API: registering, sharing, what is kept of them.
#include "amivirt/base/interrupt.hpp"
#include "ec2_bench.hpp"

namespace amivirt::ec2 {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class Ec2Images : public Ec2Api {
protected:
    Ec2Images() {
        EXPECT_TRUE(accounts.create("other", other));
        const auto key = accounts.keys();
        theirs_ = key ? key->back() : AccessKey{};
    }
    /// What the other account is answered.
    HttpResponse they(const std::string& form) { return noted(api().handle(signed_form("Version=2016-11-15&" + form, theirs_))); }
    std::string they_see(const std::string& form) {
        const auto response = they(form);
        EXPECT_EQ(response.status, 200U) << form << "\n" << response.body;
        return response.body;
    }
    std::string their_code(const std::string& form) {
        const auto response = they(form);
        EXPECT_GE(response.status, 400U) << form << "\n" << response.body;
        return first("Code", response.body);
    }
    std::string root_snapshot() { return snapshots_of(image).at(0).str(); }
    std::string volume_of(const std::string& more) { return first("volumeId", ok("Action=CreateVolume&AvailabilityZone=locala" + more)); }
    /// Of an empty volume.
    std::string a_snapshot() { return first("snapshotId", ok("Action=CreateSnapshot&VolumeId=" + volume_of("&Size=1"))); }

    AccessKey theirs_;
};

TEST_F(Ec2Images, RegistersSnapshots) {
    const std::string form =
        "Action=RegisterImage&RootDeviceName=/dev/xvda&VirtualizationType=hvm&EnaSupport=true&SriovNetSupport=simple&"
        "BlockDeviceMapping.1.DeviceName=/dev/xvda&BlockDeviceMapping.1.Ebs.SnapshotId=" +
        root_snapshot();
    const auto id = first("imageId", ok(form + "&Name=again&Architecture=x86_64&BootMode=uefi&TagSpecification.1.ResourceType=image&"
                                               "TagSpecification.1.Tag.1.Key=k&TagSpecification.1.Tag.1.Value=v&"
                                               "BlockDeviceMapping.2.DeviceName=/dev/xvdb&BlockDeviceMapping.2.Ebs.VolumeSize=3"));
    const auto body = ok("Action=DescribeImages&ImageId.1=" + id);
    EXPECT_EQ(first("imageState", body), "available");
    EXPECT_EQ(first("rootDeviceName", body), "/dev/xvda");
    EXPECT_EQ(first("rootDeviceType", body), "ebs");
    EXPECT_EQ(first("bootMode", body), "uefi");
    EXPECT_EQ(first("enaSupport", body), "true");
    EXPECT_EQ(first("sriovNetSupport", body), "simple");
    EXPECT_THAT(every("volumeSize", body), ElementsAre("1", "3"));
    EXPECT_THAT(every("deleteOnTermination", body), ElementsAre("true", "false"));
    EXPECT_THAT(body, HasSubstr("<key>k</key><value>v</value>"));
    EXPECT_THAT(every("imageId", ok("Action=DescribeImages&Filter.1.Name=ena-support&Filter.1.Value.1=true")), ElementsAre(id));
    EXPECT_EQ(first("value", ok("Action=DescribeImageAttribute&Attribute=sriovNetSupport&ImageId=" + id)), "simple");
    // It launches, and keeps its snapshot.
    const auto launched = ok("Action=RunInstances&InstanceType=t3.nano&MinCount=1&MaxCount=1&ImageId=" + id);
    EXPECT_TRUE(api().background().drain(std::chrono::seconds(10)));
    EXPECT_EQ(first("name", ok("Action=DescribeInstances&InstanceId.1=" + first("instanceId", launched))), "running");
    EXPECT_EQ(code("Action=DeleteSnapshot&SnapshotId=" + root_snapshot()), "InvalidSnapshot.InUse");
    EXPECT_EQ(code(form + "&Name=again"), "InvalidAMIName.Duplicate");
    EXPECT_EQ(code(form + "&Name=x"), "InvalidAMIName.Malformed");
    EXPECT_EQ(code(form), "MissingParameter");
}

TEST_F(Ec2Images, RegisterRefusesWhatItCannotDo) {
    const std::string form = "Action=RegisterImage&Name=another";
    const std::string root = "&BlockDeviceMapping.1.DeviceName=/dev/sda1&BlockDeviceMapping.1.Ebs.SnapshotId=" + root_snapshot();
    EXPECT_EQ(code(form), "MissingParameter");
    EXPECT_EQ(code(form + "&BlockDeviceMapping.1.DeviceName=/dev/sda1&BlockDeviceMapping.1.Ebs.VolumeSize=1"), "InvalidBlockDeviceMapping");
    EXPECT_EQ(code(form + "&RootDeviceName=/dev/xvda" + root), "InvalidBlockDeviceMapping");
    EXPECT_EQ(code(form + "&BlockDeviceMapping.1.DeviceName=/dev/sda1&BlockDeviceMapping.1.Ebs.SnapshotId=snap-00000000000000bad"),
              "InvalidSnapshot.NotFound");
    for (const std::string parameter : {"VirtualizationType=paravirtual", "KernelId=aki-1", "RamdiskId=ari-1", "BillingProduct.1=bp-1",
                                        "TpmSupport=v2.0", "UefiData=x", "ImdsSupport=v2.0", "ImageLocation=bucket/image.manifest.xml"}) {
        const auto response = post(form + "&" + parameter + (parameter.starts_with("ImageLocation") ? "" : root));
        EXPECT_EQ(first("Code", response.body), "UnsupportedOperation") << parameter;
        EXPECT_THAT(response.body, HasSubstr(parameter.substr(0, parameter.find_first_of("=."))));
    }
    EXPECT_EQ(code(form + "&Architecture=vax" + root), "InvalidParameterValue");
    EXPECT_EQ(code(form + "&BootMode=tape" + root), "InvalidParameterValue");
    EXPECT_EQ(code(form + "&SriovNetSupport=double" + root), "InvalidParameterValue");
    EXPECT_EQ(code(form + "&ImageLocation=/disks/tiny.qcow2" + root), "InvalidParameterCombination");
    EXPECT_EQ(code(form + "&DryRun=true" + root), "DryRunOperation");
    EXPECT_EQ(every("imageId", ok("Action=DescribeImages&Owner.1=self")).size(), 1U);
    // What an image of snapshots is told to lie at is nothing but its name.
    EXPECT_THAT(ok(form + root + "&ImageLocation=" + me.str() + "/another"), HasSubstr("<imageId>ami-"));
    EXPECT_EQ(their_code("Action=RegisterImage&Name=theirs" + root), "InvalidSnapshot.NotFound");
}

TEST_F(Ec2Images, RegistersAFileOfTheHost) {
    stager.add("/disks/other.raw", fakes::FakeDisk{"another disk", "qcow2", Bytes{1U << 20U}, std::nullopt});
    const auto id = first("imageId", ok("Action=RegisterImage&Name=disk&ImageLocation=file:///disks/other.raw"));
    EXPECT_TRUE(api().background().drain(std::chrono::seconds(10)));
    const auto body = ok("Action=DescribeImages&ImageId.1=" + id);
    EXPECT_EQ(first("imageState", body), "available");
    EXPECT_EQ(first("rootDeviceType", body), "instance-store");
    // One that cannot be read fails when it is promised already, and frees its name.
    const auto lost = first("imageId", ok("Action=RegisterImage&Name=lost&ImageLocation=/disks/lost.raw"));
    EXPECT_TRUE(api().background().drain(std::chrono::seconds(10)));
    EXPECT_EQ(first("imageState", ok("Action=DescribeImages&ImageId.1=" + lost)), "failed");
    EXPECT_EQ(their_code("Action=RegisterImage&Name=theirs&ImageLocation=/etc/shadow"), "UnauthorizedOperation");
}

TEST_F(Ec2Images, ProductCodes) {
    const std::string on = "&ImageId=" + image.id.str();
    ok("Action=ModifyImageAttribute&Attribute=productCodes&OperationType=add&ProductCode.1=abc123" + on);
    ok("Action=ModifyImageAttribute&ProductCode.1=abc123&ProductCode.2=def456" + on);
    EXPECT_THAT(every("productCode", ok("Action=DescribeImageAttribute&Attribute=productCodes" + on)), ElementsAre("abc123", "def456"));
    EXPECT_THAT(ok("Action=DescribeImages&ImageId.1=" + image.id.str()),
                HasSubstr("<productCodes><item><productCode>abc123</productCode><type>marketplace</type></item>"));
    EXPECT_THAT(every("imageId", ok("Action=DescribeImages&Filter.1.Name=product-code&Filter.1.Value.1=def*")),
                ElementsAre(image.id.str()));
    EXPECT_THAT(every("imageId", ok("Action=DescribeImages&Filter.1.Name=product-code.type&Filter.1.Value.1=devpay")), IsEmpty());
    EXPECT_EQ(code("Action=ModifyImageAttribute&ProductCode.1=a-b" + on), "InvalidParameterValue");
}

TEST_F(Ec2Images, FiltersInFull) {
    const auto found = [&](const std::string& name, const std::string& value) {
        return every("imageId", ok("Action=DescribeImages&Owner.1=self&Filter.1.Name=" + name + "&Filter.1.Value.1=" + value)).size();
    };
    EXPECT_EQ(found("boot-mode", "legacy-bios"), 1U);
    EXPECT_EQ(found("boot-mode", "uefi"), 0U);
    EXPECT_EQ(found("manifest-location", me.str() + "/tiny"), 1U);
    EXPECT_EQ(found("usage-operation", "RunInstances"), 1U);
    EXPECT_EQ(found("ena-support", "true"), 0U);
    EXPECT_EQ(found("sriov-net-support", "*"), 0U);
    for (const std::string name : {"kernel-id", "ramdisk-id", "tpm-support", "imds-support", "deprecation-time", "source-image-region",
                                   "state-reason-message", "state-reason-code"}) {
        EXPECT_EQ(found(name, "*"), 0U) << name;
    }
    ok("Action=EnableImageDeprecation&DeprecateAt=2027-01-01T00:00:00Z&ImageId=" + image.id.str());
    EXPECT_EQ(found("deprecation-time", "2027-01-01*"), 1U);
    const auto count_volumes = [&](const std::string& name, const std::string& value) {
        return every("volumeId", ok("Action=DescribeVolumes&Filter.1.Name=" + name + "&Filter.1.Value.1=" + value)).size();
    };
    volume_of("&Size=1");
    EXPECT_EQ(count_volumes("availability-zone", "local?"), 1U);
    EXPECT_EQ(count_volumes("availability-zone", "us-east-1a"), 0U);
    EXPECT_EQ(count_volumes("multi-attach-enabled", "false"), 1U);
    EXPECT_EQ(count_volumes("fast-restored", "true"), 0U);
    EXPECT_EQ(code("Action=DescribeVolumes&Filter.1.Name=colour&Filter.1.Value.1=red"), "InvalidParameterValue");
}

TEST_F(Ec2Images, SnapshotsAreShared) {
    const auto id = a_snapshot();
    const std::string on = "&SnapshotId=" + id;
    const std::string volume = "Action=CreateVolume&AvailabilityZone=locala&SnapshotId=" + id;
    EXPECT_EQ(their_code("Action=DescribeSnapshots&SnapshotId.1=" + id), "InvalidSnapshot.NotFound");
    EXPECT_EQ(their_code(volume), "InvalidSnapshot.NotFound");
    ok("Action=CreateTags&Tag.1.Key=secret&ResourceId.1=" + id);
    ok("Action=ModifySnapshotAttribute&CreateVolumePermission.Add.1.UserId=" + other.str() + on);
    EXPECT_THAT(ok("Action=DescribeSnapshotAttribute&Attribute=createVolumePermission" + on),
                HasSubstr("<createVolumePermission><item><userId>" + other.str() + "</userId></item></createVolumePermission>"));
    const auto seen = they_see("Action=DescribeSnapshots&RestorableBy.1=self");
    EXPECT_THAT(every("snapshotId", seen), ElementsAre(id));
    EXPECT_THAT(seen, Not(HasSubstr("secret")));
    EXPECT_THAT(every("snapshotId", they_see("Action=DescribeSnapshots&Owner.1=self")), IsEmpty());
    EXPECT_THAT(every("snapshotId", they_see("Action=DescribeSnapshots&Owner.1=" + me.str())), ElementsAre(id));
    EXPECT_THAT(every("snapshotId", they_see("Action=DescribeSnapshots&RestorableBy.1=all")), IsEmpty());
    EXPECT_THAT(every("snapshotId", ok("Action=DescribeSnapshots&RestorableBy.1=" + other.str())), ElementsAre(id));
    EXPECT_EQ(first("snapshotId", they_see(volume)), id);
    // What is the owner's alone.
    EXPECT_EQ(their_code("Action=DeleteSnapshot" + on), "AuthFailure");
    EXPECT_EQ(their_code("Action=DescribeSnapshotAttribute&Attribute=createVolumePermission" + on), "AuthFailure");
    EXPECT_EQ(their_code("Action=ModifySnapshotAttribute&CreateVolumePermission.Add.1.Group=all" + on), "AuthFailure");
    EXPECT_EQ(their_code("Action=ResetSnapshotAttribute&Attribute=createVolumePermission" + on), "AuthFailure");
    // In the old form, and back.
    ok("Action=ModifySnapshotAttribute&Attribute=createVolumePermission&OperationType=remove&UserId.1=" + other.str() + on);
    EXPECT_EQ(their_code(volume), "InvalidSnapshot.NotFound");
    ok("Action=ModifySnapshotAttribute&Attribute=createVolumePermission&OperationType=add&UserGroup.1=all" + on);
    EXPECT_THAT(every("snapshotId", they_see("Action=DescribeSnapshots&RestorableBy.1=all")), ElementsAre(id));
    ok("Action=ResetSnapshotAttribute&Attribute=createVolumePermission" + on);
    EXPECT_EQ(their_code(volume), "InvalidSnapshot.NotFound");
    EXPECT_EQ(code("Action=ModifySnapshotAttribute" + on), "InvalidParameterCombination");
    EXPECT_EQ(code("Action=ModifySnapshotAttribute&CreateVolumePermission.Add.1.UserId=me" + on), "InvalidParameterValue");
    EXPECT_EQ(code("Action=DescribeSnapshotAttribute&Attribute=colour" + on), "InvalidParameterValue");
    EXPECT_THAT(ok("Action=DescribeSnapshotAttribute&Attribute=productCodes" + on), HasSubstr("<productCodes></productCodes>"));
}

TEST_F(Ec2Images, PublicSnapshotsCanBeBlocked) {
    const auto id = a_snapshot();
    const std::string share = "Action=ModifySnapshotAttribute&CreateVolumePermission.Add.1.Group=all&SnapshotId=" + id;
    EXPECT_EQ(first("state", ok("Action=GetSnapshotBlockPublicAccessState")), "unblocked");
    ok("Action=EnableSnapshotBlockPublicAccess&State=block-new-sharing");
    EXPECT_EQ(code(share), "OperationNotPermitted");
    ok("Action=DisableSnapshotBlockPublicAccess");
    ok(share);
    EXPECT_THAT(they_see("Action=DescribeSnapshots"), HasSubstr(id));
    EXPECT_EQ(first("state", ok("Action=EnableSnapshotBlockPublicAccess&State=block-all-sharing")), "block-all-sharing");
    EXPECT_THAT(they_see("Action=DescribeSnapshots"), Not(HasSubstr(id)));
    EXPECT_EQ(their_code("Action=CreateVolume&AvailabilityZone=locala&SnapshotId=" + id), "InvalidSnapshot.NotFound");
    EXPECT_EQ(code("Action=EnableSnapshotBlockPublicAccess&State=unblocked"), "InvalidParameterValue");
    EXPECT_EQ(code("Action=EnableSnapshotBlockPublicAccess"), "MissingParameter");
}

TEST_F(Ec2Images, ACopyOfAnImageIsTagged) {
    const auto id = first("imageId", ok("Action=CopyImage&SourceRegion=local&Name=twin&SourceImageId=" + image.id.str() +
                                        "&TagSpecification.1.ResourceType=image&TagSpecification.1.Tag.1.Key=role&"
                                        "TagSpecification.1.Tag.1.Value=db&TagSpecification.2.ResourceType=snapshot&"
                                        "TagSpecification.2.Tag.1.Key=disk&TagSpecification.2.Tag.1.Value=root"));
    EXPECT_TRUE(api().background().drain(std::chrono::seconds(10)));
    const auto body = ok("Action=DescribeImages&ImageId.1=" + id);
    EXPECT_THAT(body, HasSubstr("<key>role</key><value>db</value>"));
    EXPECT_THAT(ok("Action=DescribeSnapshots&SnapshotId.1=" + first("snapshotId", body)), HasSubstr("<key>disk</key><value>root</value>"));
    EXPECT_EQ(code("Action=CopyImage&SourceRegion=local&Name=third&SourceImageId=" + image.id.str() +
                   "&TagSpecification.1.ResourceType=volume&TagSpecification.1.Tag.1.Key=k"),
              "InvalidParameterValue");
}

TEST_F(Ec2Images, SnapshotsAreCopied) {
    const auto id = a_snapshot();
    const std::string form = "Action=CopySnapshot&SourceRegion=local&SourceSnapshotId=";
    const auto body =
        ok(form + id + "&Description=twin&TagSpecification.1.ResourceType=snapshot&TagSpecification.1.Tag.1.Key=k&PresignedUrl=x");
    const auto copy = first("snapshotId", body);
    EXPECT_NE(copy, id);
    EXPECT_EQ(first("key", body), "k");
    EXPECT_EQ(first("description", ok("Action=DescribeSnapshots&SnapshotId.1=" + copy)), "twin");
    // Either goes without the other.
    ok("Action=DeleteSnapshot&SnapshotId=" + id);
    volume_of("&SnapshotId=" + copy);
    EXPECT_EQ(code(form + id), "InvalidSnapshot.NotFound");
    EXPECT_EQ(code(form + "snap-short"), "InvalidSnapshot.NotFound");
    EXPECT_EQ(their_code(form + copy), "InvalidSnapshot.NotFound");
    EXPECT_EQ(code("Action=CopySnapshot&SourceRegion=mars&SourceSnapshotId=" + copy), "InvalidParameterValue");
    EXPECT_EQ(code("Action=CopySnapshot&SourceSnapshotId=" + copy), "MissingParameter");
    const auto encrypted = first("snapshotId", ok(form + copy + "&Encrypted=true"));
    EXPECT_TRUE(api().background().drain(std::chrono::seconds(10)));
    EXPECT_EQ(first("status", ok("Action=DescribeSnapshots&SnapshotId.1=" + encrypted)), "completed");
    EXPECT_EQ(first("encrypted", ok("Action=DescribeSnapshots&SnapshotId.1=" + encrypted)), "true");
    EXPECT_EQ(code("Action=ModifySnapshotAttribute&CreateVolumePermission.Add.1.UserId=" + other.str() + "&SnapshotId=" + encrypted),
              "OperationNotPermitted");
    expect_clean();
}

TEST_F(Ec2Images, EncryptionByDefault) {
    EXPECT_EQ(first("ebsEncryptionByDefault", ok("Action=GetEbsEncryptionByDefault")), "false");
    const auto plain = volume_of("&Size=1");
    EXPECT_EQ(first("ebsEncryptionByDefault", ok("Action=EnableEbsEncryptionByDefault")), "true");
    EXPECT_EQ(first("encrypted", ok("Action=DescribeVolumes&VolumeId.1=" + volume_of("&Size=1"))), "true");
    EXPECT_EQ(first("encrypted", ok("Action=DescribeVolumes&VolumeId.1=" + plain)), "false");
    const auto instance = run();
    EXPECT_EQ(first("encrypted", ok("Action=DescribeVolumes&Filter.1.Name=attachment.instance-id&Filter.1.Value.1=" + instance)), "true");
    // It is the account's own affair.
    EXPECT_EQ(first("ebsEncryptionByDefault", they_see("Action=GetEbsEncryptionByDefault")), "false");
    EXPECT_EQ(first("encrypted", they_see("Action=CreateVolume&AvailabilityZone=locala&Size=1")), "false");
    ok("Action=DisableEbsEncryptionByDefault");
    EXPECT_EQ(first("encrypted", ok("Action=DescribeVolumes&VolumeId.1=" + volume_of("&Size=1"))), "false");
}

TEST_F(Ec2Images, ModificationsOfVolumesAreKept) {
    const auto volume = volume_of("&Size=2");
    EXPECT_EQ(code("Action=DescribeVolumesModifications&VolumeId.1=" + volume), "InvalidVolumeModification.NotFound");
    EXPECT_THAT(ok("Action=DescribeVolumesModifications"), HasSubstr("<volumeModificationSet></volumeModificationSet>"));
    ok("Action=ModifyVolume&Size=4&VolumeType=io1&Iops=200&VolumeId=" + volume);
    clock.advance(std::chrono::minutes(5));
    const auto body = ok("Action=DescribeVolumesModifications&VolumeId.1=" + volume);
    EXPECT_EQ(first("modificationState", body), "completed");
    EXPECT_EQ(first("originalSize", body), "2");
    EXPECT_EQ(first("originalVolumeType", body), "gp3");
    EXPECT_EQ(first("targetSize", body), "4");
    EXPECT_EQ(first("targetVolumeType", body), "io1");
    EXPECT_EQ(first("targetIops", body), "200");
    EXPECT_EQ(first("progress", body), "100");
    EXPECT_EQ(first("startTime", body), "2026-11-22T05:30:00.000Z");
    const auto found = [&](const std::string& name, const std::string& value) {
        return every("volumeId", ok("Action=DescribeVolumesModifications&Filter.1.Name=" + name + "&Filter.1.Value.1=" + value)).size();
    };
    EXPECT_EQ(found("modification-state", "completed"), 1U);
    EXPECT_EQ(found("target-size", "4"), 1U);
    EXPECT_EQ(found("original-size", "4"), 0U);
    EXPECT_EQ(code("Action=DescribeVolumesModifications&Filter.1.Name=target-colour&Filter.1.Value.1=x"), "InvalidParameterValue");
    EXPECT_THAT(they_see("Action=DescribeVolumesModifications"), Not(HasSubstr(volume)));
    ok("Action=DeleteVolume&VolumeId=" + volume);
    EXPECT_THAT(ok("Action=DescribeVolumesModifications"), Not(HasSubstr(volume)));
    EXPECT_THAT(rows(&CatalogSession::documents), IsEmpty());
}

TEST_F(Ec2Images, AutoEnableIo) {
    const auto volume = volume_of("&Size=1");
    const std::string ask = "Action=DescribeVolumeAttribute&Attribute=autoEnableIO&VolumeId=" + volume;
    EXPECT_EQ(first("value", ok(ask)), "false");
    ok("Action=ModifyVolumeAttribute&AutoEnableIO.Value=true&VolumeId=" + volume);
    EXPECT_EQ(first("value", ok(ask)), "true");
    EXPECT_THAT(ok("Action=EnableVolumeIO&VolumeId=" + volume), HasSubstr("<return>true</return>"));
    EXPECT_EQ(code("Action=ModifyVolumeAttribute&VolumeId=" + volume), "MissingParameter");
    EXPECT_EQ(code("Action=DescribeVolumeAttribute&Attribute=colour&VolumeId=" + volume), "InvalidParameterValue");
    EXPECT_EQ(their_code(ask), "InvalidVolume.NotFound");
    EXPECT_THAT(ok("Action=DescribeVolumeAttribute&Attribute=productCodes&VolumeId=" + volume), HasSubstr("<productCodes></productCodes>"));
}

TEST_F(Ec2Images, StoredInABucketAndBack) {
    ok("Action=CreateTags&Tag.1.Key=k&Tag.1.Value=v&ResourceId.1=" + image.id.str());
    const auto key = first("objectKey", ok("Action=CreateStoreImageTask&Bucket=shelf&ImageId=" + image.id.str()));
    EXPECT_EQ(key, image.id.str() + ".bin");
    EXPECT_TRUE(api().background().drain(std::chrono::seconds(10)));
    const auto tasks = ok("Action=DescribeStoreImageTasks&ImageId.1=" + image.id.str());
    EXPECT_EQ(first("storeTaskState", tasks), "Completed");
    EXPECT_EQ(first("progressPercentage", tasks), "100");
    EXPECT_EQ(first("bucket", tasks), "shelf");
    EXPECT_THAT(ok("Action=DescribeStoreImageTasks&Filter.1.Name=task-state&Filter.1.Value.1=Failed"), Not(HasSubstr(key)));
    EXPECT_THAT(they_see("Action=DescribeStoreImageTasks"), Not(HasSubstr(key)));
    const std::string restore = "Action=CreateRestoreImageTask&Bucket=shelf&ObjectKey=" + key;
    const auto back = first("imageId", ok(restore + "&Name=back&TagSpecification.1.ResourceType=image&TagSpecification.1.Tag.1.Key=new"));
    EXPECT_TRUE(api().background().drain(std::chrono::seconds(10)));
    const auto body = ok("Action=DescribeImages&ImageId.1=" + back);
    EXPECT_EQ(first("imageState", body), "available");
    EXPECT_THAT(every("key", body), ElementsAre("k", "new"));
    EXPECT_EQ(code(restore), "InvalidAMIName.Duplicate");
    EXPECT_EQ(their_code(restore), "InvalidParameterValue") << "a bucket is its account's";
    for (const std::string bad : {"../up", "UPPER", "a", ".ab", "a..b"}) {
        EXPECT_EQ(code("Action=CreateStoreImageTask&ImageId=" + image.id.str() + "&Bucket=" + bad), "InvalidParameterValue") << bad;
    }
    EXPECT_EQ(code("Action=CreateRestoreImageTask&Bucket=shelf&ObjectKey=../../catalog.db"), "InvalidParameterValue");
    EXPECT_EQ(code("Action=CreateRestoreImageTask&Bucket=shelf&ObjectKey=ami-00000000.bin"), "InvalidParameterValue");
    EXPECT_EQ(code("Action=DescribeStoreImageTasks&Filter.1.Name=colour&Filter.1.Value.1=x"), "InvalidParameterValue");
}

TEST_F(Ec2Images, StoringThatFailsLeavesItsReason) {
    archives.script().fail("write", {Code::store_full, "the shelf is full"});
    ok("Action=CreateStoreImageTask&Bucket=shelf&ImageId=" + image.id.str());
    EXPECT_TRUE(api().background().drain(std::chrono::seconds(10)));
    const auto tasks = ok("Action=DescribeStoreImageTasks");
    EXPECT_EQ(first("storeTaskState", tasks), "Failed");
    EXPECT_THAT(first("storeTaskFailureReason", tasks), HasSubstr("the shelf is full"));
    ok("Action=CreateStoreImageTask&Bucket=shelf&ImageId=" + image.id.str());  // again, and it goes through
    EXPECT_TRUE(api().background().drain(std::chrono::seconds(10)));
    EXPECT_EQ(first("storeTaskState", ok("Action=DescribeStoreImageTasks")), "Completed");
}

TEST_F(Ec2Images, StoringThatADeadServerBeganIsDoneByTheNextOne) {
    const auto begin = [&] {
        archives.script().before("write", [] { throw Interrupted{9}; });
        ok("Action=CreateStoreImageTask&Bucket=shelf&ImageId=" + image.id.str());
        EXPECT_TRUE(api().background().drain(std::chrono::seconds(10)));
        archives.script().before("write", {});
        EXPECT_EQ(first("storeTaskState", ok("Action=DescribeStoreImageTasks")), "InProgress");
    };
    const auto next_server = [&] {
        api().tidy();
        EXPECT_TRUE(api().background().drain(std::chrono::seconds(10)));
    };
    begin();
    next_server();
    EXPECT_EQ(first("storeTaskState", ok("Action=DescribeStoreImageTasks")), "Completed");
    begin();
    ok("Action=DeregisterImage&ImageId=" + image.id.str());
    next_server();
    const auto tasks = ok("Action=DescribeStoreImageTasks");
    EXPECT_EQ(first("storeTaskState", tasks), "Failed");
    EXPECT_THAT(first("storeTaskFailureReason", tasks), HasSubstr(image.id.str()));
}

}  // namespace
}  // namespace amivirt::ec2
