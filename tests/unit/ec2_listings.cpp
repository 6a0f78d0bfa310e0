// What all listings have in common, filters and pages; dry runs; requirements of instance types.
#include <pugixml.hpp>

#include <map>

#include "ec2_bench.hpp"

namespace amivirt::ec2 {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

class Ec2Listings : public Ec2Api {
protected:
    void drain() { EXPECT_TRUE(api().background().drain(std::chrono::seconds(10))); }
    /// Under this name, of a listing with one filter.
    std::vector<std::string> found(const std::string& action, const std::string& element, const std::string& filter,
                                   const std::string& value) {
        return every(element, ok("Action=" + action + "&Filter.1.Name=" + filter + "&Filter.1.Value.1=" + value));
    }
    std::vector<std::string> instances_by(const std::string& filter, const std::string& value) {
        return found("DescribeInstances", "instanceId", filter, value);
    }
    std::string subnet_of(const std::string& zone) {
        return first("subnetId", ok("Action=DescribeSubnets&Filter.1.Name=availability-zone&Filter.1.Value.1=" + zone));
    }
};

TEST_F(Ec2Listings, InstancesByWhatTheyAre) {
    ok("Action=CreateKeyPair&KeyName=login");
    const auto plain = run();
    const auto second =
        run("&KeyName=login&Monitoring.Enabled=true&MetadataOptions.HttpTokens=required&MetadataOptions.HttpPutResponseHopLimit=2");
    for (const auto& [filter, value] : std::map<std::string, std::string>{{"key-name", "log*"},
                                                                          {"monitoring-state", "enabled"},
                                                                          {"metadata-options.http-tokens", "required"},
                                                                          {"metadata-options.http-put-response-hop-limit", "2"}}) {
        EXPECT_THAT(instances_by(filter, value), ElementsAre(second)) << filter;
    }
    for (const auto& [filter, value] : std::map<std::string, std::string>{{"root-device-type", "ebs"},
                                                                          {"hypervisor", "xen"},
                                                                          {"virtualization-type", "hvm"},
                                                                          {"tenancy", "default"},
                                                                          {"metadata-options.http-endpoint", "enabled"},
                                                                          {"block-device-mapping.device-name", "/dev/*"},
                                                                          {"block-device-mapping.status", "attached"},
                                                                          {"block-device-mapping.delete-on-termination", "true"},
                                                                          {"hibernation-options.configured", "false"}}) {
        EXPECT_THAT(instances_by(filter, value), ElementsAre(plain, second)) << filter;
        EXPECT_THAT(instances_by(filter, "neither"), IsEmpty()) << filter;
    }
    for (const std::string filter :
         {"platform", "instance-lifecycle", "iam-instance-profile.arn", "placement-group-name", "product-code"}) {
        EXPECT_THAT(instances_by(filter, "*"), IsEmpty()) << filter;
    }
    ok("Action=TerminateInstances&InstanceId.1=" + second);
    drain();
    EXPECT_THAT(instances_by("state-reason-code", "Client.UserInitiatedShutdown"), ElementsAre(second));
}

TEST_F(Ec2Listings, StatusByTheZoneItIsIn) {
    const auto here = run();
    const auto there = run("&SubnetId=" + subnet_of("localb"));
    EXPECT_THAT(found("DescribeInstanceStatus", "instanceId", "availability-zone", "localb"), ElementsAre(there));
    EXPECT_THAT(found("DescribeInstanceStatus", "instanceId", "availability-zone", "locala"), ElementsAre(here));
    const auto volume = first("volumeId", ok("Action=CreateVolume&Size=1&AvailabilityZone=localb"));
    const auto root = first("volumeId", ok("Action=DescribeVolumes&Filter.1.Name=attachment.instance-id&Filter.1.Value.1=" + there));
    EXPECT_THAT(found("DescribeVolumeStatus", "volumeId", "availability-zone", "localb"), UnorderedElementsAre(volume, root));
    EXPECT_THAT(found("DescribeVolumeStatus", "volumeId", "volume-status.status", "ok"), SizeIs(3));
    EXPECT_THAT(found("DescribeVolumeStatus", "volumeId", "volume-status.status", "impaired"), IsEmpty());
    EXPECT_THAT(found("DescribeVolumeStatus", "volumeId", "event.event-type", "*"), IsEmpty());
    EXPECT_EQ(code("Action=DescribeVolumeStatus&Filter.1.Name=size&Filter.1.Value.1=1"), "InvalidParameterValue") << "of DescribeVolumes";
}

TEST_F(Ec2Listings, NetworkByWhatItIs) {
    const auto peer = first("groupId", ok("Action=CreateSecurityGroup&GroupDescription=d&GroupName=peer"));
    const auto web = first("groupId", ok("Action=CreateSecurityGroup&GroupDescription=d&GroupName=web"));
    ok("Action=AuthorizeSecurityGroupIngress&GroupId=" + web +
       "&IpPermissions.1.IpProtocol=tcp&IpPermissions.1.FromPort=1&IpPermissions.1.ToPort=2&IpPermissions.1.Groups.1.GroupId=" + peer);
    const auto groups = [&](const std::string& filter, const std::string& value) {
        return found("DescribeSecurityGroups", "groupName", filter, value);
    };
    EXPECT_THAT(groups("ip-permission.group-name", "pe*"), ElementsAre("web"));
    EXPECT_THAT(groups("egress.ip-permission.group-name", "peer"), IsEmpty());
    EXPECT_THAT(groups("ip-permission.user-id", me.str()), UnorderedElementsAre("default", "web"));
    EXPECT_THAT(groups("ip-permission.prefix-list-id", "*"), IsEmpty());
    EXPECT_EQ(code("Action=DescribeSecurityGroups&Filter.1.Name=ip-permission.colour&Filter.1.Value.1=x"), "InvalidParameterValue");

    const auto subnet = subnet_of("locala");
    EXPECT_THAT(found("DescribeSubnets", "subnetId", "subnet-arn", "arn:aws:ec2:local:" + me.str() + ":subnet/" + subnet),
                ElementsAre(subnet));
    EXPECT_THAT(found("DescribeSubnets", "subnetId", "ipv6-native", "true"), IsEmpty());
    const auto address = first("allocationId", ok("Action=AllocateAddress"));
    EXPECT_THAT(found("DescribeAddresses", "allocationId", "network-border-group", "loc*"), ElementsAre(address));
    EXPECT_THAT(found("DescribeAddresses", "allocationId", "network-border-group", "elsewhere"), IsEmpty());
    EXPECT_THAT(found("DescribeNetworkAcls", "networkAclId", "entry.protocol", "tcp"), IsEmpty());
    const auto acl = first("networkAclId", ok("Action=DescribeNetworkAcls"));
    ok("Action=CreateNetworkAclEntry&RuleNumber=5&Protocol=6&RuleAction=allow&Egress=false&CidrBlock=10.0.0.0/"
       "8&PortRange.From=22&PortRange.To=23&"
       "NetworkAclId=" +
       acl);
    EXPECT_THAT(found("DescribeNetworkAcls", "networkAclId", "entry.protocol", "tcp"), Contains(acl));
    EXPECT_THAT(found("DescribeNetworkAcls", "networkAclId", "entry.port-range.to", "23"), Contains(acl));
}

TEST_F(Ec2Listings, AnUnknownFilterIsRefusedBehindOneThatNothingPasses) {
    for (const std::string action :
         {"DescribeRegions&Filter.1.Name=region-name", "DescribeAvailabilityZones&Filter.1.Name=zone-name",
          "DescribeInstanceTypes&Filter.1.Name=instance-type", "DescribeInstanceTypeOfferings&Filter.1.Name=location",
          "DescribeImages&Owner.1=nobody&Filter.1.Name=name", "DescribeInstances&Filter.1.Name=image-id",
          "DescribeInstanceStatus&Filter.1.Name=event.code"}) {
        const std::string form = "Action=" + action + "&Filter.1.Value.1=nothing";
        ok(form);
        EXPECT_EQ(code(form + "&Filter.2.Name=colour&Filter.2.Value.1=red"), "InvalidParameterValue") << action;
    }
}

TEST_F(Ec2Listings, PagesAreAsSmallAsEc2HasThem) {
    ok("Action=CreateLaunchTemplate&LaunchTemplateName=web&LaunchTemplateData.InstanceType=t3.nano");
    for (const std::string action : {"DescribeLaunchTemplates", "DescribeLaunchTemplateVersions&LaunchTemplateName=web",
                                     "DescribeStoreImageTasks", "ListImagesInRecycleBin", "DescribeAddressesAttribute"}) {
        ok("Action=" + action + "&MaxResults=1");
        EXPECT_EQ(code("Action=" + action + "&MaxResults=0"), "InvalidParameterValue") << action;
    }
    for (const std::string action : {"ListSnapshotsInRecycleBin", "DescribeInstances", "DescribeTags", "DescribeVpcs"}) {
        ok("Action=" + action + "&MaxResults=5");
        EXPECT_EQ(code("Action=" + action + "&MaxResults=4"), "InvalidParameterValue") << action;
    }
}

TEST_F(Ec2Listings, PagesOfImagesLoseNoneOfThoseThatAreFilteredApart) {
    // Only the last of ten has a product code: it is not among the first that a page looks at.
    std::string last;
    for (int i = 0; i < 10; ++i) {
        last = first("imageId",
                     ok(fmt::format("Action=RegisterImage&Name=image-{}&RootDeviceName=/dev/sda1&BlockDeviceMapping.1.DeviceName=/dev/sda1&"
                                    "BlockDeviceMapping.1.Ebs.SnapshotId={}",
                                    i, snapshots_of(image).at(0).str())));
    }
    ok("Action=ModifyImageAttribute&ProductCode.1=abc&ImageId=" + last);
    const auto page = ok("Action=DescribeImages&MaxResults=5&Filter.1.Name=product-code&Filter.1.Value.1=abc");
    EXPECT_THAT(every("imageId", page), ElementsAre(last));
    EXPECT_EQ(first("nextToken", page), "");
}

TEST_F(Ec2Listings, InstanceTypesThatMeetRequirements) {
    types.add({"t4g.nano", 2, MiB{512}, 0, GiB{0}});
    const auto which = [&](const std::string& more) {
        return every("instanceType", ok("Action=GetInstanceTypesFromInstanceRequirements&VirtualizationType.1=hvm&"
                                        "InstanceRequirements.VCpuCount.Min=1&InstanceRequirements.MemoryMiB.Min=0" +
                                        more));
    };
    const std::string x86 = "&ArchitectureType.1=x86_64";
    const std::string also_burstable = x86 + "&InstanceRequirements.BurstablePerformance=included";
    EXPECT_THAT(which(x86), ElementsAre("m5d.large", "m1.small"));
    EXPECT_THAT(which(also_burstable), ElementsAre("t3.nano", "t3.micro", "t3.small", "m5d.large", "m1.small"));
    EXPECT_THAT(which("&ArchitectureType.1=arm64&InstanceRequirements.BurstablePerformance=required"), ElementsAre("t4g.nano"));
    EXPECT_THAT(which(also_burstable + "&InstanceRequirements.MemoryMiB.Max=1024"), ElementsAre("t3.nano", "t3.micro"));
    EXPECT_THAT(which(also_burstable + "&InstanceRequirements.VCpuCount.Max=1"), ElementsAre("m1.small"));
    EXPECT_THAT(which(x86 + "&InstanceRequirements.LocalStorage=required&InstanceRequirements.TotalLocalStorageGB.Max=100"),
                ElementsAre("m5d.large"));
    EXPECT_THAT(which(also_burstable + "&InstanceRequirements.MemoryGiBPerVCpu.Min=0.5&InstanceRequirements.ExcludedInstanceType.1=m*"),
                ElementsAre("t3.micro", "t3.small"));
    EXPECT_THAT(which(also_burstable + "&InstanceRequirements.AllowedInstanceType.1=t3.n*"), ElementsAre("t3.nano"));
    EXPECT_THAT(which(x86 + "&InstanceRequirements.AcceleratorCount.Min=1"), IsEmpty());
    EXPECT_THAT(which(x86 + "&InstanceRequirements.AcceleratorCount.Max=0"), SizeIs(2));
    EXPECT_THAT(which(x86 + "&InstanceRequirements.BareMetal=required"), IsEmpty());
    EXPECT_EQ(code("Action=GetInstanceTypesFromInstanceRequirements&VirtualizationType.1=hvm&ArchitectureType.1=x86_64"),
              "MissingParameter");
    EXPECT_EQ(code("Action=GetInstanceTypesFromInstanceRequirements&VirtualizationType.1=hvm&ArchitectureType.1=vax&"
                   "InstanceRequirements.VCpuCount.Min=1&InstanceRequirements.MemoryMiB.Min=0"),
              "InvalidParameterValue");
}

TEST_F(Ec2Listings, ATypeOfAnotherArchitectureIsNotLaunched) {
    types.add({"t4g.nano", 2, MiB{512}, 0, GiB{0}});
    const auto refused = post("Action=RunInstances&InstanceType=t4g.nano&MinCount=1&MaxCount=1&ImageId=" + image.id.str());
    EXPECT_EQ(first("Code", refused.body), "InvalidParameterValue");
    EXPECT_THAT(refused.body, HasSubstr("'arm64' of the specified instance type t4g.nano does not match the architecture 'x86_64'"));
    EXPECT_THAT(found("DescribeInstanceTypes", "instanceType", "processor-info.supported-architecture", "arm64"), ElementsAre("t4g.nano"));
    const auto id = run();
    ok("Action=StopInstances&Force=true&InstanceId.1=" + id);
    drain();
    EXPECT_EQ(code("Action=ModifyInstanceAttribute&InstanceType.Value=t4g.nano&InstanceId=" + id), "InvalidParameterValue");
}

TEST_F(Ec2Listings, SnapshotsTakeTheirVolumesTags) {
    const auto id = run();
    const auto volume = first("volumeId", ok("Action=DescribeVolumes&Filter.1.Name=attachment.instance-id&Filter.1.Value.1=" + id));
    ok("Action=CreateTags&ResourceId.1=" + volume + "&Tag.1.Key=team&Tag.1.Value=a&Tag.2.Key=stage&Tag.2.Value=dev");
    const auto taken = first("snapshotId", ok("Action=CreateSnapshots&CopyTagsFromSource=volume&InstanceSpecification.InstanceId=" + id +
                                              "&TagSpecification.1.ResourceType=snapshot&TagSpecification.1.Tag.1.Key=stage&"
                                              "TagSpecification.1.Tag.1.Value=prod"));
    const auto shown = ok("Action=DescribeSnapshots&SnapshotId.1=" + taken);
    EXPECT_THAT(every("key", shown), ElementsAre("stage", "team"));
    EXPECT_THAT(every("value", shown), ElementsAre("prod", "a"));
    const auto bare = first("snapshotId", ok("Action=CreateSnapshots&InstanceSpecification.InstanceId=" + id));
    EXPECT_THAT(every("key", ok("Action=DescribeSnapshots&SnapshotId.1=" + bare)), IsEmpty());
}

/// All of it or nothing.
TEST_F(Ec2Listings, AnImageIsModifiedAtOnce) {
    ok("Action=DisableImage&ImageId=" + image.id.str());
    EXPECT_EQ(code("Action=ModifyImageAttribute&ProductCode.1=abc&LaunchPermission.Add.1.UserId=111122223333&ImageId=" + image.id.str()),
              "InvalidAMIID.Unavailable");
    EXPECT_THAT(ok("Action=DescribeImageAttribute&Attribute=productCodes&ImageId=" + image.id.str()),
                HasSubstr("<productCodes></productCodes>"));
}

/// What no other test calls.
TEST_F(Ec2Listings, TheRest) {
    const auto id = run();
    EXPECT_EQ(first("instanceId", ok("Action=GetConsoleOutput&InstanceId=" + id)), id);
    EXPECT_THAT(ok("Action=RebootInstances&InstanceId.1=" + id), HasSubstr("<return>true</return>"));
    EXPECT_EQ(code("Action=ModifyInstancePlacement&Tenancy=default&InstanceId=" + id), "IncorrectInstanceState");
    ok("Action=StopInstances&SkipOsShutdown=true&InstanceId.1=" + id);
    drain();
    EXPECT_THAT(ok("Action=ModifyInstancePlacement&Tenancy=default&InstanceId=" + id), HasSubstr("<return>true</return>"));

    const auto copied = first("imageId", ok("Action=CopyImage&SourceRegion=local&Name=copy&SourceImageId=" + image.id.str()));
    drain();
    EXPECT_EQ(first("imageState", ok("Action=DescribeImages&ImageId.1=" + copied)), "available");
    for (const auto kind : {RetainedKind::image, RetainedKind::snapshot}) {
        RetentionRule rule;
        rule.kind = kind;
        EXPECT_TRUE(bin.create_rule(rule));
    }
    ok("Action=DeregisterImage&ImageId=" + copied);
    EXPECT_THAT(ok("Action=RestoreImageFromRecycleBin&ImageId=" + copied), HasSubstr("<return>true</return>"));
    EXPECT_EQ(first("imageState", ok("Action=DescribeImages&ImageId.1=" + copied)), "available");
    const auto volume = first("volumeId", ok("Action=CreateVolume&AvailabilityZoneId=locala&Size=1"));
    const auto snapshot = first("snapshotId", ok("Action=CreateSnapshot&VolumeId=" + volume));
    ok("Action=DeleteSnapshot&SnapshotId=" + snapshot);
    EXPECT_EQ(first("snapshotId", ok("Action=RestoreSnapshotFromRecycleBin&SnapshotId=" + snapshot)), snapshot);

    EXPECT_EQ(first("allowedImagesSettingsState", ok("Action=EnableAllowedImagesSettings&AllowedImagesSettingsState=audit-mode")),
              "audit-mode");
    EXPECT_THAT(ok("Action=ReplaceImageCriteriaInAllowedImagesSettings&ImageCriterion.1.ImageName.1=tin*"),
                HasSubstr("<return>true</return>"));
    EXPECT_THAT(found("DescribeImages", "name", "image-allowed", "true"), ElementsAre("tiny"));
    EXPECT_THAT(found("DescribeImages", "name", "image-allowed", "false"), ElementsAre("copy"));

    ok("Action=DeleteSubnet&SubnetId=" + subnet_of("localc"));
    EXPECT_EQ(first("availabilityZone", ok("Action=CreateDefaultSubnet&AvailabilityZone=localc")), "localc");
    const auto group = first("groupId", ok("Action=CreateSecurityGroup&GroupDescription=d&GroupName=web"));
    ok("Action=UpdateSecurityGroupRuleDescriptionsEgress&GroupId=" + group +
       "&IpPermissions.1.IpProtocol=-1&IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0/0&IpPermissions.1.IpRanges.1.Description=out");

    EXPECT_TRUE(accounts.create("other", other));
    const auto key = accounts.keys();
    ASSERT_TRUE(key);
    ok("Action=ModifyImageAttribute&LaunchPermission.Add.1.UserId=" + other.str() + "&ImageId=" + image.id.str());
    const auto given_up =
        noted(api().handle(signed_form("Version=2016-11-15&Action=CancelImageLaunchPermission&ImageId=" + image.id.str(), key->back())));
    EXPECT_THAT(given_up.body, HasSubstr("<return>true</return>"));
}

/// Of what a request is not allowed, its dry run tells the same.
TEST_F(Ec2Listings, DryRunsTellWhatIsNotAllowed) {
    EXPECT_TRUE(accounts.create("other", other));
    const auto key = accounts.keys();
    ASSERT_TRUE(key);
    const auto volume = first("volumeId", ok("Action=CreateVolume&AvailabilityZone=locala&Size=1"));
    const auto secret = first("snapshotId", ok("Action=CreateSnapshot&VolumeId=" + volume));
    const auto shared = first("snapshotId", ok("Action=CreateSnapshot&VolumeId=" + volume));
    ok("Action=ModifySnapshotAttribute&CreateVolumePermission.Add.1.Group=all&SnapshotId=" + shared);
    const auto hidden = import("hidden").id.str();
    ok("Action=ModifyImageAttribute&LaunchPermission.Add.1.Group=all&ImageId=" + image.id.str());
    const auto id = run();
    const std::string of_image = "&ImageId=" + image.id.str();
    const std::string of_hidden = "&ImageId=" + hidden;
    struct Row {
        std::string form;
        std::string code;
    };
    const std::vector<Row> rows{
        {"DeregisterImage" + of_image, "AuthFailure"},
        {"DeregisterImage" + of_hidden, "InvalidAMIID.NotFound"},
        {"ModifyImageAttribute&Description.Value=x" + of_image, "AuthFailure"},
        {"ResetImageAttribute&Attribute=launchPermission" + of_image, "AuthFailure"},
        {"DisableImage" + of_image, "AuthFailure"},
        {"EnableImageDeprecation&DeprecateAt=2027-01-01T00:00:00Z" + of_image, "AuthFailure"},
        {"DescribeImageAttribute&Attribute=description" + of_hidden, "InvalidAMIID.NotFound"},
        {"CreateStoreImageTask&Bucket=shelf" + of_image, "AuthFailure"},
        {"TerminateInstances&InstanceId.1=" + id, "InvalidInstanceID.NotFound"},
        {"StopInstances&InstanceId.1=" + id, "InvalidInstanceID.NotFound"},
        {"GetConsoleOutput&InstanceId=" + id, "InvalidInstanceID.NotFound"},
        {"ModifyInstanceAttribute&DisableApiStop.Value=true&InstanceId=" + id, "InvalidInstanceID.NotFound"},
        {"CreateImage&Name=theirs&InstanceId=" + id, "InvalidInstanceID.NotFound"},
        {"CreateSnapshots&InstanceSpecification.InstanceId=" + id, "InvalidInstanceID.NotFound"},
        {"DeleteVolume&VolumeId=" + volume, "InvalidVolume.NotFound"},
        {"CreateSnapshot&VolumeId=" + volume, "InvalidVolume.NotFound"},
        {"DescribeVolumes&VolumeId.1=" + volume, "InvalidVolume.NotFound"},
        {"CreateVolume&AvailabilityZone=locala&SnapshotId=" + secret, "InvalidSnapshot.NotFound"},
        {"DeleteSnapshot&SnapshotId=" + secret, "InvalidSnapshot.NotFound"},
        {"DeleteSnapshot&SnapshotId=" + shared, "AuthFailure"},
        {"ModifySnapshotAttribute&CreateVolumePermission.Add.1.Group=all&SnapshotId=" + shared, "AuthFailure"},
        {"ResetSnapshotAttribute&Attribute=createVolumePermission&SnapshotId=" + shared, "AuthFailure"},
        {"CreateTags&Tag.1.Key=k&ResourceId.1=" + image.id.str(), "AuthFailure"},
        {"DeleteTags&ResourceId.1=" + id, "InvalidInstanceID.NotFound"},
        {"CreateVolume&AvailabilityZone=locala&SnapshotId=" + shared, "DryRunOperation"},
        {"DescribeImages&ImageId.1=" + image.id.str(), "DryRunOperation"},
        {"CancelImageLaunchPermission" + of_image, "DryRunOperation"},
    };
    for (const Row& row : rows) {
        const auto asked = api().handle(signed_form("Version=2016-11-15&DryRun=true&Action=" + row.form, key->back()));
        EXPECT_EQ(first("Code", asked.body), row.code) << row.form;
        // Its owner may.
        if (row.code != "DryRunOperation") {
            EXPECT_EQ(code("DryRun=true&Action=" + row.form), "DryRunOperation") << row.form;
        }
    }
    EXPECT_EQ(code("DryRun=true&Action=DeregisterImage&ImageId=ami-00000000000000bad"), "InvalidAMIID.NotFound");
}

/// Each listing whose model has NextToken, six of each: two pages show what one does.
class Ec2Pages : public Ec2Listings {
protected:
    static constexpr int k_six = 6;

