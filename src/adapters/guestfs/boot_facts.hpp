// Would firmware start this disk? Pure.
#pragma once

#include <map>
#include <optional>
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

struct GptEntry {
    std::string type;  ///< upper-case GUID
    bool legacy_boot = false;
};
constexpr std::size_t k_gpt_bytes = 34 * 512;  ///< a disk's beginning, up to the end of its GPT

/// A disk's GPT by partition number, from its first k_gpt_bytes; nullopt: it has none, or one that is elsewhere (sectors of 4096 bytes,
/// more than 128 entries). Source: UEFI specification, section 5.3. libguestfs starts a program for each field of each partition: a second
/// of TCG's time apiece.
[[nodiscard]] std::optional<std::map<int, GptEntry>> read_gpt(std::string_view beginning);

/// The first sector's code gets control from a BIOS: it is there, and it has where to go. (Partitioning tools write a stub that only
/// passes on to an active partition.)
[[nodiscard]] bool boots_bios(std::string_view first_sector, TableType table, const std::vector<PartitionFacts>& partitions);
/// By GUID or by MBR type (source: UEFI specification, section 5).
[[nodiscard]] bool is_efi_system(const PartitionFacts& partition);

}  // namespace amivirt::guestfs
