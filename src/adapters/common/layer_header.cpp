#include "adapters/common/layer_header.hpp"

#include <fmt/format.h>

#include "adapters/common/files.hpp"

namespace amivirt {
namespace {

// Source: QEMU's docs/interop/qcow2.txt.
constexpr std::string_view k_magic = "QFI\xfb";
constexpr std::size_t k_version_2_header = 72;
constexpr std::size_t k_version_3_header = 104;
constexpr std::size_t k_encryption_offset = 32;
constexpr std::size_t k_incompatible_features_offset = 72;
constexpr std::uint64_t k_dirty = 1U << 0U;  ///< refcounts may be behind: QEMU died
constexpr std::uint64_t k_damaged = 1U << 1U;
constexpr std::uint64_t k_external_data = 1U << 2U;
constexpr std::size_t k_longest_backing_name = 1023;

std::uint64_t number(const std::string& bytes, std::size_t at, std::size_t width) {
    std::uint64_t value = 0;
    for (std::size_t i = at; i < at + width; ++i) {
        value = value << 8U | static_cast<unsigned char>(bytes[i]);
    }
    return value;
}

Result<void> check_features(std::uint64_t features, const std::string& path) {
    if ((features & k_damaged) != 0) {
        return layer_corrupt(path, "was marked as damaged by QEMU");
    }
    if ((features & k_external_data) != 0) {
        return layer_corrupt(path, "keeps its data in another file");
    }
    if ((features & ~k_dirty) != 0) {
        return layer_corrupt(path, fmt::format("has features that no layer has (bits {:#x})", features & ~k_dirty));
    }
    return {};
}

}  // namespace

Error layer_corrupt(const std::string& path, std::string_view why) {
    return Error(Code::store_corrupt, fmt::format("The layer's file \"{}\" {}.", path, why));
}

Result<LayerHeader> read_layer_header(int fd, const std::string& path) {
    const std::string bytes = AMIVIRT_TRY(files::read_at(fd, 0, k_version_3_header, path));
    const std::uint64_t version = bytes.size() >= 8 && bytes.starts_with(k_magic) ? number(bytes, 4, 4) : 0;
    if (version != 2 && version != 3) {
        return layer_corrupt(path, "is not a qcow2 image");
    }
    if (bytes.size() < (version == 2 ? k_version_2_header : k_version_3_header)) {
        return layer_corrupt(path, "ends within its header");
    }
    if (version == 3) {
        AMIVIRT_TRY(check_features(number(bytes, k_incompatible_features_offset, 8), path));
    }
    LayerHeader header;
    header.virtual_size = Bytes{number(bytes, 24, 8)};
    header.encrypted = number(bytes, k_encryption_offset, 4) != 0;
    header.backing_offset = number(bytes, 8, 8);
    if (header.backing_offset == 0) {
        return header;
    }
    const std::uint64_t length = number(bytes, 16, 4);
    if (length == 0 || length > k_longest_backing_name || header.backing_offset > (1ULL << 21U)) {
        return layer_corrupt(path, "has a damaged header: the name of its backing file is nowhere");
    }
    const std::string backing = AMIVIRT_TRY(files::read_at(fd, header.backing_offset, static_cast<std::size_t>(length), path));
    if (backing.size() != length) {
        return layer_corrupt(path, "ends within its header");
    }
    if (backing.ends_with(k_layer_suffix)) {
        if (auto parent = LayerId::parse(std::string_view(backing).substr(0, backing.size() - k_layer_suffix.size()))) {
            header.parent = std::move(*parent);
            return header;
        }
    }
    return layer_corrupt(path, fmt::format("has a backing file that is no layer: \"{}\"", files::printable(backing)));
}

bool says_encrypted(int fd) {
    const Result<std::string> bytes = files::read_at(fd, 0, k_encryption_offset + 4, "");
    return bytes && bytes->size() == k_encryption_offset + 4 && bytes->starts_with(k_magic) && number(*bytes, k_encryption_offset, 4) != 0;
}

}  // namespace amivirt
