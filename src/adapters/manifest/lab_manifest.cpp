// lab.yaml.
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <limits>
#include <map>
#include <utility>
#include <vector>

#include "adapters/common/files.hpp"
#include "adapters/manifest/fields.hpp"
#include "adapters/manifest/manifest.hpp"
#include "adapters/manifest/yaml_document.hpp"
#include "amivirt/domain/device_name.hpp"
#include "amivirt/domain/filter.hpp"

namespace amivirt {

namespace {

using yaml::Faults;
using yaml::Fields;
using yaml::Kind;
using yaml::NodePtr;
using yaml::quote;
using yaml::Table;

constexpr std::uint64_t k_most_machines = 100;       // of one entry, as of one launch
constexpr std::size_t k_most_machines_of_lab = 200;  // each is brought up on a thread of its own
constexpr std::uint64_t k_most_disks = 100;
constexpr std::uint64_t k_most_text = 1U << 20U;
constexpr std::string_view k_lab_name = "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$";

// What volumes of the lab and disks of one machine have in common.
std::vector<yaml::Rule> volume_rules() {
    constexpr std::uint64_t k_max = std::numeric_limits<std::uint32_t>::max();
    return {{"size", "In GiB; it may grow later. The snapshot's if not said.", yaml::whole(1, k_max, "GiB")},
            {"snapshot", "What it is made of; empty if not said.", yaml::text("^snap-[0-9a-f]{17}$")},
            {"type", "gp3 if not said.", yaml::word<VolumeType>()},
            {"iops", "The most operations a second.", yaml::whole(1, k_max)},
            {"throughput", "The most MiB a second.", yaml::whole(1, k_max, "MiB/s")},
            {"encrypted", "Is it encrypted?", yaml::boolean()}};
}

const Table* volume_table() {
    static const Table table = [] {
        Table made{volume_rules()};
        made.rules.push_back({"tags", "At most 50.", yaml::map_of(yaml::text())});
        return made;
    }();
    return &table;
}

const Table* disk_table() {
    static const Table table = [] {
        Table made{{{"device", "Its name in the mapping: /dev/sdf, or the root's to make that larger.", yaml::text(), "is missing"},
                    {"volume", "One of the lab's volumes, which outlives the machine; else it is a disk of its own.",
                     yaml::text(std::string(k_lab_name))}}};
        const auto common = volume_rules();
        made.rules.insert(made.rules.end(), common.begin(), common.end());
        return made;
    }();
    return &table;
}

const Table* file_table() {
    static const Table table{{{"file", "A path, from the lab's folder.", yaml::text(), "is missing"}}};
    return &table;
}

yaml::Type text_or_file() { return yaml::any_of({yaml::text(), yaml::record(file_table)}); }

const Table* instance_table() {
    static const Table table{
        {{"image", "By id or name.", yaml::text(), "is missing"},
         {"type", "The instance type; t3.micro if not said.", yaml::text()},
         {"count", "How many: NAME-1, NAME-2, ... One, called NAME, if not said.", yaml::whole(1, k_most_machines, "machines")},
         {"volumes", "Its disks beside those of the image.", yaml::list_of(yaml::record(disk_table), k_most_disks)},
         {"key", "The key pair that logs in: one of the lab's keys, or one that is there.", yaml::text()},
         {"user_data", "What cloud-init runs at the first boot: the text itself, or {file: PATH}.", text_or_file()},
         {"ports", "Forwarded ports of this host, HOST:GUEST or HOST:GUEST/udp; HOST 0 picks one.",
          yaml::list_of(yaml::text(), k_most_disks)},
         {"network", "user if not said; network:NAME or bridge:NAME.", yaml::text()},
         {"tags", "At most 50; the Name is the machine's if not said.", yaml::map_of(yaml::text())},
         {"depends_on", "What must be there first: names, or {NAME: running | ssh | cloud-init}.",
          yaml::any_of({yaml::list_of(yaml::text(std::string(k_lab_name))), yaml::map_of(yaml::word<Readiness>())})}}};
    return &table;
}

const Table* lab_table() {
    static const Table table{
        {{"name", "The lab's name; that of the file if not said. Another name is another lab.", yaml::text(std::string(k_lab_name))},
         {"volumes", "By name: volumes that outlive machines.", yaml::map_of(yaml::record(volume_table))},
         {"keys", "By name: key pairs, each a public key as in authorized_keys, or {file: PATH}.", yaml::map_of(text_or_file())},
         {"instances", "By name: the machines.", yaml::map_of(yaml::record(instance_table)), "is missing"}}};
    return &table;
}

class LabFile {
public:
    LabFile(const NodePtr& root, Faults& faults, const PortForwardParser& parse_port)
        : faults_(faults), folder_(yaml::folder_of(faults.file())), parse_port_(parse_port), top_(root, "", faults, *lab_table()) {
        lab_.file = faults.file();
    }

