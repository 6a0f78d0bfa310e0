// Network interfaces: every instance has one, which says where in the virtual network it is. A record: what the guest is plugged into is
// its `network`.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "amivirt/domain/virtual_network_filter.hpp"
#include "amivirt/services/vpcs.hpp"

namespace amivirt {

/// An interface that a launch asks for.
struct LaunchInterface {
    unsigned device_index = 0;
    std::string id;  ///< one that there is; "": a new one, of what follows
    std::string subnet;
    std::vector<std::string> groups;
    std::string private_ip;
    std::string description;
    std::optional<bool> public_ip{};
    std::optional<bool> delete_on_termination{};
};

/// Where a launch puts its instances (source: EC2 RunInstances). All empty: into the first zone's default subnet and default group.
struct LaunchNetwork {
    std::string zone;
    std::string subnet;
    std::vector<std::string> groups;
    std::vector<std::string> group_names;  ///< in the default VPC
    std::string private_ip;
    std::vector<LaunchInterface> interfaces;
    Tags tags;  ///< of the interfaces that are made
};

struct CreateInterfaceRequest {
    std::string subnet;
    std::vector<std::string> groups;  ///< none: the VPC's default one
    std::string private_ip;
    std::vector<std::string> more_ips;
    unsigned more = 0;  ///< how many more addresses, any
    std::string description;
    Tags tags;
};

/// What is said is changed, the rest stays.
struct InterfaceChange {
    std::optional<std::string> description{};
    std::optional<std::vector<std::string>> groups{};
    std::optional<bool> source_dest_check{};
    std::optional<bool> delete_on_termination{};
    std::string attachment;  ///< whose delete_on_termination
};

class NetworkInterfaces {
public:
    explicit NetworkInterfaces(VnetPorts ports) : ports_(std::move(ports)) {}

    /// Is there room and everything that is named? All of EC2's errors of the network part of RunInstances. A free address may be gone when
    /// place() wants it.
    [[nodiscard]] Result<void> check_launch(const AccountId& caller, const LaunchNetwork& wanted, std::size_t count);
    /// Gives these instances their interfaces, in the transaction that reserves them (RunRequest::with_reservation).
    [[nodiscard]] Result<void> place(CatalogSession& session, const AccountId& caller, const LaunchNetwork& wanted,
                                     const std::vector<Instance>& instances);
    /// What of the request a repeat with the same client token must say too (RunRequest::placement).
    [[nodiscard]] static std::string digest(const LaunchNetwork& wanted);

    [[nodiscard]] Result<std::vector<InterfaceView>> describe(const AccountId& caller, const std::vector<std::string>& ids,
                                                              const std::vector<Filter>& filters);
    /// By instance, each by device index; made for those that have none yet. Quick, however many others there are.
    [[nodiscard]] Result<std::map<std::string, std::vector<InterfaceView>>> of_instances(const AccountId& caller,
                                                                                         const std::vector<const Instance*>& instances);
    [[nodiscard]] Result<InterfaceView> create(const AccountId& caller, const CreateInterfaceRequest& request);
    /// invalid_network_interface_in_use while it is attached.
    [[nodiscard]] Result<void> erase(const AccountId& caller, const std::string& id);
    /// Its attachment. In the instance's zone; device index 0 is taken by the first interface.
    [[nodiscard]] Result<std::string> attach(const AccountId& caller, const std::string& id, const std::string& instance,
                                             unsigned device_index);
    /// operation_not_permitted for the first interface; invalid_attachment_id_not_found.
    [[nodiscard]] Result<void> detach(const AccountId& caller, const std::string& attachment);
    [[nodiscard]] Result<void> modify(const AccountId& caller, const std::string& id, const InterfaceChange& change);
    /// Of its first interface.
    [[nodiscard]] Result<void> set_instance_groups(const AccountId& caller, const std::string& instance,
                                                   const std::vector<std::string>& groups);
    /// `wanted`, and `more` others. Those that were added.
    [[nodiscard]] Result<std::vector<std::string>> assign_addresses(const AccountId& caller, const std::string& id,
                                                                    const std::vector<std::string>& wanted, unsigned more);
    /// invalid_parameter_value for the primary one and for those it has not.
    [[nodiscard]] Result<void> unassign_addresses(const AccountId& caller, const std::string& id, const std::vector<std::string>& which);

private:
    VnetPorts ports_;
};

}  // namespace amivirt
