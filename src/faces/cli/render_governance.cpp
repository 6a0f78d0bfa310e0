#include "faces/cli/render_governance.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "faces/cli/json_fields.hpp"

namespace amivirt::cli {

namespace {

struct ReferenceWords {
    std::string_view type;  ///< EC2's
    std::string_view word;
};
ReferenceWords words_of(ImageReference::Kind kind) {
    switch (kind) {
        case ImageReference::Kind::instance:
            return {"ec2:Instance", "instance"};
        case ImageReference::Kind::launch_template:
            return {"ec2:LaunchTemplate", "template"};
        case ImageReference::Kind::image:
            break;
    }
    return {"ec2:Image", "image"};
}

std::string versions_text(const std::vector<std::uint64_t>& versions) {
    return versions.empty() ? "" : fmt::format("version{} {}", versions.size() == 1 ? "" : "s", fmt::join(versions, ", "));
}

/// What the tags of a rule say: "keep", "team=db".
std::string tags_text(const RetentionRule& rule) {
    std::vector<std::string> words;
    for (const auto& [key, value] : rule.tags) {
        words.push_back(value ? fmt::format("{}={}", key, *value) : key);
    }
    return words.empty() ? "all" : fmt::format("{}", fmt::join(words, ", "));
}

Json rule_json(const RetentionRule& rule) {
    Json out;
    out["Identifier"] = rule.id.str();
    out["ResourceType"] = to_string(rule.kind);
    out["RetentionPeriod"] = {{"RetentionPeriodValue", rule.days}, {"RetentionPeriodUnit", "DAYS"}};
    put(out, "Description", rule.description);
    Json tags = Json::array();
    for (const auto& [key, value] : rule.tags) {
        Json tag{{"ResourceTagKey", key}};
        put(tag, "ResourceTagValue", value);
        tags.push_back(std::move(tag));
    }
    out["ResourceTags"] = std::move(tags);
    out["Status"] = "available";
    return out;
}

void put_stay(Json& into, const std::optional<BinStay>& stay) {
    if (stay) {
        into["RecycleBinEnterTime"] = to_iso8601(stay->entered);
        into["RecycleBinExitTime"] = to_iso8601(stay->expires);
    }
}

Json criterion_json(const ImageCriterion& criterion) {
    Json out = Json::object();
    if (!criterion.providers.empty()) {
        out["ImageProviders"] = criterion.providers;
    }
    if (!criterion.names.empty()) {
        out["ImageNames"] = criterion.names;
    }
    if (criterion.max_days_since_deprecated) {
        out["DeprecationTimeCondition"] = {{"MaximumDaysSinceDeprecated", *criterion.max_days_since_deprecated}};
    }
    if (criterion.max_days_since_created) {
        out["CreationDateCondition"] = {{"MaximumDaysSinceCreated", *criterion.max_days_since_created}};
    }
    return out;
}

/// As --criterion takes it.
std::string criterion_text(const ImageCriterion& criterion) {
    std::vector<std::string> parts;
    if (!criterion.providers.empty()) {
        parts.push_back(fmt::format("providers={}", fmt::join(criterion.providers, ",")));
    }
    if (!criterion.names.empty()) {
        parts.push_back(fmt::format("names={}", fmt::join(criterion.names, ",")));
    }
    if (criterion.max_days_since_created) {
        parts.push_back(fmt::format("max-days-since-created={}", *criterion.max_days_since_created));
    }
    if (criterion.max_days_since_deprecated) {
        parts.push_back(fmt::format("max-days-since-deprecated={}", *criterion.max_days_since_deprecated));
    }
    return fmt::format("{}", fmt::join(parts, ";"));
}

}  // namespace

Document permissions_document(const Image& image) {
    Json list = Json::array();
    if (image.permissions.everyone) {
        list.push_back({{"Group", "all"}});
    }
    for (const AccountId& account : image.permissions.accounts) {
        list.push_back({{"UserId", account.str()}});
    }
    return document({{"ImageId", image.id.str()}, {"LaunchPermissions", std::move(list)}});
}

std::string permissions_table(const Image& image) {
    TextTable table({"MAY LAUNCH", "AS"});
    table.add({image.owner.str(), "owner"});
    if (image.permissions.everyone) {
        table.add({"all", "public"});
    }
    for (const AccountId& account : image.permissions.accounts) {
        table.add({account.str(), "listed"});
    }
    return table.str();
}

Document ancestry_document(const std::vector<ImageAncestor>& chain, const std::string& region) {
    Json list = Json::array();
    for (const ImageAncestor& link : chain) {
        Json entry;
        entry["CreationDate"] = to_iso8601(link.created);
        entry["ImageId"] = link.id.str();
        entry["ImageOwnerId"] = link.owner.str();
        put(entry, "ImageName", link.name);
        if (link.source) {
            entry["SourceImageId"] = link.source->str();
            entry["SourceImageRegion"] = link.source_region.empty() ? region : link.source_region;
        }
        list.push_back(std::move(entry));
    }
    return document({{"ImageAncestryEntries", std::move(list)}});
}

std::string ancestry_table(const std::vector<ImageAncestor>& chain) {
    TextTable table({"ID", "NAME", "OWNER", "CREATED", "REGION"});
    for (const ImageAncestor& link : chain) {
        table.add({link.id.str(), link.name, link.owner.str(), to_iso8601(link.created), ""});
    }
    if (!chain.empty() && chain.back().source) {
        table.add({chain.back().source->str(), "", "", "", chain.back().source_region});
    }
    return table.str();
}

Document image_usage_document(const ImageUsage& usage) {
    Json root;
    root["ImageId"] = usage.image.id.str();
    if (usage.image.last_launched) {
        root["LastLaunchedTime"] = to_iso8601(*usage.image.last_launched);
    }
    Json list = Json::array();
    for (const ImageReference& reference : usage.references) {
        Json entry;
        entry["ImageId"] = usage.image.id.str();
        entry["ResourceType"] = words_of(reference.kind).type;
        entry["ResourceId"] = reference.id;
        put(entry, "ResourceName", reference.name);
        entry["OwnerId"] = reference.owner.str();
        put(entry, "State", reference.state);
        if (!reference.versions.empty()) {
            entry["Versions"] = reference.versions;
        }
        list.push_back(std::move(entry));
    }
    root["ImageReferences"] = std::move(list);
    return document(std::move(root));
}

std::string image_usage_table(const ImageUsage& usage) {
    TextTable table({"USED BY", "ID", "NAME", "OWNER", "STATE"});
    for (const ImageReference& reference : usage.references) {
        table.add({std::string(words_of(reference.kind).word), reference.id, reference.name, reference.owner.str(),
                   reference.versions.empty() ? reference.state : versions_text(reference.versions)});
    }
    return table.str();
}

Document bin_document(const BinListing& listing) {
    Json images = Json::array();
    for (const Image& image : listing.images) {
        Json entry;
        entry["ImageId"] = image.id.str();
        entry["Name"] = image.name;
        put(entry, "Description", image.description);
        put_stay(entry, image.bin);
        images.push_back(std::move(entry));
    }
    Json snapshots = Json::array();
    for (const Snapshot& snapshot : listing.snapshots) {
        Json entry;
        entry["SnapshotId"] = snapshot.id.str();
        put(entry, "Description", snapshot.description);
        if (snapshot.volume) {
            entry["VolumeId"] = snapshot.volume->str();
        }
        put_stay(entry, snapshot.bin);
        snapshots.push_back(std::move(entry));
    }
    return document({{"Images", std::move(images)}, {"Snapshots", std::move(snapshots)}});
}

std::string bin_table(const BinListing& listing) {
    TextTable table({"ID", "NAME", "DELETED", "LEAVES"});
    for (const Image& image : listing.images) {
        table.add({image.id.str(), image.name, to_iso8601(image.bin->entered), to_iso8601(image.bin->expires)});
    }
    for (const Snapshot& snapshot : listing.snapshots) {
        table.add({snapshot.id.str(), name_tag(snapshot.tags), to_iso8601(snapshot.bin->entered), to_iso8601(snapshot.bin->expires)});
    }
    return table.str();
}

Document rule_document(const RetentionRule& rule) { return document(rule_json(rule)); }

Document rules_document(const std::vector<RetentionRule>& rules) {
    Json list = Json::array();
    for (const RetentionRule& rule : rules) {
        list.push_back(rule_json(rule));
    }
    return document({{"Rules", std::move(list)}});
}

std::string rules_table(const std::vector<RetentionRule>& rules) {
    TextTable table({"ID", "KEEPS", "WITH TAG", "DAYS", "DESCRIPTION"});
    for (const RetentionRule& rule : rules) {
        table.add({rule.id.str(), rule.kind == RetainedKind::image ? "images" : "snapshots", tags_text(rule), fmt::format("{}", rule.days),
                   rule.description});
    }
    return table.str();
}

Document policy_document(const RegionPolicy& policy, const std::string& region) {
    Json root;
    root["RegionName"] = region;
    root["ImageBlockPublicAccessState"] = policy.block_public_access ? "block-new-sharing" : "unblocked";
    root["State"] = to_string(policy.allowed_images);
    Json criteria = Json::array();
    for (const ImageCriterion& criterion : policy.criteria) {
        criteria.push_back(criterion_json(criterion));
    }
    root["ImageCriteria"] = std::move(criteria);
    return document(std::move(root));
}

std::string policy_fields(const RegionPolicy& policy, const std::string& region) {
    FieldList fields;
    fields.add("Region", region);
    fields.add("Public access", policy.block_public_access ? "blocked: no image can be made public" : "not blocked");
    fields.add("Allowed images", policy.allowed_images == AllowedImages::disabled ? "disabled: all are allowed"
                                 : policy.allowed_images == AllowedImages::audit  ? "audit-mode: a launch of another is told so"
                                                                                  : "enabled: a launch of another is refused");
    for (const ImageCriterion& criterion : policy.criteria) {
        fields.add("Criterion", criterion_text(criterion));
    }
    return fields.str();
}

}  // namespace amivirt::cli
