#include "adapters/libvirt/domain_xml.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <cstdint>
#include <initializer_list>

#include "adapters/libvirt/xml.hpp"

namespace amivirt::libvirt {
namespace {

constexpr const char* k_qemu_namespace = "http://libvirt.org/schemas/domain/qemu/1.0";

/// QEMU's option syntax: a comma inside a value is written twice.
std::string qemu_value(std::string_view value) {
    std::string escaped;
    for (const char c : value) {
        escaped.append(c == ',' ? 2 : 1, c);
    }
    return escaped;
}

Result<void> check_texts(const DomainSpec& spec) {
    const auto check = [](std::string_view what, std::string_view text) -> Result<void> {
        if (!xml_text(text)) {
            return Error(Code::invalid_parameter_value,
                         fmt::format("the {} \"{}\" holds a control character, which domain XML cannot express", what, text));
        }
        return {};
    };
    AMIVIRT_TRY(check("region", spec.region));
    AMIVIRT_TRY(check("seed path", spec.seed));
    AMIVIRT_TRY(check("console log path", spec.console_log));
    AMIVIRT_TRY(check("NVRAM path", spec.nvram));
    AMIVIRT_TRY(check("network", spec.network.name));
    for (const DomainDisk& disk : spec.disks) {
        AMIVIRT_TRY(check("disk path", disk.source.location));
    }
    return {};
}

void fill_metadata(pugi::xml_node domain, const DomainSpec& spec) {
    pugi::xml_node metadata = child(domain, "metadata");
    remove_children(metadata, "amivirt:instance");
    pugi::xml_node ours = metadata.append_child("amivirt:instance");
    set_attribute(ours, "xmlns:amivirt", std::string(k_metadata_namespace));
    set_attribute(ours, "store", spec.store_id);
    set_attribute(ours, "region", spec.region);
    set_attribute(ours, "image", spec.image.str());
}

Result<void> fill_firmware(pugi::xml_node domain, const DomainSpec& spec, const RenderOptions& options) {
    pugi::xml_node os = child(domain, "os");
    if (spec.architecture == Architecture::arm64) {
        return Error(Code::unsupported_operation,
                     fmt::format("{} is for arm64, and the domain template is of an x86 machine", spec.instance.str()));
    }
    pugi::xml_node type = child(os, "type");
    type.text().set("hvm");
    // A 32-bit guest runs on the 64-bit machine as it does on real ones, and needs no other emulator.
    set_attribute(type, "arch", std::string("x86_64"));
    remove_children(os, "loader");
    remove_children(os, "nvram");
    if (spec.firmware == Firmware::bios) {
        return {};
    }
    if (options.ovmf.code.empty() || options.ovmf.variables.empty()) {
        return Error(Code::unsupported_operation,
                     fmt::format("{} boots by UEFI, and this host has no UEFI firmware (OVMF)", spec.instance.str()),
                     "apt-get install ovmf");
    }
    pugi::xml_node loader = set_text(os, "loader", options.ovmf.code);
    set_attribute(loader, "readonly", std::string("yes"));
    set_attribute(loader, "type", std::string("pflash"));
    pugi::xml_node nvram = set_text(os, "nvram", spec.nvram);
    set_attribute(nvram, "template", options.ovmf.variables);
    return {};
}

void fill_cpu(pugi::xml_node domain, const DomainSpec& spec, const RenderOptions& options) {
    // A template that brings its own <cpu> means it.
    if (domain.child("cpu") || options.target == Target::test) {
        return;
    }
    pugi::xml_node cpu = domain.insert_child_after("cpu", domain.child("vcpu"));
    set_attribute(cpu, "mode", std::string(spec.accelerator == Accelerator::kvm ? "host-passthrough" : "maximum"));
    set_attribute(cpu, "check", std::string("none"));
}

void fill_disks(pugi::xml_node devices, const DomainSpec& spec, const RenderOptions& options) {
    remove_children(devices, "disk");
    const std::string secret = secret_uuid(spec.store_id);
    std::size_t index = 0;
    for (const DomainDisk& wanted : spec.disks) {
        const DiskChain chain = index < options.chains.size() ? options.chains[index] : DiskChain{};
        pugi::xml_node disk = append_disk(devices, target_name(index), wanted, chain, secret);
        if (index == 0) {
            set_attribute(disk.append_child("boot"), "order", 1);
        }
        ++index;
    }
    if (!spec.seed.empty()) {
        append_seed(devices, target_name(index), spec.seed);
    }
}

/// libvirt's own path for the socket grows with the user's home folder beyond what a socket's path may be.
void fill_agent(pugi::xml_node devices, const RenderOptions& options) {
    for (pugi::xml_node channel : devices.children("channel")) {
        if (!options.agent_socket.empty() &&
            std::string_view(channel.child("target").attribute("name").value()) == "org.qemu.guest_agent.0" && !channel.child("source")) {
            pugi::xml_node source = channel.prepend_child("source");
            set_attribute(source, "mode", "bind");
            set_attribute(source, "path", options.agent_socket);
        }
    }
}

void fill_console(pugi::xml_node devices, const DomainSpec& spec) {
    pugi::xml_node serial = devices.child("serial");
    if (!serial) {
        serial = devices.append_child("serial");
        set_attribute(serial, "type", std::string("pty"));
    }
    remove_children(serial, "log");
    if (!spec.console_log.empty()) {
        pugi::xml_node log = serial.append_child("log");
        set_attribute(log, "file", spec.console_log);
        set_attribute(log, "append", std::string("on"));
    }
}

Result<std::string> user_network(const DomainSpec& spec) {
    // IPv6 off: the user network announces a router that leads nowhere on most hosts, and guests would try it first.
    std::string text = "user,id=amivirt0,ipv6=off";
    for (const PortForward& port : spec.ports) {
        in_addr address{};
        if (port.protocol != "tcp" && port.protocol != "udp") {
            return Error(Code::invalid_parameter_value,
                         fmt::format("port {} of {} cannot be forwarded: the protocol \"{}\" is neither \"tcp\" nor \"udp\"",
                                     port.guest_port, spec.instance.str(), port.protocol));
        }
        if (inet_pton(AF_INET, port.address.c_str(), &address) != 1) {
            return Error(Code::invalid_parameter_value, fmt::format("port {} of {} cannot be forwarded: \"{}\" is not an IPv4 address",
                                                                    port.guest_port, spec.instance.str(), port.address));
        }
        text += ",hostfwd=" + qemu_value(fmt::format("{}:{}:{}-:{}", port.protocol, port.address, port.host_port, port.guest_port));
    }
    return text;
}

/// Where our network card sits. libvirt does not know of it and hands out addresses from below: the old machine's 31 slots end at 0x1f,
/// and on PCI Express it puts devices behind root ports, eight to a slot, so that 0x10 is far beyond what it reaches.
std::string network_address(pugi::xml_node domain) {
    const std::string_view machine = domain.child("os").child("type").attribute("machine").value();
    return machine.starts_with("pc") && !machine.starts_with("pc-q35") ? "bus=pci.0,addr=0x1f" : "bus=pcie.0,addr=0x10";
}

void append_interface(pugi::xml_node devices, const DomainSpec& spec) {
    const bool is_bridge = spec.network.kind == NetworkChoice::Kind::bridge;
    pugi::xml_node card = devices.append_child("interface");
    set_attribute(card, "type", std::string(is_bridge ? "bridge" : "network"));
    set_attribute(card.append_child("mac"), "address", spec.mac_address);
    set_attribute(card.append_child("source"), is_bridge ? "bridge" : "network", spec.network.name);
    set_attribute(card.append_child("model"), "type", std::string("virtio"));
}

Result<void> fill_network(pugi::xml_node domain, const DomainSpec& spec, const RenderOptions& options) {
    if (spec.network.kind != NetworkChoice::Kind::user) {
        append_interface(child(domain, "devices"), spec);
        return {};
    }
    if (options.target == Target::test) {
        return {};
    }
    const std::string network = AMIVIRT_TRY(user_network(spec));
    set_attribute(domain, "xmlns:qemu", std::string(k_qemu_namespace));
    pugi::xml_node line = child(domain, "qemu:commandline");
    for (const std::string& argument : {std::string("-netdev"), network, std::string("-device"),
                                        fmt::format("virtio-net-pci,netdev=amivirt0,id=amivirt0-card,mac={},{}",
                                                    qemu_value(spec.mac_address), network_address(domain))}) {
        set_attribute(line.append_child("qemu:arg"), "value", argument);
    }
    return {};
}

}  // namespace

std::string domain_uuid(const InstanceId& instance) {
    // RFC 9562, version 8: 17 hex digits of the id, then "amivir" in ASCII.
    std::string digits = instance.empty() ? "" : instance.str().substr(InstanceId::prefix().size());
    digits.resize(17, '0');
    return fmt::format("{}-{}-8{}-8{}0-616d69766972", digits.substr(0, 8), digits.substr(8, 4), digits.substr(12, 3), digits.substr(15, 2));
}

std::string store_of_metadata(std::string_view element_xml) {
    pugi::xml_document document;
    if (!document.load_buffer(element_xml.data(), element_xml.size())) {
        return {};
    }
    return document.document_element().attribute("store").value();
}

Result<std::string> render_domain(std::string_view template_xml, const DomainSpec& spec, const RenderOptions& options) {
    pugi::xml_document document;
    const pugi::xml_parse_result parsed = document.load_buffer(template_xml.data(), template_xml.size());
    if (!parsed) {
        return Error(Code::invalid_manifest,
                     fmt::format("the domain template is not well-formed XML: {} at byte {}", parsed.description(), parsed.offset));
    }
    pugi::xml_node domain = document.document_element();
    if (std::string_view(domain.name()) != "domain") {
        return Error(Code::invalid_manifest, fmt::format("the domain template's root element is <{}>, expected <domain>", domain.name()));
    }
    AMIVIRT_TRY(check_texts(spec));

    const char* const kind = options.target == Target::test ? "test" : spec.accelerator == Accelerator::kvm ? "kvm" : "qemu";
    set_attribute(domain, "type", kind);
    set_text(domain, "name", spec.instance.str());
    set_text(domain, "uuid", domain_uuid(spec.instance));
    fill_metadata(domain, spec);
    remove_children(domain, "currentMemory");
    set_attribute(set_text(domain, "memory", std::to_string(spec.memory.count)), "unit", "MiB");
    set_text(domain, "vcpu", std::to_string(spec.vcpus));
    AMIVIRT_TRY(fill_firmware(domain, spec, options));
    fill_cpu(domain, spec, options);
    pugi::xml_node devices = child(domain, "devices");
    fill_disks(devices, spec, options);
    fill_console(devices, spec);
    fill_agent(devices, options);
    AMIVIRT_TRY(fill_network(domain, spec, options));

    return to_text(document);
}

}  // namespace amivirt::libvirt
