// Hostile strings (the input, cut at NUL bytes) as XML answers: another parser reads just these strings.
#include <pugixml.hpp>

#include "faces/ec2/render.hpp"
#include "fuzz.hpp"

using namespace amivirt;
using ec2::Xml;

namespace {

/// As strict as pugixml is, with white space as it stands.
constexpr unsigned k_options = pugi::parse_escapes | pugi::parse_ws_pcdata | pugi::parse_cdata | pugi::parse_eol;

void legal(std::string_view xml) {
    fuzz::demand(fuzz::utf8(xml), "an answer is UTF-8");
    fuzz::demand(fuzz::as_xml_says(xml) == xml, "an answer has none but XML's characters");
}

std::string said(const pugi::xml_node& node, const char* name) { return node.child(name).text().get(); }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view rest = fuzz::bytes(data, size);
    const std::string first(fuzz::cut(rest, '\0'));
    const std::string second(fuzz::cut(rest, '\0'));
    const std::string third(rest);

    fuzz::demand(ec2::is_utf8(third) == fuzz::utf8(third), "UTF-8 is what Unicode says it is");
    const std::string shown = ec2::printable(third);
    fuzz::demand(fuzz::utf8(shown) && shown.size() < 220, "a quoted value is short, and UTF-8");

    Image made;
    made.id = *ImageId::parse("ami-0123456789abcdef0");
    made.owner = *AccountId::parse("000000000000");
    made.name = first;
    made.description = second;
    made.state_reason = third;
    made.root_device_name = "/dev/sda1";
    made.tags = {{first, second}, {third, first}};
    Xml out;
    out.in("answer", [&] {
        out.text("first", first);
        out.text("second", second);
        out.list("all", std::vector{first, second, third}, [&](const std::string& each) { out.text("one", each); });
        out.tags(made.tags);
        out.in("image", [&] { ec2::image(out, made, {}); });
        out.text("last", "end");
    });
    legal(out.str());

    pugi::xml_document document;
    fuzz::demand(document.load_buffer(out.str().data(), out.str().size(), k_options, pugi::encoding_utf8), "an answer is well-formed");
    const auto answer = document.child("answer");
    fuzz::demand(said(answer, "first") == fuzz::as_xml_says(first), "a text is read as it was written");
    fuzz::demand(said(answer, "second") == fuzz::as_xml_says(second), "the second too");
    fuzz::demand(said(answer, "last") == "end", "nothing ends an answer early");
    std::size_t items = 0;
    for (const auto& item : answer.child("all").children("item")) {
        const std::string& each = items == 0 ? first : items == 1 ? second : third;
        fuzz::demand(said(item, "one") == fuzz::as_xml_says(each), "an item is read as it was written");
        ++items;
    }
    fuzz::demand(items == 3, "a list has as many items as were written");
    auto tag = made.tags.begin();
    for (const auto& item : answer.child("tagSet").children("item")) {
        fuzz::demand(tag != made.tags.end(), "there are no more tags than were written");
        fuzz::demand(said(item, "key") == fuzz::as_xml_says(tag->first) && said(item, "value") == fuzz::as_xml_says(tag->second),
                     "a tag is read as it was written");
        ++tag;
    }
    fuzz::demand(tag == made.tags.end(), "all tags were written");
    fuzz::demand(said(answer.child("image"), "name") == fuzz::as_xml_says(first), "an image's name is read as it was written");
    fuzz::demand(said(answer.child("image"), "description") == fuzz::as_xml_says(second), "its description too");
    return 0;
}
