#include "adapters/qemu_img/disk_format.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <limits>
#include <vector>

#include "adapters/common/files.hpp"

namespace amivirt {
namespace {

constexpr std::size_t k_head = 4096;
constexpr std::uint64_t k_sector = 512;
/// Blocks of a VDI or VHD disk whose map we walk: 16 TiB in VDI's blocks of 1 MiB.
constexpr std::uint64_t k_most_blocks = 1ULL << 24U;

/// Fields of a header that was read whole; asking beyond its end gives 0.
class Fields {
public:
    explicit Fields(std::string bytes) : bytes_(std::move(bytes)) {}
    [[nodiscard]] std::uint32_t be32(std::size_t at) const noexcept { return static_cast<std::uint32_t>(big(at, 4)); }
    [[nodiscard]] std::uint64_t be64(std::size_t at) const noexcept { return big(at, 8); }
    [[nodiscard]] std::uint32_t le32(std::size_t at) const noexcept { return static_cast<std::uint32_t>(little(at, 4)); }
    [[nodiscard]] std::uint64_t le64(std::size_t at) const noexcept { return little(at, 8); }
    [[nodiscard]] std::uint8_t u8(std::size_t at) const noexcept { return at < bytes_.size() ? static_cast<std::uint8_t>(bytes_[at]) : 0; }
    [[nodiscard]] bool has(std::size_t at, std::string_view text) const noexcept {
        return at <= bytes_.size() && std::string_view(bytes_).substr(at).starts_with(text);
    }
    [[nodiscard]] const std::string& bytes() const noexcept { return bytes_; }

private:
    [[nodiscard]] std::uint64_t big(std::size_t at, unsigned count) const noexcept {
        std::uint64_t value = 0;
        for (unsigned i = 0; i < count; ++i) {
            value = value << 8U | u8(at + i);
        }
        return value;
    }
    [[nodiscard]] std::uint64_t little(std::size_t at, unsigned count) const noexcept {
        std::uint64_t value = 0;
        for (unsigned i = count; i-- > 0;) {
            value = value << 8U | u8(at + i);
        }
        return value;
    }
    std::string bytes_;
};

/// Does [offset, offset + count * size_of_each) lie within `limit`, without overflow?
bool fits(std::uint64_t offset, std::uint64_t count, std::uint64_t size_of_each, std::uint64_t limit) noexcept {
    return offset <= limit && (size_of_each == 0 || count <= (limit - offset) / size_of_each);
}

/// Printable, and no zero byte: ASCII or UTF-8 alike.
bool is_text(std::string_view bytes) noexcept {
    return std::all_of(bytes.begin(), bytes.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return (byte >= 0x20 && byte != 0x7f) || c == '\n' || c == '\r' || c == '\t' || c == '\f' || c == 0x1b;
    });
}

std::string lower(std::string_view text) {
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return result;
}

struct Foreign {
    std::size_t offset;
    std::string_view magic;
    std::string_view what;
    std::string_view hint;
};

using namespace std::string_view_literals;
constexpr std::string_view k_convert_hint = "Convert it first: qemu-img convert -O qcow2 SOURCE image.qcow2";
constexpr std::string_view k_unpack_hint = "Unpack it and import the disk image inside.";
/// Files that people hand in by mistake, and disk images of kinds we do not take: better named than taken for a raw disk.
constexpr std::array k_foreign{
    Foreign{0, "QED\0"sv, "a QED disk image, which is not supported", k_convert_hint},
    Foreign{0, "WithoutFreeSpace"sv, "a Parallels disk image, which is not supported", k_convert_hint},
    Foreign{0, "WithouFreSpacExt"sv, "a Parallels disk image, which is not supported", k_convert_hint},
    Foreign{0, "Bochs Virtual HD Image"sv, "a Bochs disk image, which is not supported", k_convert_hint},
    Foreign{0,
            "\x7f"
            "ELF"sv,
            "a program, not a disk image", ""sv},
    Foreign{0, "PK\x03\x04"sv, "a zip archive, not a disk image", k_unpack_hint},
    Foreign{0, "Rar!\x1a\x07"sv, "a rar archive, not a disk image", k_unpack_hint},
    Foreign{0, "7z\xbc\xaf\x27\x1c"sv, "a 7z archive, not a disk image", k_unpack_hint},
    Foreign{257, "ustar"sv, "a tar archive (an OVA?), not a disk image", k_unpack_hint},
    Foreign{0, "BZh"sv, "compressed by bzip2, which is not supported", k_unpack_hint},
    Foreign{0, "\x04\x22\x4d\x18"sv, "compressed by lz4, which is not supported", k_unpack_hint},
    Foreign{0, "\x1f\x8b\x08"sv, "compressed by gzip", k_unpack_hint},
    Foreign{0,
            "\xfd"
            "7zXZ\0"sv,
            "compressed by xz", k_unpack_hint},
    Foreign{0, "\x28\xb5\x2f\xfd"sv, "compressed by zstd", k_unpack_hint},
    Foreign{0, "\x89PNG\r\n"sv, "a picture, not a disk image", ""sv},
    Foreign{0, "\xff\xd8\xff"sv, "a picture, not a disk image", ""sv},
    Foreign{0, "SQLite format 3\0"sv, "an SQLite database, not a disk image", ""sv},
    Foreign{0, "LibvirtQemudSave"sv, "the saved memory of a virtual machine, not a disk image", ""sv},
};

class Examiner {
public:
    Examiner(const ByteSource& bytes, const std::string& shown_as) : bytes_(bytes), shown_as_(shown_as) {}

