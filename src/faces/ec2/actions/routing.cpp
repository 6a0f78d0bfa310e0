#include "faces/ec2/actions/actions.hpp"
#include "faces/ec2/render_network.hpp"

namespace amivirt::ec2 {

namespace {

Route destination_in(const Parameters& in) {
    Route route;
    route.cidr = in.text("DestinationCidrBlock").value_or("");
    route.cidr6 = in.text("DestinationIpv6CidrBlock").value_or("");
    route.prefix_list = in.text("DestinationPrefixListId").value_or("");
    return route;
}

Route route_in(const Parameters& in) {
    Route route = destination_in(in);
    route.gateway = in.text("GatewayId").value_or("");
    route.instance = in.text("InstanceId").value_or("");
    route.network_interface = in.text("NetworkInterfaceId").value_or("");
    for (const std::string_view name :
         {"VpcEndpointId", "EgressOnlyInternetGatewayId", "NatGatewayId", "TransitGatewayId", "LocalGatewayId", "CarrierGatewayId",
          "VpcPeeringConnectionId", "CoreNetworkArn", "OdbNetworkArn"}) {
        in.refuse(name, "there is nothing of the kind here");
    }
    return route;
}

void associated(Xml& out) {
    out.in("associationState", [&] { out.text("state", "associated"); });
}

}  // namespace

Result<void> describe_route_tables(Call& call) {
    const auto ids = call.in.texts("RouteTableId");
    const auto filters = call.filters();
    const Page page = call.page(!ids.empty());
    AMIVIRT_TRY(call.ready());
    std::string next;
    const auto all = Call::cut(
        AMIVIRT_TRY(call.services.network.routing.describe_tables(call.account, ids, filters)), page,
        [](const RouteTable& each) { return each.id; }, next);
    call.out.list("routeTableSet", all, [&](const RouteTable& each) { route_table(call.out, each); });
    call.out.some("nextToken", next);
    return {};
}

Result<void> create_route_table(Call& call) {
    const auto vpc = call.in.required("VpcId");
    call.in.accept("ClientToken");
    auto tags = call.tag_specifications({"route-table"});
    AMIVIRT_TRY(call.ready());
    const auto made = AMIVIRT_TRY(call.services.network.routing.create_table(call.account, vpc, tags["route-table"]));
    call.out.in("routeTable", [&] { route_table(call.out, made); });
    return {};
}

Result<void> delete_route_table(Call& call) {
    const auto id = call.in.required("RouteTableId");
    AMIVIRT_TRY(call.ready());
    AMIVIRT_TRY(call.services.network.routing.erase_table(call.account, id));
    call.yes();
    return {};
}

Result<void> associate_route_table(Call& call) {
    const auto id = call.in.required("RouteTableId");
    call.in.refuse("GatewayId", "a gateway has no route table of its own here");
    call.in.refuse("PublicIpv4Pool", "there are no address pools here");
    const auto subnet = call.in.required("SubnetId");
    AMIVIRT_TRY(call.ready());
    call.out.text("associationId", AMIVIRT_TRY(call.services.network.routing.associate(call.account, id, subnet)));
    associated(call.out);
    return {};
}

Result<void> disassociate_route_table(Call& call) {
    const auto association = call.in.required("AssociationId");
    AMIVIRT_TRY(call.ready());
    AMIVIRT_TRY(call.services.network.routing.disassociate(call.account, association));
    call.yes();
    return {};
}

Result<void> replace_route_table_association(Call& call) {
    const auto association = call.in.required("AssociationId");
    const auto id = call.in.required("RouteTableId");
    AMIVIRT_TRY(call.ready());
    call.out.text("newAssociationId", AMIVIRT_TRY(call.services.network.routing.replace_association(call.account, association, id)));
    associated(call.out);
    return {};
}

Result<void> create_route(Call& call) {
    const auto table = call.in.required("RouteTableId");
    auto route = route_in(call.in);
    AMIVIRT_TRY(call.ready());
    AMIVIRT_TRY(call.services.network.routing.create_route(call.account, table, std::move(route)));
    call.yes();
    return {};
}

Result<void> replace_route(Call& call) {
    const auto table = call.in.required("RouteTableId");
    auto route = route_in(call.in);
    if (call.in.flag("LocalTarget")) {
        route.gateway = "local";
    }
    AMIVIRT_TRY(call.ready());
    AMIVIRT_TRY(call.services.network.routing.replace_route(call.account, table, std::move(route)));
    call.yes();
    return {};
}

Result<void> delete_route(Call& call) {
    const auto table = call.in.required("RouteTableId");
    const auto destination = destination_in(call.in);
    AMIVIRT_TRY(call.ready());
    AMIVIRT_TRY(call.services.network.routing.erase_route(call.account, table, destination));
    call.yes();
    return {};
}

Result<void> describe_internet_gateways(Call& call) {
    const auto ids = call.in.texts("InternetGatewayId");
    const auto filters = call.filters();
    const Page page = call.page(!ids.empty());
    AMIVIRT_TRY(call.ready());
    std::string next;
    const auto all = Call::cut(
        AMIVIRT_TRY(call.services.network.routing.describe_gateways(call.account, ids, filters)), page,
        [](const InternetGateway& each) { return each.id; }, next);
    call.out.list("internetGatewaySet", all, [&](const InternetGateway& each) { internet_gateway(call.out, each); });
    call.out.some("nextToken", next);
    return {};
}

Result<void> create_internet_gateway(Call& call) {
    auto tags = call.tag_specifications({"internet-gateway"});
    AMIVIRT_TRY(call.ready());
    const auto made = AMIVIRT_TRY(call.services.network.routing.create_gateway(call.account, tags["internet-gateway"]));
    call.out.in("internetGateway", [&] { internet_gateway(call.out, made); });
    return {};
}

Result<void> delete_internet_gateway(Call& call) {
    const auto id = call.in.required("InternetGatewayId");
    AMIVIRT_TRY(call.ready());
    AMIVIRT_TRY(call.services.network.routing.erase_gateway(call.account, id));
    call.yes();
    return {};
}

Result<void> attach_internet_gateway(Call& call) {
    const auto id = call.in.required("InternetGatewayId");
    const auto vpc = call.in.required("VpcId");
    AMIVIRT_TRY(call.ready());
    AMIVIRT_TRY(call.services.network.routing.attach_gateway(call.account, id, vpc));
    call.yes();
    return {};
}

Result<void> detach_internet_gateway(Call& call) {
    const auto id = call.in.required("InternetGatewayId");
    const auto vpc = call.in.required("VpcId");
    AMIVIRT_TRY(call.ready());
    AMIVIRT_TRY(call.services.network.routing.detach_gateway(call.account, id, vpc));
    call.yes();
    return {};
}

Result<void> describe_dhcp_options(Call& call) {
    const auto ids = call.in.texts("DhcpOptionsId");
    const auto filters = call.filters();
    const Page page = call.page(!ids.empty());
    AMIVIRT_TRY(call.ready());
    std::string next;
    const auto all = Call::cut(
        AMIVIRT_TRY(call.services.network.routing.describe_options(call.account, ids, filters)), page,
        [](const DhcpOptions& each) { return each.id; }, next);
    call.out.list("dhcpOptionsSet", all, [&](const DhcpOptions& each) { dhcp_options(call.out, each); });
    call.out.some("nextToken", next);
    return {};
}

Result<void> create_dhcp_options(Call& call) {
    std::map<std::string, std::vector<std::string>> options;
    for (const Parameters& each : call.in.list("DhcpConfiguration")) {
        auto key = each.required("Key");
        options[std::move(key)] = each.texts("Value");
    }
    auto tags = call.tag_specifications({"dhcp-options"});
    AMIVIRT_TRY(call.ready());
    const auto made = AMIVIRT_TRY(call.services.network.routing.create_options(call.account, options, tags["dhcp-options"]));
    call.out.in("dhcpOptions", [&] { dhcp_options(call.out, made); });
    return {};
}

Result<void> delete_dhcp_options(Call& call) {
    const auto id = call.in.required("DhcpOptionsId");
    AMIVIRT_TRY(call.ready());
    AMIVIRT_TRY(call.services.network.routing.erase_options(call.account, id));
    call.yes();
    return {};
}

Result<void> associate_dhcp_options(Call& call) {
    const auto id = call.in.required("DhcpOptionsId");
    const auto vpc = call.in.required("VpcId");
    AMIVIRT_TRY(call.ready());
    AMIVIRT_TRY(call.services.network.vpcs.associate_dhcp_options(call.account, vpc, id));
    call.yes();
    return {};
}

}  // namespace amivirt::ec2
