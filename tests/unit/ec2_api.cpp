// The API on services over fakes: requests as they come in, answers as they go out.
#include <fmt/format.h>

#include <pugixml.hpp>

#include <algorithm>
#include <atomic>
#include <latch>
#include <thread>

#include "amivirt/base/interrupt.hpp"
#include "ec2_bench.hpp"

namespace amivirt::ec2 {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

TEST_F(Ec2Api, DescribesImagesInEc2sForm) {
    const auto body = ok("Action=DescribeImages&Owner.1=self");
    EXPECT_THAT(body, StartsWith("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<DescribeImagesResponse "
                                 "xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>"));
    EXPECT_THAT(body, HasSubstr("<imagesSet><item><imageId>" + image.id.str() + "</imageId>"));
    EXPECT_EQ(first("imageState", body), "available");
    EXPECT_EQ(first("creationDate", body), "2026-11-22T05:30:00.000Z");
    EXPECT_THAT(body, Not(HasSubstr("tagSet")));
    EXPECT_THAT(ok("Action=DescribeImages&Owner.1=amazon"), HasSubstr("<imagesSet></imagesSet>"));
    EXPECT_THAT(ok("Action=DescribeImages&Owner.1=nobody-at-all"), HasSubstr("<imagesSet></imagesSet>"));
}

TEST_F(Ec2Api, ErrorsInEc2sForm) {
    const auto response = post("Action=DescribeImages&ImageId.1=ami-00000000000000bad&ImageId.2=ami-short");
    EXPECT_EQ(response.status, 400U);
    EXPECT_THAT(response.body, HasSubstr("<Response><Errors><Error><Code>InvalidAMIID.NotFound</Code><Message>The image ids "
                                         "'[ami-00000000000000bad, ami-short]' do not exist</Message></Error></Errors><RequestID>"));
    EXPECT_EQ(code("Action=DescribeImages&ImageId.1=tiny"), "InvalidAMIID.Malformed");
    EXPECT_EQ(code("Action=DescribeImage"), "InvalidAction");
    EXPECT_EQ(code("ImageId.1=x"), "MissingAction");
    EXPECT_EQ(code("Action=DescribeImages&Colour=red"), "UnknownParameter");
    EXPECT_EQ(code("Action=DescribeImages&Filter.1.Name=colour&Filter.1.Value.1=red"), "InvalidParameterValue");
    EXPECT_EQ(code("Action=CreateImage&Name=x"), "MissingParameter");
    EXPECT_EQ(first("Code", api().handle({"POST", "/", {}, "Action=DescribeImages&Version=1999-01-01"}).body), "NoSuchVersion");
    EXPECT_EQ(api().handle({"DELETE", "/", {}, ""}).status, 400U);
    EXPECT_EQ(api().handle({"POST", "/elsewhere", {}, "Action=DescribeImages"}).status, 400U);
}

TEST_F(Ec2Api, GetWithAQueryIsTheSame) {
    const auto response = api().handle({"GET", "/?Action=DescribeImages&Version=2016-11-15&Owner.1=self", {}, ""});
    EXPECT_EQ(response.status, 200U);
    EXPECT_THAT(response.body, HasSubstr(image.id.str()));
}

TEST_F(Ec2Api, RunAnswersPendingAndGoesOn) {
    const auto body =
        ok("Action=RunInstances&InstanceType=t3.nano&MinCount=2&MaxCount=2&TagSpecification.1.ResourceType=instance&"
           "TagSpecification.1.Tag.1.Key=Name&TagSpecification.1.Tag.1.Value=a%3Cb&ImageId=" +
           image.id.str());
    const auto launched = every("instanceId", body);
    ASSERT_EQ(launched.size(), 2U);
    EXPECT_THAT(body, HasSubstr("<key>Name</key><value>a&lt;b</value>"));
    EXPECT_TRUE(api().background().drain(std::chrono::seconds(10)));
    const auto described = ok("Action=DescribeInstances&InstanceId.1=" + launched[0] + "&InstanceId.2=" + launched[1]);
    EXPECT_EQ(every("reservationId", described).size(), 1U);
    EXPECT_THAT(every("code", described), ElementsAre("16", "16"));
    const auto status = ok("Action=DescribeInstanceStatus");
    EXPECT_THAT(every("instanceId", status), ElementsAre(launched[0], launched[1]));
    EXPECT_THAT(status, HasSubstr("<status>ok</status>"));
}

TEST_F(Ec2Api, LaunchThatFailsLeavesItsReason) {
    hypervisor.script().fail("start", {Code::hypervisor_failed, "QEMU said no"});
    const auto body = ok("Action=RunInstances&InstanceType=t3.nano&MinCount=1&MaxCount=1&ImageId=" + image.id.str());
    const auto id = first("instanceId", body);
    EXPECT_TRUE(api().background().drain(std::chrono::seconds(10)));
    const auto described = ok("Action=DescribeInstances&InstanceId.1=" + id);
    EXPECT_EQ(first("name", described), "terminated");
    EXPECT_THAT(described, HasSubstr("Server.InternalError: "));
    EXPECT_THAT(described, HasSubstr("QEMU said no"));
}

TEST_F(Ec2Api, StopStartTerminateAnswerTheTransition) {
    const auto id = run();
    auto body = ok("Action=StopInstances&Force=true&InstanceId.1=" + id);
    EXPECT_THAT(body, HasSubstr("<currentState><code>64</code><name>stopping</name></currentState><previousState><code>16</code>"));
    EXPECT_TRUE(api().background().drain(std::chrono::seconds(10)));
    EXPECT_EQ(first("name", ok("Action=DescribeInstances&InstanceId.1=" + id)), "stopped");
    body = ok("Action=StartInstances&InstanceId.1=" + id);
    EXPECT_THAT(body, HasSubstr("<currentState><code>0</code><name>pending</name>"));
    EXPECT_TRUE(api().background().drain(std::chrono::seconds(10)));
    body = ok("Action=TerminateInstances&InstanceId.1=" + id);
    EXPECT_THAT(body, HasSubstr("<currentState><code>32</code><name>shutting-down</name>"));
    EXPECT_TRUE(api().background().drain(std::chrono::seconds(10)));
    body = ok("Action=TerminateInstances&InstanceId.1=" + id);  // again: done
    EXPECT_THAT(body, HasSubstr("<currentState><code>48</code>"));
    EXPECT_EQ(code("Action=StartInstances&InstanceId.1=" + id), "IncorrectInstanceState");
}

TEST_F(Ec2Api, NothingIsDoneIfOneIsUnknown) {
    const auto id = run();
    EXPECT_EQ(code("Action=TerminateInstances&InstanceId.1=" + id + "&InstanceId.2=i-00000000000000bad"), "InvalidInstanceID.NotFound");
    EXPECT_EQ(first("name", ok("Action=DescribeInstances&InstanceId.1=" + id)), "running");
    EXPECT_EQ(code("Action=TerminateInstances"), "MissingParameter");
}

TEST_F(Ec2Api, DryRunsMakeNothing) {
    const auto response = post("Action=RunInstances&DryRun=true&InstanceType=t3.nano&MinCount=1&MaxCount=1&ImageId=" + image.id.str());
    EXPECT_EQ(response.status, 412U);
    EXPECT_EQ(first("Code", response.body), "DryRunOperation");
    EXPECT_EQ(code("Action=DescribeImages&DryRun=true"), "DryRunOperation");
    EXPECT_EQ(code("Action=RunInstances&DryRun=true&InstanceType=t9.nano&MinCount=1&MaxCount=1&ImageId=" + image.id.str()),
              "InvalidParameterValue");
    EXPECT_THAT(every("instanceId", ok("Action=DescribeInstances")), IsEmpty());
}

TEST_F(Ec2Api, ClientTokens) {
    const std::string form = "Action=RunInstances&InstanceType=t3.nano&MinCount=1&MaxCount=1&ClientToken=tok&ImageId=" + image.id.str();
    const auto id = first("instanceId", ok(form));
    EXPECT_TRUE(api().background().drain(std::chrono::seconds(10)));
    EXPECT_EQ(first("instanceId", ok(form)), id);
    EXPECT_EQ(code(form + "&UserData=YQ%3D%3D"), "IdempotentParameterMismatch");
    ok("Action=DeregisterImage&ImageId=" + image.id.str());
    EXPECT_EQ(first("instanceId", ok(form)), id) << "the image is gone";
    EXPECT_EQ(code(form + "&DryRun=true"), "DryRunOperation");
    EXPECT_EQ(code(form + "&EbsOptimized=true"), "IdempotentParameterMismatch");
    const std::string volume = "Action=CreateVolume&AvailabilityZone=locala&ClientToken=v&Size=";
    const auto made = first("volumeId", ok(volume + "1"));
    EXPECT_EQ(first("volumeId", ok(volume + "1")), made);
    EXPECT_EQ(code(volume + "2"), "IdempotentParameterMismatch");
    EXPECT_EQ(every("volumeId", ok("Action=DescribeVolumes&Filter.1.Name=status&Filter.1.Value.1=available")).size(), 1U);
    // The same in another order and encoding is the same.
    EXPECT_EQ(first("volumeId", ok("Action=CreateVolume&Size=1&ClientToken=v&AvailabilityZone=%6cocala&SnapshotId=")), made);
}

TEST_F(Ec2Api, ClientTokensOfActionsThatHaveNone) {
    // A listing would be yesterday's for a day, and a private key would be kept.
    for (const std::string action : {"DescribeImages", "CreateKeyPair&KeyName=k", "DescribeInstances", "CreateVpc&CidrBlock=10.0.0.0/16"}) {
        EXPECT_EQ(code("Action=" + action + "&ClientToken=t"), "UnknownParameter") << action;
    }
    EXPECT_TRUE(rows(&CatalogSession::documents).empty());
}

TEST_F(Ec2Api, ClientTokensOutliveTheServer) {
    const std::string volume = "Action=CreateVolume&AvailabilityZone=locala&ClientToken=v&Size=1";
    const auto made = first("volumeId", ok(volume));
    api_.reset();
    EXPECT_EQ(first("volumeId", ok(volume)), made);
    EXPECT_EQ(rows(&CatalogSession::volumes).size(), 1U);
    clock.advance(Answers::k_kept);
    api().tidy();
    EXPECT_TRUE(rows(&CatalogSession::documents).empty());
    EXPECT_NE(first("volumeId", ok(volume)), made);
}

TEST_F(Ec2Api, ATidyServerEndsWhatIsOver) {
    const auto leased = run();
    ASSERT_TRUE(leases.extend(me, leased, std::chrono::minutes(1)));
    api().tidy();
    EXPECT_EQ(instances.resolve(me, leased)->state, InstanceState::running);
    clock.advance(std::chrono::minutes(2));
    api().tidy();
    EXPECT_EQ(instances.resolve(me, leased)->state, InstanceState::terminated);
}

TEST_F(Ec2Api, TooManyRequestsOfAnAccount) {
    rate = 1;
    EXPECT_EQ(post("Action=DescribeRegions").code, "OK");
    EXPECT_EQ(post("Action=DescribeRegions").known_action, "DescribeRegions");
    const auto response = post("Action=DescribeRegions");
    EXPECT_EQ(response.status, 503U);
    EXPECT_EQ(response.code, "RequestLimitExceeded");
    EXPECT_EQ(first("Code", response.body), "RequestLimitExceeded");
    clock.advance(std::chrono::seconds(1));
    EXPECT_EQ(post("Action=NoSuchThing").known_action, "unknown");
}

TEST_F(Ec2Api, ResetForTestSuites) {
    const auto id = run();
    EXPECT_EQ(first("Code", api().handle({"POST", "/_amivirt/reset", {}, ""}).body), "InvalidAction");
    api_.reset();
    allow_reset = true;
    EXPECT_EQ(first("Code", api().handle({"GET", "/_amivirt/reset", {}, ""}).body), "InvalidAction");
    EXPECT_EQ(first("Code", api().handle({"POST", "/_amivirt/reset", {}, "Keep=1"}).body), "UnknownParameter");
    const Gauges before = api().gauges();
    EXPECT_EQ(before.instances.at({"local", "running"}), 1U);
    auto response = api().handle({"POST", "/_amivirt/reset", {}, "KeepImages=true"});
    EXPECT_EQ(response.content_type, "application/json");
    EXPECT_EQ(response.body, "{\"Region\": \"local\", \"Terminated\": [\"" + id +
                                 "\"], \"Images\": 0, \"Snapshots\": 0, \"Volumes\": 0, \"KeyPairs\": 0}\n");
    EXPECT_EQ(rows(&CatalogSession::images).size(), 1U);
    EXPECT_TRUE(api().gauges().instances.empty());
    EXPECT_THAT(api().handle({"POST", "/_amivirt/reset?", {}, ""}).body, HasSubstr("\"Images\": 1"));
    authenticate = true;
    api_.reset();
    EXPECT_EQ(first("Code", api().handle({"POST", "/_amivirt/reset", {}, ""}).body), "MissingAuthenticationToken");
}

TEST_F(Ec2Api, PagesOfAListing) {
    std::vector<std::string> made;
    for (int i = 0; i < 12; ++i) {
        made.push_back(first("volumeId", ok("Action=CreateVolume&AvailabilityZone=locala&Size=1")));
    }
    std::vector<std::string> seen;
    std::string token;
    int pages = 0;
    do {
        const auto body = ok("Action=DescribeVolumes&MaxResults=5" + (token.empty() ? "" : "&NextToken=" + token));
        for (auto& id : every("volumeId", body)) {
            seen.push_back(std::move(id));
        }
        token = std::regex_replace(first("nextToken", body), std::regex("="), "%3D");
        ++pages;
    } while (!token.empty() && pages < 10);
    EXPECT_EQ(pages, 3);
    EXPECT_EQ(seen, made);
    EXPECT_EQ(code("Action=DescribeVolumes&MaxResults=4"), "InvalidParameterValue");
    EXPECT_EQ(code("Action=DescribeVolumes&MaxResults=5&VolumeId.1=" + made[0]), "InvalidParameterCombination");
    EXPECT_EQ(code("Action=DescribeVolumes&NextToken=%26%26"), "InvalidParameterValue");
    // The one that the token names goes meanwhile: the next page begins where it stood.
    const auto page = ok("Action=DescribeVolumes&MaxResults=5");
    ok("Action=DeleteVolume&VolumeId=" + made[4]);
    const auto rest =
        ok("Action=DescribeVolumes&MaxResults=1000&NextToken=" + std::regex_replace(first("nextToken", page), std::regex("="), "%3D"));
    EXPECT_THAT(every("volumeId", rest), Not(IsEmpty()));
}

TEST_F(Ec2Api, ImageOfAnInstance) {
    const auto id = run();
    const auto body =
        ok("Action=CreateImage&NoReboot=true&Name=mine&TagSpecification.1.ResourceType=snapshot&TagSpecification.1.Tag.1.Key=k&"
           "TagSpecification.1.Tag.1.Value=v&InstanceId=" +
           id);
    const auto made = first("imageId", body);
    EXPECT_TRUE(api().background().drain(std::chrono::seconds(10)));
    const auto described = ok("Action=DescribeImages&ImageId.1=" + made);
    EXPECT_EQ(first("imageState", described), "available");
    EXPECT_EQ(first("sourceInstanceId", described), id);
    const auto snapshot = first("snapshotId", described);
    EXPECT_EQ(first("value", ok("Action=DescribeSnapshots&SnapshotId.1=" + snapshot)), "v");
    EXPECT_EQ(code("Action=DeleteSnapshot&SnapshotId=" + snapshot), "InvalidSnapshot.InUse");
    EXPECT_EQ(code("Action=CreateImage&NoReboot=true&Name=mine&InstanceId=" + id), "InvalidAMIName.Duplicate");
    EXPECT_THAT(ok("Action=DeregisterImage&ImageId=" + made), HasSubstr("<return>true</return>"));
    EXPECT_THAT(ok("Action=DescribeImages&ImageId.1=" + made), HasSubstr("<imagesSet></imagesSet>"));
    EXPECT_EQ(code("Action=DeregisterImage&ImageId=" + made), "InvalidAMIID.Unavailable");
}

TEST_F(Ec2Api, ImageThatFailsStaysWithItsReason) {
    const auto id = run();
    hypervisor.script().fail("snapshot", {Code::hypervisor_failed, "no snapshot today"});
    const auto made = first("imageId", ok("Action=CreateImage&NoReboot=true&Name=mine&InstanceId=" + id));
    EXPECT_TRUE(api().background().drain(std::chrono::seconds(10)));
    const auto described = ok("Action=DescribeImages&ImageId.1=" + made);
    EXPECT_EQ(first("imageState", described), "failed");
    EXPECT_THAT(described, HasSubstr("no snapshot today"));
    ok("Action=DeregisterImage&ImageId=" + made);
}

TEST_F(Ec2Api, WhatADeadServerPromisedTheNextOneMakes) {
    const auto id = run();
    const auto promise = [&](const std::string& name) {
        hypervisor.script().before("snapshot", [] { throw Interrupted{9}; });
        const auto made = first("imageId", ok("Action=CreateImage&NoReboot=true&Description=a%26b&Name=" + name + "&InstanceId=" + id));
        EXPECT_TRUE(api().background().drain(std::chrono::seconds(10)));
        hypervisor.script().before("snapshot", {});
        EXPECT_EQ(first("imageState", ok("Action=DescribeImages&ImageId.1=" + made)), "pending");
        return made;
    };
    const auto next_server = [&] {
        api().tidy();
        EXPECT_TRUE(api().background().drain(std::chrono::seconds(10)));
    };
    const auto kept = promise("kept");
    hypervisor.become_unavailable();
    next_server();
    EXPECT_EQ(first("imageState", ok("Action=DescribeImages&ImageId.1=" + kept)), "pending") << "another time";
    hypervisor.become_available();
    next_server();
    const auto described = ok("Action=DescribeImages&ImageId.1=" + kept);
    EXPECT_EQ(first("imageState", described), "available");
    EXPECT_EQ(first("name", described), "kept");
    EXPECT_EQ(first("description", described), "a&amp;b");

    const auto broken = promise("broken");
    ok("Action=TerminateInstances&InstanceId.1=" + id);
    EXPECT_TRUE(api().background().drain(std::chrono::seconds(10)));
    next_server();
    const auto failed = ok("Action=DescribeImages&ImageId.1=" + broken);
    EXPECT_EQ(first("imageState", failed), "failed");
    EXPECT_THAT(failed, HasSubstr(id));
    next_server();
    for (const auto& document : rows(&CatalogSession::documents)) {
        EXPECT_NE(document.kind, "promise") << document.key;
    }
}

TEST_F(Ec2Api, AStopAndAStartThatWereToldAreCarriedOutByTheNextServer) {
    const auto id = run();
    const auto state = [&] {
        const auto body = ok("Action=DescribeInstances&InstanceId.1=" + id);
        std::smatch found;
        return std::regex_search(body, found, std::regex("<instanceState><code>[0-9]+</code><name>([a-z-]+)")) ? found[1].str() : body;
    };
    const auto next_server = [&] {
        api().tidy();
        EXPECT_TRUE(api().background().drain(std::chrono::seconds(10)));
    };
    const auto cut = [&](const char* step, const std::string& form) {
        hypervisor.script().before(step, [] { throw Interrupted{9}; });
        ok(form + "&InstanceId.1=" + id);
        EXPECT_TRUE(api().background().drain(std::chrono::seconds(10)));
        hypervisor.script().before(step, {});
        die_and_recover();
    };
    cut("power_off", "Action=StopInstances&Force=true");
    EXPECT_EQ(state(), "running");
    next_server();
    EXPECT_EQ(state(), "stopped");
    cut("start", "Action=StartInstances");
    EXPECT_EQ(state(), "stopped");
    next_server();
    EXPECT_EQ(state(), "running");
    // Once only, and not what somebody has ended since.
    ok("Action=StopInstances&Force=true&InstanceId.1=" + id);
    next_server();
    EXPECT_EQ(state(), "stopped");
    cut("start", "Action=StartInstances");
    ok("Action=TerminateInstances&InstanceId.1=" + id);
    next_server();
    next_server();
    EXPECT_EQ(state(), "terminated");
    for (const auto& document : rows(&CatalogSession::documents)) {
        EXPECT_NE(document.kind, "promise") << document.key;
    }
}

TEST_F(Ec2Api, LaunchPermissions) {
    const std::string on = "&ImageId=" + image.id.str();
    ok("Action=ModifyImageAttribute&LaunchPermission.Add.1.UserId=111122223333&Description.Value=new" + on);
    auto body = ok("Action=DescribeImageAttribute&Attribute=LaunchPermission" + on);
    EXPECT_THAT(body, HasSubstr("<launchPermission><item><userId>111122223333</userId></item></launchPermission>"));
    EXPECT_EQ(first("value", ok("Action=DescribeImageAttribute&Attribute=description+" + on)), "new");
    // Nothing is applied if one is bad.
    EXPECT_EQ(code("Action=ModifyImageAttribute&LaunchPermission.Add.1.UserId=444455556666&LaunchPermission.Add.2.UserId=x" + on),
              "InvalidAMIAttributeItemValue");
    EXPECT_EQ(code("Action=ModifyImageAttribute&LaunchPermission.Add.1.Group=some" + on), "InvalidAMIAttributeItemValue");
    EXPECT_EQ(code("Action=ModifyImageAttribute" + on), "InvalidParameterCombination");
    ok("Action=ModifyImageAttribute&Attribute=launchPermission&OperationType=add&UserGroup.1=all" + on);
    EXPECT_EQ(first("isPublic", ok("Action=DescribeImages&ImageId.1=" + image.id.str())), "true");
    ok("Action=ResetImageAttribute&Attribute=launchPermission" + on);
    EXPECT_THAT(ok("Action=DescribeImageAttribute&Attribute=launchPermission" + on), HasSubstr("<launchPermission></launchPermission>"));
}

TEST_F(Ec2Api, Volumes) {
    const auto id = run();
    const auto volume = first("volumeId", ok("Action=CreateVolume&AvailabilityZone=locala&Size=2"));
    const auto attached = ok("Action=AttachVolume&Device=/dev/sdf&VolumeId=" + volume + "&InstanceId=" + id);
    EXPECT_EQ(first("status", attached), "attached");
    EXPECT_EQ(code("Action=DeleteVolume&VolumeId=" + volume), "VolumeInUse");
    EXPECT_EQ(code("Action=AttachVolume&Device=/dev/sdg&VolumeId=" + volume + "&InstanceId=" + id), "VolumeInUse");
    EXPECT_EQ(code("Action=DetachVolume&Device=/dev/sdx&VolumeId=" + volume), "InvalidAttachment.NotFound");
    const auto modified = ok("Action=ModifyVolume&Size=3&VolumeId=" + volume);
    EXPECT_EQ(first("originalSize", modified), "2");
    EXPECT_EQ(first("targetSize", modified), "3");
    // By force as well: QEMU takes no disk from a guest that holds on to it.
    hypervisor.set_guest(*InstanceId::parse(id), fakes::AcpiAnswer::ignores);
    const auto held = post("Action=DetachVolume&Force=true&VolumeId=" + volume);
    EXPECT_EQ(first("Code", held.body), "UnsupportedOperation");
    EXPECT_THAT(held.body, ::testing::AllOf(HasSubstr(volume), HasSubstr(id), HasSubstr("RebootInstances")));
    EXPECT_EQ(first("status", ok("Action=DescribeVolumes&VolumeId.1=" + volume)), "in-use");
    hypervisor.set_guest(*InstanceId::parse(id), fakes::AcpiAnswer::obeys);
    EXPECT_EQ(first("status", ok("Action=DetachVolume&Force=true&VolumeId=" + volume)), "detaching");
    EXPECT_EQ(code("Action=DetachVolume&VolumeId=" + volume), "IncorrectState");
    const auto snapshot = first("snapshotId", ok("Action=CreateSnapshot&Description=%3C&VolumeId=" + volume));
    EXPECT_EQ(first("description", ok("Action=DescribeSnapshots&Owner.1=self&SnapshotId.1=" + snapshot)), "&lt;");
    ok("Action=DeleteVolume&VolumeId=" + volume);
    EXPECT_EQ(code("Action=DescribeVolumes&VolumeId.1=" + volume), "InvalidVolume.NotFound");
    ok("Action=DeleteSnapshot&SnapshotId=" + snapshot);
    EXPECT_EQ(code("Action=CreateVolume&AvailabilityZone=locala"), "MissingParameter");
    EXPECT_EQ(code("Action=CreateVolume&AvailabilityZone=us-east-1a&Size=1"), "InvalidParameterValue");
}

TEST_F(Ec2Api, DeepChainsAreFlattenedHoweverAnInstanceCameToRest) {
    const auto id = run();
    const auto volume = first("volumeId", ok("Action=DescribeVolumes"));
    const auto depth = [&] {
        for (const auto& row : rows(&CatalogSession::volumes)) {
            if (row.id.str() == volume) {
                return chain_of(row.layer, rows(&CatalogSession::layers)).size();
            }
        }
        return std::size_t{0};
    };
    const auto deepen = [&] {
        for (int i = 0; i < 5; ++i) {
            ok("Action=CreateSnapshot&VolumeId=" + volume);
        }
    };
    const auto tidy = [&] {
        api().tidy();
        EXPECT_TRUE(api().background().drain(std::chrono::seconds(10)));
    };
    deepen();
    const auto deep = depth();
    tidy();
    EXPECT_EQ(depth(), deep) << "it runs";
    ok("Action=StopInstances&Force=true&InstanceId.1=" + id);
    EXPECT_TRUE(api().background().drain(std::chrono::seconds(10)));
    tidy();
    EXPECT_EQ(depth(), 3U);
    ok("Action=StartInstances&InstanceId.1=" + id);
    EXPECT_TRUE(api().background().drain(std::chrono::seconds(10)));
    deepen();
    hypervisor.guest_powers_off(*InstanceId::parse(id));
    ok("Action=DescribeInstances");
    // One that cannot be flattened is not tried again every half minute.
    care.script().fail("merge", {Code::store_full, "No space left on device"});
    tidy();
    EXPECT_EQ(depth(), 3U + 5U);
    EXPECT_TRUE(log.contains("flattening the chain of " + volume, LogLevel::warning));
    tidy();
    EXPECT_EQ(depth(), 3U + 5U);
    clock.advance(std::chrono::minutes(11));
    tidy();
    EXPECT_EQ(depth(), 3U);
    EXPECT_EQ(care.script().calls("merge"), 3U);
    // Nobody waits for it when the server ends.
    deepen();
    care.script().before("merge", [&] { api().hurry(); });
    tidy();
    EXPECT_EQ(depth(), 3U + 5U);
    EXPECT_THAT(rows(&CatalogSession::operations), IsEmpty());
    EXPECT_EQ(store.layers().size(), rows(&CatalogSession::layers).size());
}

TEST_F(Ec2Api, TagsOfHostileCharacters) {
    ok("Action=CreateTags&ResourceId.1=" + image.id.str() + "&Tag.1.Key=k%22%3C&Tag.1.Value=%26%5D%5D%3E");
    const auto body = ok("Action=DescribeTags");
    EXPECT_THAT(body, HasSubstr("<key>k&quot;&lt;</key><value>&amp;]]&gt;</value>"));
    EXPECT_EQ(code("Action=CreateTags&ResourceId.1=" + image.id.str() + "&Tag.1.Key=k%01"), "InvalidParameterValue");
    EXPECT_EQ(code("Action=CreateTags&ResourceId.1=" + image.id.str() + "&Tag.1.Key=k%FF"), "InvalidParameterValue");
    ok("Action=DeleteTags&ResourceId.1=" + image.id.str());
    EXPECT_THAT(ok("Action=DescribeTags"), HasSubstr("<tagSet></tagSet>"));
    EXPECT_EQ(code("Action=CreateTags&ResourceId.1=tiny&Tag.1.Key=k"), "InvalidID");
}

TEST_F(Ec2Api, Places) {
    EXPECT_EQ(first("regionName", ok("Action=DescribeRegions")), "local");
    EXPECT_EQ(first("zoneName", ok("Action=DescribeAvailabilityZones&Filter.1.Name=state&Filter.1.Value.1=avail*")), "locala");
    EXPECT_EQ(code("Action=DescribeRegions&RegionName.1=mars"), "InvalidParameterValue");
    EXPECT_EQ(code("Action=DescribeRegions&Filter.1.Name=colour&Filter.1.Value.1=x"), "InvalidParameterValue");
    EXPECT_EQ(first("sizeInMiB", ok("Action=DescribeInstanceTypes&InstanceType.1=t3.nano")), "512");
    EXPECT_EQ(code("Action=DescribeInstanceTypes&InstanceType.1=t9.nano"), "InvalidInstanceType");
    EXPECT_EQ(first("location", ok("Action=DescribeInstanceTypeOfferings")), "local");
}

TEST_F(Ec2Api, Governance) {
    const std::string on = "&ImageId=" + image.id.str();
    ok("Action=EnableImageDeregistrationProtection" + on);
    EXPECT_EQ(code("Action=DeregisterImage" + on), "OperationNotPermitted");
    ok("Action=DisableImageDeregistrationProtection" + on);
    ok("Action=EnableImageDeprecation&DeprecateAt=2027-01-01T00:00:00Z" + on);
    EXPECT_EQ(first("deprecationTime", ok("Action=DescribeImages&ImageId.1=" + image.id.str())), "2027-01-01T00:00:00.000Z");
    ok("Action=DisableImageDeprecation" + on);
    ok("Action=DisableImage" + on);
    EXPECT_EQ(code("Action=RunInstances&InstanceType=t3.nano&MinCount=1&MaxCount=1" + on), "InvalidAMIID.Unavailable");
    ok("Action=EnableImage" + on);
    EXPECT_EQ(first("imageBlockPublicAccessState", ok("Action=EnableImageBlockPublicAccess&ImageBlockPublicAccessState=block-new-sharing")),
              "block-new-sharing");
    EXPECT_EQ(code("Action=ModifyImageAttribute&LaunchPermission.Add.1.Group=all" + on), "OperationNotPermitted");
    ok("Action=DisableImageBlockPublicAccess");
    EXPECT_EQ(first("imageId", ok("Action=GetImageAncestry" + on)), image.id.str());
    EXPECT_THAT(ok("Action=ListImagesInRecycleBin"), HasSubstr("<imageSet></imageSet>"));
    ok("Action=ReplaceImageCriteriaInAllowedImagesSettings&ImageCriterion.1.ImageProvider.1=self");
    EXPECT_THAT(ok("Action=GetAllowedImagesSettings"), HasSubstr("<imageProviderSet><item>self</item></imageProviderSet>"));
}

TEST_F(Ec2Api, SignaturesNameTheAccount) {
    authenticate = true;
    const auto mine = accounts.create("mine", me);
    const auto theirs = accounts.create("other", other);
    ASSERT_TRUE(mine && theirs);
    const std::string form = "Action=DescribeImages&Version=2016-11-15&Owner.1=self";
    EXPECT_EQ(first("Code", api().handle({"POST", "/", {{"Host", "h"}}, form}).body), "MissingAuthenticationToken");
    EXPECT_THAT(api().handle(signed_form(form, mine->key)).body, HasSubstr(image.id.str()));
    EXPECT_THAT(api().handle(signed_form(form, theirs->key)).body, HasSubstr("<imagesSet></imagesSet>"));
    AccessKey forged = mine->key;
    forged.secret = theirs->key.secret;
    auto response = api().handle(signed_form(form, forged));
    EXPECT_EQ(response.status, 403U);
    EXPECT_EQ(first("Code", response.body), "SignatureDoesNotMatch");
    forged.id = "AKIANOBODY";
    response = api().handle(signed_form(form, forged));
    EXPECT_EQ(response.status, 401U);
    EXPECT_EQ(first("Code", response.body), "AuthFailure");
    EXPECT_EQ(first("Code", api().handle(signed_form(form, mine->key, "us-east-1")).body), "AuthFailure");
    EXPECT_EQ(first("Code", api().handle(signed_form(form, mine->key, "local", "s3")).body), "AuthFailure");
    // Another account's image is launched by nobody else.
    const std::string launch =
        "Action=RunInstances&Version=2016-11-15&InstanceType=t3.nano&MinCount=1&MaxCount=1&ImageId=" + image.id.str();
    EXPECT_EQ(first("Code", api().handle(signed_form(launch, theirs->key)).body), "AuthFailure");
    clock.advance(std::chrono::minutes(16));
    EXPECT_EQ(first("Code", api().handle(signed_form(form, mine->key)).body), "RequestExpired");
}

TEST_F(Ec2Api, Identity) {
    authenticate = true;
    const auto mine = accounts.create("mine", me);
    ASSERT_TRUE(mine);
    const auto body = api().handle(signed_form("Action=GetCallerIdentity&Version=2011-06-15", mine->key, "anywhere", "sts")).body;
    EXPECT_THAT(body,
                StartsWith("<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>"));
    EXPECT_EQ(first("Account", body), me.str());
    AccessKey unknown = mine->key;
    unknown.id = "AKIANOBODY";
    const auto refused = api().handle(signed_form("Action=GetCallerIdentity&Version=2011-06-15", unknown, "anywhere", "sts"));
    EXPECT_EQ(refused.status, 403U);
    EXPECT_THAT(refused.body, HasSubstr("<ErrorResponse><Error><Type>Sender</Type><Code>InvalidClientTokenId</Code>"));
    EXPECT_THAT(api().handle(signed_form("Action=ListAccountAliases&Version=2010-05-08", mine->key, "us-east-1", "iam")).body,
                HasSubstr("<member>mine</member>"));
}

TEST_F(Ec2Api, SessionTokensAndInstanceProfiles) {
    authenticate = true;
    const auto mine = accounts.create("mine", me);
    ASSERT_TRUE(mine);
    const auto sts = [&](const std::string& form) {
        return api().handle(signed_form("Action=GetSessionToken&Version=2011-06-15" + form, mine->key, "us-east-1", "sts")).body;
    };
    const auto session = sts("&DurationSeconds=900");
    EXPECT_EQ(first("AccessKeyId", session), mine->key.id);
    EXPECT_EQ(first("SecretAccessKey", session), mine->key.secret);
    EXPECT_FALSE(first("SessionToken", session).empty());
    EXPECT_EQ(first("Expiration", session), to_iso8601(clock.now() + std::chrono::minutes(15)));
    for (const std::string bad : {"&DurationSeconds=899", "&DurationSeconds=129601"}) {
        EXPECT_EQ(first("Code", sts(bad)), "ValidationError") << bad;
    }
    EXPECT_EQ(first("Code", sts("&SerialNumber=1")), "UnsupportedOperation");

    const auto profile = [&](const std::string& form) {
        return api().handle(signed_form("Action=GetInstanceProfile&Version=2010-05-08" + form, mine->key, "us-east-1", "iam")).body;
    };
    const auto found = profile("&InstanceProfileName=builder");
    EXPECT_EQ(first("Arn", found), "arn:aws:iam::" + me.str() + ":instance-profile/builder");
    EXPECT_EQ(first("InstanceProfileId", found).size(), 21U);
    EXPECT_THAT(found, HasSubstr("<Roles></Roles>"));
    EXPECT_NE(first("InstanceProfileId", found), first("InstanceProfileId", profile("&InstanceProfileName=other")));
    EXPECT_EQ(first("Code", profile("")), "MissingParameter");
    EXPECT_EQ(first("Code", profile("&InstanceProfileName=a%20b")), "ValidationError");
}

TEST_F(Ec2Api, EveryActionHasANameOfItsOwn) {
    for (const std::string_view service : {"ec2", "sts", "iam"}) {
        std::set<std::string_view> names;
        for (const Action& action : actions_of(service)) {
            EXPECT_TRUE(names.insert(action.name).second) << action.name;
        }
        EXPECT_FALSE(names.empty());
    }
    EXPECT_TRUE(actions_of("s3").empty());
}

/// Whatever comes in, the answer is well-formed and no 500.
TEST_F(Ec2Api, BadInput) {
    for (const auto& action : actions_of("ec2")) {
        const std::string name(action.name);
        for (const std::string more :
             {"", "&ImageId=%00&InstanceId=%00&VolumeId=%00", "&InstanceId.1=i-%27%3B--&ImageId=ami-%3Cx%3E&VolumeId=vol-&SnapshotId=snap-",
              "&MaxResults=99999999999", "&Filter.1.Value.1=x", "&TagSpecification.1.Tag.1.Key=x", "&DryRun=perhaps"}) {
            const auto response = post("Action=" + name + more);
            EXPECT_LT(response.status, 500U) << name << more << "\n" << response.body;
            pugi::xml_document document;
            EXPECT_TRUE(document.load_buffer(response.body.data(), response.body.size())) << name << more << "\n" << response.body;
            EXPECT_TRUE(document.first_child().next_sibling().empty()) << "one root";
        }
    }
    EXPECT_TRUE(api().background().drain(std::chrono::seconds(10)));
}

TEST_F(Ec2Api, IdsAndFiltersAreLimitedAsInEc2) {
    const auto repeated = [](int count, const std::function<std::string(int)>& one) {
        std::string form = "Action=DescribeImages";
        for (int i = 1; i <= count; ++i) {
            form += "&" + one(i);
        }
        return form;
    };
    const auto id = [](int i) { return fmt::format("ImageId.{0}=ami-{0:017x}", i); };
    EXPECT_EQ(code(repeated(1000, id)), "InvalidAMIID.NotFound");
    EXPECT_EQ(code(repeated(1001, id)), "InvalidParameterValue");
    const auto filter = [](int i) { return fmt::format("Filter.{0}.Name=name&Filter.{0}.Value.1=x", i); };
    ok(repeated(50, filter));
    EXPECT_EQ(code(repeated(51, filter)), "FilterLimitExceeded");
    const auto value = [](int i) { return fmt::format("Filter.1.Value.{}=x", i); };
    ok(repeated(200, value) + "&Filter.1.Name=name");
    EXPECT_EQ(code(repeated(201, value) + "&Filter.1.Name=name"), "FilterLimitExceeded");
}

TEST_F(Ec2Api, AnErrorQuotesLittleOfWhatWasSent) {
    std::string key;
    for (int i = 0; i < 30000; ++i) {
        key += "%C3%A9";
    }
    const auto response = post("Action=CreateTags&ResourceId.1=" + image.id.str() + "&Tag.1.Key=" + key + "&Tag.1.Value=v");
    EXPECT_EQ(response.status, 400U);
    EXPECT_LT(response.body.size(), 1500U);
    EXPECT_THAT(response.body, HasSubstr("\xc3\xa9...</Message>"));
    for (const auto& line : log.lines()) {
        EXPECT_LT(line.message.size(), 1500U);
    }
}

TEST_F(Ec2Api, WorkThatTakesLongGoesOnByItself) {
    Background& background = api().background();
    const auto quick = background.for_a_while<int>("quick", std::chrono::minutes(1), [] { return Result<int>(7); });
    ASSERT_TRUE(quick);
    EXPECT_EQ(quick->value_or(0), 7);
    const auto fails =
        background.for_a_while<int>("fails", std::chrono::minutes(1), [] { return Result<int>(Error(Code::incorrect_state, "no")); });
    ASSERT_FALSE(fails);
    EXPECT_EQ(fails.error().code, Code::incorrect_state);
    std::latch go_on(1);
    const auto slow = background.for_a_while<int>("slow", std::chrono::milliseconds(10), [&] {
        go_on.wait();
        return Result<int>(Error(Code::timed_out, "the guest keeps it"));
    });
    ASSERT_TRUE(slow);
    EXPECT_FALSE(slow->has_value());
    EXPECT_EQ(background.count(), 1U);
    go_on.count_down();
    EXPECT_TRUE(background.drain(std::chrono::seconds(10)));
    const auto lines = log.lines();
    EXPECT_TRUE(std::any_of(lines.begin(), lines.end(), [](const auto& line) {
        return line.message.starts_with("slow: ") && line.message.find("keeps it") != std::string::npos;
    }));
}

TEST_F(Ec2Api, FewAtATimeReadAllThereIs) {
    std::atomic<int> inside{0};
    std::atomic<int> most{0};
    std::latch go_on(1);
    hypervisor.script().before("observe", [&] {
        const int now = ++inside;
        most = std::max(most.load(), now);
        go_on.wait();
        --inside;
    });
    static_cast<void>(api());
    {
        std::vector<std::jthread> clients;
        for (int i = 0; i < 8; ++i) {
            clients.emplace_back([&] { ok("Action=DescribeInstances"); });
        }
        for (int i = 0; i < 5000 && inside < 4; ++i) {
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        EXPECT_THAT(ok("Action=DescribeRegions"), HasSubstr("local"));  // what is small does not wait for them
        go_on.count_down();
    }
    EXPECT_EQ(most, 4);
}

}  // namespace
}  // namespace amivirt::ec2
