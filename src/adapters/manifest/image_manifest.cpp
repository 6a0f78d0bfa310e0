// image.yaml. Field names are EC2's (RegisterImage, DescribeImages) in camelCase.
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include "amivirt/domain/device_name.hpp"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <limits>
#include <set>

#include "adapters/manifest/fields.hpp"
#include "adapters/manifest/manifest.hpp"
#include "adapters/manifest/yaml_document.hpp"

namespace amivirt {

namespace {

using yaml::Faults;
using yaml::Fields;
using yaml::Kind;
using yaml::NodePtr;
using yaml::quote;

constexpr std::size_t k_max_devices = 100;
constexpr std::string_view k_any_snapshot = "snap-00000000000000000";  // stands for the one the import will make

EbsDevice placeholder() {
    EbsDevice ebs;
    ebs.snapshot = *SnapshotId::parse(k_any_snapshot);
    return ebs;
}

/// A name that can be handed to `ssh -l` and to a guest.
bool user_name_ok(std::string_view name) {
    return !name.empty() && name.size() <= 32 && name.front() != '-' &&
           std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '.'; });
}

class Reader {
public:
    Reader(const NodePtr& root, Faults& faults)
        : faults_(faults),
          folder_(yaml::folder_of(faults.file())),
          top_(root, "", faults,
               {"name", "description", "architecture", "bootMode", "platform", "rootDeviceName", "rootDeviceType", "defaultUser", "source",
                "blockDeviceMappings", "launchPermissions", "tags"}) {}

    ImageManifest read() {
        if (!top_.usable()) {
            return {};
        }
        read_words();
        read_source();
        read_mapping();
        read_permissions();
        read_tags();
        return std::move(manifest_);
    }

private:
    void read_words() {
        if (const auto name = top_.text("name")) {
            check("name", check_image_name(*name));
            manifest_.name = *name;
        } else if (!top_.get("name")) {
            top_.fault("name", "is missing");
        }
        if (const auto description = top_.text("description")) {
            check("description", check_description(*description));
            manifest_.description = *description;
        }
        manifest_.architecture = top_.parsed("architecture", parse_architecture);
        manifest_.boot_mode = top_.parsed("bootMode", parse_boot_mode);
        if (const auto platform = top_.text("platform")) {
            if (*platform != "linux" && *platform != "windows") {
                top_.fault("platform", fmt::format("{} is neither \"linux\" nor \"windows\"", quote(*platform)));
            }
            manifest_.platform = *platform;
        }
        if (const auto user = top_.text("defaultUser")) {
            if (!user_name_ok(*user)) {
                top_.fault("defaultUser", fmt::format("{} is not a user name", quote(*user)));
            }
            manifest_.default_user = *user;
        }
        if (const auto device = top_.text("rootDeviceName")) {
            for (const Error& error : check_mapping({{*device, placeholder()}})) {
                top_.fault("rootDeviceName", error.message);
            }
            manifest_.root_device_name = *device;
        }
        manifest_.root_device_type = top_.parsed("rootDeviceType", parse_root_device_type).value_or(RootDeviceType::ebs);
    }

