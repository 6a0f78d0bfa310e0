// Bundles and OVAs: there and back, and everything that can be wrong with one.
#include <archive.h>
#include <archive_entry.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <memory>

#include "adapters/carry/bundle_manifest.hpp"
#include "adapters/carry/carry.hpp"
#include "adapters/carry/ovf.hpp"
#include "adapters/common/digest.hpp"
#include "disk_support.hpp"
#include "fakes/recording_progress.hpp"

namespace amivirt::contract {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Member {
    std::string name;
    std::string bytes;
    int type = AE_IFREG;
};

/// As any tar program would.
void write_tar(const std::string& path, const std::vector<Member>& members, bool zstd) {
    struct Free {
        void operator()(archive* a) const noexcept { archive_write_free(a); }
        void operator()(archive_entry* e) const noexcept { archive_entry_free(e); }
    };
    const std::unique_ptr<archive, Free> writer(archive_write_new());
    archive_write_set_format_ustar(writer.get());
    if (zstd) {
        archive_write_add_filter_zstd(writer.get());
    }
    ASSERT_EQ(archive_write_open_filename(writer.get(), path.c_str()), ARCHIVE_OK);
    for (const auto& member : members) {
        const std::unique_ptr<archive_entry, Free> entry(archive_entry_new());
        archive_entry_set_filetype(entry.get(), static_cast<unsigned>(member.type));
        archive_entry_set_perm(entry.get(), 0644);
        archive_entry_set_pathname(entry.get(), member.name.c_str());
        if (member.type == AE_IFLNK) {
            archive_entry_set_symlink(entry.get(), member.bytes.c_str());
        } else {
            archive_entry_set_size(entry.get(), static_cast<la_int64_t>(member.bytes.size()));
        }
        ASSERT_EQ(archive_write_header(writer.get(), entry.get()), ARCHIVE_OK);
        if (member.type == AE_IFREG) {
            archive_write_data(writer.get(), member.bytes.data(), member.bytes.size());
        }
    }
    ASSERT_EQ(archive_write_close(writer.get()), ARCHIVE_OK);
}

class ArchivesTest : public testing::Test {
protected:
    CarriedImage image(ArchiveKind kind) {
        CarriedImage carried;
        carried.kind = kind;
        Image& image = carried.image;
        image.id = *ImageId::parse("ami-0123456789abcdef0");
        image.name = "a name (1)";
        image.description = "says \"<&>\" \xc3\xa9";
        image.architecture = Architecture::x86_64;
        image.boot_mode = BootMode::uefi;
        image.platform = "linux";
        image.default_user = "debian";
        image.source_region = "local";
        image.tags = {{"k", "v"}, {"empty", ""}};
        image.root_device_name = "/dev/sda1";
        EbsDevice root;
        root.size = GiB{3};
        root.type = VolumeType::io1;
        root.iops = 500;
        root.delete_on_termination = true;
        EbsDevice data;
        data.snapshot = SnapshotId::parse("snap-0123456789abcdef0").value();
        EbsDevice empty;
        empty.size = GiB{7};
        image.mapping = {
            {"/dev/sda1", root}, {"/dev/sdb", data}, {"/dev/sdc", empty}, {"/dev/sdd", EphemeralDevice{3}}, {"/dev/sde", NoDevice{}}};
        bytes_ = {noise(3U << 20U) + std::string(2U << 20U, '\0'), noise(100000, 7)};
        for (std::size_t i = 0; i < 2; ++i) {
            write_file(folder_ / ("disk" + std::to_string(i)), bytes_[i]);
            CarriedDisk disk;
            disk.device_name = i == 0 ? "/dev/sda1" : "/dev/sdb";
            disk.path = folder_ / ("disk" + std::to_string(i));
            disk.virtual_size = Bytes{(i + 1) << 30U};
            carried.disks.push_back(std::move(disk));
        }
        carried.vcpus = 2;
        carried.memory = MiB{2048};
        return carried;
    }
    std::string write(ArchiveKind kind) {
        const std::string file = folder_ / "archive";
        const auto written = archives_->write(file, image(kind), progress_);
        EXPECT_TRUE(written) << written.error().message;
        EXPECT_EQ(*written, sha256_of(read_file(file)));
        return file;
    }
    Result<Extracted> extract(const std::string& file) {
        const auto looked = archives_->look(file);
        if (!looked) {
            return looked.error();
        }
        std::vector<std::string> targets;
        for (std::size_t i = 0; i < looked->disks.size(); ++i) {
            targets.push_back(folder_ / ("out" + std::to_string(i)));
        }
        return archives_->extract(file, *looked, targets, progress_);
    }
    std::optional<Code> refusal(const std::string& file) {
        const auto extracted = extract(file);
        last_ = extracted ? "" : extracted.error().message;
        return extracted ? std::nullopt : std::optional(extracted.error().code);
    }

