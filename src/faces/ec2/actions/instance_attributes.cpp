// What can be asked and changed of an instance, one attribute at a time.
#include <algorithm>
#include <set>

#include "faces/ec2/actions/actions.hpp"
#include "faces/ec2/render.hpp"
#include "faces/ec2/render_network.hpp"

namespace amivirt::ec2 {

namespace {

struct Deletion {
    std::string device;
    DeleteOnTermination value;
};

/// The attributes with a parameter of their own. (Packer and Ansible use those; `Attribute=..&Value=..` is the older form.)
struct AttributeParameter {
    std::string_view attribute;
    std::string_view parameter;
};
constexpr std::array k_attribute_parameters{
    AttributeParameter{"instanceType", "InstanceType.Value"},
    AttributeParameter{"kernel", "Kernel.Value"},
    AttributeParameter{"ramdisk", "Ramdisk.Value"},
    AttributeParameter{"userData", "UserData.Value"},
    AttributeParameter{"disableApiTermination", "DisableApiTermination.Value"},
    AttributeParameter{"disableApiStop", "DisableApiStop.Value"},
    AttributeParameter{"instanceInitiatedShutdownBehavior", "InstanceInitiatedShutdownBehavior.Value"},
    AttributeParameter{"sourceDestCheck", "SourceDestCheck.Value"},
    AttributeParameter{"ebsOptimized", "EbsOptimized.Value"},
    AttributeParameter{"sriovNetSupport", "SriovNetSupport.Value"},
    AttributeParameter{"enaSupport", "EnaSupport.Value"},
};
/// Those that have none, or another.
constexpr std::array<std::string_view, 5> k_other_attributes{"rootDeviceName", "blockDeviceMapping", "productCodes", "groupSet",
                                                             "enclaveOptions"};

/// An attribute as a client spelt it (Ansible: with a blank behind, or a capital), as EC2 does; "" if there is none of that name.
std::string instance_attribute_name(std::string text) {
    while (!text.empty() && text.back() == ' ') {
        text.pop_back();
    }
    if (!text.empty() && text.front() >= 'A' && text.front() <= 'Z') {
        text.front() = static_cast<char>(text.front() - 'A' + 'a');
    }
    const bool known = std::any_of(k_attribute_parameters.begin(), k_attribute_parameters.end(),
                                   [&](const AttributeParameter& each) { return each.attribute == text; }) ||
                       std::find(k_other_attributes.begin(), k_other_attributes.end(), text) != k_other_attributes.end();
    return known ? text : "";
}

std::string attribute_in(const Parameters& in) {
    const auto word = in.required("Attribute");
    auto name = instance_attribute_name(word);
    if (name.empty() && !word.empty()) {
        in.fault({Code::invalid_parameter_value,
                  fmt::format("Value ({}) for parameter attribute is invalid. Unknown attribute.", printable(word))});
    }
    return name;
}

/// What a request for a change says, in either form.
class ChangeReader {
public:
    explicit ChangeReader(const Parameters& in) : in_(in) {}

    void read() {
        for (const AttributeParameter& each : k_attribute_parameters) {
            // Empty user data is none, and so a change.
            if (in_.has(each.parameter) || (each.attribute == "userData" && in_.raw(each.parameter))) {
                take(std::string(each.attribute), each.parameter);
            } else {
                in_.accept(each.parameter);
            }
        }
        read_deletions();
        groups = in_.texts("GroupId");
        if (!groups.empty()) {
            given.insert("groupSet");
        }
        if (in_.has("Attribute")) {
            const auto attribute = attribute_in(in_);
            if (in_.raw("Value")) {
                take(attribute, "Value");
            }
        }
        in_.accept("Attribute");
        in_.accept("Value");
        if (given.size() > 1) {
            in_.fault({Code::invalid_parameter_combination,
                       fmt::format("Fields for multiple attribute types specified: {}", fmt::join(given, ", "))});
        }
        if (given.empty()) {
            in_.fault({Code::invalid_parameter_combination, "No attributes specified."});
        }
    }

