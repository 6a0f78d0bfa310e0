// In which of the region's zones a volume is. All are this host, but an instance takes only volumes of its own (source: EC2).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "amivirt/services/vpcs.hpp"

namespace amivirt {

class Zones {
public:
    explicit Zones(VnetPorts ports) : ports_(std::move(ports)) {}

    /// For CreateVolumeRequest::with_reservation: in the transaction that makes it.
    [[nodiscard]] Result<void> put(CatalogSession& session, const Volume& volume, const std::string& zone);
    /// Those that are in another than the first.
    [[nodiscard]] Result<std::map<VolumeId, std::string>> elsewhere();
    /// invalid_zone_mismatch
    [[nodiscard]] Result<void> check_attach(const AccountId& caller, const VolumeId& volume, const Instance& instance);

private:
    VnetPorts ports_;
};

}  // namespace amivirt
