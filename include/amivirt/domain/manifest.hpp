// What image.yaml says, parsed; and a catalog of many such images.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "amivirt/domain/image.hpp"
#include "amivirt/domain/product_code.hpp"

namespace amivirt {

/// A source is exactly one of a file, a URL or a recipe.
struct ManifestSource {
    std::string file;  ///< absolute path
    std::string url;
    std::string build;   ///< absolute path of a program called as `build OUT.qcow2`
    std::string sha256;  ///< lower-case hex of the file as stored or sent; "" not said
    friend bool operator==(const ManifestSource&, const ManifestSource&) = default;
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
    std::optional<ImageId> id;  ///< a fresh one if not said
    std::vector<ProductCode> product_codes;
    std::optional<AccountId> owner;  ///< of a catalog's image alone; else whoever registers it
    std::string platform_details;    ///< the same; else what inspection sees
};

/// Each image has an id and a source; no two have the same id, or owner and name.
struct ImageCatalog {
    std::string file;  ///< its absolute path
    std::vector<ImageManifest> images;
};

}  // namespace amivirt
