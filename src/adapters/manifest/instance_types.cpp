// instance-types.yaml: a line for each type.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "adapters/manifest/fields.hpp"
#include "adapters/manifest/manifest.hpp"
#include "adapters/manifest/yaml_document.hpp"
#include "amivirt/base/sync.hpp"
#include "amivirt/domain/filter.hpp"

namespace amivirt {

namespace {

using yaml::Faults;
using yaml::Fields;
using yaml::NodePtr;
using yaml::quote;

constexpr std::uint64_t k_max_vcpus = 1024;
constexpr std::uint64_t k_max_memory_mib = std::uint64_t{32} << 20U;  // 32 TiB
constexpr std::uint64_t k_max_store_gib = std::uint64_t{64} << 10U;
constexpr std::uint64_t k_max_store_volumes = 24;  // ephemeral0..23

/// "family.size", as in EC2: it appears in tables and in scripts.
bool type_name_ok(std::string_view name) {
    const std::size_t dot = name.find('.');
    if (dot == std::string_view::npos || dot == 0 || dot + 1 == name.size() || name.size() > 64) {
        return false;
    }
    return std::all_of(name.begin(), name.end(),
                       [](unsigned char c) { return std::islower(c) != 0 || std::isdigit(c) != 0 || c == '-' || c == '.'; }) &&
           name.find('.', dot + 1) == std::string_view::npos;
}

/// A size written with its unit ("512MiB"), in whole units of `unit` bytes.
std::optional<std::uint64_t> read_size(const Fields& fields, std::string_view key, std::string_view unit_name, std::uint64_t unit,
                                       std::uint64_t most) {
    const std::optional<std::string> text = fields.text(key);
    if (!text) {
        if (!fields.get(key)) {
            fields.fault(key, "is missing");
        }
        return std::nullopt;
    }
    const auto bytes = parse_bytes(*text);
    if (!bytes || bytes->count % unit != 0 || bytes->count == 0) {
        fields.fault(key, fmt::format("{} is not a whole number of {} with its unit, as in \"4GiB\"", quote(*text), unit_name));
        return std::nullopt;
    }
    if (bytes->count / unit > most) {
        fields.fault(key, fmt::format("{} is more than {} {}", quote(*text), most, unit_name));
        return std::nullopt;
    }
    return bytes->count / unit;
}

InstanceType read_type(const yaml::Entry& entry, Faults& faults) {
    InstanceType type;
    type.name = entry.key;
    if (!type_name_ok(entry.key)) {
        faults.add(entry.line, "", fmt::format("{} is not a type's name: FAMILY.SIZE in lower case, as in \"t3.micro\"", quote(entry.key)));
    }
    const Fields fields(entry.value, entry.key, faults, {"vcpus", "memory", "instanceStore"});
    if (!fields.usable()) {
        return type;
    }
    if (const auto vcpus = fields.whole("vcpus", "", 1, k_max_vcpus)) {
        type.vcpus = static_cast<unsigned>(*vcpus);
    } else if (!fields.get("vcpus")) {
        fields.fault("vcpus", "is missing");
    }
    if (const auto memory = read_size(fields, "memory", "MiB", std::uint64_t{1} << 20U, k_max_memory_mib)) {
        type.memory = MiB{*memory};
    }
    if (const NodePtr node = fields.get("instanceStore")) {
        const Fields store(node, fields.path("instanceStore"), faults, {"volumes", "size"});
        if (!store.usable()) {
            return type;
        }
        if (const auto volumes = store.whole("volumes", "", 1, k_max_store_volumes)) {
            type.instance_store_volumes = static_cast<unsigned>(*volumes);
        } else if (!store.get("volumes")) {
            store.fault("volumes", "is missing");
        }
        if (const auto size = read_size(store, "size", "GiB", std::uint64_t{1} << 30U, k_max_store_gib)) {
            type.instance_store_size = GiB{*size};
        }
    }
    return type;
}

class YamlInstanceTypes final : public InstanceTypes {
public:
    explicit YamlInstanceTypes(std::vector<std::string> files) : files_(std::move(files)) {}

    Result<InstanceType> find(std::string_view name) override {
        const std::vector<InstanceType> types = AMIVIRT_TRY(list());
        std::vector<std::string> names;
        names.reserve(types.size());
        for (const InstanceType& type : types) {
            if (type.name == name) {
                return type;
            }
            names.push_back(type.name);
        }
        const std::string near = nearest(name, names);
        return Error(Code::invalid_parameter_value, fmt::format("Unknown instance type: {}", quote(name)),
                     near.empty() ? "" : fmt::format("Did you mean \"{}\"?", near));
    }

    Result<std::vector<InstanceType>> list() override {
        auto known = known_.lock();
        if (!*known) {
            *known = AMIVIRT_TRY(load());
        }
        return **known;
    }

private:
    Result<std::vector<InstanceType>> load() const {
        std::vector<InstanceType> types;
        for (std::size_t i = 0; i < files_.size(); ++i) {
            Faults faults("list of instance types", files_[i]);
            if (const NodePtr root = yaml::load(faults, i == 0 ? yaml::Absent::refuse : yaml::Absent::allow)) {
                merge(root, faults, types);
            }
            if (!faults.empty()) {
                return faults.error();
            }
        }
        return types;
    }

    static void merge(const NodePtr& root, Faults& faults, std::vector<InstanceType>& types) {
        const Fields top(root, "", faults);
        for (const yaml::Entry& entry : top.entries()) {
            InstanceType type = read_type(entry, faults);
            const auto same = std::find_if(types.begin(), types.end(), [&](const InstanceType& other) { return other.name == type.name; });
            if (same != types.end()) {
                *same = std::move(type);
            } else {
                types.push_back(std::move(type));
            }
        }
    }

    std::vector<std::string> files_;
    Sync<std::optional<std::vector<InstanceType>>> known_;
};

}  // namespace

std::unique_ptr<InstanceTypes> make_instance_types(std::vector<std::string> files) {
    return std::make_unique<YamlInstanceTypes>(std::move(files));
}

}  // namespace amivirt
