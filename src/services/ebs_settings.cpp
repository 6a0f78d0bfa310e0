#include "amivirt/services/ebs_settings.hpp"

#include "kept_json.hpp"

namespace amivirt {

namespace {

const std::string k_ebs_settings = "ebs-settings";  // by account
constexpr const char* k_encrypt_member = "encryptionByDefault";
constexpr const char* k_access_member = "snapshotPublicAccess";

Result<kept::Json> settings_of(CatalogSession& session, const AccountId& account) {
    auto body = AMIVIRT_TRY(kept::find(session, k_ebs_settings, account.str()));
    return body ? std::move(*body) : kept::Json::object();
}

template <class Value>
Result<void> set_member(Catalog& catalog, const AccountId& account, const char* name, const Value& value, TimePoint now) {
    return catalog.write([&](CatalogSession& session) -> Result<void> {
        auto body = AMIVIRT_TRY(settings_of(session, account));
        body[name] = value;
        return kept::put(session, k_ebs_settings, account.str(), account.str(), body, now);
    });
}

}  // namespace

std::string_view to_string(SnapshotPublicAccess value) noexcept {
    switch (value) {
        case SnapshotPublicAccess::block_new_sharing:
            return "block-new-sharing";
        case SnapshotPublicAccess::block_all_sharing:
            return "block-all-sharing";
        case SnapshotPublicAccess::unblocked:
            break;
    }
    return "unblocked";
}

Result<SnapshotPublicAccess> parse_snapshot_public_access(std::string_view text) {
    for (const auto value :
         {SnapshotPublicAccess::unblocked, SnapshotPublicAccess::block_new_sharing, SnapshotPublicAccess::block_all_sharing}) {
        if (to_string(value) == text) {
            return value;
        }
    }
    return Error(Code::invalid_parameter_value,
                 fmt::format("Invalid state \"{}\" (expecting unblocked | block-new-sharing | block-all-sharing)", text));
}

Result<Encryption> EbsSettings::encryption(CatalogSession& session, const AccountId& account) {
    return kept::flag(AMIVIRT_TRY(settings_of(session, account)), k_encrypt_member) ? Encryption::by_default : Encryption::none;
}

Result<SnapshotPublicAccess> EbsSettings::public_access(CatalogSession& session, const AccountId& account) {
    const auto word = kept::text(AMIVIRT_TRY(settings_of(session, account)), k_access_member);
    return word.empty() ? SnapshotPublicAccess::unblocked : parse_snapshot_public_access(word);
}

Result<Encryption> EbsSettings::encryption(const AccountId& caller) {
    Encryption value = Encryption::none;
    AMIVIRT_TRY(catalog_.read([&](CatalogSession& session) -> Result<void> {
        value = AMIVIRT_TRY(encryption(session, caller));
        return {};
    }));
    return value;
}

Result<void> EbsSettings::set_encryption(const AccountId& caller, Encryption value) {
    return set_member(catalog_, caller, k_encrypt_member, value == Encryption::by_default, clock_.now());
}

Result<SnapshotPublicAccess> EbsSettings::public_access(const AccountId& caller) {
    SnapshotPublicAccess value = SnapshotPublicAccess::unblocked;
    AMIVIRT_TRY(catalog_.read([&](CatalogSession& session) -> Result<void> {
        value = AMIVIRT_TRY(public_access(session, caller));
        return {};
    }));
    return value;
}

Result<void> EbsSettings::set_public_access(const AccountId& caller, SnapshotPublicAccess value) {
    return set_member(catalog_, caller, k_access_member, std::string(to_string(value)), clock_.now());
}

}  // namespace amivirt
