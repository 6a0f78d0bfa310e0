// image.yaml. Field names are EC2's (RegisterImage, DescribeImages) in camelCase.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>
#include "amivirt/domain/device_name.hpp"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <limits>
#include <map>
#include <set>
#include <utility>
#include <vector>

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
using yaml::Table;

constexpr std::size_t k_max_devices = 100;
constexpr std::size_t k_max_codes = 20;
constexpr std::size_t k_max_images = 2000;
constexpr std::string_view k_id_pattern = "^ami-([0-9a-f]{8}|[0-9a-f]{17})$";
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

const Table* source_table() {
    static const Table table{{{"file", "A disk image: its path, from the manifest's folder.", yaml::text()},
                              {"url", "A disk image: its URL.", yaml::text("^https?://[^ ]+$")},
                              {"build", "A program that makes the disk image, called as `build OUT.qcow2`: its path.", yaml::text()},
                              {"sha256", "Of the file as it is stored or sent, in hexadecimal digits.", yaml::text("^[0-9A-Fa-f]{64}$")}},
                             {"file", "url", "build"}};
    return &table;
}

const Table* ebs_table() {
    constexpr std::uint64_t k_max = std::numeric_limits<std::uint32_t>::max();
    static const Table table{{{"snapshotId", "What the volume is made of.", yaml::text("^snap-[0-9a-f]{17}$")},
                              {"volumeSize", "In GiB; the snapshot's if not said.", yaml::whole(1, k_max, "GiB")},
                              {"volumeType", "gp3 if not said.", yaml::word<VolumeType>()},
                              {"iops", "The most operations a second.", yaml::whole(1, k_max)},
                              {"throughput", "The most MiB a second.", yaml::whole(1, k_max, "MiB/s")},
                              {"deleteOnTermination", "Does the volume go with its instance?", yaml::boolean()},
                              {"encrypted", "Is the volume encrypted?", yaml::boolean()}}};
    return &table;
}

const Table* device_table() {
    static const Table table{{{"deviceName", "Such as /dev/sdb.", yaml::text(), "is missing"},
                              {"ebs", "An EBS volume.", yaml::record(ebs_table)},
                              {"virtualName", "An instance store disk: ephemeral0 to ephemeral23.", yaml::text("^ephemeral[0-9]{1,2}$")},
                              {"noDevice", "Only true: this device is left out.", yaml::boolean()}},
                             {"ebs", "virtualName", "noDevice"}};
    return &table;
}

const Table* code_table() {
    static const Table table{{{"productCode", "Letters and digits.", yaml::text("^[0-9A-Za-z]{1,64}$"), "is missing"},
                              {"type", "marketplace if not said.", yaml::one_word({"marketplace", "devpay"})}}};
    return &table;
}

const Table* image_table() {
    static const Table table{
        {{"name", "3 to 128 letters, digits and ()[] ./-'@_; unique among your images.", yaml::text(), "is missing"},
         {"description", "At most 255 characters.", yaml::text()},
         {"architecture", "Found by inspection if not said.", yaml::word<Architecture>()},
         {"bootMode", "Found by inspection if not said.", yaml::word<BootMode>()},
         {"platform", "Found by inspection if not said.", yaml::one_word({"linux", "windows"})},
         {"rootDeviceName", "/dev/sda1 if not said.", yaml::text()},
         {"rootDeviceType", "ebs if not said.", yaml::word<RootDeviceType>()},
         {"defaultUser", "Who logs in.", yaml::text("^[A-Za-z0-9_.][A-Za-z0-9_.-]{0,31}$")},
         {"source", "Where the root disk comes from.", yaml::record(source_table),
          "is missing; say {file: PATH}, {url: URL} or {build: PROGRAM}"},
         {"blockDeviceMappings", "The disks of a machine of this image.", yaml::list_of(yaml::record(device_table), k_max_devices)},
         {"launchPermissions", "Who may launch it beside you: account ids, or all.", yaml::list_of(yaml::text("^(all|[0-9]{12})$"))},
         {"productCodes", "Of a marketplace; they open nothing here.", yaml::list_of(yaml::record(code_table), k_max_codes)},
         {"imageId", "The id it is to have; a fresh one if not said.", yaml::text(std::string(k_id_pattern))},
         {"tags", "At most 50.", yaml::map_of(yaml::text())}}};
    return &table;
}

/// An image of a catalog: its id must be said, its source need not, and it may be anybody's.
const Table* listed_image_table() {
    static const Table table = [] {
        Table made = *image_table();
        for (yaml::Rule& rule : made.rules) {
            if (rule.key == "source") {
                rule.missing.clear();
                rule.help = "Where the root disk comes from, if it is another than the catalog's.";
            } else if (rule.key == "imageId") {
                rule.missing = "is missing";
                rule.help = "The id it is to have.";
            }
        }
        made.rules.push_back({"ownerId", "The account that owns it; yours if not said.", yaml::text("^[0-9]{12}$")});
        made.rules.push_back({"platformDetails", "Such as Linux/UNIX; found by inspection if not said.", yaml::text()});
        return made;
    }();
    return &table;
}

