#include "adapters/libvirt/disk_xml.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "adapters/libvirt/xml.hpp"

namespace amivirt::libvirt {
namespace {

// virtio-blk has room for so many characters of a serial number; QEMU cuts silently, we write what the guest sees.
constexpr std::size_t k_serial_length = 20;
constexpr std::size_t k_store_id_length = 32;

/// libvirt fills in the engine when it reads a domain but not when it reads a snapshot, and then refuses to start what it wrote down
/// itself.
void add_encryption(pugi::xml_node source, const std::string& secret) {
    pugi::xml_node encryption = source.append_child("encryption");
    set_attribute(encryption, "format", "luks");
    set_attribute(encryption, "engine", "qemu");
    pugi::xml_node key = encryption.append_child("secret");
    set_attribute(key, "type", "passphrase");
    set_attribute(key, "uuid", secret);
}

pugi::xml_node add_disk(pugi::xml_node devices, const std::string& target, const std::string& path, const std::string& format) {
    pugi::xml_node disk = devices.append_child("disk");
    set_attribute(disk, "type", "file");
    set_attribute(disk, "device", "disk");
    pugi::xml_node driver = disk.append_child("driver");
    set_attribute(driver, "name", "qemu");
    set_attribute(driver, "type", format);
    set_attribute(disk.append_child("source"), "file", path);
    pugi::xml_node name = disk.append_child("target");
    set_attribute(name, "dev", target);
    set_attribute(name, "bus", "virtio");
    return disk;
}

/// Told explicitly to its end, the chain is not probed: no header names a file that QEMU is given; and a layer that many instances share
/// stays its owner's, out of every QEMU's power.
void add_backing(pugi::xml_node disk, const std::vector<BackingFile>& chain, const std::string& secret) {
    pugi::xml_node parent = disk;
    for (const BackingFile& file : chain) {
        parent = parent.append_child("backingStore");
        set_attribute(parent, "type", "file");
        set_attribute(parent.append_child("format"), "type", file.source.format);
        pugi::xml_node source = parent.append_child("source");
        set_attribute(source, "file", file.source.location);
        if (file.relabel == Relabel::no) {
            pugi::xml_node label = source.append_child("seclabel");
            set_attribute(label, "model", "dac");
            set_attribute(label, "relabel", "no");
        }
        if (file.encrypted == Encrypted::yes) {
            add_encryption(source, secret);
        }
    }
    parent.append_child("backingStore");
}

}  // namespace

bool any_encrypted(const DiskChain& chain) {
    return chain.top == Encrypted::yes ||
           std::ranges::any_of(chain.below, [](const BackingFile& file) { return file.encrypted == Encrypted::yes; });
}

std::string secret_uuid(std::string_view store_id) {
    if (store_id.size() != k_store_id_length || store_id.find_first_not_of("0123456789abcdef") != std::string_view::npos) {
        return {};
    }
    return fmt::format("{}-{}-{}-{}-{}", store_id.substr(0, 8), store_id.substr(8, 4), store_id.substr(12, 4), store_id.substr(16, 4),
                       store_id.substr(20));
}

std::string target_name(std::size_t index) {
    std::string letters;
    for (std::size_t rest = index + 1; rest > 0; rest = (rest - 1) / 26) {
        letters.insert(letters.begin(), static_cast<char>('a' + (rest - 1) % 26));
    }
    return "vd" + letters;
}

std::string shown_serial(std::string_view serial) { return std::string(serial.substr(0, k_serial_length)); }

pugi::xml_node append_disk(pugi::xml_node devices, const std::string& target, const DomainDisk& wanted, const DiskChain& chain,
                           const std::string& secret) {
    pugi::xml_node disk = add_disk(devices, target, wanted.source.location, wanted.source.format);
    pugi::xml_node driver = disk.child("driver");
    // The host's page cache holds the layers that instances share only once; a guest's flush still reaches the disk.
    set_attribute(driver, "cache", "writeback");
    set_attribute(driver, "discard", "unmap");
    if (chain.top == Encrypted::yes) {
        add_encryption(disk.child("source"), secret);
    }
    if (wanted.iops || wanted.throughput) {
        pugi::xml_node tune = disk.append_child("iotune");
        if (wanted.throughput) {
            set_text(tune, "total_bytes_sec", std::to_string(MiB{*wanted.throughput}.bytes().count));
        }
        if (wanted.iops) {
            set_text(tune, "total_iops_sec", std::to_string(*wanted.iops));
        }
    }
    if (!wanted.serial.empty()) {
        set_text(disk, "serial", shown_serial(wanted.serial));
    }
    if (wanted.source.format == "qcow2") {
        add_backing(disk, chain.below, secret);
    }
    return disk;
}

pugi::xml_node append_seed(pugi::xml_node devices, const std::string& target, const std::string& path) {
    pugi::xml_node disk = add_disk(devices, target, path, "raw");
    disk.append_child("readonly");
    return disk;
}

std::string render_disk(const std::string& target, const DomainDisk& disk, const DiskChain& chain, const std::string& secret) {
    pugi::xml_document document;
    append_disk(document, target, disk, chain, secret);
    return to_text(document);
}

const MachineDisk* Machine::find(std::string_view serial) const {
    const std::string shown = shown_serial(serial);
    const auto found = std::ranges::find_if(disks, [&](const MachineDisk& disk) { return !shown.empty() && disk.serial == shown; });
    return found == disks.end() ? nullptr : &*found;
}

std::string Machine::free_target() const {
    for (std::size_t index = 0;; ++index) {
        std::string name = target_name(index);
        if (std::ranges::none_of(disks, [&](const MachineDisk& disk) { return disk.target == name; })) {
            return name;
        }
    }
}

Machine read_machine(std::string_view domain_xml) {
    Machine machine;
    pugi::xml_document document;
    if (!document.load_buffer(domain_xml.data(), domain_xml.size())) {
        return machine;
    }
    const pugi::xml_node domain = document.document_element();
    // Only a domain that runs has a number.
    machine.running = !domain.attribute("id").empty();
    machine.store_id = domain.child("metadata").child("amivirt:instance").attribute("store").value();
    const pugi::xml_node devices = domain.child("devices");
    for (const pugi::xml_node channel : devices.children("channel")) {
        const pugi::xml_node target = channel.child("target");
        machine.agent = machine.agent || (std::string_view(target.attribute("name").value()) == "org.qemu.guest_agent.0" &&
                                          std::string_view(target.attribute("state").value()) == "connected");
    }
    for (const pugi::xml_node disk : devices.children("disk")) {
        machine.disks.push_back({disk.child("target").attribute("dev").value(),
                                 disk.child("alias").attribute("name").value(),
                                 disk.child("serial").text().get(),
                                 {disk.child("source").attribute("file").value(), disk.child("driver").attribute("type").value()}});
    }
    return machine;
}

std::string render_snapshot(const Machine& machine, const std::vector<NewTop>& tops, const std::string& secret) {
    pugi::xml_document document;
    pugi::xml_node disks = document.append_child("domainsnapshot").append_child("disks");
    for (const MachineDisk& present : machine.disks) {
        pugi::xml_node disk = disks.append_child("disk");
        set_attribute(disk, "name", present.target);
        const auto top = std::ranges::find_if(tops, [&](const NewTop& wanted) { return wanted.target == present.target; });
        if (top == tops.end()) {
            set_attribute(disk, "snapshot", "no");
            continue;
        }
        set_attribute(disk, "snapshot", "external");
        set_attribute(disk, "type", "file");
        set_attribute(disk.append_child("driver"), "type", top->source.format);
        pugi::xml_node source = disk.append_child("source");
        set_attribute(source, "file", top->source.location);
        if (top->encrypted == Encrypted::yes) {
            add_encryption(source, secret);
        }
    }
    return to_text(document);
}

}  // namespace amivirt::libvirt
