#include "amivirt/domain/virtual_network.hpp"

#include <algorithm>

namespace amivirt {

std::string private_dns_name(const std::string& address, const std::string& region) {
    std::string host = "ip-" + address;
    std::replace(host.begin(), host.end(), '.', '-');
    return host + (region == "us-east-1" ? ".ec2.internal" : "." + region + ".compute.internal");
}

std::vector<std::string> zones_of(const std::string& region) { return {region + "a", region + "b", region + "c"}; }

}  // namespace amivirt