    [[nodiscard]] Result<DiskFormat> run() const {
        if (bytes_.size() == 0) {
            return refuse("is empty");
        }
        const Fields head(AMIVIRT_TRY(bytes_.read(0, k_head)));
        if (head.has(0, "QFI\xfb")) {
            return qcow(head);
        }
        if (head.has(0, "KDMV")) {
            return vmdk(head);
        }
        if (head.has(0, "COWD") || head.le64(0) == 0xcafebabe) {
            return refuse("is one extent of an ESX VMDK disk; its descriptor and other extents are elsewhere",
                          "Convert the disk with its descriptor first: qemu-img convert -f vmdk -O qcow2 DISK.vmdk image.qcow2");
        }
        if (head.has(0, "vhdxfile")) {
            return vhdx();
        }
        if (head.le32(0x40) == 0xbeda107f) {
            return vdi(head);
        }
        if (bytes_.size() >= k_sector) {
            auto tail = bytes_.read(bytes_.size() - k_sector, k_sector);
            if (!tail) {
                return std::move(tail.error());
            }
            if (tail->starts_with("conectix")) {
                return vpc(Fields(std::move(*tail)));
            }
        }
        if (head.has(0, "conectix")) {
            return refuse("is a truncated VHD disk image: it should end with a copy of its first sector");
        }
        return raw(head);
    }

private:
    [[nodiscard]] Error refuse(const std::string& why, std::string hint = {}) const {
        return Error(Code::invalid_disk_image, fmt::format("\"{}\" {}.", shown_as_, why), std::move(hint));
    }

    [[nodiscard]] Result<Fields> header(std::uint64_t offset, std::size_t size, std::string_view kind) const {
        if (fits(offset, size, 1, bytes_.size())) {
            std::string bytes = AMIVIRT_TRY(bytes_.read(offset, size));
            if (bytes.size() == size) {
                return Fields(std::move(bytes));
            }
        }
        return truncated(kind, offset <= std::numeric_limits<std::uint64_t>::max() - size ? offset + size : offset);
    }

    [[nodiscard]] Error truncated(std::string_view kind, std::uint64_t needed) const {
        return refuse(
            fmt::format("is a truncated {} disk image: it is {} bytes long and should have at least {}", kind, bytes_.size(), needed),
            "Copy or download it again.");
    }

    [[nodiscard]] Error overrun(std::string_view kind, std::string_view table) const {
        return refuse(fmt::format("is a truncated or damaged {} disk image: its {} reaches beyond the end of the file ({} bytes)", kind,
                                  table, bytes_.size()),
                      "Copy or download it again.");
    }

    [[nodiscard]] Result<DiskFormat> qcow(const Fields& head) const;
    [[nodiscard]] Result<DiskFormat> vmdk(const Fields& head) const;
    [[nodiscard]] Result<DiskFormat> vhdx() const;
    [[nodiscard]] Result<DiskFormat> vdi(const Fields& head) const;
    [[nodiscard]] Result<DiskFormat> vpc(const Fields& footer) const;
    [[nodiscard]] Result<DiskFormat> raw(const Fields& head) const;
    [[nodiscard]] Result<void> check_partitions(const Fields& head) const;
    [[nodiscard]] Result<void> check_vmdk_descriptor(const std::string& descriptor) const;

