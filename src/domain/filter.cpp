#include "amivirt/domain/filter.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "amivirt/domain/device_name.hpp"
#include "amivirt/domain/image_reason.hpp"
#include "amivirt/domain/key_pair_filter.hpp"
#include "domain/nearest.hpp"
#include "domain/text.hpp"

namespace amivirt {

namespace {

constexpr std::string_view k_tag = "tag:";

using Values = std::vector<std::string>;

/// What an object has under a filter's name. Several values (tags, mapping entries) match if one of them does; none never match.
template <class Object>
struct Field {
    std::string_view name;
    Values (*values)(const Object&);
};

Values one(std::string_view value) { return {std::string(value)}; }
Values one_unless_empty(std::string_view value) { return value.empty() ? Values{} : one(value); }
Values none() { return {}; }

Values keys(const Tags& tags) {
    Values result;
    for (const auto& [key, value] : tags) {
        result.push_back(key);
    }
    return result;
}

/// `tell` adds what it has to say of an EBS entry; the flag is whether the entry is the root's.
template <class Tell>
Values of_ebs_entries(const Image& image, Tell tell) {
    Values result;
    for (const BlockDevice& entry : image.mapping) {
        if (const auto* ebs = std::get_if<EbsDevice>(&entry.what); ebs != nullptr) {
            if (auto value = tell(entry, *ebs); !value.empty()) {
                result.push_back(std::move(value));
            }
        }
    }
    return result;
}

std::string_view truth(bool value) { return value ? "true" : "false"; }

constexpr std::array<Field<Image>, 38> k_image_fields{{
    {"architecture", [](const Image& i) { return one(to_string(i.architecture)); }},
    {"block-device-mapping.delete-on-termination",
     [](const Image& i) {
         return of_ebs_entries(i, [&i](const BlockDevice& entry, const EbsDevice& ebs) {
             return std::string(truth(ebs.delete_on_termination.value_or(same_device(entry.device_name, i.root_device_name))));
         });
     }},
    {"block-device-mapping.device-name",
     [](const Image& i) {
         Values result;
         for (const BlockDevice& entry : i.mapping) {
             result.push_back(entry.device_name);
         }
         return result;
     }},
    {"block-device-mapping.encrypted",
     [](const Image& i) {
         return of_ebs_entries(i,
                               [](const BlockDevice&, const EbsDevice& ebs) { return std::string(truth(ebs.encrypted.value_or(false))); });
     }},
    {"block-device-mapping.snapshot-id",
     [](const Image& i) {
         return of_ebs_entries(i,
                               [](const BlockDevice&, const EbsDevice& ebs) { return ebs.snapshot ? ebs.snapshot->str() : std::string(); });
     }},
    {"block-device-mapping.volume-size",
     [](const Image& i) {
         return of_ebs_entries(
             i, [](const BlockDevice&, const EbsDevice& ebs) { return ebs.size ? std::to_string(ebs.size->count) : std::string(); });
     }},
    {"block-device-mapping.volume-type",
     [](const Image& i) {
         return of_ebs_entries(
             i, [](const BlockDevice&, const EbsDevice& ebs) { return std::string(to_string(ebs.type.value_or(VolumeType::gp3))); });
     }},
    {"boot-mode", [](const Image& i) { return one(to_string(i.boot_mode)); }},
    {"creation-date", [](const Image& i) { return one(to_iso8601(i.created)); }},
    {"deprecation-time", [](const Image& i) { return i.deprecated ? one(to_iso8601(*i.deprecated)) : none(); }},
    {"deregistration-protection", [](const Image& i) { return one(to_string(i.protection)); }},
    {"description", [](const Image& i) { return one(i.description); }},
    {"free-tier-eligible", [](const Image&) { return one("false"); }},
    {"hypervisor", [](const Image&) { return one("xen"); }},  // what EC2 says of every HVM image, its KVM hosts included
    {"image-id", [](const Image& i) { return one(i.id.str()); }},
    {"image-type", [](const Image&) { return one("machine"); }},
    {"imds-support", [](const Image&) { return none(); }},
    {"is-public", [](const Image& i) { return one(truth(i.permissions.everyone)); }},
    {"kernel-id", [](const Image&) { return none(); }},
    {"manifest-location", [](const Image& i) { return one(i.owner.str() + "/" + i.name); }},
    {"name", [](const Image& i) { return one(i.name); }},
    {"owner-alias",
     [](const Image&) { return none(); }},  // who has an alias is not the image's business: Images::describe asks for owner-id
    {"owner-id", [](const Image& i) { return one(i.owner.str()); }},
    {"platform", [](const Image& i) { return one_unless_empty(i.platform); }},
    {"platform-details", [](const Image& i) { return one_unless_empty(i.platform_details); }},
    {"ramdisk-id", [](const Image&) { return none(); }},
    {"root-device-name", [](const Image& i) { return one(i.root_device_name); }},
    {"root-device-type", [](const Image& image) { return one(to_string(image.root_device_type)); }},
    {"source-image-id", [](const Image& i) { return i.source_image ? one(i.source_image->str()) : none(); }},
    {"source-image-region", [](const Image& i) { return one_unless_empty(i.source_region); }},
    {"source-instance-id", [](const Image& i) { return i.source_instance ? one(i.source_instance->str()) : none(); }},
    {"state", [](const Image& i) { return one(to_string(i.state)); }},
    {"state-reason-code", [](const Image& i) { return one_unless_empty(std::string(state_reason_code(i))); }},
    {"state-reason-message", [](const Image& i) { return one_unless_empty(i.state_reason); }},
    {"tag-key", [](const Image& i) { return keys(i.tags); }},
    {"tpm-support", [](const Image&) { return none(); }},
    {"usage-operation", [](const Image& i) { return one(i.platform == "windows" ? "RunInstances:0002" : "RunInstances"); }},
    {"virtualization-type", [](const Image&) { return one("hvm"); }},
}};

/// An instance with what is attached to it.
struct Machine {
    const Instance& instance;
    const std::vector<Volume>& volumes;
};

/// `tell` has what it says of each volume that is attached. (To EC2 an instance store's is none.)
template <class Tell>
Values of_attached(const Machine& machine, Tell tell) {
    Values result;
    for (const Volume& volume : machine.volumes) {
        if (volume.attachment && !volume.instance_store) {
            result.push_back(tell(*volume.attachment));
        }
    }
    return result;
}

constexpr auto k_instance_fields = std::to_array<Field<Machine>>({
    {"affinity", [](const Machine&) { return none(); }},
    {"architecture", [](const Machine& m) { return one(to_string(m.instance.architecture)); }},
    {"block-device-mapping.attach-time",
     [](const Machine& m) { return of_attached(m, [](const Attachment& a) { return to_iso8601(a.attached); }); }},
    {"block-device-mapping.delete-on-termination",
     [](const Machine& m) { return of_attached(m, [](const Attachment& a) { return std::string(truth(a.delete_on_termination)); }); }},
    {"block-device-mapping.device-name",
     [](const Machine& m) { return of_attached(m, [](const Attachment& a) { return a.device_name; }); }},
    {"block-device-mapping.status",
     [](const Machine& m) { return of_attached(m, [](const Attachment&) { return std::string("attached"); }); }},
    {"block-device-mapping.volume-id",
     [](const Machine& m) {
         Values result;
         for (const Volume& volume : m.volumes) {
             result.push_back(volume.id.str());
         }
         return result;
     }},
    {"boot-mode", [](const Machine& m) { return one(to_string(m.instance.firmware)); }},
    {"capacity-reservation-id", [](const Machine&) { return none(); }},
    {"capacity-reservation-specification.capacity-reservation-preference", [](const Machine&) { return none(); }},
    {"capacity-reservation-specification.capacity-reservation-target.capacity-reservation-id", [](const Machine&) { return none(); }},
    {"capacity-reservation-specification.capacity-reservation-target.capacity-reservation-resource-group-arn",
     [](const Machine&) { return none(); }},
    {"client-token", [](const Machine& m) { return one_unless_empty(m.instance.client_token); }},
    {"current-instance-boot-mode", [](const Machine& m) { return one(to_string(m.instance.firmware)); }},
    {"enclave-options.enabled", [](const Machine&) { return one("false"); }},
    {"hibernation-options.configured", [](const Machine&) { return one("false"); }},
    {"host-id", [](const Machine&) { return none(); }},
    {"hypervisor", [](const Machine&) { return one("xen"); }},  // as of images
    {"iam-instance-profile.arn", [](const Machine&) { return none(); }},
    {"iam-instance-profile.id", [](const Machine&) { return none(); }},
    {"image-id", [](const Machine& m) { return one(m.instance.image.str()); }},
    {"instance-id", [](const Machine& m) { return one(m.instance.id.str()); }},
    {"instance-lifecycle", [](const Machine&) { return none(); }},  // spot and scheduled ones have it
    {"instance-state-code", [](const Machine& m) { return one(std::to_string(ec2_code(m.instance.state))); }},
    {"instance-state-name", [](const Machine& m) { return one(to_string(m.instance.state)); }},
    {"instance-type", [](const Machine& m) { return one(m.instance.type); }},
    {"ipv6-address", [](const Machine&) { return none(); }},
    {"kernel-id", [](const Machine&) { return none(); }},
    {"key-name", [](const Machine& m) { return one_unless_empty(m.instance.key_name); }},
    {"launch-index", [](const Machine& m) { return one(std::to_string(m.instance.launch_index)); }},
    {"launch-time", [](const Machine& m) { return one(to_iso8601(m.instance.launched)); }},
    {"network-performance-options.bandwidth-weighting", [](const Machine&) { return none(); }},
    {"operator.managed", [](const Machine&) { return one("false"); }},
    {"operator.principal", [](const Machine&) { return none(); }},
    {"outpost-arn", [](const Machine&) { return none(); }},
    {"owner-id", [](const Machine& m) { return one(m.instance.owner.str()); }},
    {"placement-group-name", [](const Machine&) { return none(); }},
    {"placement-partition-number", [](const Machine&) { return none(); }},
    {"platform", [](const Machine&) { return none(); }},  // told of Windows alone, which an instance here does not say it is
    {"platform-details", [](const Machine&) { return none(); }},
    {"private-dns-name-options.enable-resource-name-dns-a-record", [](const Machine&) { return one("false"); }},
    {"private-dns-name-options.enable-resource-name-dns-aaaa-record", [](const Machine&) { return one("false"); }},
    {"private-dns-name-options.hostname-type", [](const Machine&) { return one("ip-name"); }},
    {"product-code", [](const Machine&) { return none(); }},
    {"product-code.type", [](const Machine&) { return none(); }},
    {"ramdisk-id", [](const Machine&) { return none(); }},
    {"reason", [](const Machine& m) { return one_unless_empty(m.instance.state_reason_message); }},
    {"requester-id", [](const Machine&) { return none(); }},
    {"reservation-id", [](const Machine& m) { return one(m.instance.reservation.str()); }},
    {"root-device-name", [](const Machine& m) { return one(m.instance.root_device_name); }},
    {"root-device-type", [](const Machine& m) { return one(to_string(m.instance.root_device_type)); }},
    {"spot-instance-request-id", [](const Machine&) { return none(); }},
    {"state-reason-code", [](const Machine& m) { return one_unless_empty(m.instance.state_reason_code); }},
    {"state-reason-message", [](const Machine& m) { return one_unless_empty(m.instance.state_reason_message); }},
    {"tag-key", [](const Machine& m) { return keys(m.instance.tags); }},
    {"tenancy", [](const Machine&) { return one("default"); }},
    {"tpm-support", [](const Machine&) { return none(); }},
    {"usage-operation", [](const Machine&) { return none(); }},
    {"usage-operation-update-time", [](const Machine&) { return none(); }},
    {"virtualization-type", [](const Machine&) { return one("hvm"); }},
});

constexpr std::array<Field<Volume>, 18> k_volume_fields{{
    {"attachment.attach-time", [](const Volume& v) { return v.attachment ? one(to_iso8601(v.attachment->attached)) : none(); }},
    {"attachment.delete-on-termination",
     [](const Volume& v) { return v.attachment ? one(truth(v.attachment->delete_on_termination)) : none(); }},
    {"attachment.device", [](const Volume& v) { return v.attachment ? one(v.attachment->device_name) : none(); }},
    {"attachment.instance-id", [](const Volume& v) { return v.attachment ? one(v.attachment->instance.str()) : none(); }},
    {"attachment.status", [](const Volume& v) { return v.attachment ? one("attached") : none(); }},
    {"create-time", [](const Volume& v) { return one(to_iso8601(v.created)); }},
    {"encrypted", [](const Volume& v) { return one(truth(v.encrypted)); }},
    {"fast-restored", [](const Volume&) { return one("false"); }},
    {"multi-attach-enabled", [](const Volume&) { return one("false"); }},
    {"operator.managed", [](const Volume&) { return one("false"); }},
    {"operator.principal", [](const Volume&) { return none(); }},
    {"owner-id", [](const Volume& v) { return one(v.owner.str()); }},
    {"size", [](const Volume& v) { return one(std::to_string(v.size.count)); }},
    {"snapshot-id", [](const Volume& v) { return v.snapshot ? one(v.snapshot->str()) : none(); }},
    {"status", [](const Volume& v) { return one(to_string(v.state)); }},
    {"tag-key", [](const Volume& v) { return keys(v.tags); }},
    {"volume-id", [](const Volume& v) { return one(v.id.str()); }},
    {"volume-type", [](const Volume& v) { return one(to_string(v.type)); }},
}};

constexpr std::array<Field<Snapshot>, 13> k_snapshot_fields{{
    {"description", [](const Snapshot& s) { return one_unless_empty(s.description); }},
    {"encrypted", [](const Snapshot& s) { return one(truth(s.encrypted)); }},
    {"owner-alias", [](const Snapshot&) { return none(); }},  // EC2's own accounts have one; nobody here is such
    {"owner-id", [](const Snapshot& s) { return one(s.owner.str()); }},
    {"progress", [](const Snapshot& s) { return one(s.state == SnapshotState::completed ? "100%" : "0%"); }},
    {"snapshot-id", [](const Snapshot& s) { return one(s.id.str()); }},
    {"start-time", [](const Snapshot& s) { return one(to_iso8601(s.created)); }},
    {"status", [](const Snapshot& s) { return one(to_string(s.state)); }},
    {"storage-tier", [](const Snapshot&) { return one("standard"); }},
    {"tag-key", [](const Snapshot& s) { return keys(s.tags); }},
    {"transfer-type", [](const Snapshot&) { return one("standard"); }},
    {"volume-id", [](const Snapshot& s) { return s.volume ? one(s.volume->str()) : none(); }},
    {"volume-size", [](const Snapshot& s) { return one(std::to_string(s.size.count)); }},
}};

constexpr std::array<Field<KeyPair>, 4> k_key_pair_fields{{
    {"fingerprint", [](const KeyPair& k) { return one(k.fingerprint); }},
    {"key-name", [](const KeyPair& k) { return one(k.name); }},
    {"key-pair-id", [](const KeyPair& k) { return one(k.id.str()); }},
    {"tag-key", [](const KeyPair& k) { return keys(k.tags); }},
}};

constexpr std::array<Field<TagDescription>, 4> k_tag_fields{{
    {"key", [](const TagDescription& t) { return one(t.key); }},
    {"resource-id", [](const TagDescription& t) { return one(t.resource); }},
    {"resource-type", [](const TagDescription& t) { return one(to_string(t.type)); }},
    {"value", [](const TagDescription& t) { return one(t.value); }},
}};

bool is_tag_filter(std::string_view name) noexcept { return name.size() > k_tag.size() && name.starts_with(k_tag); }

template <class Object, std::size_t N>
Result<void> check_filters(const std::array<Field<Object>, N>& fields, const std::vector<Filter>& filters) {
    for (const Filter& filter : filters) {
        const bool known = is_tag_filter(filter.name) ||
                           std::any_of(fields.begin(), fields.end(), [&](const Field<Object>& field) { return field.name == filter.name; });
        if (!known) {
            std::vector<std::string> names{std::string(k_tag)};
            for (const Field<Object>& field : fields) {
                names.emplace_back(field.name);
            }
            return Error(Code::invalid_parameter_value, fmt::format("The filter '{}' is invalid", filter.name),
                         did_you_mean(nearest(filter.name, names)));
        }
    }
    return {};
}

bool any_matches(const Filter& filter, const Values& values) {
    return std::any_of(values.begin(), values.end(), [&](const std::string& value) {
        return std::any_of(filter.values.begin(), filter.values.end(),
                           [&](const std::string& pattern) { return wildcard_match(pattern, value); });
    });
}

template <class Object, std::size_t N>
bool all_match(const std::array<Field<Object>, N>& fields, const Object& object, const Tags& tags, const std::vector<Filter>& filters) {
    return std::all_of(filters.begin(), filters.end(), [&](const Filter& filter) {
        if (is_tag_filter(filter.name)) {
            const auto tag = tags.find(filter.name.substr(k_tag.size()));
            return tag != tags.end() && any_matches(filter, {tag->second});
        }
        const auto field = std::find_if(fields.begin(), fields.end(), [&](const Field<Object>& f) { return f.name == filter.name; });
        return field != fields.end() && any_matches(filter, field->values(object));
    });
}

/// At commas, but not at "\,"; other backslashes stay for wildcard_match.
Values split_values(std::string_view text) {
    Values result(1);
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\' && i + 1 < text.size()) {
            ++i;
            if (text[i] != ',') {
                result.back() += '\\';
            }
            result.back() += text[i];
        } else if (text[i] == ',') {
            result.emplace_back();
        } else {
            result.back() += text[i];
        }
    }
    return result;
}

}  // namespace

