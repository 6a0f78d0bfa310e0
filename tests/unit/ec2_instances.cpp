// Attributes and options of instances, as clients ask for them.
#include "ec2_bench.hpp"

namespace amivirt::ec2 {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class Ec2Instances : public Ec2Api {
protected:
    std::string stopped(const std::string& more = "") {
        const auto id = run(more);
        ok("Action=StopInstances&Force=true&InstanceId.1=" + id);
        EXPECT_TRUE(api().background().drain(std::chrono::seconds(10)));
        return id;
    }
    std::string attribute(const std::string& id, const std::string& name) {
        const auto body = ok("Action=DescribeInstanceAttribute&InstanceId=" + id + "&Attribute=" + name);
        EXPECT_THAT(body, HasSubstr("<" + name + ">")) << body;
        return first("value", body);
    }
    static std::string modify(const std::string& id, const std::string& what) {
        return "Action=ModifyInstanceAttribute&InstanceId=" + id + "&" + what;
    }
};

TEST_F(Ec2Instances, AttributesOfANewOne) {
    const auto id = run("&UserData=YQ%3D%3D");
    EXPECT_EQ(attribute(id, "instanceType"), "t3.nano");
    EXPECT_EQ(attribute(id, "disableApiTermination"), "false");
    EXPECT_EQ(attribute(id, "disableApiStop"), "false");
    EXPECT_EQ(attribute(id, "instanceInitiatedShutdownBehavior"), "stop");
    EXPECT_EQ(attribute(id, "userData"), "YQ==");
    EXPECT_EQ(attribute(id, "ebsOptimized"), "false");
    EXPECT_EQ(attribute(id, "enaSupport"), "true");
    EXPECT_EQ(attribute(id, "sourceDestCheck"), "true");
    for (const std::string none : {"kernel", "ramdisk", "sriovNetSupport"}) {
        EXPECT_EQ(attribute(id, none), "");
    }
    EXPECT_THAT(ok("Action=DescribeInstanceAttribute&Attribute=enclaveOptions&InstanceId=" + id), HasSubstr("<enabled>false</enabled>"));
    EXPECT_THAT(ok("Action=DescribeInstanceAttribute&Attribute=blockDeviceMapping&InstanceId=" + id), HasSubstr("<deviceName>"));
    EXPECT_EQ(code("Action=DescribeInstanceAttribute&Attribute=colour&InstanceId=" + id), "InvalidParameterValue");
    EXPECT_EQ(code("Action=DescribeInstanceAttribute&InstanceId=" + id), "MissingParameter");
    EXPECT_EQ(code("Action=DescribeInstanceAttribute&Attribute=kernel&InstanceId=i-00000000000000bad"), "InvalidInstanceID.NotFound");
}

TEST_F(Ec2Instances, AttributesAreModifiedInBothForms) {
    const auto id = stopped();
    EXPECT_THAT(ok(modify(id, "InstanceType.Value=m1.small")), HasSubstr("<return>true</return>"));
    EXPECT_EQ(attribute(id, "instanceType"), "m1.small");
    ok(modify(id, "Attribute=instanceType&Value=t3.nano"));
    EXPECT_EQ(attribute(id, "instanceType"), "t3.nano");
    ok(modify(id, "UserData.Value=Yg%3D%3D"));
    EXPECT_EQ(attribute(id, "userData"), "Yg==");
    ok(modify(id, "Attribute=userData&Value=Yw%3D%3D"));
    EXPECT_EQ(attribute(id, "userData"), "Yw==");
    ok(modify(id, "UserData.Value="));
    EXPECT_EQ(attribute(id, "userData"), "");
    ok(modify(id, "DisableApiTermination.Value=true"));
    EXPECT_EQ(attribute(id, "disableApiTermination"), "true");
    EXPECT_EQ(code("Action=TerminateInstances&InstanceId.1=" + id), "OperationNotPermitted");
    ok(modify(id, "Attribute=DisableApiTermination+&Value=false"));  // as Ansible spells it
    ok(modify(id, "InstanceInitiatedShutdownBehavior.Value=terminate"));
    EXPECT_EQ(attribute(id, "instanceInitiatedShutdownBehavior"), "terminate");
    ok(modify(id, "EbsOptimized.Value=true"));
    EXPECT_EQ(attribute(id, "ebsOptimized"), "true");
    ok(modify(id, "EnaSupport.Value=false"));
    EXPECT_EQ(attribute(id, "enaSupport"), "false");
    ok(modify(id, "SriovNetSupport.Value=simple"));
    EXPECT_EQ(attribute(id, "sriovNetSupport"), "simple");
    ok(modify(id, "Attribute=sourceDestCheck&Value=false"));
    EXPECT_EQ(attribute(id, "sourceDestCheck"), "false");
    ok("Action=ResetInstanceAttribute&Attribute=sourceDestCheck&InstanceId=" + id);
    EXPECT_EQ(attribute(id, "sourceDestCheck"), "true");
    const auto described = ok("Action=DescribeInstances&InstanceId.1=" + id);
    EXPECT_EQ(first("ebsOptimized", described), "true");
    EXPECT_EQ(first("sriovNetSupport", described), "simple");
}

TEST_F(Ec2Instances, WhatCannotBeModified) {
    const auto id = run();
    EXPECT_EQ(code(modify(id, "InstanceType.Value=m1.small")), "IncorrectInstanceState");
    EXPECT_EQ(code(modify(id, "UserData.Value=YQ%3D%3D")), "IncorrectInstanceState");
    EXPECT_EQ(code(modify(id, "EbsOptimized.Value=true")), "IncorrectInstanceState");
    EXPECT_EQ(code(modify(id, "InstanceType.Value=t9.nano")), "InvalidParameterValue");
    EXPECT_EQ(code(modify(id, "UserData.Value=%25%25")), "InvalidUserData.Malformed");
    EXPECT_EQ(code(modify(id, "DisableApiStop.Value=perhaps")), "InvalidParameterValue");
    EXPECT_EQ(code(modify(id, "SriovNetSupport.Value=complex")), "InvalidParameterValue");
    EXPECT_EQ(code(modify(id, "InstanceInitiatedShutdownBehavior.Value=hibernate")), "InvalidParameterValue");
    EXPECT_EQ(code(modify(id, "Kernel.Value=aki-1")), "UnsupportedOperation");
    EXPECT_EQ(code(modify(id, "Attribute=productCodes&Value=x")), "UnsupportedOperation");
    EXPECT_EQ(code(modify(id, "Attribute=colour&Value=x")), "InvalidParameterValue");
    EXPECT_EQ(code(modify(id, "Attribute=instanceType")), "InvalidParameterCombination");
    EXPECT_EQ(code(modify(id, "DisableApiStop.Value=true&EbsOptimized.Value=true")), "InvalidParameterCombination");
    EXPECT_EQ(code(modify(id, "Colour=red&DisableApiStop.Value=true")), "UnknownParameter");
    EXPECT_EQ(code("Action=ResetInstanceAttribute&Attribute=userData&InstanceId=" + id), "InvalidParameterValue");
    ok("Action=ResetInstanceAttribute&Attribute=kernel&InstanceId=" + id);
}

TEST_F(Ec2Instances, DeletionOnTermination) {
    const auto id = run();
    const auto device = first("deviceName", ok("Action=DescribeInstanceAttribute&Attribute=blockDeviceMapping&InstanceId=" + id));
    const std::string of = "BlockDeviceMapping.1.DeviceName=" + device + "&BlockDeviceMapping.1.Ebs.DeleteOnTermination=false";
    ok(modify(id, of));
    const auto body = ok("Action=DescribeInstanceAttribute&Attribute=blockDeviceMapping&InstanceId=" + id);
    EXPECT_EQ(first("deleteOnTermination", body), "false");
    // One device that is not there: nothing is changed.
    EXPECT_EQ(code(modify(id, "BlockDeviceMapping.1.DeviceName=" + device +
                                  "&BlockDeviceMapping.1.Ebs.DeleteOnTermination=true&BlockDeviceMapping.2.DeviceName=/dev/sdz&"
                                  "BlockDeviceMapping.2.Ebs.DeleteOnTermination=true")),
              "InvalidBlockDeviceMapping");
    EXPECT_EQ(first("deleteOnTermination", ok("Action=DescribeInstanceAttribute&Attribute=blockDeviceMapping&InstanceId=" + id)), "false");
}

TEST_F(Ec2Instances, StopProtectionHolds) {
    const auto id = run();
    const auto other_one = run();
    ok(modify(id, "DisableApiStop.Value=true"));
    EXPECT_EQ(attribute(id, "disableApiStop"), "true");
    // Nothing is done if one may not be.
    EXPECT_EQ(code("Action=StopInstances&Force=true&InstanceId.1=" + other_one + "&InstanceId.2=" + id), "OperationNotPermitted");
    EXPECT_EQ(state_of(*InstanceId::parse(other_one)), InstanceState::running);
    // Nor by anything else that asks the service.
    const auto refused = instances.stop(me, id, Duration{0}, Force::yes);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::operation_not_permitted);
    ok(modify(id, "DisableApiStop.Value=false"));
    ok("Action=StopInstances&Force=true&InstanceId.1=" + id);
    EXPECT_TRUE(api().background().drain(std::chrono::seconds(10)));
    EXPECT_EQ(state_of(*InstanceId::parse(id)), InstanceState::stopped);
}

