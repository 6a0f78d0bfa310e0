// Records as the aws CLI prints them, and as tables.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "faces/cli/render_disks.hpp"
#include "faces/cli/render_json.hpp"
#include "faces/cli/render_table.hpp"
#include "fakes/fake_id_source.hpp"
#include "fakes/manual_clock.hpp"

namespace amivirt::cli {
namespace {

using fakes::nth_id;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::ordered_json;

constexpr TimePoint k_then = fakes::ManualClock::k_start;

Image sample_image() {
    Image image;
    image.id = nth_id<ImageId>(1);
    image.owner = AccountId::local();
    image.name = "debian-12";
    image.state = ImageState::available;
    image.boot_mode = BootMode::uefi_preferred;
    image.platform = "linux";
    image.platform_details = "Debian GNU/Linux 12 (bookworm)";
    image.distribution = "debian";
    image.os_version = "12.5";
    EbsDevice root;
    root.snapshot = nth_id<SnapshotId>(2);
    root.size = GiB{8};
    root.type = VolumeType::gp3;
    root.delete_on_termination = true;
    root.encrypted = false;
    image.mapping = {{"/dev/sda1", root}, {"/dev/sdb", EphemeralDevice{0}}, {"/dev/sdc", NoDevice{}}};
    image.created = k_then;
    image.tags = {{"Name", "deb"}, {"role", "base"}};
    return image;
}

InstanceView sample_view(std::uint64_t id, std::uint64_t reservation) {
    InstanceView view;
    Instance& instance = view.instance;
    instance.id = nth_id<InstanceId>(id);
    instance.reservation = nth_id<ReservationId>(reservation);
    instance.owner = AccountId::local();
    instance.image = nth_id<ImageId>(1);
    instance.type = "t3.micro";
    instance.state = InstanceState::running;
    instance.launched = k_then;
    instance.root_device_name = "/dev/sda1";
    instance.ports = {{"127.0.0.1", 22001, 22, "tcp"}};
    instance.tags = {{"Name", "web"}};
    Volume volume;
    volume.id = nth_id<VolumeId>(7);
    volume.size = GiB{8};
    volume.state = VolumeState::in_use;
    volume.attachment = Attachment{instance.id, "/dev/sda1", true, true, k_then};
    view.volumes = {volume};
    view.image_name = "debian-12";
    view.observed = DomainState::running;
    return view;
}

Volume sample_volume() {
    Volume volume;
    volume.id = nth_id<VolumeId>(8);
    volume.owner = AccountId::local();
    volume.snapshot = nth_id<SnapshotId>(2);
    volume.size = GiB{20};
    volume.type = VolumeType::io2;
    volume.iops = 4000;
    volume.throughput = 250;
    volume.encrypted = true;
    volume.state = VolumeState::in_use;
    volume.attachment = Attachment{nth_id<InstanceId>(3), "/dev/sdf", false, false, k_then};
    volume.created = k_then;
    volume.tags = {{"Name", "data"}, {"role", "db"}};
    return volume;
}

Snapshot sample_snapshot() {
    Snapshot snapshot;
    snapshot.id = nth_id<SnapshotId>(2);
    snapshot.owner = AccountId::local();
    snapshot.volume = nth_id<VolumeId>(8);
    snapshot.size = GiB{20};
    snapshot.state = SnapshotState::completed;
    snapshot.description = "nightly";
    snapshot.created = k_then;
    snapshot.tags = {{"Name", "before"}};
    return snapshot;
}

Json json_of(const Document& document) { return *document.root; }

TEST(CliImageJson, HasTheShapeOfDescribeImages) {
    const Json root = json_of(images_document({sample_image()}));
    const Json expected_1 = Json::parse(R"json({"Images": [{
        "Architecture": "x86_64", "CreationDate": "2026-11-22T05:30:00.000Z", "ImageId": "ami-00000000000000001",
        "ImageLocation": "000000000000/debian-12", "ImageType": "machine", "Public": false, "OwnerId": "000000000000",
        "PlatformDetails": "Debian GNU/Linux 12 (bookworm)", "State": "available",
        "BlockDeviceMappings": [
            {"DeviceName": "/dev/sda1", "Ebs": {"DeleteOnTermination": true, "SnapshotId": "snap-00000000000000002", "VolumeSize": 8,
             "VolumeType": "gp3", "Encrypted": false}},
            {"DeviceName": "/dev/sdb", "VirtualName": "ephemeral0"},
            {"DeviceName": "/dev/sdc", "NoDevice": ""}],
        "Hypervisor": "xen", "Name": "debian-12", "RootDeviceName": "/dev/sda1", "RootDeviceType": "ebs",
        "Tags": [{"Key": "Name", "Value": "deb"}, {"Key": "role", "Value": "base"}],
        "VirtualizationType": "hvm", "BootMode": "uefi-preferred", "DeregistrationProtection": "disabled"
}]
})json");
    EXPECT_EQ(root, expected_1);
}

