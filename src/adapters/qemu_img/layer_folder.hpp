// The folder of layers, for those who work on it: names, headers, empty layers, arguments for qemu-img.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/common/files.hpp"
#include "adapters/common/layer_header.hpp"
#include "adapters/qemu_img/region_key.hpp"
#include "amivirt/base/ids.hpp"
#include "amivirt/base/size.hpp"
#include "amivirt/ports/process_runner.hpp"
#include "amivirt/ports/volume_store.hpp"

namespace amivirt {

constexpr std::string_view k_layer_temporary_suffix = ".tmp";
constexpr mode_t k_sealed_mode = 0444;
constexpr mode_t k_writable_mode = 0600;  ///< libvirt hands it to the hypervisor's user when the domain starts

[[nodiscard]] constexpr bool is_sealed(mode_t mode) noexcept { return (mode & 0222U) == 0; }
[[nodiscard]] Result<struct stat> status_of(int fd, const std::string& path);

/// Thread-safe.
class LayerFolder {
public:
    LayerFolder(std::string folder, const std::string& key_file) : folder_(std::move(folder)), key_(key_file) {}

    [[nodiscard]] const std::string& path() const noexcept { return folder_; }
    [[nodiscard]] static std::string name(const LayerId& layer) { return layer_file_name(layer); }
    [[nodiscard]] std::string path(const LayerId& layer) const { return folder_ + "/" + name(layer); }
    [[nodiscard]] std::string temporary(const LayerId& layer) const {
        return folder_ + "/" + layer.str() + std::string(k_layer_temporary_suffix);
    }
    /// Empty, for writing; the folder is made if it is not there.
    [[nodiscard]] Result<files::FileDescriptor> create_temporary(const std::string& file) const;
    /// Makes a file that is whole under its temporary name a sealed layer, durably. Removes both names if it cannot.
    [[nodiscard]] Result<void> name_sealed(const LayerId& layer) const;
    /// An empty layer as the temporary of `layer`. invalid_parameter_value if it is smaller than its parent; store_corrupt if the key is
    /// lost.
    [[nodiscard]] Result<files::FileDescriptor> write_empty(const LayerId& layer, const std::optional<LayerId>& parent, Bytes size,
                                                            Encrypted encrypted);

    /// A file with nothing below it, as qemu-img's argument: its driver explicit, no backing file followed. invalid_parameter_value if the
    /// path is not UTF-8.
    [[nodiscard]] static Result<std::string> alone(const std::string& file, Encrypted encrypted);
    /// Several, each over the next, likewise.
    struct Link {
        std::string file;
        bool encrypted = false;
    };
    /// What is encrypted is opened with the secret `key_id`.
    [[nodiscard]] static Result<std::string> stacked(const std::vector<Link>& links, const char* key_id = RegionKey::k_id);
    /// A file with nothing below it, for --target-image-opts.
    [[nodiscard]] static std::string options(const std::string& file, Encrypted encrypted);
    /// `layer` and its parents as their headers tell. store_corrupt for a cycle.
    [[nodiscard]] Result<std::vector<std::pair<LayerId, LayerHeader>>> chain(const LayerId& layer) const;

    [[nodiscard]] RegionKey& key() noexcept { return key_; }

private:
    [[nodiscard]] Result<bool> any_encrypted() const;

    std::string folder_;
    RegionKey key_;
};

}  // namespace amivirt
