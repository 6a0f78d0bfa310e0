// What reading and writing libvirt's XML with pugixml needs again and again.
#pragma once

#include <pugixml.hpp>
#include <string>
#include <string_view>

namespace amivirt::libvirt {

struct StringWriter final : pugi::xml_writer {
    std::string text;
    void write(const void* data, std::size_t size) override { text.append(static_cast<const char*>(data), size); }
};

inline std::string to_text(const pugi::xml_document& document) {
    StringWriter writer;
    document.save(writer, "  ", pugi::format_indent | pugi::format_no_declaration, pugi::encoding_utf8);
    return writer.text;
}

inline pugi::xml_node child(pugi::xml_node parent, const char* name) {
    const pugi::xml_node found = parent.child(name);
    return found ? found : parent.append_child(name);
}

inline void remove_children(pugi::xml_node parent, const char* name) {
    while (parent.remove_child(name)) {
    }
}

inline pugi::xml_node set_text(pugi::xml_node parent, const char* name, const std::string& value) {
    pugi::xml_node node = child(parent, name);
    node.text().set(value.c_str());
    return node;
}

template <class Value>
void set_attribute(pugi::xml_node node, const char* name, const Value& value) {
    pugi::xml_attribute attribute = node.attribute(name);
    if (!attribute) {
        attribute = node.append_attribute(name);
    }
    attribute.set_value(value);
}

inline void set_attribute(pugi::xml_node node, const char* name, const std::string& value) { set_attribute(node, name, value.c_str()); }

/// XML 1.0 cannot hold control characters, not even escaped.
inline bool xml_text(std::string_view text) {
    for (const char c : text) {
        if (static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r') {
            return false;
        }
    }
    return true;
}

}  // namespace amivirt::libvirt
