// Distinct id types, parsed once at the edge. Form (source: EC2): a prefix and 17 lower-case hex digits; images may still have the 8
// that they had before 2016.
#pragma once

#include <compare>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "amivirt/base/result.hpp"

namespace amivirt {

namespace detail {
/// Is `text` = prefix + 17 of [0-9a-f], or `older` of them where that is not 0?
[[nodiscard]] bool well_formed_id(std::string_view text, std::string_view prefix, std::size_t older) noexcept;
/// Why it is not: EC2's words where the prefix is another, what is missing where it is right.
[[nodiscard]] std::string ill_formed_id(std::string_view text, std::string_view prefix, std::size_t older);

template <class Kind>
[[nodiscard]] constexpr std::size_t older_digits() noexcept {
    if constexpr (requires { Kind::older_digits; }) {
        return Kind::older_digits;
    } else {
        return 0;
    }
}
}  // namespace detail

template <class Kind>
class Id {
public:
    Id() = default;  ///< empty: "none"

    /// Kind::malformed if `text` is not prefix + 17 hex digits (or as many as the kind had before).
    static Result<Id> parse(std::string_view text) {
        if (!detail::well_formed_id(text, Kind::prefix, detail::older_digits<Kind>())) {
            return Error(Kind::malformed, detail::ill_formed_id(text, Kind::prefix, detail::older_digits<Kind>()));
        }
        return Id(std::string(text));
    }
    [[nodiscard]] static bool looks_like(std::string_view text) noexcept { return text.starts_with(Kind::prefix); }
    [[nodiscard]] static constexpr std::string_view prefix() noexcept { return Kind::prefix; }

    [[nodiscard]] const std::string& str() const noexcept { return text_; }
    [[nodiscard]] bool empty() const noexcept { return text_.empty(); }
    friend auto operator<=>(const Id&, const Id&) = default;

private:
    explicit Id(std::string text) : text_(std::move(text)) {}
    std::string text_;
};

namespace id_kinds {
struct Image {
    static constexpr std::string_view prefix = "ami-";
    static constexpr std::size_t older_digits = 8;
    static constexpr Code malformed = Code::invalid_ami_id_malformed;
};
struct Instance {
    static constexpr std::string_view prefix = "i-";
    static constexpr Code malformed = Code::invalid_instance_id_malformed;
};
struct Volume {
    static constexpr std::string_view prefix = "vol-";
    static constexpr Code malformed = Code::invalid_volume_id_malformed;
};
struct Snapshot {
    static constexpr std::string_view prefix = "snap-";
    static constexpr Code malformed = Code::invalid_snapshot_id_malformed;
};
struct Layer {  // internal: never shown but by `image show --layers` and `du`
    static constexpr std::string_view prefix = "layer-";
    static constexpr Code malformed = Code::invalid_parameter_value;
};
struct KeyPair {
    static constexpr std::string_view prefix = "key-";
    static constexpr Code malformed = Code::invalid_parameter_value;
};
struct LaunchTemplate {
    static constexpr std::string_view prefix = "lt-";
    static constexpr Code malformed = Code::invalid_launch_template_id_malformed;
};
struct RetentionRule {
    static constexpr std::string_view prefix = "rule-";
    static constexpr Code malformed = Code::invalid_parameter_value;
};
struct Reservation {
    static constexpr std::string_view prefix = "r-";
    static constexpr Code malformed = Code::invalid_parameter_value;
};
struct Operation {
    static constexpr std::string_view prefix = "op-";
    static constexpr Code malformed = Code::invalid_parameter_value;
};
}  // namespace id_kinds

using ImageId = Id<id_kinds::Image>;
using InstanceId = Id<id_kinds::Instance>;
using VolumeId = Id<id_kinds::Volume>;
using SnapshotId = Id<id_kinds::Snapshot>;
using LayerId = Id<id_kinds::Layer>;
using KeyPairId = Id<id_kinds::KeyPair>;
using LaunchTemplateId = Id<id_kinds::LaunchTemplate>;
using RetentionRuleId = Id<id_kinds::RetentionRule>;
using ReservationId = Id<id_kinds::Reservation>;
using OperationId = Id<id_kinds::Operation>;

/// Twelve decimal digits (source: AWS account ids).
class AccountId {
public:
    AccountId() = default;
    static Result<AccountId> parse(std::string_view text);
    /// The one account of an unconfigured machine: 000000000000.
    static AccountId local();
    [[nodiscard]] const std::string& str() const noexcept { return text_; }
    [[nodiscard]] bool empty() const noexcept { return text_.empty(); }
    friend auto operator<=>(const AccountId&, const AccountId&) = default;

private:
    explicit AccountId(std::string text) : text_(std::move(text)) {}
    std::string text_;
};

}  // namespace amivirt

template <class Kind>
struct std::hash<amivirt::Id<Kind>> {
    std::size_t operator()(const amivirt::Id<Kind>& id) const noexcept { return std::hash<std::string>{}(id.str()); }
};