TEST(CliImageJson, AbsentIsLeftOutAndEmptyListsStay) {
    Image image;
    image.id = nth_id<ImageId>(1);
    const Json out = json_of(images_document({image}))["Images"][0];
    for (const char* name :
         {"Description", "Tags", "PlatformDetails", "Platform", "StateReason", "DefaultUser", "SourceLocation", "DeprecationTime",
          "LastLaunchedTime", "SourceImageId", "SourceImageRegion", "SourceInstanceId", "ImageAllowed", "DeregistrationProtectedUntil"}) {
        EXPECT_FALSE(out.contains(name)) << name;
    }
    EXPECT_EQ(out["BlockDeviceMappings"], Json::array());
    const Json expected_2 = Json::parse(R"({"Images": []})");
    EXPECT_EQ(json_of(images_document({})), expected_2);
}

TEST(CliImageJson, WindowsAndFailure) {
    Image image = sample_image();
    image.platform = "windows";
    image.state = ImageState::failed;
    image.state_reason = "the disk was full";
    const Json out = json_of(images_document({image}))["Images"][0];
    EXPECT_EQ(out["Platform"], "windows");
    EXPECT_EQ(out["StateReason"]["Message"], "the disk was full");
}

TEST(CliInstanceJson, HasTheShapeOfDescribeInstances) {
    const Json root = json_of(reservations_document({sample_view(3, 9)}, "local", Observed::yes));
    const Json expected_3 = Json::parse(R"({"Reservations": [{"Groups": [], "Instances": [{
        "AmiLaunchIndex": 0, "ImageId": "ami-00000000000000001", "InstanceId": "i-00000000000000003", "InstanceType": "t3.micro",
        "LaunchTime": "2026-11-22T05:30:00.000Z", "Placement": {"AvailabilityZone": "locala", "Tenancy": "default"},
        "PublicIpAddress": "127.0.0.1", "State": {"Code": 16, "Name": "running"}, "Architecture": "x86_64",
        "BlockDeviceMappings": [{"DeviceName": "/dev/sda1", "Ebs": {"AttachTime": "2026-11-22T05:30:00.000Z", "DeleteOnTermination": true,
            "Status": "attached", "VolumeId": "vol-00000000000000007"}}],
        "Hypervisor": "xen", "RootDeviceName": "/dev/sda1", "RootDeviceType": "ebs", "Tags": [{"Key": "Name", "Value": "web"}],
        "VirtualizationType": "hvm", "BootMode": "legacy-bios", "CurrentInstanceBootMode": "legacy-bios",
        "PortForwards": [{"HostAddress": "127.0.0.1", "HostPort": 22001, "GuestPort": 22, "Protocol": "tcp"}], "Accelerator": "tcg"}],
        "OwnerId": "000000000000", "ReservationId": "r-00000000000000009"}]})");
    EXPECT_EQ(root, expected_3);
}

TEST(CliInstanceJson, AReservationHoldsAllItsInstances) {
    const Json root = json_of(reservations_document({sample_view(1, 9), sample_view(2, 8), sample_view(3, 9)}, "local", Observed::yes));
    ASSERT_EQ(root["Reservations"].size(), 2U);
    EXPECT_EQ(root["Reservations"][0]["Instances"].size(), 2U);
    EXPECT_EQ(root["Reservations"][0]["Instances"][1]["InstanceId"], "i-00000000000000003");
    EXPECT_EQ(root["Reservations"][1]["Instances"][0]["InstanceId"], "i-00000000000000002");
    const Json expected_4 = Json::parse(R"({"Reservations": []})");
    EXPECT_EQ(json_of(reservations_document({}, "local", Observed::yes)), expected_4);
}

