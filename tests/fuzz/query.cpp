// A request's parameters as they come in: decoding, and what the actions read of them.
#include "faces/ec2/call.hpp"
#include "faces/ec2/parameters.hpp"
#include "fuzz.hpp"

using amivirt::ec2::Call;
using amivirt::ec2::Parameters;
namespace fuzz = amivirt::fuzz;

namespace {

std::string percent_encoded(std::string_view text) {
    constexpr std::string_view k_digits = "0123456789abcdef";
    std::string out;
    out.reserve(text.size() * 3);
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        out += '%';
        out += k_digits[byte >> 4U];
        out += k_digits[byte & 15U];
    }
    return out;
}

void read_all(const Parameters& in) {
    for (const Parameters& filter : in.list("Filter")) {
        const std::string name = filter.required("Name");
        const auto values = filter.texts("Value");
        fuzz::demand(fuzz::utf8(name), "a filter's name is UTF-8");
        for (const std::string& value : values) {
            fuzz::demand(!value.empty() && fuzz::utf8(value), "a filter's value is UTF-8");
        }
    }
    for (const Parameters& each : in.list("TagSpecification")) {
        static_cast<void>(each.text("ResourceType"));
        for (const auto& [key, value] : Call::tags_in(each)) {
            fuzz::demand(fuzz::utf8(key) && fuzz::utf8(value), "a tag is UTF-8");
        }
    }
    static_cast<void>(Call::mapping_in(in));
    static_cast<void>(in.number("MaxResults"));
    static_cast<void>(in.time("Until"));
    static_cast<void>(in.blob("UserData"));
    static_cast<void>(in.flag("DryRun"));
    static_cast<void>(in.below("Placement").text("AvailabilityZone"));
    in.accept("Monitoring");
    in.refuse("Ipv6Address", "there is none");
    if (const auto checked = in.check(); !checked) {
        fuzz::demand(fuzz::utf8(checked.error().message), "what is said of a fault is UTF-8");
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = fuzz::bytes(data, size);
    fuzz::demand(amivirt::ec2::url_decode(percent_encoded(text)) == text, "what was percent-encoded is decoded");
    fuzz::demand(amivirt::ec2::base64_decode(amivirt::ec2::base64_encode(text)) == text, "what is base64 is decoded");
    static_cast<void>(amivirt::ec2::base64_decode(text));

    const auto parameters = Parameters::decode(text);
    if (!parameters) {
        fuzz::demand(fuzz::utf8(parameters.error().message), "what is said of a form is UTF-8");
        return 0;
    }
    read_all(*parameters);

    // Any two strings are a parameter, if they are UTF-8 and the name is there.
    std::string_view rest = text;
    const std::string name(fuzz::cut(rest, '\n'));
    const auto made = Parameters::decode(percent_encoded(name) + "=" + percent_encoded(rest));
    fuzz::demand(made.has_value() == (!name.empty() && fuzz::utf8(name) && fuzz::utf8(rest)), "UTF-8 is taken, and nothing else");
    if (made) {
        fuzz::demand(made->raw(name) == std::string(rest), "a parameter says what was sent");
        fuzz::demand(made->check().has_value(), "it was read, and is all there is");
    }
    return 0;
}
