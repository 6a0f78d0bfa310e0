#include "adapters/libvirt/capabilities.hpp"

#include <cstdio>
#include <pugixml.hpp>
#include <string_view>

#include "adapters/libvirt/handles.hpp"

namespace amivirt::libvirt {

std::string emulator(const Connection& connection) {
    const CString text(virConnectGetDomainCapabilities(connection.handle.get(), nullptr, "x86_64", nullptr, "qemu", 0));
    pugi::xml_document document;
    if (!text || !document.load_string(text.get())) {
        return {};
    }
    return document.child("domainCapabilities").child("path").text().get();
}

Result<std::optional<Identity>> qemu_identity(const Connection& connection) {
    const CString text(virConnectGetCapabilities(connection.handle.get()));
    pugi::xml_document document;
    if (!text || !document.load_string(text.get())) {
        return Error(Code::hypervisor_failed, "libvirt does not tell its capabilities: " + last_failure().message);
    }
    for (const pugi::xml_node model : document.child("capabilities").child("host").children("secmodel")) {
        Identity who;
        // "+64055:+64055"
        if (std::string_view(model.child("model").text().get()) == "dac" &&
            std::sscanf(model.child("baselabel").text().get(), "+%u:+%u", &who.user, &who.group) == 2) {
            return who;
        }
    }
    return std::optional<Identity>();
}

}  // namespace amivirt::libvirt
