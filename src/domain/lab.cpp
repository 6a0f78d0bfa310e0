#include "amivirt/domain/lab.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <set>

#include "amivirt/base/stable_hash.hpp"
#include "amivirt/domain/device_name.hpp"
#include "domain/text.hpp"
#include "domain/words.hpp"

namespace amivirt {

namespace {

constexpr std::array<Word<Readiness>, 3> k_readiness{{
    {Readiness::running, "running"},
    {Readiness::ssh, "ssh"},
    {Readiness::cloud_init, "cloud-init"},
}};

constexpr std::array<Word<LabAction>, 6> k_actions{{
    {LabAction::keep, "keep"},
    {LabAction::create, "create"},
    {LabAction::start, "start"},
    {LabAction::change, "change"},
    {LabAction::replace, "replace"},
    {LabAction::remove, "remove"},
}};

constexpr std::size_t k_longest_name = 63;

// A digest is "field=hash" words; these are fields that can be changed in place, of which the plan compares what there is.
using Digest = std::map<std::string, std::string>;
constexpr std::string_view k_disk = "disk:";
constexpr std::string_view k_use = "use:";
constexpr std::string_view k_size = "size:";

bool fits_in_place(std::string_view field) { return field == "tags" || field.starts_with(k_use) || field.starts_with(k_size); }

void put(Digest& digest, const std::string& field, std::string_view value) { digest[field] = fmt::format("{:016x}", stable_hash(value)); }

/// Two spellings of a device are one field.
std::string device_field(std::string_view prefix, std::string_view device) {
    return std::string(prefix) + std::string(device.substr(device.starts_with("/dev/") ? 5 : 0));
}

std::string text_of(const Tags& tags) {
    std::string text;
    for (const auto& [key, value] : tags) {
        text += fmt::format("{}={}\n", key, value);
    }
    return text;
}

/// What of a volume is fixed once it is made.
std::string fixed_part(const EbsDevice& ebs) {
    return fmt::format("{} {}", ebs.snapshot ? ebs.snapshot->str() : "", ebs.encrypted ? (*ebs.encrypted ? "1" : "0") : "");
}

void put_size(Digest& digest, const std::string& field, const EbsDevice& ebs) {
    if (ebs.size) {
        put(digest, field, std::to_string(ebs.size->count));
    }
}

Digest fields_of(const LabInstance& section) {
    Digest digest;
    put(digest, "image", section.image);
    put(digest, "type", section.type);
    put(digest, "key", section.key);
    put(digest, "user_data", section.user_data);
    put(digest, "network", section.network);
    std::string ports;
    for (const auto& port : section.ports) {
        ports += fmt::format("{}:{}:{}/{}\n", port.address, port.host_port, port.guest_port, port.protocol);
    }
    put(digest, "ports", ports);
    put(digest, "tags", text_of(section.tags));
    for (const auto& disk : section.disks) {
        if (!disk.volume.empty()) {
            put(digest, device_field(k_use, disk.device), disk.volume);
            continue;
        }
        put(digest, device_field(k_disk, disk.device), fixed_part(disk.ebs));
        put_size(digest, device_field(k_size, disk.device), disk.ebs);
    }
    return digest;
}

Digest fields_of(const LabVolume& volume) {
    Digest digest;
    put(digest, "made of", fixed_part(volume.ebs));
    put_size(digest, std::string(k_size), volume.ebs);
    put(digest, "tags", text_of(volume.tags));
    return digest;
}

Digest fields_of(const LabKey& key) {
    Digest digest;
    put(digest, "public_key", key.public_key);
    return digest;
}

// Neither fields nor hashes hold a line feed or an equals sign.
std::string join_fields(const Digest& digest) {
    std::string text;
    for (const auto& [field, hash] : digest) {
        text += fmt::format("{}{}={}", text.empty() ? "" : "\n", field, hash);
    }
    return text;
}

Digest split_fields(std::string_view text) {
    Digest digest;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        if (const std::size_t equals = line.find('='); equals != std::string_view::npos) {
            digest.emplace(line.substr(0, equals), line.substr(equals + 1));
        }
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return digest;
}

bool is_same(const Digest& a, const Digest& b, const std::string& field) {
    const auto left = a.find(field);
    const auto right = b.find(field);
    return left != a.end() && right != b.end() && left->second == right->second;
}

template <class Record>
const Record* find_by_id(const std::vector<Record>& records, const std::string& id) {
    const auto found = std::find_if(records.begin(), records.end(), [&](const Record& record) { return record.id.str() == id; });
    return found == records.end() ? nullptr : &*found;
}

bool is_gone(const Instance& instance) {
    return instance.state == InstanceState::terminated || instance.state == InstanceState::shutting_down;
}

/// "tag stage", "tags role, stage".
std::string tag_changes(const Tags& before, const Tags& after) {
    std::set<std::string> keys;
    for (const auto& [key, value] : after) {
        if (const auto at = before.find(key); at == before.end() || at->second != value) {
            keys.insert(key);
        }
    }
    for (const auto& [key, value] : before) {
        if (!after.contains(key)) {
            keys.insert(key);
        }
    }
    return keys.empty() ? "" : fmt::format("{} {}", keys.size() == 1 ? "tag" : "tags", fmt::join(keys, ", "));
}

/// What of size, type and speed is not as the file says, and a clause for each. What the file does not say stays.
std::optional<LabGrowth> growth_of(const Volume& volume, const EbsDevice& said, std::string_view what, std::vector<std::string>& reasons) {
    LabGrowth growth;
    growth.volume = volume.id;
    bool any = false;
    const auto differs = [&](auto& into, const auto& wanted, const auto& now, std::string clause) {
        if (wanted && wanted != now) {
            into = wanted;
            any = true;
            reasons.push_back(std::move(clause));
        }
    };
    if (said.size && *said.size > volume.size) {
        differs(growth.size, said.size, std::optional(volume.size),
                fmt::format("{} grows from {} to {} GiB", what, volume.size.count, said.size->count));
    }
    differs(growth.type, said.type, std::optional(volume.type),
            fmt::format("{} becomes {}", what, to_string(said.type.value_or(volume.type))));
    differs(growth.iops, said.iops, volume.iops, fmt::format("{} gets {} IOPS", what, said.iops.value_or(0)));
    differs(growth.throughput, said.throughput, volume.throughput, fmt::format("{} gets {} MiB/s", what, said.throughput.value_or(0)));
    return any ? std::optional(growth) : std::nullopt;
}

LabStep removal_of(const LabMember& member, const LabThere& there) {
    LabStep step{LabAction::remove, member.kind, member.name, member.resource, {}, {}, {}, {}};
    if (const Instance* instance = find_by_id(there.instances, member.resource)) {
        step.state = to_string(instance->state);
    } else if (const Volume* volume = find_by_id(there.volumes, member.resource)) {
        step.state = to_string(volume->state);
    } else if (find_by_id(there.key_pairs, member.resource) != nullptr) {
        step.state = "available";
    }
    return step;
}

class Planner {
public:
    Planner(const Lab& lab, const LabThere& there) : lab_(lab), there_(there) {
        plan_.lab = lab.name;
        for (const auto& member : there.members) {
            members_[member.kind + "\n" + member.name] = &member;
            const Volume* volume = member.kind == "volume" ? find_by_id(there.volumes, member.resource) : nullptr;
            if (volume != nullptr) {
                volumes_[member.name] = volume;
            }
        }
    }

