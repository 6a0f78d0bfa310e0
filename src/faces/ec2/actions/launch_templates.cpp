// Launch templates and their versions.
#include "faces/ec2/actions/launch_templates.hpp"

#include <algorithm>
#include <charconv>

#include "faces/ec2/actions/actions.hpp"
#include "faces/ec2/filtering.hpp"
#include "faces/ec2/launch_template_data.hpp"

namespace amivirt::ec2 {

namespace {

constexpr std::size_t k_most_versions_deleted = 200;  // source: EC2 DeleteLaunchTemplateVersions
constexpr std::string_view k_data = "LaunchTemplateData";

std::string creator_of(const LaunchTemplate& launch_template) { return fmt::format("arn:aws:iam::{}:root", launch_template.owner.str()); }

/// LaunchTemplateId or LaunchTemplateName, below `in`.
LaunchTemplateRef template_in(const Parameters& in) {
    LaunchTemplateRef which{in.text("LaunchTemplateId").value_or(""), in.text("LaunchTemplateName").value_or("")};
    if (!which.id.empty() && !which.name.empty()) {
        in.fault({Code::invalid_parameter_combination,
                  fmt::format("{} and {} cannot both be given", in.full("LaunchTemplateId"), in.full("LaunchTemplateName"))});
    }
    if (which.id.empty() && which.name.empty()) {
        in.fault({Code::missing_parameter, fmt::format("The request must contain the parameter {} or {}", in.full("LaunchTemplateId"),
                                                       in.full("LaunchTemplateName"))});
    }
    return which;
}

void template_out(Xml& out, const LaunchTemplate& launch_template) {
    out.text("launchTemplateId", launch_template.id.str());
    out.text("launchTemplateName", launch_template.name);
    out.time("createTime", launch_template.created);
    out.text("createdBy", creator_of(launch_template));
    out.number("defaultVersionNumber", launch_template.default_version);
    out.number("latestVersionNumber", latest_version(launch_template));
    out.tags(launch_template.tags);
}

struct VersionOf {
    const LaunchTemplate* launch_template;
    LaunchTemplateVersion version;
};

void version_out(Xml& out, const VersionOf& each) {
    const LaunchTemplateVersion& version = each.version;
    out.text("launchTemplateId", each.launch_template->id.str());
    out.text("launchTemplateName", each.launch_template->name);
    out.number("versionNumber", version.number);
    out.some("versionDescription", version.description);
    out.time("createTime", version.created);
    out.text("createdBy", creator_of(*each.launch_template));
    out.boolean("defaultVersion", version.number == each.launch_template->default_version);
    out.in("launchTemplateData", [&] { render_template_data(out, version.data); });
}

/// What a filter asks for of a template; nullopt: there is no such filter.
FilterFields template_fields(const LaunchTemplate& launch_template, const std::string& name) {
    if (name == "create-time") {
        return FilterFields({to_iso8601(launch_template.created)});
    }
    if (name == "launch-template-name") {
        return FilterFields({launch_template.name});
    }
    const bool keys = name == "tag-key";
    if (!keys && !name.starts_with("tag:")) {
        return std::nullopt;
    }
    std::vector<std::string> found;
    for (const auto& [key, value] : launch_template.tags) {
        if (keys || name.substr(4) == key) {
            found.push_back(keys ? key : value);
        }
    }
    return found;
}

FilterFields version_fields(const VersionOf& each, const std::string& name) {
    struct Named {
        std::string_view filter;
        std::string_view parameter;
    };
    static constexpr std::array k_parameters{
        Named{"ebs-optimized", "EbsOptimized"},
        Named{"host-resource-group-arn", "Placement.HostResourceGroupArn"},
        Named{"http-endpoint", "MetadataOptions.HttpEndpoint"},
        Named{"http-protocol-ipv4", "MetadataOptions.HttpEndpoint"},  // which has no other
        Named{"http-tokens", "MetadataOptions.HttpTokens"},
        Named{"iam-instance-profile", "IamInstanceProfile.Arn"},
        Named{"image-id", "ImageId"},
        Named{"instance-type", "InstanceType"},
        Named{"kernel-id", "KernelId"},
        Named{"ram-disk-id", "RamDiskId"},
    };
    if (name == "create-time") {
        return FilterFields({to_iso8601(each.version.created)});
    }
    if (name == "is-default-version") {
        return FilterFields({each.version.number == each.launch_template->default_version ? "true" : "false"});
    }
    for (const Named& known : k_parameters) {
        if (known.filter == name) {
            const auto at = each.version.data.find(std::string(known.parameter));
            return at == each.version.data.end() ? FilterFields(std::vector<std::string>()) : FilterFields({at->second});
        }
    }
    static constexpr std::array k_in_lists{Named{"license-configuration-arn", ".LicenseConfigurationArn"},
                                           Named{"network-card-index", ".NetworkCardIndex"}};
    for (const Named& known : k_in_lists) {
        if (known.filter == name) {
            std::vector<std::string> found;
            for (const auto& [key, value] : each.version.data) {
                if (key.ends_with(known.parameter)) {
                    found.push_back(value);
                }
            }
            return found;
        }
    }
    return std::nullopt;
}

std::optional<std::uint64_t> version_number(const Parameters& in, std::string_view name, const std::string& text) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc() && end == text.data() + text.size()) {
        return number;
    }
    in.fault({Code::invalid_parameter_value,
              fmt::format("Value ({}) for parameter {} is invalid. Expected a version's number.", printable(text), in.full(name))});
    return std::nullopt;
}