    TemporaryFolder folder_;
    fakes::RecordingProgress progress_;
    std::unique_ptr<ImageArchives> archives_ = make_image_archives(Bytes{1ULL << 40U});
    std::vector<std::string> bytes_;
    std::string last_;
};

TEST_F(ArchivesTest, ABundleGoesThereAndBack) {
    const auto file = write(ArchiveKind::bundle);
    EXPECT_EQ(archives_->recognise(file), ArchiveKind::bundle);
    const auto looked = archives_->look(file);
    ASSERT_TRUE(looked) << looked.error().message;
    const Image& was = image(ArchiveKind::bundle).image;
    const Image& is = looked->image;
    EXPECT_EQ(is.id, was.id);
    EXPECT_EQ(is.name, was.name);
    EXPECT_EQ(is.description, was.description);
    EXPECT_EQ(is.boot_mode, was.boot_mode);
    EXPECT_EQ(is.platform, was.platform);
    EXPECT_EQ(is.default_user, was.default_user);
    EXPECT_EQ(is.tags, was.tags);
    EXPECT_EQ(is.source_region, "local");
    auto mapping = was.mapping;
    std::get<EbsDevice>(mapping[1].what).snapshot.reset();
    EXPECT_EQ(is.mapping, mapping);
    ASSERT_EQ(looked->disks.size(), 2U);
    EXPECT_EQ(looked->disks[0].device_name, "/dev/sda1");
    EXPECT_EQ(looked->disks[0].virtual_size, Bytes{1U << 30U});
    EXPECT_EQ(looked->disks[0].size, Bytes{5U << 20U});
    const auto extracted = extract(file);
    ASSERT_TRUE(extracted) << extracted.error().message;
    EXPECT_EQ(extracted->sha256, sha256_of(read_file(file)));
    EXPECT_THAT(extracted->disks, ElementsAre(sha256_of(bytes_[0]), sha256_of(bytes_[1])));
    EXPECT_EQ(read_file(folder_ / "out0"), bytes_[0]);
    EXPECT_EQ(read_file(folder_ / "out1"), bytes_[1]);
    EXPECT_LT(allocated_bytes(folder_ / "out0"), 4U << 20U) << "its hole is one";
    EXPECT_LT(std::filesystem::file_size(file), 3500000U) << "compressed";
}

TEST_F(ArchivesTest, EveryTruncationAndEveryChangeOfContentIsSeen) {
    const auto file = write(ArchiveKind::bundle);
    const std::string whole = read_file(file);
    for (const std::size_t size :
         {std::size_t{0}, std::size_t{1}, std::size_t{100}, whole.size() / 2, whole.size() - 1000, whole.size() - 1}) {
        write_file(folder_ / "cut", whole.substr(0, size));
        EXPECT_THAT(refusal(folder_ / "cut"), testing::AnyOf(Code::invalid_disk_image, Code::checksum_mismatch)) << size;
    }
    for (const std::size_t at :
         {std::size_t{0}, std::size_t{5}, std::size_t{200}, whole.size() / 3, whole.size() / 2, whole.size() - 300}) {
        std::string changed = whole;
        changed[at] = static_cast<char>(changed[at] ^ 0x10);
        write_file(folder_ / "changed", changed);
        const auto extracted = extract(folder_ / "changed");
        if (extracted) {  // zstd's header has bits that change nothing
            EXPECT_LT(at, 10U);
            EXPECT_THAT(extracted->disks, ElementsAre(sha256_of(bytes_[0]), sha256_of(bytes_[1])));
        } else {
            EXPECT_THAT(extracted.error().code, testing::AnyOf(Code::invalid_disk_image, Code::checksum_mismatch)) << at;
        }
    }
}

TEST_F(ArchivesTest, ForgedBundles) {
    CarriedImage forged = image(ArchiveKind::bundle);
    forged.disks.pop_back();
    forged.disks[0].part = "volumes/0.qcow2";
    forged.disks[0].size = Bytes{4};
    const std::string manifest = write_bundle_manifest(forged);
    const auto sums = [](const std::string& of_manifest, const std::string& disk) {
        return sha256_of(of_manifest) + "  manifest.json\n" + sha256_of(disk) + "  volumes/0.qcow2\n";
    };
    const std::string file = folder_ / "forged";
    const auto code = [&](const std::vector<Member>& members) {
        write_tar(file, members, true);
        return refusal(file);
    };
    const Member first{"manifest.json", manifest};
    const Member disk{"volumes/0.qcow2", "disk"};
    const Member last{"SHA256SUMS", sums(manifest, "disk")};
    EXPECT_EQ(code({first, disk, last}), std::nullopt) << last_;
    EXPECT_EQ(code({first, {disk.name, "dusk"}, last}), Code::checksum_mismatch);
    EXPECT_EQ(code({first, disk}), Code::invalid_disk_image);
    EXPECT_EQ(code({first, last}), Code::invalid_disk_image);
    EXPECT_EQ(code({disk, first, last}), Code::invalid_disk_image);
    EXPECT_EQ(code({first, disk, disk, last}), Code::invalid_disk_image);
    EXPECT_EQ(code({first, disk, last, {"more", "x"}}), Code::invalid_disk_image);
    EXPECT_EQ(code({first, {disk.name, "longer"}, last}), Code::invalid_disk_image);
    EXPECT_EQ(code({first, {"../escape", "disk"}, last}), Code::invalid_disk_image);
    EXPECT_EQ(code({first, {"/etc/passwd", "disk"}, last}), Code::invalid_disk_image);
    EXPECT_EQ(code({first, {disk.name, "/etc/passwd", AE_IFLNK}, last}), Code::invalid_disk_image);
    EXPECT_EQ(code({{"manifest.json", std::string(9U << 20U, ' ')}, disk, last}), Code::invalid_disk_image);
    EXPECT_EQ(code({}), Code::invalid_disk_image);
    EXPECT_FALSE(std::filesystem::exists(folder_ / "escape"));

    const auto with = [&](const std::string& from, const std::string& to) {
        std::string text = manifest;
        const auto at = text.find(from);
        EXPECT_NE(at, std::string::npos) << from;
        return Member{"manifest.json", text.replace(at, from.size(), to)};
    };
    EXPECT_EQ(code({with("\"1.0\"", "\"1.9\""), disk, {"SHA256SUMS", sums(with("\"1.0\"", "\"1.9\"").bytes, "disk")}}), std::nullopt)
        << last_;
    EXPECT_EQ(code({with("\"1.0\"", "\"2.0\""), disk, last}), Code::store_too_new);
    EXPECT_EQ(code({with("\"1.0\"", "\"x\""), disk, last}), Code::invalid_disk_image);
    EXPECT_EQ(code({with("\"1.0\"", "1"), disk, last}), Code::invalid_disk_image);
    EXPECT_EQ(code({with("amivirt-image", "other"), disk, last}), Code::invalid_disk_image);
    EXPECT_EQ(code({with("{", "["), disk, last}), Code::invalid_disk_image);
    EXPECT_EQ(code({with("\"uefi\"", "\"lilo\""), disk, last}), Code::invalid_disk_image);
    EXPECT_THAT(last_, HasSubstr("image.bootMode"));
    EXPECT_EQ(code({with("\"bytes\": 4", "\"bytes\": -4"), disk, last}), Code::invalid_disk_image);
    EXPECT_EQ(code({with("\"virtualBytes\": 1073741824", "\"virtualBytes\": 9999999999999"), disk, last}), Code::invalid_disk_image);
    EXPECT_EQ(code({with("\"file\": \"volumes/0.qcow2\"", "\"file\": \"manifest.json\""), disk, last}), Code::invalid_disk_image);
    EXPECT_EQ(code({with("\"volume\": \"volumes/0.qcow2\"", "\"volume\": \"volumes/1.qcow2\""), disk, last}), Code::invalid_disk_image);
    EXPECT_EQ(code({with("\"rootDeviceName\": \"/dev/sda1\"", "\"rootDeviceName\": \"/dev/sdc\""), disk, last}), Code::invalid_disk_image);
    EXPECT_EQ(code({with("\"ephemeral3\"", "\"ephemeral99\""), disk, last}), Code::invalid_disk_image);
}

TEST_F(ArchivesTest, OtherFilesAreNeither) {
    write_file(folder_ / "text", std::string(10000, 'x'));
    EXPECT_EQ(archives_->recognise(folder_ / "text"), std::nullopt);
    EXPECT_EQ(archives_->recognise(folder_ / "none"), std::nullopt);
    EXPECT_EQ(archives_->recognise(folder_ / "."), std::nullopt);
    EXPECT_EQ(refusal(folder_ / "text"), Code::invalid_disk_image);
    EXPECT_EQ(refusal(folder_ / "none"), Code::fetch_failed);
    EXPECT_EQ(refusal(folder_ / "."), Code::fetch_failed);
    write_tar(folder_ / "tar", {{"readme", "x"}}, false);
    EXPECT_EQ(refusal(folder_ / "tar"), Code::invalid_disk_image);
}

TEST_F(ArchivesTest, AnArchiveThatChangesMeanwhileIsNotTaken) {
    const auto file = write(ArchiveKind::bundle);
    const auto looked = archives_->look(file);
    ASSERT_TRUE(looked);
    auto other = image(ArchiveKind::bundle);
    other.image.name = "other";
    ASSERT_TRUE(archives_->write(file, other, progress_));
    const auto extracted = archives_->extract(file, *looked, {folder_ / "a", folder_ / "b"}, progress_);
    ASSERT_FALSE(extracted);
    EXPECT_EQ(extracted.error().code, Code::fetch_failed);
}

TEST_F(ArchivesTest, AnOvaGoesThereAndBack) {
    const auto file = write(ArchiveKind::ova);
    EXPECT_EQ(archives_->recognise(file), ArchiveKind::ova);
    const auto looked = archives_->look(file);
    ASSERT_TRUE(looked) << looked.error().message;
    EXPECT_EQ(looked->image.name, "a name (1)");
    EXPECT_EQ(looked->image.description, "says \"<&>\" \xc3\xa9");
    EXPECT_EQ(looked->image.boot_mode, BootMode::uefi);
    EXPECT_EQ(looked->image.platform, "linux");
    EXPECT_EQ(looked->vcpus, 2U);
    EXPECT_EQ(looked->memory, MiB{2048});
    ASSERT_EQ(looked->disks.size(), 2U);
    EXPECT_EQ(looked->disks[1].device_name, "/dev/sdb");
    EXPECT_EQ(looked->disks[1].virtual_size, Bytes{2ULL << 30U});
    const auto extracted = extract(file);
    ASSERT_TRUE(extracted) << extracted.error().message;
    EXPECT_EQ(read_file(folder_ / "out0"), bytes_[0]);
    EXPECT_EQ(read_file(folder_ / "out1"), bytes_[1]);
    // Its list of checksums is right by others' reckoning too, and is looked at.
    const auto listing = shell({"tar", "-tf", file});
    EXPECT_EQ(listing.output,
              "ami-0123456789abcdef0.ovf\nami-0123456789abcdef0-disk1.vmdk\nami-0123456789abcdef0-disk2.vmdk\nami-0123456789abcdef0.mf\n");
    std::string changed = read_file(file);
    changed[1U << 20U] = static_cast<char>(changed[1U << 20U] ^ 1);
    write_file(folder_ / "changed", changed);
    EXPECT_EQ(refusal(folder_ / "changed"), Code::checksum_mismatch);
    write_file(folder_ / "cut", changed.substr(0, 2U << 20U));
    EXPECT_EQ(refusal(folder_ / "cut"), Code::invalid_disk_image);
}

/// As VirtualBox and VMware write them, cut short.
const std::string k_virtualbox = R"(<?xml version="1.0"?>
<Envelope ovf:version="1.0" xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1"
  xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData" xmlns:vbox="http://www.virtualbox.org/ovf/machine">
  <References><File ovf:id="file1" ovf:href="two.vmdk"/><File ovf:id="file2" ovf:href="one.vmdk"/></References>
  <DiskSection><Info>x</Info>
    <Disk ovf:capacity="1073741824" ovf:diskId="vmdisk1" ovf:fileRef="file1"/>
    <Disk ovf:capacity="2" ovf:capacityAllocationUnits="byte * 2^30" ovf:diskId="vmdisk2" ovf:fileRef="file2"/>
  </DiskSection>
  <VirtualSystem ovf:id="machine">
    <Name>machine</Name>
    <OperatingSystemSection ovf:id="96"><Description>Debian_64</Description><vbox:OSType>Debian_64</vbox:OSType></OperatingSystemSection>
    <VirtualHardwareSection>
      <Item><rasd:InstanceID>1</rasd:InstanceID><rasd:ResourceType>3</rasd:ResourceType><rasd:VirtualQuantity>4</rasd:VirtualQuantity></Item>
      <Item><rasd:AllocationUnits>MegaBytes</rasd:AllocationUnits><rasd:ResourceType>4</rasd:ResourceType><rasd:VirtualQuantity>1024</rasd:VirtualQuantity></Item>
      <Item><rasd:InstanceID>7</rasd:InstanceID><rasd:ResourceType>20</rasd:ResourceType></Item>
      <Item><rasd:AddressOnParent>1</rasd:AddressOnParent><rasd:HostResource>/disk/vmdisk1</rasd:HostResource><rasd:Parent>7</rasd:Parent><rasd:ResourceType>17</rasd:ResourceType></Item>
      <Item><rasd:AddressOnParent>0</rasd:AddressOnParent><rasd:HostResource>ovf:/disk/vmdisk2</rasd:HostResource><rasd:Parent>7</rasd:Parent><rasd:ResourceType>17</rasd:ResourceType></Item>
    </VirtualHardwareSection>
    <vbox:Machine><Hardware><Firmware type="EFI"/></Hardware></vbox:Machine>
  </VirtualSystem>
</Envelope>)";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
    const auto at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
}

