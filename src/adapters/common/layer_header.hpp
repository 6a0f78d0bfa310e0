// A layer's file as its qcow2 header tells it: for the store, and for libvirt, which must be told the same.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "amivirt/base/ids.hpp"
#include "amivirt/base/result.hpp"
#include "amivirt/base/size.hpp"

namespace amivirt {

constexpr std::string_view k_layer_suffix = ".qcow2";

[[nodiscard]] inline std::string layer_file_name(const LayerId& layer) { return layer.str() + std::string(k_layer_suffix); }

/// What of a layer's qcow2 header matters to us.
struct LayerHeader {
    Bytes virtual_size;
    std::uint64_t backing_offset = 0;  ///< where the parent's name is stored; 0: none
    std::optional<LayerId> parent;
    bool encrypted = false;
};

/// store_corrupt if it is no qcow2 image or ends within its header; if it stands on anything but a layer of the same folder, named without
/// a path: whoever could write to the header would choose which of the host's files the guest gets; and if it was marked as damaged or
/// keeps its data in another file.
[[nodiscard]] Result<LayerHeader> read_layer_header(int fd, const std::string& path);

/// Does the file say that it is encrypted, whatever else is wrong with it?
[[nodiscard]] bool says_encrypted(int fd);

/// store_corrupt: `The layer's file "/x" <why>.`
[[nodiscard]] Error layer_corrupt(const std::string& path, std::string_view why);

}  // namespace amivirt
