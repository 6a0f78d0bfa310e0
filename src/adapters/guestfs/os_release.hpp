// What a guest's /etc/os-release says. Pure.
#pragma once

#include <string>
#include <string_view>

namespace amivirt::guestfs {

struct OsRelease {
    std::string id;           ///< "debian"
    std::string pretty_name;  ///< "Debian GNU/Linux 12 (bookworm)"
    std::string version_id;   ///< "12"
};

/// Source: os-release(5). The text is a stranger's: control characters are escaped, lengths cut, an ill-formed id or version is left out.
[[nodiscard]] OsRelease parse_os_release(std::string_view text);

}  // namespace amivirt::guestfs