    LabPlan plan() {
        for (const auto& key : lab_.keys) {
            plan_key(key);
        }
        for (const auto& volume : lab_.volumes) {
            plan_volume(volume);
        }
        const auto machines = machines_of(lab_);
        for (const auto& machine : machines) {
            machine_names_.insert(machine.name);
        }
        for (const auto& machine : machines) {
            plan_machine(machine);
        }
        plan_leftovers();
        return std::move(plan_);
    }

private:
    const LabMember* member(const std::string& kind, const std::string& name) {
        const auto found = members_.find(kind + "\n" + name);
        if (found == members_.end()) {
            return nullptr;
        }
        wanted_.insert(found->first);
        return found->second;
    }

    void fault(int line, std::string message) {
        plan_.faults.push_back(line > 0 ? fmt::format("{}:{}: {}", lab_.file, line, message) : std::move(message));
    }

    void plan_key(const LabKey& key) {
        LabStep step{LabAction::create, "key", key.name, {}, {}, {}, {}, digest_of(key)};
        const LabMember* row = member("key", key.name);
        const KeyPair* pair = row == nullptr ? nullptr : find_by_id(there_.key_pairs, row->resource);
        const bool taken = std::any_of(there_.key_pairs.begin(), there_.key_pairs.end(), [&](const KeyPair& other) {
            return other.name == key.name && (pair == nullptr || other.id != pair->id);
        });
        if (taken) {
            fault(key.line, fmt::format("keys.{}: there is a key pair of that name, and it is not this lab's", key.name));
        }
        if (pair != nullptr) {
            step.resource = pair->id.str();
            step.state = "available";
            step.action = LabAction::keep;
            if (row->digest != step.digest) {
                step.action = LabAction::replace;
                step.reasons.emplace_back("another public key; machines that run keep the old one");
            }
        } else if (row != nullptr) {
            step.reasons.push_back(fmt::format("{} is gone", row->resource));
        }
        plan_.steps.push_back(std::move(step));
    }

