#include "faces/ec2/signature.hpp"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "faces/ec2/parameters.hpp"
#include "faces/ec2/xml.hpp"

namespace amivirt::ec2 {

namespace {

constexpr std::string_view k_algorithm = "AWS4-HMAC-SHA256";
constexpr Duration k_skew = std::chrono::minutes(15);
constexpr std::uint32_t k_longest = 7 * 24 * 3600;  // source: X-Amz-Expires
constexpr std::string_view k_rejected = "AWS was not able to validate the provided access credentials";

std::string hex(std::string_view bytes) {
    constexpr std::string_view k_digits = "0123456789abcdef";
    std::string out;
    out.reserve(bytes.size() * 2);
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        out += k_digits[byte >> 4U];
        out += k_digits[byte & 15U];
    }
    return out;
}

std::string sha256(std::string_view text) {
    std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
    unsigned length = 0;
    if (EVP_Digest(text.data(), text.size(), digest.data(), &length, EVP_sha256(), nullptr) != 1) {
        return {};  // out of memory alone; no signature is empty
    }
    return {digest.begin(), digest.begin() + length};
}

std::string hmac(std::string_view key, std::string_view text) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned length = 0;
    const auto* const bytes = reinterpret_cast<const unsigned char*>(text.data());
    if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes, text.size(), digest.data(), &length) == nullptr) {
        return {};
    }
    return {digest.begin(), digest.begin() + length};
}

std::string lower(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return out;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    for (;;) {
        const std::size_t at = text.find(separator);
        parts.push_back(text.substr(0, at));
        if (at == std::string_view::npos) {
            return parts;
        }
        text.remove_prefix(at + 1);
    }
}

std::string_view query_of(const HttpRequest& request) {
    const std::size_t at = request.target.find('?');
    return at == std::string::npos ? std::string_view() : std::string_view(request.target).substr(at + 1);
}

std::string canonical_query(const HttpRequest& request) {
    std::vector<std::pair<std::string, std::string>> pairs;
    for (const std::string_view part : split(query_of(request), '&')) {
        const std::size_t equals = std::min(part.find('='), part.size());
        const auto name = url_decode(part.substr(0, equals));
        const auto value = url_decode(part.substr(std::min(equals + 1, part.size())));
        if (!part.empty() && name && value && *name != "X-Amz-Signature") {
            pairs.emplace_back(url_encode(*name), url_encode(*value));
        }
    }
    std::sort(pairs.begin(), pairs.end());
    std::string out;
    for (const auto& [name, value] : pairs) {
        out += fmt::format("{}{}={}", out.empty() ? "" : "&", name, value);
    }
    return out;
}

/// Without blanks around it, each run of blanks in it one.
std::string trimmed(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const bool blank = c == ' ' || c == '\t';
        if (!blank) {
            out += c;
        } else if (!out.empty() && out.back() != ' ') {
            out += ' ';
        }
    }
    if (!out.empty() && out.back() == ' ') {
        out.pop_back();
    }
    return out;
}

/// "20261122T053000Z"; nullopt if it is none.
std::optional<TimePoint> parse_time(std::string_view text) {
    if (text.size() != 16 || text[8] != 'T' || text[15] != 'Z') {
        return std::nullopt;
    }
    const auto time = parse_iso8601(fmt::format("{}-{}-{}T{}:{}:{}Z", text.substr(0, 4), text.substr(4, 2), text.substr(6, 2),
                                                text.substr(9, 2), text.substr(11, 2), text.substr(13, 2)));
    return time ? std::optional(*time) : std::nullopt;
}

Error incomplete(std::string_view what) { return {Code::auth_failure, fmt::format("{}: the signature's {}", k_rejected, what)}; }

Result<void> read_credential(std::string_view credential, Claim& claim) {
    const auto parts = split(credential, '/');
    if (parts.size() != 5 || parts[4] != "aws4_request" || parts[0].empty()) {
        return incomplete("Credential is not of the form KEY/DATE/REGION/SERVICE/aws4_request");
    }
    claim.key_id = parts[0];
    claim.date = parts[1];
    claim.region = parts[2];
    claim.service = parts[3];
    return {};
}

Result<std::optional<Claim>> from_header(std::string_view authorization, const HttpRequest& request) {
    Claim claim;
    authorization.remove_prefix(k_algorithm.size());
    std::string credential;
    for (const std::string_view part : split(authorization, ',')) {
        const std::string field = trimmed(part);
        const std::size_t equals = field.find('=');
        const std::string_view name = std::string_view(field).substr(0, equals);
        const std::string value = equals == std::string::npos ? "" : field.substr(equals + 1);
        if (name == "Credential") {
            credential = value;
        } else if (name == "SignedHeaders") {
            claim.signed_headers = value;
        } else if (name == "Signature") {
            claim.signature = value;
        }
    }
    AMIVIRT_TRY(read_credential(credential, claim));
    claim.time = header(request, "x-amz-date");
    return std::optional(std::move(claim));
}