const Table* catalog_table() {
    static const Table table{
        {{"source", "Where the root disk comes from of images that do not say so themselves.", yaml::record(source_table)},
         {"images", "The images.", yaml::list_of(yaml::record(listed_image_table), k_max_images), "is missing"}}};
    return &table;
}

/// Reads where a root disk comes from.
struct Sources {
    Faults& faults;
    std::string folder;  ///< paths are taken from here

    [[nodiscard]] ManifestSource read(const NodePtr& node, const std::string& at) const {
        ManifestSource found;
        const Fields source(node, at, faults, *source_table());
        if (!source.usable()) {
            return found;
        }
        std::string given;
        unsigned count = 0;
        for (const std::string& key : source_table()->one_of) {
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
                found.file = existing(source, "file", *file, R_OK);
            }
        }
        if (const auto url = source.text("url")) {
            const bool known = url->starts_with("http://") || url->starts_with("https://");
            if (!known || url->find_first_of(" \t\r\n") != std::string::npos) {
                source.fault("url", fmt::format("{} is not an http:// or https:// URL", quote(*url)));
            }
            found.url = *url;
        }
        if (const auto build = source.text("build")) {
            found.build = existing(source, "build", *build, X_OK);
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
            found.sha256 = *digest;
        }
        return found;
    }

    /// The absolute path of something that is there, is a file and may be used as `mode` says.
    [[nodiscard]] std::string existing(const Fields& source, std::string_view key, const std::string& text, int mode) const {
        if (text.empty()) {
            source.fault(key, "is empty");
            return {};
        }
        std::string path = yaml::resolve_path(folder, text);
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
};

class Reader {
public:
    Reader(const NodePtr& root, Faults& faults) : Reader(root, "", faults, *image_table()) {}
    /// An image at `path` of a larger file.
    Reader(const NodePtr& node, const std::string& path, Faults& faults, const Table& table)
        : faults_(faults), table_(table), top_(node, path, faults, table) {}

