#include "faces/cli/output.hpp"

#include <fmt/format.h>
#include <yaml-cpp/emitter.h>
#include <yaml-cpp/emittermanip.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "faces/cli/json_fields.hpp"
#include "faces/cli/suggest.hpp"
#include "faces/cli/talk.hpp"
#include "faces/cli/text.hpp"

namespace amivirt::cli {

namespace {

/// May it stand without quotes and still be read as a string? When in doubt, no ("no", "1e3", "2026-11-23", "00").
bool is_plain_yaml(const std::string& text) {
    if (text.empty() || std::isalpha(static_cast<unsigned char>(text.front())) == 0 || text.back() == ' ') {
        return false;
    }
    const bool is_simple = std::all_of(text.begin(), text.end(), [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.' || c == '/' || c == ' ';
    });
    std::string lower = text;
    std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const std::vector<std::string> reserved{"true", "false", "yes", "no", "on", "off", "y", "n", "null"};
    return is_simple && std::find(reserved.begin(), reserved.end(), lower) == reserved.end();
}

void emit(YAML::Emitter& out, const Json& node) {
    switch (node.type()) {
        case Json::value_t::object:
            if (node.empty()) {
                out << YAML::Flow;
            }
            out << YAML::BeginMap;
            for (const auto& [key, value] : node.items()) {
                out << YAML::Key << key << YAML::Value;
                emit(out, value);
            }
            out << YAML::EndMap;
            break;
        case Json::value_t::array:
            if (node.empty()) {
                out << YAML::Flow;
            }
            out << YAML::BeginSeq;
            for (const Json& value : node) {
                emit(out, value);
            }
            out << YAML::EndSeq;
            break;
        case Json::value_t::string: {
            const auto& text = node.get_ref<const std::string&>();
            if (!is_plain_yaml(text)) {
                out << YAML::DoubleQuoted;
            }
            out << text;
            break;
        }
        case Json::value_t::boolean:
            out << node.get<bool>();
            break;
        default:
            out << node.dump();  // numbers, null
            break;
    }
}

std::string join_rows(const std::vector<std::vector<std::string>>& rows) {
    std::vector<std::size_t> widths;
    for (const auto& row : rows) {
        widths.resize(std::max(widths.size(), row.size()));
        for (std::size_t i = 0; i < row.size(); ++i) {
            widths[i] = std::max(widths[i], width(row[i]));
        }
    }
    std::string out;
    for (const auto& row : rows) {
        for (std::size_t i = 0; i < row.size(); ++i) {
            out += row[i];
            if (i + 1 < row.size()) {
                out.append(widths[i] - width(row[i]) + 2, ' ');
            }
        }
        out += '\n';
    }
    return out;
}

}  // namespace

Result<Format> parse_format(std::string_view text) {
    if (text == "table") {
        return Format::table;
    }
    if (text == "json") {
        return Format::json;
    }
    if (text == "yaml") {
        return Format::yaml;
    }
    if (text == "id") {
        return Format::id;
    }
    Error error = none_of("output format", text, {"table", "json", "yaml", "id"});
    error.code = Code::usage;
    return error;
}

std::string to_json(const Document& document) {
    constexpr int k_indent = 4;  // as the aws CLI
    return document.root->dump(k_indent, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string to_yaml(const Document& document) {
    YAML::Emitter out;
    emit(out, *document.root);
    return std::string(out.c_str(), out.size()) + "\n";
}

std::string TextTable::str() const {
    std::vector<std::vector<std::string>> rows{headers_};
    for (const auto& row : rows_) {
        auto& shown = rows.emplace_back();
        for (const std::string& cell : row) {
            shown.push_back(cell.empty() ? "-" : printable_line(cell));
        }
    }
    return join_rows(rows);
}

void FieldList::add(std::string name, std::string value) {
    if (!value.empty()) {
        fields_.emplace_back(std::move(name), std::move(value));
    }
}

void FieldList::add_tags(const Tags& tags) {
    for (const auto& [key, value] : tags) {
        if (key != "Name") {
            add("Tag", fmt::format("{}={}", key, value));
        }
    }
}

std::string FieldList::str() const {
    std::vector<std::vector<std::string>> rows;
    for (const auto& [name, value] : fields_) {
        rows.push_back({name, printable_line(value)});
    }
    return join_rows(rows);
}

std::string render(const Answer& answer, Format format) {
    switch (format) {
        case Format::json:
            return to_json(answer.document());
        case Format::yaml:
            return to_yaml(answer.document());
        case Format::id: {
            std::string out;
            for (const std::string& id : answer.ids) {
                out += id + "\n";
            }
            return out;
        }
        case Format::table:
            break;
    }
    return answer.table();
}

}  // namespace amivirt::cli