Result<std::optional<Claim>> from_query(const HttpRequest& request) {
    Claim claim;
    claim.presigned = true;
    std::string credential;
    std::string expires;
    for (const std::string_view part : split(query_of(request), '&')) {
        const std::size_t equals = std::min(part.find('='), part.size());
        const std::string value = url_decode(part.substr(std::min(equals + 1, part.size()))).value_or("");
        const std::string_view name = part.substr(0, equals);
        if (name == "X-Amz-Credential") {
            credential = value;
        } else if (name == "X-Amz-SignedHeaders") {
            claim.signed_headers = value;
        } else if (name == "X-Amz-Signature") {
            claim.signature = value;
        } else if (name == "X-Amz-Date") {
            claim.time = value;
        } else if (name == "X-Amz-Expires") {
            expires = value;
        } else if (name == "X-Amz-Algorithm" && value != k_algorithm) {
            return incomplete(fmt::format("algorithm is not {}", k_algorithm));
        }
    }
    AMIVIRT_TRY(read_credential(credential, claim));
    std::uint32_t seconds = 0;
    const auto [end, error] = std::from_chars(expires.data(), expires.data() + expires.size(), seconds);
    if (error != std::errc() || end != expires.data() + expires.size() || seconds < 1 || seconds > k_longest) {
        return Error(Code::invalid_parameter_value, fmt::format("X-Amz-Expires \"{}\" is not in 1..{}", printable(expires), k_longest));
    }
    claim.valid = seconds;
    return std::optional(std::move(claim));
}

std::string scope_of(const Claim& claim) { return fmt::format("{}/{}/{}/aws4_request", claim.date, claim.region, claim.service); }

}  // namespace

Result<std::optional<Claim>> read_claim(const HttpRequest& request) {
    const std::string authorization = header(request, "authorization");
    if (authorization.starts_with(k_algorithm)) {
        return from_header(authorization, request);
    }
    if (!authorization.empty()) {
        return incomplete(fmt::format("algorithm is not {}", k_algorithm));
    }
    if (query_of(request).find("X-Amz-Signature=") != std::string_view::npos) {
        return from_query(request);
    }
    return std::optional<Claim>{};
}

std::string canonical_request(const HttpRequest& request, const Claim& claim) {
    const std::string path = request.target.substr(0, request.target.find('?'));
    std::map<std::string, std::string, std::less<>> sent;  // looked up: thousands of each come in one request
    for (const auto& [name, value] : request.headers) {
        std::string& values = sent[lower(name)];
        values += (values.empty() ? "" : ",") + trimmed(value);
    }
    std::string headers;
    for (const std::string_view name : split(claim.signed_headers, ';')) {
        const auto values = sent.find(name);
        headers.append(name).append(":").append(values == sent.end() ? "" : values->second).append("\n");
    }
    return fmt::format("{}\n{}\n{}\n{}\n{}\n{}", request.method, path.empty() ? "/" : url_encode(path, true), canonical_query(request),
                       headers, claim.signed_headers, hex(sha256(request.body)));
}

std::string sign(const HttpRequest& request, const Claim& claim, std::string_view secret) {
    const std::string to_sign =
        fmt::format("{}\n{}\n{}\n{}", k_algorithm, claim.time, scope_of(claim), hex(sha256(canonical_request(request, claim))));
    std::string key = "AWS4" + std::string(secret);
    for (const std::string_view part : {std::string_view(claim.date), std::string_view(claim.region), std::string_view(claim.service),
                                        std::string_view("aws4_request")}) {
        key = hmac(key, part);
    }
    return hex(hmac(key, to_sign));
}

Result<void> verify(const HttpRequest& request, const Claim& claim, std::string_view secret, TimePoint now) {
    const auto time = parse_time(claim.time);
    if (!time || claim.time.substr(0, 8) != claim.date) {
        return incomplete("time is missing or not that of its Credential");
    }
    const auto said = split(claim.signed_headers, ';');
    const std::set<std::string_view> names(said.begin(), said.end());
    if (!names.contains("host")) {
        return incomplete("SignedHeaders do not name host");
    }
    for (const auto& [name, value] : request.headers) {
        const std::string known = lower(name);
        if (known.starts_with("x-amz-") && !names.contains(known)) {
            return incomplete(fmt::format("SignedHeaders do not name {}, which was sent", printable(known)));
        }
    }
    const TimePoint ends = claim.valid ? *time + std::chrono::seconds(*claim.valid) : *time + k_skew;
    if (*time > now + k_skew || ends < now) {
        return Error(wire::request_expired,
                     fmt::format("Request has expired: it is of {}, and it is {}", to_iso8601(*time), to_iso8601(now)));
    }
    const std::string expected = sign(request, claim, secret);
    if (expected.size() != claim.signature.size() || CRYPTO_memcmp(expected.data(), claim.signature.data(), expected.size()) != 0) {
        return Error(wire::signature_does_not_match,
                     "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and "
                     "signing method. Consult the service documentation for details.");
    }
    return {};
}

}  // namespace amivirt::ec2
