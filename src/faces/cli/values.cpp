#include "faces/cli/values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <istream>

#include "amivirt/domain/network.hpp"
#include "faces/cli/suggest.hpp"
#include "faces/cli/talk.hpp"

namespace amivirt::cli {

namespace {

template <class Number>
std::optional<Number> whole_number(std::string_view text) {
    Number value{};
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failure != std::errc() || end != text.data() + text.size() || text.empty()) {
        return std::nullopt;
    }
    return value;
}

/// Four numbers to 255, without the leading zeros that some read as octal.
bool is_ipv4(std::string_view text) {
    int parts = 0;
    for (bool more = true; more; ++parts) {
        const std::size_t dot = text.find('.');
        more = dot != std::string_view::npos;
        const std::string_view part = text.substr(0, dot);
        if (!whole_number<std::uint8_t>(part) || (part.size() > 1 && part.front() == '0')) {
            return false;
        }
        text.remove_prefix(more ? dot + 1 : text.size());
    }
    return parts == 4;
}

Result<std::string> read_limited(std::istream& in, const std::string& shown_as, const SmallFile& what) {
    std::string data(what.limit + 1, '\0');
    in.read(data.data(), static_cast<std::streamsize>(data.size()));
    if (in.bad()) {
        return Error(Code::io_error, fmt::format("Cannot read the {} from \"{}\"", what.noun, shown_as));
    }
    data.resize(static_cast<std::size_t>(in.gcount()));
    if (data.size() > what.limit) {
        return invalid(fmt::format("The {} in \"{}\" is larger than {} KiB", what.noun, shown_as, what.limit / 1024), what.hint);
    }
    return data;
}

}  // namespace

Result<unsigned> parse_count(std::string_view text, unsigned least, unsigned most) {
    const auto value = whole_number<unsigned>(text);
    if (!value || *value < least || *value > most) {
        return invalid(fmt::format("\"{}\" is not a whole number from {} to {}", text, least, most));
    }
    return *value;
}

Result<PortForward> parse_port_forward(std::string_view text) {
    const auto fault = [text](std::string_view why) {
        return invalid(fmt::format("\"{}\" is not [ADDR:]HOST:GUEST[/tcp|/udp]: {}", text, why),
                       "as in \"-p 8080:80\"; \"-p 0:80\" picks a free port of the host");
    };
    PortForward forward;
    std::string_view ports = text;
    if (const std::size_t slash = text.find('/'); slash != std::string_view::npos) {
        ports = text.substr(0, slash);
        forward.protocol = text.substr(slash + 1);
        if (forward.protocol != "tcp" && forward.protocol != "udp") {
            return fault(fmt::format("the protocol is \"{}\"", forward.protocol));
        }
    }
    if (const std::size_t first = ports.find(':'); first != ports.rfind(':')) {
        forward.address = ports.substr(0, first);
        ports.remove_prefix(first + 1);
        if (!is_ipv4(forward.address)) {
            return fault(fmt::format("\"{}\" is not an IPv4 address", forward.address));
        }
    }
    const std::size_t colon = ports.find(':');
    if (colon == std::string_view::npos) {
        return fault("there is no colon");
    }
    const auto host = whole_number<std::uint16_t>(ports.substr(0, colon));
    if (!host) {
        return fault(fmt::format("\"{}\" is not a port from 0 to 65535", ports.substr(0, colon)));
    }
    const auto guest = whole_number<std::uint16_t>(ports.substr(colon + 1));
    if (!guest || *guest == 0) {
        return fault(fmt::format("\"{}\" is not a port from 1 to 65535", ports.substr(colon + 1)));
    }
    forward.host_port = *host;
    forward.guest_port = *guest;
    return forward;
}

Result<std::string> parse_network_word(std::string_view text) { return to_string(AMIVIRT_TRY(parse_network(text))); }

Result<Wait> parse_wait(std::string_view text) {
    const std::size_t equals = text.find('=');
    const std::string_view what = text.substr(0, equals);
    Wait wait{.what = WaitFor::running, .timeout = k_default_wait};
    if (what == "ssh") {
        wait.what = WaitFor::ssh;
    } else if (what == "cloud-init") {
        wait.what = WaitFor::cloud_init;
    } else if (what != "running") {
        return none_of("condition to wait for", what, {"running", "ssh", "cloud-init"});
    }
    if (equals != std::string_view::npos) {
        wait.timeout = AMIVIRT_TRY(parse_duration(text.substr(equals + 1)));
    }
    return wait;
}

