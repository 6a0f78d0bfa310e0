// What clients ask of STS and IAM before they begin.
#include <algorithm>
#include <chrono>

#include "faces/ec2/actions/actions.hpp"

namespace amivirt::ec2 {

namespace {

std::string arn(const AccountId& account) { return fmt::format("arn:aws:iam::{}:root", account.str()); }

/// Source: IAM, InstanceProfileName.
bool is_profile_name(std::string_view name) {
    return !name.empty() && name.size() <= 128 && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               std::string_view("_+=,.@-").find(c) != std::string_view::npos;
    });
}

/// The same name, the same id (FNV-1a).
std::string profile_id(std::string_view name) {
    std::uint64_t hash = 0xcbf29ce484222325U;
    for (const char c : name) {
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
    }
    return fmt::format("AIPA{:017X}", hash);
}

}  // namespace

Result<void> get_caller_identity(Call& call) {
    AMIVIRT_TRY(call.ready());
    call.out.in("GetCallerIdentityResult", [&] {
        call.out.text("Arn", arn(call.account));
        call.out.text("UserId", call.account.str());
        call.out.text("Account", call.account.str());
    });
    return {};
}

// An account's keys do not expire, and this server knows no others: the caller gets its own again, with a token, which is let through as
// every token is.
Result<void> get_session_token(Call& call) {
    constexpr std::uint32_t k_least = 900;  // seconds (source: STS GetSessionToken)
    constexpr std::uint32_t k_most = 129'600;
    const auto seconds = call.in.number("DurationSeconds").value_or(43'200);
    if (seconds < k_least || seconds > k_most) {
        call.in.fault({wire::validation_error, fmt::format("DurationSeconds is from {} to {}, not {}", k_least, k_most, seconds)});
    }
    call.in.refuse("SerialNumber", "an account has no second factor here");
    call.in.refuse("TokenCode", "an account has no second factor here");
    AMIVIRT_TRY(call.ready());
    const auto keys = AMIVIRT_TRY(call.ports.accounts.keys());
    const auto own = std::find_if(keys.begin(), keys.end(), [&](const AccessKey& key) { return key.account == call.account; });
    if (own == keys.end()) {
        return Error(wire::invalid_client_token_id, fmt::format("The account {} has no access key", call.account.str()));
    }
    const TimePoint until = call.ports.clock.now() + std::chrono::seconds(seconds);
    call.out.in("GetSessionTokenResult", [&] {
        call.out.in("Credentials", [&] {
            call.out.text("AccessKeyId", own->id);
            call.out.text("SecretAccessKey", own->secret);
            call.out.text("SessionToken", "amivirt/" + to_iso8601(until));
            call.out.time("Expiration", until);
        });
    });
    return {};
}

// A launch takes any profile, as nothing here asks what a role may do: any name is one, and has no roles.
Result<void> get_instance_profile(Call& call) {
    const std::string name = call.in.required("InstanceProfileName");
    if (!name.empty() && !is_profile_name(name)) {
        call.in.fault({wire::validation_error,
                       fmt::format("InstanceProfileName has 1 to 128 letters, digits and _+=,.@-, unlike '{}'", printable(name))});
    }
    AMIVIRT_TRY(call.ready());
    call.out.in("GetInstanceProfileResult", [&] {
        call.out.in("InstanceProfile", [&] {
            call.out.text("Path", "/");
            call.out.text("InstanceProfileName", name);
            call.out.text("InstanceProfileId", profile_id(name));
            call.out.text("Arn", fmt::format("arn:aws:iam::{}:instance-profile/{}", call.account.str(), name));
            call.out.time("CreateDate", TimePoint{});
            call.out.in("Roles", [] {});
        });
    });
    return {};
}

Result<void> get_user(Call& call) {
    call.in.refuse("UserName", "an account has no users here");
    AMIVIRT_TRY(call.ready());
    call.out.in("GetUserResult", [&] {
        call.out.in("User", [&] {
            call.out.text("Path", "/");
            call.out.text("UserName", "root");
            call.out.text("UserId", call.account.str());
            call.out.text("Arn", arn(call.account));
            call.out.time("CreateDate", TimePoint{});
        });
    });
    return {};
}

Result<void> list_account_aliases(Call& call) {
    call.in.accept("Marker");
    call.in.accept("MaxItems");
    AMIVIRT_TRY(call.ready());
    const auto aliases = AMIVIRT_TRY(call.ports.accounts.aliases());
    call.out.in("ListAccountAliasesResult", [&] {
        call.out.boolean("IsTruncated", false);
        call.out.in("AccountAliases", [&] {
            if (const auto own = aliases.find(call.account); own != aliases.end()) {
                call.out.text("member", own->second);
            }
        });
    });
    return {};
}

}  // namespace amivirt::ec2
