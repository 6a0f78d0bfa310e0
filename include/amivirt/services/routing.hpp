// Route tables, internet gateways and DHCP options: kept as EC2 keeps them.
#pragma once

#include <string>
#include <vector>

#include "amivirt/domain/virtual_network_filter.hpp"
#include "amivirt/services/vpcs.hpp"

namespace amivirt {

class Routing {
public:
    explicit Routing(VnetPorts ports) : ports_(std::move(ports)) {}

    [[nodiscard]] Result<std::vector<RouteTable>> describe_tables(const AccountId& caller, const std::vector<std::string>& ids,
                                                                  const std::vector<Filter>& filters);
    /// With the local route.
    [[nodiscard]] Result<RouteTable> create_table(const AccountId& caller, const std::string& vpc, const Tags& tags);
    /// dependency_violation for a main one and while a subnet is associated.
    [[nodiscard]] Result<void> erase_table(const AccountId& caller, const std::string& id);
    /// The association's id. resource_already_associated where the subnet has another table of its own.
    [[nodiscard]] Result<std::string> associate(const AccountId& caller, const std::string& table, const std::string& subnet);
    /// invalid_parameter_value for the main association.
    [[nodiscard]] Result<void> disassociate(const AccountId& caller, const std::string& association);
    /// The new association's id; also of the main one.
    [[nodiscard]] Result<std::string> replace_association(const AccountId& caller, const std::string& association,
                                                          const std::string& table);
    /// route_already_exists; invalid_parameter_value without or with several targets.
    [[nodiscard]] Result<void> create_route(const AccountId& caller, const std::string& table, Route route);
    /// invalid_route_not_found.
    [[nodiscard]] Result<void> replace_route(const AccountId& caller, const std::string& table, Route route);
    [[nodiscard]] Result<void> erase_route(const AccountId& caller, const std::string& table, const Route& destination);

    [[nodiscard]] Result<std::vector<InternetGateway>> describe_gateways(const AccountId& caller, const std::vector<std::string>& ids,
                                                                         const std::vector<Filter>& filters);
    [[nodiscard]] Result<InternetGateway> create_gateway(const AccountId& caller, const Tags& tags);
    /// dependency_violation while it is attached.
    [[nodiscard]] Result<void> erase_gateway(const AccountId& caller, const std::string& id);
    /// resource_already_associated where either is attached.
    [[nodiscard]] Result<void> attach_gateway(const AccountId& caller, const std::string& id, const std::string& vpc);
    /// gateway_not_attached; dependency_violation while an elastic address leads into the VPC.
    [[nodiscard]] Result<void> detach_gateway(const AccountId& caller, const std::string& id, const std::string& vpc);

    [[nodiscard]] Result<std::vector<DhcpOptions>> describe_options(const AccountId& caller, const std::vector<std::string>& ids,
                                                                    const std::vector<Filter>& filters);
    [[nodiscard]] Result<DhcpOptions> create_options(const AccountId& caller,
                                                     const std::map<std::string, std::vector<std::string>>& options, const Tags& tags);
    /// dependency_violation while a VPC has them.
    [[nodiscard]] Result<void> erase_options(const AccountId& caller, const std::string& id);

private:
    VnetPorts ports_;
};

}  // namespace amivirt
