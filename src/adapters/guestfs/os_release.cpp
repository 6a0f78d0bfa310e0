#include "adapters/guestfs/os_release.hpp"

#include <algorithm>
#include <cctype>

#include "adapters/common/files.hpp"

namespace amivirt::guestfs {

namespace {

/// Without its shell quotes.
std::string value_of(std::string_view text) {
    if (text.empty() || (text.front() != '"' && text.front() != '\'')) {
        return std::string(text.substr(0, text.find_first_of(" \t\r")));
    }
    const char quote = text.front();
    std::string value;
    for (std::size_t i = 1; i < text.size() && text[i] != quote; ++i) {
        if (quote == '"' && text[i] == '\\' && i + 1 < text.size()) {
            ++i;
        }
        value += text[i];
    }
    return value;
}

bool id_ok(std::string_view id) {
    return id.size() <= 64 && std::all_of(id.begin(), id.end(), [](unsigned char c) {
               return std::islower(c) != 0 || std::isdigit(c) != 0 || c == '.' || c == '_' || c == '-';
           });
}

}  // namespace

OsRelease parse_os_release(std::string_view text) {
    OsRelease result;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        const std::size_t equals = line.find('=');
        if (equals == std::string_view::npos) {
            continue;
        }
        const std::string_view key = line.substr(0, equals);
        if (key == "PRETTY_NAME") {
            result.pretty_name = files::printable(value_of(line.substr(equals + 1)));
        } else if (key == "ID") {
            const std::string id = value_of(line.substr(equals + 1));
            result.id = id_ok(id) ? id : std::string();
        } else if (key == "VERSION_ID") {
            const std::string version = value_of(line.substr(equals + 1));
            result.version_id = id_ok(version) ? version : std::string();
        }
    }
    return result;
}

}  // namespace amivirt::guestfs
