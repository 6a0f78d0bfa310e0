#include "faces/ec2/parameters.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "faces/ec2/message.hpp"
#include "faces/ec2/xml.hpp"

namespace amivirt::ec2 {

namespace {

constexpr std::string_view k_base64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int hex_digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

std::string lower(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return out;
}

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
    Number value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

Error invalid_value(std::string_view name, std::string_view value, std::string_view expected) {
    return {Code::invalid_parameter_value,
            fmt::format("Value ({}) for parameter {} is invalid. {}", printable(value), printable(name), expected)};
}

/// The index in "1.Ebs.SnapshotId" or "1"; nullopt if it does not begin with one.
std::optional<std::uint64_t> index_of(std::string_view rest) { return parse_number<std::uint64_t>(rest.substr(0, rest.find('.'))); }

}  // namespace

std::string header(const HttpRequest& request, const std::string& name) {
    for (const auto& [known, value] : request.headers) {
        if (lower(known) == lower(name)) {
            return value;
        }
    }
    return {};
}

std::optional<std::string> url_decode(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '+') {
            out += ' ';
        } else if (text[i] == '%') {
            const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
            const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return std::nullopt;
            }
            out += static_cast<char>(high * 16 + low);
            i += 2;
        } else {
            out += text[i];
        }
    }
    return out;
}

std::optional<std::string> base64_decode(std::string_view text) {
    std::string out;
    std::uint32_t bits = 0;
    unsigned count = 0;
    std::size_t digits = 0;
    std::size_t padding = 0;
    for (const char c : text) {
        if (c == ' ' || c == '\n' || c == '\r' || c == '\t') {
            continue;
        }
        if (c == '=') {
            ++padding;
            continue;
        }
        const std::size_t value = k_base64.find(c);
        if (value == std::string_view::npos || padding > 0) {
            return std::nullopt;
        }
        ++digits;
        bits = (bits << 6U) | static_cast<std::uint32_t>(value);
        count += 6;
        if (count >= 8) {
            count -= 8;
            out += static_cast<char>((bits >> count) & 0xffU);
        }
    }
    if (digits % 4 == 1 || padding > 2 || (padding > 0 && (digits + padding) % 4 != 0)) {
        return std::nullopt;
    }
    return out;
}

std::string url_encode(std::string_view text, bool is_path) {
    std::string out;
    for (const char c : text) {
        const bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (letter || c == '-' || c == '.' || c == '_' || c == '~' || (is_path && c == '/')) {
            out += c;
        } else {
            constexpr std::string_view k_digits = "0123456789ABCDEF";
            const auto byte = static_cast<unsigned char>(c);
            out += '%';
            out += k_digits[byte >> 4U];
            out += k_digits[byte & 15U];
        }
    }
    return out;
}

std::string base64_encode(std::string_view bytes) {
    std::string out;
    out.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        std::uint32_t bits = 0;
        for (std::size_t j = 0; j < 3; ++j) {
            bits = (bits << 8U) | (i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0U);
        }
        for (std::size_t j = 0; j < 4; ++j) {
            out += i + j <= bytes.size() ? k_base64[(bits >> (18 - 6 * j)) & 63U] : '=';
        }
    }
    return out;
}

Result<Parameters> Parameters::decode(std::string_view form) {
    auto shared = std::make_shared<Shared>();
    while (!form.empty()) {
        const std::string_view pair = form.substr(0, form.find('&'));
        form.remove_prefix(std::min(form.size(), pair.size() + 1));
        if (pair.empty()) {
            continue;
        }
        const std::size_t equals = pair.find('=');
        const auto name = url_decode(pair.substr(0, equals));
        const auto value = equals == std::string_view::npos ? std::string() : url_decode(pair.substr(equals + 1));
        if (!name || !value || name->empty() || !is_utf8(*name) || !is_utf8(*value)) {
            return Error(Code::invalid_parameter_value,
                         fmt::format("the parameter \"{}\" is not well-formed", printable(pair.substr(0, std::min(equals, pair.size())))));
        }
        if (!shared->values.emplace(*name, *value).second) {
            return Error(Code::invalid_parameter_value, fmt::format("The parameter {} is given more than once", printable(*name)));
        }
    }
    return Parameters(std::move(shared), "");
}

Parameters Parameters::of(const std::map<std::string, std::string>& values) {
    auto shared = std::make_shared<Shared>();
    shared->values.insert(values.begin(), values.end());
    return {std::move(shared), ""};
}

void Parameters::add(const std::string& name, const std::string& value) const { shared_->values.emplace(name, value); }

std::string Parameters::full(std::string_view name) const { return prefix_ + std::string(name); }

std::optional<std::string> Parameters::raw(std::string_view name) const {
    const std::string whole = full(name);
    const auto at = shared_->values.find(whole);
    if (at == shared_->values.end()) {
        return std::nullopt;
    }
    shared_->read.insert(whole);
    return at->second;
}

std::optional<std::string> Parameters::text(std::string_view name) const {
    auto value = raw(name);
    return value && value->empty() ? std::nullopt : value;
}

