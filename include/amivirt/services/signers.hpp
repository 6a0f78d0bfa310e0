// Whose signatures a region trusts, and whether it demands one: RegionSettings::policy() tells.
#pragma once

#include <string>
#include <vector>

#include "amivirt/ports/catalog.hpp"
#include "amivirt/ports/signatures.hpp"

namespace amivirt {

enum class Demand { no, yes };

class Signers {
public:
    Signers(Catalog& catalog, Signatures& signatures) : catalog_(catalog), signatures_(signatures) {}
    /// A PEM file with an Ed25519 public key. The same key again takes the new name; another key of that name is invalid_parameter_value.
    [[nodiscard]] Result<TrustedSigner> trust(const std::string& file, const std::string& name);
    /// By name or fingerprint; invalid_parameter_value if there is none. Images signed by it stay.
    [[nodiscard]] Result<TrustedSigner> distrust(const std::string& name_or_fingerprint);
    /// From now on a restore, and the launch of a restored image, needs a trusted signature; or no longer.
    [[nodiscard]] Result<void> demand(Demand demand);

private:
    Catalog& catalog_;
    Signatures& signatures_;
};

}  // namespace amivirt