TEST_F(Ec2Instances, OptionsAtLaunch) {
    const auto id =
        run("&Monitoring.Enabled=true&EbsOptimized=true&DisableApiStop=true&DisableApiTermination=true&MetadataOptions.HttpTokens=required&"
            "MetadataOptions.HttpPutResponseHopLimit=2&CreditSpecification.CpuCredits=standard&MaintenanceOptions.AutoRecovery=disabled");
    const auto body = ok("Action=DescribeInstances&InstanceId.1=" + id);
    EXPECT_THAT(body, HasSubstr("<monitoring><state>enabled</state></monitoring>"));
    EXPECT_THAT(body, HasSubstr("<httpTokens>required</httpTokens><httpPutResponseHopLimit>2</httpPutResponseHopLimit>"));
    EXPECT_EQ(first("ebsOptimized", body), "true");
    EXPECT_EQ(first("autoRecovery", body), "disabled");
    EXPECT_EQ(attribute(id, "disableApiStop"), "true");
    EXPECT_EQ(attribute(id, "disableApiTermination"), "true");
    EXPECT_EQ(first("cpuCredits", ok("Action=DescribeInstanceCreditSpecifications&InstanceId.1=" + id)), "standard");
    const std::string launch = "Action=RunInstances&InstanceType=t3.nano&MinCount=1&MaxCount=1&ImageId=" + image.id.str() + "&";
    EXPECT_EQ(code(launch + "HibernationOptions.Configured=true"), "UnsupportedOperation");
    EXPECT_EQ(code(launch + "EnclaveOptions.Enabled=true"), "UnsupportedOperation");
    EXPECT_EQ(code(launch + "InstanceMarketOptions.MarketType=spot"), "UnsupportedOperation");
    EXPECT_EQ(code(launch + "MetadataOptions.HttpPutResponseHopLimit=65"), "InvalidParameterValue");
    EXPECT_EQ(code(launch + "MetadataOptions.HttpTokens=maybe"), "InvalidParameterValue");
    EXPECT_EQ(code(launch + "MetadataOptions.Colour=red"), "UnknownParameter");
    EXPECT_EQ(code(launch + "CreditSpecification.CpuCredits=lots"), "InvalidParameterValue");
}

