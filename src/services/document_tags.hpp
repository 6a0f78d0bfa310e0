// Documents that have tags: in the member "tags" of their body. Private to src/services.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "amivirt/domain/document.hpp"
#include "amivirt/domain/tag.hpp"

namespace amivirt {

struct TaggedKind {
    ResourceType type;
    std::string_view kind;    ///< of the documents
    std::string_view prefix;  ///< of the ids
    Code not_found;
};

[[nodiscard]] const std::vector<TaggedKind>& tagged_kinds();
/// By the id's prefix; nullptr: no document has such an id.
[[nodiscard]] const TaggedKind* tagged_kind_of(std::string_view id);
/// store_corrupt if its body is no JSON object.
[[nodiscard]] Result<Tags> tags_of_document(const Document& document);
[[nodiscard]] Result<void> set_tags(Document& document, const Tags& tags);

}  // namespace amivirt
