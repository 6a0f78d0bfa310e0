#include "adapters/qemu_img/overlay.hpp"

#include <fmt/format.h>

#include "adapters/qemu_img/big_endian.hpp"
#include "adapters/qemu_img/luks.hpp"

namespace amivirt {
namespace {

constexpr std::uint32_t k_cluster_bits = 16;
constexpr std::uint64_t k_cluster = 1ULL << k_cluster_bits;
constexpr std::uint64_t k_l2_entries = k_cluster / 8;
/// qcow2's L1 table may take 32 MiB (source: QEMU's QCOW_MAX_L1_SIZE).
constexpr std::uint64_t k_most_l1_entries = (32ULL << 20U) / 8;
constexpr std::uint32_t k_header_length = 112;
constexpr std::uint32_t k_backing_format_extension = 0xe2792aca;
constexpr std::uint32_t k_encryption_header_extension = 0x0537be77;
constexpr std::uint32_t k_luks = 2;
constexpr std::size_t k_longest_backing_name = 1023;

std::uint64_t divided_up(std::uint64_t value, std::uint64_t by) noexcept { return value / by + (value % by != 0 ? 1 : 0); }

}  // namespace

Result<SparseFile> empty_overlay(Bytes size, const std::string& parent, const std::string& luks) {
    const std::uint64_t l1_entries = divided_up(divided_up(size.count, k_cluster), k_l2_entries);
    if (size.count == 0 || size.count % 512 != 0 || l1_entries > k_most_l1_entries) {
        return Error(Code::invalid_parameter_value,
                     fmt::format("A disk of {} bytes cannot be made: it needs a multiple of 512, at most {}.", size.count,
                                 human({k_most_l1_entries * k_l2_entries * k_cluster})));
    }
    if (parent.size() > k_longest_backing_name) {
        return Error(Code::internal_error, fmt::format("The parent's name \"{}\" is too long.", parent));
    }
    // Cluster 0 header, 1 refcount table, 2 the one refcount block, 3... the L1 table, then the LUKS header.
    const std::uint64_t luks_cluster = 3 + divided_up(l1_entries * 8, k_cluster);
    // At most 547: one refcount block of 32768 entries holds them.
    const std::uint64_t clusters = luks_cluster + (luks.empty() ? 0 : divided_up(k_luks_length, k_cluster));

    BigEndian extensions;
    if (!parent.empty()) {
        const std::string format = "qcow2";
        extensions.u32(k_backing_format_extension);
        extensions.u32(static_cast<std::uint32_t>(format.size()));
        extensions.text(format);
        extensions.pad_to(8);
    }
    if (!luks.empty()) {
        extensions.u32(k_encryption_header_extension);
        extensions.u32(16);
        extensions.u64(luks_cluster * k_cluster);
        extensions.u64(k_luks_length);
    }
    extensions.u32(0);  // end of extensions
    extensions.u32(0);

    BigEndian header;
    header.text("QFI\xfb");
    header.u32(3);
    header.u64(parent.empty() ? 0 : k_header_length + extensions.size());
    header.u32(static_cast<std::uint32_t>(parent.size()));
    header.u32(k_cluster_bits);
    header.u64(size.count);
    header.u32(luks.empty() ? 0 : k_luks);
    header.u32(static_cast<std::uint32_t>(l1_entries));
    header.u64(3 * k_cluster);
    header.u64(1 * k_cluster);
    header.u32(1);  // clusters of the refcount table
    header.u32(0);  // no snapshots
    header.u64(0);
    header.u64(0);  // no incompatible features
    header.u64(0);  // no compatible ones
    header.u64(0);  // no autoclear ones
    header.u32(4);  // refcounts of 16 bits
    header.u32(k_header_length);
    header.u8(0);  // compression by zlib
    header.pad_to(8);
    header.text(std::move(extensions).take());
    header.text(parent);

    BigEndian table;
    table.u64(2 * k_cluster);

    BigEndian counts;
    for (std::uint64_t i = 0; i < clusters; ++i) {
        counts.u16(1);
    }

    SparseFile file;
    file.length = clusters * k_cluster;
    file.pieces.emplace_back(0, std::move(header).take());
    file.pieces.emplace_back(1 * k_cluster, std::move(table).take());
    file.pieces.emplace_back(2 * k_cluster, std::move(counts).take());
    if (!luks.empty()) {
        file.pieces.emplace_back(luks_cluster * k_cluster, luks);
    }
    return file;
}

}  // namespace amivirt