std::string Parameters::required(std::string_view name) const {
    auto value = text(name);
    if (!value) {
        fault({Code::missing_parameter, fmt::format("The request must contain the parameter {}", printable(full(name)))});
    }
    return value.value_or("");
}

std::optional<bool> Parameters::boolean(std::string_view name) const {
    const auto value = text(name);
    if (!value) {
        return std::nullopt;
    }
    const std::string word = lower(*value);
    if (word != "true" && word != "false") {
        fault(invalid_value(full(name), *value, "Expected true or false."));
    }
    return word == "true";
}

std::optional<std::uint32_t> Parameters::number(std::string_view name) const {
    const auto value = text(name);
    if (!value) {
        return std::nullopt;
    }
    const auto parsed = parse_number<std::uint32_t>(*value);
    if (!parsed) {
        fault(invalid_value(full(name), *value, "Expected a whole number."));
    }
    return parsed;
}

std::optional<TimePoint> Parameters::time(std::string_view name) const {
    const auto value = text(name);
    if (!value) {
        return std::nullopt;
    }
    auto parsed = parse_iso8601(*value);
    if (!parsed) {
        fault(invalid_value(full(name), *value, "Expected the form 2026-11-22T05:30:00.000Z."));
        return std::nullopt;
    }
    return *parsed;
}

std::optional<std::string> Parameters::blob(std::string_view name) const {
    const auto value = text(name);
    if (!value) {
        return std::nullopt;
    }
    auto decoded = base64_decode(*value);
    if (!decoded) {
        fault({Code::invalid_parameter_value, fmt::format("Invalid BASE64 encoding of {}", printable(full(name)))});
    }
    return decoded;
}

std::vector<Parameters> Parameters::list(std::string_view name) const {
    const std::string prefix = full(name) + ".";
    std::set<std::pair<std::uint64_t, std::string>> found;  // "01" and "1" are two, so that one of them is unknown and told
    for (auto at = shared_->values.lower_bound(prefix); at != shared_->values.end() && at->first.starts_with(prefix); ++at) {
        const std::string_view rest = std::string_view(at->first).substr(prefix.size());
        if (const auto index = index_of(rest)) {
            found.emplace(*index, prefix + std::string(rest.substr(0, rest.find('.'))));
        }
    }
    std::vector<Parameters> out;
    for (const auto& [index, whole] : found) {
        out.push_back(Parameters(shared_, whole + "."));
    }
    return out;
}

std::string Parameters::value() const {
    const std::string whole = prefix_.substr(0, prefix_.size() - 1);
    const auto at = shared_->values.find(whole);
    if (at == shared_->values.end()) {
        return {};
    }
    shared_->read.insert(whole);
    return at->second;
}

std::vector<std::string> Parameters::texts(std::string_view name) const {
    std::vector<std::string> out;
    for (const Parameters& element : list(name)) {
        if (std::string value = element.value(); !value.empty()) {
            out.push_back(std::move(value));
        }
    }
    return out;
}

Parameters Parameters::below(std::string_view name) const { return {shared_, full(name) + "."}; }

bool Parameters::has(std::string_view name) const {
    const std::string whole = full(name);
    const auto at = shared_->values.lower_bound(whole);
    return (at != shared_->values.end() && at->first == whole && !at->second.empty()) ||
           (shared_->values.lower_bound(whole + ".") != shared_->values.end() &&
            shared_->values.lower_bound(whole + ".")->first.starts_with(whole + "."));
}

void Parameters::accept(std::string_view name) const {
    static_cast<void>(raw(name));
    const std::string prefix = full(name) + ".";
    for (auto at = shared_->values.lower_bound(prefix); at != shared_->values.end() && at->first.starts_with(prefix); ++at) {
        shared_->read.insert(at->first);
    }
}

void Parameters::refuse(std::string_view name, std::string_view why) const {
    if (has(name)) {
        fault({Code::unsupported_operation, fmt::format("The parameter {} is not supported: {}", printable(full(name)), why)});
    }
    accept(name);
}

void Parameters::refuse_unless(std::string_view name, std::string_view word, std::string_view why) const {
    if (text(name).value_or(std::string(word)) != word) {
        refuse(name, why);
    }
}

void Parameters::fault(Error error) const {
    if (!shared_->fault) {
        shared_->fault = std::move(error);
    }
}

std::string Parameters::canonical() const {
    std::string all;
    for (const auto& [name, value] : shared_->values) {
        if (!value.empty() || name.ends_with("NoDevice")) {  // the one that says something by being there
            all += fmt::format("{}={}:{}\n", name, value.size(), value);
        }
    }
    return all;
}

std::string Parameters::form() const {
    std::string all;
    for (const auto& [name, value] : shared_->values) {
        all += fmt::format("{}{}={}", all.empty() ? "" : "&", url_encode(name), url_encode(value));
    }
    return all;
}

Result<void> Parameters::check() const {
    for (const auto& [name, value] : shared_->values) {
        if (!shared_->read.contains(name)) {
            return Error(Code::unknown_parameter, fmt::format("The parameter {} is not recognized", printable(name)));
        }
    }
    return shared_->fault ? Result<void>(*shared_->fault) : Result<void>();
}

}  // namespace amivirt::ec2
