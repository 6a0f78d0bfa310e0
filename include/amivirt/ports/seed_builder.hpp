// NoCloud seeds (source: cloud-init's NoCloud datasource: a file system labelled cidata with meta-data, user-data, vendor-data and
// network-config).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "amivirt/base/ids.hpp"

namespace amivirt {

struct Seed {
    InstanceId instance;
    std::string hostname;
    std::vector<std::string> public_keys;  ///< OpenSSH lines
    std::string user_data;                 ///< as given; empty: "#cloud-config\n{}\n"
    // What follows is left out of the seed where it is empty.
    std::string reservation;
    std::optional<unsigned> launch_index{};
    std::vector<std::string> security_groups{};  ///< names
    std::string image;
    std::string type;
    std::string zone;
    std::string local_ipv4;
    std::string mac_address;       ///< of the network card, which gets its addresses by DHCP
    std::string host_key;          ///< the SSH host key that the guest shall have: its public half, an OpenSSH line,
    std::string host_private_key;  ///< and its private half, in OpenSSH's form
};

class SeedBuilder {
public:
    virtual ~SeedBuilder() = default;
    /// The bytes of an ISO 9660 (Rock Ridge, Joliet) image labelled cidata; pure: same seed, same bytes.
    [[nodiscard]] virtual Result<std::string> build(const Seed& seed) = 0;
};

}  // namespace amivirt
