#include "adapters/manifest/rules.hpp"

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <utility>

namespace amivirt::yaml {

namespace {

using Json = nlohmann::ordered_json;

enum class Nullable { yes, no };

Json schema_of(const Table& table);

Json schema_of(const Type& type, Nullable nullable) {
    const auto types = [&](std::vector<std::string> names) {
        if (nullable == Nullable::yes) {
            names.emplace_back("null");
        }
        return names.size() == 1 ? Json(names.front()) : Json(names);
    };
    Json out = Json::object();
    switch (type.shape) {
        case Shape::text:
            if (!type.words.empty()) {
                out["enum"] = type.words;
                if (nullable == Nullable::yes) {
                    out["enum"].push_back(nullptr);
                }
                return out;
            }
            // YAML takes 12 and true for what they look like; as text they are as good as in quotes.
            out["type"] = type.pattern.empty() ? types({"string", "number", "boolean"}) : types({"string", "number"});
            if (!type.pattern.empty()) {
                out["pattern"] = type.pattern;
            }
            return out;
        case Shape::boolean:
            out["type"] = types({"boolean"});
            return out;
        case Shape::whole:
            out["type"] = types({"integer"});
            out["minimum"] = type.least;
            out["maximum"] = type.most;
            return out;
        case Shape::list:
            out["type"] = types({"array"});
            out["items"] = schema_of(type.of.front(), Nullable::no);
            if (type.most != 0) {
                out["maxItems"] = type.most;
            }
            return out;
        case Shape::map:
            out["type"] = types({"object"});
            out["additionalProperties"] = schema_of(type.of.front(), type.of.front().shape == Shape::text ? Nullable::yes : Nullable::no);
            return out;
        case Shape::record:
            out = schema_of(*type.table());
            out["type"] = types({"object"});
            return out;
        case Shape::any_of:
            out["anyOf"] = Json::array();
            for (const Type& one : type.of) {
                out["anyOf"].push_back(schema_of(one, nullable));
            }
            return out;
    }
    return out;
}

Json schema_of(const Table& table) {
    Json out;
    out["type"] = "object";
    Json properties = Json::object();
    Json required = Json::array();
    for (const Rule& rule : table.rules) {
        const bool is_optional = rule.missing.empty();
        Json value = schema_of(rule.type, is_optional ? Nullable::yes : Nullable::no);
        if (!rule.help.empty()) {
            value["description"] = rule.help;
        }
        properties[rule.key] = std::move(value);
        if (!is_optional) {
            required.push_back(rule.key);
        }
    }
    out["properties"] = std::move(properties);
    out["additionalProperties"] = false;
    if (!required.empty()) {
        out["required"] = std::move(required);
    }
    if (!table.one_of.empty()) {
        out["oneOf"] = Json::array();
        for (const std::string& key : table.one_of) {
            out["oneOf"].push_back({{"required", Json::array({key})}});
        }
    }
    return out;
}

}  // namespace

const Rule& rule_of(const Table& table, std::string_view key) {
    const auto found = std::find_if(table.rules.begin(), table.rules.end(), [&](const Rule& rule) { return rule.key == key; });
    if (found == table.rules.end()) {
        std::abort();  // the reading asks for a field that the format does not have: the first test of it finds that
    }
    return *found;
}

Type text(std::string pattern) {
    Type type;
    type.pattern = std::move(pattern);
    return type;
}

Type one_word(std::vector<std::string> words) {
    Type type;
    type.words = std::move(words);
    return type;
}

Type boolean() {
    Type type;
    type.shape = Shape::boolean;
    return type;
}

Type whole(std::uint64_t least, std::uint64_t most, std::string unit) {
    Type type;
    type.shape = Shape::whole;
    type.least = least;
    type.most = most;
    type.unit = std::move(unit);
    return type;
}

Type list_of(Type item, std::uint64_t most) {
    Type type;
    type.shape = Shape::list;
    type.most = most;
    type.of.push_back(std::move(item));
    return type;
}

Type map_of(Type value) {
    Type type;
    type.shape = Shape::map;
    type.of.push_back(std::move(value));
    return type;
}

Type record(const Table* (*table)()) {
    Type type;
    type.shape = Shape::record;
    type.table = table;
    return type;
}

Type any_of(std::vector<Type> types) {
    Type type;
    type.shape = Shape::any_of;
    type.of = std::move(types);
    return type;
}

std::string json_schema(std::string_view title, std::string_view description, const Table& table) {
    Json out;
    out["$schema"] = "https://json-schema.org/draft/2020-12/schema";
    out["title"] = title;
    out["description"] = description;
    out.update(schema_of(table));
    return out.dump(2) + "\n";
}

}  // namespace amivirt::yaml
