// Documents of the catalog as JSON. Private to src/services.
#pragma once

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "amivirt/ports/catalog.hpp"

namespace amivirt::kept {

using Json = nlohmann::json;

/// An object, always. store_corrupt for what is none.
[[nodiscard]] inline Result<Json> parse(const Document& document) {
    auto body = Json::parse(document.body, nullptr, false);
    if (body.is_discarded() || !body.is_object()) {
        return Error(Code::store_corrupt, fmt::format("the record \"{}\" is no JSON object", document.key));
    }
    return body;
}

[[nodiscard]] inline Result<std::optional<Json>> find(CatalogSession& session, const std::string& kind, const std::string& id) {
    const auto document = AMIVIRT_TRY(session.documents().find(document_key(kind, id)));
    if (!document) {
        return std::optional<Json>();
    }
    return std::optional<Json>(AMIVIRT_TRY(parse(*document)));
}

/// New, or instead of the one there is. Text that is not UTF-8 is kept with its faults replaced.
[[nodiscard]] inline Result<void> put(CatalogSession& session, const std::string& kind, const std::string& id, const std::string& owner,
                                      const Json& body, TimePoint now) {
    Document document;
    document.key = document_key(kind, id);
    document.kind = kind;
    document.owner = owner;
    document.body = body.dump(-1, ' ', false, Json::error_handler_t::replace);
    document.created = now;
    if (const auto before = AMIVIRT_TRY(session.documents().find(document.key))) {
        document.created = before->created;
        return session.documents().update(document);
    }
    return session.documents().insert(document);
}

[[nodiscard]] inline Result<void> erase(CatalogSession& session, const std::string& kind, const std::string& id) {
    return session.documents().erase(document_key(kind, id));
}

/// The id in a document's key.
[[nodiscard]] inline std::string id_of(const Document& document) { return document.key.substr(document.kind.size() + 1); }

// Members that are not there, or are of another type, are as if nothing was said.
[[nodiscard]] inline std::string text(const Json& body, const char* name) {
    const auto at = body.find(name);
    return at != body.end() && at->is_string() ? at->get<std::string>() : std::string();
}
[[nodiscard]] inline bool flag(const Json& body, const char* name) {
    const auto at = body.find(name);
    return at != body.end() && at->is_boolean() && at->get<bool>();
}
[[nodiscard]] inline std::optional<std::uint64_t> number(const Json& body, const char* name) {
    const auto at = body.find(name);
    return at != body.end() && at->is_number_unsigned() ? std::optional(at->get<std::uint64_t>()) : std::nullopt;
}
[[nodiscard]] inline std::optional<TimePoint> time(const Json& body, const char* name) {
    const auto parsed = parse_iso8601(text(body, name));
    return parsed ? std::optional(*parsed) : std::nullopt;
}

}  // namespace amivirt::kept