    Lab read() {
        if (!top_.usable()) {
            return {};
        }
        read_name();
        each_named("volumes", [&](const yaml::Entry& entry, const std::string& path) { read_volume(entry, path); });
        each_named("keys", [&](const yaml::Entry& entry, const std::string& path) { read_key(entry, path); });
        each_named("instances", [&](const yaml::Entry& entry, const std::string& path) { read_instance(entry, path); });
        if (top_.get("instances") && lab_.instances.empty() && faults_.empty()) {
            top_.fault("instances", "names no machine");
        }
        check_references();
        check_machines();
        return std::move(lab_);
    }

private:
    /// What is wrong with an entry is said once it is known what there is.
    struct Reference {
        int line;
        std::string path;
        std::string name;
    };

    void read_name() {
        if (const auto name = top_.text("name")) {
            check(top_.line("name"), "name", check_lab_name("a lab", *name));
            lab_.name = *name;
        } else if (!top_.get("name")) {
            lab_.name = std::filesystem::path(faults_.file()).stem().string();
            if (!check_lab_name("a lab", lab_.name)) {
                top_.fault("name", fmt::format("is missing, and the file's name makes none: {}", quote(lab_.name)));
            }
        }
    }

    void check(int line, const std::string& path, const Result<void>& result) {
        if (!result) {
            faults_.add(line, path, result.error().message);
        }
    }

    template <class Read>
    void each_named(const char* key, Read read) {
        const NodePtr node = top_.get(key);
        if (!node) {
            return;
        }
        const Fields map(node, key, faults_);
        for (const yaml::Entry& entry : map.entries()) {
            check(entry.line, key, check_lab_name(fmt::format("one of {}", key), entry.key));
            read(entry, map.path(entry.key));
        }
    }

    Tags read_tags(const Fields& fields) {
        const NodePtr node = fields.get("tags");
        Tags tags;
        if (!node) {
            return tags;
        }
        const Fields map(node, fields.path("tags"), faults_);
        for (const yaml::Entry& entry : map.entries()) {
            if (entry.value->kind == Kind::sequence || entry.value->kind == Kind::map) {
                map.fault(entry.key, fmt::format("is {}, not text", yaml::name_of(entry.value->kind)));
            } else if (const auto fine = check_tags({{entry.key, entry.value->text}}); !fine) {
                map.fault(entry.key, fine.error().message);
            } else if (entry.key == k_lab_tag) {
                map.fault(entry.key, "is the lab's own tag");
            } else {
                tags[entry.key] = entry.value->text;
            }
        }
        // With the two that every member gets.
        Tags all = tags;
        all.emplace("Name", "");
        all.emplace(k_lab_tag, "");
        if (const auto fine = check_tags(all); !fine) {
            fields.fault("tags", fine.error().message);
        }
        return tags;
    }

    static EbsDevice read_ebs(const Fields& fields) {
        EbsDevice ebs;
        if (const auto size = fields.whole("size")) {
            ebs.size = GiB{*size};
        }
        ebs.snapshot = fields.parsed("snapshot", SnapshotId::parse);
        ebs.type = fields.parsed("type", parse_volume_type);
        if (const auto iops = fields.whole("iops")) {
            ebs.iops = static_cast<std::uint32_t>(*iops);
        }
        if (const auto throughput = fields.whole("throughput")) {
            ebs.throughput = static_cast<std::uint32_t>(*throughput);
        }
        ebs.encrypted = fields.boolean("encrypted");
        return ebs;
    }

