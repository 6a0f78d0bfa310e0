// What goes to stdout: a table, JSON, YAML or ids.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "amivirt/base/result.hpp"
#include "amivirt/domain/tag.hpp"

namespace amivirt::cli {

enum class Format { table, json, yaml, id };
/// A usage error that lists the choices otherwise.
[[nodiscard]] Result<Format> parse_format(std::string_view text);

/// A tree of records with the field names of the EC2 API; only render_json.cpp and output.cpp look inside.
struct Document {
    std::shared_ptr<const nlohmann::ordered_json> root;
};
[[nodiscard]] std::string to_json(const Document& document);
[[nodiscard]] std::string to_yaml(const Document& document);

/// Columns two spaces apart, headers in capitals, nothing cut off.
class TextTable {
public:
    explicit TextTable(std::vector<std::string> headers) : headers_(std::move(headers)) {}
    /// An empty cell is shown as "-".
    void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
    [[nodiscard]] std::string str() const;

private:
    std::vector<std::string> headers_;
    std::vector<std::vector<std::string>> rows_;
};

/// "Name:  value" lines, empty values left out.
class FieldList {
public:
    void add(std::string name, std::string value);
    /// One line each; Name has a place of its own.
    void add_tags(const Tags& tags);
    [[nodiscard]] std::string str() const;

private:
    std::vector<std::pair<std::string, std::string>> fields_;
};

/// One answer in all its forms; only the one asked for is made.
struct Answer {
    std::function<std::string()> table;
    std::function<Document()> document;
    std::vector<std::string> ids;
};
[[nodiscard]] std::string render(const Answer& answer, Format format);

}  // namespace amivirt::cli
