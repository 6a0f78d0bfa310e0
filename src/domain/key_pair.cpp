#include "amivirt/domain/key_pair.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "words.hpp"

namespace amivirt {

std::string_view to_string(KeyType value) noexcept { return value == KeyType::rsa ? "rsa" : "ed25519"; }

Result<KeyType> parse_key_type(std::string_view text) {
    if (text == "rsa") {
        return KeyType::rsa;
    }
    if (text == "ed25519") {
        return KeyType::ed25519;
    }
    return Error(Code::invalid_parameter_value, fmt::format("key type \"{}\" is not known", text), "ed25519, rsa");
}

Result<void> check_key_name(std::string_view name) {
    const bool printable = std::ranges::all_of(name, [](char c) { return c >= ' ' && c <= '~'; });
    if (name.empty() || name.size() > 255 || !printable || name.front() == ' ' || name.back() == ' ') {
        return Error(Code::invalid_parameter_value, fmt::format("key name \"{}\" is not 1 to 255 printable ASCII characters", name));
    }
    return {};
}

}  // namespace amivirt