Result<Filter> parse_filter(std::string_view text) {
    constexpr std::string_view name_word = "Name=";
    constexpr std::string_view values_word = ",Values=";
    const Error bad(Code::invalid_parameter_value,
                    fmt::format("Invalid filter \"{}\" (expecting Name=NAME,Values=VALUE,... or NAME=VALUE,...)", text));
    std::string_view name;
    std::string_view values;
    if (text.starts_with(name_word)) {
        const std::size_t at = text.find(values_word);
        if (at == std::string_view::npos) {
            return bad;
        }
        name = text.substr(name_word.size(), at - name_word.size());
        values = text.substr(at + values_word.size());
    } else {
        const std::size_t at = text.find('=');
        if (at == std::string_view::npos) {
            return bad;
        }
        name = text.substr(0, at);
        values = text.substr(at + 1);
    }
    if (name.empty()) {
        return bad;
    }
    return Filter{std::string(name), split_values(values)};
}

bool wildcard_match(std::string_view pattern, std::string_view text) noexcept {
    // Greedy with one way back: only the last star can need to take more, so the work is at most pattern times text.
    std::size_t p = 0;
    std::size_t t = 0;
    std::size_t star = std::string_view::npos;  // where the pattern goes on after the last star
    std::size_t star_text = 0;                  // up to where that star has eaten
    const auto next_character = [&](std::size_t from) { return from + character_bytes(text.substr(from)); };
    while (true) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = ++p;
            star_text = t;
            continue;
        }
        if (t < text.size() && p < pattern.size()) {
            if (pattern[p] == '?') {
                ++p;
                t = next_character(t);
                continue;
            }
            const std::size_t literal = pattern[p] == '\\' && p + 1 < pattern.size() ? p + 1 : p;
            if (pattern[literal] == text[t]) {
                p = literal + 1;
                ++t;
                continue;
            }
        } else if (t == text.size() && p == pattern.size()) {
            return true;
        }
        if (star == std::string_view::npos || star_text >= text.size()) {
            return false;
        }
        star_text = next_character(star_text);
        p = star;
        t = star_text;
    }
}