    void read_volume(const yaml::Entry& entry, const std::string& path) {
        const std::size_t before = faults_.count();
        const Fields fields(entry.value, path, faults_, *volume_table());
        LabVolume volume;
        volume.name = entry.key;
        volume.line = entry.line;
        volume_lines_.emplace(entry.key, entry.line);
        if (fields.usable()) {
            volume.ebs = read_ebs(fields);
            volume.tags = read_tags(fields);
            if (!volume.ebs.size && !volume.ebs.snapshot && faults_.count() == before) {
                fields.fault("needs a size or a snapshot");
            }
            if (faults_.count() == before && volume.ebs.size) {
                std::vector<Error> limits;
                check_limits("it", volume.ebs, limits);
                for (const Error& limit : limits) {
                    fields.fault(limit.message);
                }
            }
        }
        lab_.volumes.push_back(std::move(volume));
    }

    void read_key(const yaml::Entry& entry, const std::string& path) {
        LabKey key;
        key.name = entry.key;
        key.line = entry.line;
        if (auto text = text_of(entry.value, path, entry.line)) {
            while (!text->empty() && (text->back() == '\n' || text->back() == '\r' || text->back() == ' ')) {
                text->pop_back();
            }
            if (text->empty()) {
                faults_.add(entry.line, path, "is empty");
            }
            key.public_key = std::move(*text);
        }
        lab_.keys.push_back(std::move(key));
    }

