#include <algorithm>

#include "amivirt/domain/image_access.hpp"
#include "faces/ec2/actions/actions.hpp"
#include "faces/ec2/filtering.hpp"
#include "faces/ec2/permissions.hpp"
#include "faces/ec2/render.hpp"

namespace amivirt::ec2 {

namespace {

/// Owner.N is "self", an id or an alias; one that nobody has owns nothing (source: EC2).
std::vector<std::string> known_owners(Call& call, const std::vector<std::string>& asked) {
    std::vector<std::string> known;
    std::copy_if(asked.begin(), asked.end(), std::back_inserter(known), [&](const std::string& owner) {
        return owner == "self" || owner == "amazon" || owner == "aws-marketplace" || call.ports.accounts.resolve(owner).has_value();
    });
    return known;
}

/// Takes out those of `filters` that ask whether the region's criteria for allowed images are met.
std::vector<Filter> take_criteria_filters(std::vector<Filter>& filters) {
    std::vector<Filter> taken;
    std::erase_if(filters, [&](const Filter& filter) {
        if (filter.name == "image-allowed") {
            taken.push_back(filter);
        }
        return filter.name == "image-allowed";
    });
    return taken;
}

}  // namespace

Result<void> describe_images(Call& call) {
    ImageQuery query;
    const auto ids = call.ids<ImageId>("ImageId", Call::Seen::elsewhere);  // deregistered ones too
    const auto owners = call.in.texts("Owner");
    query.executable_by = call.in.texts("ExecutableBy");
    query.filters = call.filters();
    query.include.deprecated = call.in.flag("IncludeDeprecated");
    query.include.disabled = call.in.flag("IncludeDisabled");
    const Page page = call.page(!ids.empty());
    AMIVIRT_TRY(call.ready());
    query.owners = known_owners(call, owners);
    const auto kept_apart = take_extras_filters(query.filters);
    const auto by_criteria = take_criteria_filters(query.filters);
    AMIVIRT_TRY(check_image_filters(query.filters));               // also where nothing is asked in the end
    if (page.most && kept_apart.empty() && by_criteria.empty()) {  // one more than the page's last tells that there is a next one
        query.limit = std::min<std::size_t>(page.offset, 1U << 30U) + *page.most + 1;
    }
    std::vector<Image> images;
    if (owners.empty() || !query.owners.empty()) {
        // A deregistered one is neither there nor unknown (source: EC2).
        AMIVIRT_TRY(Call::find_all<ImageId>(ids, [&](const std::string& id) -> Result<bool> {
            const auto found = call.services.images.resolve(call.account, id);
            if (found) {
                query.ids_or_names.push_back(id);
            } else if (found.error().code != Code::invalid_ami_id_unavailable) {
                return found.error();
            }
            return true;
        }));
        if (ids.empty() || !query.ids_or_names.empty()) {
            images = AMIVIRT_TRY(call.services.images.describe(call.account, query)).records;
        }
    }
    if (!kept_apart.empty()) {
        auto all = AMIVIRT_TRY(call.services.image_extras.of(images));
        std::erase_if(images, [&](const Image& each) { return !matches(all[each.id], kept_apart); });
    }
    if (!by_criteria.empty()) {
        const auto policy = AMIVIRT_TRY(call.services.settings.policy());
        AMIVIRT_TRY(keep_passing(images, by_criteria, Image(), [&](const Image& each, const std::string&) {
            return FilterFields({meets_criteria(each, policy.criteria, call.account, call.ports.clock.now()) ? "true" : "false"});
        }));
    }
    const auto aliases = AMIVIRT_TRY(call.ports.accounts.aliases());
    std::string next;
    images = Call::cut(
        std::move(images), page, [](const Image& each) { return each.id.str(); }, next);
    auto extras = AMIVIRT_TRY(call.services.image_extras.of(images));
    call.out.list("imagesSet", images, [&](const Image& each) { image(call.out, each, aliases, extras[each.id]); });
    call.out.some("nextToken", next);
    return {};
}

Result<void> create_image(Call& call) {
    CreateImageRequest request;
    request.instance = call.id<InstanceId>("InstanceId");
    request.name = call.in.required("Name");
    request.description = call.in.text("Description").value_or("");
    request.reboot = call.in.flag("NoReboot") ? Reboot::no : Reboot::yes;
    request.mapping = Call::mapping_in(call.in);
    call.in.refuse_unless("SnapshotLocation", "regional", "there are no Local Zones here");
    auto tags = call.tag_specifications({"image", "snapshot"});
    request.tags = tags["image"];
    request.snapshot_tags = tags["snapshot"];
    AMIVIRT_TRY(call.ready());
    AMIVIRT_TRY(Call::find_one<InstanceId>(request.instance, call.instance()));
    const auto create = [&capture = call.services.capture, account = call.account](const CreateImageRequest& promised) {
        SilentProgress silent;
        return capture.create(account, promised, silent);
    };
    call.out.text("imageId", AMIVIRT_TRY(call.promised("CreateImage of " + request.instance, request, create)));
    return {};
}

Result<void> copy_image(Call& call) {
    CopyRequest request;
    request.image = call.id<ImageId>("SourceImageId", Call::Seen::elsewhere);
    request.from_region = call.in.required("SourceRegion");
    request.name = call.in.required("Name");
    request.description = call.in.text("Description");
    request.encrypted = call.in.boolean("Encrypted");
    request.copy_tags = call.in.flag("CopyImageTags");
    request.client_token = call.in.text("ClientToken").value_or("");
    auto tags = call.tag_specifications({"image", "snapshot"});
    request.tags = tags["image"];
    request.snapshot_tags = tags["snapshot"];
    call.in.refuse("KmsKeyId", "the region has one key of its own");
    call.in.refuse("DestinationOutpostArn", "there are no Outposts here");
    call.in.refuse("DestinationAvailabilityZone", "there are no Local Zones here");
    call.in.refuse("DestinationAvailabilityZoneId", "there are no Local Zones here");
    call.in.accept("SnapshotCopyCompletionDurationMinutes");
    AMIVIRT_TRY(call.ready());
    if (!ImageId::parse(request.image)) {
        return not_found<ImageId>({request.image});
    }
    const auto copy = [&carrying = call.services.carrying, account = call.account](const CopyRequest& promised) -> Result<Image> {
        SilentProgress silent;
        auto copied = carrying.copy(account, promised, silent);
        if (!copied && copied.error().code == Code::invalid_ami_id_not_found) {
            return not_found<ImageId>({promised.image});
        }
        return copied;
    };
    call.out.text("imageId", AMIVIRT_TRY(call.promised("CopyImage of " + request.image, request, copy)));
    return {};
}

Result<void> deregister_image(Call& call) {
    const auto id = call.id<ImageId>("ImageId");
    const auto snapshots = call.in.flag("DeleteAssociatedSnapshots") ? DeleteSnapshots::yes : DeleteSnapshots::no;
    call.wants(ImageAction::deregister, id);
    AMIVIRT_TRY(call.ready());
    AMIVIRT_TRY(Call::find_one<ImageId>(id, call.image()));
    const auto done = AMIVIRT_TRY(call.services.images.deregister(call.account, id, snapshots));
    call.yes();
    call.out.list("deleteSnapshotResultSet", done.snapshots, [&](const SnapshotId& snapshot) {
        call.out.text("snapshotId", snapshot.str());
        call.out.text("returnCode", "success");
    });
    return {};
}

Result<void> describe_image_attribute(Call& call) {
    const auto id = call.id<ImageId>("ImageId");
    const auto attribute = attribute_name(call.in.required("Attribute"));
    AMIVIRT_TRY(call.ready());
    const auto found = AMIVIRT_TRY(Call::find_one<ImageId>(id, call.image()));
    const auto shown = AMIVIRT_TRY(call.services.governance.permissions(call.account, id));
    auto extras = AMIVIRT_TRY(call.services.image_extras.of({shown}));
    const auto value = [&](std::string_view name, std::string_view text) {
        call.out.in(name, [&] {
            if (!text.empty()) {
                call.out.text("value", text);
            }
        });
    };
    call.out.text("imageId", shown.id.str());
    if (attribute == "launchPermission") {
        call.out.in("launchPermission", [&] {
            if (shown.permissions.everyone) {
                call.out.in("item", [&] { call.out.text("group", "all"); });
            }
            for (const AccountId& account : shown.permissions.accounts) {
                call.out.in("item", [&] { call.out.text("userId", account.str()); });
            }
        });
    } else if (attribute == "description") {
        value("description", shown.description);
    } else if (attribute == "bootMode") {
        value("bootMode", to_string(shown.boot_mode));
    } else if (attribute == "blockDeviceMapping") {
        mapping(call.out, shown.mapping);
    } else if (attribute == "lastLaunchedTime") {
        value("lastLaunchedTime", shown.last_launched ? to_iso8601(*shown.last_launched) : "");
    } else if (attribute == "productCodes") {
        product_codes(call.out, extras[shown.id].product_codes);
    } else if (attribute == "sriovNetSupport") {
        value(attribute, extras[shown.id].sriov_net_support);
    } else if (attribute == "kernel" || attribute == "ramdisk" || attribute == "tpmSupport" || attribute == "uefiData" ||
               attribute == "imdsSupport") {
        value(attribute, "");
    } else {
        return Error(Code::invalid_parameter_value,
                     fmt::format("Value ({}) for parameter attribute is invalid. Unknown attribute.", printable(attribute)));
    }
    return {};
}

Result<void> modify_image_attribute(Call& call) {
    const auto id = call.id<ImageId>("ImageId");
    const auto attribute = attribute_name(call.in.text("Attribute").value_or(""));
    const auto untyped = call.in.text("Value");
    const auto description = call.in.below("Description").raw("Value");
    auto change = permission_change(call.in, "LaunchPermission", wire::invalid_image_attribute_item);
    std::vector<ProductCode> codes;
    for (std::string& code : call.in.texts("ProductCode")) {
        codes.push_back({std::move(code), "marketplace"});
        if (auto fine = check_product_code(codes.back()); !fine) {
            call.in.fault(std::move(fine.error()));
        }
    }
    call.in.refuse("OrganizationArn", "there are no organizations here");
    call.in.refuse("OrganizationalUnitArn", "there are no organizations here");
    call.in.refuse("ImdsSupport", "there is no metadata service here yet");
    std::optional<std::string> text = description;
    if (!text && attribute == "description") {
        text = untyped;
    }
    if (!change.any() && !text && codes.empty()) {
        call.in.fault({Code::invalid_parameter_combination, "No attributes specified."});
    }
    call.wants(ImageAction::modify, id);
    AMIVIRT_TRY(call.ready());
    AMIVIRT_TRY(Call::find_one<ImageId>(id, call.image()));
    AMIVIRT_TRY(call.services.governance.modify(
        call.account, id, {.added = change.added, .removed = change.removed, .description = text, .product_codes = codes}));
    call.yes();
    return {};
}

Result<void> reset_image_attribute(Call& call) {
    const auto id = call.id<ImageId>("ImageId");
    const auto attribute = attribute_name(call.in.required("Attribute"));
    if (!attribute.empty() && attribute != "launchPermission") {
        call.in.fault(
            {Code::invalid_parameter_value,
             fmt::format("Value ({}) for parameter attribute is invalid. Only launchPermission can be reset.", printable(attribute))});
    }
    call.wants(ImageAction::modify, id);
    AMIVIRT_TRY(call.ready());
    AMIVIRT_TRY(Call::find_one<ImageId>(id, call.image()));
    AMIVIRT_TRY(call.services.governance.reset_permissions(call.account, id));
    call.yes();
    return {};
}

Result<void> cancel_image_launch_permission(Call& call) {
    const auto id = call.id<ImageId>("ImageId");
    AMIVIRT_TRY(call.ready());
    AMIVIRT_TRY(Call::find_one<ImageId>(id, call.image()));
    AMIVIRT_TRY(call.services.governance.cancel_permission(call.account, id));
    call.yes();
    return {};
}

}  // namespace amivirt::ec2
