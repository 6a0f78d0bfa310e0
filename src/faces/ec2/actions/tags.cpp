#include "faces/ec2/actions/actions.hpp"

namespace amivirt::ec2 {

namespace {

/// For a dry run, as far as others' are seen at all.
void want_own(const Call& call, const std::string& id) {
    if (ImageId::looks_like(id)) {
        call.wants(ImageAction::modify, id);
    } else if (InstanceId::looks_like(id)) {
        call.wants<InstanceId>({id});
    } else if (VolumeId::looks_like(id)) {
        call.wants<VolumeId>({id});
    } else if (SnapshotId::looks_like(id)) {
        call.wants_own_snapshot(id);
    }
}

/// The Name of something is no id of it here.
std::vector<std::string> resources(Call& call) {
    auto ids = call.in.texts("ResourceId");
    if (ids.empty()) {
        call.in.fault({Code::missing_parameter, "The request must contain the parameter ResourceId"});
    }
    for (const std::string& id : ids) {
        if (!Tagging::is_id(id)) {
            call.in.fault({Code::invalid_id, fmt::format("The ID '{}' is not valid", printable(id))});
        }
        want_own(call, id);
    }
    return ids;
}

}  // namespace

Result<void> create_tags(Call& call) {
    const auto ids = resources(call);
    const auto tags = Call::tags_in(call.in);
    if (tags.empty()) {
        call.in.fault({Code::missing_parameter, "The request must contain the parameter Tag"});
    }
    AMIVIRT_TRY(call.ready());
    AMIVIRT_TRY(call.services.tagging.add(call.account, ids, tags));
    call.yes();
    return {};
}

Result<void> delete_tags(Call& call) {
    const auto ids = resources(call);
    TagsToRemove which;
    for (const Parameters& each : call.in.list("Tag")) {
        auto key = each.required("Key");
        which.emplace_back(std::move(key), each.raw("Value"));
    }
    AMIVIRT_TRY(call.ready());
    AMIVIRT_TRY(call.services.tagging.remove(call.account, ids, which.empty() ? std::nullopt : std::optional(which)));
    call.yes();
    return {};
}

Result<void> describe_tags(Call& call) {
    const auto filters = call.filters();
    const Page page = call.page(false);
    AMIVIRT_TRY(call.ready());
    auto tags = AMIVIRT_TRY(call.services.tagging.describe(call.account, filters)).records;
    std::string next;
    tags = Call::cut(
        std::move(tags), page, [](const TagDescription& each) { return each.resource + "=" + each.key; }, next);
    call.out.list("tagSet", tags, [&](const TagDescription& each) {
        call.out.text("resourceId", each.resource);
        call.out.text("resourceType", to_string(each.type));
        call.out.text("key", each.key);
        call.out.text("value", each.value);
    });
    call.out.some("nextToken", next);
    return {};
}

}  // namespace amivirt::ec2