    std::vector<std::string> six(const std::string& element, const std::string& form) {
        std::vector<std::string> made;
        for (int i = 0; i < k_six; ++i) {
            made.push_back(first(element, ok("Action=" + fmt::format(fmt::runtime(form), i))));
        }
        return made;
    }
    std::vector<std::string> shown(const pugi::xml_document& body, const std::string& items) {
        std::vector<std::string> all;
        for (const auto& each : body.select_nodes(items.c_str())) {
            all.push_back(pugi::xpath_query("string()").evaluate_string(each.node()));
        }
        return all;
    }
    pugi::xml_document asked(const std::string& form) {
        const std::string body = ok(form);
        pugi::xml_document document;
        EXPECT_TRUE(document.load_buffer(body.data(), body.size())) << body;
        return document;
    }
    void walk(const std::string& action, const std::string& items) {
        SCOPED_TRACE(action);
        const auto all = shown(asked("Action=" + action), items);
        ASSERT_GE(all.size(), 6U);
        std::vector<std::string> paged;
        std::string next;
        int pages = 0;
        do {
            const auto page = asked("Action=" + action + "&MaxResults=5" + (next.empty() ? "" : "&NextToken=" + next));
            const auto some = shown(page, items);
            EXPECT_LE(some.size(), 5U);
            paged.insert(paged.end(), some.begin(), some.end());
            next = std::regex_replace(std::string(page.select_node("/*/nextToken").node().text().get()), std::regex("="), "%3D");
        } while (!next.empty() && ++pages < 20);
        EXPECT_EQ(paged, all);
        EXPECT_EQ(code("Action=" + action + "&MaxResults=0"), "InvalidParameterValue");
    }
    void make_storage() {
        const auto made = six("volumeId",
                              "CreateVolume&AvailabilityZone=locala&Size=1&TagSpecification.1.ResourceType=volume&"
                              "TagSpecification.1.Tag.1.Key=n&TagSpecification.1.Tag.1.Value={}");
        for (const std::string& volume : made) {
            ok("Action=ModifyVolume&Size=2&VolumeId=" + volume);
        }
        six("snapshotId", "CreateSnapshot&VolumeId=" + made.front());
        const auto six_images = six("imageId",
                                    "RegisterImage&Name=image-{}&RootDeviceName=/dev/sda1&BlockDeviceMapping.1.DeviceName=/dev/sda1&"
                                    "BlockDeviceMapping.1.Ebs.SnapshotId=" +
                                        snapshots_of(image).at(0).str());
        for (const std::string& each : six_images) {
            ok("Action=CreateStoreImageTask&Bucket=shelf&ImageId=" + each);
        }
        drain();
    }
    void fill_bin() {
        for (const auto kind : {RetainedKind::image, RetainedKind::snapshot}) {
            RetentionRule rule;
            rule.kind = kind;
            rule.days = 7;
            EXPECT_TRUE(bin.create_rule(rule));
        }
        for (const auto& each : six("snapshotId", "CreateSnapshot&VolumeId=" + first("volumeId", ok("Action=DescribeVolumes")))) {
            ok("Action=DeleteSnapshot&SnapshotId=" + each);
        }
        for (const auto& each : six("imageId",
                                    "RegisterImage&Name=gone-{}&RootDeviceName=/dev/sda1&BlockDeviceMapping.1.DeviceName=/dev/sda1&"
                                    "BlockDeviceMapping.1.Ebs.SnapshotId=" +
                                        snapshots_of(image).at(0).str())) {
            ok("Action=DeregisterImage&ImageId=" + each);
        }
    }
    void make_network() {
        const auto made = six("vpcId", "CreateVpc&CidrBlock=10.{}.0.0/16");
        six("subnetId", "CreateSubnet&CidrBlock=10.0.{}.0/24&VpcId=" + made.front());
        six("internetGatewayId", "CreateInternetGateway");
        six("dhcpOptionsId", "CreateDhcpOptions&DhcpConfiguration.1.Key=domain-name&DhcpConfiguration.1.Value.1=lab{}");
    }
    void make_rest() {
        ok("Action=RunInstances&InstanceType=t3.nano&MinCount=6&MaxCount=6&ImageId=" + image.id.str());
        drain();
        six("launchTemplateId", "CreateLaunchTemplate&LaunchTemplateName=web-{}&LaunchTemplateData.InstanceType=t3.nano");
        six("versionNumber", "CreateLaunchTemplateVersion&LaunchTemplateName=web-0&LaunchTemplateData.InstanceType=t3.micro");
        types.add({"t3.large", 2, MiB{8192}, 0, GiB{0}});
    }
};

TEST_F(Ec2Pages, OfEveryListing) {
    make_storage();
    fill_bin();
    make_network();
    make_rest();
    const std::vector<std::pair<std::string, std::string>> listings{
        {"DescribeImages", "/*/imagesSet/item"},
        {"ListImagesInRecycleBin", "/*/imageSet/item"},
        {"ListSnapshotsInRecycleBin", "/*/snapshotSet/item"},
        {"DescribeStoreImageTasks", "/*/storeImageTaskResultSet/item"},
        {"DescribeInstances", "/*/reservationSet/item/instancesSet/item"},
        {"DescribeInstanceStatus", "/*/instanceStatusSet/item"},
        {"DescribeInstanceCreditSpecifications", "/*/instanceCreditSpecificationSet/item"},
        {"DescribeLaunchTemplates", "/*/launchTemplates/item"},
        {"DescribeLaunchTemplateVersions&LaunchTemplateName=web-0", "/*/launchTemplateVersionSet/item"},
        {"DescribeVolumes", "/*/volumeSet/item"},
        {"DescribeVolumeStatus", "/*/volumeStatusSet/item"},
        {"DescribeVolumesModifications", "/*/volumeModificationSet/item"},
        {"DescribeSnapshots", "/*/snapshotSet/item"},
        {"DescribeTags", "/*/tagSet/item"},
        {"DescribeVpcs", "/*/vpcSet/item"},
        {"DescribeSubnets", "/*/subnetSet/item"},
        {"DescribeSecurityGroups", "/*/securityGroupInfo/item"},
        {"DescribeSecurityGroupRules", "/*/securityGroupRuleSet/item"},
        {"DescribeNetworkInterfaces", "/*/networkInterfaceSet/item"},
        {"DescribeRouteTables", "/*/routeTableSet/item"},
        {"DescribeInternetGateways", "/*/internetGatewaySet/item"},
        {"DescribeDhcpOptions", "/*/dhcpOptionsSet/item"},
        {"DescribeNetworkAcls", "/*/networkAclSet/item"},
        {"DescribeInstanceTypes", "/*/instanceTypeSet/item"},
        {"DescribeInstanceTypeOfferings&LocationType=availability-zone", "/*/instanceTypeOfferingSet/item"},
        {"GetInstanceTypesFromInstanceRequirements&VirtualizationType.1=hvm&ArchitectureType.1=x86_64&InstanceRequirements.VCpuCount.Min=1&"
         "InstanceRequirements.MemoryMiB.Min=0&InstanceRequirements.BurstablePerformance=included",
         "/*/instanceTypeSet/item"},
    };
    for (const auto& [action, items] : listings) {
        walk(action, items);
    }
}

}  // namespace
}  // namespace amivirt::ec2