TEST(CliInstanceJson, RunInstancesIsOneReservation) {
    const Json root = json_of(reservation_document({sample_view(1, 9), sample_view(2, 9)}, "local"));
    EXPECT_EQ(root["ReservationId"], "r-00000000000000009");
    EXPECT_EQ(root["Instances"].size(), 2U);
    EXPECT_EQ(root["Groups"], Json::array());
}

TEST(CliInstanceJson, WhyItStoppedAndWhatIsUnknown) {
    InstanceView view = sample_view(1, 9);
    view.instance.state = InstanceState::stopped;
    view.instance.state_reason_code = "Client.InstanceInitiatedShutdown";
    view.instance.state_reason_message = "Client.InstanceInitiatedShutdown: Instance initiated shutdown";
    Json out = json_of(reservations_document({view}, "local", Observed::no))["Reservations"][0]["Instances"][0];
    EXPECT_EQ(out["StateReason"]["Code"], "Client.InstanceInitiatedShutdown");
    EXPECT_EQ(out["State"]["Code"], 80);
    EXPECT_EQ(out["StateObserved"], false);
    EXPECT_FALSE(out.contains("PublicIpAddress"));
}

TEST(CliChangesJson, PreviousAndCurrentState) {
    const Json root =
        json_of(changes_document("StoppingInstances", {{nth_id<InstanceId>(1), InstanceState::running, InstanceState::stopped}}));
    const Json expected_5 =
        Json::parse(R"({"StoppingInstances": [{"CurrentState": {"Code": 80, "Name": "stopped"}, "InstanceId": "i-00000000000000001",
                                    "PreviousState": {"Code": 16, "Name": "running"}}]})");
    EXPECT_EQ(root, expected_5);
}

TEST(CliOtherJson, ImageIdsDeregisterTypesConsoleFindings) {
    const Json expected_6 = Json::parse(R"({"ImageId": "ami-1"})");
    EXPECT_EQ(json_of(image_ids_document({"ami-1"})), expected_6);
    const Json expected_7 = Json::parse(R"({"Images": [{"ImageId": "a"}, {"ImageId": "b"}]})");
    EXPECT_EQ(json_of(image_ids_document({"a", "b"})), expected_7);
    const Json expected_8 = Json::parse(R"({"Images": []})");
    EXPECT_EQ(json_of(image_ids_document({})), expected_8);
    const Json expected_9 =
        Json::parse(R"({"Return": true, "DeleteSnapshotResults": [{"SnapshotId": "snap-00000000000000001", "ReturnCode": "success"}]})");
    EXPECT_EQ(json_of(deregister_document({nth_id<SnapshotId>(1)})), expected_9);
    const Json expected_10 =
        Json::parse(R"({"InstanceTypes": [{"InstanceType": "t3.nano", "VCpuInfo": {"DefaultVCpus": 2}, "MemoryInfo": {"SizeInMiB": 512},
                              "InstanceStorageSupported": false}]})");
    EXPECT_EQ(json_of(types_document({{"t3.nano", 2, MiB{512}, 0, GiB{0}}})), expected_10);
    const Json expected_11 = Json::parse(R"({"TotalSizeInGB": 150, "Disks": [{"SizeInGB": 75, "Count": 2}]})");
    EXPECT_EQ(json_of(types_document({{"m5d.xlarge", 4, MiB{512}, 2, GiB{75}}}))["InstanceTypes"][0]["InstanceStorageInfo"], expected_11);
    EXPECT_EQ(json_of(console_document(nth_id<InstanceId>(1), k_then, "login:"))["Output"], "login:");
    const Json expected_12 =
        Json::parse(R"({"Findings": [{"Subject": "libvirt", "Health": "fault", "Detail": "down", "Remedy": "libvirtd -d"},
                              {"Subject": "QEMU", "Health": "ok", "Detail": "7.2"}], "Healthy": false})");
    EXPECT_EQ(json_of(findings_document({{"libvirt", Health::fault, "down", "libvirtd -d"}, {"QEMU", Health::ok, "7.2", ""}})),
              expected_12);
}

TEST(CliImageJson, RootDeviceTypeIsTheImages) {
    Image image = sample_image();
    image.root_device_type = RootDeviceType::instance_store;
    EXPECT_EQ(json_of(images_document({image}))["Images"][0]["RootDeviceType"], "instance-store");
    EXPECT_THAT(image_fields(image), HasSubstr("Root device   /dev/sda1 (instance-store)\n"));
}

