// What an account has decided of all its volumes and snapshots in the region (source: EC2 EnableEbsEncryptionByDefault,
// EnableSnapshotBlockPublicAccess).
#pragma once

#include <string_view>

#include "amivirt/ports/catalog.hpp"

namespace amivirt {

enum class Encryption { none, by_default };

enum class SnapshotPublicAccess {
    unblocked,
    block_new_sharing,  ///< what is public stays so; nothing more can be made public
    block_all_sharing,  ///< and what is public is as if it were not, until this is lifted
};
[[nodiscard]] std::string_view to_string(SnapshotPublicAccess value) noexcept;  // "block-all-sharing"
[[nodiscard]] Result<SnapshotPublicAccess> parse_snapshot_public_access(std::string_view text);

class EbsSettings {
public:
    EbsSettings(Catalog& catalog, const Clock& clock) : catalog_(catalog), clock_(clock) {}

    /// Where it is by default, every new volume and every copy of a snapshot or image is encrypted that the account makes, whatever its
    /// request says. What is there already stays as it is. Idempotent.
    [[nodiscard]] Result<Encryption> encryption(const AccountId& caller);
    [[nodiscard]] Result<void> set_encryption(const AccountId& caller, Encryption value);
    [[nodiscard]] Result<SnapshotPublicAccess> public_access(const AccountId& caller);
    [[nodiscard]] Result<void> set_public_access(const AccountId& caller, SnapshotPublicAccess value);

    // The same in a transaction of the caller's.
    [[nodiscard]] static Result<Encryption> encryption(CatalogSession& session, const AccountId& account);
    [[nodiscard]] static Result<SnapshotPublicAccess> public_access(CatalogSession& session, const AccountId& account);

private:
    Catalog& catalog_;
    const Clock& clock_;
};

}  // namespace amivirt