TEST(Ovf, IsReadAsOthersWriteIt) {
    const auto machine = read_ovf(k_virtualbox, "x.ova");
    ASSERT_TRUE(machine) << machine.error().message;
    EXPECT_EQ(machine->vcpus, 4U);
    EXPECT_EQ(machine->memory, MiB{1024});
    EXPECT_EQ(machine->image.boot_mode, BootMode::uefi);
    EXPECT_TRUE(machine->boot_mode_said);
    ASSERT_EQ(machine->disks.size(), 2U);
    EXPECT_EQ(machine->disks[0].part, "one.vmdk") << "by its place at the controller";
    EXPECT_EQ(machine->disks[0].virtual_size, Bytes{2ULL << 30U});
    EXPECT_EQ(machine->disks[0].device_name, "/dev/sda1");
    EXPECT_EQ(machine->disks[1].device_name, "/dev/sdb");
    const auto silent = read_ovf(replaced(k_virtualbox, "<Firmware type=\"EFI\"/>", ""), "x.ova");
    ASSERT_TRUE(silent);
    EXPECT_FALSE(silent->boot_mode_said);
    EXPECT_EQ(silent->image.boot_mode, BootMode::legacy_bios);
}

TEST(Ovf, IsRefusedWithWhatIsWrong) {
    const std::vector<std::pair<std::string, std::string>> cases{
        {"", "not XML"},
        {"<a/>", "no Envelope"},
        {"<Envelope/>", "no VirtualSystem"},
        {"<Envelope><VirtualSystemCollection/></Envelope>", "several machines"},
        {"<Envelope><VirtualSystem/></Envelope>", "0 disks"},
        {k_virtualbox.substr(0, 500), "not XML"},
        {replaced(k_virtualbox, "ovf:/disk/vmdisk2", "ovf:/disk/vmdisk3"), "no disk \"vmdisk3\""},
        {replaced(k_virtualbox, "ovf:fileRef=\"file2\"", "ovf:fileRef=\"file3\""), "no file for disk"},
        {replaced(k_virtualbox, "ovf:fileRef=\"file2\"", "ovf:fileRef=\"file1\""), "twice"},
        {replaced(k_virtualbox, "ovf:capacity=\"2\"", "ovf:capacity=\"-2\""), "no capacity"},
        {replaced(k_virtualbox, "byte * 2^30", "byte * 2^63"), "no capacity"},
        {replaced(k_virtualbox, "ovf:capacity=\"2\"", "ovf:capacity=\"2\" ovf:parentRef=\"p\""), "a parent"},
        {replaced(k_virtualbox, "ovf:href=\"one.vmdk\"", "ovf:href=\"one.vmdk\" ovf:compression=\"gzip\""), "compressed"},
    };
    for (const auto& [text, words] : cases) {
        const auto machine = read_ovf(text, "x.ova");
        ASSERT_FALSE(machine) << words;
        EXPECT_EQ(machine.error().code, Code::invalid_disk_image);
        EXPECT_THAT(machine.error().message, HasSubstr(words));
    }
}

