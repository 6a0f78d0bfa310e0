// How a launch takes what it is not told itself from a template.
#pragma once

#include "faces/ec2/call.hpp"

namespace amivirt::ec2 {

/// Puts the data of the request's LaunchTemplate, if it names one, under the request's own parameters. The tags that EC2 gives to what is
/// launched from it. To be called before the others are read.
[[nodiscard]] Result<Tags> launch_from_template(Call& call);

}  // namespace amivirt::ec2
