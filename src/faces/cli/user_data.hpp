// User data, looked at before a launch. Pure.
#pragma once

#include <string>

namespace amivirt::cli {

/// What would keep cloud-init from doing what they say, as a sentence with the place; "" if nothing is seen. Nothing is refused for it: not
/// every image has a cloud-init, and newer ones may know more.
[[nodiscard]] std::string user_data_warning(const std::string& user_data);

}  // namespace amivirt::cli