Result<std::string> parse_sha256(std::string_view text) {
    constexpr std::string_view k_prefix = "sha256:";
    constexpr std::size_t k_digits = 64;
    std::string digest(text.starts_with(k_prefix) ? text.substr(k_prefix.size()) : text);
    std::transform(digest.begin(), digest.end(), digest.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (digest.size() != k_digits || digest.find_first_not_of("0123456789abcdef") != std::string::npos) {
        return invalid(fmt::format("\"{}\" is not a SHA-256 digest (64 hex digits)", text));
    }
    return digest;
}

Result<std::string> parse_region(std::string_view text) {
    constexpr std::size_t k_longest = 63;
    const bool is_good = !text.empty() && text.size() <= k_longest && text.front() != '-' &&
                         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos;
    if (!is_good) {
        return invalid(fmt::format("\"{}\" is not a region's name (lower-case letters, digits and dashes, at most {})", text, k_longest));
    }
    return std::string(text);
}

Result<std::string> parse_account_word(std::string_view text) {
    auto id = AccountId::parse(text);
    if (!id && !check_account_alias(text)) {
        return std::move(id.error());
    }
    return std::string(text);
}

Result<Tags> tags_of(const std::vector<std::pair<std::string, std::string>>& pairs, const std::string& name) {
    Tags tags;
    for (const auto& [key, value] : pairs) {
        if (!tags.emplace(key, value).second) {
            return invalid(fmt::format("The tag \"{}\" is given twice", key));
        }
    }
    if (!name.empty() && !tags.emplace("Name", name).second) {
        return usage_error("--name and --tag Name=... say the same thing twice", "leave one of them out");
    }
    AMIVIRT_TRY(check_tags(tags));
    return tags;
}

Result<GiB> parse_gib(std::string_view text) {
    constexpr std::string_view k_hint = "as in \"20\" or \"20GiB\"";
    const auto plain = whole_number<std::uint64_t>(text);
    const Result<Bytes> bytes = plain ? Result<Bytes>(Bytes{}) : parse_bytes(text);
    const bool is_whole = plain || (bytes && GiB::holding(*bytes).bytes() == *bytes);
    const std::uint64_t count = plain ? *plain : (bytes ? GiB::holding(*bytes).count : 0);
    if (!is_whole || count == 0 || count > UINT32_MAX) {
        return invalid(fmt::format("\"{}\" is not a whole number of GiB", text), std::string(k_hint));
    }
    return GiB{count};
}

Result<std::uint32_t> parse_rate(std::string_view text) { return parse_count(text, 1, UINT32_MAX); }

Result<Quiesce> parse_quiesce(std::string_view text) {
    if (text == "auto") {
        return Quiesce::automatic;
    }
    if (text == "yes") {
        return Quiesce::yes;
    }
    if (text == "no") {
        return Quiesce::no;
    }
    return none_of("choice", text, {"auto", "yes", "no"});
}

Result<DeviceSwitch> parse_device_switch(std::string_view text) {
    const std::size_t equals = text.rfind('=');
    const std::string_view word = equals == std::string_view::npos ? std::string_view() : text.substr(equals + 1);
    const bool on = word == "yes" || word == "true";
    if (equals == 0 || (!on && word != "no" && word != "false")) {
        return invalid(fmt::format("\"{}\" is not DEVICE=yes or DEVICE=no", text), "as in \"/dev/sdf=no\"");
    }
    return DeviceSwitch{std::string(text.substr(0, equals)), on};
}

std::vector<std::string> instance_names(const std::string& name, unsigned count) {
    std::vector<std::string> names;
    for (unsigned i = 1; i <= count; ++i) {
        names.push_back(count == 1 ? name : fmt::format("{}-{}", name, i));
    }
    return names;
}

Result<std::string> read_small_file(const std::string& path, std::istream& in, const SmallFile& what) {
    if (path == "-") {
        return read_limited(in, "standard input", what);
    }
    std::error_code failure;
    if (std::filesystem::is_directory(path, failure)) {
        return invalid(fmt::format("\"{}\" is a directory; the {} is a file", path, what.noun));
    }
    errno = 0;
    std::ifstream file(path, std::ios::binary);
    if (!file) {
        return invalid(fmt::format("Cannot read \"{}\": {}", path, std::strerror(errno)));
    }
    return read_limited(file, path, what);
}

}  // namespace amivirt::cli
