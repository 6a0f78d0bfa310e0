// Which disks firmware would start.
#include <gtest/gtest.h>

#include "adapters/guestfs/boot_facts.hpp"

namespace amivirt::guestfs {
namespace {

const std::string k_stub = "\xfa\xb8\x10\x00";  // what a partitioning tool writes: on to the active partition

std::string sector(std::string_view code, int active_entry = -1) {
    std::string result(512, '\0');
    result.replace(0, code.size(), code);
    if (active_entry >= 0) {
        result[446 + 16 * static_cast<std::size_t>(active_entry)] = '\x80';
    }
    result[510] = '\x55';
    result[511] = '\xAA';
    return result;
}

PartitionFacts gpt(std::string type) {
    PartitionFacts facts;
    facts.gpt_type = std::move(type);
    return facts;
}

TEST(BootsBios, NeedsCodeAndSignature) {
    EXPECT_FALSE(boots_bios("", TableType::none, {}));
    EXPECT_FALSE(boots_bios(std::string(512, '\0'), TableType::none, {}));
    EXPECT_FALSE(boots_bios(sector(""), TableType::mbr, {}));
    EXPECT_FALSE(boots_bios(sector("", 0), TableType::mbr, {})) << "an active partition without code";
    std::string unsigned_sector = sector("GRUB");
    unsigned_sector[510] = '\0';
    EXPECT_FALSE(boots_bios(unsigned_sector, TableType::mbr, {}));
    EXPECT_FALSE(boots_bios(sector("GRUB").substr(0, 511), TableType::mbr, {}));
    // A disk id and partition entries are no code.
    std::string table_only = sector("");
    table_only.replace(440, 20, 20, 'x');
    EXPECT_FALSE(boots_bios(table_only, TableType::mbr, {}));
}

TEST(BootsBios, CodeMustHaveWhereToGo) {
    EXPECT_FALSE(boots_bios(sector(k_stub), TableType::mbr, {}));
    EXPECT_TRUE(boots_bios(sector(k_stub, 0), TableType::mbr, {}));
    EXPECT_TRUE(boots_bios(sector(k_stub, 3), TableType::mbr, {}));
    EXPECT_TRUE(boots_bios(sector("\xeb\x63GRUB"), TableType::mbr, {}));
    EXPECT_TRUE(boots_bios(sector(k_stub), TableType::none, {}));
}

TEST(BootsBios, OnGptAPartitionForIt) {
    EXPECT_FALSE(boots_bios(sector(k_stub), TableType::gpt, {gpt("0FC63DAF-8483-4772-8E79-3D69D8477DE4")}));
    EXPECT_TRUE(boots_bios(sector(k_stub), TableType::gpt, {gpt("21686148-6449-6E6F-744E-656564454649")}));
    EXPECT_FALSE(boots_bios(sector(""), TableType::gpt, {gpt("21686148-6449-6E6F-744E-656564454649")}));
    PartitionFacts legacy = gpt("0FC63DAF-8483-4772-8E79-3D69D8477DE4");
    legacy.legacy_boot = true;
    EXPECT_TRUE(boots_bios(sector(k_stub), TableType::gpt, {legacy}));
}

TEST(Gpt, IsReadByPartitionNumber) {
    std::string disk(k_gpt_bytes, '\0');
    disk.replace(512, 8, "EFI PART");
    disk[512 + 72] = 2;       // the entries' first sector
    disk[512 + 80] = '\x80';  // how many
    disk[512 + 84] = '\x80';  // bytes of each
    const std::string efi_system("\x28\x73\x2A\xC1\x1F\xF8\xD2\x11\xBA\x4B\x00\xA0\xC9\x3E\xC9\x3B", 16);
    disk.replace(1024 + 14 * 128, 16, efi_system);
    disk[1024 + 14 * 128 + 48] = 4;
    disk.replace(1024 + 127 * 128, 16, efi_system);
    const auto table = read_gpt(disk);
    ASSERT_TRUE(table);
    ASSERT_EQ(table->size(), 2U);
    EXPECT_EQ(table->at(15).type, "C12A7328-F81F-11D2-BA4B-00A0C93EC93B");
    EXPECT_TRUE(table->at(15).legacy_boot);
    EXPECT_FALSE(table->at(128).legacy_boot);
}

TEST(Gpt, ElsewhereOrNot) {
    std::string disk(k_gpt_bytes, '\0');
    EXPECT_FALSE(read_gpt(disk));
    EXPECT_FALSE(read_gpt(""));
    disk.replace(512, 8, "EFI PART");
    EXPECT_FALSE(read_gpt(disk)) << "entries in no sector";
    disk[512 + 72] = 2;
    disk[512 + 84] = '\x80';
    EXPECT_TRUE(read_gpt(disk)) << "no entries";
    disk[512 + 81] = 1;
    EXPECT_FALSE(read_gpt(disk)) << "256 entries";
    disk[512 + 81] = 0;
    disk[512 + 80] = '\x80';
    EXPECT_TRUE(read_gpt(disk));
    EXPECT_FALSE(read_gpt(disk.substr(0, disk.size() - 1))) << "cut short";
}

TEST(EfiSystemPartition, ByGuidOrByType) {
    EXPECT_TRUE(is_efi_system(gpt("C12A7328-F81F-11D2-BA4B-00A0C93EC93B")));
    EXPECT_FALSE(is_efi_system(gpt("21686148-6449-6E6F-744E-656564454649")));
    PartitionFacts mbr;
    EXPECT_FALSE(is_efi_system(mbr));
    mbr.mbr_type = 0xEF;
    EXPECT_TRUE(is_efi_system(mbr));
    mbr.mbr_type = 0x83;
    EXPECT_FALSE(is_efi_system(mbr));
}

}  // namespace
}  // namespace amivirt::guestfs