std::optional<std::uint64_t> bound(const Parameters& in, std::string_view name) {
    const auto text = in.text(name);
    return text ? version_number(in, name, *text) : std::nullopt;
}

/// As DeleteLaunchTemplateVersions tells it.
std::string_view response_code(const Error& error) {
    switch (error.code) {
        case Code::invalid_launch_template_id_not_found:
            return "launchTemplateIdDoesNotExist";
        case Code::invalid_launch_template_id_malformed:
            return "launchTemplateIdMalformed";
        case Code::invalid_launch_template_name_not_found:
            return "launchTemplateNameDoesNotExist";
        case Code::invalid_launch_template_version_not_found:
            return "launchTemplateVersionDoesNotExist";
        default:
            return "unexpectedError";
    }
}

void put_device(LaunchTemplateData& data, unsigned index, const Volume& volume) {
    const auto prefix = fmt::format("BlockDeviceMapping.{}.", index);
    data[prefix + "DeviceName"] = volume.attachment->device_name;
    data[prefix + "Ebs.DeleteOnTermination"] = volume.attachment->delete_on_termination ? "true" : "false";
    data[prefix + "Ebs.Encrypted"] = volume.encrypted ? "true" : "false";
    data[prefix + "Ebs.VolumeSize"] = fmt::to_string(volume.size.count);
    data[prefix + "Ebs.VolumeType"] = to_string(volume.type);
    if (volume.snapshot) {
        data[prefix + "Ebs.SnapshotId"] = volume.snapshot->str();
    }
    if (volume.iops) {
        data[prefix + "Ebs.Iops"] = fmt::to_string(*volume.iops);
    }
    if (volume.throughput) {
        data[prefix + "Ebs.Throughput"] = fmt::to_string(*volume.throughput);
    }
}

