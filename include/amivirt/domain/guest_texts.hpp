// What the files of a Linux guest say. Pure; the texts are strangers': lines that are ill-formed are passed over.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace amivirt {

/// A line of /etc/passwd (source: passwd(5)).
struct GuestUser {
    std::string name;
    std::string password;  ///< "x": in /etc/shadow; "": none is asked for
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::string home;
    std::string shell;
    friend bool operator==(const GuestUser&, const GuestUser&) = default;
};
[[nodiscard]] std::vector<GuestUser> parse_passwd(std::string_view text);

/// Who of /etc/shadow, or of an /etc/passwd that holds passwords itself, gets in by password (source: shadow(5), crypt(5)).
struct OpenPassword {
    std::string user;
    bool empty = false;  ///< none is asked for; else there is a hash
};
[[nodiscard]] std::vector<OpenPassword> open_passwords(std::string_view text);
/// The same text with those passwords locked ("!").
[[nodiscard]] std::string lock_passwords(std::string_view text);

/// Installed packages of dpkg's status file: name (with ":arch" where one name is there for several) -> version.
[[nodiscard]] std::map<std::string, std::string> parse_dpkg_status(std::string_view text);

/// PEM (PKCS#1, PKCS#8, OpenSSH, ...) or PuTTY's form.
[[nodiscard]] bool holds_private_key(std::string_view text);
/// Lines that are neither empty nor a comment.
[[nodiscard]] std::size_t meaningful_lines(std::string_view text);

}  // namespace amivirt
