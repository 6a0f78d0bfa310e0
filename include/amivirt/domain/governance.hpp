// What decides over images beyond their owner's permissions: protection, the recycle bin, the region's policy.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "amivirt/base/clock.hpp"
#include "amivirt/base/ids.hpp"
#include "amivirt/domain/tag.hpp"

namespace amivirt {

/// Against deregistration (source: EC2 EnableImageDeregistrationProtection).
enum class DeregistrationProtection {
    disabled,
    enabled,
    enabled_with_cooldown,  ///< once switched off, it goes on protecting for 24 hours
};
[[nodiscard]] std::string_view to_string(DeregistrationProtection value) noexcept;  // "enabled-with-cooldown"
[[nodiscard]] Result<DeregistrationProtection> parse_deregistration_protection(std::string_view text);

/// A stay in the recycle bin: restorable under its own id until it leaves for good.
struct BinStay {
    TimePoint entered{};
    TimePoint expires{};
    friend bool operator==(const BinStay&, const BinStay&) = default;
};

enum class RetainedKind { image, snapshot };
[[nodiscard]] std::string_view to_string(RetainedKind value) noexcept;  // "EBS_SNAPSHOT", "EC2_IMAGE" (source: Recycle Bin API)
[[nodiscard]] Result<RetainedKind> parse_retained_kind(std::string_view text);

/// What is deleted and has one of `tags` stays in the bin for `days`.
struct RetentionRule {
    RetentionRuleId id;
    RetainedKind kind = RetainedKind::image;
    std::vector<std::pair<std::string, std::optional<std::string>>> tags;  ///< any of them; without a value: the key. None: everything.
    unsigned days = 7;                                                     ///< 1..365
    std::string description;
    TimePoint created{};
};

/// 1..365 days, tags that could be tags, a description of at most 255 characters. First fault found.
[[nodiscard]] Result<void> check_retention_rule(const RetentionRule& rule);
/// The stay of what is deleted now, by the rule that keeps it longest (source: Recycle Bin); nullopt: no rule does.
[[nodiscard]] std::optional<BinStay> stay_in_bin(RetainedKind kind, const Tags& tags, const std::vector<RetentionRule>& rules,
                                                 TimePoint now);

/// Whether a launch may use only images that the region's criteria allow (source: EC2 allowed AMIs).
enum class AllowedImages { disabled, audit, enabled };
[[nodiscard]] std::string_view to_string(AllowedImages value) noexcept;  // "disabled", "audit-mode", "enabled"
[[nodiscard]] Result<AllowedImages> parse_allowed_images(std::string_view text);

/// All that is said must be met; an image is allowed if it meets one criterion.
struct ImageCriterion {
    std::vector<std::string> providers;  ///< "amazon", "self" or account ids: one of them owns it
    std::vector<std::string> names;      ///< patterns with `*` and `?`: one of them matches
    std::optional<unsigned> max_days_since_created;
    std::optional<unsigned> max_days_since_deprecated;
    friend bool operator==(const ImageCriterion&, const ImageCriterion&) = default;
};

/// Whose signature on a stored image is believed.
struct TrustedSigner {
    std::string fingerprint;  ///< SHA-256 of the raw Ed25519 public key, lower-case hex
    std::string name;
    std::string public_key;  ///< PEM
    friend bool operator==(const TrustedSigner&, const TrustedSigner&) = default;
};

/// One per region; as good as absent when all is at its default.
struct RegionPolicy {
    bool block_public_access = false;  ///< no image can be made public
    AllowedImages allowed_images = AllowedImages::disabled;
    std::vector<ImageCriterion> criteria;
    bool demand_signature = false;       ///< a restored image must be signed by a trusted signer, at restore and at launch
    std::vector<TrustedSigner> signers;  ///< by fingerprint
    friend bool operator==(const RegionPolicy&, const RegionPolicy&) = default;
};

}  // namespace amivirt