    void read_source() {
        const NodePtr node = top_.get("source");
        if (!node) {
            top_.fault("source", "is missing; say {file: PATH}, {url: URL} or {build: PROGRAM}");
            return;
        }
        const Fields source(node, "source", faults_, {"file", "url", "build", "sha256"});
        if (!source.usable()) {
            return;
        }
        std::string given;
        unsigned count = 0;
        for (const char* key : {"file", "url", "build"}) {
            if (source.get(key)) {
                given += fmt::format("{}{}", count++ == 0 ? "" : ", ", key);
            }
        }
        if (count == 0) {
            source.fault("needs one of file, url, build");
        } else if (count > 1) {
            source.fault(fmt::format("takes one of file, url, build, not several ({})", given));
        }
        if (const auto file = source.text("file")) {
            if (file->find("://") != std::string::npos) {
                source.fault("file", fmt::format("{} is a URL; give it as url", quote(*file)));
            } else {
                manifest_.source.file = existing(source, "file", *file, R_OK);
            }
        }
        if (const auto url = source.text("url")) {
            const bool known = url->starts_with("http://") || url->starts_with("https://");
            if (!known || url->find_first_of(" \t\r\n") != std::string::npos) {
                source.fault("url", fmt::format("{} is not an http:// or https:// URL", quote(*url)));
            }
            manifest_.source.url = *url;
        }
        if (const auto build = source.text("build")) {
            manifest_.source.build = existing(source, "build", *build, X_OK);
        }
        if (auto digest = source.text("sha256")) {
            const bool hex = std::all_of(digest->begin(), digest->end(), [](unsigned char c) { return std::isxdigit(c) != 0; });
            if (digest->size() != 64 || !hex) {
                source.fault("sha256", fmt::format("{} is not 64 hexadecimal digits", quote(*digest)));
            } else if (source.get("build")) {
                source.fault("sha256", "goes with file or url, not with build");
            }
            std::transform(digest->begin(), digest->end(), digest->begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
            manifest_.source.sha256 = *digest;
        }
    }

    /// The absolute path of something that is there, is a file and may be used as `mode` says.
    std::string existing(const Fields& source, std::string_view key, const std::string& text, int mode) {
        if (text.empty()) {
            source.fault(key, "is empty");
            return {};
        }
        std::string path = yaml::resolve_path(folder_, text);
        struct stat facts {};
        if (::stat(path.c_str(), &facts) != 0) {
            source.fault(key, errno == ENOENT ? fmt::format("{} is not there", quote(path))
                                              : fmt::format("{} cannot be looked at: {}", quote(path), std::strerror(errno)));
        } else if (S_ISDIR(facts.st_mode)) {
            source.fault(key, fmt::format("{} is a directory", quote(path)));
        } else if (::access(path.c_str(), mode) != 0) {
            source.fault(key, fmt::format("{} is not {}", quote(path), mode == X_OK ? "executable" : "readable"));
        }
        return path;
    }

    void read_mapping() {
        const NodePtr list = top_.get("blockDeviceMappings");
        if (!list) {
            return;
        }
        if (list->kind != Kind::sequence) {
            top_.fault("blockDeviceMappings", fmt::format("is {}, not a list of devices", yaml::name_of(list->kind)));
            return;
        }
        if (list->items.size() > k_max_devices) {
            top_.fault("blockDeviceMappings", fmt::format("has {} entries, more than {}", list->items.size(), k_max_devices));
            return;
        }
        BlockDeviceMapping checked;  // the manifest's, with the root's snapshot as it will be
        for (std::size_t i = 0; i < list->items.size(); ++i) {
            const std::string path = fmt::format("blockDeviceMappings[{}]", i);
            const Fields entry(list->items[i], path, faults_, {"deviceName", "ebs", "virtualName", "noDevice"});
            const std::size_t before = faults_.count();
            const auto device = entry.usable() ? read_device(entry, path) : std::nullopt;
            if (!device || faults_.count() > before) {
                continue;  // what is half read would only look wrong again
            }
            manifest_.mapping.push_back(*device);
            checked.push_back(*device);
            if (same_device(device->device_name, manifest_.root_device_name)) {
                check_root(entry, *device);
                auto* ebs = std::get_if<EbsDevice>(&checked.back().what);
                if (ebs != nullptr && !ebs->size) {
                    ebs->snapshot = placeholder().snapshot;
                }
            }
            if (manifest_.root_device_type == RootDeviceType::instance_store) {
                if (const auto fault = check_instance_store_entry(*device, manifest_.root_device_name)) {
                    entry.fault(fault->message);
                }
            }
            // The domain checks a mapping as a whole; without this entry it was right, so any fault is this entry's.
            const std::vector<Error> faults = check_mapping(checked);
            for (const Error& fault : faults) {
                entry.fault(fault.message);
            }
            if (!faults.empty()) {
                checked.pop_back();
            }
        }
    }

    static void check_root(const Fields& entry, const BlockDevice& device) {
        const auto* ebs = std::get_if<EbsDevice>(&device.what);
        if (ebs == nullptr) {
            entry.fault("is the root device, which comes from source; only its ebs fields can be set");
        } else if (ebs->snapshot) {
            entry.fault("ebs", "the root device comes from source and takes no snapshotId");
        }
    }

    std::optional<BlockDevice> read_device(const Fields& entry, const std::string& path) {
        BlockDevice device;
        bool whole = true;
        if (const auto name = entry.text("deviceName")) {
            device.device_name = *name;
        } else {
            if (!entry.get("deviceName")) {
                entry.fault("deviceName", "is missing");
            }
            whole = false;
        }
        const int kinds = (entry.get("ebs") ? 1 : 0) + (entry.get("virtualName") ? 1 : 0) + (entry.get("noDevice") ? 1 : 0);
        if (kinds != 1) {
            entry.fault(kinds == 0 ? "needs one of ebs, virtualName, noDevice" : "takes only one of ebs, virtualName, noDevice");
            whole = false;
        }
        if (const NodePtr node = entry.get("ebs")) {
            const Fields ebs(node, path + ".ebs", faults_,
                             {"snapshotId", "volumeSize", "volumeType", "iops", "throughput", "deleteOnTermination", "encrypted"});
            whole = ebs.usable() && whole;
            device.what = read_ebs(ebs);
        }
        if (const auto name = entry.text("virtualName")) {
            const std::optional<unsigned> number = ephemeral_number(*name);
            if (!number) {
                entry.fault("virtualName", fmt::format("{} is not ephemeral0 to ephemeral23", quote(*name)));
                whole = false;
            }
            device.what = EphemeralDevice{number.value_or(0)};
        }
        if (entry.get("noDevice")) {
            const auto said = entry.boolean("noDevice");
            if (said && !*said) {
                entry.fault("noDevice", "can only be true; leave it out otherwise");
            }
            whole = said.value_or(false) && whole;
            device.what = NoDevice{};
        }
        return whole ? std::optional(std::move(device)) : std::nullopt;
    }

    static EbsDevice read_ebs(const Fields& ebs) {
        EbsDevice device;
        if (!ebs.usable()) {
            return device;
        }
        constexpr std::uint64_t k_max = std::numeric_limits<std::uint32_t>::max();
        device.snapshot = ebs.parsed("snapshotId", SnapshotId::parse);
        if (const auto size = ebs.whole("volumeSize", "GiB", 1, k_max)) {
            device.size = GiB{*size};
        }
        device.type = ebs.parsed("volumeType", parse_volume_type);
        if (const auto iops = ebs.whole("iops", "", 1, k_max)) {
            device.iops = static_cast<std::uint32_t>(*iops);
        }
        if (const auto throughput = ebs.whole("throughput", "MiB/s", 1, k_max)) {
            device.throughput = static_cast<std::uint32_t>(*throughput);
        }
        device.delete_on_termination = ebs.boolean("deleteOnTermination");
        device.encrypted = ebs.boolean("encrypted");
        return device;
    }

    static std::optional<unsigned> ephemeral_number(std::string_view name) {
        constexpr std::string_view prefix = "ephemeral";
        const std::string_view digits = name.starts_with(prefix) ? name.substr(prefix.size()) : std::string_view{};
        const bool decimal = std::all_of(digits.begin(), digits.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
        if (digits.empty() || digits.size() > 2 || !decimal || (digits.size() == 2 && digits.front() == '0')) {
            return std::nullopt;
        }
        unsigned number = 0;
        for (const char digit : digits) {
            number = number * 10 + static_cast<unsigned>(digit - '0');
        }
        return number <= 23 ? std::optional(number) : std::nullopt;
    }

    void read_permissions() {
        const NodePtr list = top_.get("launchPermissions");
        if (!list) {
            return;
        }
        if (list->kind != Kind::sequence) {
            top_.fault("launchPermissions", fmt::format("is {}, not a list of account ids or [all]", yaml::name_of(list->kind)));
            return;
        }
        for (std::size_t i = 0; i < list->items.size(); ++i) {
            const yaml::Node& item = *list->items[i];
            const std::string path = fmt::format("launchPermissions[{}]", i);
            if (item.kind != Kind::scalar) {
                faults_.add(item.line, path, fmt::format("is {}, not an account id or \"all\"", yaml::name_of(item.kind)));
            } else if (item.text == "all") {
                manifest_.permissions.everyone = true;
            } else if (auto account = AccountId::parse(item.text)) {
                manifest_.permissions.accounts.insert(std::move(*account));
            } else {
                faults_.add(item.line, path, fmt::format("{} is neither an account id of 12 digits nor \"all\"", quote(item.text)));
            }
        }
    }

    void read_tags() {
        const NodePtr node = top_.get("tags");
        if (!node) {
            return;
        }
        const Fields tags(node, "tags", faults_);
        for (const yaml::Entry& entry : tags.entries()) {
            if (entry.value->kind == Kind::sequence || entry.value->kind == Kind::map) {
                tags.fault(entry.key, fmt::format("is {}, not text", yaml::name_of(entry.value->kind)));
                continue;
            }
            if (const auto fine = check_tags({{entry.key, entry.value->text}}); !fine) {
                faults_.add(entry.line, "tags", fine.error().message);
                continue;
            }
            manifest_.tags[entry.key] = entry.value->text;
        }
        if (const auto fine = check_tags(manifest_.tags); !fine) {
            top_.fault("tags", fine.error().message);
        }
    }

    void check(std::string_view key, const Result<void>& result) const {
        if (!result) {
            top_.fault(key, result.error().message);
        }
    }

    Faults& faults_;
    std::string folder_;
    Fields top_;
    ImageManifest manifest_;
};

class YamlManifestReader final : public ManifestReader {
public:
    Result<ImageManifest> read(const std::string& path) override {
        Faults faults("manifest", path);
        ImageManifest manifest;
        if (const NodePtr root = yaml::load(faults, yaml::Absent::refuse)) {
            manifest = Reader(root, faults).read();
        }
        if (!faults.empty()) {
            return faults.error();
        }
        return manifest;
    }
};

}  // namespace

std::unique_ptr<ManifestReader> make_manifest_reader() { return std::make_unique<YamlManifestReader>(); }

}  // namespace amivirt