Result<void> check_image_filters(const std::vector<Filter>& filters) { return check_filters(k_image_fields, filters); }
Result<void> check_instance_filters(const std::vector<Filter>& filters) { return check_filters(k_instance_fields, filters); }
Result<void> check_volume_filters(const std::vector<Filter>& filters) { return check_filters(k_volume_fields, filters); }
Result<void> check_snapshot_filters(const std::vector<Filter>& filters) { return check_filters(k_snapshot_fields, filters); }
Result<void> check_key_pair_filters(const std::vector<Filter>& filters) { return check_filters(k_key_pair_fields, filters); }
Result<void> check_tag_filters(const std::vector<Filter>& filters) { return check_filters(k_tag_fields, filters); }

bool matches(const Image& image, const std::vector<Filter>& filters) { return all_match(k_image_fields, image, image.tags, filters); }

std::optional<bool> same_for_all_images(const Filter& filter) {
    constexpr std::array<std::string_view, 4> common{"hypervisor", "image-type", "owner-alias", "virtualization-type"};
    if (std::find(common.begin(), common.end(), filter.name) == common.end()) {
        return std::nullopt;
    }
    return matches(Image{}, {filter});
}

bool matches(const Instance& instance, const std::vector<Volume>& attached, const std::vector<Filter>& filters) {
    return all_match(k_instance_fields, Machine{instance, attached}, instance.tags, filters);
}

bool matches(const Volume& volume, const std::vector<Filter>& filters) { return all_match(k_volume_fields, volume, volume.tags, filters); }

bool matches(const Snapshot& snapshot, const std::vector<Filter>& filters) {
    return all_match(k_snapshot_fields, snapshot, snapshot.tags, filters);
}

bool matches(const KeyPair& pair, const std::vector<Filter>& filters) { return all_match(k_key_pair_fields, pair, pair.tags, filters); }

bool matches(const TagDescription& tag, const std::vector<Filter>& filters) {
    return all_match(k_tag_fields, tag, {{tag.key, tag.value}}, filters);
}

}  // namespace amivirt