    ModifyInstanceRequest request;
    std::vector<Deletion> deletions;
    std::vector<std::string> groups;
    std::optional<bool> source_dest_check;
    std::set<std::string> given;

private:
    void read_deletions() {
        for (const Parameters& each : in_.list("BlockDeviceMapping")) {
            const auto device = each.required("DeviceName");
            each.accept("Ebs.VolumeId");
            each.refuse("VirtualName", "of an instance only DeleteOnTermination can be changed");
            each.refuse("NoDevice", "of an instance only DeleteOnTermination can be changed");
            if (const auto value = each.boolean("Ebs.DeleteOnTermination")) {
                deletions.push_back({device, *value ? DeleteOnTermination::yes : DeleteOnTermination::no});
                given.insert("blockDeviceMapping");
            }
        }
    }

    void take(const std::string& attribute, std::string_view parameter) {
        given.insert(attribute);
        in_.accept(parameter);
        InstanceOptionsChange& options = request.options;
        if (attribute == "instanceType") {
            request.type = in_.required(parameter);
        } else if (attribute == "userData") {
            const auto decoded = base64_decode(in_.raw(parameter).value_or(""));
            if (!decoded) {
                in_.fault({wire::invalid_user_data_malformed, "Invalid BASE64 encoding of user data"});
            }
            request.user_data = decoded.value_or("");
        } else if (attribute == "disableApiTermination") {
            request.termination_protected = boolean(parameter);
        } else if (attribute == "disableApiStop") {
            options.stop_protected = boolean(parameter);
        } else if (attribute == "instanceInitiatedShutdownBehavior") {
            if (const auto behavior = parse_shutdown_behavior(in_.required(parameter))) {
                request.shutdown_behavior = *behavior;
            } else {
                in_.fault(behavior.error());
            }
        } else if (attribute == "sourceDestCheck") {
            source_dest_check = boolean(parameter);
        } else if (attribute == "ebsOptimized") {
            options.ebs_optimized = boolean(parameter);
        } else if (attribute == "enaSupport") {
            options.ena_support = boolean(parameter);
        } else if (attribute == "sriovNetSupport") {
            options.sriov_net_support = true;
            if (const auto word = in_.required(parameter); !word.empty() && word != "simple") {
                in_.fault({Code::invalid_parameter_value,
                           fmt::format("Value ({}) for parameter sriovNetSupport is invalid. The only value is simple.", printable(word))});
            }
        } else if (!attribute.empty()) {
            in_.fault({Code::unsupported_operation,
                       fmt::format("The attribute {} of an instance cannot be modified{}", attribute,
                                   attribute == "kernel" || attribute == "ramdisk" ? ": images boot by themselves" : " this way")});
        }
    }

    std::optional<bool> boolean(std::string_view parameter) {
        static_cast<void>(in_.required(parameter));
        return in_.boolean(parameter);
    }

