#include <algorithm>
#include <array>

#include "amivirt/domain/type_architecture.hpp"
#include "faces/ec2/actions/actions.hpp"
#include "faces/ec2/filtering.hpp"

namespace amivirt::ec2 {

namespace {

/// Those of `all` that were asked for by name and pass the filters; of `nothing` `field_of` tells which filters there are.
template <class T, class Name, class FieldOf>
Result<std::vector<T>> choose(std::vector<T> all, const std::vector<std::string>& names, const std::vector<Filter>& filters,
                              const T& nothing, const Name& name_of, const FieldOf& field_of, std::string_view what) {
    for (const std::string& name : names) {
        if (std::none_of(all.begin(), all.end(), [&](const T& each) { return name_of(each) == name; })) {
            return Error(Code::invalid_parameter_value, fmt::format("Invalid {} [{}]", what, printable(name)));
        }
    }
    AMIVIRT_TRY(keep_passing(all, filters, nothing, field_of));
    if (!names.empty()) {
        std::erase_if(all, [&](const T& each) { return std::find(names.begin(), names.end(), name_of(each)) == names.end(); });
    }
    return all;
}

using Values = std::vector<std::string>;

constexpr unsigned k_addresses_of_interface = 50;  // the service knows no limit, and EC2's largest types have this one
constexpr unsigned k_interfaces = 16;              // device indices 0 to 15: the limit of NetworkInterfaces

std::string_view truth(bool value) { return value ? "true" : "false"; }
bool is_free(const InstanceType& type) { return type.name == "t2.micro" || type.name == "t3.micro"; }
Values of_store(const InstanceType& type, std::string value) {
    return type.instance_store_volumes > 0 ? Values{std::move(value)} : Values();
}

/// What a filter of DescribeInstanceTypes asks for, as the answer says it; and what all have in common.
struct TypeField {
    std::string_view filter;
    Values (*values)(const InstanceType& type);
};
struct Common {
    std::string_view filter;
    std::string_view value;  ///< "": none has one
};

const std::vector<TypeField>& type_fields() {
    using T = InstanceType;
    static const std::vector<TypeField> all{
        {"burstable-performance-supported", [](const T& t) { return Values{std::string(truth(default_cpu_credits(t.name).has_value()))}; }},
        {"free-tier-eligible", [](const T& t) { return Values{std::string(truth(is_free(t)))}; }},
        {"instance-storage-info.disk.count", [](const T& t) { return of_store(t, fmt::to_string(t.instance_store_volumes)); }},
        {"instance-storage-info.disk.size-in-gb", [](const T& t) { return of_store(t, fmt::to_string(t.instance_store_size.count)); }},
        {"instance-storage-info.disk.type", [](const T& t) { return of_store(t, "ssd"); }},
        {"instance-storage-info.encryption-support", [](const T& t) { return of_store(t, "unsupported"); }},
        {"instance-storage-info.nvme-support", [](const T& t) { return of_store(t, "unsupported"); }},
        {"instance-storage-info.total-size-in-gb",
         [](const T& t) { return of_store(t, fmt::to_string(t.instance_store_volumes * t.instance_store_size.count)); }},
        {"instance-storage-supported", [](const T& t) { return Values{std::string(truth(t.instance_store_volumes > 0))}; }},
        {"instance-type", [](const T& t) { return Values{t.name}; }},
        {"memory-info.size-in-mib", [](const T& t) { return Values{fmt::to_string(t.memory.count)}; }},
        {"processor-info.supported-architecture", [](const T& t) { return Values{std::string(to_string(architecture_of_type(t.name)))}; }},
        {"supported-boot-mode",
         [](const T& t) {
             return architecture_of_type(t.name) == Architecture::arm64 ? Values{"uefi"} : Values{"legacy-bios", "uefi"};
         }},
        {"supported-root-device-type",
         [](const T&) {
             return Values{"ebs", "instance-store"};
         }},
        {"vcpu-info.default-cores", [](const T& t) { return Values{fmt::to_string(t.vcpus)}; }},
        {"vcpu-info.default-vcpus", [](const T& t) { return Values{fmt::to_string(t.vcpus)}; }},
        {"vcpu-info.valid-cores", [](const T& t) { return Values{fmt::to_string(t.vcpus)}; }},
    };
    return all;
}

constexpr std::array k_common_to_types{
    Common{"auto-recovery-supported", "false"},
    Common{"bare-metal", "false"},
    Common{"current-generation", "true"},
    Common{"dedicated-hosts-supported", "false"},
    Common{"ebs-info.attachment-limit-type", ""},
    Common{"ebs-info.ebs-optimized-info.baseline-bandwidth-in-mbps", ""},
    Common{"ebs-info.ebs-optimized-info.baseline-iops", ""},
    Common{"ebs-info.ebs-optimized-info.baseline-throughput-in-mbps", ""},
    Common{"ebs-info.ebs-optimized-info.maximum-bandwidth-in-mbps", ""},
    Common{"ebs-info.ebs-optimized-info.maximum-iops", ""},
    Common{"ebs-info.ebs-optimized-info.maximum-throughput-in-mbps", ""},
    Common{"ebs-info.ebs-optimized-support", "unsupported"},
    Common{"ebs-info.encryption-support", "supported"},
    Common{"ebs-info.maximum-ebs-attachments", ""},
    Common{"ebs-info.nvme-support", "unsupported"},
    Common{"hibernation-supported", "false"},
    Common{"hypervisor", "nitro"},
    Common{"network-info.bandwidth-weightings", ""},
    Common{"network-info.efa-info.maximum-efa-interfaces", ""},
    Common{"network-info.efa-supported", "false"},
    Common{"network-info.ena-support", "supported"},
    Common{"network-info.encryption-in-transit-supported", "false"},
    Common{"network-info.flexible-ena-queues-support", "unsupported"},
    Common{"network-info.ipv4-addresses-per-interface", "50"},
    Common{"network-info.ipv6-addresses-per-interface", "0"},
    Common{"network-info.ipv6-supported", "false"},
    Common{"network-info.maximum-network-cards", "1"},
    Common{"network-info.maximum-network-interfaces", "16"},
    Common{"network-info.network-performance", ""},
    Common{"nitro-enclaves-support", "unsupported"},
    Common{"nitro-tpm-info.supported-versions", ""},
    Common{"nitro-tpm-support", "unsupported"},
    Common{"processor-info.supported-features", ""},
    Common{"processor-info.sustained-clock-speed-in-ghz", ""},
    Common{"reboot-migration-support", "unsupported"},
    Common{"supported-usage-class", "on-demand"},
    Common{"supported-virtualization-type", "hvm"},
    Common{"vcpu-info.default-threads-per-core", "1"},
    Common{"vcpu-info.valid-threads-per-core", "1"},
};

FilterFields fields_of_type(const InstanceType& type, const std::string& name) {
    const auto& all = type_fields();
    if (const auto at = std::find_if(all.begin(), all.end(), [&](const TypeField& field) { return field.filter == name; });
        at != all.end()) {
        return at->values(type);
    }
    const auto* common =
        std::find_if(k_common_to_types.begin(), k_common_to_types.end(), [&](const Common& field) { return field.filter == name; });
    if (common == k_common_to_types.end()) {
        return std::nullopt;
    }
    return common->value.empty() ? Values() : Values{std::string(common->value)};
}

}  // namespace

Result<void> describe_regions(Call& call) {
    const auto names = call.in.texts("RegionName");
    const auto filters = call.filters();
    call.in.accept("AllRegions");
    AMIVIRT_TRY(call.ready());
    std::vector<std::string> all;
    for (const Services& each : call.ports.regions) {
        all.push_back(each.region);
    }
    const auto chosen = AMIVIRT_TRY(choose(
        std::move(all), names, filters, std::string(), [](const std::string& each) { return each; },
        [&](const std::string& each, const std::string& field) {
            return field == "region-name"     ? FilterFields({each})
                   : field == "endpoint"      ? FilterFields({call.ports.endpoint})
                   : field == "opt-in-status" ? FilterFields({"opt-in-not-required"})
                                              : FilterFields();
        },
        "region"));
    call.out.list("regionInfo", chosen, [&](const std::string& each) {
        call.out.text("regionName", each);
        call.out.text("regionEndpoint", call.ports.endpoint);
        call.out.text("optInStatus", "opt-in-not-required");
    });
    return {};
}

Result<void> describe_availability_zones(Call& call) {
    const auto names = call.in.texts("ZoneName");
    const auto ids = call.in.texts("ZoneId");
    const auto filters = call.filters();
    call.in.accept("AllAvailabilityZones");
    AMIVIRT_TRY(call.ready());
    const auto field = [&](const std::string& each, const std::string& name) {
        // source: EC2's answers, where a zone's group has such a name
        if (name == "group-long-name") {
            return FilterFields({call.services.region});
        }
        const bool none = name == "message" || name.starts_with("parent-zone");  // of a Local Zone, and what is wrong with one
        return name == "zone-name" || name == "zone-id"        ? FilterFields({each})
               : name == "region-name" || name == "group-name" ? FilterFields({call.services.region})
               : name == "state"                               ? FilterFields({"available"})
               : name == "zone-type"                           ? FilterFields({"availability-zone"})
               : name == "opt-in-status"                       ? FilterFields({"opt-in-not-required"})
               : none                                          ? FilterFields(Values())
                                                               : FilterFields();
    };
    const auto same = [](const std::string& each) { return each; };
    const auto chosen = AMIVIRT_TRY(
        choose(AMIVIRT_TRY(choose(zones_of(call.services.region), names, filters, std::string(), same, field, "availability zone")), ids,
               {}, std::string(), same, field, "availability zone"));
    call.out.list("availabilityZoneInfo", chosen, [&](const std::string& each) {
        call.out.text("zoneName", each);
        call.out.text("zoneState", "available");
        call.out.text("regionName", call.services.region);
        call.out.list("messageSet", std::vector<int>{}, [](int) {});
        call.out.text("zoneId", each);
        call.out.text("groupName", call.services.region);
        call.out.text("networkBorderGroup", call.services.region);
        call.out.text("zoneType", "availability-zone");
        call.out.text("optInStatus", "opt-in-not-required");
    });
    return {};
}

Result<void> describe_account_attributes(Call& call) {
    const auto names = call.in.texts("AttributeName");
    AMIVIRT_TRY(call.ready());
    const auto vpc = AMIVIRT_TRY(call.services.network.vpcs.default_vpc(call.account));
    std::vector<std::pair<std::string, std::string>> all{
        {"supported-platforms", "VPC"}, {"default-vpc", vpc ? vpc->id : "none"}, {"max-instances", "100"}};
    const auto chosen = AMIVIRT_TRY(choose(
        std::move(all), names, {}, {}, [](const auto& each) { return each.first; },
        [](const auto&, const std::string&) { return FilterFields(); }, "account attribute"));
    call.out.list("accountAttributeSet", chosen, [&](const auto& each) {
        call.out.text("attributeName", each.first);
        call.out.list("attributeValueSet", std::vector<std::string>{each.second},
                      [&](const std::string& value) { call.out.text("attributeValue", value); });
    });
    return {};
}

Result<void> describe_instance_types(Call& call) {
    const auto names = call.in.texts("InstanceType");
    const auto filters = call.filters();
    const Page page = call.page(!names.empty());
    call.in.accept("IncludeUnsupportedInRegion");  // each type is offered everywhere
    AMIVIRT_TRY(call.ready());
    auto types = AMIVIRT_TRY(call.services.types.list());
    for (const std::string& name : names) {
        if (std::none_of(types.begin(), types.end(), [&](const InstanceType& type) { return type.name == name; })) {
            return Error(wire::invalid_instance_type,
                         fmt::format("The following supplied instance types do not exist: [{}]", printable(name)));
        }
    }
    auto chosen = AMIVIRT_TRY(choose(
        std::move(types), names, filters, InstanceType(), [](const InstanceType& type) { return type.name; }, fields_of_type,
        "instance type"));
    std::string next;
    chosen = Call::cut(
        std::move(chosen), page, [](const InstanceType& type) { return type.name; }, next);
    Xml& out = call.out;
    const auto words = [&](std::string_view name, const std::vector<std::string>& list) {
        out.in(name, [&] {
            for (const std::string& word : list) {
                out.text("item", word);
            }
        });
    };
    out.list("instanceTypeSet", chosen, [&](const InstanceType& type) {
        out.text("instanceType", type.name);
        out.boolean("currentGeneration", true);
        out.boolean("freeTierEligible", is_free(type));
        words("supportedUsageClasses", {"on-demand"});
        words("supportedRootDeviceTypes", {"ebs", "instance-store"});
        words("supportedVirtualizationTypes", {"hvm"});
        out.boolean("bareMetal", false);
        out.text("hypervisor", "nitro");
        out.in("processorInfo", [&] { words("supportedArchitectures", {std::string(to_string(architecture_of_type(type.name)))}); });
        out.in("vCpuInfo", [&] {
            out.number("defaultVCpus", type.vcpus);
            out.number("defaultCores", type.vcpus);
            out.number("defaultThreadsPerCore", 1);
        });
        out.in("memoryInfo", [&] { out.number("sizeInMiB", type.memory.count); });
        out.boolean("instanceStorageSupported", type.instance_store_volumes > 0);
        if (type.instance_store_volumes > 0) {
            out.in("instanceStorageInfo", [&] {
                out.number("totalSizeInGB", type.instance_store_volumes * type.instance_store_size.count);
                out.list("disks", std::vector<int>{1}, [&](int) {
                    out.number("sizeInGB", type.instance_store_size.count);
                    out.number("count", type.instance_store_volumes);
                    out.text("type", "ssd");
                });
                out.text("nvmeSupport", "unsupported");
                out.text("encryptionSupport", "unsupported");
            });
        }
        out.in("ebsInfo", [&] {
            out.text("ebsOptimizedSupport", "unsupported");
            out.text("encryptionSupport", "supported");
            out.text("nvmeSupport", "unsupported");
        });
        out.in("networkInfo", [&] {
            out.number("maximumNetworkInterfaces", k_interfaces);
            out.number("maximumNetworkCards", 1);
            out.number("defaultNetworkCardIndex", 0);
            out.number("ipv4AddressesPerInterface", k_addresses_of_interface);
            out.number("ipv6AddressesPerInterface", 0);
            out.boolean("ipv6Supported", false);
            out.text("enaSupport", "supported");
            out.boolean("efaSupported", false);
            out.boolean("encryptionInTransitSupported", false);
        });
        out.in("placementGroupInfo", [&] { words("supportedStrategies", {}); });
        out.boolean("hibernationSupported", false);
        out.boolean("burstablePerformanceSupported", default_cpu_credits(type.name).has_value());
        out.boolean("dedicatedHostsSupported", false);
        out.boolean("autoRecoverySupported", false);
        words("supportedBootModes", *fields_of_type(type, "supported-boot-mode"));
    });
    out.some("nextToken", next);
    return {};
}

Result<void> describe_instance_type_offerings(Call& call) {
    const auto kind = call.in.text("LocationType").value_or("region");
    const auto filters = call.filters();
    const Page page = call.page(false);
    if (kind != "region" && kind != "availability-zone" && kind != "availability-zone-id") {
        call.in.fault({Code::invalid_parameter_value, fmt::format("Value ({}) for parameter LocationType is invalid.", printable(kind))});
    }
    AMIVIRT_TRY(call.ready());
    const auto locations = kind == "region" ? std::vector{call.services.region} : zones_of(call.services.region);
    struct Offering {
        std::string type;
        std::string location;
    };
    std::vector<Offering> offerings;
    for (const std::string& location : locations) {
        for (const InstanceType& type : AMIVIRT_TRY(call.services.types.list())) {
            offerings.push_back({type.name, location});
        }
    }
    const auto key = [](const Offering& each) { return each.location + "/" + each.type; };
    auto chosen = AMIVIRT_TRY(choose(
        std::move(offerings), {}, filters, Offering(), key,
        [](const Offering& each, const std::string& name) {
            return name == "instance-type" ? FilterFields({each.type})
                   : name == "location"    ? FilterFields({each.location})
                                           : FilterFields();
        },
        "instance type"));
    std::string next;
    chosen = Call::cut(std::move(chosen), page, key, next);
    call.out.list("instanceTypeOfferingSet", chosen, [&](const Offering& each) {
        call.out.text("instanceType", each.type);
        call.out.text("locationType", kind);
        call.out.text("location", each.location);
    });
    call.out.some("nextToken", next);
    return {};
}

}  // namespace amivirt::ec2
