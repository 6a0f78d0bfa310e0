// What a listing of images asks for, and in which order (source: EC2 DescribeImages; sorting and a limit are ours).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "amivirt/domain/filter.hpp"

namespace amivirt {

enum class ImageField { creation, creation_date, name, image_id, owner_id, architecture, state };
[[nodiscard]] std::string_view to_string(ImageField value) noexcept;  // "creation-date", as the filters are named

/// By a field, and by the order of creation among equals; descending is the exact reverse of ascending.
struct ImageOrder {
    ImageField field = ImageField::creation;  ///< the order in which they came into the catalog
    bool descending = false;
    friend bool operator==(const ImageOrder&, const ImageOrder&) = default;
};
/// "name", "-creation-date". invalid_parameter_value with the nearest word as hint.
[[nodiscard]] Result<ImageOrder> parse_image_order(std::string_view text);

/// All that is said must hold. Nothing said: every image, deregistered ones too.
struct ImageSearch {
    std::optional<AccountId> seen_by;              ///< visible_to() it
    std::vector<std::string> ids_or_names;         ///< its id or name is one of them
    std::optional<std::vector<AccountId>> owners;  ///< one of them; none of none
    /// Granted explicitly to one of them, `everyone` being the group "all". What others than `seen_by` were granted is told of its own
    /// images alone: a permission is nobody's business but the owner's and the grantee's.
    std::optional<LaunchPermissions> executable_by;
    std::vector<Filter> filters;  ///< checked
    bool hide_disabled = false;
    std::optional<TimePoint> hide_deprecated;  ///< those deprecated by then, but for those of `seen_by`
    ImageOrder order;
    std::optional<std::size_t> limit;
};

/// All but order and limit. The one judge of a search, however its candidates are found.
[[nodiscard]] bool matches(const Image& image, const ImageSearch& search);
/// Puts what stands in order of creation into the search's order, and cuts it to its limit.
void arrange(std::vector<Image>& images, const ImageSearch& search);

}  // namespace amivirt
