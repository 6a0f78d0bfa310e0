#include "amivirt/domain/virtual_network_filter.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "domain/nearest.hpp"

namespace amivirt {

namespace {

using Values = std::vector<std::string>;

template <class Record>
struct Row {
    std::string_view name;
    Values (*values)(const Record&);
};

Values truth(bool value) { return {value ? "true" : "false"}; }
Values nothing() { return {}; }
Values unless_empty(const std::string& text) { return text.empty() ? Values() : Values{text}; }

template <class Range, class Tell>
Values each(const Range& range, const Tell& tell) {
    Values values;
    for (const auto& element : range) {
        if (std::string value = tell(element); !value.empty()) {
            values.push_back(std::move(value));
        }
    }
    return values;
}

/// Of the rules in one direction.
template <class Tell>
Values of_rules(const SecurityGroup& group, bool egress, const Tell& tell) {
    return each(group.rules, [&](const SecurityGroupRule& rule) { return rule.egress == egress ? tell(rule) : std::string(); });
}
std::string port(int number) { return number == -1 ? "" : fmt::to_string(number); }
std::string icmp(const AclEntry& entry, int number) {
    return entry.protocol == "1" || entry.protocol == "58" ? fmt::to_string(number) : std::string();
}
std::string protocol_word(const std::string& number) {
    return number == "6" ? "tcp" : number == "17" ? "udp" : number == "1" ? "icmp" : "";
}

template <class Record>
const std::vector<Row<Record>>& rows();

template <>
const std::vector<Row<Vpc>>& rows<Vpc>() {
    static const std::vector<Row<Vpc>> all{
        {"cidr", [](const Vpc& v) { return Values{v.cidr}; }},
        {"cidr-block", [](const Vpc& v) { return Values{v.cidr}; }},
        {"cidr-block-association.cidr-block", [](const Vpc& v) { return Values{v.cidr}; }},
        {"cidr-block-association.association-id", [](const Vpc& v) { return Values{v.cidr_association}; }},
        {"cidr-block-association.state", [](const Vpc&) { return Values{"associated"}; }},
        {"dhcp-options-id", [](const Vpc& v) { return Values{v.dhcp_options}; }},
        {"ipv6-cidr-block-association.association-id", [](const Vpc&) { return nothing(); }},
        {"ipv6-cidr-block-association.ipv6-cidr-block", [](const Vpc&) { return nothing(); }},
        {"ipv6-cidr-block-association.ipv6-pool", [](const Vpc&) { return nothing(); }},
        {"ipv6-cidr-block-association.state", [](const Vpc&) { return nothing(); }},
        {"is-default", [](const Vpc& v) { return truth(v.is_default); }},
        {"isDefault", [](const Vpc& v) { return truth(v.is_default); }},
        {"owner-id", [](const Vpc& v) { return Values{v.owner}; }},
        {"state", [](const Vpc&) { return Values{"available"}; }},
        {"vpc-id", [](const Vpc& v) { return Values{v.id}; }},
    };
    return all;
}

template <>
const std::vector<Row<Subnet>>& rows<Subnet>() {
    static const std::vector<Row<Subnet>> all{
        {"availability-zone", [](const Subnet& s) { return Values{s.zone}; }},
        {"availabilityZone", [](const Subnet& s) { return Values{s.zone}; }},
        {"availability-zone-id", [](const Subnet& s) { return Values{s.zone}; }},
        {"availabilityZoneId", [](const Subnet& s) { return Values{s.zone}; }},
        {"available-ip-address-count", [](const Subnet& s) { return Values{fmt::to_string(s.free_addresses)}; }},
        {"cidr", [](const Subnet& s) { return Values{s.cidr}; }},
        {"cidr-block", [](const Subnet& s) { return Values{s.cidr}; }},
        {"cidrBlock", [](const Subnet& s) { return Values{s.cidr}; }},
        {"customer-owned-ipv4-pool", [](const Subnet&) { return nothing(); }},
        {"default-for-az", [](const Subnet& s) { return truth(s.default_for_zone); }},
        {"defaultForAz", [](const Subnet& s) { return truth(s.default_for_zone); }},
        {"enable-dns64", [](const Subnet&) { return truth(false); }},
        {"enable-lni-at-device-index", [](const Subnet&) { return nothing(); }},
        {"ipv6-cidr-block-association.association-id", [](const Subnet&) { return nothing(); }},
        {"ipv6-cidr-block-association.ipv6-cidr-block", [](const Subnet&) { return nothing(); }},
        {"ipv6-cidr-block-association.state", [](const Subnet&) { return nothing(); }},
        {"ipv6-native", [](const Subnet&) { return truth(false); }},
        {"map-customer-owned-ip-on-launch", [](const Subnet&) { return truth(false); }},
        {"map-public-ip-on-launch", [](const Subnet& s) { return truth(s.map_public_ip); }},
        {"mapPublicIpOnLaunch", [](const Subnet& s) { return truth(s.map_public_ip); }},
        {"outpost-arn", [](const Subnet&) { return nothing(); }},
        {"owner-id", [](const Subnet& s) { return Values{s.owner}; }},
        {"private-dns-name-options-on-launch.enable-resource-name-dns-a-record", [](const Subnet& s) { return truth(s.name_a_record); }},
        {"private-dns-name-options-on-launch.enable-resource-name-dns-aaaa-record",
         [](const Subnet& s) { return truth(s.name_aaaa_record); }},
        {"private-dns-name-options-on-launch.hostname-type", [](const Subnet& s) { return Values{s.hostname_type}; }},
        {"state", [](const Subnet&) { return Values{"available"}; }},
        {"subnet-arn",
         [](const Subnet& s) {  // a zone is its region and a letter
             const std::string region = s.zone.substr(0, s.zone.empty() ? 0 : s.zone.size() - 1);
             return Values{fmt::format("arn:aws:ec2:{}:{}:subnet/{}", region, s.owner, s.id)};
         }},
        {"subnet-id", [](const Subnet& s) { return Values{s.id}; }},
        {"vpc-id", [](const Subnet& s) { return Values{s.vpc}; }},
    };
    return all;
}

template <>
const std::vector<Row<SecurityGroup>>& rows<SecurityGroup>() {
    using G = SecurityGroup;
    using R = SecurityGroupRule;
    static const std::vector<Row<G>> all{
        {"description", [](const G& g) { return Values{g.description}; }},
        {"egress.ip-permission.cidr", [](const G& g) { return of_rules(g, true, [](const R& r) { return r.cidr; }); }},
        {"egress.ip-permission.from-port", [](const G& g) { return of_rules(g, true, [](const R& r) { return port(r.from); }); }},
        {"egress.ip-permission.group-id", [](const G& g) { return of_rules(g, true, [](const R& r) { return r.peer; }); }},
        {"egress.ip-permission.ipv6-cidr", [](const G& g) { return of_rules(g, true, [](const R& r) { return r.cidr6; }); }},
        {"egress.ip-permission.prefix-list-id", [](const G& g) { return of_rules(g, true, [](const R& r) { return r.prefix_list; }); }},
        {"egress.ip-permission.protocol", [](const G& g) { return of_rules(g, true, [](const R& r) { return r.protocol; }); }},
        {"egress.ip-permission.to-port", [](const G& g) { return of_rules(g, true, [](const R& r) { return port(r.to); }); }},
        {"egress.ip-permission.user-id", [](const G& g) { return of_rules(g, true, [](const R& r) { return r.peer_owner; }); }},
        {"group-id", [](const G& g) { return Values{g.id}; }},
        {"group-name", [](const G& g) { return Values{g.name}; }},
        {"ip-permission.cidr", [](const G& g) { return of_rules(g, false, [](const R& r) { return r.cidr; }); }},
        {"ip-permission.from-port", [](const G& g) { return of_rules(g, false, [](const R& r) { return port(r.from); }); }},
        {"ip-permission.group-id", [](const G& g) { return of_rules(g, false, [](const R& r) { return r.peer; }); }},
        {"ip-permission.ipv6-cidr", [](const G& g) { return of_rules(g, false, [](const R& r) { return r.cidr6; }); }},
        {"ip-permission.prefix-list-id", [](const G& g) { return of_rules(g, false, [](const R& r) { return r.prefix_list; }); }},
        {"ip-permission.protocol", [](const G& g) { return of_rules(g, false, [](const R& r) { return r.protocol; }); }},
        {"ip-permission.to-port", [](const G& g) { return of_rules(g, false, [](const R& r) { return port(r.to); }); }},
        {"ip-permission.user-id", [](const G& g) { return of_rules(g, false, [](const R& r) { return r.peer_owner; }); }},
        {"owner-id", [](const G& g) { return Values{g.owner}; }},
        {"vpc-id", [](const G& g) { return Values{g.vpc}; }},
    };
    return all;
}

template <>
const std::vector<Row<RuleOfGroup>>& rows<RuleOfGroup>() {
    static const std::vector<Row<RuleOfGroup>> all{
        {"group-id", [](const RuleOfGroup& r) { return Values{r.group}; }},
        {"security-group-rule-id", [](const RuleOfGroup& r) { return Values{r.rule.id}; }},
    };
    return all;
}

template <>
const std::vector<Row<InterfaceView>>& rows<InterfaceView>() {
    using I = InterfaceView;
    static const std::vector<Row<I>> all{
        {"addresses.private-ip-address", [](const I& i) { return i.its.addresses; }},
        {"addresses.primary",
         [](const I& i) {
             return i.its.addresses.size() > 1 ? Values{"true", "false"} : Values{"true"};
         }},
        {"addresses.association.public-ip", [](const I& i) { return unless_empty(i.elastic.public_ip); }},
        {"addresses.association.allocation-id", [](const I& i) { return unless_empty(i.elastic.id); }},
        {"addresses.association.association-id", [](const I& i) { return unless_empty(i.elastic.association); }},
        {"addresses.association.carrier-ip", [](const I&) { return nothing(); }},
        {"addresses.association.customer-owned-ip", [](const I&) { return nothing(); }},
        {"addresses.association.public-dns-name", [](const I& i) { return unless_empty(i.elastic.public_ip); }},
        {"addresses.private-dns-name", [](const I& i) { return unless_empty(i.private_dns); }},
        {"addresses.association.ip-owner-id", [](const I& i) { return unless_empty(i.elastic.owner); }},
        {"addresses.association.owner-id", [](const I& i) { return unless_empty(i.elastic.owner); }},
        {"association.allocation-id", [](const I& i) { return unless_empty(i.elastic.id); }},
        {"association.association-id", [](const I& i) { return unless_empty(i.elastic.association); }},
        {"association.carrier-ip", [](const I&) { return nothing(); }},
        {"association.customer-owned-ip", [](const I&) { return nothing(); }},
        {"association.ip-owner-id", [](const I& i) { return unless_empty(i.elastic.owner); }},
        {"association.public-dns-name", [](const I& i) { return unless_empty(i.elastic.public_ip); }},  // which is its name as well
        {"association.public-ip", [](const I& i) { return unless_empty(i.elastic.public_ip); }},
        {"attachment.attachment-id", [](const I& i) { return unless_empty(i.its.attachment); }},
        {"attachment.attach-time", [](const I& i) { return i.its.instance.empty() ? Values() : Values{to_iso8601(i.its.attached)}; }},
        {"attachment.delete-on-termination",
         [](const I& i) { return i.its.instance.empty() ? Values() : truth(i.its.delete_on_termination); }},
        {"attachment.device-index",
         [](const I& i) { return i.its.instance.empty() ? Values() : Values{fmt::to_string(i.its.device_index)}; }},
        {"attachment.instance-id", [](const I& i) { return unless_empty(i.its.instance); }},
        {"attachment.instance-owner-id", [](const I& i) { return i.its.instance.empty() ? Values() : Values{i.its.owner}; }},
        {"attachment.network-card-index", [](const I& i) { return i.its.instance.empty() ? Values() : Values{"0"}; }},
        {"attachment.status", [](const I& i) { return i.its.instance.empty() ? Values() : Values{"attached"}; }},
        {"availability-zone", [](const I& i) { return Values{i.its.zone}; }},
        {"availability-zone-id", [](const I& i) { return Values{i.its.zone}; }},
        {"deny-all-igw-traffic", [](const I&) { return truth(false); }},
        {"description", [](const I& i) { return Values{i.its.description}; }},
        {"group-id", [](const I& i) { return i.its.groups; }},
        {"group-name", [](const I& i) { return each(i.groups, [](const I::Group& g) { return g.name; }); }},
        {"interface-type", [](const I&) { return Values{"interface"}; }},
        {"ipv6-addresses.ipv6-address", [](const I&) { return nothing(); }},
        {"ipv6-addresses.is-primary-ipv6", [](const I&) { return nothing(); }},
        {"ipv6-address", [](const I&) { return nothing(); }},
        {"ipv6-native", [](const I&) { return truth(false); }},
        {"ipv6-prefixes.ipv6-prefix", [](const I&) { return nothing(); }},
        {"ipv4-prefixes.ipv4-prefix", [](const I&) { return nothing(); }},
        {"mac-address", [](const I& i) { return Values{i.its.mac}; }},
        {"network-interface-id", [](const I& i) { return Values{i.its.id}; }},
        {"operator.managed", [](const I&) { return truth(false); }},
        {"operator.principal", [](const I&) { return nothing(); }},
        {"outpost-arn", [](const I&) { return nothing(); }},
        {"owner-id", [](const I& i) { return Values{i.its.owner}; }},
        {"private-dns-name", [](const I& i) { return Values{i.private_dns}; }},
        {"private-ip-address", [](const I& i) { return i.its.addresses; }},
        {"public-dns-name", [](const I& i) { return unless_empty(i.elastic.public_ip); }},
        {"requester-id", [](const I&) { return nothing(); }},
        {"requester-managed", [](const I&) { return truth(false); }},
        {"source-dest-check", [](const I& i) { return truth(i.its.source_dest_check); }},
        {"status", [](const I& i) { return Values{i.its.instance.empty() ? "available" : "in-use"}; }},
        {"subnet-id", [](const I& i) { return Values{i.its.subnet}; }},
        {"tag-value", [](const I& i) { return each(i.its.tags, [](const auto& tag) { return tag.second; }); }},
        {"vpc-id", [](const I& i) { return Values{i.its.vpc}; }},
    };
    return all;
}

template <>
const std::vector<Row<AddressView>>& rows<AddressView>() {
    using A = AddressView;
    static const std::vector<Row<A>> all{
        {"allocation-id", [](const A& a) { return Values{a.its.id}; }},
        {"association-id", [](const A& a) { return unless_empty(a.its.association); }},
        {"domain", [](const A&) { return Values{"vpc"}; }},
        {"instance-id", [](const A& a) { return unless_empty(a.instance); }},
        {"network-interface-id", [](const A& a) { return unless_empty(a.its.network_interface); }},
        {"network-interface-owner-id", [](const A& a) { return unless_empty(a.interface_owner); }},
        {"private-ip-address", [](const A& a) { return unless_empty(a.its.private_ip); }},
        {"public-ip", [](const A& a) { return Values{a.its.public_ip}; }},
    };
    return all;
}

template <>
const std::vector<Row<RouteTable>>& rows<RouteTable>() {
    using T = RouteTable;
    using A = RouteTableAssociation;
    static const std::vector<Row<T>> all{
        {"association.gateway-id", [](const T& t) { return each(t.associations, [](const A& a) { return a.gateway; }); }},
        {"association.main",
         [](const T& t) { return each(t.associations, [](const A& a) { return std::string(a.main ? "true" : "false"); }); }},
        {"association.route-table-association-id", [](const T& t) { return each(t.associations, [](const A& a) { return a.id; }); }},
        {"association.route-table-id", [](const T& t) { return t.associations.empty() ? Values() : Values{t.id}; }},
        {"association.subnet-id", [](const T& t) { return each(t.associations, [](const A& a) { return a.subnet; }); }},
        {"owner-id", [](const T& t) { return Values{t.owner}; }},
        {"route.destination-cidr-block", [](const T& t) { return each(t.routes, [](const Route& r) { return r.cidr; }); }},
        {"route.destination-ipv6-cidr-block", [](const T& t) { return each(t.routes, [](const Route& r) { return r.cidr6; }); }},
        {"route.destination-prefix-list-id", [](const T& t) { return each(t.routes, [](const Route& r) { return r.prefix_list; }); }},
        {"route.egress-only-internet-gateway-id", [](const T&) { return nothing(); }},
        {"route.gateway-id", [](const T& t) { return each(t.routes, [](const Route& r) { return r.gateway; }); }},
        {"route.instance-id", [](const T& t) { return each(t.routes, [](const Route& r) { return r.instance; }); }},
        {"route.nat-gateway-id", [](const T&) { return nothing(); }},
        {"route.origin", [](const T& t) { return each(t.routes, [](const Route& r) { return r.origin; }); }},
        {"route.state", [](const T& t) { return each(t.routes, [](const Route&) { return std::string("active"); }); }},
        {"route.transit-gateway-id", [](const T&) { return nothing(); }},
        {"route.vpc-peering-connection-id", [](const T&) { return nothing(); }},
        {"route-table-id", [](const T& t) { return Values{t.id}; }},
        {"vpc-id", [](const T& t) { return Values{t.vpc}; }},
    };
    return all;
}

template <>
const std::vector<Row<InternetGateway>>& rows<InternetGateway>() {
    static const std::vector<Row<InternetGateway>> all{
        {"attachment.state", [](const InternetGateway& g) { return g.vpc.empty() ? Values() : Values{"available"}; }},
        {"attachment.vpc-id", [](const InternetGateway& g) { return unless_empty(g.vpc); }},
        {"internet-gateway-id", [](const InternetGateway& g) { return Values{g.id}; }},
        {"owner-id", [](const InternetGateway& g) { return Values{g.owner}; }},
    };
    return all;
}

template <>
const std::vector<Row<DhcpOptions>>& rows<DhcpOptions>() {
    static const std::vector<Row<DhcpOptions>> all{
        {"dhcp-options-id", [](const DhcpOptions& d) { return Values{d.id}; }},
        {"key", [](const DhcpOptions& d) { return each(d.options, [](const auto& option) { return option.first; }); }},
        {"owner-id", [](const DhcpOptions& d) { return Values{d.owner}; }},
        {"value",
         [](const DhcpOptions& d) {
             Values values;
             for (const auto& [key, list] : d.options) {
                 values.insert(values.end(), list.begin(), list.end());
             }
             return values;
         }},
    };
    return all;
}

template <>
const std::vector<Row<NetworkAcl>>& rows<NetworkAcl>() {
    using N = NetworkAcl;
    using E = AclEntry;
    static const std::vector<Row<N>> all{
        {"association.association-id", [](const N& n) { return each(n.associations, [](const AclAssociation& a) { return a.id; }); }},
        {"association.network-acl-id", [](const N& n) { return n.associations.empty() ? Values() : Values{n.id}; }},
        {"association.subnet-id", [](const N& n) { return each(n.associations, [](const AclAssociation& a) { return a.subnet; }); }},
        {"default", [](const N& n) { return truth(n.is_default); }},
        {"entry.cidr", [](const N& n) { return each(n.entries, [](const E& e) { return e.cidr; }); }},
        {"entry.icmp.code", [](const N& n) { return each(n.entries, [](const E& e) { return icmp(e, e.icmp_code); }); }},
        {"entry.icmp.type", [](const N& n) { return each(n.entries, [](const E& e) { return icmp(e, e.icmp_type); }); }},
        {"entry.ipv6-cidr", [](const N& n) { return each(n.entries, [](const E& e) { return e.cidr6; }); }},
        {"entry.egress", [](const N& n) { return each(n.entries, [](const E& e) { return std::string(e.egress ? "true" : "false"); }); }},
        {"entry.port-range.from", [](const N& n) { return each(n.entries, [](const E& e) { return port(e.from); }); }},
        {"entry.port-range.to", [](const N& n) { return each(n.entries, [](const E& e) { return port(e.to); }); }},
        {"entry.protocol",
         [](const N& n) {  // a number, and the word that some have
             Values said = each(n.entries, [](const E& e) { return e.protocol; });
             const Values words = each(n.entries, [](const E& e) { return protocol_word(e.protocol); });
             said.insert(said.end(), words.begin(), words.end());
             return said;
         }},
        {"entry.rule-action",
         [](const N& n) { return each(n.entries, [](const E& e) { return std::string(e.allow ? "allow" : "deny"); }); }},
        {"entry.rule-number", [](const N& n) { return each(n.entries, [](const E& e) { return fmt::to_string(e.number); }); }},
        {"network-acl-id", [](const N& n) { return Values{n.id}; }},
        {"owner-id", [](const N& n) { return Values{n.owner}; }},
        {"vpc-id", [](const N& n) { return Values{n.vpc}; }},
    };
    return all;
}

template <class Record>
const Tags& tags_of(const Record& record) {
    if constexpr (requires { record.tags; }) {
        return record.tags;
    } else if constexpr (requires { record.rule; }) {
        return record.rule.tags;
    } else {
        return record.its.tags;
    }
}

constexpr std::string_view k_tag_prefix = "tag:";

bool met(const Filter& filter, const Values& values) {
    return std::any_of(values.begin(), values.end(), [&](const std::string& value) {
        return std::any_of(filter.values.begin(), filter.values.end(),
                           [&](const std::string& pattern) { return wildcard_match(pattern, value); });
    });
}

}  // namespace

template <class Record>
Result<void> check_network_filters(const std::vector<Filter>& filters) {
    for (const Filter& filter : filters) {
        std::vector<std::string> known{"tag-key"};
        for (const Row<Record>& row : rows<Record>()) {
            known.emplace_back(row.name);
        }
        const bool tag = filter.name.starts_with(k_tag_prefix) && filter.name.size() > k_tag_prefix.size();
        if (!tag && std::find(known.begin(), known.end(), filter.name) == known.end()) {
            return Error(Code::invalid_parameter_value, fmt::format("The filter '{}' is invalid", filter.name),
                         did_you_mean(nearest(filter.name, known)));
        }
    }
    return {};
}

template <class Record>
bool network_matches(const Record& record, const std::vector<Filter>& filters) {
    return std::all_of(filters.begin(), filters.end(), [&](const Filter& filter) {
        const Tags& tags = tags_of(record);
        if (filter.name.starts_with(k_tag_prefix)) {
            const auto tag = tags.find(filter.name.substr(k_tag_prefix.size()));
            return tag != tags.end() && met(filter, {tag->second});
        }
        if (filter.name == "tag-key") {
            return met(filter, each(tags, [](const auto& tag) { return tag.first; }));
        }
        const auto& all = rows<Record>();
        const auto row = std::find_if(all.begin(), all.end(), [&](const Row<Record>& one) { return one.name == filter.name; });
        return row != all.end() && met(filter, row->values(record));
    });
}

#define AMIVIRT_NETWORK_FILTER(Record)                                               \
    template Result<void> check_network_filters<Record>(const std::vector<Filter>&); \
    template bool network_matches<Record>(const Record&, const std::vector<Filter>&)
AMIVIRT_NETWORK_FILTER(Vpc);
AMIVIRT_NETWORK_FILTER(Subnet);
AMIVIRT_NETWORK_FILTER(SecurityGroup);
AMIVIRT_NETWORK_FILTER(RuleOfGroup);
AMIVIRT_NETWORK_FILTER(InterfaceView);
AMIVIRT_NETWORK_FILTER(AddressView);
AMIVIRT_NETWORK_FILTER(RouteTable);
AMIVIRT_NETWORK_FILTER(InternetGateway);
AMIVIRT_NETWORK_FILTER(DhcpOptions);
AMIVIRT_NETWORK_FILTER(NetworkAcl);
#undef AMIVIRT_NETWORK_FILTER

}  // namespace amivirt