/// A template from which an instance like this one is launched.
LaunchTemplateData data_of(const InstanceView& view, const std::string& zone) {
    const Instance& instance = view.instance;
    const InstanceOptions& options = view.options;
    const auto word = [](bool on) { return on ? "enabled" : "disabled"; };
    const auto yes = [](bool on) { return on ? "true" : "false"; };
    LaunchTemplateData data{
        {"ImageId", instance.image.str()},
        {"InstanceType", instance.type},
        {"EbsOptimized", yes(options.ebs_optimized)},
        {"Monitoring.Enabled", yes(options.monitored)},
        {"Placement.AvailabilityZone", zone},
        {"Placement.Tenancy", "default"},
        {"DisableApiTermination", yes(instance.termination_protected)},
        {"DisableApiStop", yes(options.stop_protected)},
        {"InstanceInitiatedShutdownBehavior", std::string(to_string(instance.shutdown_behavior))},
        {"MetadataOptions.HttpTokens", options.metadata.tokens_required ? "required" : "optional"},
        {"MetadataOptions.HttpPutResponseHopLimit", fmt::to_string(options.metadata.hop_limit)},
        {"MetadataOptions.HttpEndpoint", word(options.metadata.endpoint)},
        {"MetadataOptions.HttpProtocolIpv6", word(options.metadata.ipv6)},
        {"MetadataOptions.InstanceMetadataTags", word(options.metadata.tags)},
        {"MaintenanceOptions.AutoRecovery", options.auto_recovery ? "default" : "disabled"},
        {"HibernationOptions.Configured", "false"},
        {"EnclaveOptions.Enabled", "false"},
    };
    if (!instance.key_name.empty()) {
        data["KeyName"] = instance.key_name;
    }
    if (!instance.user_data.empty()) {
        data["UserData"] = base64_encode(instance.user_data);
    }
    const auto by_type = default_cpu_credits(instance.type);
    if (by_type) {
        data["CreditSpecification.CpuCredits"] = to_string(options.cpu_credits.value_or(*by_type));
    }
    unsigned index = 0;
    for (const Volume& volume : view.volumes) {
        if (volume.attachment && !volume.instance_store) {
            put_device(data, ++index, volume);
        }
    }
    index = 0;
    for (const auto& [key, value] : own_tags(instance.tags)) {
        data["TagSpecification.1.ResourceType"] = "instance";
        data[fmt::format("TagSpecification.1.Tag.{}.Key", ++index)] = key;
        data[fmt::format("TagSpecification.1.Tag.{}.Value", index)] = value;
    }
    return data;
}

}  // namespace

Result<Tags> launch_from_template(Call& call) {
    const Parameters below = call.in.below("LaunchTemplate");
    const bool is_said = below.text("LaunchTemplateId") || below.text("LaunchTemplateName") || below.text("Version");
    if (!is_said) {  // or said, and empty
        return Tags();
    }
    const auto which = template_in(below);
    const auto word = below.text("Version").value_or("");
    if (which.id.empty() == which.name.empty()) {
        return Tags();  // a fault, which the action tells
    }
    const auto found = AMIVIRT_TRY(call.services.templates.find(call.account, which));
    const auto version = AMIVIRT_TRY(find_version(found, word));
    put_under(call.in, version.data);
    return Tags{{"aws:ec2launchtemplate:id", found.id.str()}, {"aws:ec2launchtemplate:version", fmt::to_string(version.number)}};
}

Result<void> create_launch_template(Call& call) {
    NewLaunchTemplate wanted;
    wanted.name = call.in.required("LaunchTemplateName");
    call.in.refuse("Operator", "no service manages a launch template here");
    wanted.description = call.in.text("VersionDescription").value_or("");
    wanted.data = read_template_data(call.in.below(k_data));
    wanted.tags = call.tag_specifications({"launch-template"})["launch-template"];
    call.in.accept("ClientToken");
    AMIVIRT_TRY(call.ready());
    const auto made = AMIVIRT_TRY(call.services.templates.create(call.account, wanted));
    call.out.in("launchTemplate", [&] { template_out(call.out, made); });
    return {};
}

