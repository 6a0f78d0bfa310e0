// Who may do what to an image, and which images a launch may use. All pure: one table for every service and face.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "amivirt/base/clock.hpp"
#include "amivirt/domain/image.hpp"

namespace amivirt {

/// What a describe is asked to show besides what EC2 shows by itself (source: DescribeImages IncludeDeprecated, IncludeDisabled).
struct Include {
    bool deprecated = false;  ///< others' deprecated images; one's own are always shown
    bool disabled = false;    ///< one's own disabled images; others' are never shown
    friend bool operator==(const Include&, const Include&) = default;
};

inline constexpr Include k_everything{true, true};

/// Does a describe without ids show it to `account`? Whoever may launch it; deregistered ones never.
[[nodiscard]] bool visible_to(const Image& image, const AccountId& account, TimePoint now, const Include& include) noexcept;

/// What `account` may know of it: of its launch permissions others than the owner see whether it is public, and their own.
[[nodiscard]] Image as_told_to(const AccountId& account, Image image);

enum class ImageAction {
    describe,  ///< asked for by id
    run,
    copy,
    create,  ///< CreateImage of an instance that was launched from it
    export_image,
    deregister,
    modify,
};
[[nodiscard]] std::string_view to_string(ImageAction value) noexcept;  // "launch", "copy", ...: as in "may not launch it"

/// May `caller` do this to `image` at this moment? The errors are EC2's:
///
///                 owner                 listed, or public                          stranger
///   describe      yes                   available and deprecated ones              invalid_ami_id_not_found
///   run, copy     available ones        available and deprecated ones              auth_failure
///   create        yes: EC2 asks nothing of the image that an instance came from; the instance must be the caller's
///   export_image  available ones        auth_failure                               invalid_ami_id_not_found
///   deregister    unless protected      auth_failure                               invalid_ami_id_not_found
///   modify        yes                   auth_failure                               invalid_ami_id_not_found
///
/// An image that cannot be had in its state (pending, failed, disabled, deregistered) is invalid_ami_id_unavailable; disabling takes all
/// permissions away, so to others it is as if they were strangers. A deregistered one is not found by those who never might launch it.
/// A protected one is operation_not_permitted.
[[nodiscard]] Result<void> authorize(ImageAction action, const Image& image, const AccountId& caller, TimePoint now);

/// What keeps it from being deregistered at this moment, as a clause ("it is protected ..."); nullopt: nothing does.
[[nodiscard]] std::optional<std::string> protected_by(const Image& image, TimePoint now);

/// Whole minutes, the nearest. invalid_parameter_value for a moment that is not to come, is more than 10 years away or, of a public
/// image, more than 2 years after its creation (source: EC2 EnableImageDeprecation).
[[nodiscard]] Result<TimePoint> deprecation_time(const Image& image, TimePoint wanted, TimePoint now);

/// Limits of EC2's ImageCriterion: at most 10 criteria, 200 providers and 50 names in each; one that says nothing is refused.
[[nodiscard]] Result<void> check_criteria(const std::vector<ImageCriterion>& criteria);
/// Does it meet one of the region's criteria? Without criteria everything does. `caller` is who "self" means. Says nothing of whether they
/// are enforced.
[[nodiscard]] bool meets_criteria(const Image& image, const std::vector<ImageCriterion>& criteria, const AccountId& caller, TimePoint now);

}  // namespace amivirt
