#include "amivirt/domain/guest_texts.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace amivirt {

namespace {

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    for (std::size_t at = 0; at <= text.size();) {
        const std::size_t end = std::min(text.find(separator, at), text.size());
        parts.push_back(text.substr(at, end - at));
        at = end + 1;
    }
    return parts;
}

std::optional<std::uint32_t> number(std::string_view text) {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return !text.empty() && error == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

/// Does crypt(5) know the method? Anything else matches no password: that is how accounts are locked.
bool is_hash(std::string_view field) {
    constexpr std::size_t des = 13;
    return field.starts_with('$') || field.starts_with('_') || (field.size() == des && std::all_of(field.begin(), field.end(), [](char c) {
                                                                    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                                                                           (c >= 'a' && c <= 'z') || c == '.' || c == '/';
                                                                }));
}

bool is_open(const std::vector<std::string_view>& fields) {
    return fields.size() > 2 && !fields[0].empty() && (fields[1].empty() || is_hash(fields[1]));
}

}  // namespace

std::vector<GuestUser> parse_passwd(std::string_view text) {
    std::vector<GuestUser> users;
    for (const auto line : split(text, '\n')) {
        const auto fields = split(line, ':');
        if (fields.size() != 7 || fields[0].empty()) {
            continue;
        }
        const auto uid = number(fields[2]);
        const auto gid = number(fields[3]);
        if (uid && gid) {
            users.push_back({std::string(fields[0]), std::string(fields[1]), *uid, *gid, std::string(fields[5]), std::string(fields[6])});
        }
    }
    return users;
}

std::vector<OpenPassword> open_passwords(std::string_view text) {
    std::vector<OpenPassword> open;
    for (const auto line : split(text, '\n')) {
        if (const auto fields = split(line, ':'); is_open(fields)) {
            open.push_back({std::string(fields[0]), fields[1].empty()});
        }
    }
    return open;
}

std::string lock_passwords(std::string_view text) {
    std::string out;
    for (const auto line : split(text, '\n')) {
        const auto fields = split(line, ':');
        out += out.empty() && line.data() == text.data() ? "" : "\n";
        if (is_open(fields)) {
            out += fields[0];
            out += ":!";
            out += line.substr(fields[0].size() + 1 + fields[1].size());
        } else {
            out += line;
        }
    }
    return out;
}

std::map<std::string, std::string> parse_dpkg_status(std::string_view text) {
    struct Package {
        std::string name;
        std::string architecture;
        std::string version;
        bool installed = false;
    };
    std::vector<Package> packages;
    std::map<std::string, unsigned> times;
    Package now;
    const auto end_stanza = [&] {
        if (!now.name.empty() && now.installed) {
            ++times[now.name];
            packages.push_back(now);
        }
        now = {};
    };
    for (const auto line : split(text, '\n')) {
        if (line.empty()) {
            end_stanza();
        }
        const auto value = [&](std::string_view field) -> std::optional<std::string_view> {
            return line.starts_with(field) ? std::optional(line.substr(field.size())) : std::nullopt;
        };
        if (const auto name = value("Package: ")) {
            now.name = *name;
        } else if (const auto version = value("Version: ")) {
            now.version = *version;
        } else if (const auto architecture = value("Architecture: ")) {
            now.architecture = *architecture;
        } else if (const auto status = value("Status: ")) {
            now.installed = status->ends_with(" installed");
        }
    }
    end_stanza();
    std::map<std::string, std::string> installed;
    for (const auto& package : packages) {
        installed[times[package.name] > 1 ? package.name + ":" + package.architecture : package.name] = package.version;
    }
    return installed;
}

bool holds_private_key(std::string_view text) {
    return text.find("PRIVATE KEY-----") != std::string_view::npos || text.starts_with("PuTTY-User-Key-File-");
}

std::size_t meaningful_lines(std::string_view text) {
    const auto lines = split(text, '\n');
    return static_cast<std::size_t>(std::count_if(lines.begin(), lines.end(), [](std::string_view line) {
        const std::size_t first = line.find_first_not_of(" \t\r");
        return first != std::string_view::npos && line[first] != '#';
    }));
}

}  // namespace amivirt