TEST_F(Ec2Instances, OptionsGoWithTheirInstance) {
    const auto options = [&] {
        auto kept = rows(&CatalogSession::documents);
        std::erase_if(kept, [](const Document& document) { return document.kind != "instance-options"; });
        return kept;
    };
    const auto id = run("&Monitoring.Enabled=true");
    EXPECT_EQ(options().size(), 1U);
    ok("Action=TerminateInstances&InstanceId.1=" + id);
    EXPECT_TRUE(api().background().drain(std::chrono::seconds(10)));
    clock.advance(std::chrono::hours(2));
    EXPECT_THAT(every("instanceId", ok("Action=DescribeInstances")), IsEmpty());
    EXPECT_THAT(options(), IsEmpty());
}

TEST_F(Ec2Instances, AllOptionsCountForAClientToken) {
    const std::string launch = "Action=RunInstances&InstanceType=t3.nano&MinCount=1&MaxCount=1&ClientToken=t&ImageId=" + image.id.str();
    const auto id = first("instanceId", ok(launch));
    EXPECT_TRUE(api().background().drain(std::chrono::seconds(10)));
    EXPECT_EQ(first("instanceId", ok(launch)), id);
    EXPECT_EQ(code(launch + "&Monitoring.Enabled=true"), "IdempotentParameterMismatch");
    EXPECT_EQ(code(launch + "&DisableApiTermination=true"), "IdempotentParameterMismatch");
}

