// What the commands that make images answer.
#pragma once

#include <vector>

#include "faces/cli/command.hpp"

namespace amivirt::cli {

/// Ids, unless another form was asked for.
void show_made(Session& session, const Services& services, const std::vector<Image>& images);

}  // namespace amivirt::cli
