// A signed request: "METHOD TARGET\nName: value\n...\n\nbody". What it claims, and that only its own signature is taken for it.
#include "faces/ec2/signature.hpp"
#include "faces/ec2/codes.hpp"
#include "fuzz.hpp"

using namespace amivirt;
namespace ec2 = amivirt::ec2;

namespace {

constexpr std::string_view k_secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

ec2::HttpRequest request_of(std::string_view rest) {
    ec2::HttpRequest request;
    std::string_view first = fuzz::cut(rest, '\n');
    request.method = fuzz::cut(first, ' ');
    request.target = first;
    while (!rest.empty()) {
        std::string_view line = fuzz::cut(rest, '\n');
        if (line.empty()) {
            break;
        }
        const std::string name(fuzz::cut(line, ':'));
        request.headers.emplace_back(name, std::string(line));
    }
    request.body = rest;
    return request;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const TimePoint now = *parse_iso8601("2015-08-30T12:36:00Z");
    ec2::HttpRequest request = request_of(fuzz::bytes(data, size));
    const auto read = ec2::read_claim(request);
    if (!read) {
        fuzz::demand(fuzz::utf8(read.error().message), "what is said of a claim is UTF-8");
        return 0;
    }
    if (!*read) {
        return 0;
    }
    ec2::Claim claim = **read;
    const auto given = ec2::verify(request, claim, k_secret, now);
    fuzz::demand(given || fuzz::utf8(given.error().message), "what is said of a signature is UTF-8");
    fuzz::demand(!ec2::verify(request, claim, "another secret", now), "another secret signs nothing");

    claim.signature = ec2::sign(request, claim, k_secret);
    fuzz::demand(claim.signature.size() == 64, "a signature has 64 digits");
    const auto signed_now = ec2::verify(request, claim, k_secret, now);
    if (!signed_now) {
        fuzz::demand(signed_now.error().code != ec2::wire::signature_does_not_match, "one's own signature is right");
        return 0;
    }
    ec2::Claim cut = claim;
    cut.signature.pop_back();
    fuzz::demand(!ec2::verify(request, cut, k_secret, now), "part of a signature is none");
    request.body += ' ';
    fuzz::demand(!ec2::verify(request, claim, k_secret, now), "a changed body is noticed");
    request.body.pop_back();
    request.method += 'X';
    fuzz::demand(!ec2::verify(request, claim, k_secret, now), "a changed method is noticed");
    request.method.pop_back();
    request.target += request.target.find('?') == std::string::npos ? "?more=1" : "&more=1";
    fuzz::demand(!ec2::verify(request, claim, k_secret, now), "a changed query is noticed");
    return 0;
}
