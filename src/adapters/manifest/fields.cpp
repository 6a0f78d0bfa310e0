#include "adapters/manifest/fields.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "amivirt/domain/filter.hpp"

namespace amivirt::yaml {

Fields::Fields(const NodePtr& node, std::string path, Faults& faults) : path_(std::move(path)), faults_(faults) { read(node); }

Fields::Fields(const NodePtr& node, std::string path, Faults& faults, std::initializer_list<std::string_view> known)
    : path_(std::move(path)), faults_(faults) {
    read(node);
    refuse_unknown(std::vector<std::string>(known.begin(), known.end()));
}

Fields::Fields(const NodePtr& node, std::string path, Faults& faults, const Table& table)
    : path_(std::move(path)), faults_(faults), table_(&table) {
    read(node);
    std::vector<std::string> known;
    for (const Rule& rule : table.rules) {
        known.push_back(rule.key);
    }
    refuse_unknown(known);
    for (const Rule& rule : table.rules) {
        if (usable_ && !rule.missing.empty() && !get(rule.key)) {
            fault(rule.key, rule.missing);
        }
    }
}

void Fields::refuse_unknown(const std::vector<std::string>& known) {
    for (const Entry& entry : entries_) {
        if (std::find(known.begin(), known.end(), entry.key) == known.end()) {
            const std::string near = nearest(entry.key, known);
            faults_.add(entry.line, path_,
                        fmt::format("unknown key {}{}", quote(entry.key), near.empty() ? "" : "; did you mean \"" + near + "\"?"));
        }
    }
}

void Fields::read(const NodePtr& node) {
    line_ = node->line;
    if (node->kind != Kind::map) {
        fault(fmt::format("is {}, not a map of fields", name_of(node->kind)));
        return;
    }
    usable_ = true;
    for (const Entry& entry : node->entries) {
        const auto first = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& other) { return other.key == entry.key; });
        if (first != entries_.end()) {
            faults_.add(entry.line, path(entry.key), fmt::format("is given twice, first on line {}", first->line));
            continue;
        }
        entries_.push_back(entry);
    }
}

NodePtr Fields::get(std::string_view key) const {
    for (const Entry& entry : entries_) {
        if (entry.key == key) {
            return entry.value->kind == Kind::null ? nullptr : entry.value;
        }
    }
    return nullptr;
}

std::optional<std::string> Fields::text(std::string_view key) const {
    const NodePtr node = get(key);
    if (!node) {
        return std::nullopt;
    }
    if (node->kind != Kind::scalar) {
        fault(key, fmt::format("is {}, not text", name_of(node->kind)));
        return std::nullopt;
    }
    return node->text;
}

std::optional<bool> Fields::boolean(std::string_view key) const {
    const NodePtr node = get(key);
    if (!node) {
        return std::nullopt;
    }
    if (node->kind == Kind::scalar && node->quoted == Quoted::no) {
        if (node->text == "true" || node->text == "True" || node->text == "TRUE") {
            return true;
        }
        if (node->text == "false" || node->text == "False" || node->text == "FALSE") {
            return false;
        }
    }
    fault(key, fmt::format("{} is not true or false", node->kind == Kind::scalar ? quote(node->text) : std::string(name_of(node->kind))));
    return std::nullopt;
}

std::optional<std::uint64_t> Fields::whole(std::string_view key, std::string_view unit, std::uint64_t least, std::uint64_t most) const {
    const NodePtr node = get(key);
    if (!node) {
        return std::nullopt;
    }
    const std::string wanted = unit.empty() ? "a whole number" : fmt::format("a whole number of {}", unit);
    if (node->kind != Kind::scalar) {
        fault(key, fmt::format("is {}, not {}", name_of(node->kind), wanted));
        return std::nullopt;
    }
    std::uint64_t value = 0;
    const char* end = node->text.data() + node->text.size();
    const auto [rest, error] = std::from_chars(node->text.data(), end, value);
    if (error == std::errc::invalid_argument || rest != end || node->text.empty()) {
        fault(key, fmt::format("{} is not {}", quote(node->text), wanted));
        return std::nullopt;
    }
    if (error != std::errc{} || value < least || value > most) {
        fault(key, fmt::format("{} is not between {} and {}", quote(node->text), least, most));
        return std::nullopt;
    }
    return value;
}

std::optional<std::uint64_t> Fields::whole(std::string_view key) const {
    const Type& type = rule_of(*table_, key).type;
    return whole(key, type.unit, type.least, type.most);
}

std::string Fields::path(std::string_view key) const { return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key); }

int Fields::line(std::string_view key) const {
    for (const Entry& entry : entries_) {
        if (entry.key == key) {
            return entry.line;
        }
    }
    return line_;
}

std::string_view name_of(Kind kind) noexcept {
    switch (kind) {
        case Kind::null:
            return "nothing";
        case Kind::scalar:
            return "a single value";
        case Kind::sequence:
            return "a list";
        case Kind::map:
            return "a map";
    }
    return "nothing";
}

std::string resolve_path(const std::string& folder, const std::string& path) {
    std::filesystem::path result = path;
    const char* home = std::getenv("HOME");
    if (path.starts_with("~/") && home != nullptr && *home != '\0') {
        result = std::filesystem::path(home) / path.substr(2);
    }
    return (std::filesystem::path(folder) / result).lexically_normal().string();
}

std::string folder_of(const std::string& file) {
    std::error_code error;
    const std::filesystem::path absolute = std::filesystem::absolute(file, error);
    return (error ? std::filesystem::path(file) : absolute).lexically_normal().parent_path().string();
}

}  // namespace amivirt::yaml
