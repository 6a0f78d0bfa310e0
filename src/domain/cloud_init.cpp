#include "amivirt/domain/cloud_init.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "domain/text.hpp"

namespace amivirt {

namespace {

constexpr std::size_t k_tail = 12;
constexpr std::size_t k_longest_line = 300;

constexpr std::array<std::string_view, 7> k_fault_signs{
    "Failed to run module",   "Failed loading yaml blob", "Failed at merging in cloud config", "Unhandled non-multipart",
    "Failed calling handler", "Failed to shellify",       "Unhandled unknown content-type"};

constexpr std::array<std::string_view, 9> k_first_words{"#!",
                                                        "#cloud-config",
                                                        "#include",
                                                        "#cloud-boothook",
                                                        "#part-handler",
                                                        "## template:",
                                                        "#cloud-config-archive",
                                                        "#cloud-config-jsonp",
                                                        "#upstart-job"};

/// Source: cloud-init, "User data formats".
constexpr std::array<std::string_view, 13> k_part_types{
    "text/x-shellscript", "text/x-shellscript-per-boot", "text/x-shellscript-per-instance", "text/x-shellscript-per-once",
    "text/cloud-config",  "text/cloud-config-archive",   "text/cloud-config-jsonp",         "text/cloud-boothook",
    "text/part-handler",  "text/x-include-url",          "text/x-include-once-url",         "text/jinja2",
    "text/upstart-job"};

std::string without_controls(std::string_view line) {
    std::string out;
    bool escape = false;
    for (const char c : line) {
        if (c == '\x1b') {
            escape = true;
        } else if (escape) {
            escape = !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'));
        } else if (static_cast<unsigned char>(c) >= ' ' && c != 0x7f) {
            out += c;
        }
    }
    return out.substr(0, k_longest_line);
}

bool has(std::string_view line, std::string_view what) { return line.find(what) != std::string_view::npos; }

std::string_view first_line(std::string_view text) {
    const auto end = std::min(text.find('\n'), text.size());
    auto line = text.substr(0, end);
    while (line.ends_with('\r') || line.ends_with(' ')) {
        line.remove_suffix(1);
    }
    return line;
}

bool is_gzip(std::string_view text) { return text.starts_with("\x1f\x8b"); }

std::string in_small_letters(std::string_view text) {
    std::string lower;
    for (const char c : text) {
        lower += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    return lower;
}

/// Where a message's header ends and its body begins.
std::size_t header_end(std::string_view text) {
    const auto plain = text.find("\n\n");
    const auto with_returns = text.find("\r\n\r\n");
    return std::min(plain == std::string_view::npos ? text.size() : plain + 2,
                    with_returns == std::string_view::npos ? text.size() : with_returns + 4);
}

bool is_mime(std::string_view text) {
    const auto lower = in_small_letters(text.substr(0, std::min(std::size_t{4096}, header_end(text))));
    return lower.starts_with("content-type:") || lower.starts_with("mime-version:") || has(lower, "\ncontent-type:") ||
           has(lower, "\nmime-version:");
}

/// A field of a message's header, its continuation lines with it; "" none.
std::string header_field(std::string_view header, std::string_view name) {
    std::string value;
    bool is_it = false;
    while (!header.empty()) {
        const auto end = std::min(header.find('\n'), header.size());
        std::string_view line = header.substr(0, end);
        header.remove_prefix(std::min(end + 1, header.size()));
        while (line.ends_with('\r') || line.ends_with(' ')) {
            line.remove_suffix(1);
        }
        if (!line.starts_with(' ') && !line.starts_with('\t')) {
            is_it = in_small_letters(line.substr(0, name.size() + 1)) == std::string(name) + ":";
            line.remove_prefix(is_it ? name.size() + 1 : 0);
        }
        if (is_it) {
            value += line;
        }
    }
    value.erase(0, std::min(value.find_first_not_of(" \t"), value.size()));
    return value;
}

std::string boundary_of(const std::string& content_type) {
    const auto at = in_small_letters(content_type).find("boundary=");
    if (at == std::string::npos) {
        return "";
    }
    const std::string rest = content_type.substr(at + std::string_view("boundary=").size());
    return rest.starts_with('"') ? rest.substr(1, rest.find('"', 1) - 1) : rest.substr(0, rest.find_first_of("; \t"));
}

std::string from_base64(std::string_view text) {
    constexpr std::string_view k_digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string bytes;
    unsigned bits = 0;
    int count = 0;
    for (const char c : text) {
        const auto digit = k_digits.find(c);
        if (digit == std::string_view::npos) {
            continue;  // line ends, padding
        }
        bits = ((bits << 6U) | static_cast<unsigned>(digit)) & 0xffffffU;
        count += 6;
        if (count >= 8) {
            count -= 8;
            bytes += static_cast<char>((bits >> static_cast<unsigned>(count)) & 0xffU);
        }
    }
    return bytes;
}

std::string from_quoted_printable(std::string_view text) {
    const auto digit = [](char c) { return std::string_view("0123456789ABCDEF").find(c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c); };
    std::string bytes;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '=') {
            bytes += text[i];
        } else if (text.substr(i + 1).starts_with("\r\n")) {
            i += 2;
        } else if (text.substr(i + 1).starts_with('\n')) {
            ++i;
        } else if (i + 2 < text.size() && digit(text[i + 1]) < 16 && digit(text[i + 2]) < 16) {
            bytes += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
            i += 2;
        }
    }
    return bytes;
}

constexpr int k_deepest = 4;

void add_parts(std::string_view message, int depth, std::vector<UserDataPart>& parts) {
    const auto body_at = header_end(message);
    const auto header = message.substr(0, body_at);
    const auto body = message.substr(body_at);
    const auto content_type = header_field(header, "content-type");
    const auto type = in_small_letters(content_type.substr(0, content_type.find_first_of("; \t")));
    if (!type.starts_with("multipart/")) {
        const auto encoding = in_small_letters(header_field(header, "content-transfer-encoding"));
        const bool says_nothing = type.empty() || type == "text/plain" || type == "application/octet-stream";
        parts.push_back({says_nothing ? "" : type, encoding == "base64"             ? from_base64(body)
                                                   : encoding == "quoted-printable" ? from_quoted_printable(body)
                                                                                    : std::string(body)});
        return;
    }
    const auto boundary = "--" + boundary_of(content_type);
    if (boundary.size() == 2 || depth == k_deepest) {
        return;
    }
    const auto next = [&](std::size_t from) {
        for (auto at = body.find(boundary, from); at != std::string_view::npos; at = body.find(boundary, at + 1)) {
            if (at == 0 || body[at - 1] == '\n') {
                return at;
            }
        }
        return std::string_view::npos;
    };
    for (auto at = next(0); at != std::string_view::npos && !body.substr(at + boundary.size()).starts_with("--");) {
        const auto begin = std::min(body.find('\n', at), body.size() - 1) + 1;
        const auto end = std::min(next(begin), body.size());
        add_parts(body.substr(begin, end - begin), depth + 1, parts);
        at = next(begin);
    }
}

/// Its first line must tell what it is.
std::string doubt_about_text(std::string_view text, std::string_view what) {
    if (text.empty() || is_gzip(text)) {
        return {};
    }
    const auto line = first_line(text);
    if (std::none_of(k_first_words.begin(), k_first_words.end(), [&](std::string_view word) { return line.starts_with(word); })) {
        return fmt::format("{} with \"{}\": cloud-init knows them neither as a script (#!) nor as #cloud-config, and will ignore them",
                           what, without_controls(line).substr(0, 40));
    }
    return {};
}

}  // namespace

