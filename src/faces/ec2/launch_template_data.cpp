#include "faces/ec2/launch_template_data.hpp"

#include "faces/ec2/codes.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <set>

namespace amivirt::ec2 {

namespace {

enum class Kind { text, boolean, number, decimal, time, blob, structure, list, texts };

/// A parameter of RequestLaunchTemplateData (source: EC2's model of 2016-11-15): its name in a request and in an answer.
struct Member {
    std::string_view in;
    std::string_view out;
    Kind kind = Kind::text;
    std::vector<Member> below{};            ///< of a structure, and of a list's elements
    std::vector<std::string_view> words{};  ///< of a text: nothing else may it be; empty: anything
    std::string_view item = "item";         ///< of a list in an answer
};

using Members = std::vector<Member>;

Member text(std::string_view in, std::string_view out, std::vector<std::string_view> words = {}) {
    return {in, out, Kind::text, {}, std::move(words)};
}
Member boolean(std::string_view in, std::string_view out) { return {in, out, Kind::boolean}; }
Member number(std::string_view in, std::string_view out) { return {in, out, Kind::number}; }
Member texts(std::string_view in, std::string_view out, std::string_view item = "item", std::vector<std::string_view> words = {}) {
    return {in, out, Kind::texts, {}, std::move(words), item};
}
Member structure(std::string_view in, std::string_view out, Members below) { return {in, out, Kind::structure, std::move(below)}; }
Member list(std::string_view in, std::string_view out, Members below) { return {in, out, Kind::list, std::move(below)}; }
Member range(std::string_view in, std::string_view out, Kind kind) {
    return structure(in, out, {{"Min", "min", kind}, {"Max", "max", kind}});
}

Members requirements() {
    const std::vector<std::string_view> included{"included", "required", "excluded"};
    return {
        range("VCpuCount", "vCpuCount", Kind::number),
        range("MemoryMiB", "memoryMiB", Kind::number),
        texts("CpuManufacturer", "cpuManufacturerSet"),
        range("MemoryGiBPerVCpu", "memoryGiBPerVCpu", Kind::decimal),
        texts("ExcludedInstanceType", "excludedInstanceTypeSet"),
        texts("InstanceGeneration", "instanceGenerationSet", "item", {"current", "previous"}),
        number("SpotMaxPricePercentageOverLowestPrice", "spotMaxPricePercentageOverLowestPrice"),
        number("OnDemandMaxPricePercentageOverLowestPrice", "onDemandMaxPricePercentageOverLowestPrice"),
        text("BareMetal", "bareMetal", included),
        text("BurstablePerformance", "burstablePerformance", included),
        boolean("RequireHibernateSupport", "requireHibernateSupport"),
        range("NetworkInterfaceCount", "networkInterfaceCount", Kind::number),
        text("LocalStorage", "localStorage", included),
        texts("LocalStorageType", "localStorageTypeSet", "item", {"hdd", "ssd"}),
        range("TotalLocalStorageGB", "totalLocalStorageGB", Kind::decimal),
        range("BaselineEbsBandwidthMbps", "baselineEbsBandwidthMbps", Kind::number),
        texts("AcceleratorType", "acceleratorTypeSet"),
        range("AcceleratorCount", "acceleratorCount", Kind::number),
        texts("AcceleratorManufacturer", "acceleratorManufacturerSet"),
        texts("AcceleratorName", "acceleratorNameSet"),
        range("AcceleratorTotalMemoryMiB", "acceleratorTotalMemoryMiB", Kind::number),
        range("NetworkBandwidthGbps", "networkBandwidthGbps", Kind::decimal),
        texts("AllowedInstanceType", "allowedInstanceTypeSet"),
        number("MaxSpotPriceAsPercentageOfOptimalOnDemandPrice", "maxSpotPriceAsPercentageOfOptimalOnDemandPrice"),
        boolean("RequireEncryptionInTransit", "requireEncryptionInTransit"),
        structure("BaselinePerformanceFactors", "baselinePerformanceFactors",
                  {structure("Cpu", "cpu", {list("Reference", "referenceSet", {text("InstanceFamily", "instanceFamily")})})}),
    };
}

Members network_interface() {
    return {
        boolean("AssociateCarrierIpAddress", "associateCarrierIpAddress"),
        boolean("AssociatePublicIpAddress", "associatePublicIpAddress"),
        boolean("DeleteOnTermination", "deleteOnTermination"),
        text("Description", "description"),
        number("DeviceIndex", "deviceIndex"),
        texts("SecurityGroupId", "groupSet", "groupId"),
        text("InterfaceType", "interfaceType"),
        number("Ipv6AddressCount", "ipv6AddressCount"),
        list("Ipv6Addresses", "ipv6AddressesSet", {text("Ipv6Address", "ipv6Address")}),
        text("NetworkInterfaceId", "networkInterfaceId"),
        text("PrivateIpAddress", "privateIpAddress"),
        list("PrivateIpAddresses", "privateIpAddressesSet", {boolean("Primary", "primary"), text("PrivateIpAddress", "privateIpAddress")}),
        number("SecondaryPrivateIpAddressCount", "secondaryPrivateIpAddressCount"),
        text("SubnetId", "subnetId"),
        number("NetworkCardIndex", "networkCardIndex"),
        list("Ipv4Prefix", "ipv4PrefixSet", {text("Ipv4Prefix", "ipv4Prefix")}),
        number("Ipv4PrefixCount", "ipv4PrefixCount"),
        list("Ipv6Prefix", "ipv6PrefixSet", {text("Ipv6Prefix", "ipv6Prefix")}),
        number("Ipv6PrefixCount", "ipv6PrefixCount"),
        boolean("PrimaryIpv6", "primaryIpv6"),
        structure("EnaSrdSpecification", "enaSrdSpecification",
                  {boolean("EnaSrdEnabled", "enaSrdEnabled"),
                   structure("EnaSrdUdpSpecification", "enaSrdUdpSpecification", {boolean("EnaSrdUdpEnabled", "enaSrdUdpEnabled")})}),
        structure("ConnectionTrackingSpecification", "connectionTrackingSpecification",
                  {number("TcpEstablishedTimeout", "tcpEstablishedTimeout"), number("UdpTimeout", "udpTimeout"),
                   number("UdpStreamTimeout", "udpStreamTimeout")}),
        number("EnaQueueCount", "enaQueueCount"),
    };
}

Members block_device() {
    return {
        text("DeviceName", "deviceName"),
        text("VirtualName", "virtualName"),
        structure(
            "Ebs", "ebs",
            {boolean("Encrypted", "encrypted"), boolean("DeleteOnTermination", "deleteOnTermination"), number("Iops", "iops"),
             text("KmsKeyId", "kmsKeyId"), text("SnapshotId", "snapshotId"), number("VolumeSize", "volumeSize"),
             text("VolumeType", "volumeType", {"standard", "io1", "io2", "gp2", "sc1", "st1", "gp3"}), number("Throughput", "throughput"),
             number("VolumeInitializationRate", "volumeInitializationRate"), number("EbsCardIndex", "ebsCardIndex")}),
        text("NoDevice", "noDevice"),
    };
}

const Members& all_members() {
    const std::vector<std::string_view> on_off{"enabled", "disabled"};
    static const Members members{
        text("KernelId", "kernelId"),
        boolean("EbsOptimized", "ebsOptimized"),
        structure("IamInstanceProfile", "iamInstanceProfile", {text("Arn", "arn"), text("Name", "name")}),
        list("BlockDeviceMapping", "blockDeviceMappingSet", block_device()),
        list("NetworkInterface", "networkInterfaceSet", network_interface()),
        text("ImageId", "imageId"),
        text("InstanceType", "instanceType"),
        text("KeyName", "keyName"),
        structure("Monitoring", "monitoring", {boolean("Enabled", "enabled")}),
        structure(
            "Placement", "placement",
            {text("AvailabilityZone", "availabilityZone"), text("AvailabilityZoneId", "availabilityZoneId"), text("Affinity", "affinity"),
             text("GroupName", "groupName"), text("HostId", "hostId"), text("Tenancy", "tenancy", {"default", "dedicated", "host"}),
             text("SpreadDomain", "spreadDomain"), text("HostResourceGroupArn", "hostResourceGroupArn"),
             number("PartitionNumber", "partitionNumber"), text("GroupId", "groupId")}),
        text("RamDiskId", "ramDiskId"),
        boolean("DisableApiTermination", "disableApiTermination"),
        text("InstanceInitiatedShutdownBehavior", "instanceInitiatedShutdownBehavior", {"stop", "terminate"}),
        {"UserData", "userData", Kind::blob},
        list("TagSpecification", "tagSpecificationSet",
             {text("ResourceType", "resourceType"), list("Tag", "tagSet", {text("Key", "key"), text("Value", "value")})}),
        list("ElasticGpuSpecification", "elasticGpuSpecificationSet", {text("Type", "type")}),
        list("ElasticInferenceAccelerator", "elasticInferenceAcceleratorSet", {text("Type", "type"), number("Count", "count")}),
        texts("SecurityGroupId", "securityGroupIdSet"),
        texts("SecurityGroup", "securityGroupSet"),
        structure("InstanceMarketOptions", "instanceMarketOptions",
                  {text("MarketType", "marketType", {"spot", "capacity-block"}),
                   structure("SpotOptions", "spotOptions",
                             {text("MaxPrice", "maxPrice"),
                              text("SpotInstanceType", "spotInstanceType", {"one-time", "persistent"}),
                              number("BlockDurationMinutes", "blockDurationMinutes"),
                              {"ValidUntil", "validUntil", Kind::time},
                              text("InstanceInterruptionBehavior", "instanceInterruptionBehavior", {"hibernate", "stop", "terminate"})})}),
        structure("CreditSpecification", "creditSpecification", {text("CpuCredits", "cpuCredits", {"standard", "unlimited"})}),
        structure("CpuOptions", "cpuOptions",
                  {number("CoreCount", "coreCount"), number("ThreadsPerCore", "threadsPerCore"), text("AmdSevSnp", "amdSevSnp", on_off),
                   text("NestedVirtualization", "nestedVirtualization", on_off)}),
        structure("CapacityReservationSpecification", "capacityReservationSpecification",
                  {text("CapacityReservationPreference", "capacityReservationPreference", {"capacity-reservations-only", "open", "none"}),
                   structure("CapacityReservationTarget", "capacityReservationTarget",
                             {text("CapacityReservationId", "capacityReservationId"),
                              text("CapacityReservationResourceGroupArn", "capacityReservationResourceGroupArn")})}),
        list("LicenseSpecification", "licenseSet", {text("LicenseConfigurationArn", "licenseConfigurationArn")}),
        structure("HibernationOptions", "hibernationOptions", {boolean("Configured", "configured")}),
        structure("MetadataOptions", "metadataOptions",
                  {text("HttpTokens", "httpTokens", {"optional", "required"}), number("HttpPutResponseHopLimit", "httpPutResponseHopLimit"),
                   text("HttpEndpoint", "httpEndpoint", on_off), text("HttpProtocolIpv6", "httpProtocolIpv6", on_off),
                   text("InstanceMetadataTags", "instanceMetadataTags", on_off)}),
        structure("EnclaveOptions", "enclaveOptions", {boolean("Enabled", "enabled")}),
        structure("InstanceRequirements", "instanceRequirements", requirements()),
        structure("PrivateDnsNameOptions", "privateDnsNameOptions",
                  {text("HostnameType", "hostnameType", {"ip-name", "resource-name"}),
                   boolean("EnableResourceNameDnsARecord", "enableResourceNameDnsARecord"),
                   boolean("EnableResourceNameDnsAAAARecord", "enableResourceNameDnsAAAARecord")}),
        structure("MaintenanceOptions", "maintenanceOptions", {text("AutoRecovery", "autoRecovery", {"default", "disabled"})}),
        boolean("DisableApiStop", "disableApiStop"),
        structure("NetworkPerformanceOptions", "networkPerformanceOptions",
                  {text("BandwidthWeighting", "bandwidthWeighting", {"default", "vpc-1", "ebs-1"})}),
        structure("Operator", "operator", {text("Principal", "principal")}),
        list("SecondaryInterface", "secondaryInterfaceSet",
             {boolean("DeleteOnTermination", "deleteOnTermination"), number("DeviceIndex", "deviceIndex"),
              list("PrivateIpAddress", "privateIpAddressesSet", {text("PrivateIpAddress", "privateIpAddress")}),
              number("PrivateIpAddressCount", "privateIpAddressCount"), text("SecondarySubnetId", "secondarySubnetId"),
              text("InterfaceType", "interfaceType", {"secondary"}), number("NetworkCardIndex", "networkCardIndex")}),
    };
    return members;
}

bool is_decimal(std::string_view text) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size() && value >= 0;
}

void check_word(const Parameters& in, std::string_view name, const std::string& word, const Member& member) {
    if (!member.words.empty() && std::find(member.words.begin(), member.words.end(), word) == member.words.end()) {
        in.fault({Code::invalid_parameter_value, fmt::format("Value ({}) for parameter {} is invalid. Expected {}.", printable(word),
                                                             in.full(name), fmt::join(member.words, ", "))});
    }
}

/// A member that is a single value: as it is kept; nullopt: it is not there.
std::optional<std::string> read_value(const Parameters& in, const Member& member) {
    // These mean something also where they are empty.
    if (member.in == "NoDevice" || member.in == "Value") {
        return in.raw(member.in);
    }
    auto value = in.text(member.in);
    if (!value) {
        return std::nullopt;
    }
    switch (member.kind) {
        case Kind::boolean:
            return in.flag(member.in) ? "true" : "false";
        case Kind::number:
            static_cast<void>(in.number(member.in));
            break;
        case Kind::time:
            static_cast<void>(in.time(member.in));
            break;
        case Kind::decimal:
            if (!is_decimal(*value)) {
                in.fault({Code::invalid_parameter_value, fmt::format("Value ({}) for parameter {} is invalid. Expected a number.",
                                                                     printable(*value), in.full(member.in))});
            }
            break;
        case Kind::blob:
            if (!base64_decode(*value)) {
                in.fault({wire::invalid_user_data_malformed, "Invalid BASE64 encoding of user data"});
            }
            break;
        default:
            check_word(in, member.in, *value, member);
    }
    return value;
}

void read_members(const Parameters& in, const Members& members, const std::string& prefix, LaunchTemplateData& data) {
    for (const Member& member : members) {
        const std::string name = prefix + std::string(member.in);
        if (member.kind == Kind::structure) {
            read_members(in.below(member.in), member.below, name + ".", data);
        } else if (member.kind == Kind::list) {
            unsigned index = 0;
            for (const Parameters& each : in.list(member.in)) {
                read_members(each, member.below, fmt::format("{}.{}.", name, ++index), data);
            }
        } else if (member.kind == Kind::texts) {
            unsigned index = 0;
            for (const std::string& each : in.texts(member.in)) {
                check_word(in, member.in, each, member);
                data[fmt::format("{}.{}", name, ++index)] = each;
            }
        } else if (auto value = read_value(in, member)) {
            data[name] = std::move(*value);
        }
    }
}

void render_members(Xml& out, const Parameters& data, const Members& members) {
    for (const Member& member : members) {
        if (member.kind == Kind::structure) {
            if (data.has(member.in)) {
                out.in(member.out, [&] { render_members(out, data.below(member.in), member.below); });
            }
        } else if (member.kind == Kind::list) {
            if (const auto all = data.list(member.in); !all.empty()) {
                out.list(member.out, all, [&](const Parameters& each) { render_members(out, each, member.below); });
            }
        } else if (member.kind == Kind::texts) {
            if (const auto all = data.texts(member.in); !all.empty()) {
                out.in(member.out, [&] {
                    for (const std::string& each : all) {
                        out.text(member.item, each);
                    }
                });
            }
        } else if (const auto value = data.raw(member.in)) {
            out.text(member.out, *value);
        }
    }
}

/// Indices of what a template adds to a list of the request: behind any of the request's own.
constexpr unsigned k_from_template = 1000000;

/// The devices of the template's mapping that the request has not.
void put_mapping_under(const Parameters& in, const Parameters& data, const LaunchTemplateData& flat) {
    std::set<std::string> named;
    for (const Parameters& each : in.list("BlockDeviceMapping")) {
        named.insert(each.text("DeviceName").value_or(""));
    }
    for (const Parameters& each : data.list("BlockDeviceMapping")) {
        if (named.contains(each.text("DeviceName").value_or(""))) {
            continue;
        }
        const std::string prefix = each.full("");  // "BlockDeviceMapping.3."
        for (auto at = flat.lower_bound(prefix); at != flat.end() && at->first.starts_with(prefix); ++at) {
            const std::string_view rest = std::string_view(at->first).substr(std::string_view("BlockDeviceMapping.").size());
            const std::string_view member = rest.substr(rest.find('.') + 1);
            in.add(fmt::format("BlockDeviceMapping.{}{}.{}", k_from_template, rest.substr(0, rest.find('.')), member), at->second);
        }
    }
}

/// The template's tags by resource type, but for those that the request gives itself.
void put_tags_under(const Parameters& in, const Parameters& data) {
    // What a template may speak of and a launch here does not make.
    static const std::set<std::string> none_of_these{"spot-instances-request", "elastic-gpu"};
    unsigned index = 0;
    for (const Parameters& each : data.list("TagSpecification")) {
        const std::string type = each.text("ResourceType").value_or("");
        if (none_of_these.contains(type)) {
            continue;
        }
        std::string into = fmt::format("TagSpecification.{}{}.", k_from_template, ++index);
        std::set<std::string> keys;
        for (const Parameters& own : in.list("TagSpecification")) {
            if (own.text("ResourceType") == type) {
                into = own.full("");
                for (const Parameters& tag : own.list("Tag")) {
                    keys.insert(tag.text("Key").value_or(""));
                }
            }
        }
        in.add(into + "ResourceType", type);
        unsigned tag_index = 0;
        for (const Parameters& tag : each.list("Tag")) {
            const std::string key = tag.text("Key").value_or("");
            if (!keys.contains(key)) {
                const std::string place = fmt::format("{}Tag.{}{}.", into, k_from_template, ++tag_index);
                in.add(place + "Key", key);
                in.add(place + "Value", tag.raw("Value").value_or(""));
            }
        }
    }
}

}  // namespace

LaunchTemplateData read_template_data(const Parameters& data) {
    LaunchTemplateData flat;
    read_members(data, all_members(), "", flat);
    return flat;
}

void render_template_data(Xml& out, const LaunchTemplateData& data) { render_members(out, Parameters::of(data), all_members()); }

void put_under(const Parameters& in, const LaunchTemplateData& flat) {
    const Parameters data = Parameters::of(flat);
    std::set<std::string, std::less<>> asked;  // before anything is added
    for (const auto& [name, value] : flat) {
        if (const auto parameter = parameter_of(name); in.has(parameter)) {
            asked.emplace(parameter);
        }
    }
    put_mapping_under(in, data, flat);
    put_tags_under(in, data);
    for (const auto& [name, value] : flat) {
        const auto parameter = parameter_of(name);
        if (parameter == "RamDiskId") {  // a launch spells it otherwise
            in.add("RamdiskId", value);
        } else if (parameter != "BlockDeviceMapping" && parameter != "TagSpecification" && !asked.contains(parameter)) {
            in.add(name, value);
        }
    }
}

}  // namespace amivirt::ec2
