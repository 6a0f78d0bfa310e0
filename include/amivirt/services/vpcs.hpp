// VPCs and subnets of the virtual network. Each account has a default VPC from the first look on, as in EC2; nothing of it is enforced on
// packets.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "amivirt/domain/filter.hpp"
#include "amivirt/domain/virtual_network.hpp"
#include "amivirt/ports/catalog.hpp"
#include "amivirt/ports/id_source.hpp"

namespace amivirt {

/// What the services of the virtual network stand on. Each of their changes is one transaction of the catalog.
struct VnetPorts {
    Catalog& catalog;
    IdSource& ids;
    const Clock& clock;
    std::string region;
};

struct CreateSubnetRequest {
    std::string vpc;
    std::string cidr;
    std::string zone;  ///< "": the first
    Tags tags;
};

/// What is said is changed, the rest stays (source: EC2 ModifyVpcAttribute, ModifySubnetAttribute).
struct VpcChange {
    std::optional<bool> dns_support{};
    std::optional<bool> dns_hostnames{};
    std::optional<bool> address_usage_metrics{};
};
struct SubnetChange {
    std::optional<bool> map_public_ip{};
    std::optional<std::string> hostname_type{};
    std::optional<bool> name_a_record{};
    std::optional<bool> name_aaaa_record{};
};

class Vpcs {
public:
    explicit Vpcs(VnetPorts ports) : ports_(std::move(ports)) {}

    /// Those of `ids` (invalid_vpc_not_found for the first that is not there), or all, that match, in order of creation.
    [[nodiscard]] Result<std::vector<Vpc>> describe(const AccountId& caller, const std::vector<std::string>& ids,
                                                    const std::vector<Filter>& filters);
    /// nullopt: it was deleted.
    [[nodiscard]] Result<std::optional<Vpc>> default_vpc(const AccountId& caller);
    /// With its default security group, main route table and default network ACL. /16 to /28: invalid_vpc_range. vpc_limit_exceeded.
    [[nodiscard]] Result<Vpc> create(const AccountId& caller, const std::string& cidr, const std::string& tenancy, const Tags& tags);
    /// A new default VPC with all that belongs to it; default_vpc_exists.
    [[nodiscard]] Result<Vpc> create_default(const AccountId& caller);
    /// With what create() made beside it. dependency_violation while anything else is in it (of the default VPC, its own subnets and
    /// internet gateway too: source: EC2).
    [[nodiscard]] Result<void> erase(const AccountId& caller, const std::string& id);
    [[nodiscard]] Result<void> modify(const AccountId& caller, const std::string& id, const VpcChange& change);
    /// `options`: an id, or "default" for none.
    [[nodiscard]] Result<void> associate_dhcp_options(const AccountId& caller, const std::string& id, const std::string& options);

    [[nodiscard]] Result<std::vector<Subnet>> describe_subnets(const AccountId& caller, const std::vector<std::string>& ids,
                                                               const std::vector<Filter>& filters);
    /// invalid_subnet_range outside of its VPC's block, invalid_subnet_conflict where it overlaps another.
    [[nodiscard]] Result<Subnet> create_subnet(const AccountId& caller, const CreateSubnetRequest& request);
    /// The default subnet of a zone that has lost its own; default_subnet_exists.
    [[nodiscard]] Result<Subnet> create_default_subnet(const AccountId& caller, const std::string& zone);
    /// dependency_violation while a network interface is in it.
    [[nodiscard]] Result<void> erase_subnet(const AccountId& caller, const std::string& id);
    [[nodiscard]] Result<void> modify_subnet(const AccountId& caller, const std::string& id, const SubnetChange& change);

private:
    VnetPorts ports_;
};

}  // namespace amivirt
