// Records that only the API of EC2 has: kept in the catalog as JSON, one document each, and read by the service of their kind alone.
#pragma once

#include <string>

#include "amivirt/base/clock.hpp"

namespace amivirt {

struct Document {
    std::string key;    ///< document_key(kind, id): unique in the region
    std::string kind;   ///< "subnet", "launch-template", ...
    std::string owner;  ///< the account; "" for what is nobody's
    std::string body;   ///< JSON; its members belong to the service of this kind
    TimePoint created{};
};

[[nodiscard]] inline std::string document_key(const std::string& kind, const std::string& id) { return kind + "/" + id; }

}  // namespace amivirt
