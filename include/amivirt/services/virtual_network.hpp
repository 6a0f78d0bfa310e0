// The services of the virtual network of a region.
#pragma once

#include "amivirt/services/elastic_addresses.hpp"
#include "amivirt/services/network_acls.hpp"
#include "amivirt/services/network_interfaces.hpp"
#include "amivirt/services/routing.hpp"
#include "amivirt/services/security_groups.hpp"
#include "amivirt/services/vpcs.hpp"
#include "amivirt/services/zones.hpp"

namespace amivirt {

struct VirtualNetwork {
    explicit VirtualNetwork(const VnetPorts& ports)
        : vpcs(ports), groups(ports), interfaces(ports), addresses(ports), routing(ports), acls(ports), zones(ports) {}
    Vpcs vpcs;
    SecurityGroups groups;
    NetworkInterfaces interfaces;
    ElasticAddresses addresses;
    Routing routing;
    NetworkAcls acls;
    Zones zones;
};

}  // namespace amivirt
