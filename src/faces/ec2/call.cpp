// What a call reads of its parameters. Without the services: the fuzz target of queries links this file alone.
#include "faces/ec2/call.hpp"

#include <charconv>

namespace amivirt::ec2 {

namespace {

constexpr std::size_t k_most_filters = 50;
constexpr std::size_t k_most_filter_values = 200;
constexpr std::uint32_t k_most_page = 1000;

std::optional<unsigned> ephemeral_number(std::string_view text) {
    constexpr std::string_view k_word = "ephemeral";
    if (!text.starts_with(k_word)) {
        return std::nullopt;
    }
    text.remove_prefix(k_word.size());
    unsigned number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc() && end == text.data() + text.size() ? std::optional(number) : std::nullopt;
}

EbsDevice ebs_in(const Parameters& from) {
    EbsDevice ebs;
    if (const auto text = from.text("SnapshotId")) {
        if (auto id = SnapshotId::parse(*text)) {
            ebs.snapshot = std::move(*id);
        } else {
            from.fault(SnapshotId::looks_like(*text) ? not_found<SnapshotId>({*text}) : id.error());
        }
    }
    if (const auto size = from.number("VolumeSize")) {
        ebs.size = GiB{*size};
    }
    if (const auto text = from.text("VolumeType")) {
        if (auto type = parse_volume_type(*text)) {
            ebs.type = *type;
        } else {
            from.fault(std::move(type.error()));
        }
    }
    ebs.iops = from.number("Iops");
    ebs.throughput = from.number("Throughput");
    ebs.delete_on_termination = from.boolean("DeleteOnTermination");
    ebs.encrypted = from.boolean("Encrypted");
    from.refuse("KmsKeyId", "the region has one key of its own");
    from.refuse("OutpostArn", "there are no Outposts here");
    from.refuse("AvailabilityZone", "a volume is where its instance is");
    from.refuse("AvailabilityZoneId", "a volume is where its instance is");
    from.refuse_unless("EbsCardIndex", "0", "an instance has one card for its volumes");
    from.accept("VolumeInitializationRate");  // nothing is fetched from elsewhere
    return ebs;
}

}  // namespace

Result<DryRun> Call::ready_but_dry_run() const {
    const bool dry = in.flag("DryRun");
    AMIVIRT_TRY(in.check());
    return dry ? DryRun::yes : DryRun::no;
}

Result<void> Call::ready() const {
    if (AMIVIRT_TRY(ready_but_dry_run()) == DryRun::yes) {
        for (const auto& is_there : wanted_) {
            AMIVIRT_TRY(is_there());
        }
        return Error(Code::dry_run_operation, "Request would have succeeded, but DryRun flag is set.");
    }
    return {};
}

std::vector<Filter> Call::filters() const {
    std::vector<Filter> filters;
    for (const Parameters& each : in.list("Filter")) {
        Filter filter;
        filter.name = each.required("Name");
        for (const Parameters& value : each.list("Value")) {
            filter.values.push_back(value.value());
        }
        if (filter.values.size() > k_most_filter_values) {
            in.fault({wire::filter_limit_exceeded,
                      fmt::format("The limit for the number of allowed filter values is {}", k_most_filter_values)});
        }
        filters.push_back(std::move(filter));
    }
    if (filters.size() > k_most_filters) {
        in.fault({wire::filter_limit_exceeded, fmt::format("The limit for the number of filters in a request is {}", k_most_filters)});
    }
    return filters;
}

std::string Call::token(std::size_t offset, const std::string& after) { return base64_encode(fmt::format("{}:{}", offset, after)); }

Page Call::page(bool ids_given, std::uint32_t least) const {
    Page page;
    const auto most = in.number("MaxResults");
    const auto next = in.text("NextToken");
    if (most && *most < least) {
        in.fault({Code::invalid_parameter_value,
                  fmt::format("Value ( {} ) for parameter maxResults is invalid. Expecting a value greater than {}.", *most,
                              least > 1 ? least : 0)});
    }
    if (ids_given && (most || next)) {
        in.fault({Code::invalid_parameter_combination, "MaxResults and NextToken cannot be used together with ids"});
    }
    if (most) {
        page.most = std::min(*most, k_most_page);
    }
    if (next) {
        const std::string text = base64_decode(*next).value_or("");
        const std::size_t colon = text.find(':');
        const auto [end, error] = std::from_chars(text.data(), text.data() + std::min(colon, text.size()), page.offset);
        if (colon == std::string::npos || error != std::errc() || end != text.data() + colon || colon + 1 == text.size()) {
            in.fault({Code::invalid_parameter_value, fmt::format("Invalid value '{}' for NextToken", printable(*next))});
        } else {
            page.after = text.substr(colon + 1);
        }
    }
    return page;
}

Tags Call::tags_in(const Parameters& from) {
    Tags tags;
    for (const Parameters& each : from.list("Tag")) {
        const std::string key = each.required("Key");
        const std::string value = each.raw("Value").value_or("");
        if (!tags.emplace(key, value).second) {
            from.fault({Code::invalid_parameter_value, fmt::format("Duplicate tag key '{}' specified.", printable(key))});
        }
    }
    return tags;
}

std::map<std::string, Tags> Call::tag_specifications(const std::vector<std::string>& types) const {
    std::map<std::string, Tags> all;
    for (const Parameters& each : in.list("TagSpecification")) {
        const std::string type = each.required("ResourceType");
        Tags tags = tags_in(each);
        if (std::find(types.begin(), types.end(), type) == types.end()) {
            in.fault({Code::invalid_parameter_value,
                      fmt::format("'{}' is not a valid taggable resource type for this operation.", printable(type))});
        } else if (!all.emplace(type, std::move(tags)).second) {
            in.fault({Code::invalid_parameter_value, fmt::format("The resource type '{}' is specified more than once.", type)});
        }
    }
    return all;
}

BlockDeviceMapping Call::mapping_in(const Parameters& from) {
    BlockDeviceMapping mapping;
    for (const Parameters& each : from.list("BlockDeviceMapping")) {
        BlockDevice entry;
        entry.device_name = each.required("DeviceName");
        const auto virtual_name = each.text("VirtualName");
        const bool leaves_out = each.raw("NoDevice").has_value();
        const bool has_ebs = each.has("Ebs");
        EbsDevice ebs = ebs_in(each.below("Ebs"));
        if ((virtual_name ? 1 : 0) + (leaves_out ? 1 : 0) + (has_ebs ? 1 : 0) > 1) {
            from.fault(
                {Code::invalid_block_device_mapping,
                 fmt::format("of the device \"{}\" more is said than one of Ebs, VirtualName and NoDevice", printable(entry.device_name))});
        }
        if (leaves_out) {
            entry.what = NoDevice{};
        } else if (virtual_name) {
            const auto number = ephemeral_number(*virtual_name);
            if (!number) {
                from.fault({Code::invalid_block_device_mapping, fmt::format("Invalid virtual name \"{}\"", printable(*virtual_name))});
            }
            entry.what = EphemeralDevice{number.value_or(0)};
        } else {
            entry.what = std::move(ebs);
        }
        mapping.push_back(std::move(entry));
    }
    return mapping;
}

std::string Call::zone(std::string_view name) const {
    const auto zones = zones_of(services.region);
    auto wanted = in.text(name).value_or(zones.front());
    if (std::find(zones.begin(), zones.end(), wanted) == zones.end()) {
        in.fault({Code::invalid_parameter_value, fmt::format("Invalid Availability Zone ({})", printable(wanted))});
    }
    return wanted;
}

}  // namespace amivirt::ec2
