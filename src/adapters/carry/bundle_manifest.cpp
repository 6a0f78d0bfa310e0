#include "adapters/carry/bundle_manifest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "adapters/common/files.hpp"

namespace amivirt {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t k_most_disks = 64;
constexpr const char* k_format = "amivirt-image";

template <class T>
void put(Json& into, const char* name, const std::optional<T>& value) {
    if (value) {
        into[name] = *value;
    }
}

Json mapping_entry(const BlockDevice& device, const std::vector<CarriedDisk>& disks) {
    Json entry = {{"deviceName", device.device_name}};
    if (const auto* ebs = std::get_if<EbsDevice>(&device.what)) {
        const auto disk = std::find_if(disks.begin(), disks.end(), [&](const auto& one) { return one.device_name == device.device_name; });
        if (disk != disks.end()) {
            entry["volume"] = disk->part;
        }
        if (ebs->size) {
            entry["volumeSize"] = ebs->size->count;
        }
        if (ebs->type) {
            entry["volumeType"] = to_string(*ebs->type);
        }
        put(entry, "iops", ebs->iops);
        put(entry, "throughput", ebs->throughput);
        put(entry, "deleteOnTermination", ebs->delete_on_termination);
        put(entry, "encrypted", ebs->encrypted);
    } else if (const auto* ephemeral = std::get_if<EphemeralDevice>(&device.what)) {
        entry["virtualName"] = fmt::format("ephemeral{}", ephemeral->number);
    } else {
        entry["noDevice"] = true;
    }
    return entry;
}

/// Fields of one object, with the first fault found.
class Fields {
public:
    Fields(const Json& json, std::string where, std::optional<std::string>& fault) : json_(json), where_(std::move(where)), fault_(fault) {
        if (!json.is_object()) {
            complain("", "is no object");
        }
    }
    [[nodiscard]] bool has(const char* name) const { return json_.is_object() && json_.contains(name) && !json_[name].is_null(); }
    std::string text(const char* name, bool required = false) {
        if (!has(name)) {
            if (required) {
                complain(name, "is missing");
            }
            return {};
        }
        if (!json_[name].is_string()) {
            complain(name, "is no text");
            return {};
        }
        return json_[name].get<std::string>();
    }
    std::optional<std::uint64_t> whole(const char* name, std::uint64_t most, bool required = false) {
        if (!has(name)) {
            if (required) {
                complain(name, "is missing");
            }
            return std::nullopt;
        }
        if (!json_[name].is_number_unsigned() || json_[name].get<std::uint64_t>() > most) {
            complain(name, "is no number that may stand here");
            return std::nullopt;
        }
        return json_[name].get<std::uint64_t>();
    }
    std::optional<bool> truth(const char* name) {
        if (!has(name)) {
            return std::nullopt;
        }
        if (!json_[name].is_boolean()) {
            complain(name, "is neither true nor false");
            return std::nullopt;
        }
        return json_[name].get<bool>();
    }
    template <class Parse>
    auto parsed(const char* name, Parse parse) -> std::optional<std::decay_t<decltype(*parse(std::string_view()))>> {
        const std::string word = text(name);
        if (word.empty()) {
            return std::nullopt;
        }
        auto value = parse(word);
        if (!value) {
            complain(name, files::printable(value.error().message));
            return std::nullopt;
        }
        return std::move(*value);
    }
    /// Its elements, none if it is not there.
    const Json& list(const char* name) {
        static const Json none = Json::array();
        if (!has(name)) {
            return none;
        }
        if (!json_[name].is_array()) {
            complain(name, "is no list");
            return none;
        }
        return json_[name];
    }
    [[nodiscard]] const Json& at(const char* name) const {
        static const Json none;
        return has(name) ? json_[name] : none;
    }
    void complain(const std::string& name, const std::string& what) {
        if (!fault_) {
            fault_ = fmt::format("{}{}{} {}", where_, where_.empty() || name.empty() ? "" : ".", name, what);
        }
    }

private:
    const Json& json_;
    std::string where_;
    std::optional<std::string>& fault_;
};

EbsDevice read_ebs(Fields& fields) {
    constexpr std::uint64_t k_most_gib = 1U << 20U;
    constexpr std::uint64_t k_most_rate = 1U << 30U;
    EbsDevice ebs;
    if (const auto size = fields.whole("volumeSize", k_most_gib)) {
        ebs.size = GiB{*size};
    }
    ebs.type = fields.parsed("volumeType", parse_volume_type);
    if (const auto iops = fields.whole("iops", k_most_rate)) {
        ebs.iops = static_cast<std::uint32_t>(*iops);
    }
    if (const auto throughput = fields.whole("throughput", k_most_rate)) {
        ebs.throughput = static_cast<std::uint32_t>(*throughput);
    }
    ebs.delete_on_termination = fields.truth("deleteOnTermination");
    ebs.encrypted = fields.truth("encrypted");
    return ebs;
}

void read_image(Image& image, Fields fields) {
    image.id = fields.parsed("imageId", ImageId::parse).value_or(ImageId{});
    image.name = fields.text("name", true);
    image.description = fields.text("description");
    image.architecture = fields.parsed("architecture", parse_architecture).value_or(Architecture::x86_64);
    image.boot_mode = fields.parsed("bootMode", parse_boot_mode).value_or(BootMode::legacy_bios);
    image.platform = fields.text("platform");
    image.platform_details = fields.text("platformDetails");
    image.distribution = fields.text("distribution");
    image.os_version = fields.text("osVersion");
    image.default_user = fields.text("defaultUser");
    image.root_device_name = fields.text("rootDeviceName", true);
    image.root_device_type = fields.parsed("rootDeviceType", parse_root_device_type).value_or(RootDeviceType::ebs);
    image.source_region = fields.text("sourceRegion");
    const Json& tags = fields.at("tags");
    if (!tags.is_null() && !tags.is_object()) {
        fields.complain("tags", "is no object");
    } else if (tags.is_object()) {
        for (const auto& [key, value] : tags.items()) {
            if (!value.is_string()) {
                fields.complain("tags", "has a value that is no text");
            } else {
                image.tags[key] = value.get<std::string>();
            }
        }
    }
}

}  // namespace

