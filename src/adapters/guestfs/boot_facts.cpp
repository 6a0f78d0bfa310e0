#include "adapters/guestfs/boot_facts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

namespace amivirt::guestfs {

namespace {

constexpr std::size_t k_code_size = 440;
constexpr std::size_t k_entries = 446;
constexpr std::size_t k_entry_size = 16;
constexpr std::size_t k_signature = 510;
constexpr std::string_view k_bios_boot = "21686148-6449-6E6F-744E-656564454649";
constexpr std::string_view k_efi_system = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B";
constexpr int k_mbr_efi_system = 0xEF;
constexpr char k_active = '\x80';

bool has_active_entry(std::string_view sector) {
    for (std::size_t i = 0; i < 4; ++i) {
        if (sector[k_entries + i * k_entry_size] == k_active) {
            return true;
        }
    }
    return false;
}

std::uint64_t little_endian(std::string_view text, std::size_t at, std::size_t bytes) {
    std::uint64_t value = 0;
    for (std::size_t i = bytes; i > 0; --i) {
        value = value << 8U | static_cast<unsigned char>(text[at + i - 1]);
    }
    return value;
}

/// Its first three fields are numbers, in little endian; the others bytes.
std::string guid(std::string_view text) {
    std::string rest;
    for (std::size_t i = 8; i < 16; ++i) {
        rest += fmt::format("{}{:02X}", i == 10 ? "-" : "", static_cast<unsigned char>(text[i]));
    }
    return fmt::format("{:08X}-{:04X}-{:04X}-{}", little_endian(text, 0, 4), little_endian(text, 4, 2), little_endian(text, 6, 2), rest);
}

}  // namespace

std::optional<std::map<int, GptEntry>> read_gpt(std::string_view beginning) {
    constexpr std::size_t k_header = 512;
    constexpr std::size_t k_table = 1024;
    constexpr std::size_t k_size = 128;
    if (beginning.size() < k_table || beginning.substr(k_header, 8) != "EFI PART") {
        return std::nullopt;
    }
    const std::uint64_t count = little_endian(beginning, k_header + 80, 4);
    if (little_endian(beginning, k_header + 72, 8) != 2 || little_endian(beginning, k_header + 84, 4) != k_size ||
        count > (beginning.size() - k_table) / k_size) {
        return std::nullopt;
    }
    std::map<int, GptEntry> entries;
    for (std::size_t i = 0; i < count; ++i) {
        const std::string_view entry = beginning.substr(k_table + i * k_size, k_size);
        if (entry.find_first_not_of('\0') < 16) {  // a type of zeros: not used
            entries[static_cast<int>(i) + 1] = {guid(entry), (little_endian(entry, 48, 8) & 4U) != 0};
        }
    }
    return entries;
}

bool boots_bios(std::string_view first_sector, TableType table, const std::vector<PartitionFacts>& partitions) {
    if (first_sector.size() < 512 || first_sector.substr(k_signature, 2) != "\x55\xAA") {
        return false;
    }
    const std::string_view code = first_sector.substr(0, k_code_size);
    if (std::all_of(code.begin(), code.end(), [](char c) { return c == '\0'; })) {
        return false;
    }
    // GRUB's code knows by itself where to read on; without a table the code is all there is.
    if (table == TableType::none || code.find("GRUB") != std::string_view::npos || has_active_entry(first_sector)) {
        return true;
    }
    return std::any_of(partitions.begin(), partitions.end(),
                       [](const PartitionFacts& partition) { return partition.gpt_type == k_bios_boot || partition.legacy_boot; });
}

bool is_efi_system(const PartitionFacts& partition) { return partition.gpt_type == k_efi_system || partition.mbr_type == k_mbr_efi_system; }

}  // namespace amivirt::guestfs