TEST(CliInstanceJson, InstanceStoreDisksAndAnInstanceStoreRoot) {
    InstanceView view = sample_view(3, 9);
    view.instance.root_device_type = RootDeviceType::instance_store;
    view.instance.ephemeral = {{"/dev/sdb", 0, GiB{4}}, {"/dev/sdc", 1, GiB{4}}};
    view.volumes[0].instance_store = true;
    Volume data = sample_volume();
    view.volumes.push_back(data);
    const Json out = json_of(reservations_document({view}, "local", Observed::yes))["Reservations"][0]["Instances"][0];
    EXPECT_EQ(out["RootDeviceType"], "instance-store");
    const Json mapping = Json::parse(R"([
        {"DeviceName": "/dev/sdf", "Ebs": {"AttachTime": "2026-11-22T05:30:00.000Z", "DeleteOnTermination": false, "Status": "attached",
         "VolumeId": "vol-00000000000000008"}},
        {"DeviceName": "/dev/sdb", "VirtualName": "ephemeral0"}, {"DeviceName": "/dev/sdc", "VirtualName": "ephemeral1"}])");
    EXPECT_EQ(out["BlockDeviceMappings"], mapping);
    const std::string fields = instance_fields(view, "/store/console.log", Observed::yes);
    EXPECT_THAT(fields, HasSubstr("Volume        /dev/sda1 vol-00000000000000007 8 GiB instance store\n"));
    EXPECT_THAT(fields, HasSubstr("Volume        /dev/sdf vol-00000000000000008 20 GiB io2, encrypted, kept on termination\n"));
    EXPECT_THAT(fields, HasSubstr("Volume        /dev/sdc ephemeral1 4 GiB instance store\n"));
}

TEST(CliVolumeJson, HasTheShapeOfDescribeVolumes) {
    const Json expected = Json::parse(R"({"Volumes": [{
        "Attachments": [{"AttachTime": "2026-11-22T05:30:00.000Z", "Device": "/dev/sdf", "InstanceId": "i-00000000000000003",
            "State": "attached", "VolumeId": "vol-00000000000000008", "DeleteOnTermination": false}],
        "AvailabilityZone": "locala", "CreateTime": "2026-11-22T05:30:00.000Z", "Encrypted": true, "Size": 20,
        "SnapshotId": "snap-00000000000000002", "State": "in-use", "VolumeId": "vol-00000000000000008", "Iops": 4000,
        "Tags": [{"Key": "Name", "Value": "data"}, {"Key": "role", "Value": "db"}], "VolumeType": "io2", "MultiAttachEnabled": false,
        "Throughput": 250}]})");
    EXPECT_EQ(json_of(volumes_document({sample_volume()}, "local")), expected);
    EXPECT_EQ(json_of(volume_document(sample_volume(), "local")), expected["Volumes"][0]);
    const Json none = Json::parse(R"({"Volumes": []})");
    EXPECT_EQ(json_of(volumes_document({}, "local")), none);

    Volume plain;
    plain.id = nth_id<VolumeId>(1);
    plain.state = VolumeState::available;
    const Json out = json_of(volume_document(plain, "lab"));
    EXPECT_EQ(out["Attachments"], Json::array());
    EXPECT_EQ(out["SnapshotId"], "");
    EXPECT_EQ(out["AvailabilityZone"], "laba");
    EXPECT_FALSE(out.contains("Tags"));
    EXPECT_EQ(out["Iops"], 3000);  // what comes with gp3
    EXPECT_EQ(out["Throughput"], 125);
    plain.type = VolumeType::gp2;
    plain.size = GiB{100};
    const Json older = json_of(volume_document(plain, "lab"));
    EXPECT_EQ(older["Iops"], 300);
    EXPECT_FALSE(older.contains("Throughput"));
    plain.type = VolumeType::standard;
    EXPECT_FALSE(json_of(volume_document(plain, "lab")).contains("Iops"));
}

