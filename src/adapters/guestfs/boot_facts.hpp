// Would firmware start this disk? Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace amivirt::guestfs {

enum class TableType { none, mbr, gpt };

struct PartitionFacts {
    std::string device;
    std::string gpt_type;      ///< upper-case GUID; "" on an MBR disk
    int mbr_type = 0;          ///< 0 on a GPT disk
    bool legacy_boot = false;  ///< GPT's attribute bit 2
};

/// The first sector's code gets control from a BIOS: it is there, and it has where to go. (Partitioning tools write a stub that only
/// passes on to an active partition.)
[[nodiscard]] bool boots_bios(std::string_view first_sector, TableType table, const std::vector<PartitionFacts>& partitions);
/// By GUID or by MBR type (source: UEFI specification, section 5).
[[nodiscard]] bool is_efi_system(const PartitionFacts& partition);

}  // namespace amivirt::guestfs
