#include "adapters/qemu_img/layer_folder.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>

#include "adapters/qemu_img/luks.hpp"
#include "adapters/qemu_img/overlay.hpp"
#include "adapters/qemu_img/tool.hpp"
#include "amivirt/base/fault.hpp"

namespace amivirt {
namespace {

using Json = nlohmann::json;

constexpr mode_t k_folder_mode = 0711;  ///< the hypervisor's user passes through, nobody lists
constexpr std::size_t k_version_2_header = 72;
constexpr std::size_t k_version_3_header = 104;
constexpr std::size_t k_longest_backing_name = 1023;
constexpr std::size_t k_deepest_chain = 1000;

std::uint64_t number(const std::string& bytes, std::size_t at, std::size_t width) {
    std::uint64_t value = 0;
    for (std::size_t i = at; i < at + width; ++i) {
        value = value << 8U | static_cast<unsigned char>(bytes[i]);
    }
    return value;
}

Error corrupt(const std::string& path, std::string_view why) {
    return Error(Code::store_corrupt, fmt::format("The layer's file \"{}\" {}.", path, why));
}

Json node(const LayerFolder::Link& link) {
    Json result = {{"driver", "qcow2"}, {"file", {{"driver", "file"}, {"filename", link.file}}}, {"backing", nullptr}};
    if (link.encrypted) {
        result["encrypt"] = {{"format", "luks"}, {"key-secret", RegionKey::k_id}};
    }
    return result;
}

}  // namespace

Result<LayerHeader> read_layer_header(int fd, const std::string& path) {
    const std::string bytes = AMIVIRT_TRY(files::read_at(fd, 0, k_version_3_header, path));
    const std::uint64_t version = bytes.size() >= 8 && bytes.starts_with("QFI\xfb") ? number(bytes, 4, 4) : 0;
    if (version != 2 && version != 3) {
        return corrupt(path, "is not a qcow2 image");
    }
    if (bytes.size() < (version == 2 ? k_version_2_header : k_version_3_header)) {
        return corrupt(path, "ends within its header");
    }
    LayerHeader header;
    header.virtual_size = Bytes{number(bytes, 24, 8)};
    header.encrypted = number(bytes, 32, 4) != 0;
    header.backing_offset = number(bytes, 8, 8);
    if (header.backing_offset == 0) {
        return header;
    }
    const std::uint64_t length = number(bytes, 16, 4);
    if (length == 0 || length > k_longest_backing_name || header.backing_offset > (1ULL << 21U)) {
        return corrupt(path, "has a damaged header: the name of its backing file is nowhere");
    }
    header.backing = AMIVIRT_TRY(files::read_at(fd, header.backing_offset, static_cast<std::size_t>(length), path));
    if (header.backing.size() != length) {
        return corrupt(path, "ends within its header");
    }
    if (header.backing.ends_with(k_layer_suffix)) {
        if (auto parent = LayerId::parse(header.backing.substr(0, header.backing.size() - k_layer_suffix.size()))) {
            header.parent = std::move(*parent);
        }
    }
    return header;
}

Result<struct stat> status_of(int fd, const std::string& path) {
    struct stat status {};
    if (::fstat(fd, &status) != 0) {
        return files::errno_error(errno, "look at", path);
    }
    return status;
}

Result<files::FileDescriptor> LayerFolder::create_temporary(const std::string& file) const {
    // The folder is nearly always there: asked for only when it is not.
    Result<files::FileDescriptor> fd = files::open(file, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, k_writable_mode);
    if (fd || ::access(folder_.c_str(), F_OK) == 0) {
        return fd;
    }
    AMIVIRT_TRY(files::make_folders(folder_, k_folder_mode));
    return files::open(file, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, k_writable_mode);
}

Result<files::FileDescriptor> LayerFolder::write_empty(const LayerId& layer, const std::optional<LayerId>& parent, Bytes size,
                                                       Encrypted encrypted) {
    std::string parent_name;
    if (parent) {
        const std::string parent_path = path(*parent);
        const files::FileDescriptor fd = AMIVIRT_TRY(files::open(parent_path, O_RDONLY));
        const LayerHeader below = AMIVIRT_TRY(read_layer_header(fd.get(), parent_path));
        const Bytes least = below.virtual_size;
        if (size < least) {
            return Error(Code::invalid_parameter_value, fmt::format("A disk of {} cannot be made over layer \"{}\", which holds {}.",
                                                                    human(size), parent->str(), human(least)));
        }
        parent_name = name(*parent);
    }
    std::string luks;
    if (encrypted == Encrypted::yes) {
        // A new key in the place of a lost one would be worse than none.
        const bool is_lost = ::access(key_.file().c_str(), F_OK) != 0 && AMIVIRT_TRY(holds_encrypted());
        Result<std::string> key = is_lost ? key_.get() : key_.get_or_make();
        luks = luks_header(AMIVIRT_TRY(std::move(key)));
    }
    const SparseFile overlay = AMIVIRT_TRY(empty_overlay(size, parent_name, luks));
    const std::string file = temporary(layer);
    files::FileDescriptor fd = AMIVIRT_TRY(create_temporary(file));
    fault_point("volume_store.create_opened");
    for (const auto& [offset, bytes] : overlay.pieces) {
        AMIVIRT_TRY(files::write_at(fd.get(), bytes, offset, file));
    }
    if (::ftruncate(fd.get(), static_cast<off_t>(overlay.length)) != 0) {
        return files::errno_error(errno, "write", file);
    }
    return fd;
}

Result<void> LayerFolder::name_sealed(const LayerId& layer) const {
    const std::string file = temporary(layer);
    files::RemoveLater guard(file);
    {
        const files::FileDescriptor fd = AMIVIRT_TRY(files::open(file, O_RDWR));
        if (::fchmod(fd.get(), k_sealed_mode) != 0) {
            return files::errno_error(errno, "set the mode of", file);
        }
        AMIVIRT_TRY(files::sync(fd.get(), file));
    }
    fault_point("layers.synced");
    AMIVIRT_TRY(files::rename(file, path(layer)));
    guard.keep();
    files::RemoveLater named(path(layer));
    fault_point("layers.named");
    AMIVIRT_TRY(files::sync_folder(folder_));
    named.keep();
    return {};
}

/// Is a layer's file encrypted? What is no qcow2 image is not. Reads every header: for when the key is not there.
Result<bool> LayerFolder::holds_encrypted() const {
    std::error_code failure;
    for (std::filesystem::directory_iterator at(folder_, failure), end; !failure && at != end; at.increment(failure)) {
        const std::string file = at->path().string();
        if (!file.ends_with(k_layer_suffix)) {
            continue;
        }
        const Result<files::FileDescriptor> fd = files::open(file, O_RDONLY | O_NONBLOCK);
        if (!fd && ::access(file.c_str(), F_OK) == 0) {
            return fd.error();
        }
        const Result<LayerHeader> header = fd ? read_layer_header(fd->get(), file) : LayerHeader{};
        if (header && header->encrypted) {
            return true;
        }
    }
    if (failure && failure != std::errc::no_such_file_or_directory) {
        return files::errno_error(failure.value(), "list", folder_);
    }
    return false;
}

Result<std::string> LayerFolder::alone(const std::string& file, Encrypted encrypted) {
    return stacked({{file, encrypted == Encrypted::yes}});
}

Result<std::string> LayerFolder::stacked(const std::vector<Link>& links) {
    Json below;  // null: nothing
    for (auto link = links.rbegin(); link != links.rend(); ++link) {
        Json next = node(*link);
        next["backing"] = std::move(below);
        below = std::move(next);
    }
    try {
        return "json:" + below.dump();
    } catch (const Json::exception&) {
        return Error(Code::invalid_parameter_value,
                     fmt::format("The layers' folder \"{}\" has a name that is not UTF-8.", files::printable(links.front().file)));
    }
}

std::string LayerFolder::options(const std::string& file, Encrypted encrypted) {
    return fmt::format("driver=qcow2,file.driver=file,file.filename={}{}", qemu_img::option_value(file),
                       encrypted == Encrypted::yes ? fmt::format(",encrypt.format=luks,encrypt.key-secret={}", RegionKey::k_id) : "");
}

Result<std::vector<std::pair<LayerId, LayerHeader>>> LayerFolder::chain(const LayerId& layer) const {
    std::vector<std::pair<LayerId, LayerHeader>> result;
    std::optional<LayerId> at = layer;
    while (at) {
        const std::string file = path(*at);
        const files::FileDescriptor fd = AMIVIRT_TRY(files::open(file, O_RDONLY));
        LayerHeader header = AMIVIRT_TRY(read_layer_header(fd.get(), file));
        if (!header.backing.empty() && !header.parent) {
            return corrupt(file, fmt::format("has a backing file that is no layer (\"{}\")", files::printable(header.backing)));
        }
        const bool cycle = result.size() >= k_deepest_chain ||
                           std::any_of(result.begin(), result.end(), [&](const auto& seen) { return seen.first == *at; });
        if (cycle) {
            return corrupt(path(layer), "has parents without end");
        }
        const LayerId own = *at;
        at = header.parent;
        result.emplace_back(own, std::move(header));
    }
    return result;
}

}  // namespace amivirt