    /// A text, or that of the file in {file: PATH}; nullopt after a fault.
    std::optional<std::string> text_of(const NodePtr& node, const std::string& path, int line) {
        if (node->kind == Kind::scalar) {
            return node->text;
        }
        if (node->kind != Kind::map) {
            faults_.add(line, path, fmt::format("is {}, neither text nor {{file: PATH}}", yaml::name_of(node->kind)));
            return std::nullopt;
        }
        const Fields fields(node, path, faults_, *file_table());
        const auto name = fields.text("file");
        if (!name) {
            return std::nullopt;
        }
        const std::string file = yaml::resolve_path(folder_, *name);
        const auto fail = [&](const std::string& why) {
            fields.fault("file", fmt::format("{} {}", quote(file), why));
            return std::nullopt;
        };
        // Not blocking: the name may be a pipe's.
        const files::FileDescriptor descriptor(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
        struct stat facts {};
        if (!descriptor || ::fstat(descriptor.get(), &facts) != 0) {
            return fail(errno == ENOENT ? "is not there" : fmt::format("cannot be read: {}", std::strerror(errno)));
        }
        if (!S_ISREG(facts.st_mode)) {
            return fail("is not a regular file");
        }
        if (static_cast<std::uint64_t>(facts.st_size) > k_most_text) {
            return fail("is larger than 1 MiB");
        }
        auto content = files::read_at(descriptor.get(), 0, static_cast<std::size_t>(facts.st_size), file);
        if (!content) {
            return fail(fmt::format("cannot be read: {}", content.error().message));
        }
        return std::move(*content);
    }

    void read_instance(const yaml::Entry& entry, const std::string& path) {
        const Fields fields(entry.value, path, faults_, *instance_table());
        LabInstance instance;
        instance.name = entry.key;
        instance.line = entry.line;
        if (fields.usable()) {
            instance.image = fields.text("image").value_or("");
            instance.type = fields.text("type").value_or(instance.type);
            instance.count = static_cast<unsigned>(fields.whole("count").value_or(1));
            instance.key = fields.text("key").value_or("");
            instance.network = fields.text("network").value_or(instance.network);
            instance.tags = read_tags(fields);
            if (const NodePtr node = fields.get("user_data")) {
                instance.user_data = text_of(node, fields.path("user_data"), fields.line("user_data")).value_or("");
            }
            read_disks(fields, instance);
            read_ports(fields, instance);
            read_dependencies(fields, instance);
        }
        lab_.instances.push_back(std::move(instance));
    }

    /// The items of a list, each with its path; a fault if it is none.
    template <class Read>
    void each_item(const Fields& fields, const char* key, std::string_view of_what, Read read) {
        const NodePtr list = fields.get(key);
        if (!list) {
            return;
        }
        if (list->kind != Kind::sequence) {
            fields.fault(key, fmt::format("is {}, not a list of {}", yaml::name_of(list->kind), of_what));
            return;
        }
        const std::uint64_t most = yaml::rule_of(*instance_table(), key).type.most;
        if (most != 0 && list->items.size() > most) {
            fields.fault(key, fmt::format("has {} entries, more than {}", list->items.size(), most));
            return;
        }
        for (std::size_t i = 0; i < list->items.size(); ++i) {
            read(list->items[i], fmt::format("{}[{}]", fields.path(key), i));
        }
    }

    /// An item that must be text; nullopt after a fault.
    std::optional<std::string> item_text(const NodePtr& item, const std::string& path) {
        if (item->kind == Kind::scalar) {
            return item->text;
        }
        faults_.add(item->line, path, fmt::format("is {}, not text", yaml::name_of(item->kind)));
        return std::nullopt;
    }

    void read_disks(const Fields& instance_fields, LabInstance& instance) {
        BlockDeviceMapping own;
        each_item(instance_fields, "volumes", "disks", [&](const NodePtr& item, const std::string& path) {
            const std::size_t before = faults_.count();
            const Fields fields(item, path, faults_, *disk_table());
            if (!fields.usable()) {
                return;
            }
            LabDisk disk;
            disk.device = fields.text("device").value_or("");
            disk.volume = fields.text("volume").value_or("");
            disk.ebs = read_ebs(fields);
            if (!disk.volume.empty()) {
                check_use(fields, disk, instance);
            }
            if (faults_.count() > before) {
                return;  // what is half read would only look wrong again
            }
            if (!parse_device_name(disk.device)) {
                fields.fault("device", fmt::format("{} is no device name such as /dev/sdf", quote(disk.device)));
                return;
            }
            const bool is_taken = std::any_of(instance.disks.begin(), instance.disks.end(),
                                              [&](const LabDisk& other) { return same_device(other.device, disk.device); });
            if (is_taken) {
                fields.fault("device", fmt::format("{} is there twice", quote(disk.device)));
                return;
            }
            if (disk.volume.empty()) {
                for (const Error& error : check_mapping({{disk.device, disk.ebs}})) {
                    fields.fault(error.message);
                }
            }
            instance.disks.push_back(std::move(disk));
        });
    }

    /// A volume of the lab: it is one, and at one machine only.
    void check_use(const Fields& fields, const LabDisk& disk, const LabInstance& instance) {
        if (disk.ebs != EbsDevice{}) {
            fields.fault("is one of the lab's volumes; what it is like is said there");
        }
        if (!volume_lines_.contains(disk.volume)) {
            const std::string near = nearest_of(volume_lines_, disk.volume);
            fields.fault("volume", fmt::format("the lab has no volume {}{}", quote(disk.volume), near));
        }
        if (instance.count > 1) {
            fields.fault("volume", fmt::format("{} cannot be attached to each of {} machines", quote(disk.volume), instance.count));
        }
        const auto [at, is_first] = used_volumes_.emplace(disk.volume, fields.line("volume"));
        if (!is_first) {
            fields.fault("volume", fmt::format("{} is attached already, on line {}", quote(disk.volume), at->second));
        }
    }

    template <class Map>
    static std::string nearest_of(const Map& names, const std::string& name) {
        std::vector<std::string> known;
        for (const auto& [key, value] : names) {
            known.push_back(key);
        }
        const std::string near = nearest(name, known);
        return near.empty() ? "" : fmt::format("; did you mean \"{}\"?", near);
    }

    void read_ports(const Fields& fields, LabInstance& instance) {
        each_item(fields, "ports", "HOST:GUEST", [&](const NodePtr& item, const std::string& path) {
            const auto text = item_text(item, path);
            if (!text) {
                return;
            }
            const auto port = parse_port_(*text);
            if (!port) {
                faults_.add(item->line, path, port.error().message);
                return;
            }
            if (port->host_port != 0) {
                if (instance.count > 1) {
                    faults_.add(item->line, path,
                                fmt::format("host port {} cannot be forwarded to each of {} machines: 0 picks one for each",
                                            port->host_port, instance.count));
                }
                const auto other =
                    std::find_if(used_ports_.begin(), used_ports_.end(), [&](const auto& used) { return collide(used.first, *port); });
                if (other != used_ports_.end()) {
                    faults_.add(item->line, path,
                                fmt::format("host port {} is forwarded already, on line {}", port->host_port, other->second));
                }
                used_ports_.emplace_back(*port, item->line);
            }
            instance.ports.push_back(*port);
        });
    }

    void read_dependencies(const Fields& fields, LabInstance& instance) {
        const NodePtr node = fields.get("depends_on");
        if (!node) {
            return;
        }
        const std::string path = fields.path("depends_on");
        const auto add = [&](int line, const std::string& on, Readiness until) {
            const bool is_there = std::any_of(instance.depends_on.begin(), instance.depends_on.end(),
                                              [&](const LabDependency& other) { return other.on == on; });
            if (is_there) {
                faults_.add(line, path, fmt::format("{} is named twice", quote(on)));
                return;
            }
            instance.depends_on.push_back({on, until});
            references_.push_back({line, path, on});
        };
        if (node->kind == Kind::map) {
            const Fields map(node, path, faults_);
            for (const yaml::Entry& entry : map.entries()) {
                const auto until = map.get(entry.key) ? map.parsed(entry.key, parse_readiness) : std::optional(Readiness::running);
                add(entry.line, entry.key, until.value_or(Readiness::running));
            }
            return;
        }
        each_item(fields, "depends_on", "names", [&](const NodePtr& item, const std::string& item_path) {
            if (const auto name = item_text(item, item_path)) {
                add(item->line, *name, Readiness::running);
            }
        });
    }

    void check_references() {
        std::map<std::string, int> lines;
        for (const LabInstance& instance : lab_.instances) {
            lines.emplace(instance.name, instance.line);
        }
        for (const Reference& reference : references_) {
            if (!lines.contains(reference.name)) {
                faults_.add(reference.line, reference.path,
                            fmt::format("the lab has no instance {}{}", quote(reference.name), nearest_of(lines, reference.name)));
            }
        }
        if (const auto cycle = find_cycle(lab_.instances); !cycle.empty()) {
            faults_.add(lines.at(cycle.front()), "depends_on", fmt::format("goes in a circle: {}", fmt::join(cycle, " -> ")));
        }
    }

    /// "web" with a count of 2 and an instance called "web-1" would be two of one name.
    void check_machines() {
        std::map<std::string, int> lines;
        const auto machines = machines_of(lab_);
        if (machines.size() > k_most_machines_of_lab) {
            top_.fault("instances", fmt::format("are {} machines, more than {}", machines.size(), k_most_machines_of_lab));
            return;
        }
        for (const LabMachine& machine : machines) {
            const LabInstance& section = lab_.instances[machine.section];
            const auto [at, is_first] = lines.emplace(machine.name, section.line);
            if (!is_first) {
                faults_.add(section.line, "instances." + section.name,
                            fmt::format("makes a machine {}, which line {} makes already", quote(machine.name), at->second));
            }
        }
    }

    Faults& faults_;
    std::string folder_;
    const PortForwardParser& parse_port_;
    Fields top_;
    Lab lab_;
    std::map<std::string, int> volume_lines_;
    std::map<std::string, int> used_volumes_;
    std::vector<std::pair<PortForward, int>> used_ports_;  // with their lines
    std::vector<Reference> references_;
};

class YamlLabReader final : public LabReader {
public:
    explicit YamlLabReader(PortForwardParser parse_port) : parse_port_(std::move(parse_port)) {}

    Result<Lab> read(const std::string& path) override {
        Faults faults("lab", path);
        Lab lab;
        if (const NodePtr root = yaml::load(faults, yaml::Absent::refuse)) {
            lab = LabFile(root, faults, parse_port_).read();
        }
        if (!faults.empty()) {
            return faults.error();
        }
        return lab;
    }

private:
    PortForwardParser parse_port_;
};

}  // namespace

std::string lab_schema() { return yaml::json_schema("amivirt lab", "Named machines, volumes and keys: amivirt up lab.yaml", *lab_table()); }

std::unique_ptr<LabReader> make_lab_reader(PortForwardParser parse_port) { return std::make_unique<YamlLabReader>(std::move(parse_port)); }

}  // namespace amivirt
