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
constexpr std::size_t k_deepest_chain = 1000;

Json node(const LayerFolder::Link& link, const char* key_id) {
    Json result = {{"driver", "qcow2"}, {"file", {{"driver", "file"}, {"filename", link.file}}}, {"backing", nullptr}};
    if (link.encrypted) {
        result["encrypt"] = {{"format", "luks"}, {"key-secret", key_id}};
    }
    return result;
}

}  // namespace

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
    AMIVIRT_TRY(files::make_folders(folder_, k_folder_mode, files::Durable::yes));
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
        luks = luks_header(AMIVIRT_TRY(key_.get_or_make([this] { return any_encrypted(); })));
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

Result<bool> LayerFolder::any_encrypted() const {
    std::error_code error;
    for (std::filesystem::directory_iterator entry(folder_, error), end; !error && entry != end; entry.increment(error)) {
        // What cannot be opened tells nothing, as a disk that libvirt has given to QEMU's user.
        if (entry->path().native().ends_with(k_layer_suffix)) {
            const Result<files::FileDescriptor> fd = files::open(entry->path().native(), O_RDONLY | O_NONBLOCK);
            if (fd && says_encrypted(fd->get())) {
                return true;
            }
        }
    }
    if (error && error != std::errc::no_such_file_or_directory) {
        return files::errno_error(error.value(), "list", folder_);
    }
    return false;
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

Result<std::string> LayerFolder::alone(const std::string& file, Encrypted encrypted) {
    return stacked({{file, encrypted == Encrypted::yes}});
}

Result<std::string> LayerFolder::stacked(const std::vector<Link>& links, const char* key_id) {
    Json below;  // null: nothing
    for (auto link = links.rbegin(); link != links.rend(); ++link) {
        Json next = node(*link, key_id);
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
        const bool cycle = result.size() >= k_deepest_chain ||
                           std::any_of(result.begin(), result.end(), [&](const auto& seen) { return seen.first == *at; });
        if (cycle) {
            return layer_corrupt(path(layer), "has parents without end");
        }
        const LayerId own = *at;
        at = header.parent;
        result.emplace_back(own, std::move(header));
    }
    return result;
}

}  // namespace amivirt
