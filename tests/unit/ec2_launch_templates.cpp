// Launch templates over the API, and launches from them.
#include "ec2_bench.hpp"

namespace amivirt::ec2 {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class Ec2LaunchTemplates : public Ec2Api {
protected:
    std::string create(const std::string& name, const std::string& data) {
        return first("launchTemplateId", ok("Action=CreateLaunchTemplate&LaunchTemplateName=" + name + data));
    }
    std::string of_image() const { return "&LaunchTemplateData.ImageId=" + image.id.str() + "&LaunchTemplateData.InstanceType=t3.nano"; }
    std::string launch(const std::string& more) {
        const auto body = ok("Action=RunInstances&MinCount=1&MaxCount=1" + more);
        EXPECT_TRUE(api().background().drain(std::chrono::seconds(10)));
        return ok("Action=DescribeInstances&InstanceId.1=" + first("instanceId", body));
    }
};

TEST_F(Ec2LaunchTemplates, LifeOfATemplate) {
    const auto body =
        ok("Action=CreateLaunchTemplate&LaunchTemplateName=web&VersionDescription=one&TagSpecification.1.ResourceType="
           "launch-template&TagSpecification.1.Tag.1.Key=team&TagSpecification.1.Tag.1.Value=a" +
           of_image());
    const auto id = first("launchTemplateId", body);
    EXPECT_EQ(first("launchTemplateName", body), "web");
    EXPECT_EQ(first("createTime", body), "2026-11-22T05:30:00.000Z");
    EXPECT_EQ(first("latestVersionNumber", body), "1");
    EXPECT_THAT(body, HasSubstr("<key>team</key><value>a</value>"));
    EXPECT_EQ(code("Action=CreateLaunchTemplate&LaunchTemplateName=web" + of_image()), "InvalidLaunchTemplateName.AlreadyExistsException");
    EXPECT_EQ(code("Action=CreateLaunchTemplate&LaunchTemplateName=a+b" + of_image()), "InvalidLaunchTemplateName.MalformedException");
    EXPECT_EQ(code("Action=CreateLaunchTemplate&LaunchTemplateName=none"), "MissingParameter");

    const auto second =
        ok("Action=CreateLaunchTemplateVersion&SourceVersion=1&LaunchTemplateData.InstanceType=t3.micro&LaunchTemplateId=" + id);
    EXPECT_EQ(first("versionNumber", second), "2");
    EXPECT_EQ(first("imageId", second), image.id.str());
    EXPECT_EQ(first("instanceType", second), "t3.micro");
    EXPECT_EQ(first("defaultVersion", second), "false");
    ok("Action=CreateLaunchTemplateVersion&LaunchTemplateName=web&LaunchTemplateData.KeyName=k");

    const std::string versions = "Action=DescribeLaunchTemplateVersions&LaunchTemplateName=web";
    EXPECT_THAT(every("versionNumber", ok(versions)), ElementsAre("3", "2", "1"));
    EXPECT_THAT(every("versionNumber", ok(versions + "&MinVersion=2")), ElementsAre("3", "2"));
    EXPECT_THAT(every("versionNumber", ok(versions + "&MinVersion=2&MaxVersion=2")), ElementsAre("2"));
    EXPECT_THAT(every("versionNumber", ok(versions + "&LaunchTemplateVersion.1=$Latest&LaunchTemplateVersion.2=$Default")),
                ElementsAre("3", "1"));
    EXPECT_THAT(every("versionNumber", ok(versions + "&Filter.1.Name=instance-type&Filter.1.Value.1=t3.*")), ElementsAre("2", "1"));
    EXPECT_THAT(every("versionNumber", ok("Action=DescribeLaunchTemplateVersions&LaunchTemplateVersion.1=$Latest")), ElementsAre("3"));
    EXPECT_EQ(code(versions + "&LaunchTemplateVersion.1=9"), "InvalidLaunchTemplateId.VersionNotFound");
    EXPECT_EQ(code(versions + "&LaunchTemplateVersion.1=1&MinVersion=1"), "InvalidParameterCombination");
    EXPECT_EQ(code(versions + "&MinVersion=one"), "InvalidParameterValue");
    EXPECT_EQ(code(versions + "&Filter.1.Name=colour&Filter.1.Value.1=x"), "InvalidParameterValue");
    EXPECT_EQ(code("Action=DescribeLaunchTemplateVersions"), "MissingParameter");
    EXPECT_EQ(code(versions + "&LaunchTemplateId=" + id), "InvalidParameterCombination");

    EXPECT_EQ(first("defaultVersionNumber", ok("Action=ModifyLaunchTemplate&SetDefaultVersion=2&LaunchTemplateId=" + id)), "2");
    EXPECT_EQ(code("Action=ModifyLaunchTemplate&LaunchTemplateId=" + id), "MissingParameter");
    const auto deleted =
        ok("Action=DeleteLaunchTemplateVersions&LaunchTemplateVersion.1=1&LaunchTemplateVersion.2=2&LaunchTemplateVersion.3=9&"
           "LaunchTemplateName=web");
    EXPECT_THAT(deleted,
                HasSubstr("<successfullyDeletedLaunchTemplateVersionSet><item><launchTemplateId>" + id +
                          "</launchTemplateId><launchTemplateName>web</launchTemplateName><versionNumber>1</versionNumber></item></"));
    EXPECT_THAT(every("code", deleted), ElementsAre("unexpectedError", "launchTemplateVersionDoesNotExist"));
    EXPECT_THAT(every("code", ok("Action=DeleteLaunchTemplateVersions&LaunchTemplateVersion.1=1&LaunchTemplateName=none")),
                ElementsAre("launchTemplateNameDoesNotExist"));

    ok("Action=CreateTags&Tag.1.Key=k&Tag.1.Value=v&ResourceId.1=" + id);
    EXPECT_THAT(ok("Action=DescribeTags"), HasSubstr("<resourceType>launch-template</resourceType><key>k</key>"));
    EXPECT_EQ(first("launchTemplateId", ok("Action=DescribeLaunchTemplates&Filter.1.Name=tag:k&Filter.1.Value.1=v")), id);
    EXPECT_THAT(ok("Action=DescribeLaunchTemplates&Filter.1.Name=tag-key&Filter.1.Value.1=no"),
                HasSubstr("<launchTemplates></launchTemplates>"));
    EXPECT_EQ(code("Action=DescribeLaunchTemplates&LaunchTemplateName.1=none"), "InvalidLaunchTemplateName.NotFoundException");
    EXPECT_EQ(code("Action=DescribeLaunchTemplates&LaunchTemplateId.1=lt-00000000000000bad"), "InvalidLaunchTemplateId.NotFound");
    EXPECT_EQ(code("Action=DescribeLaunchTemplates&LaunchTemplateId.1=web"), "InvalidLaunchTemplateId.Malformed");
    EXPECT_EQ(first("launchTemplateName", ok("Action=DeleteLaunchTemplate&LaunchTemplateId=" + id)), "web");
    EXPECT_EQ(code("Action=DeleteLaunchTemplate&LaunchTemplateId=" + id), "InvalidLaunchTemplateId.NotFound");
}

TEST_F(Ec2LaunchTemplates, DataIsCheckedAndGivenBack) {
    const std::string in = "Action=CreateLaunchTemplate&LaunchTemplateName=web&LaunchTemplateData.";
    EXPECT_EQ(code(in + "Colour=red"), "UnknownParameter");
    EXPECT_EQ(code(in + "MetadataOptions.Colour=red"), "UnknownParameter");
    EXPECT_EQ(code(in + "BlockDeviceMapping.1.Ebs.VolumeSize=big"), "InvalidParameterValue");
    EXPECT_EQ(code(in + "BlockDeviceMapping.1.Ebs.VolumeType=gp9"), "InvalidParameterValue");
    EXPECT_EQ(code(in + "EbsOptimized=perhaps"), "InvalidParameterValue");
    EXPECT_EQ(code(in + "InstanceInitiatedShutdownBehavior=hibernate"), "InvalidParameterValue");
    EXPECT_EQ(code(in + "UserData=%25"), "InvalidUserData.Malformed");
    EXPECT_EQ(code(in + "InstanceRequirements.MemoryGiBPerVCpu.Min=x"), "InvalidParameterValue");
    EXPECT_THAT(ok("Action=DescribeLaunchTemplates"), HasSubstr("<launchTemplates></launchTemplates>"));

    create("web",
           "&LaunchTemplateData.BlockDeviceMapping.3.DeviceName=/dev/sdf&LaunchTemplateData.BlockDeviceMapping.3.Ebs.VolumeSize=2&"
           "LaunchTemplateData.BlockDeviceMapping.7.DeviceName=/dev/sdg&LaunchTemplateData.BlockDeviceMapping.7.NoDevice=&"
           "LaunchTemplateData.Monitoring.Enabled=True&LaunchTemplateData.UserData=YQ%3D%3D&LaunchTemplateData.SecurityGroupId.1=sg-1&"
           "LaunchTemplateData.NetworkInterface.1.SecurityGroupId.1=sg-2&LaunchTemplateData.IamInstanceProfile.Name=%3Cp%3E&"
           "LaunchTemplateData.TagSpecification.1.ResourceType=instance&LaunchTemplateData.TagSpecification.1.Tag.1.Key=k&"
           "LaunchTemplateData.TagSpecification.1.Tag.1.Value=&LaunchTemplateData.InstanceRequirements.VCpuCount.Min=2");
    const auto body = ok("Action=DescribeLaunchTemplateVersions&LaunchTemplateName=web");
    EXPECT_THAT(body, HasSubstr("<blockDeviceMappingSet><item><deviceName>/dev/sdf</deviceName><ebs><volumeSize>2</volumeSize></ebs></item>"
                                "<item><deviceName>/dev/sdg</deviceName><noDevice></noDevice></item></blockDeviceMappingSet>"));
    EXPECT_THAT(body, HasSubstr("<monitoring><enabled>true</enabled></monitoring>"));
    EXPECT_THAT(body, HasSubstr("<userData>YQ==</userData>"));
    EXPECT_THAT(body, HasSubstr("<securityGroupIdSet><item>sg-1</item></securityGroupIdSet>"));
    EXPECT_THAT(body, HasSubstr("<groupSet><groupId>sg-2</groupId></groupSet>"));
    EXPECT_THAT(body, HasSubstr("<iamInstanceProfile><name>&lt;p&gt;</name></iamInstanceProfile>"));
    EXPECT_THAT(body, HasSubstr("<tagSet><item><key>k</key><value></value></item></tagSet>"));
    EXPECT_THAT(body, HasSubstr("<instanceRequirements><vCpuCount><min>2</min></vCpuCount></instanceRequirements>"));
}

TEST_F(Ec2LaunchTemplates, LaunchesTakeWhatTheyAreNotTold) {
    const auto id =
        create("web", of_image() +
                          "&LaunchTemplateData.UserData=YQ%3D%3D&LaunchTemplateData.Monitoring.Enabled=true&"
                          "LaunchTemplateData.DisableApiStop=true&LaunchTemplateData.MetadataOptions.HttpTokens=required&"
                          "LaunchTemplateData.TagSpecification.1.ResourceType=instance&"
                          "LaunchTemplateData.TagSpecification.1.Tag.1.Key=Name&LaunchTemplateData.TagSpecification.1.Tag.1.Value=t&"
                          "LaunchTemplateData.TagSpecification.1.Tag.2.Key=team&LaunchTemplateData.TagSpecification.1.Tag.2.Value=a&"
                          "LaunchTemplateData.TagSpecification.2.ResourceType=spot-instances-request&"
                          "LaunchTemplateData.TagSpecification.2.Tag.1.Key=x&"
                          "LaunchTemplateData.BlockDeviceMapping.1.DeviceName=/dev/sdf&"
                          "LaunchTemplateData.BlockDeviceMapping.1.Ebs.VolumeSize=2&"
                          "LaunchTemplateData.BlockDeviceMapping.2.DeviceName=/dev/sdg&"
                          "LaunchTemplateData.BlockDeviceMapping.2.Ebs.VolumeSize=3");
    auto body = launch("&LaunchTemplate.LaunchTemplateName=web");
    const auto instance = first("instanceId", body);
    EXPECT_EQ(first("instanceType", body), "t3.nano");
    EXPECT_EQ(first("imageId", body), image.id.str());
    EXPECT_EQ(first("httpTokens", body), "required");
    EXPECT_THAT(body, HasSubstr("<monitoring><state>enabled</state></monitoring>"));
    EXPECT_THAT(body, HasSubstr("<key>aws:ec2launchtemplate:id</key><value>" + id + "</value>"));
    EXPECT_THAT(body, HasSubstr("<key>aws:ec2launchtemplate:version</key><value>1</value>"));
    EXPECT_THAT(body, HasSubstr("<key>Name</key><value>t</value>"));
    EXPECT_THAT(every("deviceName", body), ::testing::IsSupersetOf({"/dev/sdf", "/dev/sdg"}));
    EXPECT_EQ(first("value", ok("Action=DescribeInstanceAttribute&Attribute=userData&InstanceId=" + instance)), "YQ==");
    EXPECT_EQ(code("Action=StopInstances&InstanceId.1=" + instance), "OperationNotPermitted");

    // What the request says itself goes before: parameters as a whole, devices and tags one by one.
    body = launch(
        "&InstanceType=m1.small&DisableApiStop=false&MetadataOptions.HttpEndpoint=disabled&"
        "TagSpecification.1.ResourceType=instance&TagSpecification.1.Tag.1.Key=Name&TagSpecification.1.Tag.1.Value=mine&"
        "BlockDeviceMapping.1.DeviceName=/dev/sdf&BlockDeviceMapping.1.NoDevice=&LaunchTemplate.Version=1&"
        "LaunchTemplate.LaunchTemplateId=" +
        id);
    EXPECT_EQ(first("instanceType", body), "m1.small");
    EXPECT_EQ(first("httpTokens", body), "optional");
    EXPECT_EQ(first("httpEndpoint", body), "disabled");
    EXPECT_THAT(body, HasSubstr("<key>Name</key><value>mine</value>"));
    EXPECT_THAT(body, HasSubstr("<key>team</key><value>a</value>"));
    EXPECT_THAT(every("deviceName", body), Not(::testing::Contains("/dev/sdf")));
    EXPECT_THAT(every("deviceName", body), ::testing::Contains("/dev/sdg"));
}

TEST_F(Ec2LaunchTemplates, LaunchesThatAreRefused) {
    const auto id = create("web", "&LaunchTemplateData.InstanceType=t3.nano");
    ok("Action=CreateLaunchTemplateVersion&LaunchTemplateName=web&LaunchTemplateData.KernelId=aki-1" + of_image());
    const std::string launch = "Action=RunInstances&MinCount=1&MaxCount=1&LaunchTemplate.";
    EXPECT_EQ(code(launch + "LaunchTemplateId=lt-00000000000000bad"), "InvalidLaunchTemplateId.NotFound");
    EXPECT_EQ(code(launch + "LaunchTemplateName=none"), "InvalidLaunchTemplateName.NotFoundException");
    EXPECT_EQ(code(launch + "LaunchTemplateName=web&LaunchTemplate.Version=7"), "InvalidLaunchTemplateId.VersionNotFound");
    EXPECT_EQ(code(launch + "LaunchTemplateName=web&LaunchTemplate.LaunchTemplateId=" + id), "InvalidParameterCombination");
    EXPECT_EQ(code(launch + "Version=1"), "MissingParameter");
    EXPECT_EQ(code(launch + "LaunchTemplateName=web"), "MissingParameter");  // no image
    EXPECT_EQ(code(launch + "LaunchTemplateName=web&LaunchTemplate.Version=$Latest"), "UnsupportedOperation");
    EXPECT_EQ(code(launch + "LaunchTemplateName=web&DryRun=true&ImageId=" + image.id.str()), "DryRunOperation");
    EXPECT_EQ(code("Action=RunInstances&MinCount=1&MaxCount=1&Placement.HostId=h-1&ImageId=" + image.id.str()), "UnsupportedOperation");
    EXPECT_THAT(every("instanceId", ok("Action=DescribeInstances")), IsEmpty());
    // Said, and empty: not said.
    ok("Action=RunInstances&MinCount=1&MaxCount=1&InstanceType=t3.nano&LaunchTemplate.LaunchTemplateId=&LaunchTemplate.Version=&ImageId=" +
       image.id.str());
    EXPECT_TRUE(api().background().drain(std::chrono::seconds(10)));
}

TEST_F(Ec2LaunchTemplates, ATemplateOfAnInstance) {
    const auto id =
        run("&Monitoring.Enabled=true&UserData=YQ%3D%3D&TagSpecification.1.ResourceType=instance&TagSpecification.1.Tag.1.Key=k&"
            "TagSpecification.1.Tag.1.Value=v");
    const auto body = ok("Action=GetLaunchTemplateData&InstanceId=" + id);
    EXPECT_EQ(first("imageId", body), image.id.str());
    EXPECT_EQ(first("userData", body), "YQ==");
    EXPECT_EQ(first("cpuCredits", body), "unlimited");
    EXPECT_THAT(body, HasSubstr("<monitoring><enabled>true</enabled></monitoring>"));
    EXPECT_THAT(body, HasSubstr("<key>k</key><value>v</value>"));
    EXPECT_THAT(body, HasSubstr("<deviceName>"));
    EXPECT_EQ(code("Action=GetLaunchTemplateData&InstanceId=i-00000000000000bad"), "InvalidInstanceID.NotFound");
}

}  // namespace
}  // namespace amivirt::ec2