TEST(CliVolumeJson, AttachDetachModifyDelete) {
    const Volume volume = sample_volume();
    const Json attached = json_of(attachments_document({{volume.id, *volume.attachment}}, AttachmentState::attached));
    const Json expected = Json::parse(R"({"AttachTime": "2026-11-22T05:30:00.000Z", "Device": "/dev/sdf",
        "InstanceId": "i-00000000000000003", "State": "attached", "VolumeId": "vol-00000000000000008", "DeleteOnTermination": false})");
    EXPECT_EQ(attached, expected);
    const Json two = json_of(
        attachments_document({{volume.id, *volume.attachment}, {nth_id<VolumeId>(9), *volume.attachment}}, AttachmentState::detached));
    ASSERT_EQ(two["Attachments"].size(), 2U);
    EXPECT_EQ(two["Attachments"][1]["State"], "detached");
    EXPECT_EQ(two["Attachments"][1]["VolumeId"], "vol-00000000000000009");
    EXPECT_EQ(json_of(attachments_document({}, AttachmentState::detached))["Attachments"], Json::array());

    Volume larger = volume;
    larger.size = GiB{40};
    larger.type = VolumeType::gp3;
    larger.iops.reset();
    larger.throughput.reset();
    const Json modified = Json::parse(R"({"VolumeModification": {"VolumeId": "vol-00000000000000008", "ModificationState": "completed",
        "TargetSize": 40, "TargetIops": 3000, "TargetVolumeType": "gp3", "TargetThroughput": 125, "OriginalSize": 20, "OriginalIops": 4000,
        "OriginalVolumeType": "io2", "OriginalThroughput": 250, "Progress": 100, "StartTime": "2026-11-22T05:30:00.000Z"}})");
    EXPECT_EQ(json_of(modification_document(volume, larger, k_then)), modified);
    const Json deleted = Json::parse(R"({"Return": true, "VolumeIds": ["vol-1", "vol-2"]})");
    EXPECT_EQ(json_of(deleted_document("VolumeIds", {"vol-1", "vol-2"})), deleted);
    const Json mapping = json_of(instance_mapping_document(nth_id<InstanceId>(3), {volume}));
    EXPECT_EQ(mapping["InstanceId"], "i-00000000000000003");
    EXPECT_EQ(mapping["BlockDeviceMappings"][0]["Ebs"]["DeleteOnTermination"], false);
}

TEST(CliVolumeTable, ColumnsAndFields) {
    Volume plain;
    plain.id = nth_id<VolumeId>(1);
    plain.size = GiB{1};
    plain.state = VolumeState::available;
    plain.created = k_then;
    EXPECT_EQ(volumes_table({sample_volume(), plain}, k_then + std::chrono::hours(3)),
              "ID                     NAME  SIZE    TYPE  STATE      INSTANCE             DEVICE    AGE\n"
              "vol-00000000000000008  data  20 GiB  io2   in-use     i-00000000000000003  /dev/sdf  3 h\n"
              "vol-00000000000000001  -     1 GiB   gp3   available  -                    -         3 h\n");
    EXPECT_EQ(volume_fields(sample_volume()),
              "Volume     vol-00000000000000008\n"
              "Name       data\n"
              "State      in-use\n"
              "Size       20 GiB\n"
              "Type       io2, 4000 IOPS, 250 MiB/s\n"
              "Encrypted  yes\n"
              "Snapshot   snap-00000000000000002\n"
              "Attached   to i-00000000000000003 as /dev/sdf since 2026-11-22T05:30:00.000Z, kept on termination\n"
              "Created    2026-11-22T05:30:00.000Z\n"
              "Owner      000000000000\n"
              "Tag        role=db\n");
}

TEST(CliSnapshots, JsonTableAndFields) {
    const Json expected = Json::parse(R"({"Snapshots": [{"Description": "nightly", "Encrypted": false, "OwnerId": "000000000000",
        "Progress": "100%", "SnapshotId": "snap-00000000000000002", "StartTime": "2026-11-22T05:30:00.000Z", "State": "completed",
        "VolumeId": "vol-00000000000000008", "VolumeSize": 20, "Tags": [{"Key": "Name", "Value": "before"}]}]})");
    EXPECT_EQ(json_of(snapshots_document({sample_snapshot()})), expected);
    EXPECT_EQ(json_of(snapshot_document(sample_snapshot())), expected["Snapshots"][0]);
    Snapshot imported = sample_snapshot();
    imported.id = nth_id<SnapshotId>(3);
    imported.volume.reset();
    imported.tags.clear();
    imported.state = SnapshotState::pending;
    const Json out = json_of(snapshot_document(imported));
    EXPECT_EQ(out["VolumeId"], "vol-ffffffff");
    EXPECT_EQ(out["Progress"], "0%");
    EXPECT_EQ(snapshots_table({sample_snapshot(), imported}, k_then + std::chrono::seconds(5)),
              "ID                      NAME    SIZE    STATE      VOLUME                 AGE\n"
              "snap-00000000000000002  before  20 GiB  completed  vol-00000000000000008  5 s\n"
              "snap-00000000000000003  -       20 GiB  pending    -                      5 s\n");
    EXPECT_THAT(snapshot_fields(sample_snapshot()), HasSubstr("Description  nightly\n"));
}

