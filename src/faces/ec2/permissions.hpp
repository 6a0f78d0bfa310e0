// Launch permissions of images and create-volume permissions of snapshots, as requests say them.
#pragma once

#include <string>
#include <string_view>

#include "amivirt/domain/image.hpp"
#include "faces/ec2/parameters.hpp"

namespace amivirt::ec2 {

struct PermissionChange {
    LaunchPermissions added;
    LaunchPermissions removed;
    [[nodiscard]] bool any() const { return added != LaunchPermissions() || removed != LaunchPermissions(); }
};

/// NAME.Add.N and NAME.Remove.N, and the older OperationType with UserId.N and UserGroup.N: Packer sends both. The fault for a group other
/// than `all`, and for what is no account id, has the code `bad_item`.
[[nodiscard]] PermissionChange permission_change(const Parameters& in, std::string_view name, Code bad_item);

/// Without the blanks that Ansible sends around it, its first letter small.
[[nodiscard]] std::string attribute_name(std::string text);

}  // namespace amivirt::ec2
