// Why an image is in its state, as EC2 puts it into a word.
#pragma once

#include <string_view>

#include "amivirt/domain/image.hpp"

namespace amivirt {

/// "" while there is no reason to tell. (The catalog's own search says the same in SQL: adapters/sqlite/image_conditions.cpp.)
[[nodiscard]] inline std::string_view state_reason_code(const Image& image) {
    if (image.state_reason.empty()) {
        return "";
    }
    return image.state == ImageState::failed ? "Server.InternalError" : "Client.UserInitiated";
}

}  // namespace amivirt
