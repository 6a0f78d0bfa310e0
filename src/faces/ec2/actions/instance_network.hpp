// What RunInstances and DescribeInstances have to do with the virtual network.
#pragma once

#include <vector>

#include "faces/ec2/call.hpp"
#include "faces/ec2/render.hpp"

namespace amivirt::ec2 {

/// Placement.AvailabilityZone, SubnetId, SecurityGroupId.N, SecurityGroup.N, PrivateIpAddress, NetworkInterface.N.
[[nodiscard]] LaunchNetwork launch_network_in(const Call& call, const Tags& tags);

/// The filters of DescribeInstances that ask for the network; they are taken out of `filters`.
[[nodiscard]] std::vector<Filter> take_network_filters(std::vector<Filter>& filters);
/// Errors of filters there are not.
[[nodiscard]] Result<void> check_network_filters(const std::vector<Filter>& taken);
[[nodiscard]] bool passes_network_filters(const std::vector<InterfaceView>& interfaces, const std::vector<Filter>& taken);

/// Where these instances are.
[[nodiscard]] Result<Placed> placed(const Call& call, const std::vector<InstanceView>& views);

}  // namespace amivirt::ec2
