// Options of instances that have actions of their own: metadata service, monitoring, CPU credits, maintenance, placement; and what is
// asked of an instance but rarely.
#include <algorithm>

#include "faces/ec2/actions/actions.hpp"
#include "faces/ec2/render.hpp"

namespace amivirt::ec2 {

namespace {

/// One of two words; other ones are faults.
std::optional<bool> either(const Parameters& in, std::string_view name, std::string_view yes, std::string_view no) {
    const auto word = in.text(name);
    if (word && *word != yes && *word != no) {
        in.fault({Code::invalid_parameter_value,
                  fmt::format("Value ({}) for parameter {} is invalid. Expected {} or {}.", printable(*word), in.full(name), yes, no)});
    }
    return word ? std::optional(*word == yes) : std::nullopt;
}

void read_metadata(const Parameters& in, InstanceOptionsChange& change) {
    change.tokens_required = either(in, "HttpTokens", "required", "optional");
    change.hop_limit = in.number("HttpPutResponseHopLimit");
    change.endpoint = either(in, "HttpEndpoint", "enabled", "disabled");
    change.ipv6 = either(in, "HttpProtocolIpv6", "enabled", "disabled");
    change.metadata_tags = either(in, "InstanceMetadataTags", "enabled", "disabled");
}

std::optional<CpuCredits> read_credits(const Parameters& in, std::string_view name) {
    const auto word = in.text(name);
    if (!word) {
        return std::nullopt;
    }
    const auto credits = parse_cpu_credits(*word);
    if (!credits) {
        in.fault({Code::invalid_parameter_value,
                  fmt::format("Value ({}) for parameter {} is invalid. Expected standard or unlimited.", printable(*word), in.full(name))});
    }
    return credits ? std::optional(*credits) : std::nullopt;
}

Result<void> set_monitoring(Call& call, bool on) {
    const auto ids = call.some_ids<InstanceId>("InstanceId");
    AMIVIRT_TRY(call.ready());
    const auto found = AMIVIRT_TRY(Call::find_all<InstanceId>(ids, call.instance()));
    for (const Instance& each : found) {
        if (each.state == InstanceState::terminated || each.state == InstanceState::shutting_down) {
            return Error(Code::incorrect_instance_state,
                         fmt::format("The instance '{}' is {}: it cannot be monitored", each.id.str(), to_string(each.state)));
        }
    }
    ModifyInstanceRequest request;
    request.options.monitored = on;
    for (const Instance& each : found) {
        AMIVIRT_TRY(call.services.instances.modify(call.account, each.id.str(), request));
    }
    call.out.list("instancesSet", found, [&](const Instance& each) {
        call.out.text("instanceId", each.id.str());
        call.out.in("monitoring", [&] { call.out.text("state", on ? "pending" : "disabling"); });
    });
    return {};
}

std::optional<CpuCredits> credits_of(const InstanceView& view) {
    const auto by_type = default_cpu_credits(view.instance.type);
    return by_type && view.options.cpu_credits ? view.options.cpu_credits : by_type;
}

/// A change of one instance that was refused, as ModifyInstanceCreditSpecification tells it.
struct Refused {
    std::string id;
    std::string_view code;
    std::string message;
};

}  // namespace

InstanceOptions read_launch_options(const Parameters& in) {
    InstanceOptionsChange change;
    change.monitored = in.boolean("Monitoring.Enabled");
    change.ebs_optimized = in.boolean("EbsOptimized");
    change.stop_protected = in.boolean("DisableApiStop");
    change.cpu_credits = read_credits(in, "CreditSpecification.CpuCredits");
    change.auto_recovery = either(in, "MaintenanceOptions.AutoRecovery", "default", "disabled");
    read_metadata(in.below("MetadataOptions"), change);
    if (auto fine = check_instance_options(change); !fine) {
        in.fault(std::move(fine.error()));
    }
    return changed({}, change);
}

Result<void> modify_instance_metadata_options(Call& call) {
    const auto id = call.id<InstanceId>("InstanceId");
    ModifyInstanceRequest request;
    read_metadata(call.in, request.options);
    AMIVIRT_TRY(call.ready());
    AMIVIRT_TRY(Call::find_one<InstanceId>(id, call.instance()));
    AMIVIRT_TRY(call.services.instances.modify(call.account, id, request));
    call.out.text("instanceId", id);
    metadata_options(call.out, "instanceMetadataOptions", AMIVIRT_TRY(call.services.instances.options(call.account, id)).metadata,
                     "pending");
    return {};
}

Result<void> modify_instance_maintenance_options(Call& call) {
    const auto id = call.id<InstanceId>("InstanceId");
    ModifyInstanceRequest request;
    request.options.auto_recovery = either(call.in, "AutoRecovery", "default", "disabled");
    call.in.refuse("RebootMigration", "an instance stays on its host");
    AMIVIRT_TRY(call.ready());
    AMIVIRT_TRY(Call::find_one<InstanceId>(id, call.instance()));
    AMIVIRT_TRY(call.services.instances.modify(call.account, id, request));
    call.out.text("instanceId", id);
    const auto options = AMIVIRT_TRY(call.services.instances.options(call.account, id));
    call.out.text("autoRecovery", options.auto_recovery ? "default" : "disabled");
    return {};
}

Result<void> monitor_instances(Call& call) { return set_monitoring(call, true); }
Result<void> unmonitor_instances(Call& call) { return set_monitoring(call, false); }

Result<void> describe_instance_credit_specifications(Call& call) {
    const auto ids = call.ids<InstanceId>("InstanceId");
    const auto filters = call.filters();
    const Page page = call.page(!ids.empty());
    for (const Filter& filter : filters) {
        if (filter.name != "instance-id") {  // source: EC2, which has this one alone
            call.in.fault({Code::invalid_parameter_value, fmt::format("The filter '{}' is invalid", printable(filter.name))});
        }
    }
    AMIVIRT_TRY(call.ready());
    AMIVIRT_TRY(Call::find_all<InstanceId>(ids, call.instance()));
    InstanceQuery query;
    query.ids_or_names = ids;
    query.filters = filters;
    auto views = AMIVIRT_TRY(call.services.instances.describe(call.account, query)).views;
    // Without ids only those with unlimited credits (source: EC2).
    const bool all = !ids.empty();
    std::erase_if(views, [&](const InstanceView& view) {
        const auto credits = credits_of(view);
        return !credits || (!all && *credits != CpuCredits::unlimited);
    });
    std::string next;
    views = Call::cut(
        std::move(views), page, [](const InstanceView& view) { return view.instance.id.str(); }, next);
    call.out.list("instanceCreditSpecificationSet", views, [&](const InstanceView& view) {
        call.out.text("instanceId", view.instance.id.str());
        call.out.text("cpuCredits", to_string(credits_of(view).value_or(CpuCredits::standard)));
    });
    call.out.some("nextToken", next);
    return {};
}

Result<void> modify_instance_credit_specification(Call& call) {
    struct Wanted {
        std::string id;
        std::optional<CpuCredits> credits;
    };
    std::vector<Wanted> wanted;
    for (const Parameters& each : call.in.list("InstanceCreditSpecification")) {
        auto id = each.required("InstanceId");
        wanted.push_back({std::move(id), read_credits(each, "CpuCredits")});
    }
    if (wanted.empty()) {
        call.in.fault({Code::missing_parameter, "The request must contain the parameter InstanceCreditSpecification"});
    }
    call.in.accept("ClientToken");
    AMIVIRT_TRY(call.ready());
    std::vector<std::string> done;
    std::vector<Refused> refused;
    for (const Wanted& each : wanted) {
        if (!InstanceId::looks_like(each.id)) {
            refused.push_back({each.id, "InvalidInstanceID.Malformed", fmt::format("Invalid id: \"{}\"", printable(each.id))});
            continue;
        }
        const auto found = Call::find_one<InstanceId>(each.id, call.instance());
        if (!found && found.error().code == Code::invalid_instance_id_not_found) {
            refused.push_back({each.id, "InvalidInstanceID.NotFound", found.error().message});
            continue;
        }
        if (!found) {
            return found.error();
        }
        if (!default_cpu_credits(found->type)) {
            refused.push_back({each.id, "InstanceCreditSpecification.NotSupported",
                               fmt::format("The instance '{}' is of type {}, which is not burstable", each.id, found->type)});
            continue;
        }
        ModifyInstanceRequest request;
        request.options.cpu_credits = each.credits.value_or(CpuCredits::standard);
        auto modified = call.services.instances.modify(call.account, each.id, request);
        if (!modified && modified.error().code == Code::incorrect_instance_state) {
            refused.push_back({each.id, "IncorrectInstanceState", modified.error().message});
            continue;
        }
        AMIVIRT_TRY(std::move(modified));
        done.push_back(each.id);
    }
    call.out.list("successfulInstanceCreditSpecificationSet", done, [&](const std::string& id) { call.out.text("instanceId", id); });
    call.out.list("unsuccessfulInstanceCreditSpecificationSet", refused, [&](const Refused& each) {
        call.out.text("instanceId", each.id);
        call.out.in("error", [&] {
            call.out.text("code", each.code);
            call.out.text("message", each.message);
        });
    });
    return {};
}

Result<void> modify_instance_placement(Call& call) {
    const auto id = call.id<InstanceId>("InstanceId");
    constexpr std::string_view k_one_host = "a region has one host, and no groups, partitions or dedicated hosts";
    call.in.refuse("GroupName", k_one_host);
    call.in.refuse("GroupId", k_one_host);
    call.in.refuse("PartitionNumber", k_one_host);
    call.in.refuse("HostId", k_one_host);
    call.in.refuse("HostResourceGroupArn", k_one_host);
    bool asked = call.in.raw("GroupName").has_value();  // empty: out of its group, in which it is not
    for (const std::string_view name : {"Tenancy", "Affinity"}) {
        if (const auto word = call.in.text(name)) {
            asked = true;
            if (*word != "default") {
                call.in.fault({Code::unsupported_operation, fmt::format("The parameter {} is not supported: {}", name, k_one_host)});
            }
        }
    }
    if (!asked) {
        call.in.fault({Code::missing_parameter, "The request must contain one of GroupName, Tenancy, Affinity"});
    }
    AMIVIRT_TRY(call.ready());
    const auto instance = AMIVIRT_TRY(Call::find_one<InstanceId>(id, call.instance()));
    if (instance.state != InstanceState::stopped) {
        return Error(Code::incorrect_instance_state,
                     fmt::format("The instance '{}' is not in the 'stopped' state: its placement can be changed only then", id));
    }
    call.yes();
    return {};
}

Result<void> report_instance_status(Call& call) {
    const auto ids = call.some_ids<InstanceId>("InstanceId");
    const auto status = call.in.required("Status");
    if (!status.empty() && status != "ok" && status != "impaired") {
        call.in.fault({Code::invalid_parameter_value,
                       fmt::format("Value ({}) for parameter Status is invalid. Expected ok or impaired.", printable(status))});
    }
    static constexpr std::array<std::string_view, 9> k_reasons{
        "instance-stuck-in-state", "unresponsive",        "not-accepting-credentials",
        "password-not-available",  "performance-network", "performance-instance-store",
        "performance-ebs-volume",  "performance-other",   "other"};
    const auto reasons = call.in.texts("ReasonCode");
    for (const std::string& reason : reasons) {
        if (std::find(k_reasons.begin(), k_reasons.end(), reason) == k_reasons.end()) {
            call.in.fault(
                {Code::invalid_parameter_value, fmt::format("Value ({}) for parameter ReasonCode is invalid.", printable(reason))});
        }
    }
    if (reasons.empty()) {
        call.in.fault({Code::missing_parameter, "The request must contain the parameter ReasonCode"});
    }
    static_cast<void>(call.in.time("StartTime"));
    static_cast<void>(call.in.time("EndTime"));
    const auto description = call.in.text("Description").value_or("");
    AMIVIRT_TRY(call.ready());
    AMIVIRT_TRY(Call::find_all<InstanceId>(ids, call.instance()));
    // A report goes to those who run the host: here they read the log.
    call.ports.log.write(LogLevel::info, "api",
                         fmt::format("account {} reports {} {}: {} {}", call.account.str(), fmt::join(ids, ", "), status,
                                     fmt::join(reasons, ", "), printable(description)));
    call.yes();
    return {};
}

Result<void> get_password_data(Call& call) {
    const auto id = call.id<InstanceId>("InstanceId");
    AMIVIRT_TRY(call.ready());
    const auto instance = AMIVIRT_TRY(Call::find_one<InstanceId>(id, call.instance()));
    call.out.text("instanceId", instance.id.str());
    call.out.time("timestamp", call.ports.clock.now());
    call.out.text("passwordData", "");  // source: EC2, of an instance that is not Windows
    return {};
}

Result<void> get_instance_uefi_data(Call& call) {
    const auto id = call.id<InstanceId>("InstanceId");
    AMIVIRT_TRY(call.ready());
    const auto instance = AMIVIRT_TRY(Call::find_one<InstanceId>(id, call.instance()));
    if (instance.firmware == Firmware::uefi) {
        return Error(
            Code::unsupported_operation,
            fmt::format("The UEFI variables of '{}' are a file of its firmware, which is of another form than EC2's UefiData", id));
    }
    call.out.text("instanceId", instance.id.str());
    return {};
}

Result<void> get_console_screenshot(Call& call) {
    const auto id = call.id<InstanceId>("InstanceId");
    const bool wakes = call.in.flag("WakeUp");
    if (wakes) {
        call.in.fault({Code::unsupported_operation, "The parameter WakeUp is not supported: no key is pressed in an instance here"});
    }
    AMIVIRT_TRY(call.ready());
    const auto instance = AMIVIRT_TRY(Call::find_one<InstanceId>(id, call.instance()));
    const auto picture = AMIVIRT_TRY(call.services.screens.shoot(instance.id));
    call.out.text("imageData", base64_encode(picture));
    call.out.text("instanceId", instance.id.str());
    return {};
}

}  // namespace amivirt::ec2
