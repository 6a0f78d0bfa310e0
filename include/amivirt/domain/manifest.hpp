// What image.yaml says, parsed.
#pragma once

#include <optional>
#include <string>

#include "amivirt/domain/image.hpp"

namespace amivirt {

/// A source is exactly one of a file, a URL or a recipe.
struct ManifestSource {
    std::string file;  ///< absolute path
    std::string url;
    std::string build;   ///< absolute path of a program called as `build OUT.qcow2`
    std::string sha256;  ///< lower-case hex of the file as stored or sent; "" not said
};

struct ImageManifest {
    std::string name;
    std::string description;
    std::optional<Architecture> architecture;
    std::optional<BootMode> boot_mode;
    std::string platform;
    std::string default_user;
    std::string root_device_name = "/dev/sda1";
    RootDeviceType root_device_type = RootDeviceType::ebs;
    ManifestSource source;
    BlockDeviceMapping mapping;
    LaunchPermissions permissions;
    Tags tags;
};

}  // namespace amivirt
