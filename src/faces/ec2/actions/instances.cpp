#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>

#include "amivirt/domain/instance_moves.hpp"
#include "faces/ec2/actions/actions.hpp"
#include "faces/ec2/actions/instance_network.hpp"
#include "faces/ec2/actions/launch_templates.hpp"
#include "faces/ec2/filtering.hpp"
#include "faces/ec2/render.hpp"
#include "faces/ec2/render_network.hpp"

namespace amivirt::ec2 {

namespace {

constexpr Duration k_grace = std::chrono::seconds(120);  // of a guest that is asked to shut down
constexpr unsigned k_most_at_once = 100;                 // of RunRequest::count
constexpr std::size_t k_console = 64 * 1024;             // source: EC2 GetConsoleOutput

struct Moved {
    Instance before;
    InstanceState after = InstanceState::pending;
};

void state_changes(Xml& out, const std::vector<Moved>& all) {
    out.list("instancesSet", all, [&](const Moved& each) {
        out.text("instanceId", each.before.id.str());
        state(out, "currentState", each.after);
        state(out, "previousState", each.before.state);
    });
}

/// What a request says beside its ids, so that it can be asked again for one of them.
using Said = std::map<std::string, std::string>;

/// Does `act` to each of them in the background, and answers when all are on their way. Nothing is done if one is unknown or `check`
/// refuses it. Should the process die, the next server asks again what was `said`; nullopt where recovery itself brings it to its end.
template <class Check, class Act>
Result<void> move_all(Call& call, const std::string& action, const std::vector<std::string>& ids, const std::optional<Said>& said,
                      const Check& check, const Act& act) {
    const auto found = AMIVIRT_TRY(Call::find_all<InstanceId>(ids, call.instance()));
    for (const Instance& each : found) {
        AMIVIRT_TRY(check(each));
    }
    std::vector<Moved> all;
    for (const Instance& each : found) {
        Promise promise{each.id.str(), call.account, ""};
        if (said) {
            Said all_said = *said;
            all_said.insert({{"Action", action}, {"InstanceId.1", promise.id}});
            promise.how = Parameters::of(all_said).form();
        }
        const auto after = AMIVIRT_TRY(call.background.until_begun<InstanceState>(
            fmt::format("{} of {}", action, promise.id),
            [&services = call.services, &background = call.background, promise,
             act](const std::function<void(InstanceState)>& begun) -> Result<InstanceState> {
                const Background::UnderWay until_the_end(background, promise.id);
                bool told = false;
                auto moved = act(services, promise.account, promise.id, [&](const Instance& changing) {
                    if (!promise.how.empty()) {
                        services.promises.keep(promise);
                    }
                    told = true;
                    begun(changing.state);
                });
                if (!promise.how.empty() && (told || moved)) {
                    services.promises.settled(promise.id);
                }
                return AMIVIRT_TRY(std::move(moved)).state;
            }));
        all.push_back({each, after});
    }
    state_changes(call.out, all);
    return {};
}

Error not_from_here(const Instance& instance, std::string_view action) {
    return {Code::incorrect_instance_state, fmt::format("The instance '{}' is not in a state from which it can be {}: it is {}.",
                                                        instance.id.str(), action, to_string(instance.state))};
}

/// What a filter of DescribeInstances asks for that is kept beside the instance: its options, and what a region's server gives it.
FilterFields fields_beside(const InstanceView& view, const std::string& name) {
    const auto word = [](bool on) { return FilterFields({on ? "enabled" : "disabled"}); };
    const MetadataOptions& metadata = view.options.metadata;
    if (name == "ip-address" || name == "dns-name") {
        return view.public_address.empty() ? FilterFields(std::vector<std::string>()) : FilterFields({view.public_address});
    }
    if (name == "monitoring-state") {
        return word(view.options.monitored);
    }
    if (name == "maintenance-options.auto-recovery") {
        return FilterFields({view.options.auto_recovery ? "default" : "disabled"});
    }
    if (name == "metadata-options.http-tokens") {
        return FilterFields({metadata.tokens_required ? "required" : "optional"});
    }
    if (name == "metadata-options.http-put-response-hop-limit") {
        return FilterFields({fmt::to_string(metadata.hop_limit)});
    }
    if (name == "ebs-optimized" || name == "ena-support") {
        return FilterFields({(name == "ena-support" ? view.options.ena_support : view.options.ebs_optimized) ? "true" : "false"});
    }
    if (name == "metadata-options.state") {
        return FilterFields({"applied"});
    }
    if (name == "metadata-options.http-endpoint" || name == "metadata-options.http-protocol-ipv4") {
        return word(metadata.endpoint);
    }
    if (name == "metadata-options.http-protocol-ipv6") {
        return word(metadata.ipv6);
    }
    return name == "metadata-options.instance-metadata-tags" ? word(metadata.tags) : std::nullopt;
}

/// The filters that fields_beside() answers; they are taken out of `filters`.
std::vector<Filter> take_filters_beside(std::vector<Filter>& filters) {
    std::vector<Filter> taken;
    std::erase_if(filters, [&](const Filter& filter) {
        const bool is = fields_beside(InstanceView(), filter.name).has_value();
        if (is) {
            taken.push_back(filter);
        }
        return is;
    });
    return taken;
}

void add_addresses(Call& call, std::vector<InstanceView>& views) {
    std::vector<const Instance*> seen;
    std::transform(views.begin(), views.end(), std::back_inserter(seen), [](const InstanceView& view) { return &view.instance; });
    const auto known = call.services.addresses.of(seen);
    if (!known) {  // they are shown without
        call.ports.log.write(LogLevel::warning, "api", "public addresses: " + describe(known.error()));
    }
    for (InstanceView& view : views) {
        if (!view.addresses.empty()) {
            view.public_address = view.addresses.front();  // on a network that this host is on
        } else if (known) {
            const auto at = known->find(view.instance.id);
            view.public_address = at == known->end() ? "" : at->second;
        }
    }
}

/// All of `ids`, or all there are, with those just terminated (source: EC2).
Result<std::vector<InstanceView>> look(Call& call, const std::vector<std::string>& ids, std::vector<Filter> filters) {
    AMIVIRT_TRY(Call::find_all<InstanceId>(ids, call.instance()));
    const auto of_network = take_network_filters(filters);
    AMIVIRT_TRY(check_network_filters(of_network));
    const auto beside = take_filters_beside(filters);
    InstanceQuery query;
    query.ids_or_names = ids;
    query.filters = std::move(filters);
    query.include_terminated = true;
    auto views = AMIVIRT_TRY(call.services.instances.describe(call.account, query)).views;
    if (!of_network.empty()) {
        const Placed all = AMIVIRT_TRY(placed(call, views));
        std::erase_if(views, [&](const InstanceView& view) { return !passes_network_filters(all.of(view.instance.id), of_network); });
    }
    add_addresses(call, views);
    AMIVIRT_TRY(keep_passing(views, beside, InstanceView(), fields_beside));
    return views;
}

/// Source: EC2 DescribeInstanceStatus, whose filters are its own.
FilterFields status_fields(const InstanceView& view, const std::string& zone, const std::string& name) {
    const bool runs = view.instance.state == InstanceState::running;
    if (name == "availability-zone" || name == "availability-zone-id") {
        return FilterFields({zone});
    }
    if (name == "operator.managed") {
        return FilterFields({"false"});
    }
    if (name == "instance-state-code") {
        return FilterFields({fmt::to_string(ec2_code(view.instance.state))});
    }
    if (name == "instance-state-name") {
        return FilterFields({std::string(to_string(view.instance.state))});
    }
    if (name == "instance-status.status" || name == "system-status.status" || name == "attached-ebs-status.status") {
        return FilterFields({runs ? "ok" : "not-applicable"});
    }
    if (name == "instance-status.reachability" || name == "system-status.reachability") {
        return runs ? FilterFields({"passed"}) : FilterFields(std::vector<std::string>());
    }
    static constexpr std::array<std::string_view, 7> k_events{"event.code",        "event.description", "event.instance-event-id",
                                                              "event.not-after",   "event.not-before",  "event.not-before-deadline",
                                                              "operator.principal"};
    const bool of_events = std::find(k_events.begin(), k_events.end(), name) != k_events.end();
    return of_events ? FilterFields(std::vector<std::string>()) : std::nullopt;  // nothing is ever scheduled
}

std::string id_of(const InstanceView& view) { return view.instance.id.str(); }

}  // namespace

Result<void> run_instances(Call& call) {
    const Parameters& in = call.in;
    RunRequest request;
    request.system_tags = AMIVIRT_TRY(launch_from_template(call));
    request.image = call.id<ImageId>("ImageId");
    const auto least = in.required("MinCount").empty() ? std::nullopt : in.number("MinCount");
    const auto most = in.required("MaxCount").empty() ? std::nullopt : in.number("MaxCount");
    if (least && most && (*least < 1 || *most < *least)) {
        in.fault({Code::invalid_parameter_value,
                  fmt::format("MinCount {} and MaxCount {} are no range of at least one instance", *least, *most)});
    }
    // As many as there may be (source: EC2, where the account's limit bounds MaxCount and refuses MinCount).
    if (least && *least > k_most_at_once) {
        in.fault({Code::instance_limit_exceeded,
                  fmt::format("You have requested more instances ({}) than your current instance limit of {} allows for", *least,
                              k_most_at_once)});
    }
    request.asked = most.value_or(1);
    request.count = std::min<unsigned>(request.asked, k_most_at_once);
    request.type = in.text("InstanceType").value_or("m1.small");  // source: EC2's default
    request.mapping = Call::mapping_in(in);
    if (const auto text = in.text("UserData")) {
        const auto decoded = base64_decode(*text);
        if (!decoded) {
            in.fault({wire::invalid_user_data_malformed, "Invalid BASE64 encoding of user data"});
        }
        request.user_data = decoded.value_or("");
    }
    request.key_name = in.text("KeyName").value_or("");
    request.client_token = in.text("ClientToken").value_or("");
    if (const auto word = in.text("InstanceInitiatedShutdownBehavior")) {
        if (const auto behavior = parse_shutdown_behavior(*word)) {
            request.shutdown_behavior = *behavior;
        } else {
            in.fault(behavior.error());
        }
    }
    auto tags = call.tag_specifications({"instance", "volume", "network-interface"});
    request.tags = tags["instance"];
    request.volume_tags = tags["volume"];
    const LaunchNetwork network = launch_network_in(call, tags["network-interface"]);
    if (const auto tenancy = in.text("Placement.Tenancy"); tenancy && *tenancy != "default") {
        in.fault({Code::unsupported_operation, fmt::format("The parameter Placement.Tenancy is not supported: {}", printable(*tenancy))});
    }
    in.accept("Placement.GroupName");
    in.refuse_unless("Placement.Affinity", "default", "there are no dedicated hosts here");
    in.refuse_unless("EnablePrimaryIpv6", "false", "there is no IPv6 here");
    request.termination_protected = in.flag("DisableApiTermination");
    request.options = read_launch_options(in);
    for (const auto& [name, why] : {std::pair("HibernationOptions.Configured", "an instance cannot hibernate here"),
                                    std::pair("EnclaveOptions.Enabled", "there are no enclaves here")}) {
        if (in.flag(name)) {
            in.refuse(name, why);
        }
    }
    in.refuse("InstanceMarketOptions", "there is no spot market here");
    in.refuse("CpuOptions", "an instance has the processors of its type");
    in.refuse("KernelId", "images boot by themselves");
    in.refuse("RamdiskId", "images boot by themselves");
    in.refuse("InstanceRequirements", "a launch names its instance type");
    for (const std::string_view name :
         {"ElasticGpuSpecification", "ElasticInferenceAccelerator", "LicenseSpecification", "NetworkPerformanceOptions",
          "SecondaryInterface", "Operator", "Placement.HostId", "Placement.SpreadDomain", "Placement.PartitionNumber",
          "Placement.HostResourceGroupArn", "Placement.GroupId"}) {
        in.refuse(name, "there is nothing of the kind here");
    }
    // What changes nothing on one machine.
    for (const std::string_view name :
         {"IamInstanceProfile", "PrivateDnsNameOptions", "CapacityReservationSpecification", "AdditionalInfo"}) {
        in.accept(name);
    }
    request.dry_run = AMIVIRT_TRY(call.ready_but_dry_run());
    if (!ImageId::parse(request.image)) {
        return not_found<ImageId>({request.image});
    }
    if (request.dry_run == DryRun::yes || request.client_token.empty()) {  // else it may be a repeat, and place() finds the same faults
        AMIVIRT_TRY(call.services.network.interfaces.check_launch(call.account, network, request.count));
    }
    request.placement = NetworkInterfaces::digest(network);
    request.with_reservation = [&interfaces = call.services.network.interfaces, account = call.account, network](
                                   CatalogSession& session, const std::vector<Instance>& pending) {
        return interfaces.place(session, account, network, pending);
    };
    const auto begin = [&] {
        return call.background.until_begun<std::vector<Instance>>(
            "RunInstances of " + request.image,
            [&instances = call.services.instances, account = call.account,
             request](const std::function<void(std::vector<Instance>)>& begun) mutable -> Result<std::vector<Instance>> {
                SilentProgress silent;
                request.on_reserved = begun;
                return instances.run(account, request, silent);
            });
    };
    auto launched = begin();
    // As many as there is room for (source: EC2).
    while (!launched && launched.error().code == Code::insufficient_instance_capacity && least && request.count > *least) {
        --request.count;
        launched = begin();
    }
    if (!launched) {
        return launched.error().code == Code::invalid_ami_id_not_found ? not_found<ImageId>({request.image}) : std::move(launched.error());
    }
    std::vector<std::string> ids;
    for (const Instance& each : *launched) {
        ids.push_back(each.id.str());
    }
    std::vector<InstanceView> views;
    if (auto seen = look(call, ids, {})) {
        views = std::move(*seen);
    } else {  // they are launched, whatever keeps them from being looked at
        for (const Instance& each : *launched) {
            views.push_back({.instance = each, .volumes = {}, .image_name = {}, .observed = std::nullopt});
        }
    }
    const auto places = placed(call, views);
    reservation(call.out, views, places ? *places : Placed{call.zone(), {}});
    return {};
}

Result<void> describe_instances(Call& call) {
    const auto ids = call.ids<InstanceId>("InstanceId");
    auto filters = call.filters();
    const Page page = call.page(!ids.empty());
    call.in.accept("IncludeManagedResources");  // there are none
    AMIVIRT_TRY(call.ready());
    std::string next;
    const auto views = Call::cut(AMIVIRT_TRY(look(call, ids, std::move(filters))), page, id_of, next);
    reservations(call.out, views, AMIVIRT_TRY(placed(call, views)));
    call.out.some("nextToken", next);
    return {};
}

Result<void> describe_instance_status(Call& call) {
    const auto ids = call.ids<InstanceId>("InstanceId");
    const auto filters = call.filters();
    const bool all = call.in.flag("IncludeAllInstances");
    call.in.accept("IncludeManagedResources");  // there are none
    const Page page = call.page(!ids.empty());
    AMIVIRT_TRY(call.ready());
    auto views = AMIVIRT_TRY(look(call, ids, {}));
    if (!all) {
        std::erase_if(views, [](const InstanceView& view) { return view.instance.state != InstanceState::running; });
    }
    const Placed places = AMIVIRT_TRY(placed(call, views));
    AMIVIRT_TRY(keep_passing(views, filters, InstanceView(), [&](const InstanceView& view, const std::string& name) {
        return status_fields(view, places.zone(view.instance.id), name);
    }));
    std::string next;
    views = Call::cut(std::move(views), page, id_of, next);
    call.out.list("instanceStatusSet", views, [&](const InstanceView& view) {
        const bool runs = view.instance.state == InstanceState::running;
        call.out.text("instanceId", view.instance.id.str());
        call.out.text("availabilityZone", places.zone(view.instance.id));
        state(call.out, "instanceState", view.instance.state);
        for (const std::string_view what : {"systemStatus", "instanceStatus"}) {
            call.out.in(what, [&] {
                call.out.text("status", runs ? "ok" : "not-applicable");
                if (runs) {
                    call.out.list("details", std::vector<int>{1}, [&](int) {
                        call.out.text("name", "reachability");
                        call.out.text("status", "passed");
                    });
                }
            });
        }
    });
    call.out.some("nextToken", next);
    return {};
}

Result<void> start_instances(Call& call) {
    const auto ids = call.some_ids<InstanceId>("InstanceId");
    call.in.accept("AdditionalInfo");
    AMIVIRT_TRY(call.ready());
    return move_all(
        call, "StartInstances", ids, Said(),
        [](const Instance& each) {
            const bool can =
                each.state == InstanceState::running || each.state == InstanceState::pending || each.state == InstanceState::stopped;
            return can ? Result<void>() : Result<void>(not_from_here(each, "started"));
        },
        [](const Services& services, const AccountId& account, const std::string& id, const Begun& begun) {
            SilentProgress silent;
            return services.instances.start(account, id, AcceleratorRequest::automatic, silent, begun);
        });
}

Result<void> stop_instances(Call& call) {
    const auto ids = call.some_ids<InstanceId>("InstanceId");
    const bool at_once = call.in.flag("SkipOsShutdown");
    const Force force = call.in.flag("Force") || at_once ? Force::yes : Force::no;
    if (call.in.flag("Hibernate")) {
        call.in.fault({Code::unsupported_operation, "The parameter Hibernate is not supported"});
    }
    AMIVIRT_TRY(call.ready());
    return move_all(
        call, "StopInstances", ids, Said{{"Force", force == Force::yes ? "true" : "false"}},
        [&](const Instance& each) -> Result<void> {
            const auto options = call.services.instances.options(call.account, each.id.str());
            if (options && options->stop_protected && each.state == InstanceState::running) {
                return Error(Code::operation_not_permitted,
                             fmt::format("The instance '{}' may not be stopped. Modify its 'disableApiStop' instance attribute "
                                         "and try again.",
                                         each.id.str()));
            }
            AMIVIRT_TRY(check_may_stop(each));
            const bool can =
                each.state == InstanceState::running || each.state == InstanceState::stopping || each.state == InstanceState::stopped;
            return can ? Result<void>() : Result<void>(not_from_here(each, "stopped"));
        },
        [force](const Services& services, const AccountId& account, const std::string& id, const Begun& begun) {
            return services.instances.stop(account, id, k_grace, force, begun);
        });
}

Result<void> terminate_instances(Call& call) {
    const auto ids = call.some_ids<InstanceId>("InstanceId");
    call.in.accept("Force");  // no guest is waited for
    call.in.accept("SkipOsShutdown");
    AMIVIRT_TRY(call.ready());
    return move_all(
        call, "TerminateInstances", ids, std::nullopt,
        [](const Instance& each) {
            return each.termination_protected
                       ? Result<void>(
                             Error(Code::operation_not_permitted,
                                   fmt::format("The instance '{}' may not be terminated. Modify its 'disableApiTermination' instance "
                                               "attribute and try again.",
                                               each.id.str())))
                       : Result<void>();
        },
        [](const Services& services, const AccountId& account, const std::string& id, const Begun& begun) {
            return services.instances.terminate(account, id, begun);
        });
}

Result<void> reboot_instances(Call& call) {
    const auto ids = call.some_ids<InstanceId>("InstanceId");
    AMIVIRT_TRY(call.ready());
    for (const Instance& each : AMIVIRT_TRY(Call::find_all<InstanceId>(ids, call.instance()))) {
        if (each.state != InstanceState::running) {
            return not_from_here(each, "rebooted");
        }
    }
    for (const std::string& id : ids) {
        AMIVIRT_TRY(call.services.instances.reboot(call.account, id, Force::no));
    }
    call.yes();
    return {};
}

Result<void> get_console_output(Call& call) {
    const auto id = call.id<InstanceId>("InstanceId");
    call.in.accept("Latest");
    AMIVIRT_TRY(call.ready());
    const auto found = AMIVIRT_TRY(Call::find_one<InstanceId>(id, call.instance()));
    const auto size = AMIVIRT_TRY(call.services.files.console_size(found.id));
    const auto text = AMIVIRT_TRY(call.services.files.console(found.id, size > k_console ? size - k_console : 0, k_console));
    call.out.text("instanceId", found.id.str());
    call.out.time("timestamp", call.ports.clock.now());
    call.out.some("output", base64_encode(text));
    return {};
}

}  // namespace amivirt::ec2
