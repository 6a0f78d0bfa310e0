#include "amivirt/services/image_governance.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "amivirt/services/image_extras.hpp"
#include "bin_rules.hpp"
#include "launch_template_records.hpp"

namespace amivirt {

namespace {

constexpr Duration k_cooldown = std::chrono::hours(24);  // source: EC2 EnableImageDeregistrationProtection

}  // namespace

Result<Image> ImageGovernance::change(const AccountId& caller, const std::string& id_or_name, const Change& make) {
    const auto id = AMIVIRT_TRY(images_.resolve(caller, id_or_name)).id;
    std::optional<Image> image;
    AMIVIRT_TRY(catalog_.write([&](CatalogSession& session) -> Result<void> {
        image = AMIVIRT_TRY(session.images().find(id));
        if (!image) {
            return Error(Code::invalid_ami_id_not_found, fmt::format("image \"{}\" not found", id_or_name));
        }
        AMIVIRT_TRY(make(session, *image));
        return session.images().update(*image);
    }));
    return as_told_to(caller, std::move(*image));
}

Result<Image> ImageGovernance::permit(const AccountId& caller, const std::string& id_or_name, const LaunchPermissions& added) {
    return modify(caller, id_or_name, {.added = added});
}

Result<Image> ImageGovernance::revoke(const AccountId& caller, const std::string& id_or_name, const LaunchPermissions& removed) {
    return modify(caller, id_or_name, {.removed = removed});
}

Result<Image> ImageGovernance::modify(const AccountId& caller, const std::string& id_or_name, const ImageChange& wanted) {
    if (wanted.description) {
        AMIVIRT_TRY(check_description(*wanted.description));
    }
    return change(caller, id_or_name, [&](CatalogSession& session, Image& image) -> Result<void> {
        const LaunchPermissions& added = wanted.added;
        AMIVIRT_TRY(authorize(ImageAction::modify, image, caller, clock_.now()));
        const bool shares = added.everyone || !added.accounts.empty();
        if (shares && image.state == ImageState::disabled) {
            return Error(Code::invalid_ami_id_unavailable, fmt::format("image \"{}\" cannot be shared: it is disabled", id_or_name),
                         fmt::format("`amivirt image enable {}`", image.id.str()));
        }
        if (added.everyone && !image.permissions.everyone) {
            AMIVIRT_TRY(check_public_access(session, id_or_name));
            image.permissions.everyone = true;
        }
        image.permissions.accounts.insert(added.accounts.begin(), added.accounts.end());
        image.permissions.accounts.erase(image.owner);
        image.permissions.everyone = image.permissions.everyone && !wanted.removed.everyone;
        for (const auto& account : wanted.removed.accounts) {
            image.permissions.accounts.erase(account);
        }
        if (wanted.description) {
            image.description = *wanted.description;
        }
        return wanted.product_codes.empty() ? Result<void>()
                                            : ImageExtrasBook::add_product_codes(session, image, wanted.product_codes, clock_.now());
    });
}

Result<Image> ImageGovernance::reset_permissions(const AccountId& caller, const std::string& id_or_name) {
    return change(caller, id_or_name, [&](CatalogSession&, Image& image) -> Result<void> {
        AMIVIRT_TRY(authorize(ImageAction::modify, image, caller, clock_.now()));
        image.permissions = {};
        return {};
    });
}

Result<Image> ImageGovernance::cancel_permission(const AccountId& caller, const std::string& id_or_name) {
    return change(caller, id_or_name, [&](CatalogSession&, Image& image) -> Result<void> {
        AMIVIRT_TRY(authorize(ImageAction::describe, image, caller, clock_.now()));
        if (image.permissions.accounts.erase(caller) == 0) {
            return Error(Code::operation_not_permitted,
                         image.owner == caller
                             ? fmt::format("image \"{}\" is account {}'s own: there is no permission to give up", id_or_name, caller.str())
                             : fmt::format("image \"{}\" is shared with everyone and not with account {} alone: there is no permission to "
                                           "give up",
                                           id_or_name, caller.str()));
        }
        return {};
    });
}

Result<Image> ImageGovernance::permissions(const AccountId& caller, const std::string& id_or_name) {
    auto image = AMIVIRT_TRY(images_.resolve(caller, id_or_name));
    AMIVIRT_TRY(authorize(ImageAction::modify, image, caller, clock_.now()));
    return image;
}

Result<Image> ImageGovernance::disable(const AccountId& caller, const std::string& id_or_name) {
    return change(caller, id_or_name, [&](CatalogSession&, Image& image) -> Result<void> {
        AMIVIRT_TRY(authorize(ImageAction::modify, image, caller, clock_.now()));
        if (image.state != ImageState::disabled) {
            image.state = AMIVIRT_TRY(next(image.state, ImageEvent::disable));
        }
        image.permissions = {};
        return {};
    });
}

Result<Image> ImageGovernance::enable(const AccountId& caller, const std::string& id_or_name) {
    return change(caller, id_or_name, [&](CatalogSession&, Image& image) -> Result<void> {
        AMIVIRT_TRY(authorize(ImageAction::modify, image, caller, clock_.now()));
        if (image.state != ImageState::available) {
            image.state = AMIVIRT_TRY(next(image.state, ImageEvent::enable));
        }
        return {};
    });
}

Result<Image> ImageGovernance::deprecate(const AccountId& caller, const std::string& id_or_name, const std::optional<TimePoint>& when) {
    return change(caller, id_or_name, [&](CatalogSession&, Image& image) -> Result<void> {
        const auto now = clock_.now();
        AMIVIRT_TRY(authorize(ImageAction::modify, image, caller, now));
        image.deprecated = when ? std::optional(AMIVIRT_TRY(deprecation_time(image, *when, now))) : std::nullopt;
        return {};
    });
}

Result<Image> ImageGovernance::protect(const AccountId& caller, const std::string& id_or_name, DeregistrationProtection protection) {
    return change(caller, id_or_name, [&](CatalogSession&, Image& image) -> Result<void> {
        const auto now = clock_.now();
        AMIVIRT_TRY(authorize(ImageAction::modify, image, caller, now));
        // A cooldown once promised is kept, whatever takes its place; one that runs is not cut short by protecting anew.
        if (image.protection == DeregistrationProtection::enabled_with_cooldown && protection != image.protection) {
            image.protected_until = now + k_cooldown;
        }
        image.protection = protection;
        return {};
    });
}

Result<Image> ImageGovernance::find_even_gone(const AccountId& caller, const std::string& id_or_name) {
    if (ImageId::looks_like(id_or_name)) {
        const auto id = AMIVIRT_TRY(ImageId::parse(id_or_name));
        std::optional<Image> found;
        AMIVIRT_TRY(catalog_.read([&](CatalogSession& session) -> Result<void> {
            found = AMIVIRT_TRY(session.images().find(id));
            return {};
        }));
        if (found && found->owner == caller) {
            return std::move(*found);
        }
    }
    return images_.resolve(caller, id_or_name);
}

Result<std::vector<ImageAncestor>> ImageGovernance::ancestry(const AccountId& caller, const std::string& id_or_name) {
    std::optional<Image> image = AMIVIRT_TRY(find_even_gone(caller, id_or_name));
    std::vector<ImageAncestor> chain;
    const auto seen = [&](const ImageId& id) {
        return std::any_of(chain.begin(), chain.end(), [&](const ImageAncestor& link) { return link.id == id; });
    };
    AMIVIRT_TRY(catalog_.read([&](CatalogSession& session) -> Result<void> {
        while (image && !seen(image->id)) {
            const bool is_here = image->source_region.empty() || image->source_region == region_;
            chain.push_back({image->id, image->owner, may_launch(*image, caller) ? image->name : "", image->created, image->source_image,
                             is_here ? "" : image->source_region});
            image = is_here && image->source_image ? AMIVIRT_TRY(session.images().find(*image->source_image)) : std::nullopt;
        }
        return {};
    }));
    return chain;
}

namespace {

/// Its versions that launch the image.
std::vector<std::uint64_t> versions_naming(const LaunchTemplate& launch_template, const ImageId& image) {
    std::vector<std::uint64_t> naming;
    for (const auto& version : launch_template.versions) {
        const auto said = version.data.find("ImageId");
        if (said != version.data.end() && said->second == image.str()) {
            naming.push_back(version.number);
        }
    }
    return naming;
}

}  // namespace

Result<ImageUsage> ImageGovernance::usage(const AccountId& caller, const std::string& id_or_name) {
    ImageUsage usage;
    usage.image = AMIVIRT_TRY(find_even_gone(caller, id_or_name));
    const auto told = [&](const AccountId& owner) { return usage.image.owner == caller || owner == caller; };
    AMIVIRT_TRY(catalog_.read([&](CatalogSession& session) -> Result<void> {
        for (const auto& instance : AMIVIRT_TRY(session.instances().list()).records) {
            if (instance.image == usage.image.id && instance.state != InstanceState::terminated && told(instance.owner)) {
                usage.references.push_back({ImageReference::Kind::instance,
                                            instance.id.str(),
                                            name_tag(instance.tags),
                                            instance.owner,
                                            std::string(to_string(instance.state)),
                                            {}});
            }
        }
        for (const auto& each : AMIVIRT_TRY(all_launch_templates(session))) {
            if (auto naming = versions_naming(each, usage.image.id); !naming.empty() && told(each.owner)) {
                usage.references.push_back(
                    {ImageReference::Kind::launch_template, each.id.str(), each.name, each.owner, "", std::move(naming)});
            }
        }
        for (const auto& image : AMIVIRT_TRY(session.images().list()).records) {
            const bool is_here = image.source_region.empty() || image.source_region == region_;
            if (image.source_image == usage.image.id && is_here && keeps_snapshots(image) && told(image.owner)) {
                usage.references.push_back({ImageReference::Kind::image,
                                            image.id.str(),
                                            image.name,
                                            image.owner,
                                            std::string(image.bin ? "in the recycle bin" : to_string(image.state)),
                                            {}});
            }
        }
        return {};
    }));
    return usage;
}

Result<std::vector<Image>> ImageGovernance::unused(const AccountId& caller, const UnusedQuery& query) {
    ImageQuery mine;
    mine.filters = query.filters;
    mine.owners = {"self"};
    mine.include = k_everything;
    auto images = AMIVIRT_TRY(images_.describe(caller, mine)).records;
    std::stable_sort(images.begin(), images.end(), [](const Image& one, const Image& other) { return one.created < other.created; });
    images.resize(images.size() - std::min(images.size(), query.keep));

    std::set<std::string> used;
    AMIVIRT_TRY(catalog_.read([&](CatalogSession& session) -> Result<void> {
        for (const auto& instance : AMIVIRT_TRY(session.instances().list()).records) {
            if (instance.state != InstanceState::terminated) {
                used.insert(instance.image.str());
            }
        }
        for (const auto& each : AMIVIRT_TRY(all_launch_templates(session))) {
            for (const auto& version : each.versions) {
                if (const auto said = version.data.find("ImageId"); said != version.data.end()) {
                    used.insert(said->second);
                }
            }
        }
        return {};
    }));
    const auto now = clock_.now();
    std::erase_if(images, [&](const Image& image) {
        const auto last = std::max(image.created, image.last_launched.value_or(image.created));
        return image.state == ImageState::pending || used.contains(image.id.str()) || image.permissions != LaunchPermissions{} ||
               protected_by(image, now) || (query.idle && now - last < *query.idle);
    });
    return images;
}

}  // namespace amivirt
