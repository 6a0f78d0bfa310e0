#include "amivirt/domain/login.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace amivirt {

namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 14> k_users{{
    {"debian", "debian"},
    {"ubuntu", "ubuntu"},
    {"fedora", "fedora"},
    {"amazonlinux", "ec2-user"},
    {"amzn", "ec2-user"},
    {"rhel", "ec2-user"},
    {"centos", "cloud-user"},
    {"rocky", "rocky"},
    {"almalinux", "almalinux"},
    {"oraclelinux", "cloud-user"},
    {"alpinelinux", "alpine"},
    {"archlinux", "arch"},
    {"freebsd", "freebsd"},
    {"openbsd", "openbsd"},
}};

constexpr std::array<std::string_view, 5> k_key_types{"ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
                                                      "ssh-rsa"};

}  // namespace

std::string login_user_of(const Image& image) {
    if (!image.default_user.empty()) {
        return image.default_user;
    }
    const auto* const found =
        std::find_if(k_users.begin(), k_users.end(), [&](const auto& pair) { return pair.first == image.distribution; });
    return std::string(found == k_users.end() ? std::string_view("root") : found->second);
}

std::string host_key_on_console(std::string_view console) {
    constexpr std::string_view begin = "-----BEGIN SSH HOST KEY KEYS-----";
    constexpr std::string_view end = "-----END SSH HOST KEY KEYS-----";
    constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
    // The last one that has its end: the next may be just being printed.
    const auto last = console.rfind(end);
    const auto first = last == std::string_view::npos ? last : console.rfind(begin, last);
    if (first == std::string_view::npos) {
        return {};
    }
    const auto block = console.substr(first + begin.size(), last - first - begin.size());
    for (const auto type : k_key_types) {
        for (std::size_t at = block.find(type); at != std::string_view::npos; at = block.find(type, at + 1)) {
            auto rest = block.substr(at + type.size());
            if (!rest.starts_with(' ')) {
                continue;
            }
            rest.remove_prefix(1);
            const auto blob = rest.substr(0, std::min(rest.find_first_not_of(alphabet), rest.size()));
            if (blob.size() >= 64 && blob.starts_with("AAAA")) {
                return std::string(type).append(" ").append(blob);
            }
        }
    }
    return {};
}

Result<void> check_user_name(std::string_view name) {
    const auto plain = [](char c) { return c > ' ' && c <= '~' && c != '"' && c != '\'' && c != '\\'; };
    if (name.empty() || name.front() == '-' || !std::all_of(name.begin(), name.end(), plain)) {
        return Error(Code::invalid_parameter_value, fmt::format("\"{}\" is no user name", name));
    }
    return {};
}

std::string without_comment(std::string_view public_key) {
    const auto second = public_key.find(' ');
    return std::string(second == std::string_view::npos ? public_key : public_key.substr(0, public_key.find(' ', second + 1)));
}

}  // namespace amivirt