TEST_F(ArchivesTest, AnOvfHasNoCharacterThatXmlHasNot) {
    CarriedImage carried = image(ArchiveKind::ova);
    carried.image.description =
        "a\x01"
        "b\xff\xEF\xBF\xBF\xc3\xa9\xF0\x9F\x98\x80<";
    carried.disks[0].part = "0.vmdk";
    carried.disks[1].part = "1.vmdk";
    const std::string ovf = write_ovf(carried);
    EXPECT_THAT(ovf, HasSubstr(">a\xEF\xBF\xBD"
                               "b\xEF\xBF\xBD\xEF\xBF\xBD\xc3\xa9\xF0\x9F\x98\x80&lt;<"));
    EXPECT_THAT(ovf, testing::Not(HasSubstr("&#")));
    EXPECT_TRUE(read_ovf(ovf, "x.ova"));
}

TEST_F(ArchivesTest, AnOvaOfOthers) {
    const std::string file = folder_ / "other.ova";
    const Member ovf{"m.ovf", k_virtualbox};
    write_tar(file,
              {ovf, {"two.vmdk", "twotwo"}, {"one.vmdk", "one"}, {"m.mf", "SHA1(one.vmdk)= fe05bcdcdc4928012781a5f1a2a77cbb5398e106\n"}},
              false);
    const auto extracted = extract(file);
    ASSERT_TRUE(extracted) << extracted.error().message;
    EXPECT_EQ(read_file(folder_ / "out0"), "one");
    EXPECT_EQ(read_file(folder_ / "out1"), "twotwo");
    write_tar(file,
              {ovf, {"two.vmdk", "twotwo"}, {"one.vmdk", "uno"}, {"m.mf", "SHA1(one.vmdk)= fe05bcdcdc4928012781a5f1a2a77cbb5398e106\n"}},
              false);
    EXPECT_EQ(refusal(file), Code::checksum_mismatch);
    write_tar(file, {ovf, {"one.vmdk", "one"}}, false);
    EXPECT_EQ(refusal(file), Code::invalid_disk_image);
    EXPECT_THAT(last_, HasSubstr("lacks the disk \"two.vmdk\""));
}

TEST_F(ArchivesTest, AFullDiskIsToldAsOne) {
    const auto bundle = write(ArchiveKind::bundle);
    const auto looked = archives_->look(bundle);
    ASSERT_TRUE(looked);
    std::string reason;
    if (!mount_small(folder_ / "small", "1m", reason)) {
        GTEST_SKIP() << reason;
    }
    const auto written = archives_->write(folder_ / "small/archive", image(ArchiveKind::bundle), progress_);
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().code, Code::store_full) << written.error().message;
    std::filesystem::remove(folder_ / "small/archive");
    const auto extracted = archives_->extract(bundle, *looked, {folder_ / "small/a", folder_ / "small/b"}, progress_);
    ASSERT_FALSE(extracted);
    EXPECT_EQ(extracted.error().code, Code::store_full);
}

}  // namespace
}  // namespace amivirt::contract