TEST_F(Ec2Instances, CountsOfALaunch) {
    const std::string launch = "Action=RunInstances&InstanceType=t3.nano&ImageId=" + image.id.str();
    EXPECT_EQ(code(launch + "&MinCount=2&MaxCount=1"), "InvalidParameterValue");
    EXPECT_EQ(code(launch + "&MinCount=0&MaxCount=1"), "InvalidParameterValue");
    EXPECT_EQ(code(launch + "&MaxCount=1"), "MissingParameter");
    EXPECT_EQ(code(launch + "&MinCount=101&MaxCount=101"), "InstanceLimitExceeded");
    // MaxCount is as many as there may be at most, and need not be to be had.
    EXPECT_EQ(code(launch + "&MinCount=1&MaxCount=120&DryRun=true"), "DryRunOperation");
    EXPECT_EQ(every("instanceId", ok(launch + "&MinCount=1&MaxCount=3")).size(), 3U);
    EXPECT_TRUE(api().background().drain(std::chrono::seconds(60)));
}

TEST_F(Ec2Instances, MetadataOptions) {
    const auto id = run();
    const auto body = ok("Action=ModifyInstanceMetadataOptions&HttpTokens=required&HttpEndpoint=disabled&InstanceId=" + id);
    EXPECT_EQ(first("state", body), "pending");
    EXPECT_EQ(first("httpTokens", body), "required");
    EXPECT_EQ(first("httpEndpoint", body), "disabled");
    EXPECT_EQ(first("httpPutResponseHopLimit", body), "1");
    EXPECT_THAT(ok("Action=DescribeInstances&InstanceId.1=" + id), HasSubstr("<state>applied</state><httpTokens>required</httpTokens>"));
    EXPECT_EQ(code("Action=ModifyInstanceMetadataOptions&HttpPutResponseHopLimit=0&InstanceId=" + id), "InvalidParameterValue");
    EXPECT_EQ(code("Action=ModifyInstanceMetadataOptions&HttpTokens=required&InstanceId=i-00000000000000bad"),
              "InvalidInstanceID.NotFound");
    ok("Action=TerminateInstances&InstanceId.1=" + id);
    EXPECT_TRUE(api().background().drain(std::chrono::seconds(10)));
    EXPECT_EQ(code("Action=ModifyInstanceMetadataOptions&HttpTokens=optional&InstanceId=" + id), "IncorrectInstanceState");
}

