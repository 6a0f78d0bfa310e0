// Network ACLs: kept as EC2 keeps them, and not enforced on packets.
#pragma once

#include <string>
#include <vector>

#include "amivirt/domain/virtual_network_filter.hpp"
#include "amivirt/services/security_groups.hpp"

namespace amivirt {

class NetworkAcls {
public:
    explicit NetworkAcls(VnetPorts ports) : ports_(std::move(ports)) {}

    [[nodiscard]] Result<std::vector<NetworkAcl>> describe(const AccountId& caller, const std::vector<std::string>& ids,
                                                           const std::vector<Filter>& filters);
    /// One that lets nothing through yet.
    [[nodiscard]] Result<NetworkAcl> create(const AccountId& caller, const std::string& vpc, const Tags& tags);
    /// dependency_violation while a subnet has it; invalid_parameter_value for a default one.
    [[nodiscard]] Result<void> erase(const AccountId& caller, const std::string& id);
    /// network_acl_entry_exists; invalid_parameter_value for what EC2 does not take.
    [[nodiscard]] Result<void> create_entry(const AccountId& caller, const std::string& id, AclEntry entry);
    /// invalid_network_acl_entry_not_found.
    [[nodiscard]] Result<void> replace_entry(const AccountId& caller, const std::string& id, AclEntry entry);
    [[nodiscard]] Result<void> erase_entry(const AccountId& caller, const std::string& id, unsigned number, Direction direction);
    /// The new association's id.
    [[nodiscard]] Result<std::string> replace_association(const AccountId& caller, const std::string& association, const std::string& id);

private:
    VnetPorts ports_;
};

}  // namespace amivirt
