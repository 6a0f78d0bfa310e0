// What the commands that govern images share.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "faces/cli/command.hpp"
#include "faces/cli/render_json.hpp"

namespace amivirt::cli {

/// One change on several images; one that fails does not stop the others. Prints their ids. The status of the first fault.
[[nodiscard]] Result<int> change_images(Session& session, Services& services, const std::vector<std::string>& names,
                                        const std::function<Result<Image>(const std::string& name)>& change);

/// Answers with who may launch the image.
void print_permissions(Session& session, const Image& image, Format otherwise);

/// For images_document: nothing where the region applies no criteria.
[[nodiscard]] Result<AllowedBy> allowed_by(Services& services);

/// `ID is in the recycle bin until ...: ... brings it back`.
void tell_stay(Session& session, const std::string& noun, const std::string& id, const std::optional<BinStay>& stay);

}  // namespace amivirt::cli