Result<void> create_launch_template_version(Call& call) {
    const auto which = template_in(call.in);
    NewLaunchTemplateVersion wanted;
    wanted.source = call.in.text("SourceVersion").value_or("");
    wanted.description = call.in.text("VersionDescription").value_or("");
    wanted.data = read_template_data(call.in.below(k_data));
    call.in.accept("ClientToken");
    call.in.accept("ResolveAlias");
    AMIVIRT_TRY(call.ready());
    const auto changed = AMIVIRT_TRY(call.services.templates.add_version(call.account, which, wanted));
    call.out.in("launchTemplateVersion", [&] { version_out(call.out, {&changed, changed.versions.back()}); });
    return {};
}

Result<void> describe_launch_templates(Call& call) {
    const auto ids = call.in.texts("LaunchTemplateId");
    const auto names = call.in.texts("LaunchTemplateName");
    const auto filters = call.filters();
    const Page page = call.page(!ids.empty() || !names.empty(), 1);
    call.in.accept("IncludeManagedResources");
    AMIVIRT_TRY(call.ready());
    std::vector<LaunchTemplate> all;
    for (const std::string& id : ids) {
        all.push_back(AMIVIRT_TRY(call.services.templates.find(call.account, {id, ""})));
    }
    for (const std::string& name : names) {
        all.push_back(AMIVIRT_TRY(call.services.templates.find(call.account, {"", name})));
    }
    if (ids.empty() && names.empty()) {
        all = AMIVIRT_TRY(call.services.templates.list(call.account));
    }
    AMIVIRT_TRY(keep_passing(all, filters, LaunchTemplate(), template_fields));
    std::string next;
    all = Call::cut(
        std::move(all), page, [](const LaunchTemplate& each) { return each.id.str(); }, next);
    call.out.list("launchTemplates", all, [&](const LaunchTemplate& each) { template_out(call.out, each); });
    call.out.some("nextToken", next);
    return {};
}

Result<void> describe_launch_template_versions(Call& call) {
    const auto words = call.in.texts("LaunchTemplateVersion");
    const auto least = bound(call.in, "MinVersion");
    const auto most = bound(call.in, "MaxVersion");
    const auto filters = call.filters();
    const Page page = call.page(!words.empty(), 1);
    call.in.accept("ResolveAlias");
    call.in.accept("IncludeManagedResources");
    const bool of_all = !call.in.has("LaunchTemplateId") && !call.in.has("LaunchTemplateName");
    const bool aliases = !words.empty() && std::all_of(words.begin(), words.end(),
                                                       [](const std::string& word) { return word == "$Latest" || word == "$Default"; });
    // Without a template, those of all templates that these two name (source: EC2).
    const auto which = of_all && aliases ? LaunchTemplateRef() : template_in(call.in);
    if (!words.empty() && (least || most)) {
        call.in.fault({Code::invalid_parameter_combination, "MinVersion and MaxVersion cannot be used together with versions"});
    }
    AMIVIRT_TRY(call.ready());
    std::vector<LaunchTemplate> templates;
    if (of_all) {
        templates = AMIVIRT_TRY(call.services.templates.list(call.account));
    } else {
        templates.push_back(AMIVIRT_TRY(call.services.templates.find(call.account, which)));
    }
    std::vector<VersionOf> all;
    for (const LaunchTemplate& each : templates) {
        for (const std::string& word : words) {
            auto version = AMIVIRT_TRY(find_version(each, word));
            const bool twice = std::any_of(all.begin(), all.end(), [&](const VersionOf& other) {
                return other.launch_template == &each && other.version.number == version.number;
            });
            if (!twice) {
                all.push_back({&each, std::move(version)});
            }
        }
        if (words.empty()) {  // the newest first (source: EC2)
            for (auto version = each.versions.rbegin(); version != each.versions.rend(); ++version) {
                if (version->number >= least.value_or(0) && version->number <= most.value_or(version->number)) {
                    all.push_back({&each, *version});
                }
            }
        }
    }
    const LaunchTemplate nothing;
    AMIVIRT_TRY(keep_passing(all, filters, VersionOf{&nothing, {}}, version_fields));
    std::string next;
    all = Call::cut(
        std::move(all), page,
        [](const VersionOf& each) { return fmt::format("{}/{}", each.launch_template->id.str(), each.version.number); }, next);
    call.out.list("launchTemplateVersionSet", all, [&](const VersionOf& each) { version_out(call.out, each); });
    call.out.some("nextToken", next);
    return {};
}

