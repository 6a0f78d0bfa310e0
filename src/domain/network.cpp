#include "amivirt/domain/network.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace amivirt {

Result<NetworkChoice> parse_network(std::string_view text) {
    constexpr std::string_view k_network = "network:";
    constexpr std::string_view k_bridge = "bridge:";
    constexpr std::size_t k_longest_network = 100;
    constexpr std::size_t k_longest_bridge = 15;
    if (text == "user") {
        return NetworkChoice{};
    }
    const bool is_bridge = text.starts_with(k_bridge);
    std::string_view name = text;
    if (is_bridge || text.starts_with(k_network)) {
        name.remove_prefix((is_bridge ? k_bridge : k_network).size());
    }
    const bool is_clean = std::none_of(name.begin(), name.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte <= ' ' || byte == 0x7F || c == '/';
    });
    if (name.empty() || !is_clean || name.size() > (is_bridge ? k_longest_bridge : k_longest_network)) {
        return Error(Code::invalid_parameter_value, fmt::format("\"{}\" is not a network", text),
                     "\"user\", the name of a libvirt network, or \"bridge:NAME\" of a bridge of this host");
    }
    return NetworkChoice{is_bridge ? NetworkChoice::Kind::bridge : NetworkChoice::Kind::network, std::string(name)};
}

std::string to_string(const NetworkChoice& choice) {
    switch (choice.kind) {
        case NetworkChoice::Kind::user:
            break;
        case NetworkChoice::Kind::network:
            return "network:" + choice.name;
        case NetworkChoice::Kind::bridge:
            return "bridge:" + choice.name;
    }
    return "user";
}

}  // namespace amivirt
