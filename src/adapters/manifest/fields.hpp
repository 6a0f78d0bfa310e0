// Typed reading of a YAML map's fields; every fault is kept, none ends the reading.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/manifest/rules.hpp"
#include "adapters/manifest/yaml_document.hpp"

namespace amivirt::yaml {

class Fields {
public:
    /// Faults: not a map, unknown keys (with the nearest known), keys given twice.
    Fields(const NodePtr& node, std::string path, Faults& faults, std::initializer_list<std::string_view> known);
    /// The same by the format's table, and a fault for each field that must be said and is not. It outlives this.
    Fields(const NodePtr& node, std::string path, Faults& faults, const Table& table);
    /// The same for a map whose keys the user chooses; `what` a key names ("region").
    Fields(const NodePtr& node, std::string path, Faults& faults);

    /// False: not a map, which is a fault already.
    [[nodiscard]] bool usable() const noexcept { return usable_; }
    /// The field's node; null if it is not said (absent or without a value).
    [[nodiscard]] NodePtr get(std::string_view key) const;
    /// All fields, without duplicates.
    [[nodiscard]] const std::vector<Entry>& entries() const noexcept { return entries_; }

    // Each: nullopt if not said, or after a fault.
    [[nodiscard]] std::optional<std::string> text(std::string_view key) const;
    [[nodiscard]] std::optional<bool> boolean(std::string_view key) const;
    /// `unit` completes "is not a whole number".
    [[nodiscard]] std::optional<std::uint64_t> whole(std::string_view key, std::string_view unit, std::uint64_t least,
                                                     std::uint64_t most) const;
    /// With the unit and limits of the table.
    [[nodiscard]] std::optional<std::uint64_t> whole(std::string_view key) const;
    template <class Parse>
    [[nodiscard]] auto parsed(std::string_view key, Parse parse) const
        -> std::optional<typename decltype(parse(std::string_view{}))::value_type> {
        const std::optional<std::string> value = text(key);
        if (!value) {
            return std::nullopt;
        }
        auto result = parse(std::string_view(*value));
        if (!result) {
            fault(key, result.error().message);
            return std::nullopt;
        }
        return std::move(*result);
    }

    [[nodiscard]] std::string path(std::string_view key) const;
    /// Of the field, or of the map if the field is absent.
    [[nodiscard]] int line(std::string_view key) const;
    void fault(std::string_view key, std::string_view message) const { faults_.add(line(key), path(key), message); }
    /// About the map itself.
    void fault(std::string_view message) const { faults_.add(line_, path_, message); }

private:
    void read(const NodePtr& node);
    void refuse_unknown(const std::vector<std::string>& known);
    std::string path_;
    Faults& faults_;
    int line_ = 0;
    bool usable_ = false;
    std::vector<Entry> entries_;
    const Table* table_ = nullptr;
};

/// "a list", "a map", ...: for "is a list, not text".
[[nodiscard]] std::string_view name_of(Kind kind) noexcept;
/// `path` from `folder` unless it is absolute; "~/" is $HOME's; tidied, without following links.
[[nodiscard]] std::string resolve_path(const std::string& folder, const std::string& path);
/// The absolute folder that `file` is in.
[[nodiscard]] std::string folder_of(const std::string& file);

}  // namespace amivirt::yaml