TEST(CliUsage, TableAndJson) {
    const UsageReport report{
        .rows = {{UsageKind::image, "ami-00000000000000001", "tiny", Bytes{1U << 30U}, Bytes{20U << 20U}, Bytes{}, Bytes{20U << 20U}},
                 {UsageKind::volume, "vol-00000000000000008", "", Bytes{1U << 30U}, Bytes{512}, Bytes{20U << 20U}, Bytes{}}},
        .layers = Bytes{(20U << 20U) + 512},
        .instances = Bytes{1U << 20U},
        .unreadable = {}};
    EXPECT_EQ(usage_table(report),
              "KIND    ID                     NAME  SIZE     OWN       SHARED    FREES\n"
              "image   ami-00000000000000001  tiny  1.0 GiB  20.0 MiB  0 B       20.0 MiB\n"
              "volume  vol-00000000000000008  -     1.0 GiB  512 B     20.0 MiB  0 B\n"
              "\n"
              "Layers     20.0 MiB\n"
              "Instances  1.0 MiB\n"
              "Total      21.0 MiB\n");
    const Json expected = Json::parse(R"({"Usage": [
        {"Kind": "image", "Id": "ami-00000000000000001", "Name": "tiny", "SizeBytes": 1073741824, "OwnBytes": 20971520, "SharedBytes": 0,
         "FreedBytes": 20971520},
        {"Kind": "volume", "Id": "vol-00000000000000008", "SizeBytes": 1073741824, "OwnBytes": 512, "SharedBytes": 20971520,
         "FreedBytes": 0}], "LayerBytes": 20972032, "InstanceBytes": 1048576, "TotalBytes": 22020608})");
    EXPECT_EQ(json_of(usage_document(report)), expected);
}

TEST(CliGarbage, WhatKeepsEachLayer) {
    const std::vector<LayerReason> reasons{
        {nth_id<LayerId>(1), Bytes{20U << 20U}, {"snapshot snap-1 of image ami-1 \"tiny\"", "parent of layer-2"}},
        {nth_id<LayerId>(2), Bytes{512}, {}}};
    EXPECT_EQ(reasons_table(reasons),
              "LAYER                    ALLOCATED  WHY\n"
              "layer-00000000000000001  20.0 MiB   snapshot snap-1 of image ami-1 \"tiny\"; parent of layer-2\n"
              "layer-00000000000000002  512 B      nothing: it goes\n");
    const Json expected = Json::parse(R"({"Layers": [{"LayerId": "layer-00000000000000001", "AllocatedBytes": 20971520,
        "Reasons": ["snapshot snap-1 of image ami-1 \"tiny\"", "parent of layer-2"]},
        {"LayerId": "layer-00000000000000002", "AllocatedBytes": 512, "Reasons": []}]})");
    EXPECT_EQ(json_of(reasons_document(reasons)), expected);
    const Json collected = Json::parse(R"({"LayersRemoved": 2, "VolumesFlattened": []})");
    EXPECT_EQ(json_of(garbage_document(2, {})), collected);
}

