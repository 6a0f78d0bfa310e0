#include "amivirt/domain/block_device_mapping.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "amivirt/domain/device_name.hpp"
#include "domain/mapping_rules.hpp"
#include "domain/words.hpp"

namespace amivirt {

namespace {

constexpr std::array<Word<VolumeType>, 7> k_types{{
    {VolumeType::standard, "standard"},
    {VolumeType::gp2, "gp2"},
    {VolumeType::gp3, "gp3"},
    {VolumeType::io1, "io1"},
    {VolumeType::io2, "io2"},
    {VolumeType::st1, "st1"},
    {VolumeType::sc1, "sc1"},
}};

/// Source: EC2, "Amazon EBS volume types". Zeros: the parameter is not supported.
struct Limits {
    VolumeType type;
    std::uint64_t min_gib;
    std::uint64_t max_gib;
    std::uint64_t min_iops = 0;
    std::uint64_t max_iops = 0;
    std::uint64_t iops_per_gib = 0;
    std::uint64_t free_iops = 0;  ///< allowed at any size
};
constexpr std::array k_limits{
    Limits{VolumeType::standard, 1, 1024},
    Limits{VolumeType::gp2, 1, 16384},
    Limits{VolumeType::gp3, 1, 16384, 3000, 16000, 500, 3000},
    Limits{VolumeType::io1, 4, 16384, 100, 64000, 50, 100},
    Limits{VolumeType::io2, 4, 65536, 100, 256000, 1000, 100},
    Limits{VolumeType::st1, 125, 16384},
    Limits{VolumeType::sc1, 125, 16384},
};
constexpr std::uint32_t k_min_throughput = 125;
constexpr std::uint32_t k_max_throughput = 1000;
constexpr std::uint32_t k_baseline_iops = 3000;     // gp3's, where none are said
constexpr std::uint32_t k_iops_per_throughput = 4;  // 0.25 MiB/s per provisioned IOPS

constexpr unsigned k_most_ephemeral = 23;
constexpr std::string_view k_ephemeral = "ephemeral";

const Limits& limits_of(VolumeType type) noexcept {
    return *std::find_if(k_limits.begin(), k_limits.end(), [type](const Limits& row) { return row.type == type; });
}

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    while (true) {
        const std::size_t at = text.find(separator);
        parts.push_back(text.substr(0, at));
        if (at == std::string_view::npos) {
            return parts;
        }
        text.remove_prefix(at + 1);
    }
}

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
    Number value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || error != std::errc() || end != text.data() + text.size()) {
        return std::nullopt;
    }
    return value;
}

Error bad_entry(std::string_view text, std::string_view why) {
    return {Code::invalid_block_device_mapping, fmt::format("Invalid block device \"{}\": {}", text, why),
            "Forms: DEV=:SIZE, DEV=SNAPSHOT:SIZE:DELETE-ON-TERMINATION:TYPE:IOPS:THROUGHPUT:encrypted, DEV=ephemeral0, DEV=none"};
}

Result<EbsDevice> parse_ebs(std::string_view text, std::string_view spec) {
    std::vector<std::string_view> fields = split(spec, ':');
    EbsDevice ebs;
    if (fields.size() > 3 && fields.back() == "encrypted") {
        ebs.encrypted = true;
        fields.pop_back();
    }
    if (fields.size() > 6) {
        return bad_entry(text, "there are too many fields");
    }
    fields.resize(6);
    if (!fields[0].empty()) {
        auto snapshot = SnapshotId::parse(fields[0]);
        if (!snapshot) {
            return bad_entry(text, fmt::format("\"{}\" is not a snapshot id, \"none\" or \"ephemeral0\" to \"ephemeral{}\"", fields[0],
                                               k_most_ephemeral));
        }
        ebs.snapshot = *snapshot;
    }
    if (!fields[1].empty()) {
        const auto size = parse_number<std::uint64_t>(fields[1]);
        if (!size) {
            return bad_entry(text, fmt::format("\"{}\" is not a size in GiB", fields[1]));
        }
        ebs.size = GiB{*size};
    }
    if (!fields[2].empty()) {
        if (fields[2] != "true" && fields[2] != "false") {
            return bad_entry(text, fmt::format("\"{}\" is not true or false (delete on termination)", fields[2]));
        }
        ebs.delete_on_termination = fields[2] == "true";
    }
    if (!fields[3].empty()) {
        auto type = parse_volume_type(fields[3]);
        if (!type) {
            return bad_entry(text, type.error().message);
        }
        ebs.type = *type;
    }
    if (!fields[4].empty()) {
        ebs.iops = parse_number<std::uint32_t>(fields[4]);
        if (!ebs.iops) {
            return bad_entry(text, fmt::format("\"{}\" is not a number of IOPS", fields[4]));
        }
    }
    if (!fields[5].empty()) {
        ebs.throughput = parse_number<std::uint32_t>(fields[5]);
        if (!ebs.throughput) {
            return bad_entry(text, fmt::format("\"{}\" is not a throughput in MiB/s", fields[5]));
        }
    }
    if (ebs == EbsDevice{}) {
        return bad_entry(text, "it says nothing of the volume");
    }
    return ebs;
}

}  // namespace

