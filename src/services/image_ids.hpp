// Ids that a person chose for an image. Private to src/services.
#pragma once

#include <fmt/format.h>

#include "amivirt/ports/catalog.hpp"

namespace amivirt {

/// Makes way for a new image of this id: of one that is deregistered for good, or failed, nothing is left but its record.
/// invalid_parameter_value while it is another's.
[[nodiscard]] inline Result<void> free_image_id(CatalogSession& session, const ImageId& id) {
    const auto holder = AMIVIRT_TRY(session.images().find(id));
    if (!holder) {
        return {};
    }
    const bool gone = (holder->state == ImageState::deregistered || holder->state == ImageState::failed) && !holder->bin;
    if (!gone) {
        return Error(Code::invalid_parameter_value,
                     fmt::format("the image id \"{}\" is taken: image \"{}\" of account {} has it{}", id.str(), holder->name,
                                 holder->owner.str(), holder->bin ? ", in the recycle bin" : ""),
                     holder->bin ? "amivirt image restore-from-bin " + id.str() : "amivirt image deregister " + id.str());
    }
    for (const auto* kind : {"image-extras", "catalog-image", "store-image-task"}) {  // what was written down of it
        AMIVIRT_TRY(session.documents().erase(document_key(kind, id.str())));
    }
    return session.images().erase(id);
}

}  // namespace amivirt