TEST(CliCheck, FaultsAndRepairs) {
    CheckReport report;
    report.layers_checked = 1;
    EXPECT_TRUE(sound(report));
    EXPECT_EQ(check_text(report), "");
    EXPECT_EQ(check_summary(report), "1 layer checked, no faults");
    report.faults = {{"layer-1", "is not read-only", "makes it so", true}, {"note\x1b.txt", "is none of ours", "", false}};
    report.layers_checked = 3;
    report.checksums_recorded = 2;
    EXPECT_FALSE(sound(report));
    EXPECT_EQ(check_summary(report), "3 layers checked, 2 faults, 1 repaired, 2 checksums recorded");
    report.faults.push_back({"vol-1", "is larger than its record", "corrects the record", false});
    EXPECT_EQ(check_text(report),
              "layer-1: is not read-only\n"
              "    repaired: makes it so\n"
              "note\\x1b.txt: is none of ours\n"
              "vol-1: is larger than its record\n"
              "    -> corrects the record\n");
    const Json out = json_of(check_document(report));
    const Json second = Json::parse(R"({"Object": "layer-1", "Detail": "is not read-only", "Repair": "makes it so", "Repaired": true})");
    EXPECT_EQ(out["Faults"][0], second);
    EXPECT_FALSE(out["Faults"][1].contains("Repair"));
    EXPECT_EQ(out["LayersChecked"], 3);
    EXPECT_EQ(out["ChecksumsRecorded"], 2);
    EXPECT_EQ(out["Sound"], false);
    report.faults.resize(1);
    EXPECT_TRUE(sound(report));
    EXPECT_EQ(check_summary(report), "3 layers checked, 1 fault, all repaired, 2 checksums recorded");
}

TEST(CliImageTable, ColumnsAndFields) {
    EXPECT_EQ(images_table({sample_image()}, k_then + std::chrono::hours(3)),
              "ID                     NAME       OS           ARCH    BOOT            ROOT  SIZE   STATE      AGE\n"
              "ami-00000000000000001  debian-12  debian 12.5  x86_64  uefi-preferred  ebs   8 GiB  available  3 h\n");
    const std::string fields = image_fields(sample_image());
    EXPECT_THAT(fields, HasSubstr("Device        /dev/sda1 8 GiB gp3 from snap-00000000000000002, deleted on termination\n"));
    EXPECT_THAT(fields, HasSubstr("Device        /dev/sdb ephemeral0\n"));
    EXPECT_THAT(fields, HasSubstr("Device        /dev/sdc none\n"));
    EXPECT_THAT(fields, HasSubstr("May launch    000000000000\n"));
    EXPECT_THAT(fields, HasSubstr("Tag           role=base\n"));
}

TEST(CliInstanceTable, Columns) {
    InstanceView stopped = sample_view(4, 9);
    stopped.instance.state = InstanceState::stopped;
    stopped.instance.tags.clear();
    stopped.image_name = "";
    EXPECT_EQ(instances_table({sample_view(3, 9), stopped}, k_then + std::chrono::seconds(42), Observed::yes),
              "ID                   NAME  IMAGE                  TYPE      STATE    SSH              AGE\n"
              "i-00000000000000003  web   debian-12              t3.micro  running  127.0.0.1:22001  42 s\n"
              "i-00000000000000004  -     ami-00000000000000001  t3.micro  stopped  -                42 s\n");
}

TEST(CliInstanceTable, StateIsNeverAGuess) {
    InstanceView view = sample_view(1, 9);
    EXPECT_EQ(state_text(view, Observed::no), "running?");
    view.observed = DomainState::paused;
    EXPECT_EQ(state_text(view, Observed::yes), "running (paused)");
    view.instance.state = InstanceState::terminated;
    EXPECT_EQ(state_text(view, Observed::no), "terminated");
}

TEST(CliInstanceTable, Fields) {
    const std::string fields = instance_fields(sample_view(1, 9), "/store/console.log", Observed::yes);
    EXPECT_THAT(fields, HasSubstr("Port          127.0.0.1:22001 -> 22/tcp\n"));
    EXPECT_THAT(fields, HasSubstr("Volume        /dev/sda1 vol-00000000000000007 8 GiB gp3, deleted on termination\n"));
    EXPECT_THAT(fields, HasSubstr("Console log   /store/console.log\n"));
    EXPECT_THAT(fields, Not(HasSubstr("Protected")));
}

TEST(CliFindings, MarksRemediesAndColour) {
    const std::vector<Finding> findings{
        {"QEMU", Health::ok, "7.2", ""}, {"accelerator", Health::warning, "tcg", ""}, {"libvirt", Health::fault, "down", "libvirtd -d"}};
    EXPECT_EQ(findings_text(findings, Colour::no),
              "ok    QEMU         7.2\n"
              "warn  accelerator  tcg\n"
              "FAIL  libvirt      down\n"
              "                   -> libvirtd -d\n");
    EXPECT_THAT(findings_text(findings, Colour::yes), HasSubstr("\x1b[31mFAIL\x1b[0m  libvirt"));
}

}  // namespace
}  // namespace amivirt::cli
