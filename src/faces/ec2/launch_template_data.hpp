// The data of a launch template: which parameters there are, of which kind, and what EC2 calls them in its answers. All pure.
#pragma once

#include "amivirt/domain/launch_template.hpp"
#include "faces/ec2/parameters.hpp"
#include "faces/ec2/xml.hpp"

namespace amivirt::ec2 {

/// What stands below "LaunchTemplateData.", its lists counted from 1. What is of the wrong kind is a fault, what EC2 does not know stays
/// unread (and so is unknown_parameter).
[[nodiscard]] LaunchTemplateData read_template_data(const Parameters& data);
/// The elements that stand in `launchTemplateData`.
void render_template_data(Xml& out, const LaunchTemplateData& data);
/// What a launch from it asks for: `data` under what the request `in` says itself. A device of the mapping, and a tag, is the request's if
/// both have one of that name; any other parameter as a whole.
void put_under(const Parameters& in, const LaunchTemplateData& data);

}  // namespace amivirt::ec2