std::string write_bundle_manifest(const CarriedImage& carried) {
    const Image& image = carried.image;
    Json about = {{"imageId", image.id.str()},
                  {"name", image.name},
                  {"description", image.description},
                  {"creationDate", to_iso8601(image.created)},
                  {"architecture", to_string(image.architecture)},
                  {"bootMode", to_string(image.boot_mode)},
                  {"platform", image.platform},
                  {"platformDetails", image.platform_details},
                  {"distribution", image.distribution},
                  {"osVersion", image.os_version},
                  {"defaultUser", image.default_user},
                  {"rootDeviceName", image.root_device_name},
                  {"rootDeviceType", to_string(image.root_device_type)},
                  {"sourceRegion", image.source_region},
                  {"tags", Json::object()}};
    for (const auto& [key, value] : image.tags) {
        about["tags"][key] = value;
    }
    Json mapping = Json::array();
    for (const auto& device : image.mapping) {
        mapping.push_back(mapping_entry(device, carried.disks));
    }
    Json volumes = Json::array();
    for (const auto& disk : carried.disks) {
        volumes.push_back({{"file", disk.part}, {"bytes", disk.size.count}, {"virtualBytes", disk.virtual_size.count}});
    }
    const Json root = {{"format", k_format},
                       {"version", fmt::format("{}.0", k_bundle_major)},
                       {"image", std::move(about)},
                       {"blockDeviceMappings", std::move(mapping)},
                       {"volumes", std::move(volumes)}};
    return root.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<CarriedImage> read_bundle_manifest(std::string_view text, const std::string& shown_as) {
    const Json root = Json::parse(text, nullptr, false);
    const auto refuse = [&](const std::string& why) {
        return Error(Code::invalid_disk_image, fmt::format("\"{}\" is no bundle of an image: its manifest.json {}.", shown_as, why));
    };
    if (!root.is_object() || !root.contains("format") || root["format"] != k_format) {
        return refuse("is not one of amivirt's");
    }
    std::optional<std::string> fault;
    Fields top(root, "", fault);
    const std::string version = top.text("version", true);
    const std::string major = version.substr(0, version.find('.'));
    if (major.empty() || major.size() > 6 || major.find_first_not_of("0123456789") != std::string::npos) {
        return refuse(fmt::format("has the version \"{}\"", files::printable(version)));
    }
    if (std::stoul(major) > k_bundle_major) {
        return Error(Code::store_too_new,
                     fmt::format("\"{}\" is a bundle of version {}, and this amivirt knows version {}", shown_as, version, k_bundle_major),
                     "a newer amivirt restores it");
    }
    CarriedImage carried;
    carried.kind = ArchiveKind::bundle;
    read_image(carried.image, Fields(top.at("image"), "image", fault));

    std::vector<CarriedDisk> volumes;
    constexpr std::uint64_t k_most_bytes = 1ULL << 60U;
    for (const Json& one : top.list("volumes")) {
        Fields fields(one, fmt::format("volumes[{}]", volumes.size()), fault);
        CarriedDisk disk;
        disk.part = fields.text("file", true);
        disk.size = Bytes{fields.whole("bytes", k_most_bytes, true).value_or(0)};
        disk.virtual_size = Bytes{fields.whole("virtualBytes", k_most_bytes, true).value_or(0)};
        const bool twice = std::any_of(volumes.begin(), volumes.end(), [&](const CarriedDisk& other) { return other.part == disk.part; });
        if (disk.part == k_bundle_manifest || disk.part == k_bundle_checksums || twice) {
            fields.complain("file", "is a name that is used twice");
        }
        volumes.push_back(std::move(disk));
    }
    if (volumes.empty() || volumes.size() > k_most_disks) {
        top.complain("volumes", fmt::format("are {}, not 1 to {}", volumes.size(), k_most_disks));
    }
    for (const Json& one : top.list("blockDeviceMappings")) {
        Fields fields(one, fmt::format("blockDeviceMappings[{}]", carried.image.mapping.size()), fault);
        BlockDevice device;
        device.device_name = fields.text("deviceName", true);
        if (fields.has("virtualName")) {
            const auto parsed = parse_block_device(device.device_name + "=" + fields.text("virtualName"));
            if (parsed && std::holds_alternative<EphemeralDevice>(parsed->what)) {
                device.what = parsed->what;
            } else {
                fields.complain("virtualName", "is none of ephemeral0 to ephemeral23");
            }
        } else if (fields.truth("noDevice").value_or(false)) {
            device.what = NoDevice{};
        } else {
            device.what = read_ebs(fields);
            if (const std::string part = fields.text("volume"); !part.empty()) {
                const auto volume = std::find_if(volumes.begin(), volumes.end(), [&](const auto& disk) { return disk.part == part; });
                if (volume == volumes.end() || !volume->device_name.empty()) {
                    fields.complain("volume", "is none of the volumes, or used twice");
                } else {
                    volume->device_name = device.device_name;
                }
            }
        }
        carried.image.mapping.push_back(std::move(device));
    }
    for (auto& volume : volumes) {
        if (volume.device_name.empty()) {
            top.complain("volumes", fmt::format("have \"{}\", which no device uses", files::printable(volume.part)));
        }
        const bool root_volume = volume.device_name == carried.image.root_device_name;
        carried.disks.insert(root_volume ? carried.disks.begin() : carried.disks.end(), std::move(volume));
    }
    if (!carried.disks.empty() && carried.disks.front().device_name != carried.image.root_device_name) {
        top.complain("image.rootDeviceName", "is none of the devices with a volume");
    }
    if (fault) {
        return refuse(fmt::format("is wrong: {}", *fault));
    }
    return carried;
}

}  // namespace amivirt
