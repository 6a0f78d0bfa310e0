// Records as the aws CLI prints them, and as tables.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

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
        "VirtualizationType": "hvm", "BootMode": "uefi-preferred"
}]
})json");
    EXPECT_EQ(root, expected_1);
}

TEST(CliImageJson, AbsentIsLeftOutAndEmptyListsStay) {
    Image image;
    image.id = nth_id<ImageId>(1);
    const Json out = json_of(images_document({image}))["Images"][0];
    for (const char* name : {"Description", "Tags", "PlatformDetails", "Platform", "StateReason", "DefaultUser", "SourceLocation"}) {
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

TEST(CliImageTable, ColumnsAndFields) {
    EXPECT_EQ(images_table({sample_image()}, k_then + std::chrono::hours(3)),
              "ID                     NAME       OS           ARCH    BOOT            SIZE   STATE      AGE\n"
              "ami-00000000000000001  debian-12  debian 12.5  x86_64  uefi-preferred  8 GiB  available  3 h\n");
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
