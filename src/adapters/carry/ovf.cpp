#include "adapters/carry/ovf.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <pugixml.hpp>
#include <sstream>

#include "adapters/common/files.hpp"
#include "adapters/common/utf8.hpp"

namespace amivirt {
namespace {

using pugi::xml_node;

// Source: CIM_ResourceAllocationSettingData.ResourceType.
constexpr std::string_view k_processor = "3";
constexpr std::string_view k_memory = "4";
constexpr std::string_view k_sata = "20";
constexpr std::string_view k_disk = "17";
constexpr std::size_t k_most_disks = 26;  ///< /dev/sda1, /dev/sdb .. /dev/sdz

std::string_view local(std::string_view name) {
    const auto colon = name.find(':');
    return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

bool named(const xml_node& node, std::string_view name) { return node.type() == pugi::node_element && local(node.name()) == name; }

/// Prefixes of namespaces differ from writer to writer.
std::vector<xml_node> children(const xml_node& node, std::string_view name) {
    std::vector<xml_node> found;
    for (const xml_node& child : node.children()) {
        if (named(child, name)) {
            found.push_back(child);
        }
    }
    return found;
}

xml_node child(const xml_node& node, std::string_view name) {
    const auto found = children(node, name);
    return found.empty() ? xml_node() : found.front();
}

xml_node anywhere(const xml_node& node, std::string_view name) {
    return node.find_node([&](const xml_node& one) { return named(one, name); });
}

std::string text(const xml_node& node, std::string_view name) { return child(node, name).text().get(); }

std::string attribute(const xml_node& node, std::string_view name) {
    for (const auto& one : node.attributes()) {
        if (local(one.name()) == name) {
            return one.value();
        }
    }
    return {};
}

std::optional<std::uint64_t> number(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

/// "byte * 2^20", "byte", "MegaBytes": bytes to one of them.
std::optional<std::uint64_t> unit(std::string units) {
    std::erase(units, ' ');
    std::transform(units.begin(), units.end(), units.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const std::map<std::string, unsigned> words{{"", 0},           {"byte", 0}, {"bytes", 0},      {"kilobytes", 10}, {"kb", 10},
                                                {"megabytes", 20}, {"mb", 20},  {"gigabytes", 30}, {"gb", 30},        {"tb", 40}};
    if (const auto word = words.find(units); word != words.end()) {
        return std::uint64_t{1} << word->second;
    }
    constexpr std::string_view k_power = "byte*2^";
    constexpr unsigned k_most_power = 50;
    const auto power = units.starts_with(k_power) ? number(std::string_view(units).substr(k_power.size())) : std::nullopt;
    return power && *power <= k_most_power ? std::optional(std::uint64_t{1} << *power) : std::nullopt;
}

std::optional<std::uint64_t> amount(const std::string& count, const std::string& units) {
    const auto value = number(count);
    const auto scale = unit(units);
    if (!value || !scale || *value > (std::uint64_t{1} << 60U) / *scale) {
        return std::nullopt;
    }
    return *value * *scale;
}

std::string device_name(std::size_t number) {
    return number == 0 ? "/dev/sda1" : fmt::format("/dev/sd{}", static_cast<char>('a' + number));
}

class Reader {
public:
    Reader(const xml_node& envelope, const std::string& shown_as) : envelope_(envelope), shown_as_(shown_as) {}

    Result<CarriedImage> run() {
        const auto system = AMIVIRT_TRY(the_system());
        CarriedImage carried;
        carried.kind = ArchiveKind::ova;
        Image& image = carried.image;
        image.root_device_name = device_name(0);
        image.name = text(system, "Name");
        image.description = text(child(system, "AnnotationSection"), "Annotation");
        read_system(system, carried);
        const auto hardware = child(system, "VirtualHardwareSection");
        struct Place {
            std::size_t controller = 0;
            std::uint64_t address = 0;
            std::string disk;
        };
        std::vector<Place> places;
        std::vector<std::string> controllers;
        for (const auto& item : items(hardware)) {
            const std::string type = text(item, "ResourceType");
            if (type == k_processor) {
                carried.vcpus = static_cast<unsigned>(std::min<std::uint64_t>(number(text(item, "VirtualQuantity")).value_or(0), 4096));
            } else if (type == k_memory) {
                carried.memory = MiB{amount(text(item, "VirtualQuantity"), text(item, "AllocationUnits")).value_or(0) >> 20U};
            } else if (type == k_disk) {
                Place place;
                const std::string parent = text(item, "Parent");
                const auto at = std::find(controllers.begin(), controllers.end(), parent);
                place.controller = static_cast<std::size_t>(at - controllers.begin());
                place.address = number(text(item, "AddressOnParent")).value_or(0);
                place.disk = text(item, "HostResource");
                places.push_back(std::move(place));
            } else {
                controllers.push_back(text(item, "InstanceID"));
            }
        }
        std::stable_sort(places.begin(), places.end(), [](const Place& a, const Place& b) {
            return std::pair(a.controller, a.address) < std::pair(b.controller, b.address);
        });
        for (const auto& place : places) {
            auto disk = AMIVIRT_TRY(the_disk(place.disk));
            disk.device_name = device_name(carried.disks.size());
            if (std::any_of(carried.disks.begin(), carried.disks.end(),
                            [&](const CarriedDisk& other) { return other.part == disk.part; })) {
                return refuse(fmt::format("uses the file \"{}\" twice", files::printable(disk.part)));
            }
            EbsDevice ebs;
            ebs.type = VolumeType::gp3;
            ebs.delete_on_termination = carried.disks.empty();
            image.mapping.push_back({disk.device_name, ebs});
            carried.disks.push_back(std::move(disk));
        }
        if (carried.disks.empty() || carried.disks.size() > k_most_disks) {
            return refuse(fmt::format("has {} disks, not 1 to {}", carried.disks.size(), k_most_disks));
        }
        return carried;
    }

private:
    [[nodiscard]] Error refuse(const std::string& why) const {
        return {Code::invalid_disk_image, fmt::format("The machine in \"{}\" cannot be taken: its OVF {}.", shown_as_, why)};
    }

    Result<xml_node> the_system() const {
        if (!named(envelope_, "Envelope")) {
            return refuse("has no Envelope");
        }
        if (child(envelope_, "VirtualSystemCollection")) {
            return refuse("describes several machines");
        }
        const auto system = child(envelope_, "VirtualSystem");
        if (!system) {
            return refuse("has no VirtualSystem");
        }
        return system;
    }

    /// OVF 2 has items of their own for disks.
    static std::vector<xml_node> items(const xml_node& hardware) {
        std::vector<xml_node> all;
        for (const xml_node& one : hardware.children()) {
            if (named(one, "Item") || named(one, "StorageItem")) {
                all.push_back(one);
            }
        }
        return all;
    }

    static void read_system(const xml_node& system, CarriedImage& carried) {
        carried.boot_mode_said = false;
        const auto hardware = child(system, "VirtualHardwareSection");
        std::string firmware;
        for (const char* section : {"Config", "ExtraConfig"}) {
            for (const auto& config : children(hardware, section)) {  // VMware's
                if (attribute(config, "key") == "firmware") {
                    firmware = attribute(config, "value");
                }
            }
        }
        if (firmware.empty()) {  // VirtualBox's
            firmware = attribute(anywhere(child(system, "Machine"), "Firmware"), "type");
        }
        std::transform(firmware.begin(), firmware.end(), firmware.begin(),
                       [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        if (!firmware.empty()) {
            carried.boot_mode_said = true;
            carried.image.boot_mode = firmware.starts_with("efi") ? BootMode::uefi : BootMode::legacy_bios;
        }
        const auto os = child(system, "OperatingSystemSection");
        std::string words = text(os, "Description") + " " + attribute(os, "osType");
        std::transform(words.begin(), words.end(), words.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        if (words.find("windows") != std::string::npos) {
            carried.image.platform = "windows";
        } else if (words.find("linux") != std::string::npos) {
            carried.image.platform = "linux";
        }
        carried.image.architecture = words.find("arm") != std::string::npos || words.find("aarch64") != std::string::npos
                                         ? Architecture::arm64
                                         : Architecture::x86_64;
    }

    Result<CarriedDisk> the_disk(const std::string& resource) const {
        const std::string id = resource.substr(resource.find_last_of('/') + 1);  // "ovf:/disk/vmdisk1", "/disk/vmdisk1"
        for (const auto& disk : children(child(envelope_, "DiskSection"), "Disk")) {
            if (attribute(disk, "diskId") != id) {
                continue;
            }
            const auto capacity = amount(attribute(disk, "capacity"), attribute(disk, "capacityAllocationUnits"));
            if (!capacity || *capacity == 0) {
                return refuse(fmt::format("gives disk \"{}\" no capacity", files::printable(id)));
            }
            if (!attribute(disk, "parentRef").empty()) {
                return refuse(fmt::format("gives disk \"{}\" a parent", files::printable(id)));
            }
            for (const auto& file : children(child(envelope_, "References"), "File")) {
                if (attribute(file, "id") != attribute(disk, "fileRef")) {
                    continue;
                }
                const std::string compression = attribute(file, "compression");
                if ((!compression.empty() && compression != "identity") || !attribute(file, "chunkSize").empty()) {
                    return refuse(fmt::format("has disk \"{}\" compressed or in pieces", files::printable(id)));
                }
                CarriedDisk found;
                found.part = attribute(file, "href");
                found.virtual_size = Bytes{*capacity};
                return found;
            }
            return refuse(fmt::format("has no file for disk \"{}\"", files::printable(id)));
        }
        return refuse(fmt::format("has no disk \"{}\"", files::printable(id)));
    }

    const xml_node& envelope_;
    const std::string& shown_as_;
};

/// What XML 1.0 has no way to say (control characters, noncharacters, bytes that are not UTF-8) becomes U+FFFD: a parser would refuse it
/// all.
std::string xml_text(std::string_view text) {
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t length = utf8_length_at(text, at);
        const std::string_view one = text.substr(at, length);
        const bool control = length == 1 && static_cast<unsigned char>(one[0]) < 0x20 && one != "\t" && one != "\n" && one != "\r";
        const bool none = length == 0 || control || one == "\xEF\xBF\xBE" || one == "\xEF\xBF\xBF";
        out += none ? std::string_view("\xEF\xBF\xBD") : one;
        at += std::max<std::size_t>(length, 1);
    }
    return out;
}

void add(xml_node parent, const char* name, const std::string& value) { parent.append_child(name).text().set(xml_text(value).c_str()); }

/// The elements of an Item stand in the order of their names (source: CIM's schema, as OVF demands).
struct Item {
    std::string address_on_parent;
    std::string allocation_units;
    std::string element_name;
    std::string host_resource;
    std::string instance_id;
    std::string parent;
    std::string resource_sub_type;
    std::string resource_type;
    std::string virtual_quantity;
};

void add_item(xml_node hardware, const Item& item) {
    auto node = hardware.append_child("Item");
    const std::pair<const char*, const std::string*> fields[] = {{"rasd:AddressOnParent", &item.address_on_parent},
                                                                 {"rasd:AllocationUnits", &item.allocation_units},
                                                                 {"rasd:ElementName", &item.element_name},
                                                                 {"rasd:HostResource", &item.host_resource},
                                                                 {"rasd:InstanceID", &item.instance_id},
                                                                 {"rasd:Parent", &item.parent},
                                                                 {"rasd:ResourceSubType", &item.resource_sub_type},
                                                                 {"rasd:ResourceType", &item.resource_type},
                                                                 {"rasd:VirtualQuantity", &item.virtual_quantity}};
    for (const auto& [name, value] : fields) {
        if (!value->empty()) {
            add(node, name, *value);
        }
    }
}

}  // namespace

std::string write_ovf(const CarriedImage& carried) {
    const Image& image = carried.image;
    pugi::xml_document document;
    auto declaration = document.append_child(pugi::node_declaration);
    declaration.append_attribute("version") = "1.0";
    declaration.append_attribute("encoding") = "UTF-8";
    auto envelope = document.append_child("Envelope");
    envelope.append_attribute("xmlns") = "http://schemas.dmtf.org/ovf/envelope/1";
    envelope.append_attribute("xmlns:ovf") = "http://schemas.dmtf.org/ovf/envelope/1";
    envelope.append_attribute("xmlns:rasd") = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData";
    envelope.append_attribute("xmlns:vssd") = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData";
    envelope.append_attribute("xmlns:vmw") = "http://www.vmware.com/schema/ovf";
    auto references = envelope.append_child("References");
    auto disk_section = envelope.append_child("DiskSection");
    add(disk_section, "Info", "The disks of the machine");
    for (std::size_t i = 0; i < carried.disks.size(); ++i) {
        const auto& disk = carried.disks[i];
        auto file = references.append_child("File");
        file.append_attribute("ovf:id") = fmt::format("file{}", i + 1).c_str();
        file.append_attribute("ovf:href") = xml_text(disk.part).c_str();
        file.append_attribute("ovf:size") = fmt::format("{}", disk.size.count).c_str();
        auto node = disk_section.append_child("Disk");
        node.append_attribute("ovf:capacity") = fmt::format("{}", disk.virtual_size.count).c_str();
        node.append_attribute("ovf:capacityAllocationUnits") = "byte";
        node.append_attribute("ovf:diskId") = fmt::format("vmdisk{}", i + 1).c_str();
        node.append_attribute("ovf:fileRef") = fmt::format("file{}", i + 1).c_str();
        node.append_attribute("ovf:format") = "http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized";
    }
    auto networks = envelope.append_child("NetworkSection");
    add(networks, "Info", "The networks of the machine");
    auto network = networks.append_child("Network");
    network.append_attribute("ovf:name") = "NAT";
    add(network, "Description", "The machine's network");
    auto system = envelope.append_child("VirtualSystem");
    system.append_attribute("ovf:id") = image.id.str().c_str();
    add(system, "Info", "A virtual machine");
    add(system, "Name", image.name);
    if (!image.description.empty()) {
        auto annotation = system.append_child("AnnotationSection");
        add(annotation, "Info", "A description of the machine");
        add(annotation, "Annotation", image.description);
    }
    auto os = system.append_child("OperatingSystemSection");
    // Source: CIM_OperatingSystem.OSType: 101 Linux 64-bit, 36 Linux, 102 other 64-bit.
    const bool wide = image.architecture != Architecture::i386;
    const bool is_windows = image.platform == "windows";
    os.append_attribute("ovf:id") = is_windows ? "102" : wide ? "101" : "36";
    add(os, "Info", "The operating system");
    const std::string bits = image.architecture == Architecture::arm64 ? "ARM 64-bit" : wide ? "64-bit" : "32-bit";
    add(os, "Description", fmt::format("{} ({})", is_windows ? "Microsoft Windows" : "Linux", bits));
    auto hardware = system.append_child("VirtualHardwareSection");
    add(hardware, "Info", "Virtual hardware");
    auto vssd = hardware.append_child("System");
    add(vssd, "vssd:ElementName", "Virtual Hardware Family");
    add(vssd, "vssd:InstanceID", "0");
    add(vssd, "vssd:VirtualSystemIdentifier", image.name);
    add(vssd, "vssd:VirtualSystemType", "vmx-10");
    unsigned id = 1;
    const auto next = [&id] { return fmt::format("{}", id++); };
    Item processors;
    processors.allocation_units = "hertz * 10^6";
    processors.element_name = fmt::format("{} virtual CPU(s)", carried.vcpus);
    processors.instance_id = next();
    processors.resource_type = k_processor;
    processors.virtual_quantity = fmt::format("{}", carried.vcpus);
    add_item(hardware, processors);
    Item memory;
    memory.allocation_units = "byte * 2^20";
    memory.element_name = fmt::format("{} MiB of memory", carried.memory.count);
    memory.instance_id = next();
    memory.resource_type = k_memory;
    memory.virtual_quantity = fmt::format("{}", carried.memory.count);
    add_item(hardware, memory);
    Item controller;
    controller.address_on_parent = "";
    controller.element_name = "SATA controller";
    controller.instance_id = next();
    controller.resource_sub_type = "AHCI";
    controller.resource_type = k_sata;
    add_item(hardware, controller);
    for (std::size_t i = 0; i < carried.disks.size(); ++i) {
        Item disk;
        disk.address_on_parent = fmt::format("{}", i);
        disk.element_name = carried.disks[i].device_name;
        disk.host_resource = fmt::format("ovf:/disk/vmdisk{}", i + 1);
        disk.instance_id = next();
        disk.parent = controller.instance_id;
        disk.resource_type = k_disk;
        add_item(hardware, disk);
    }
    auto nic = hardware.append_child("Item");
    add(nic, "rasd:AutomaticAllocation", "true");
    add(nic, "rasd:Connection", "NAT");
    add(nic, "rasd:ElementName", "Network card");
    add(nic, "rasd:InstanceID", next());
    add(nic, "rasd:ResourceSubType", "E1000");
    add(nic, "rasd:ResourceType", "10");
    if (image.boot_mode != BootMode::legacy_bios) {
        auto config = hardware.append_child("vmw:Config");
        config.append_attribute("ovf:required") = "false";
        config.append_attribute("vmw:key") = "firmware";
        config.append_attribute("vmw:value") = "efi";
    }
    std::ostringstream out;
    document.save(out, "  ");
    return out.str();
}

Result<CarriedImage> read_ovf(std::string_view text, const std::string& shown_as) {
    pugi::xml_document document;
    const auto parsed = document.load_buffer(text.data(), text.size());
    if (!parsed) {
        return Error(Code::invalid_disk_image,
                     fmt::format("The OVF of \"{}\" is not XML: {}, at byte {}.", shown_as, parsed.description(), parsed.offset));
    }
    const xml_node envelope = document.document_element();
    return Reader(envelope, shown_as).run();
}

}  // namespace amivirt
