#include "faces/ec2/guard.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "faces/ec2/xml.hpp"

namespace amivirt::ec2 {

namespace {

bool is_letter(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_token(char c) { return is_letter(c) || is_digit(c) || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos; }

bool same_word(std::string_view a, std::string_view b) {
    const auto low = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return low(x) == low(y); });
}

std::string_view without_blanks(std::string_view text) {
    constexpr std::string_view k_blanks = " \t";
    text.remove_prefix(std::min(text.find_first_not_of(k_blanks), text.size()));
    const std::size_t last = text.find_last_not_of(k_blanks);
    return last == std::string_view::npos ? std::string_view() : text.substr(0, last + 1);
}

/// What has been seen of the headers that say where the body ends and for whom it is.
struct Seen {
    int lengths = 0;
    int codings = 0;
    int hosts = 0;
};

std::string_view wrong_with_field(std::string_view line, Seen& seen) {
    if (line.front() == ' ' || line.front() == '\t') {
        return "a folded header line";
    }
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0) {
        return "a header line without a name";
    }
    const std::string_view name = line.substr(0, colon);
    if (!std::all_of(name.begin(), name.end(), is_token)) {
        return "a header's name with a character that none has";
    }
    const std::string_view value = without_blanks(line.substr(colon + 1));
    if (same_word(name, "content-length")) {
        if (++seen.lengths > 1) {
            return "more than one Content-Length";
        }
        if (value.empty() || !std::all_of(value.begin(), value.end(), is_digit)) {
            return "a Content-Length that is no number";
        }
    } else if (same_word(name, "transfer-encoding")) {
        if (++seen.codings > 1 || !same_word(value, "chunked")) {
            return "a Transfer-Encoding that is not just chunked";
        }
    } else if (same_word(name, "host") && ++seen.hosts > 1) {
        return "more than one Host";
    }
    return seen.lengths > 0 && seen.codings > 0 ? "both a Content-Length and a Transfer-Encoding" : "";
}

std::string_view wrong_with_first_line(std::string_view line) {
    const std::size_t blank = line.find(' ');
    const std::size_t last = line.rfind(' ');
    if (blank == std::string_view::npos || blank == 0 || last == blank || line.find(' ', blank + 1) != last || blank + 1 == last) {
        return "a first line that is not METHOD TARGET VERSION";
    }
    if (!std::all_of(line.begin(), line.begin() + static_cast<std::ptrdiff_t>(blank), is_token)) {
        return "a method with a character that none has";
    }
    const std::string_view version = line.substr(last + 1);
    return version == "HTTP/1.1" || version == "HTTP/1.0" ? "" : "another version than HTTP/1.1 and HTTP/1.0";
}

bool is_loopback_name(const std::string& host) {
    const std::string_view local = ".localhost";
    return host == "localhost" || host == "::1" || host.ends_with(local) ||
           (host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string::npos);
}

}  // namespace

Head examine_head(std::string_view bytes) {
    // At once, not only at the end of a line that may never come: a client that speaks TLS, say.
    if (!bytes.empty() && !is_token(bytes.front())) {
        return {0, "what begins like no request of HTTP"};
    }
    Seen seen;
    bool modern = false;
    for (std::size_t at = 0;;) {
        const std::string_view rest = bytes.substr(at);
        const auto control =
            std::find_if(rest.begin(), rest.end(), [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F; });
        const std::string_view line = rest.substr(0, static_cast<std::size_t>(control - rest.begin()));
        const std::string_view ending = rest.substr(line.size(), 2);
        if (ending.empty() || ending == "\r") {
            return {};  // more is to come
        }
        if (ending != "\r\n") {
            return {0, ending.front() == '\r' || ending.front() == '\n' ? "a line that does not end in CR LF" : "a control character"};
        }
        std::string_view wrong;
        if (at == 0) {
            wrong = wrong_with_first_line(line);
            modern = line.ends_with("1.1");
        } else if (line.empty()) {
            return {at + 2, modern && seen.hosts == 0     ? std::string_view("no Host")
                            : !modern && seen.codings > 0 ? std::string_view("a Transfer-Encoding in HTTP/1.0")
                                                          : std::string_view()};
        } else {
            wrong = wrong_with_field(line, seen);
        }
        if (!wrong.empty()) {
            return {0, wrong};
        }
        at += line.size() + 2;
    }
}

std::string host_of(std::string_view host_header) {
    std::string_view host = host_header;
    if (host.starts_with('[')) {
        return std::string(host.substr(1, host.find(']') - 1));
    }
    std::string name(host.substr(0, host.find(':')));
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return name;
}

std::string foreign(const HttpRequest& request, const std::string& own) {
    if (!header(request, "origin").empty()) {
        return "it comes from a web page (it has an Origin header)";
    }
    const std::string site = header(request, "sec-fetch-site");
    if (!site.empty() && site != "none") {
        return "it comes from a web page (Sec-Fetch-Site)";
    }
    const std::string host = host_of(header(request, "host"));
    if (!is_loopback_name(host) && host != own) {
        return fmt::format("its Host is \"{}\", which is not this server's name", printable(host));
    }
    return "";
}

}  // namespace amivirt::ec2
