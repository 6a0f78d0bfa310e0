// NoCloud seeds (source: cloud-init's NoCloud datasource: a file system labelled cidata with meta-data and user-data).
#pragma once

#include <string>
#include <vector>

#include "amivirt/base/ids.hpp"

namespace amivirt {

struct Seed {
    InstanceId instance;
    std::string hostname;
    std::vector<std::string> public_keys;  ///< OpenSSH lines
    std::string user_data;                 ///< as given; empty: "#cloud-config\n{}\n"
};

class SeedBuilder {
public:
    virtual ~SeedBuilder() = default;
    /// The bytes of an ISO 9660 (Rock Ridge, Joliet) image labelled cidata; pure: same seed, same bytes.
    [[nodiscard]] virtual Result<std::string> build(const Seed& seed) = 0;
};

}  // namespace amivirt