Result<void> modify_launch_template(Call& call) {
    const auto which = template_in(call.in);
    const auto version = call.in.required("SetDefaultVersion");
    call.in.accept("ClientToken");
    AMIVIRT_TRY(call.ready());
    const auto changed = AMIVIRT_TRY(call.services.templates.set_default(call.account, which, version));
    call.out.in("launchTemplate", [&] { template_out(call.out, changed); });
    return {};
}

Result<void> delete_launch_template(Call& call) {
    const auto which = template_in(call.in);
    AMIVIRT_TRY(call.ready());
    const auto removed = AMIVIRT_TRY(call.services.templates.remove(call.account, which));
    call.out.in("launchTemplate", [&] { template_out(call.out, removed); });
    return {};
}

Result<void> delete_launch_template_versions(Call& call) {
    const auto which = template_in(call.in);
    const auto words = call.in.texts("LaunchTemplateVersion");
    std::vector<std::uint64_t> numbers;
    for (const std::string& word : words) {
        if (const auto number = version_number(call.in, "LaunchTemplateVersion", word)) {
            numbers.push_back(*number);
        }
    }
    if (words.empty()) {
        call.in.fault({Code::missing_parameter, "The request must contain the parameter LaunchTemplateVersion"});
    }
    if (words.size() > k_most_versions_deleted) {
        call.in.fault({Code::invalid_parameter_value,
                       fmt::format("{} versions were given; a request deletes at most {}", words.size(), k_most_versions_deleted)});
    }
    AMIVIRT_TRY(call.ready());
    auto outcome = call.services.templates.remove_versions(call.account, which, numbers);
    DeletedVersions told;
    if (outcome) {
        told = std::move(*outcome);
    } else if (response_code(outcome.error()) != "unexpectedError") {
        for (const std::uint64_t number : numbers) {
            told.kept.push_back({number, outcome.error()});
        }
    } else {
        return std::move(outcome.error());
    }
    const auto named = [&](std::uint64_t number) {
        call.out.some("launchTemplateId", told.launch_template.id.empty() ? which.id : told.launch_template.id.str());
        call.out.some("launchTemplateName", told.launch_template.name.empty() ? which.name : told.launch_template.name);
        call.out.number("versionNumber", number);
    };
    call.out.list("successfullyDeletedLaunchTemplateVersionSet", told.deleted, [&](std::uint64_t number) { named(number); });
    call.out.list("unsuccessfullyDeletedLaunchTemplateVersionSet", told.kept, [&](const KeptVersion& each) {
        named(each.number);
        call.out.in("responseError", [&] {
            call.out.text("code", response_code(each.reason));
            call.out.text("message", each.reason.message);
        });
    });
    return {};
}

Result<void> get_launch_template_data(Call& call) {
    const auto id = call.id<InstanceId>("InstanceId");
    AMIVIRT_TRY(call.ready());
    AMIVIRT_TRY(Call::find_one<InstanceId>(id, call.instance()));
    InstanceQuery query;
    query.ids_or_names = {id};
    query.include_terminated = true;
    const auto views = AMIVIRT_TRY(call.services.instances.describe(call.account, query)).views;
    if (views.empty()) {
        return not_found<InstanceId>({id});
    }
    call.out.in("launchTemplateData", [&] { render_template_data(call.out, data_of(views.front(), call.zone())); });
    return {};
}

}  // namespace amivirt::ec2