    ImageManifest read() {
        if (!top_.usable()) {
            return {};
        }
        read_words();
        read_source();
        read_mapping();
        read_permissions();
        read_codes();
        read_tags();
        return std::move(manifest_);
    }
    /// A source alone; `at` is its field's path.
    [[nodiscard]] static ManifestSource source_at(const NodePtr& node, const std::string& at, Faults& faults) {
        return Sources{faults, yaml::folder_of(faults.file())}.read(node, at);
    }
    [[nodiscard]] const Fields& top() const noexcept { return top_; }

private:
    void read_words() {
        if (const auto name = top_.text("name")) {
            check("name", check_image_name(*name));
            manifest_.name = *name;
        }
        if (const auto description = top_.text("description")) {
            check("description", check_description(*description));
            manifest_.description = *description;
        }
        manifest_.architecture = top_.parsed("architecture", parse_architecture);
        manifest_.boot_mode = top_.parsed("bootMode", parse_boot_mode);
        if (const auto platform = top_.text("platform")) {
            const auto& known = yaml::rule_of(*image_table(), "platform").type.words;
            if (std::find(known.begin(), known.end(), *platform) == known.end()) {
                top_.fault("platform", fmt::format("{} is neither \"{}\"", quote(*platform), fmt::join(known, "\" nor \"")));
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
        manifest_.id = top_.parsed("imageId", ImageId::parse);
        if (&table_ == listed_image_table()) {
            manifest_.owner = top_.parsed("ownerId", AccountId::parse);
            manifest_.platform_details = top_.text("platformDetails").value_or("");
        }
    }

    void read_codes() {
        const NodePtr list = top_.get("productCodes");
        if (!list) {
            return;
        }
        if (list->kind != Kind::sequence || list->items.size() > k_max_codes) {
            top_.fault("productCodes", fmt::format("is not a list of at most {} product codes", k_max_codes));
            return;
        }
        for (std::size_t i = 0; i < list->items.size(); ++i) {
            const Fields entry(list->items[i], fmt::format("{}[{}]", top_.path("productCodes"), i), faults_, *code_table());
            const auto id = entry.usable() ? entry.text("productCode") : std::nullopt;
            if (!id) {
                continue;
            }
            ProductCode code{*id, entry.text("type").value_or("marketplace")};
            if (const auto fine = check_product_code(code); !fine) {
                entry.fault("productCode", fine.error().message);
            }
            manifest_.product_codes.push_back(std::move(code));
        }
    }

    void read_source() {
        if (const NodePtr node = top_.get("source")) {
            manifest_.source = source_at(node, top_.path("source"), faults_);
        }
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
            const std::string path = fmt::format("{}[{}]", top_.path("blockDeviceMappings"), i);
            const Fields entry(list->items[i], path, faults_, *device_table());
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
            whole = false;
        }
        const auto& one_of = device_table()->one_of;
        const auto kinds = std::count_if(one_of.begin(), one_of.end(), [&](const std::string& key) { return entry.get(key) != nullptr; });
        if (kinds != 1) {
            entry.fault(kinds == 0 ? "needs one of ebs, virtualName, noDevice" : "takes only one of ebs, virtualName, noDevice");
            whole = false;
        }
        if (const NodePtr node = entry.get("ebs")) {
            const Fields ebs(node, path + ".ebs", faults_, *ebs_table());
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
        device.snapshot = ebs.parsed("snapshotId", SnapshotId::parse);
        if (const auto size = ebs.whole("volumeSize")) {
            device.size = GiB{*size};
        }
        device.type = ebs.parsed("volumeType", parse_volume_type);
        if (const auto iops = ebs.whole("iops")) {
            device.iops = static_cast<std::uint32_t>(*iops);
        }
        if (const auto throughput = ebs.whole("throughput")) {
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
            const std::string path = fmt::format("{}[{}]", top_.path("launchPermissions"), i);
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
        const Fields tags(node, top_.path("tags"), faults_);
        for (const yaml::Entry& entry : tags.entries()) {
            if (entry.value->kind == Kind::sequence || entry.value->kind == Kind::map) {
                tags.fault(entry.key, fmt::format("is {}, not text", yaml::name_of(entry.value->kind)));
                continue;
            }
            if (const auto fine = check_tags({{entry.key, entry.value->text}}); !fine) {
                faults_.add(entry.line, top_.path("tags"), fine.error().message);
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
    const Table& table_;
    Fields top_;
    ImageManifest manifest_;
};

/// All images of a catalog, and what they have against one another.
std::vector<ImageManifest> read_images(const NodePtr& root, Faults& faults) {
    const Fields top(root, "", faults, *catalog_table());
    const NodePtr list = top.usable() ? top.get("images") : nullptr;
    std::vector<ImageManifest> images;
    if (!list) {
        return images;
    }
    if (list->kind != Kind::sequence || list->items.empty() || list->items.size() > k_max_images) {
        top.fault("images", fmt::format("is not a list of 1 to {} images", k_max_images));
        return images;
    }
    const NodePtr common = top.get("source");
    const ManifestSource source = common ? Reader::source_at(common, "source", faults) : ManifestSource();
    std::map<std::string, std::size_t> ids;
    std::map<std::pair<std::string, std::string>, std::size_t> names;
    for (std::size_t i = 0; i < list->items.size(); ++i) {
        Reader reader(list->items[i], fmt::format("images[{}]", i), faults, *listed_image_table());
        ImageManifest image = reader.read();
        if (!reader.top().usable()) {
            continue;
        }
        if (!reader.top().get("source")) {
            image.source = source;
            if (!common) {
                reader.top().fault("source", "is missing, here and for the catalog as a whole");
            }
        }
        if (image.id) {
            if (const auto [at, fresh] = ids.emplace(image.id->str(), i); !fresh) {
                reader.top().fault("imageId", fmt::format("{} is that of images[{}], too", quote(image.id->str()), at->second));
            }
        }
        if (const auto [at, fresh] = names.emplace(std::pair(image.owner ? image.owner->str() : "", image.name), i);
            !fresh && !image.name.empty()) {
            reader.top().fault("name",
                               fmt::format("{} is that of images[{}], which has the same owner, too", quote(image.name), at->second));
        }
        images.push_back(std::move(image));
    }
    return images;
}

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

    Result<ImageCatalog> read_catalog(const std::string& path) override {
        Faults faults("catalog", path);
        ImageCatalog catalog;
        if (const NodePtr root = yaml::load(faults, yaml::Absent::refuse)) {
            catalog.images = read_images(root, faults);
        }
        if (!faults.empty()) {
            return faults.error();
        }
        catalog.file = yaml::resolve_path(yaml::folder_of(path), path.substr(path.find_last_of('/') + 1));
        return catalog;
    }
};

}  // namespace

std::string catalog_schema() {
    return yaml::json_schema("amivirt catalog", "Images that are there when the API is: amivirt serve --catalog catalog.yaml",
                             *catalog_table());
}

std::string image_schema() {
    return yaml::json_schema("amivirt image", "What an image is made of: amivirt image register -f image.yaml", *image_table());
}

std::unique_ptr<ManifestReader> make_manifest_reader() { return std::make_unique<YamlManifestReader>(); }

}  // namespace amivirt
