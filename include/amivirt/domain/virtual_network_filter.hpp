// Filters of the Describe calls of the virtual network. Names, values and wildcards as in filter.hpp.
#pragma once

#include <string>
#include <vector>

#include "amivirt/domain/filter.hpp"
#include "amivirt/domain/virtual_network.hpp"

namespace amivirt {

/// A rule and whose it is.
struct RuleOfGroup {
    SecurityGroupRule rule;
    std::string group;
    std::string owner;
    std::string vpc;
};

/// A network interface and what a describe shows beside it.
struct InterfaceView {
    struct Group {
        std::string id;
        std::string name;
    };
    NetworkInterface its;
    std::vector<Group> groups;
    std::string private_dns;   ///< of its primary address
    ElasticAddress elastic{};  ///< id is "" where it has none
};

/// An elastic address and the interface it is associated with, if any.
struct AddressView {
    ElasticAddress its;
    std::string instance;
    std::string interface_owner;
};

/// invalid_parameter_value "The filter 'x' is invalid". Record: Vpc, Subnet, SecurityGroup, RuleOfGroup, InterfaceView, AddressView,
/// RouteTable, InternetGateway, DhcpOptions, NetworkAcl.
template <class Record>
[[nodiscard]] Result<void> check_network_filters(const std::vector<Filter>& filters);
/// Assumes checked filters.
template <class Record>
[[nodiscard]] bool network_matches(const Record& record, const std::vector<Filter>& filters);

}  // namespace amivirt