TEST_F(Ec2Instances, Monitoring) {
    const auto id = run();
    EXPECT_THAT(ok("Action=MonitorInstances&InstanceId.1=" + id), HasSubstr("<monitoring><state>pending</state></monitoring>"));
    EXPECT_THAT(ok("Action=DescribeInstances"), HasSubstr("<monitoring><state>enabled</state></monitoring>"));
    EXPECT_EQ(code("Action=UnmonitorInstances&InstanceId.1=" + id + "&InstanceId.2=i-00000000000000bad"), "InvalidInstanceID.NotFound");
    EXPECT_THAT(ok("Action=DescribeInstances"), HasSubstr("<monitoring><state>enabled</state></monitoring>"));
    EXPECT_THAT(ok("Action=UnmonitorInstances&InstanceId.1=" + id), HasSubstr("<state>disabling</state>"));
    EXPECT_THAT(ok("Action=DescribeInstances"), HasSubstr("<monitoring><state>disabled</state></monitoring>"));
    EXPECT_EQ(code("Action=MonitorInstances"), "MissingParameter");
}

TEST_F(Ec2Instances, CreditSpecifications) {
    const auto id = run();  // t3: unlimited by itself
    const auto plain = stopped();
    ok(modify(plain, "InstanceType.Value=m1.small"));
    EXPECT_EQ(first("cpuCredits", ok("Action=DescribeInstanceCreditSpecifications&InstanceId.1=" + id)), "unlimited");
    const auto body =
        ok("Action=ModifyInstanceCreditSpecification&InstanceCreditSpecification.1.InstanceId=" + id +
           "&InstanceCreditSpecification.1.CpuCredits=standard&InstanceCreditSpecification.2.InstanceId=" + plain +
           "&InstanceCreditSpecification.2.CpuCredits=unlimited&InstanceCreditSpecification.3.InstanceId=i-00000000000000bad");
    EXPECT_THAT(body, HasSubstr("<successfulInstanceCreditSpecificationSet><item><instanceId>" + id + "</instanceId></item></"));
    EXPECT_THAT(every("code", body), ::testing::ElementsAre("InstanceCreditSpecification.NotSupported", "InvalidInstanceID.NotFound"));
    EXPECT_EQ(first("cpuCredits", ok("Action=DescribeInstanceCreditSpecifications&InstanceId.1=" + id)), "standard");
    EXPECT_THAT(ok("Action=DescribeInstanceCreditSpecifications"), Not(HasSubstr(id)));  // those with unlimited credits
    EXPECT_EQ(code("Action=ModifyInstanceCreditSpecification"), "MissingParameter");
    EXPECT_EQ(code("Action=DescribeInstanceCreditSpecifications&Filter.1.Name=colour&Filter.1.Value.1=x"), "InvalidParameterValue");
}

TEST_F(Ec2Instances, Screenshots) {
    const auto id = run();
    EXPECT_EQ(code("Action=GetConsoleScreenshot&InstanceId=" + id), "UnsupportedOperation");
    screens.give(*InstanceId::parse(id), "picture");
    const auto body = ok("Action=GetConsoleScreenshot&InstanceId=" + id);
    EXPECT_EQ(first("imageData", body), base64_encode("picture"));
    EXPECT_EQ(first("instanceId", body), id);
    EXPECT_EQ(code("Action=GetConsoleScreenshot&WakeUp=true&InstanceId=" + id), "UnsupportedOperation");
    ok("Action=StopInstances&Force=true&InstanceId.1=" + id);
    EXPECT_TRUE(api().background().drain(std::chrono::seconds(10)));
    EXPECT_EQ(code("Action=GetConsoleScreenshot&InstanceId=" + id), "IncorrectInstanceState");
}

