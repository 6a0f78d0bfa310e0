// What the records' trees are built of. For the render_*.cpp that make trees only: nlohmann's header is a heavy one.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "amivirt/domain/tag.hpp"
#include "faces/cli/output.hpp"

namespace amivirt::cli {

using Json = nlohmann::ordered_json;

[[nodiscard]] inline Document document(Json root) { return {std::make_shared<const Json>(std::move(root))}; }

/// This host's zone: the first of its region.
[[nodiscard]] inline std::string zone_of(const std::string& region) { return region + "a"; }

/// What is absent is left out.
inline void put(Json& into, const char* name, const std::string& value) {
    if (!value.empty()) {
        into[name] = value;
    }
}

template <class T>
void put(Json& into, const char* name, const std::optional<T>& value) {
    if (value) {
        into[name] = *value;
    }
}

inline void put_tags(Json& into, const Tags& tags) {
    if (tags.empty()) {
        return;
    }
    Json list = Json::array();
    for (const auto& [key, value] : tags) {
        list.push_back({{"Key", key}, {"Value", value}});
    }
    into["Tags"] = std::move(list);
}

}  // namespace amivirt::cli
