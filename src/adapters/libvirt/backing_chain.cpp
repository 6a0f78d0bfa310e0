#include "adapters/libvirt/backing_chain.hpp"

#include <sys/stat.h>

#include <array>
#include <cstdint>
#include <fstream>
#include <optional>
#include <string_view>

namespace amivirt::libvirt {
namespace {

// Source: QEMU's docs/interop/qcow2.txt.
constexpr std::uint32_t k_magic = 0x514649fb;
constexpr std::uint32_t k_backing_format_extension = 0xe2792aca;
constexpr std::size_t k_version_2_length = 72;
constexpr std::size_t k_header_length_offset = 100;
constexpr std::size_t k_encryption_offset = 32;
constexpr std::size_t k_longest_name = 1023;
constexpr std::size_t k_deepest_chain = 200;  // as deep as libvirt's own limit

/// The start of a file; header, extensions and backing file name are all in the first cluster.
class Header {
public:
    explicit Header(const std::string& path) {
        std::ifstream file(path, std::ios::binary);
        if (file) {
            file.read(bytes_.data(), static_cast<std::streamsize>(bytes_.size()));
            size_ = static_cast<std::size_t>(file.gcount());
        }
    }
    [[nodiscard]] std::uint64_t number(std::size_t offset, std::size_t width) const {
        std::uint64_t value = 0;
        for (std::size_t i = 0; i < width; ++i) {
            value = value << 8U | (offset + i < size_ ? static_cast<unsigned char>(bytes_.at(offset + i)) : 0U);
        }
        return value;
    }
    /// nullopt if it reaches beyond what was read.
    [[nodiscard]] std::optional<std::string> text(std::uint64_t offset, std::uint64_t length) const {
        if (offset > size_ || length > size_ - offset) {
            return {};
        }
        return std::string(bytes_.data() + offset, length);
    }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

private:
    std::array<char, 16384> bytes_{};
    std::size_t size_ = 0;
};

std::optional<std::string> backing_format(const Header& header) {
    const std::uint64_t version = header.number(4, 4);
    std::uint64_t at = version >= 3 ? header.number(k_header_length_offset, 4) : k_version_2_length;
    while (at + 8 <= header.size()) {
        const std::uint64_t type = header.number(at, 4);
        const std::uint64_t length = header.number(at + 4, 4);
        if (type == 0) {
            break;
        }
        if (type == k_backing_format_extension) {
            return header.text(at + 8, length);
        }
        at += 8 + (length + 7) / 8 * 8;
    }
    return {};
}

enum class Below { nothing, file, unknown };

Below look_below(const std::string& path, const Header& header, DiskSource& backing) {
    const std::uint64_t offset = header.number(8, 8);
    const std::uint64_t length = header.number(16, 4);
    if (offset == 0) {
        return Below::nothing;
    }
    const std::optional<std::string> name = length <= k_longest_name ? header.text(offset, length) : std::nullopt;
    const std::optional<std::string> format = backing_format(header);
    // "json:" and other protocols are never written by us.
    if (!name || name->empty() || name->find(':') != std::string::npos || !format || (*format != "qcow2" && *format != "raw")) {
        return Below::unknown;
    }
    backing.location = name->front() == '/' ? *name : path.substr(0, path.rfind('/') + 1) + *name;
    backing.format = *format;
    return Below::file;
}

}  // namespace

DiskChain disk_chain(const DiskSource& disk) {
    DiskChain chain;
    DiskSource current = disk;
    while (current.format == "qcow2") {
        const Header header(current.location);
        const bool is_qcow2 = header.number(0, 4) == k_magic;
        if (is_qcow2 && header.number(k_encryption_offset, 4) != 0) {
            (chain.below.empty() ? chain.top : chain.below.back().encrypted) = Encrypted::yes;
        }
        DiskSource below;
        const Below found = is_qcow2 ? look_below(current.location, header, below) : Below::unknown;
        if (found == Below::nothing) {
            return chain;
        }
        struct stat status {};
        if (found == Below::unknown || chain.below.size() == k_deepest_chain || stat(below.location.c_str(), &status) != 0) {
            return {chain.top, {}};
        }
        chain.below.push_back({below, (status.st_mode & S_IROTH) != 0 ? Relabel::no : Relabel::yes});
        current = std::move(below);
    }
    return chain;
}

}  // namespace amivirt::libvirt
