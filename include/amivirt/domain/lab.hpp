// A lab: named machines, volumes and keys in one file, and what it takes to make them so. All pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "amivirt/domain/block_device_mapping.hpp"
#include "amivirt/domain/instance.hpp"
#include "amivirt/domain/key_pair.hpp"
#include "amivirt/domain/lab_member.hpp"
#include "amivirt/domain/storage.hpp"

namespace amivirt {

/// The tag that all machines and volumes of a lab carry; its value is the lab's name.
inline constexpr std::string_view k_lab_tag = "amivirt:lab";

/// How far a machine must be before those that depend on it are launched.
enum class Readiness { running, ssh, cloud_init };
[[nodiscard]] std::string_view to_string(Readiness value) noexcept;  // "cloud-init"
[[nodiscard]] Result<Readiness> parse_readiness(std::string_view text);

struct LabDependency {
    std::string on;  ///< an instance of the lab; with a count, all of its machines
    Readiness until = Readiness::running;
    friend bool operator==(const LabDependency&, const LabDependency&) = default;
};

/// A volume that outlives the machines it is attached to.
struct LabVolume {
    std::string name;
    int line = 0;
    EbsDevice ebs;  ///< a size, a snapshot, or both; delete_on_termination is never said
    Tags tags;
};

struct LabKey {
    std::string name;
    int line = 0;
    std::string public_key;  ///< one line, as in authorized_keys
};

/// A disk of one machine.
struct LabDisk {
    std::string device;
    std::string volume;  ///< of the lab's volumes; "": a volume of its own, which goes with the machine
    EbsDevice ebs;       ///< of its own; what is not said is as the image has it
    friend bool operator==(const LabDisk&, const LabDisk&) = default;
};

struct LabInstance {
    std::string name;
    int line = 0;
    std::string image;  ///< id or name
    std::string type = "t3.micro";
    unsigned count = 1;
    std::vector<LabDisk> disks;
    std::string key;
    std::string user_data;
    std::vector<PortForward> ports;
    std::string network = "user";  ///< as Instance::network
    Tags tags;
    std::vector<LabDependency> depends_on;
};

/// What a lab's file says. Names are unique, what is referred to is there, and depends_on has no cycle.
struct Lab {
    std::string name;
    std::string file;  ///< as it was given, for messages
    std::vector<LabVolume> volumes;
    std::vector<LabKey> keys;
    std::vector<LabInstance> instances;
};

/// 1 to 63 letters, digits, dashes, dots and underscores, a letter or digit first; `what` names it: "lab", "instance".
[[nodiscard]] Result<void> check_lab_name(std::string_view what, std::string_view name);

/// A machine of the lab: "web", or with a count "web-1", "web-2".
struct LabMachine {
    std::string name;
    std::size_t section = 0;  ///< which of Lab::instances
};
[[nodiscard]] std::vector<LabMachine> machines_of(const Lab& lab);

/// The names along one cycle of depends_on, the first one again at the end; empty: there is none. Names of no instance are passed over.
[[nodiscard]] std::vector<std::string> find_cycle(const std::vector<LabInstance>& instances);

/// The tags that `up` gives; the Name is the machine's unless the file says another.
[[nodiscard]] Tags tags_of(const Lab& lab, const LabMachine& machine);
[[nodiscard]] Tags tags_of(const Lab& lab, const LabVolume& volume);

/// LabMember::digest of a member: a hash for each field that was said, so that what was edited can be named.
[[nodiscard]] std::string digest_of(const LabInstance& section);
[[nodiscard]] std::string digest_of(const LabVolume& volume);
[[nodiscard]] std::string digest_of(const LabKey& key);

/// What there is of a lab.
struct LabThere {
    std::vector<LabMember> members;   ///< the lab's, in order of creation
    std::vector<Instance> instances;  ///< at least those that members name
    std::vector<Volume> volumes;      ///< at least those that members name, or that are attached to their instances
    std::vector<KeyPair> key_pairs;
};

enum class LabAction {
    keep,     ///< it is as the file says
    create,   ///< it is not there
    start,    ///< it is stopped (and maybe changed, too)
    change,   ///< in place
    replace,  ///< the old one is removed, a new one made
    remove,   ///< the file does not say it any more
};
[[nodiscard]] std::string_view to_string(LabAction value) noexcept;

/// A volume that is there, and what it is to become; what is absent stays.
struct LabGrowth {
    VolumeId volume;
    std::optional<GiB> size;
    std::optional<VolumeType> type;
    std::optional<std::uint32_t> iops;
    std::optional<std::uint32_t> throughput;
};

/// What is done in place.
struct LabChange {
    std::optional<Tags> tags;  ///< all it is to have
    std::vector<LabGrowth> growths;
    std::vector<VolumeId> detach;
    std::vector<LabDisk> attach;
};

/// What becomes of one member.
struct LabStep {
    LabAction action = LabAction::keep;
    std::string kind;      ///< "instance", "volume", "key"; "disk" for the volume of a machine's own that was added to it
    std::string name;      ///< in the lab
    std::string resource;  ///< its id if there is one
    std::string state;     ///< EC2's word for what there is; "" nothing
    std::vector<std::string> reasons;
    LabChange change;
    std::string digest;  ///< what the record is to hold; "" for what is removed
    std::string was{};   ///< what the machine there is called until now, if `count` was edited between one and several; "" as now
};

struct LabPlan {
    std::string lab;
    std::vector<LabStep> steps;       ///< keys, volumes, machines as in the file; then what is removed, the youngest first
    std::vector<std::string> faults;  ///< what the file asks for and cannot be had; nothing may be done while there is one
    /// Is there anything to do?
    [[nodiscard]] bool changes() const;
};

/// What brings `there` to what `lab` says. A tag that the file does not say is removed; a size is only looked at where the file gives one,
/// and a volume that was grown beyond it by hand stays so. Pure; the order of `there` does not matter.
[[nodiscard]] LabPlan plan_lab(const Lab& lab, const LabThere& there);

enum class KeepVolumes { yes, no };
/// What removes all there is of a lab; with KeepVolumes::yes its named volumes stay, and stay the lab's.
[[nodiscard]] LabPlan plan_removal(const std::string& lab, const LabThere& there, KeepVolumes keep);

}  // namespace amivirt
