// Disks in libvirt's XML, of a domain, to be plugged in, in a snapshot, and of a running machine: pure, no libvirt and no files opened.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "amivirt/ports/live_disks.hpp"

namespace pugi {
class xml_node;
}

namespace amivirt::libvirt {

/// May libvirt hand the file to QEMU's user, as it does with a disk?
enum class Relabel { yes, no };

/// A sealed layer below a disk.
struct BackingFile {
    DiskSource source;
    Relabel relabel = Relabel::yes;
    Encrypted encrypted = Encrypted::no;
};

/// What a disk consists of, from its file's header downwards.
struct DiskChain {
    Encrypted top = Encrypted::no;
    std::vector<BackingFile> below;  ///< nearest first
};

[[nodiscard]] bool any_encrypted(const DiskChain& chain);

/// The name of the libvirt secret that opens a store's encrypted layers: the store's id, as a UUID. "" if it is none.
[[nodiscard]] std::string secret_uuid(std::string_view store_id);

/// "vda", ..., "vdz", "vdaa": the n-th disk's name.
[[nodiscard]] std::string target_name(std::size_t index);
/// The serial as the guest sees it.
[[nodiscard]] std::string shown_serial(std::string_view serial);

/// Appends <disk> to `devices` and returns it.
pugi::xml_node append_disk(pugi::xml_node devices, const std::string& target, const DomainDisk& disk, const DiskChain& chain,
                           const std::string& secret);
pugi::xml_node append_seed(pugi::xml_node devices, const std::string& target, const std::string& path);
/// <disk> by itself, to be plugged in.
[[nodiscard]] std::string render_disk(const std::string& target, const DomainDisk& disk, const DiskChain& chain, const std::string& secret);

/// A disk of a running machine.
struct MachineDisk {
    std::string target;
    std::string alias;
    std::string serial;  ///< "": not one of ours
    DiskSource source;
};
/// What the XML of a domain says of the machine that runs.
struct Machine {
    bool running = false;
    bool agent = false;  ///< the guest's agent has opened its channel
    std::string store_id;
    std::vector<MachineDisk> disks;
    [[nodiscard]] const MachineDisk* find(std::string_view serial) const;
    [[nodiscard]] std::string free_target() const;
};
[[nodiscard]] Machine read_machine(std::string_view domain_xml);

/// One disk's new top.
struct NewTop {
    std::string target;
    DiskSource source;
    Encrypted encrypted = Encrypted::no;
};
/// <domainsnapshot> over `tops`; all other disks of the machine are left alone.
[[nodiscard]] std::string render_snapshot(const Machine& machine, const std::vector<NewTop>& tops, const std::string& secret);

}  // namespace amivirt::libvirt
