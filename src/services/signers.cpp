#include "amivirt/services/signers.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "amivirt/domain/signing.hpp"

namespace amivirt {

namespace {

constexpr std::size_t k_longest_name = 64;

Result<void> check_name(const std::string& name) {
    const bool printable = std::all_of(name.begin(), name.end(), [](unsigned char c) { return c >= 0x20 && c != 0x7f; });
    if (name.empty() || name.size() > k_longest_name || !printable) {
        return Error(Code::invalid_parameter_value,
                     fmt::format("a signer's name is 1 to {} printable characters, not \"{}\"", k_longest_name, printable ? name : "..."));
    }
    return {};
}

}  // namespace

Result<TrustedSigner> Signers::trust(const std::string& file, const std::string& name) {
    AMIVIRT_TRY(check_name(name));
    auto signer = AMIVIRT_TRY(signatures_.read_public_key(file));
    signer.name = name;
    AMIVIRT_TRY(catalog_.write([&](CatalogSession& session) -> Result<void> {
        auto policy = AMIVIRT_TRY(session.policy());
        std::erase_if(policy.signers, [&](const TrustedSigner& known) { return known.fingerprint == signer.fingerprint; });
        for (const auto& known : policy.signers) {
            if (known.name == name) {
                return Error(Code::invalid_parameter_value,
                             fmt::format("a signer \"{}\" is trusted already, with the key {}", name, known.fingerprint),
                             "take another name, or first `amivirt signer distrust` that one");
            }
        }
        policy.signers.push_back(signer);
        std::sort(policy.signers.begin(), policy.signers.end(),
                  [](const TrustedSigner& a, const TrustedSigner& b) { return a.fingerprint < b.fingerprint; });
        return session.set_policy(policy);
    }));
    return signer;
}

Result<TrustedSigner> Signers::distrust(const std::string& name_or_fingerprint) {
    TrustedSigner gone;
    AMIVIRT_TRY(catalog_.write([&](CatalogSession& session) -> Result<void> {
        auto policy = AMIVIRT_TRY(session.policy());
        const auto at = std::find_if(policy.signers.begin(), policy.signers.end(), [&](const TrustedSigner& signer) {
            return signer.name == name_or_fingerprint || signer.fingerprint == name_or_fingerprint;
        });
        if (at == policy.signers.end()) {
            return Error(Code::resource_not_found, fmt::format("no signer \"{}\" is trusted", name_or_fingerprint),
                         "`amivirt signer list` shows who is");
        }
        gone = *at;
        policy.signers.erase(at);
        return session.set_policy(policy);
    }));
    return gone;
}

Result<void> Signers::demand(Demand demand) {
    return catalog_.write([&](CatalogSession& session) -> Result<void> {
        auto policy = AMIVIRT_TRY(session.policy());
        policy.demand_signature = demand == Demand::yes;
        return session.set_policy(policy);
    });
}

}  // namespace amivirt
