// What the services of the virtual network have in common. Private to src/services.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "amivirt/domain/virtual_network_filter.hpp"
#include "amivirt/services/vpcs.hpp"
#include "vnet_records.hpp"

namespace amivirt {

/// One view of the account's network in which what is made at the first look (its default VPC, the interfaces of its instances) is there,
/// and what went with an instance is gone.
[[nodiscard]] Result<void> look_at_network(const VnetPorts& ports, const AccountId& account,
                                           const std::function<Result<void>(VnetRecords&)>& body);
/// The same, to change it: one transaction.
[[nodiscard]] Result<void> change_network(const VnetPorts& ports, const AccountId& account,
                                          const std::function<Result<void>(VnetRecords&)>& body);

/// Makes the default network where there never was one.
[[nodiscard]] Result<void> ensure_network(const VnetPorts& ports, const VnetRecords& records);
/// The address leads nowhere any more.
[[nodiscard]] Result<void> dissociate(const VnetRecords& records, ElasticAddress& address);
/// The same for all of this interface.
[[nodiscard]] Result<void> dissociate_addresses(const VnetRecords& records, const std::string& network_interface);
/// Lets the elastic addresses of this interface lead to its instance, if it is that one's first (a guest has one network card); else
/// nowhere.
[[nodiscard]] Result<void> lead_addresses(const VnetRecords& records, const NetworkInterface& its);
/// The views of a describe.
[[nodiscard]] Result<std::vector<InterfaceView>> view_interfaces(const VnetPorts& ports, const VnetRecords& records,
                                                                 std::vector<NetworkInterface> interfaces);
/// These groups, which are all of this VPC; its default one where there are none. invalid_parameter for one of another VPC,
/// security_groups_per_interface_exceeded.
[[nodiscard]] Result<std::vector<std::string>> check_groups(const VnetRecords& records, const Subnet& subnet,
                                                            const std::vector<std::string>& ids);

/// A VPC with default security group, main route table and default network ACL.
[[nodiscard]] Result<Vpc> make_vpc(const VnetPorts& ports, const VnetRecords& records, Vpc vpc);
/// A default VPC with subnets and internet gateway.
[[nodiscard]] Result<Vpc> make_default_network(const VnetPorts& ports, const VnetRecords& records);
/// A subnet, which its VPC's default network ACL then covers.
[[nodiscard]] Result<void> make_subnet(const VnetPorts& ports, const VnetRecords& records, Subnet& subnet);

[[nodiscard]] Result<std::optional<Vpc>> find_default_vpc(const VnetRecords& records);
/// By id; or by name, in the default VPC.
[[nodiscard]] Result<SecurityGroup> find_group(const VnetRecords& records, const std::string& id, const std::string& name);
[[nodiscard]] Result<SecurityGroup> default_group(const VnetRecords& records, const std::string& vpc);
/// How many private addresses of it nobody has. `interfaces`: all of the account's.
[[nodiscard]] std::uint64_t free_addresses(const Subnet& subnet, const std::vector<NetworkInterface>& interfaces);
/// A free private address; the one `wanted` if that is not "": invalid_parameter_value outside of the subnet or where EC2 reserves it,
/// invalid_ip_address_in_use; insufficient_free_addresses.
[[nodiscard]] Result<std::string> pick_private_ip(const Subnet& subnet, const std::vector<NetworkInterface>& interfaces,
                                                  const std::string& wanted);
/// An attached primary interface of an instance, with a fresh id; not in the catalog yet.
[[nodiscard]] NetworkInterface primary_interface(const VnetPorts& ports, const Subnet& subnet, const Instance& instance);

/// Those of `ids`, the first missing one's error; or all. Matching, in order of creation.
template <class Record>
[[nodiscard]] Result<std::vector<Record>> choose_records(const VnetRecords& records, const std::vector<std::string>& ids) {
    auto all = AMIVIRT_TRY(records.list<Record>());
    for (const std::string& id : ids) {
        if (std::none_of(all.begin(), all.end(), [&](const Record& record) { return record.id == id; })) {
            return VnetRecords::missing<Record>(id);
        }
    }
    if (!ids.empty()) {
        std::erase_if(all, [&](const Record& record) { return std::find(ids.begin(), ids.end(), record.id) == ids.end(); });
    }
    return all;
}

}  // namespace amivirt