std::optional<DeviceName> parse_device_name(std::string_view text) {
    constexpr std::string_view folder = "/dev/";
    constexpr std::size_t most_digits = 3;
    if (text.starts_with(folder)) {
        text.remove_prefix(folder.size());
    }
    DeviceName name;
    std::size_t most_letters = 1;
    for (const std::string_view bus : {"sd", "xvd", "vd"}) {
        if (text.starts_with(bus)) {
            name.bus = bus;
            most_letters = bus == "xvd" ? 2 : 1;
            text.remove_prefix(bus.size());
            break;
        }
    }
    if (name.bus.empty()) {
        return std::nullopt;
    }
    while (!text.empty() && text.front() >= 'a' && text.front() <= 'z') {
        name.letters += text.front();
        text.remove_prefix(1);
    }
    if (name.letters.empty() || name.letters.size() > most_letters) {
        return std::nullopt;
    }
    if (!text.empty()) {
        const auto digit = [](char c) { return c >= '0' && c <= '9'; };
        // A leading zero would be a second spelling of the same number.
        if (text.size() > most_digits || !std::all_of(text.begin(), text.end(), digit) || (text.size() > 1 && text.front() == '0')) {
            return std::nullopt;
        }
        name.partition = *parse_number<int>(text);
    }
    return name;
}

bool same_device(std::string_view a, std::string_view b) {
    const auto name = parse_device_name(a);
    return name && name == parse_device_name(b);
}

std::string_view to_string(VolumeType value) noexcept { return word_for(k_types, value); }
Result<VolumeType> parse_volume_type(std::string_view text) { return parse_word(k_types, "volume type", text); }

Result<BlockDevice> parse_block_device(std::string_view text) {
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) {
        return bad_entry(text, "there is no \"=\"");
    }
    const std::string_view device = text.substr(0, equals);
    const std::string_view spec = text.substr(equals + 1);
    if (!parse_device_name(device)) {
        return bad_entry(text, fmt::format("\"{}\" is not a device name such as /dev/sdb or /dev/xvdb", device));
    }
    if (spec == "none") {
        return BlockDevice{std::string(device), NoDevice{}};
    }
    if (spec.starts_with(k_ephemeral)) {
        const auto number = parse_number<unsigned>(spec.substr(k_ephemeral.size()));
        if (!number || *number > k_most_ephemeral) {
            return bad_entry(text, fmt::format("\"{}\" is not one of \"ephemeral0\" to \"ephemeral{}\"", spec, k_most_ephemeral));
        }
        return BlockDevice{std::string(device), EphemeralDevice{*number}};
    }
    if (spec.empty()) {
        return bad_entry(text, "there is nothing after \"=\"");
    }
    EbsDevice ebs = AMIVIRT_TRY(parse_ebs(text, spec));
    return BlockDevice{std::string(device), std::move(ebs)};
}

void check_names(const BlockDeviceMapping& mapping, std::string_view whose, std::vector<Error>& faults) {
    const std::string of = whose.empty() ? std::string() : fmt::format(" of the {}", whose);
    std::map<DeviceName, std::string> seen;
    std::map<unsigned, std::string> ephemeral;
    for (const BlockDevice& entry : mapping) {
        const auto name = parse_device_name(entry.device_name);
        if (!name) {
            faults.emplace_back(
                Code::invalid_block_device_mapping,
                fmt::format("The device name \"{}\"{} is ill-formed (expecting one such as /dev/sdb or /dev/xvdb)", entry.device_name, of));
        } else if (const auto [at, is_new] = seen.emplace(*name, entry.device_name); !is_new) {
            faults.emplace_back(Code::invalid_block_device_mapping,
                                at->second == entry.device_name
                                    ? fmt::format("The device \"{}\"{} is mapped more than once", entry.device_name, of)
                                    : fmt::format("The devices \"{}\" and \"{}\"{} are the same one", at->second, entry.device_name, of));
        }
        if (const auto* store = std::get_if<EphemeralDevice>(&entry.what); store != nullptr) {
            if (store->number > k_most_ephemeral) {
                faults.emplace_back(Code::invalid_block_device_mapping,
                                    fmt::format("The device \"{}\"{} is mapped to \"ephemeral{}\" (the last is \"ephemeral{}\")",
                                                entry.device_name, of, store->number, k_most_ephemeral));
            } else if (const auto [at, is_new] = ephemeral.emplace(store->number, entry.device_name); !is_new) {
                faults.emplace_back(Code::invalid_block_device_mapping,
                                    fmt::format("The devices \"{}\" and \"{}\"{} are both mapped to \"ephemeral{}\"", at->second,
                                                entry.device_name, of, store->number));
            }
        }
    }
}