TEST_F(Ec2Instances, RarelyAsked) {
    const auto id = run();
    EXPECT_EQ(first("passwordData", ok("Action=GetPasswordData&InstanceId=" + id)), "");
    EXPECT_EQ(first("instanceId", ok("Action=GetInstanceUefiData&InstanceId=" + id)), id);
    EXPECT_EQ(first("autoRecovery", ok("Action=ModifyInstanceMaintenanceOptions&AutoRecovery=disabled&InstanceId=" + id)), "disabled");
    ok("Action=ReportInstanceStatus&Status=impaired&ReasonCode.1=unresponsive&InstanceId.1=" + id);
    EXPECT_EQ(code("Action=ReportInstanceStatus&Status=fine&ReasonCode.1=other&InstanceId.1=" + id), "InvalidParameterValue");
    EXPECT_EQ(code("Action=ReportInstanceStatus&Status=ok&ReasonCode.1=bored&InstanceId.1=" + id), "InvalidParameterValue");
    EXPECT_EQ(code("Action=ModifyInstancePlacement&Tenancy=dedicated&InstanceId=" + id), "UnsupportedOperation");
    EXPECT_EQ(code("Action=ModifyInstancePlacement&Tenancy=default&InstanceId=" + id), "IncorrectInstanceState");
    EXPECT_EQ(code("Action=ModifyInstancePlacement&InstanceId=" + id), "MissingParameter");
}

TEST_F(Ec2Instances, StatusByItsOwnFilters) {
    const auto id = run();
    const auto off = stopped();
    const std::string ask = "Action=DescribeInstanceStatus&IncludeAllInstances=true";
    const auto with = [&](const std::string& name, const std::string& value) {
        return every("instanceId", ok(ask + "&Filter.1.Name=" + name + "&Filter.1.Value.1=" + value));
    };
    EXPECT_THAT(every("instanceId", ok(ask)), ::testing::ElementsAre(id, off));
    EXPECT_THAT(every("instanceId", ok("Action=DescribeInstanceStatus")), ::testing::ElementsAre(id));
    EXPECT_THAT(with("instance-status.status", "ok"), ::testing::ElementsAre(id));
    EXPECT_THAT(with("system-status.reachability", "passed"), ::testing::ElementsAre(id));
    EXPECT_THAT(with("instance-state-name", "stop*"), ::testing::ElementsAre(off));
    EXPECT_THAT(with("instance-state-code", "16"), ::testing::ElementsAre(id));
    EXPECT_THAT(with("availability-zone", "locala"), ::testing::ElementsAre(id, off));
    EXPECT_THAT(with("event.code", "*"), IsEmpty());
    EXPECT_EQ(code(ask + "&Filter.1.Name=image-id&Filter.1.Value.1=x"), "InvalidParameterValue");
}

TEST_F(Ec2Instances, TypesByMoreFilters) {
    const auto types_with = [&](const std::string& name, const std::string& value) {
        return every("instanceType", ok("Action=DescribeInstanceTypes&Filter.1.Name=" + name + "&Filter.1.Value.1=" + value));
    };
    EXPECT_THAT(types_with("burstable-performance-supported", "true"), ::testing::Contains("t3.nano"));
    EXPECT_THAT(types_with("burstable-performance-supported", "true"), Not(::testing::Contains("m1.small")));
    EXPECT_THAT(types_with("instance-storage-info.total-size-in-gb", "160"), ::testing::Contains("m1.small"));
    EXPECT_THAT(types_with("instance-storage-info.disk.count", "*"), Not(::testing::Contains("t3.nano")));
    EXPECT_THAT(types_with("hibernation-supported", "true"), IsEmpty());
    EXPECT_THAT(types_with("supported-boot-mode", "uefi"), ::testing::Contains("t3.nano"));
    EXPECT_EQ(code("Action=DescribeInstanceTypes&Filter.1.Name=colour&Filter.1.Value.1=x"), "InvalidParameterValue");
}

}  // namespace
}  // namespace amivirt::ec2
