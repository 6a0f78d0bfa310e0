#include "faces/ec2/actions/actions.hpp"
#include "faces/ec2/render.hpp"

namespace amivirt::ec2 {

namespace {

/// An action on one image that answers with true.
template <class Do>
Result<void> on_image(Call& call, const Do& act) {
    const auto id = call.id<ImageId>("ImageId");
    call.wants(ImageAction::modify, id);
    AMIVIRT_TRY(call.ready());
    AMIVIRT_TRY(Call::find_one<ImageId>(id, call.image()));
    AMIVIRT_TRY(act(id));
    call.yes();
    return {};
}

std::string_view access_state(const RegionPolicy& policy) { return policy.block_public_access ? "block-new-sharing" : "unblocked"; }

}  // namespace

Result<void> enable_image(Call& call) {
    return on_image(call, [&](const std::string& id) { return call.services.governance.enable(call.account, id); });
}

Result<void> disable_image(Call& call) {
    return on_image(call, [&](const std::string& id) { return call.services.governance.disable(call.account, id); });
}

Result<void> enable_image_deprecation(Call& call) {
    static_cast<void>(call.in.required("DeprecateAt"));
    const auto when = call.in.time("DeprecateAt");
    return on_image(call, [&](const std::string& id) { return call.services.governance.deprecate(call.account, id, when); });
}

Result<void> disable_image_deprecation(Call& call) {
    return on_image(call, [&](const std::string& id) { return call.services.governance.deprecate(call.account, id, std::nullopt); });
}

Result<void> enable_image_deregistration_protection(Call& call) {
    const auto protection =
        call.in.flag("WithCooldown") ? DeregistrationProtection::enabled_with_cooldown : DeregistrationProtection::enabled;
    return on_image(call, [&](const std::string& id) { return call.services.governance.protect(call.account, id, protection); });
}

Result<void> disable_image_deregistration_protection(Call& call) {
    return on_image(call, [&](const std::string& id) {
        return call.services.governance.protect(call.account, id, DeregistrationProtection::disabled);
    });
}

Result<void> get_image_ancestry(Call& call) {
    const auto id = call.id<ImageId>("ImageId");
    AMIVIRT_TRY(call.ready());
    if (!ImageId::parse(id)) {
        return not_found<ImageId>({id});
    }
    const auto ancestors = AMIVIRT_TRY(call.services.governance.ancestry(call.account, id));
    call.out.list("imageAncestryEntrySet", ancestors, [&](const ImageAncestor& each) {
        call.out.text("imageId", each.id.str());
        call.out.time("creationDate", each.created);
        if (each.source) {
            call.out.text("sourceImageId", each.source->str());
        }
        call.out.some("sourceImageRegion", each.source_region);
    });
    return {};
}

Result<void> enable_image_block_public_access(Call& call) {
    const auto wanted = call.in.required("ImageBlockPublicAccessState");
    if (!wanted.empty() && wanted != "block-new-sharing") {
        call.in.fault({Code::invalid_parameter_value,
                       fmt::format("Value ({}) for parameter ImageBlockPublicAccessState is invalid. Expected block-new-sharing.",
                                   printable(wanted))});
    }
    AMIVIRT_TRY(call.ready());
    const auto policy = AMIVIRT_TRY(call.services.settings.change({.block_public_access = true}));
    call.out.text("imageBlockPublicAccessState", access_state(policy));
    return {};
}

Result<void> disable_image_block_public_access(Call& call) {
    AMIVIRT_TRY(call.ready());
    const auto policy = AMIVIRT_TRY(call.services.settings.change({.block_public_access = false}));
    call.out.text("imageBlockPublicAccessState", access_state(policy));
    return {};
}

Result<void> get_image_block_public_access_state(Call& call) {
    AMIVIRT_TRY(call.ready());
    const auto policy = AMIVIRT_TRY(call.services.settings.policy());
    call.out.text("imageBlockPublicAccessState", access_state(policy));
    return {};
}

Result<void> enable_allowed_images_settings(Call& call) {
    const auto word = call.in.required("AllowedImagesSettingsState");
    auto state = parse_allowed_images(word);
    if (!word.empty() && (!state || *state == AllowedImages::disabled)) {
        call.in.fault({Code::invalid_parameter_value,
                       fmt::format("Value ({}) for parameter AllowedImagesSettingsState is invalid. Expected enabled or audit-mode.",
                                   printable(word))});
    }
    AMIVIRT_TRY(call.ready());
    const auto policy = AMIVIRT_TRY(call.services.settings.change({.allowed_images = *state}));
    call.out.text("allowedImagesSettingsState", to_string(policy.allowed_images));
    return {};
}

Result<void> disable_allowed_images_settings(Call& call) {
    AMIVIRT_TRY(call.ready());
    const auto policy = AMIVIRT_TRY(call.services.settings.change({.allowed_images = AllowedImages::disabled}));
    call.out.text("allowedImagesSettingsState", to_string(policy.allowed_images));
    return {};
}

Result<void> get_allowed_images_settings(Call& call) {
    AMIVIRT_TRY(call.ready());
    const auto policy = AMIVIRT_TRY(call.services.settings.policy());
    const auto words = [&](std::string_view name, const std::vector<std::string>& list) {
        call.out.in(name, [&] {
            for (const std::string& word : list) {
                call.out.text("item", word);
            }
        });
    };
    call.out.text("state", to_string(policy.allowed_images));
    call.out.list("imageCriterionSet", policy.criteria, [&](const ImageCriterion& each) {
        words("imageProviderSet", each.providers);
        words("imageNameSet", each.names);
        if (each.max_days_since_created) {
            call.out.in("creationDateCondition", [&] { call.out.number("maximumDaysSinceCreated", *each.max_days_since_created); });
        }
        if (each.max_days_since_deprecated) {
            call.out.in("deprecationTimeCondition",
                        [&] { call.out.number("maximumDaysSinceDeprecated", *each.max_days_since_deprecated); });
        }
    });
    call.out.text("managedBy", "account");
    return {};
}

Result<void> replace_image_criteria_in_allowed_images_settings(Call& call) {
    std::vector<ImageCriterion> criteria;
    for (const Parameters& each : call.in.list("ImageCriterion")) {
        ImageCriterion criterion;
        criterion.providers = each.texts("ImageProvider");
        criterion.names = each.texts("ImageName");
        criterion.max_days_since_created = each.number("CreationDateCondition.MaximumDaysSinceCreated");
        criterion.max_days_since_deprecated = each.number("DeprecationTimeCondition.MaximumDaysSinceDeprecated");
        each.refuse("MarketplaceProductCode", "there are no product codes here");
        criteria.push_back(std::move(criterion));
    }
    AMIVIRT_TRY(call.ready());
    AMIVIRT_TRY(call.services.settings.change({.criteria = std::move(criteria)}));
    call.yes();
    return {};
}

Result<void> list_images_in_recycle_bin(Call& call) {
    const auto ids = call.ids<ImageId>("ImageId", Call::Seen::elsewhere);
    const Page page = call.page(!ids.empty(), 1);
    AMIVIRT_TRY(call.ready());
    auto images = AMIVIRT_TRY(call.services.bin.list(call.account)).images;
    if (!ids.empty()) {
        std::erase_if(images, [&](const Image& each) { return std::find(ids.begin(), ids.end(), each.id.str()) == ids.end(); });
    }
    std::string next;
    images = Call::cut(
        std::move(images), page, [](const Image& each) { return each.id.str(); }, next);
    call.out.list("imageSet", images, [&](const Image& each) {
        call.out.text("imageId", each.id.str());
        call.out.text("name", each.name);
        call.out.some("description", each.description);
        call.out.time("recycleBinEnterTime", each.bin->entered);
        call.out.time("recycleBinExitTime", each.bin->expires);
    });
    call.out.some("nextToken", next);
    return {};
}

Result<void> restore_image_from_recycle_bin(Call& call) {
    const auto id = call.id<ImageId>("ImageId", Call::Seen::elsewhere);
    AMIVIRT_TRY(call.ready());
    AMIVIRT_TRY(Call::find_one<ImageId>(id, [&](const std::string& text) { return call.services.bin.restore_image(call.account, text); }));
    call.yes();
    return {};
}

Result<void> list_snapshots_in_recycle_bin(Call& call) {
    const auto ids = call.ids<SnapshotId>("SnapshotId", Call::Seen::elsewhere);
    const Page page = call.page(!ids.empty());
    AMIVIRT_TRY(call.ready());
    auto snapshots = AMIVIRT_TRY(call.services.bin.list(call.account)).snapshots;
    if (!ids.empty()) {
        std::erase_if(snapshots, [&](const Snapshot& each) { return std::find(ids.begin(), ids.end(), each.id.str()) == ids.end(); });
    }
    std::string next;
    snapshots = Call::cut(
        std::move(snapshots), page, [](const Snapshot& each) { return each.id.str(); }, next);
    call.out.list("snapshotSet", snapshots, [&](const Snapshot& each) {
        call.out.text("snapshotId", each.id.str());
        call.out.some("description", each.description);
        if (each.volume) {
            call.out.text("volumeId", each.volume->str());
        }
        call.out.time("recycleBinEnterTime", each.bin->entered);
        call.out.time("recycleBinExitTime", each.bin->expires);
    });
    call.out.some("nextToken", next);
    return {};
}

Result<void> restore_snapshot_from_recycle_bin(Call& call) {
    const auto id = call.id<SnapshotId>("SnapshotId", Call::Seen::elsewhere);
    AMIVIRT_TRY(call.ready());
    const auto restored = AMIVIRT_TRY(
        Call::find_one<SnapshotId>(id, [&](const std::string& text) { return call.services.bin.restore_snapshot(call.account, text); }));
    snapshot(call.out, restored);
    return {};
}

}  // namespace amivirt::ec2
