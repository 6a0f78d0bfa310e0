#include "adapters/guestfs/boot_facts.hpp"

#include <algorithm>

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

}  // namespace

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