CloudInitReport cloud_init_on_console(std::string_view console) {
    CloudInitReport report;
    std::vector<std::string> last;
    while (!console.empty()) {
        const auto end = std::min(console.find('\n'), console.size());
        const std::string line = without_controls(console.substr(0, end));
        console.remove_prefix(std::min(end + 1, console.size()));
        const bool tiny_ended = line.starts_with("tiny: user-data ended with status ");
        last.push_back(line);
        const bool its_own = has(line, "cloud-init[") || has(line, "Cloud-init v.") || line.starts_with("tiny: user-data");
        if (tiny_ended && !line.ends_with(" 0")) {
            report.faults.push_back(line);
        }
        if (std::any_of(k_fault_signs.begin(), k_fault_signs.end(), [&](std::string_view sign) { return has(line, sign); }) ||
            (has(line, "Running module") && has(line, "failed"))) {
            report.faults.push_back(line);
        }
        if (its_own) {
            report.tail.push_back(line);
        }
        if (tiny_ended) {
            report.tail = std::move(last);  // it prints its script's words as they are
        }
        if (tiny_ended || (has(line, "Cloud-init v.") && has(line, " finished at "))) {
            report.finished = true;
            break;
        }
    }
    if (report.tail.size() > k_tail) {
        report.tail.erase(report.tail.begin(), report.tail.end() - k_tail);
    }
    return report;
}

std::vector<UserDataPart> user_data_parts(std::string_view user_data) {
    std::vector<UserDataPart> parts;
    if (is_mime(user_data)) {
        add_parts(user_data, 0, parts);
    } else {
        parts.push_back({"", std::string(user_data)});
    }
    return parts;
}

bool is_cloud_config(const UserDataPart& part) {
    const auto line = first_line(part.text);
    return !is_gzip(part.text) && (part.type == "text/cloud-config" ||
                                   (part.type.empty() && line.starts_with("#cloud-config") && !line.starts_with("#cloud-config-")));
}

std::string doubt_about(std::string_view user_data) {
    if (user_data.empty() || is_gzip(user_data)) {
        return {};
    }
    if (!utf8_length(user_data)) {
        return "the user data are neither UTF-8 text nor gzip: cloud-init will do nothing with them";
    }
    if (!is_mime(user_data)) {
        return doubt_about_text(user_data, "the user data begin");
    }
    const auto parts = user_data_parts(user_data);
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const auto& type = parts[i].type;
        if (type.empty()) {
            if (auto doubt = doubt_about_text(parts[i].text, fmt::format("the contents of part {} of the user data begin", i + 1));
                !doubt.empty()) {
                return doubt;
            }
        } else if (std::find(k_part_types.begin(), k_part_types.end(), type) == k_part_types.end()) {
            return fmt::format("part {} of the user data is of type \"{}\", which cloud-init does not know by itself", i + 1,
                               without_controls(type).substr(0, 40));
        }
    }
    return {};
}

}  // namespace amivirt
