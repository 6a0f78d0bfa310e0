// From a DomainSpec to libvirt's domain XML: pure, no libvirt and no files opened.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "adapters/libvirt/disk_xml.hpp"
#include "amivirt/ports/hypervisor.hpp"

namespace amivirt::libvirt {

/// Namespace of our <metadata> element.
inline constexpr std::string_view k_metadata_namespace = "https://amivirt.dev/domain/1";

/// UEFI: the firmware's code and the template of its variables. Empty: this host has none.
struct Ovmf {
    std::string code;
    std::string variables;
};

enum class Target {
    qemu,
    test,  ///< libvirt's test driver, which knows no QEMU
};

struct RenderOptions {
    Ovmf ovmf;
    Target target = Target::qemu;
    std::vector<DiskChain> chains;  ///< per disk
    std::string agent_socket;       ///< for the guest agent's channel, where the template has one; "" leaves it to libvirt
};

/// `template_xml` with everything filled in that `spec` says; what else the template holds stays. Elements the spec decides
/// (name, uuid, memory, vcpu, disks, ...) replace the template's. invalid_manifest: the template is no domain XML (quotes where);
/// unsupported_operation: UEFI without firmware, or an architecture that the template's machine cannot be;
/// invalid_parameter_value: a forward that QEMU's user network cannot do.
[[nodiscard]] Result<std::string> render_domain(std::string_view template_xml, const DomainSpec& spec, const RenderOptions& options);

/// The domain's UUID: made of the instance id, so that defining it again replaces it.
[[nodiscard]] std::string domain_uuid(const InstanceId& instance);

/// The store id of our <metadata> element; "" if there is none.
[[nodiscard]] std::string store_of_metadata(std::string_view element_xml);

}  // namespace amivirt::libvirt