    const Parameters& in_;
};

/// The one, with its volumes.
Result<InstanceView> look_at(Call& call, const std::string& id) {
    AMIVIRT_TRY(Call::find_one<InstanceId>(id, call.instance()));
    InstanceQuery query;
    query.ids_or_names = {id};
    query.include_terminated = true;
    auto listing = AMIVIRT_TRY(call.services.instances.describe(call.account, query));
    return listing.views.empty() ? Result<InstanceView>(not_found<InstanceId>({id}))
                                 : Result<InstanceView>(std::move(listing.views.front()));
}

/// What is an attribute of the instance is one of its first interface (source: EC2).
Result<InterfaceView> first_interface(Call& call, const InstanceView& view) {
    auto all = AMIVIRT_TRY(call.services.network.interfaces.of_instances(call.account, {&view.instance}));
    auto& its = all[view.instance.id.str()];
    if (its.empty()) {
        return Error(Code::incorrect_instance_state,
                     fmt::format("The instance '{}' has no network interface any more", view.instance.id.str()));
    }
    return std::move(its.front());
}

Result<void> check_source_and_destination(Call& call, const InstanceView& view, bool check) {
    InterfaceChange change;
    change.source_dest_check = check;
    return call.services.network.interfaces.modify(call.account, AMIVIRT_TRY(first_interface(call, view)).its.id, change);
}

}  // namespace

Result<void> describe_instance_attribute(Call& call) {
    const auto id = call.id<InstanceId>("InstanceId");
    const auto attribute = attribute_in(call.in);
    AMIVIRT_TRY(call.ready());
    const auto view = AMIVIRT_TRY(look_at(call, id));
    const Instance& instance = view.instance;
    const InstanceOptions& options = view.options;
    Xml& out = call.out;
    const auto value = [&](std::string_view text) { out.in(attribute, [&] { out.some("value", text); }); };
    const auto flag = [&](bool is_on) { out.in(attribute, [&] { out.boolean("value", is_on); }); };
    out.text("instanceId", instance.id.str());
    if (attribute == "instanceType") {
        value(instance.type);
    } else if (attribute == "disableApiTermination") {
        flag(instance.termination_protected);
    } else if (attribute == "disableApiStop") {
        flag(options.stop_protected);
    } else if (attribute == "instanceInitiatedShutdownBehavior") {
        value(to_string(instance.shutdown_behavior));
    } else if (attribute == "rootDeviceName") {
        value(instance.root_device_name);
    } else if (attribute == "userData") {
        value(base64_encode(instance.user_data));
    } else if (attribute == "blockDeviceMapping") {
        attached_devices(out, view);
    } else if (attribute == "ebsOptimized") {
        flag(options.ebs_optimized);
    } else if (attribute == "enaSupport") {
        flag(options.ena_support);
    } else if (attribute == "sourceDestCheck") {
        flag(AMIVIRT_TRY(first_interface(call, view)).its.source_dest_check);
    } else if (attribute == "sriovNetSupport") {
        value(options.sriov_net_support ? "simple" : "");
    } else if (attribute == "groupSet") {
        groups(out, attribute, AMIVIRT_TRY(first_interface(call, view)).groups);
    } else if (attribute == "productCodes") {
        out.list(attribute, std::vector<int>{}, [](int) {});
    } else if (attribute == "enclaveOptions") {
        out.in(attribute, [&] { out.boolean("enabled", false); });
    } else {
        value("");  // kernel, ramdisk
    }
    return {};
}

Result<void> modify_instance_attribute(Call& call) {
    const auto id = call.id<InstanceId>("InstanceId");
    ChangeReader change(call.in);
    change.read();
    AMIVIRT_TRY(call.ready());
    const auto view = AMIVIRT_TRY(look_at(call, id));
    for (const Deletion& each : change.deletions) {
        const bool there = std::any_of(view.volumes.begin(), view.volumes.end(), [&](const Volume& volume) {
            return volume.attachment && volume.attachment->device_name == each.device;
        });
        if (!there) {  // of all before anything is changed
            return Error(Code::invalid_block_device_mapping,
                         fmt::format("No device is currently mapped at {} of instance {}", printable(each.device), id));
        }
    }
    if (!change.groups.empty()) {
        AMIVIRT_TRY(call.services.network.interfaces.set_instance_groups(call.account, id, change.groups));
    } else if (change.source_dest_check) {
        AMIVIRT_TRY(check_source_and_destination(call, view, *change.source_dest_check));
    } else if (change.deletions.empty()) {
        AMIVIRT_TRY(call.services.instances.modify(call.account, id, change.request));
    }
    for (const Deletion& each : change.deletions) {
        AMIVIRT_TRY(call.services.volumes.set_delete_on_termination(call.account, id, each.device, each.value));
    }
    call.yes();
    return {};
}

Result<void> reset_instance_attribute(Call& call) {
    const auto id = call.id<InstanceId>("InstanceId");
    const auto attribute = attribute_in(call.in);
    // Kernel and RAM disk are the image's own, and so always what a reset would make them.
    if (!attribute.empty() && attribute != "kernel" && attribute != "ramdisk" && attribute != "sourceDestCheck") {
        call.in.fault({Code::invalid_parameter_value,
                       fmt::format("Value ({}) for parameter attribute is invalid. Only kernel, ramdisk and sourceDestCheck can be reset.",
                                   attribute)});
    }
    AMIVIRT_TRY(call.ready());
    const auto view = AMIVIRT_TRY(look_at(call, id));
    if (attribute == "sourceDestCheck") {
        AMIVIRT_TRY(check_source_and_destination(call, view, true));
    }
    call.yes();
    return {};
}

}  // namespace amivirt::ec2
