// Hostile strings (the input, cut at NUL bytes) as the command line's JSON, YAML and tables: other parsers read just these strings, and
// nothing in a table steers a terminal.
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "faces/cli/render_json.hpp"
#include "faces/cli/text.hpp"
#include "fuzz.hpp"

using namespace amivirt;

namespace {

void same(const std::string& read, const std::string& written) {
    // What is not UTF-8 cannot be said in JSON; it need only be harmless.
    fuzz::demand(fuzz::utf8(written) ? read == written : fuzz::utf8(read), "a text is read as it was written");
}

/// YAML has no noncharacters: they are U+FFFD there (source: YAML 1.2, 5.1).
std::string as_yaml_says(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const std::size_t length = std::max<std::size_t>(fuzz::utf8_at(text), 1);
        const std::string_view one = text.substr(0, length);
        std::uint32_t code = 0;
        for (const char c : one) {
            code = code << 6U | (static_cast<unsigned char>(c) & 0x3fU);
        }
        code &= length == 4 ? 0x1fffffU : 0xffffU;
        const bool none = length >= 3 && ((code & 0xfffeU) == 0xfffeU || (code >= 0xfdd0U && code <= 0xfdefU));
        out += none ? std::string_view("\xef\xbf\xbd") : one;
        text.remove_prefix(length);
    }
    return out;
}

bool steers(std::string_view text) {
    return std::any_of(text.begin(), text.end(), [](unsigned char c) { return (c < 0x20 && c != '\n') || c == 0x7f; });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view rest = fuzz::bytes(data, size);
    const std::string first(fuzz::cut(rest, '\0'));
    const std::string second(fuzz::cut(rest, '\0'));
    const std::string third(rest);

    Image image;
    image.id = *ImageId::parse("ami-0123456789abcdef0");
    image.owner = *AccountId::parse("000000000000");
    image.name = first;
    image.description = second;
    image.root_device_name = "/dev/sda1";
    image.tags = {{"Name", third}, {first, second}};
    const cli::Document document = cli::images_document({image});

    const auto json = nlohmann::json::parse(cli::to_json(document), nullptr, false);
    fuzz::demand(!json.is_discarded(), "JSON is well-formed");
    const auto& shown = json.at("Images").at(0);
    same(shown.at("Name").get<std::string>(), first);
    if (!second.empty()) {
        same(shown.at("Description").get<std::string>(), second);
    }
    fuzz::demand(shown.at("Tags").size() == image.tags.size(), "all tags are there");
    std::size_t at = 0;
    for (const auto& [key, value] : image.tags) {
        same(shown.at("Tags").at(at).at("Key").get<std::string>(), key);
        same(shown.at("Tags").at(at).at("Value").get<std::string>(), value);
        ++at;
    }

    const YAML::Node yaml = YAML::Load(cli::to_yaml(document));
    same(yaml["Images"][0]["Name"].as<std::string>(), as_yaml_says(first));
    same(yaml["Images"][0]["Tags"][0]["Key"].as<std::string>(), as_yaml_says(image.tags.begin()->first));
    same(yaml["Images"][0]["Tags"][0]["Value"].as<std::string>(), as_yaml_says(image.tags.begin()->second));

    cli::TextTable table({"NAME", "DESCRIPTION"});
    table.add({first, second});
    const std::string lines = table.str();
    fuzz::demand(!steers(lines), "a table steers no terminal");
    fuzz::demand(std::count(lines.begin(), lines.end(), '\n') == 2, "a record has one line of a table");
    cli::FieldList fields;
    fields.add("Name", third);
    fields.add_tags(image.tags);
    fuzz::demand(!steers(fields.str()), "fields steer no terminal");
    cli::ConsoleFilter filter;
    const std::string console = filter(first) + filter(second) + filter(third);
    fuzz::demand(console.find('\x1b') == std::string::npos, "a guest's console steers no terminal");
    return 0;
}