    const ByteSource& bytes_;
    const std::string& shown_as_;
};

// --- qcow2 (source: QEMU, docs/interop/qcow2.txt) ---

Result<DiskFormat> Examiner::qcow(const Fields& head) const {
    const std::uint32_t version = head.be32(4);
    if (version == 1) {
        return refuse("is a qcow image of version 1, which is not supported", std::string(k_convert_hint));
    }
    if (version != 2 && version != 3) {
        return refuse(fmt::format("is a qcow2 image of version {}, which is not known", version));
    }
    const std::size_t needed = version == 2 ? 72 : 104;
    const Fields fields = AMIVIRT_TRY(header(0, needed, "qcow2"));
    const std::uint64_t backing_offset = fields.be64(8);
    if (backing_offset != 0) {
        const std::size_t length = std::min<std::size_t>(fields.be32(16), 1023);
        std::string name;
        if (fits(backing_offset, length, 1, bytes_.size())) {
            name = AMIVIRT_TRY(bytes_.read(backing_offset, length));
        }
        return refuse(fmt::format("has a backing file (\"{}\"); an image must be complete in itself", files::printable(name)),
                      "Flatten it first, where its backing file is: qemu-img convert -O qcow2 SOURCE image.qcow2");
    }
    const std::uint32_t cluster_bits = fields.be32(20);
    if (cluster_bits < 9 || cluster_bits > 21) {
        return refuse(fmt::format("is a damaged qcow2 image: its cluster size is 2^{} bytes", cluster_bits));
    }
    if (fields.be32(32) != 0) {
        return refuse("is an encrypted qcow2 image, which is not supported");
    }
    if (version == 3) {
        const std::uint64_t features = fields.be64(72);
        if ((features & 4U) != 0) {
            return refuse("keeps its data in an external data file; an image must be complete in itself", std::string(k_convert_hint));
        }
        if ((features & 2U) != 0) {
            return refuse("is marked as corrupt", "Try to mend it: qemu-img check -r all SOURCE");
        }
        // Dirty refcounts (1), zstd compression (8) and subclusters (16) are read by qemu-img.
        if ((features & ~std::uint64_t{0x1f}) != 0) {
            return refuse(fmt::format("needs qcow2 features that are not known (0x{:x})", features));
        }
        const std::uint32_t header_length = fields.be32(100);
        if (header_length < 104 || header_length > (1ULL << cluster_bits)) {
            return refuse(fmt::format("is a damaged qcow2 image: its header is said to be {} bytes long", header_length));
        }
    }
    const std::uint64_t size = fields.be64(24);
    const std::uint64_t cluster = 1ULL << cluster_bits;
    const std::uint64_t l1_entries = fields.be32(36);
    const std::uint64_t bytes_per_l1_entry = cluster * (cluster / 8);
    if (size == 0) {
        return refuse("is a disk of size 0");
    }
    if (size / bytes_per_l1_entry + (size % bytes_per_l1_entry != 0 ? 1 : 0) > l1_entries) {
        return refuse("is a damaged qcow2 image: its L1 table is too small for its size");
    }
    if (!fits(fields.be64(40), l1_entries, 8, bytes_.size())) {
        return overrun("qcow2", "L1 table");
    }
    if (fields.be64(48) == 0 || !fits(fields.be64(48), fields.be32(56), cluster, bytes_.size())) {
        return overrun("qcow2", "refcount table");
    }
    return DiskFormat{"qcow2", Bytes{size}};
}

// --- VMDK (source: VMware, Virtual Disk Format 5.0) ---

Result<void> Examiner::check_vmdk_descriptor(const std::string& descriptor) const {
    std::string create_type;
    unsigned extents = 0;
    std::size_t begin = 0;
    while (begin < descriptor.size()) {
        const std::size_t end = std::min(descriptor.find_first_of("\r\n", begin), descriptor.size());
        const std::string line = lower(std::string_view(descriptor).substr(begin, end - begin));
        begin = end + 1;
        if (line.find("parentfilenamehint") != std::string::npos) {
            return refuse(fmt::format("has a parent disk ({}); an image must be complete in itself", files::printable(line)));
        }
        if (line.starts_with("createtype")) {
            const auto first = line.find('"');
            const auto last = line.rfind('"');
            create_type = first < last ? line.substr(first + 1, last - first - 1) : line;
        }
        if (line.starts_with("rw ") || line.starts_with("rdonly ") || line.starts_with("noaccess ")) {
            ++extents;
        }
    }
    if (create_type != "monolithicsparse" && create_type != "streamoptimized") {
        return refuse(
            fmt::format("is a VMDK disk of type \"{}\"; only those in one file, monolithicSparse and streamOptimized, are supported",
                        files::printable(create_type)),
            std::string(k_convert_hint));
    }
    if (extents > 1) {
        return refuse(fmt::format("is a VMDK disk of {} extents in other files; an image must be complete in itself", extents),
                      std::string(k_convert_hint));
    }
    return {};
}

Result<DiskFormat> Examiner::vmdk(const Fields& /*head*/) const {
    const Fields fields = AMIVIRT_TRY(header(0, k_sector, "VMDK"));
    const std::uint64_t capacity = fields.le64(12);
    const std::uint64_t descriptor_offset = fields.le64(28);
    const std::uint64_t descriptor_size = fields.le64(36);
    // A header without a capacity makes QEMU follow its descriptor into other files.
    if (capacity == 0) {
        return refuse("is a VMDK disk whose extents are in other files; an image must be complete in itself", std::string(k_convert_hint));
    }
    if (descriptor_offset == 0 || descriptor_size == 0) {
        return refuse("is one extent of a VMDK disk; its descriptor and other extents are elsewhere",
                      "Convert the disk with its descriptor first: qemu-img convert -f vmdk -O qcow2 DISK.vmdk image.qcow2");
    }
    constexpr std::uint64_t k_largest_descriptor = 2048;  // sectors: 1 MiB
    if (descriptor_size > k_largest_descriptor || descriptor_offset > bytes_.size() / k_sector) {
        return overrun("VMDK", "descriptor");
    }
    const Fields descriptor =
        AMIVIRT_TRY(header(descriptor_offset * k_sector, static_cast<std::size_t>(descriptor_size * k_sector), "VMDK"));
    AMIVIRT_TRY(check_vmdk_descriptor(descriptor.bytes().substr(0, descriptor.bytes().find('\0'))));
    // QEMU looks for a parent in sectors 1 to 20 wherever the header says the descriptor is.
    const std::string qemus = AMIVIRT_TRY(bytes_.read(k_sector, 20 * k_sector));
    if (lower(qemus).find("parentfilenamehint") != std::string::npos) {
        return refuse("has a parent disk; an image must be complete in itself");
    }
    if (capacity > std::numeric_limits<std::uint64_t>::max() / k_sector) {
        return refuse(fmt::format("is a damaged VMDK disk image: its size is said to be {} sectors", capacity));
    }
    return DiskFormat{"vmdk", Bytes{capacity * k_sector}};
}

// --- VHDX (source: Microsoft, MS-VHDX) ---

Result<DiskFormat> Examiner::vhdx() const {
    constexpr std::uint64_t k_region_table = 192U << 10U;
    constexpr std::uint64_t k_alignment = 1U << 20U;
    const std::string metadata_region("\x06\xa2\x7c\x8b\x90\x47\x9a\x4b\xb8\xfe\x57\x5f\x05\x0f\x88\x6e", 16);
    const std::string file_parameters("\x37\x67\xa1\xca\x36\xfa\x43\x4d\xb3\xb6\x33\xf0\xaa\x44\xe7\x6b", 16);
    const std::string disk_size("\x24\x42\xa5\x2f\x1b\xcd\x76\x48\xb2\x11\x5d\xbe\xd8\x3b\xf4\xb8", 16);
    const Fields regions = AMIVIRT_TRY(header(k_region_table, 64U << 10U, "VHDX"));
    if (!regions.has(0, "regi")) {
        return refuse("is a damaged VHDX disk image: it has no region table");
    }
    DiskFormat found{"vhdx", std::nullopt};
    const std::uint32_t region_count = std::min<std::uint32_t>(regions.le32(8), 2047);
    for (std::uint32_t i = 0; i < region_count; ++i) {
        const std::size_t entry = 16 + std::size_t{32} * i;
        const std::uint64_t offset = regions.le64(entry + 16);
        const std::uint32_t length = regions.le32(entry + 24);
        if (!fits(offset, length, 1, bytes_.size()) || offset < k_alignment) {
            return overrun("VHDX", "region table");
        }
        if (!regions.has(entry, metadata_region)) {
            continue;
        }
        const Fields table = AMIVIRT_TRY(header(offset, 64U << 10U, "VHDX"));
        const std::uint32_t items = std::min<std::uint32_t>(table.le32(8) >> 16U, 2047);
        for (std::uint32_t k = 0; table.has(0, "metadata") && k < items; ++k) {
            const std::size_t item = 32 + std::size_t{32} * k;
            if (table.has(item, file_parameters)) {
                const Fields parameters = AMIVIRT_TRY(header(offset + table.le32(item + 16), 8, "VHDX"));
                if ((parameters.le32(4) & 2U) != 0) {
                    return refuse("is a differencing VHDX disk, which has a parent; an image must be complete in itself");
                }
            } else if (table.has(item, disk_size)) {
                found.virtual_size = Bytes{AMIVIRT_TRY(header(offset + table.le32(item + 16), 8, "VHDX")).le64(0)};
            }
        }
    }
    if (!found.virtual_size) {
        return refuse("is a damaged VHDX disk image: it does not say its size");
    }
    return found;
}

// --- VDI (source: QEMU, block/vdi.c; VirtualBox) ---

Result<DiskFormat> Examiner::vdi(const Fields& /*head*/) const {
    const Fields fields = AMIVIRT_TRY(header(0, k_sector, "VDI"));
    const std::uint32_t type = fields.le32(76);
    const std::string no_parent(16, '\0');
    if (type == 4 || fields.bytes().substr(440, 16) != no_parent) {
        return refuse("is a differencing VDI disk, which has a parent; an image must be complete in itself");
    }
    if (type != 1 && type != 2) {
        return refuse(fmt::format("is a VDI disk of type {}, which is not supported", type));
    }
    const std::uint64_t map = fields.le32(340);
    const std::uint64_t data = fields.le32(344);
    const std::uint64_t block_size = fields.le32(376);
    const std::uint64_t blocks = fields.le32(384);
    if (block_size == 0 || blocks == 0) {
        return refuse("is a damaged VDI disk image: it has no blocks");
    }
    if (!fits(map, blocks, 4, bytes_.size())) {
        return overrun("VDI", "block map");
    }
    if (blocks > k_most_blocks) {
        return refuse(fmt::format("is a VDI disk of {} blocks; at most {} are taken", blocks, k_most_blocks));
    }
    // Counted from the map itself: the header's own count is only a claim.
    constexpr std::size_t k_entries_at_a_time = 65536;
    for (std::uint64_t done = 0; done < blocks;) {
        const std::size_t count = std::min<std::size_t>(k_entries_at_a_time, blocks - done);
        const Fields entries = AMIVIRT_TRY(header(map + done * 4, count * 4, "VDI"));
        for (std::size_t i = 0; i < count; ++i) {
            const std::uint64_t block = entries.le32(i * 4);
            if (block < 0xfffffffe && !fits(data, block + 1, block_size, bytes_.size())) {
                return overrun("VDI", "block map");
            }
        }
        done += count;
    }
    return DiskFormat{"vdi", Bytes{fields.le64(368)}};
}

// --- VHD, which QEMU calls vpc (source: Microsoft, Virtual Hard Disk Image Format Specification) ---

Result<DiskFormat> Examiner::vpc(const Fields& footer) const {
    constexpr std::uint32_t k_fixed = 2;
    constexpr std::uint32_t k_dynamic = 3;
    constexpr std::uint32_t k_differencing = 4;
    const std::uint32_t type = footer.be32(60);
    if (type == k_differencing) {
        return refuse("is a differencing VHD disk, which has a parent; an image must be complete in itself");
    }
    if (type == k_fixed) {
        if (footer.be64(48) > bytes_.size() - k_sector) {
            return truncated("VHD", footer.be64(48));
        }
        return DiskFormat{"vpc", std::nullopt};
    }
    if (type != k_dynamic) {
        return refuse(fmt::format("is a VHD disk of type {}, which is not supported", type));
    }
    const Fields dynamic = AMIVIRT_TRY(header(footer.be64(16), 1024, "VHD"));
    if (!dynamic.has(0, "cxsparse")) {
        return refuse("is a damaged VHD disk image: it has no header of a dynamic disk");
    }
    const std::uint64_t table = dynamic.be64(16);
    const std::uint64_t entries = dynamic.be32(28);
    const std::uint64_t block_size = dynamic.be32(32);
    if (block_size < k_sector || !fits(table, entries, 4, bytes_.size())) {
        return overrun("VHD", "block table");
    }
    if (entries > k_most_blocks) {
        return refuse(fmt::format("is a VHD disk of {} blocks; at most {} are taken", entries, k_most_blocks));
    }
    const std::uint64_t bitmap_size = (block_size / k_sector / 8 + k_sector - 1) / k_sector * k_sector;
    // The last block may be cut to the disk's size; its bitmap may not.
    constexpr std::size_t k_entries_at_a_time = 65536;
    for (std::uint64_t done = 0; done < entries;) {
        const std::size_t count = std::min<std::size_t>(k_entries_at_a_time, entries - done);
        const Fields part = AMIVIRT_TRY(header(table + done * 4, count * 4, "VHD"));
        for (std::size_t i = 0; i < count; ++i) {
            const std::uint64_t sector = part.be32(i * 4);
            const std::uint64_t needed = bitmap_size + (done + i + 1 < entries ? block_size : 0);
            if (sector != 0xffffffff && !fits(sector * k_sector, needed, 1, bytes_.size())) {
                return overrun("VHD", "block table");
            }
        }
        done += count;
    }
    return DiskFormat{"vpc", std::nullopt};  // its size depends on who wrote it: QEMU knows
}

// --- raw ---

/// A partition table that describes a larger disk than the file holds: what a broken-off copy looks like.
Result<void> Examiner::check_partitions(const Fields& head) const {
    const auto complain = [&](std::uint64_t sectors) {
        return refuse(
            fmt::format("is a truncated disk image: its partitions reach to {} and it is {} bytes long",
                        sectors <= std::numeric_limits<std::uint64_t>::max() / k_sector ? fmt::format("byte {}", sectors * k_sector)
                                                                                        : fmt::format("sector {}", sectors),
                        bytes_.size()),
            "Copy or download it again.");
    };
    const std::uint64_t sectors = bytes_.size() / k_sector;
    if (head.has(k_sector, "EFI PART")) {
        const std::uint64_t last_usable = head.le64(k_sector + 48);
        if (last_usable >= sectors) {
            return complain(last_usable);
        }
        return {};
    }
    if (head.u8(510) != 0x55 || head.u8(511) != 0xaa) {
        return {};
    }
    // Some tools round the last partition up to a cylinder.
    constexpr std::uint64_t k_slack = (16ULL << 20U) / k_sector;
    std::uint64_t furthest = 0;
    for (std::size_t entry = 446; entry < 510; entry += 16) {
        const std::uint8_t flag = head.u8(entry);
        if (flag != 0 && flag != 0x80) {
            return {};  // not a partition table but a boot sector
        }
        const std::uint8_t type = head.u8(entry + 4);
        const std::uint64_t start = head.le32(entry + 8);
        const std::uint64_t length = head.le32(entry + 12);
        if (type != 0 && type != 0xee && length != 0) {
            furthest = std::max(furthest, start + length);
        }
    }
    if (furthest > sectors + k_slack) {
        return complain(furthest);
    }
    return {};
}

Result<DiskFormat> Examiner::raw(const Fields& head) const {
    if (head.has(0, "# Disk DescriptorFile")) {
        return refuse("is the descriptor of a VMDK disk whose data is in other files; an image must be complete in itself",
                      std::string(k_convert_hint));
    }
    for (const Foreign& foreign : k_foreign) {
        if (head.has(foreign.offset, foreign.magic)) {
            return refuse(fmt::format("is {}", foreign.what), std::string(foreign.hint));
        }
    }
    if (is_text(head.bytes())) {
        return refuse("is text, not a disk image");
    }
    if (bytes_.size() % k_sector != 0) {
        return refuse(
            fmt::format("is no disk image, or a truncated one: its {} bytes are not whole sectors of {}", bytes_.size(), k_sector));
    }
    AMIVIRT_TRY(check_partitions(head));
    return DiskFormat{"raw", Bytes{bytes_.size()}};
}

}  // namespace

Result<DiskFormat> recognise_disk(const ByteSource& bytes, const std::string& shown_as) { return Examiner(bytes, shown_as).run(); }

}  // namespace amivirt
