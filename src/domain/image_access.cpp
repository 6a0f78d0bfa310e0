#include "amivirt/domain/image_access.hpp"

#include <algorithm>

#include "amivirt/domain/filter.hpp"
#include "domain/words.hpp"

namespace amivirt {

namespace {

// Of 365.2425 days, which is what EC2's limits come to within hours.
constexpr std::chrono::years k_farthest_deprecation{10};
constexpr std::chrono::years k_farthest_public_deprecation{2};
constexpr std::size_t k_most_criteria = 10;
constexpr std::size_t k_most_providers = 200;
constexpr std::size_t k_most_names = 50;
constexpr std::size_t k_longest_pattern = 128;

constexpr std::array<Word<ImageAction>, 7> k_actions{{
    {ImageAction::describe, "describe"},
    {ImageAction::run, "launch"},
    {ImageAction::copy, "copy"},
    {ImageAction::create, "create an image of"},
    {ImageAction::export_image, "export"},
    {ImageAction::deregister, "deregister"},
    {ImageAction::modify, "modify"},
}};

Error not_found(const Image& image) {
    return {Code::invalid_ami_id_not_found, fmt::format("image \"{}\" not found", image.id.str()),
            "`amivirt image list` shows the images there are"};
}

Error deregistered(const Image& image) {
    return {Code::invalid_ami_id_unavailable, fmt::format("image \"{}\" is deregistered", image.id.str()),
            image.bin
                ? fmt::format("until {} `amivirt image restore-from-bin {}` brings it back", to_iso8601(image.bin->expires), image.id.str())
                : ""};
}

Error not_its_owner(ImageAction action, const Image& image) {
    return {Code::auth_failure, fmt::format("Not authorized for images: [{}]: only its owner, account {}, may {} it", image.id.str(),
                                            image.owner.str(), to_string(action))};
}

Error unavailable(ImageAction action, const Image& image) {
    return {Code::invalid_ami_id_unavailable,
            fmt::format("image \"{}\" is {}: there is no way to {} it", image.id.str(), to_string(image.state), to_string(action)),
            image.state == ImageState::disabled ? fmt::format("`amivirt image enable {}`", image.id.str()) : ""};
}

/// Is it of use to `caller`, who is not the owner? A disabled image has no permissions, whatever its record says.
bool shared_with(const Image& image, const AccountId& caller) noexcept {
    return image.state != ImageState::disabled && may_launch(image, caller);
}

Result<void> authorize_use(ImageAction action, const Image& image, const AccountId& caller) {
    if (image.owner != caller && !shared_with(image, caller)) {
        return Error(Code::auth_failure, fmt::format("Not authorized for images: [{}]", image.id.str()));
    }
    if (image.state != ImageState::available) {
        return unavailable(action, image);
    }
    return {};
}

Result<void> authorize_owner(ImageAction action, const Image& image, const AccountId& caller, TimePoint now) {
    if (image.owner != caller) {
        return shared_with(image, caller) ? not_its_owner(action, image) : not_found(image);
    }
    const bool at_rest = image.state == ImageState::available || image.state == ImageState::disabled;
    const bool failed = action == ImageAction::deregister && image.state == ImageState::failed;  // what is left of it can go
    if ((!at_rest && !failed) || (action == ImageAction::export_image && image.state == ImageState::disabled)) {
        return unavailable(action, image);
    }
    if (action == ImageAction::deregister) {
        if (const auto why = protected_by(image, now)) {
            return Error(
                Code::operation_not_permitted, fmt::format("image \"{}\" cannot be deregistered: {}", image.id.str(), *why),
                image.protection == DeregistrationProtection::disabled ? "" : fmt::format("`amivirt image unprotect {}`", image.id.str()));
        }
    }
    return {};
}

bool any_pattern(const std::vector<std::string>& patterns, const std::string& text) {
    return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) { return wildcard_match(pattern, text); });
}

bool within_days(TimePoint then, unsigned days, TimePoint now) noexcept { return now - then <= std::chrono::days(days); }

bool meets(const Image& image, const ImageCriterion& criterion, const AccountId& caller, TimePoint now) {
    const auto provides = [&](const std::string& provider) {
        return provider == image.owner.str() || (provider == "self" && image.owner == caller);
    };
    // No days at all since it was deprecated: no deprecated image is allowed (source: EC2 DeprecationTimeCondition).
    const bool deprecated_too_long =
        is_deprecated(image, now) && criterion.max_days_since_deprecated &&
        (*criterion.max_days_since_deprecated == 0 || !within_days(*image.deprecated, *criterion.max_days_since_deprecated, now));
    return (criterion.providers.empty() || std::any_of(criterion.providers.begin(), criterion.providers.end(), provides)) &&
           (criterion.names.empty() || any_pattern(criterion.names, image.name)) &&
           (!criterion.max_days_since_created || within_days(image.created, *criterion.max_days_since_created, now)) &&
           !deprecated_too_long;
}

