#include "faces/ec2/actions/actions.hpp"
#include "faces/ec2/render_network.hpp"

namespace amivirt::ec2 {

Result<void> describe_vpcs(Call& call) {
    const auto ids = call.in.texts("VpcId");
    const auto filters = call.filters();
    const Page page = call.page(!ids.empty());
    AMIVIRT_TRY(call.ready());
    std::string next;
    const auto all = Call::cut(
        AMIVIRT_TRY(call.services.network.vpcs.describe(call.account, ids, filters)), page, [](const Vpc& each) { return each.id; }, next);
    call.out.list("vpcSet", all, [&](const Vpc& each) { vpc(call.out, each); });
    call.out.some("nextToken", next);
    return {};
}

Result<void> describe_vpc_attribute(Call& call) {
    const auto id = call.in.required("VpcId");
    const auto attribute = call.in.required("Attribute");
    if (attribute != "enableDnsSupport" && attribute != "enableDnsHostnames" && attribute != "enableNetworkAddressUsageMetrics") {
        call.in.fault({Code::invalid_parameter_value,
                       fmt::format("Value ({}) for parameter attribute is invalid. Unknown attribute.", printable(attribute))});
    }
    AMIVIRT_TRY(call.ready());
    const Vpc its = AMIVIRT_TRY(call.services.network.vpcs.describe(call.account, {id}, {})).front();
    call.out.text("vpcId", its.id);
    call.out.in(attribute, [&] {
        call.out.boolean("value", attribute == "enableDnsSupport"     ? its.dns_support
                                  : attribute == "enableDnsHostnames" ? its.dns_hostnames
                                                                      : its.address_usage_metrics);
    });
    return {};
}

Result<void> modify_vpc_attribute(Call& call) {
    const auto id = call.in.required("VpcId");
    VpcChange change;
    change.dns_support = call.in.boolean("EnableDnsSupport.Value");
    change.dns_hostnames = call.in.boolean("EnableDnsHostnames.Value");
    change.address_usage_metrics = call.in.boolean("EnableNetworkAddressUsageMetrics.Value");
    const int said = (change.dns_support ? 1 : 0) + (change.dns_hostnames ? 1 : 0) + (change.address_usage_metrics ? 1 : 0);
    if (said != 1) {
        call.in.fault(
            {Code::invalid_parameter_combination, said == 0 ? "No attributes specified." : "Only one attribute can be modified at a time"});
    }
    AMIVIRT_TRY(call.ready());
    AMIVIRT_TRY(call.services.network.vpcs.modify(call.account, id, change));
    call.yes();
    return {};
}

Result<void> create_vpc(Call& call) {
    const auto cidr = call.in.required("CidrBlock");
    const auto tenancy = call.in.text("InstanceTenancy").value_or("default");
    for (const std::string_view name : {"Ipv6Pool", "Ipv6CidrBlock", "Ipv4IpamPoolId", "Ipv4NetmaskLength", "Ipv6IpamPoolId",
                                        "Ipv6NetmaskLength", "Ipv6CidrBlockNetworkBorderGroup", "VpcEncryptionControl"}) {
        call.in.refuse(name, "there are no address pools and no IPv6 here");
    }
    if (call.in.flag("AmazonProvidedIpv6CidrBlock")) {
        call.in.fault({Code::unsupported_operation, "The parameter AmazonProvidedIpv6CidrBlock is not supported: there is no IPv6 here"});
    }
    auto tags = call.tag_specifications({"vpc"});
    AMIVIRT_TRY(call.ready());
    const Vpc made = AMIVIRT_TRY(call.services.network.vpcs.create(call.account, cidr, tenancy, tags["vpc"]));
    call.out.in("vpc", [&] { vpc(call.out, made); });
    return {};
}

Result<void> create_default_vpc(Call& call) {
    AMIVIRT_TRY(call.ready());
    const Vpc made = AMIVIRT_TRY(call.services.network.vpcs.create_default(call.account));
    call.out.in("vpc", [&] { vpc(call.out, made); });
    return {};
}

Result<void> delete_vpc(Call& call) {
    const auto id = call.in.required("VpcId");
    AMIVIRT_TRY(call.ready());
    AMIVIRT_TRY(call.services.network.vpcs.erase(call.account, id));
    call.yes();
    return {};
}

Result<void> describe_subnets(Call& call) {
    const auto ids = call.in.texts("SubnetId");
    const auto filters = call.filters();
    const Page page = call.page(!ids.empty());
    AMIVIRT_TRY(call.ready());
    std::string next;
    const auto all = Call::cut(
        AMIVIRT_TRY(call.services.network.vpcs.describe_subnets(call.account, ids, filters)), page,
        [](const Subnet& each) { return each.id; }, next);
    call.out.list("subnetSet", all, [&](const Subnet& each) { subnet(call.out, each, call.services.region); });
    call.out.some("nextToken", next);
    return {};
}

Result<void> create_subnet(Call& call) {
    CreateSubnetRequest request;
    request.vpc = call.in.required("VpcId");
    request.cidr = call.in.required("CidrBlock");
    const auto zone = call.in.text("AvailabilityZone");
    const auto zone_id = call.in.text("AvailabilityZoneId");  // a zone's id is its name
    request.zone = zone ? *zone : zone_id.value_or("");
    for (const std::string_view name :
         {"Ipv6CidrBlock", "OutpostArn", "Ipv4IpamPoolId", "Ipv4NetmaskLength", "Ipv6IpamPoolId", "Ipv6NetmaskLength"}) {
        call.in.refuse(name, "there are no address pools, no Outposts and no IPv6 here");
    }
    if (call.in.flag("Ipv6Native")) {
        call.in.fault({Code::unsupported_operation, "The parameter Ipv6Native is not supported: there is no IPv6 here"});
    }
    request.tags = call.tag_specifications({"subnet"})["subnet"];
    AMIVIRT_TRY(call.ready());
    const Subnet made = AMIVIRT_TRY(call.services.network.vpcs.create_subnet(call.account, request));
    call.out.in("subnet", [&] { subnet(call.out, made, call.services.region); });
    return {};
}

Result<void> create_default_subnet(Call& call) {
    const auto zone = call.in.text("AvailabilityZone");
    const auto zone_id = call.in.text("AvailabilityZoneId");
    if (!zone && !zone_id) {
        call.in.fault({Code::missing_parameter, "The request must contain the parameter AvailabilityZone"});
    }
    if (call.in.flag("Ipv6Native")) {
        call.in.fault({Code::unsupported_operation, "The parameter Ipv6Native is not supported: there is no IPv6 here"});
    }
    AMIVIRT_TRY(call.ready());
    const Subnet made = AMIVIRT_TRY(call.services.network.vpcs.create_default_subnet(call.account, zone ? *zone : *zone_id));
    call.out.in("subnet", [&] { subnet(call.out, made, call.services.region); });
    return {};
}

Result<void> delete_subnet(Call& call) {
    const auto id = call.in.required("SubnetId");
    AMIVIRT_TRY(call.ready());
    AMIVIRT_TRY(call.services.network.vpcs.erase_subnet(call.account, id));
    call.yes();
    return {};
}

Result<void> modify_subnet_attribute(Call& call) {
    const auto id = call.in.required("SubnetId");
    SubnetChange change;
    change.map_public_ip = call.in.boolean("MapPublicIpOnLaunch.Value");
    change.hostname_type = call.in.text("PrivateDnsHostnameTypeOnLaunch");
    change.name_a_record = call.in.boolean("EnableResourceNameDnsARecordOnLaunch.Value");
    change.name_aaaa_record = call.in.boolean("EnableResourceNameDnsAAAARecordOnLaunch.Value");
    for (const std::string_view name : {"AssignIpv6AddressOnCreation", "EnableDns64", "MapCustomerOwnedIpOnLaunch"}) {
        if (call.in.flag(std::string(name) + ".Value")) {
            call.in.fault({Code::unsupported_operation,
                           fmt::format("The parameter {} is not supported: there are no IPv6 and no Outposts here", name)});
        }
    }
    for (const std::string_view name : {"CustomerOwnedIpv4Pool", "EnableLniAtDeviceIndex", "DisableLniAtDeviceIndex"}) {
        call.in.refuse(name, "there are no Outposts here");
    }
    AMIVIRT_TRY(call.ready());
    AMIVIRT_TRY(call.services.network.vpcs.modify_subnet(call.account, id, change));
    call.yes();
    return {};
}

}  // namespace amivirt::ec2
