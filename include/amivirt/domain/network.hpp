// What an instance's network card is plugged into.
#pragma once

#include <string>
#include <string_view>

#include "amivirt/base/result.hpp"

namespace amivirt {

struct NetworkChoice {
    enum class Kind {
        user,     ///< QEMU's own: out to everywhere, in only by forwarded ports; no address that others reach
        network,  ///< libvirt's, by name
        bridge,   ///< of the host, by name
    };
    Kind kind = Kind::user;
    std::string name;  ///< "" for the user network
    friend bool operator==(const NetworkChoice&, const NetworkChoice&) = default;
};

/// "user", "NAME" or "network:NAME", "bridge:NAME". invalid_parameter_value: no name, one that is too long (a network's 100, a bridge's 15
/// characters: source: IFNAMSIZ) or that holds a slash, a space or a control character.
[[nodiscard]] Result<NetworkChoice> parse_network(std::string_view text);
/// As it stands in Instance::network: "user", "network:NAME", "bridge:NAME".
[[nodiscard]] std::string to_string(const NetworkChoice& choice);

}  // namespace amivirt
