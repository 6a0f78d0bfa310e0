// Elastic addresses: public ones that an account keeps, of 127.0.0.0/8.
#pragma once

#include <string>
#include <vector>

#include "amivirt/domain/virtual_network_filter.hpp"
#include "amivirt/services/vpcs.hpp"

namespace amivirt {

/// Where an address is to lead: an interface, or the first one of an instance.
struct AddressTarget {
    std::string network_interface;
    std::string instance;
    std::string private_ip;  ///< "": its primary one
};

enum class Reassociate { no, yes };

class ElasticAddresses {
public:
    explicit ElasticAddresses(VnetPorts ports) : ports_(std::move(ports)) {}

    /// address_limit_exceeded.
    [[nodiscard]] Result<ElasticAddress> allocate(const AccountId& caller, const Tags& tags);
    /// By allocation id or public address. invalid_ip_address_in_use while it is associated.
    [[nodiscard]] Result<void> release(const AccountId& caller, const std::string& id, const std::string& public_ip);
    /// Its association. resource_already_associated where the address or the interface's own is in use, unless reassociation is allowed.
    [[nodiscard]] Result<std::string> associate(const AccountId& caller, const std::string& id, const std::string& public_ip,
                                                const AddressTarget& target, Reassociate reassociate);
    /// By association or public address.
    [[nodiscard]] Result<void> disassociate(const AccountId& caller, const std::string& association, const std::string& public_ip);
    [[nodiscard]] Result<std::vector<AddressView>> describe(const AccountId& caller, const std::vector<std::string>& ids,
                                                            const std::vector<std::string>& public_ips, const std::vector<Filter>& filters);

private:
    VnetPorts ports_;
};

}  // namespace amivirt