    void plan_volume(const LabVolume& volume) {
        LabStep step{LabAction::create, "volume", volume.name, {}, {}, {}, {}, digest_of(volume)};
        const LabMember* row = member("volume", volume.name);
        const auto found = volumes_.find(volume.name);
        const Volume* there = found == volumes_.end() ? nullptr : found->second;
        if (there == nullptr) {
            if (row != nullptr) {
                step.reasons.push_back(fmt::format("{} is gone", row->resource));
            }
            plan_.steps.push_back(std::move(step));
            return;
        }
        step.resource = there->id.str();
        step.state = to_string(there->state);
        const Digest before = split_fields(row->digest);
        const Digest after = fields_of(volume);
        const auto refuse = [&](std::string_view why) {
            fault(volume.line, fmt::format("volumes.{}: {} {}, and what is on it would be lost; remove it first if that is wanted: "
                                           "amivirt volume delete {}",
                                           volume.name, there->id.str(), why, there->id.str()));
        };
        if (!is_same(before, after, "made of")) {
            refuse("was made of another snapshot or with other encryption");
        }
        if (volume.ebs.size && *volume.ebs.size < there->size && !is_same(before, after, std::string(k_size))) {
            refuse(fmt::format("has {} GiB and cannot shrink to {}", there->size.count, volume.ebs.size->count));
        }
        if (const auto growth = growth_of(*there, volume.ebs, "it", step.reasons)) {
            step.change.growths.push_back(*growth);
        }
        plan_tags(step, there->tags, tags_of(lab_, volume));
        step.action = step.reasons.empty() ? LabAction::keep : LabAction::change;
        plan_.steps.push_back(std::move(step));
    }

    static void plan_tags(LabStep& step, const Tags& before, const Tags& after) {
        if (auto changes = tag_changes(before, after); !changes.empty()) {
            step.reasons.push_back(std::move(changes));
            step.change.tags = after;
        }
    }

    /// The only machine of a section is called NAME, the first of several NAME-1: it is the same one after `count` was edited.
    std::string earlier_name(const LabMachine& machine) const {
        const std::string& only = lab_.instances[machine.section].name;
        const std::string first = only + "-1";
        if (machine.name != only && machine.name != first) {
            return "";
        }
        const std::string& other = machine.name == only ? first : only;
        const bool is_there = members_.contains("instance\n" + other) && !machine_names_.contains(other);
        return is_there && !members_.contains("instance\n" + machine.name) ? other : "";
    }

    void plan_machine(const LabMachine& machine) {
        const LabInstance& section = lab_.instances[machine.section];
        LabStep step{LabAction::create, "instance", machine.name, {}, {}, {}, {}, digest_of(section)};
        step.was = earlier_name(machine);
        const LabMember* row = member("instance", step.was.empty() ? machine.name : step.was);
        const Instance* there = row == nullptr ? nullptr : find_by_id(there_.instances, row->resource);
        if (there == nullptr || is_gone(*there)) {
            if (row != nullptr) {
                step.resource = there != nullptr ? row->resource : "";
                step.state = there != nullptr ? to_string(there->state) : "";
                step.reasons.push_back(fmt::format("{} is {}", row->resource, there != nullptr ? "terminated" : "gone"));
            }
            plan_.steps.push_back(std::move(step));
            return;
        }
        step.resource = there->id.str();
        step.state = to_string(there->state);
        const Digest before = split_fields(row->digest);
        if (auto reasons = replacements(section, *there, before, fields_of(section)); !reasons.empty()) {
            step.action = LabAction::replace;
            step.reasons = std::move(reasons);
            plan_.steps.push_back(std::move(step));
            return;
        }
        if (there->state == InstanceState::stopped || there->state == InstanceState::stopping) {
            step.reasons.push_back(fmt::format("it is {}", to_string(there->state)));
        }
        const bool is_off = !step.reasons.empty();
        if (!step.was.empty()) {
            step.reasons.push_back(fmt::format("it was called {}", step.was));
        }
        plan_tags(step, there->tags, tags_of(lab_, machine));
        plan_disks(step, section, machine, *there);
        step.action = is_off ? LabAction::start : step.reasons.empty() ? LabAction::keep : LabAction::change;
        plan_.steps.push_back(std::move(step));
    }