void check_limits(std::string_view what, const EbsDevice& ebs, std::vector<Error>& faults) {
    const Limits& limits = limits_of(ebs.type.value_or(VolumeType::gp3));
    const std::string_view type = to_string(limits.type);
    const auto value_fault = [&](std::string message) { faults.emplace_back(Code::invalid_parameter_value, std::move(message)); };
    if (ebs.size && (ebs.size->count < limits.min_gib || ebs.size->count > limits.max_gib)) {
        value_fault(fmt::format("The size of {}, {} GiB, is not possible for volume type {} (expecting {} to {} GiB)", what,
                                ebs.size->count, type, limits.min_gib, limits.max_gib));
    }
    if (limits.max_iops == 0) {
        if (ebs.iops) {
            faults.emplace_back(Code::invalid_parameter_combination,
                                fmt::format("The IOPS of {}, {}, are not supported by volume type {}", what, *ebs.iops, type));
        }
    } else if (!ebs.iops) {
        if (limits.type != VolumeType::gp3) {
            faults.emplace_back(Code::missing_parameter,
                                fmt::format("The IOPS of {} are not said, and volume type {} needs them", what, type));
        }
    } else if (*ebs.iops < limits.min_iops || *ebs.iops > limits.max_iops) {
        value_fault(fmt::format("The IOPS of {}, {}, are not possible for volume type {} (expecting {} to {})", what, *ebs.iops, type,
                                limits.min_iops, limits.max_iops));
    } else if (ebs.size && ebs.size->count >= limits.min_gib && ebs.size->count <= limits.max_gib) {
        const std::uint64_t most = std::max(limits.free_iops, ebs.size->count * limits.iops_per_gib);
        if (*ebs.iops > most) {
            value_fault(fmt::format("The IOPS of {}, {}, are too many for volume type {} and {} GiB (at most {}, {} per GiB)", what,
                                    *ebs.iops, type, ebs.size->count, most, limits.iops_per_gib));
        }
    }
    if (!ebs.throughput) {
        return;
    }
    if (limits.type != VolumeType::gp3) {
        faults.emplace_back(Code::invalid_parameter_combination,
                            fmt::format("The throughput of {}, {} MiB/s, is not supported by volume type {}", what, *ebs.throughput, type));
    } else if (*ebs.throughput < k_min_throughput || *ebs.throughput > k_max_throughput) {
        value_fault(fmt::format("The throughput of {}, {} MiB/s, is not possible for volume type {} (expecting {} to {} MiB/s)", what,
                                *ebs.throughput, type, k_min_throughput, k_max_throughput));
    } else if (const std::uint32_t iops = ebs.iops.value_or(k_baseline_iops); *ebs.throughput > iops / k_iops_per_throughput) {
        value_fault(fmt::format("The throughput of {}, {} MiB/s, is too high for {} IOPS (at most {} MiB/s, 0.25 per IOPS)", what,
                                *ebs.throughput, iops, iops / k_iops_per_throughput));
    }
}

std::optional<Error> check_instance_store_entry(const BlockDevice& entry, std::string_view root_device_name) {
    const auto* ebs = std::get_if<EbsDevice>(&entry.what);
    if (ebs == nullptr) {
        return std::nullopt;
    }
    const auto name = parse_device_name(entry.device_name);
    if (!name || name != parse_device_name(root_device_name)) {
        return Error(Code::invalid_block_device_mapping,
                     fmt::format("The device \"{}\" is an EBS volume, and an instance-store image takes instance store volumes only",
                                 entry.device_name),
                     "create the volume by itself and attach it to the running instance");
    }
    const bool says_more =
        ebs->type || ebs->iops || ebs->throughput || ebs->encrypted.value_or(false) || !ebs->delete_on_termination.value_or(true);
    if (says_more) {
        return Error(Code::invalid_block_device_mapping,
                     fmt::format("The root device \"{}\" is on the instance store: its entry can give a size, but no volume type, IOPS, "
                                 "throughput or encryption, and it is always deleted on termination",
                                 entry.device_name));
    }
    return std::nullopt;
}

std::vector<Error> check_mapping(const BlockDeviceMapping& mapping) {
    std::vector<Error> faults;
    check_names(mapping, "", faults);
    for (const BlockDevice& entry : mapping) {
        const auto* ebs = std::get_if<EbsDevice>(&entry.what);
        if (ebs == nullptr) {
            continue;
        }
        if (!ebs->snapshot && !ebs->size) {
            faults.emplace_back(Code::invalid_block_device_mapping,
                                fmt::format("The device \"{}\" has neither a snapshot nor a size", entry.device_name));
        }
        check_limits(fmt::format("device \"{}\"", entry.device_name), *ebs, faults);
    }
    return faults;
}

}  // namespace amivirt
