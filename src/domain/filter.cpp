#include "amivirt/domain/filter.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "amivirt/domain/device_name.hpp"
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

constexpr std::array<Field<Image>, 25> k_image_fields{{
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
    {"creation-date", [](const Image& i) { return one(to_iso8601(i.created)); }},
    {"description", [](const Image& i) { return one(i.description); }},
    {"hypervisor", [](const Image&) { return one("xen"); }},  // what EC2 says of every HVM image, its KVM hosts included
    {"image-id", [](const Image& i) { return one(i.id.str()); }},
    {"image-type", [](const Image&) { return one("machine"); }},
    {"is-public", [](const Image& i) { return one(truth(i.permissions.everyone)); }},
    {"name", [](const Image& i) { return one(i.name); }},
    {"owner-alias", [](const Image&) { return none(); }},
    {"owner-id", [](const Image& i) { return one(i.owner.str()); }},
    {"platform", [](const Image& i) { return one_unless_empty(i.platform); }},
    {"root-device-name", [](const Image& i) { return one(i.root_device_name); }},
    {"root-device-type", [](const Image& image) { return one(to_string(image.root_device_type)); }},
    {"source-image-id", [](const Image&) { return none(); }},
    {"source-instance-id", [](const Image&) { return none(); }},
    {"state", [](const Image& i) { return one(to_string(i.state)); }},
    {"state-reason-code", [](const Image& i) { return one_unless_empty(i.state_reason); }},
    {"tag-key", [](const Image& i) { return keys(i.tags); }},
    {"virtualization-type", [](const Image&) { return one("hvm"); }},
}};

/// An instance with what is attached to it.
struct Machine {
    const Instance& instance;
    const std::vector<Volume>& volumes;
};

constexpr std::array<Field<Machine>, 14> k_instance_fields{{
    {"architecture", [](const Machine& m) { return one(to_string(m.instance.architecture)); }},
    {"block-device-mapping.volume-id",
     [](const Machine& m) {
         Values result;
         for (const Volume& volume : m.volumes) {
             result.push_back(volume.id.str());
         }
         return result;
     }},
    {"client-token", [](const Machine& m) { return one_unless_empty(m.instance.client_token); }},
    {"image-id", [](const Machine& m) { return one(m.instance.image.str()); }},
    {"instance-id", [](const Machine& m) { return one(m.instance.id.str()); }},
    {"instance-state-code", [](const Machine& m) { return one(std::to_string(ec2_code(m.instance.state))); }},
    {"instance-state-name", [](const Machine& m) { return one(to_string(m.instance.state)); }},
    {"instance-type", [](const Machine& m) { return one(m.instance.type); }},
    {"launch-index", [](const Machine& m) { return one(std::to_string(m.instance.launch_index)); }},
    {"launch-time", [](const Machine& m) { return one(to_iso8601(m.instance.launched)); }},
    {"owner-id", [](const Machine& m) { return one(m.instance.owner.str()); }},
    {"reservation-id", [](const Machine& m) { return one(m.instance.reservation.str()); }},
    {"root-device-name", [](const Machine& m) { return one(m.instance.root_device_name); }},
    {"tag-key", [](const Machine& m) { return keys(m.instance.tags); }},
}};

constexpr std::array<Field<Volume>, 14> k_volume_fields{{
    {"attachment.attach-time", [](const Volume& v) { return v.attachment ? one(to_iso8601(v.attachment->attached)) : none(); }},
    {"attachment.delete-on-termination",
     [](const Volume& v) { return v.attachment ? one(truth(v.attachment->delete_on_termination)) : none(); }},
    {"attachment.device", [](const Volume& v) { return v.attachment ? one(v.attachment->device_name) : none(); }},
    {"attachment.instance-id", [](const Volume& v) { return v.attachment ? one(v.attachment->instance.str()) : none(); }},
    {"attachment.status", [](const Volume& v) { return v.attachment ? one("attached") : none(); }},
    {"create-time", [](const Volume& v) { return one(to_iso8601(v.created)); }},
    {"encrypted", [](const Volume& v) { return one(truth(v.encrypted)); }},
    {"owner-id", [](const Volume& v) { return one(v.owner.str()); }},
    {"size", [](const Volume& v) { return one(std::to_string(v.size.count)); }},
    {"snapshot-id", [](const Volume& v) { return v.snapshot ? one(v.snapshot->str()) : none(); }},
    {"status", [](const Volume& v) { return one(to_string(v.state)); }},
    {"tag-key", [](const Volume& v) { return keys(v.tags); }},
    {"volume-id", [](const Volume& v) { return one(v.id.str()); }},
    {"volume-type", [](const Volume& v) { return one(to_string(v.type)); }},
}};

constexpr std::array<Field<Snapshot>, 9> k_snapshot_fields{{
    {"description", [](const Snapshot& s) { return one_unless_empty(s.description); }},
    {"encrypted", [](const Snapshot& s) { return one(truth(s.encrypted)); }},
    {"owner-id", [](const Snapshot& s) { return one(s.owner.str()); }},
    {"snapshot-id", [](const Snapshot& s) { return one(s.id.str()); }},
    {"start-time", [](const Snapshot& s) { return one(to_iso8601(s.created)); }},
    {"status", [](const Snapshot& s) { return one(to_string(s.state)); }},
    {"tag-key", [](const Snapshot& s) { return keys(s.tags); }},
    {"volume-id", [](const Snapshot& s) { return s.volume ? one(s.volume->str()) : none(); }},
    {"volume-size", [](const Snapshot& s) { return one(std::to_string(s.size.count)); }},
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

bool matches(const Image& image, const std::vector<Filter>& filters) { return all_match(k_image_fields, image, image.tags, filters); }

bool matches(const Instance& instance, const std::vector<Volume>& attached, const std::vector<Filter>& filters) {
    return all_match(k_instance_fields, Machine{instance, attached}, instance.tags, filters);
}

bool matches(const Volume& volume, const std::vector<Filter>& filters) { return all_match(k_volume_fields, volume, volume.tags, filters); }

bool matches(const Snapshot& snapshot, const std::vector<Filter>& filters) {
    return all_match(k_snapshot_fields, snapshot, snapshot.tags, filters);
}

}  // namespace amivirt