    /// What was edited and cannot be changed in place.
    std::vector<std::string> replacements(const LabInstance& section, const Instance& there, const Digest& before, const Digest& after) {
        std::vector<std::string> reasons;
        for (const auto& [field, hash] : after) {
            const bool is_new_disk = field.starts_with(k_disk) && !before.contains(field);
            if (fits_in_place(field) || is_new_disk || is_same(before, after, field)) {
                continue;
            }
            reasons.push_back(field == "type"             ? fmt::format("type is {}, not {}", there.type, section.type)
                              : field.starts_with(k_disk) ? fmt::format("disk {} is another", field.substr(k_disk.size()))
                                                          : fmt::format("{} was edited", field));
        }
        for (const auto& [field, hash] : before) {
            if (field.starts_with(k_disk) && !after.contains(field)) {
                reasons.push_back(fmt::format("disk {} is no longer in the file", field.substr(k_disk.size())));
            }
        }
        for (const auto& disk : section.disks) {
            const Volume* volume = attached(there, disk.device);
            if (disk.volume.empty() && disk.ebs.size && volume != nullptr && *disk.ebs.size < volume->size &&
                !is_same(before, after, device_field(k_size, disk.device))) {
                reasons.push_back(
                    fmt::format("disk {} cannot shrink from {} to {} GiB", disk.device, volume->size.count, disk.ebs.size->count));
            }
        }
        return reasons;
    }

    const Volume* attached(const Instance& instance, const std::string& device) const {
        const auto found = std::find_if(there_.volumes.begin(), there_.volumes.end(), [&](const Volume& volume) {
            return volume.attachment && volume.attachment->instance == instance.id && same_device(volume.attachment->device_name, device);
        });
        return found == there_.volumes.end() ? nullptr : &*found;
    }

    void plan_disks(LabStep& step, const LabInstance& section, const LabMachine& machine, const Instance& there) {
        for (const auto& disk : section.disks) {
            const Volume* volume = attached(there, disk.device);
            if (!disk.volume.empty()) {
                plan_use(step, disk, volume);
                continue;
            }
            if (volume == nullptr) {
                step.reasons.push_back(fmt::format("disk {} is added", disk.device));
                step.change.attach.push_back(disk);
            } else if (const auto growth = growth_of(*volume, disk.ebs, "disk " + disk.device, step.reasons)) {
                step.change.growths.push_back(*growth);
            }
            (void)member("disk", (step.was.empty() ? machine.name : step.was) + ":" + disk.device);
        }
        // The lab's volumes that are attached and not said here any more let go.
        for (const auto& [name, volume] : volumes_) {
            const bool is_here = volume->attachment && volume->attachment->instance == there.id;
            const bool said =
                std::any_of(section.disks.begin(), section.disks.end(), [&, named = name, held = volume](const LabDisk& disk) {
                    return disk.volume == named && held->attachment && same_device(disk.device, held->attachment->device_name);
                });
            if (is_here && !said) {
                step.reasons.push_back(fmt::format("volume {} is detached", name));
                step.change.detach.push_back(volume->id);
            }
        }
    }

    void plan_use(LabStep& step, const LabDisk& disk, const Volume* attached_there) const {
        const auto found = volumes_.find(disk.volume);
        if (found != volumes_.end() && attached_there != nullptr && attached_there->id == found->second->id) {
            return;
        }
        step.reasons.push_back(fmt::format("volume {} is attached as {}", disk.volume, disk.device));
        step.change.attach.push_back(disk);
    }

    void plan_leftovers() {
        for (auto member = there_.members.rbegin(); member != there_.members.rend(); ++member) {
            if (!wanted_.contains(member->kind + "\n" + member->name)) {
                LabStep step = removal_of(*member, there_);
                if (member->kind != "disk") {  // that one goes with its machine, which tells
                    step.reasons.emplace_back("it is no longer in the file");
                }
                plan_.steps.push_back(std::move(step));
            }
        }
    }

