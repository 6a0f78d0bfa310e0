// What EC2 tells of a volume beside its state: its last modification, and whether I/O goes on by itself after a fault.
#pragma once

#include <string>
#include <vector>

#include "amivirt/services/volumes.hpp"

namespace amivirt {

/// The last one of a volume; a modification here is done when it is answered.
struct VolumeModification {
    Volume before;  ///< size, type, IOPS and throughput alone
    Volume after;   ///< the same
    TimePoint started{};
    TimePoint ended{};
};

class VolumeRecords {
public:
    VolumeRecords(Catalog& catalog, Volumes& volumes, const Clock& clock) : catalog_(catalog), volumes_(volumes), clock_(clock) {}

    /// Volumes::modify(), kept on record in the same transaction. A request that changes nothing is on record, too.
    [[nodiscard]] Result<VolumeModification> modify(const AccountId& caller, const std::string& volume, const ModifyVolumeRequest& request);
    /// Of those of the caller's volumes that were ever modified; records of volumes that are gone are dropped. By volume's creation.
    /// Filters of DescribeVolumesModifications; an unknown one is invalid_parameter_value.
    [[nodiscard]] Result<std::vector<VolumeModification>> modifications(const AccountId& caller, const std::vector<std::string>& volumes,
                                                                        const std::vector<Filter>& filters);
    /// Is I/O to go on by itself after a fault (source: EC2's autoEnableIO)? Volumes here never stop for one. false if not set.
    [[nodiscard]] Result<bool> auto_enable_io(const AccountId& caller, const std::string& volume);
    [[nodiscard]] Result<void> set_auto_enable_io(const AccountId& caller, const std::string& volume, bool value);

private:
    Catalog& catalog_;
    Volumes& volumes_;
    const Clock& clock_;
};

}  // namespace amivirt
