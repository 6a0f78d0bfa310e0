#include "vnet_records.hpp"

#include <nlohmann/json.hpp>

namespace nlohmann {

template <>
struct adl_serializer<amivirt::TimePoint> {
    static void to_json(json& out, const amivirt::TimePoint& time) { out = time.time_since_epoch().count(); }
    static void from_json(const json& in, amivirt::TimePoint& time) {
        time = amivirt::TimePoint(amivirt::TimePoint::duration(in.get<amivirt::TimePoint::rep>()));
    }
};

}  // namespace nlohmann

namespace amivirt {

// A member that an older record lacks has its default.
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Vpc, id, owner, cidr, cidr_association, dhcp_options, tenancy, is_default, dns_support,
                                                dns_hostnames, address_usage_metrics, tags)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Subnet, id, owner, vpc, cidr, zone, default_for_zone, map_public_ip, hostname_type,
                                                name_a_record, name_aaaa_record, tags)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(SecurityGroupRule, id, egress, protocol, from, to, cidr, cidr6, prefix_list, peer,
                                                peer_owner, description, tags)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(SecurityGroup, id, owner, vpc, name, description, rules, tags)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(NetworkInterface, id, owner, vpc, subnet, zone, description, mac, addresses, groups,
                                                source_dest_check, public_ip, instance, attachment, device_index, delete_on_termination,
                                                attached, tags)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(ElasticAddress, id, owner, public_ip, association, network_interface, private_ip, tags)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Route, cidr, cidr6, prefix_list, gateway, network_interface, instance, origin)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(RouteTableAssociation, id, subnet, gateway, main)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(RouteTable, id, owner, vpc, routes, associations, tags)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(InternetGateway, id, owner, vpc, tags)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(DhcpOptions, id, owner, options, tags)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(AclEntry, number, protocol, allow, egress, cidr, cidr6, icmp_type, icmp_code, from, to)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(AclAssociation, id, subnet)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(VolumeZone, id, zone)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(NetworkAcl, id, owner, vpc, is_default, entries, associations, tags)

namespace {

template <class Record>
std::string dump_record(const Record& record) {
    return nlohmann::json(record).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

template <class Record>
std::optional<Record> load_record(const std::string& body) {
    try {
        return nlohmann::json::parse(body).get<Record>();
    } catch (const nlohmann::json::exception&) {
        return std::nullopt;
    }
}

}  // namespace

#define AMIVIRT_VNET_JSON(Type)                                                          \
    std::string VnetKind<Type>::dump(const Type& record) { return dump_record(record); } \
    std::optional<Type> VnetKind<Type>::load(const std::string& body) { return load_record<Type>(body); }
AMIVIRT_VNET_JSON(Vpc)
AMIVIRT_VNET_JSON(Subnet)
AMIVIRT_VNET_JSON(SecurityGroup)
AMIVIRT_VNET_JSON(NetworkInterface)
AMIVIRT_VNET_JSON(ElasticAddress)
AMIVIRT_VNET_JSON(RouteTable)
AMIVIRT_VNET_JSON(InternetGateway)
AMIVIRT_VNET_JSON(DhcpOptions)
AMIVIRT_VNET_JSON(NetworkAcl)
AMIVIRT_VNET_JSON(VolumeZone)
#undef AMIVIRT_VNET_JSON

}  // namespace amivirt