    const Lab& lab_;
    const LabThere& there_;
    std::map<std::string, const LabMember*> members_;
    std::set<std::string> machine_names_;
    std::set<std::string> wanted_;
    std::map<std::string, const Volume*> volumes_;  ///< the lab's, by name, that are there; those that left the file, too
    LabPlan plan_;
};

}  // namespace

std::string_view to_string(Readiness value) noexcept { return word_for(k_readiness, value); }
Result<Readiness> parse_readiness(std::string_view text) { return parse_word(k_readiness, "readiness", text); }
std::string_view to_string(LabAction value) noexcept { return word_for(k_actions, value); }

Result<void> check_lab_name(std::string_view what, std::string_view name) {
    const auto is_plain = [](unsigned char c) { return c < 0x80 && std::isalnum(c) != 0; };
    const bool fine =
        !name.empty() && name.size() <= k_longest_name && is_plain(static_cast<unsigned char>(name.front())) &&
        std::all_of(name.begin(), name.end(), [&](unsigned char c) { return is_plain(c) || c == '-' || c == '.' || c == '_'; });
    if (!fine) {
        return Error(
            Code::invalid_parameter_value,
            fmt::format("\"{}\" is no name of {}: 1 to {} letters, digits, dashes, dots and underscores, the first a letter or digit",
                        beginning_of(name, k_longest_name), what, k_longest_name));
    }
    return {};
}

std::vector<LabMachine> machines_of(const Lab& lab) {
    std::vector<LabMachine> machines;
    for (std::size_t i = 0; i < lab.instances.size(); ++i) {
        const LabInstance& section = lab.instances[i];
        for (unsigned number = 1; number <= section.count; ++number) {
            machines.push_back({section.count == 1 ? section.name : fmt::format("{}-{}", section.name, number), i});
        }
    }
    return machines;
}

std::vector<std::string> find_cycle(const std::vector<LabInstance>& instances) {
    std::map<std::string, const LabInstance*> by_name;
    for (const auto& instance : instances) {
        by_name.emplace(instance.name, &instance);
    }
    enum class Mark { none, open, done };
    std::map<std::string, Mark> marks;
    // Each entry: an instance of the path, and how many of its dependencies were walked. Not recursive: a file may be long.
    for (const auto& start : instances) {
        std::vector<std::pair<const LabInstance*, std::size_t>> path;
        const auto enter = [&](const LabInstance* instance) {
            marks[instance->name] = Mark::open;
            path.emplace_back(instance, 0);
        };
        if (marks[start.name] == Mark::none) {
            enter(by_name.at(start.name));
        }
        while (!path.empty()) {
            auto& [instance, next] = path.back();
            if (next == instance->depends_on.size()) {
                marks[instance->name] = Mark::done;
                path.pop_back();
                continue;
            }
            const auto target = by_name.find(instance->depends_on[next++].on);
            if (target == by_name.end()) {
                continue;
            }
            const Mark mark = marks[target->first];
            if (mark == Mark::none) {
                enter(target->second);
            } else if (mark == Mark::open) {
                std::vector<std::string> cycle;
                const auto first = std::find_if(path.begin(), path.end(), [&](const auto& entry) { return entry.first == target->second; });
                std::transform(first, path.end(), std::back_inserter(cycle), [](const auto& entry) { return entry.first->name; });
                cycle.push_back(target->first);
                return cycle;
            }
        }
    }
    return {};
}

Tags tags_of(const Lab& lab, const LabMachine& machine) {
    Tags tags = lab.instances[machine.section].tags;
    tags.emplace("Name", machine.name);
    tags.insert_or_assign(std::string(k_lab_tag), lab.name);
    return tags;
}

Tags tags_of(const Lab& lab, const LabVolume& volume) {
    Tags tags = volume.tags;
    tags.emplace("Name", volume.name);
    tags.insert_or_assign(std::string(k_lab_tag), lab.name);
    return tags;
}

std::string digest_of(const LabInstance& section) { return join_fields(fields_of(section)); }
std::string digest_of(const LabVolume& volume) { return join_fields(fields_of(volume)); }
std::string digest_of(const LabKey& key) { return join_fields(fields_of(key)); }

bool LabPlan::changes() const {
    return std::any_of(steps.begin(), steps.end(),
                       [](const LabStep& step) { return step.action != LabAction::keep && step.kind != "disk"; });
}

LabPlan plan_lab(const Lab& lab, const LabThere& there) { return Planner(lab, there).plan(); }

LabPlan plan_removal(const std::string& lab, const LabThere& there, KeepVolumes keep) {
    LabPlan plan;
    plan.lab = lab;
    for (auto member = there.members.rbegin(); member != there.members.rend(); ++member) {
        LabStep step = removal_of(*member, there);
        if (member->kind == "volume" && keep == KeepVolumes::yes) {
            step.action = LabAction::keep;
            step.digest = member->digest;
        }
        plan.steps.push_back(std::move(step));
    }
    return plan;
}

}  // namespace amivirt