Result<void> check_criterion(const ImageCriterion& criterion) {
    if (criterion == ImageCriterion{}) {
        return Error(Code::invalid_parameter_value, "A criterion for allowed images says nothing",
                     "it names providers, names, max-days-since-created or max-days-since-deprecated");
    }
    if (criterion.providers.size() > k_most_providers || criterion.names.size() > k_most_names) {
        return Error(Code::invalid_parameter_value,
                     fmt::format("A criterion for allowed images has {} providers and {} names; the most are {} and {}",
                                 criterion.providers.size(), criterion.names.size(), k_most_providers, k_most_names));
    }
    for (const auto& provider : criterion.providers) {
        if (provider != "amazon" && provider != "self" && !AccountId::parse(provider)) {
            return Error(Code::invalid_parameter_value,
                         fmt::format("Invalid provider of images \"{}\" (expecting self, amazon or an account id)", provider));
        }
    }
    for (const auto& name : criterion.names) {
        std::string plain = name;  // with its wildcards taken for a letter it must be a name
        std::replace_if(
            plain.begin(), plain.end(), [](char c) { return c == '*' || c == '?'; }, 'x');
        plain += std::string(plain.size() < 3 && plain != name ? 3 - plain.size() : 0, 'x');
        if (plain.size() > k_longest_pattern || !check_image_name(plain)) {
            return Error(Code::invalid_parameter_value, fmt::format("No image has a name like \"{}\"", name));
        }
    }
    return {};
}

}  // namespace

std::string_view to_string(ImageAction value) noexcept { return word_for(k_actions, value); }

bool visible_to(const Image& image, const AccountId& account, TimePoint now, const Include& include) noexcept {
    if (image.state == ImageState::deregistered) {
        return false;
    }
    if (image.owner == account) {
        return image.state != ImageState::disabled || include.disabled;
    }
    return shared_with(image, account) && (include.deprecated || !is_deprecated(image, now));
}

Image as_told_to(const AccountId& account, Image image) {
    if (image.owner != account) {
        std::erase_if(image.permissions.accounts, [&](const AccountId& listed) { return listed != account; });
    }
    return image;
}

Result<void> authorize(ImageAction action, const Image& image, const AccountId& caller, TimePoint now) {
    if (action == ImageAction::create) {
        return {};
    }
    if (image.state == ImageState::deregistered) {
        return image.owner == caller || may_launch(image, caller) ? deregistered(image) : not_found(image);
    }
    switch (action) {
        case ImageAction::run:
        case ImageAction::copy:
            return authorize_use(action, image, caller);
        case ImageAction::describe:
            if (image.owner != caller && !shared_with(image, caller)) {
                return not_found(image);
            }
            return {};
        default:
            return authorize_owner(action, image, caller, now);
    }
}

std::optional<std::string> protected_by(const Image& image, TimePoint now) {
    if (image.protection != DeregistrationProtection::disabled) {
        return "it is protected from deregistration";
    }
    if (image.protected_until && *image.protected_until > now) {
        return fmt::format("its protection was switched off and lasts until {}", to_iso8601(*image.protected_until));
    }
    return std::nullopt;
}

Result<TimePoint> deprecation_time(const Image& image, TimePoint asked, TimePoint now) {
    const TimePoint wanted = std::chrono::round<std::chrono::minutes>(asked);
    if (wanted <= now) {
        return Error(Code::invalid_parameter_value,
                     fmt::format("image \"{}\": the deprecation time {} is not in the future", image.id.str(), to_iso8601(wanted)));
    }
    if (wanted > now + k_farthest_deprecation) {
        return Error(Code::invalid_parameter_value,
                     fmt::format("image \"{}\": the deprecation time {} is more than 10 years away", image.id.str(), to_iso8601(wanted)));
    }
    if (image.permissions.everyone && wanted > image.created + k_farthest_public_deprecation) {
        return Error(Code::invalid_parameter_value,
                     fmt::format("image \"{}\" is public: the deprecation time {} is more than 2 years after its creation ({})",
                                 image.id.str(), to_iso8601(wanted), to_iso8601(image.created)));
    }
    return wanted;
}

Result<void> check_criteria(const std::vector<ImageCriterion>& criteria) {
    if (criteria.size() > k_most_criteria) {
        return Error(Code::invalid_parameter_value,
                     fmt::format("{} criteria for allowed images; the most is {}", criteria.size(), k_most_criteria));
    }
    for (const auto& criterion : criteria) {
        AMIVIRT_TRY(check_criterion(criterion));
    }
    return {};
}

bool meets_criteria(const Image& image, const std::vector<ImageCriterion>& criteria, const AccountId& caller, TimePoint now) {
    return criteria.empty() || std::any_of(criteria.begin(), criteria.end(),
                                           [&](const ImageCriterion& criterion) { return meets(image, criterion, caller, now); });
}

}  // namespace amivirt
