#include "adapters/manifest/config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "adapters/manifest/fields.hpp"
#include "adapters/manifest/yaml_document.hpp"

namespace amivirt {

namespace {

using yaml::Faults;
using yaml::Fields;
using yaml::Kind;
using yaml::NodePtr;
using yaml::quote;

/// It names a folder of the store, and goes on the command line.
bool region_name_ok(std::string_view name) {
    return !name.empty() && name.size() <= 64 && name.front() != '-' &&
           std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::islower(c) != 0 || std::isdigit(c) != 0 || c == '-'; });
}

std::string region_name_fault(std::string_view name) {
    return fmt::format("{} is not a region's name: lower-case letters, digits and dashes", quote(name));
}

class Reader {
public:
    Reader(const NodePtr& root, Faults& faults)
        : faults_(faults),
          folder_(yaml::folder_of(faults.file())),
          top_(root, "", faults, {"defaultRegion", "defaultAccount", "accounts", "regions", "accelerator", "templates", "chainLimit"}) {}

    Config read() {
        if (!top_.usable()) {
            return {};
        }
        read_accounts();
        config_.default_account = top_.parsed("defaultAccount", [this](std::string_view text) { return account(text); });
        config_.accelerator = top_.parsed("accelerator", parse_accelerator).value_or(AcceleratorRequest::automatic);
        config_.templates = path(top_, "templates");
        if (const auto limit = top_.whole("chainLimit", "layers", 3, 100)) {
            config_.chain_limit = static_cast<unsigned>(*limit);
        }
        read_regions();
        read_default_region();
        return std::move(config_);
    }

private:
    std::string path(const Fields& fields, std::string_view key) const {
        const std::optional<std::string> text = fields.text(key);
        if (text && text->empty()) {
            fields.fault(key, "is empty");
        }
        return text && !text->empty() ? yaml::resolve_path(folder_, *text) : "";
    }

    /// By its id, or by the alias of one of those read.
    [[nodiscard]] Result<AccountId> account(std::string_view text) const {
        for (const Account& known : config_.accounts) {
            if (!known.alias.empty() && known.alias == text) {
                return known.id;
            }
        }
        auto id = AccountId::parse(text);
        if (!id && check_account_alias(text)) {
            return Error(Code::invalid_parameter_value, fmt::format("{} is the alias of none of the accounts here", quote(text)));
        }
        return id;
    }

    void read_accounts() {
        const NodePtr node = top_.get("accounts");
        if (!node) {
            return;
        }
        const Fields accounts(node, "accounts", faults_);
        for (const yaml::Entry& entry : accounts.entries()) {
            Account account;
            if (auto id = AccountId::parse(entry.key)) {
                account.id = std::move(*id);
            } else {
                faults_.add(entry.line, "accounts", fmt::format("{} is not an account's id of 12 digits", quote(entry.key)));
                continue;
            }
            if (entry.value->kind != Kind::null) {
                const Fields fields(entry.value, accounts.path(entry.key), faults_, {"alias"});
                account.alias = fields.usable() ? fields.text("alias").value_or("") : "";
                if (const auto checked = check_account_alias(account.alias); !account.alias.empty() && !checked) {
                    fields.fault("alias", checked.error().message);
                    continue;
                }
                for (const Account& other : config_.accounts) {
                    if (!account.alias.empty() && other.alias == account.alias) {
                        fields.fault("alias", fmt::format("{} is the alias of {} already", quote(account.alias), other.id.str()));
                    }
                }
            }
            config_.accounts.push_back(std::move(account));
        }
    }

    void read_regions() {
        const NodePtr node = top_.get("regions");
        if (!node) {
            return;
        }
        const Fields regions(node, "regions", faults_);
        for (const yaml::Entry& entry : regions.entries()) {
            if (!region_name_ok(entry.key)) {
                faults_.add(entry.line, "regions", region_name_fault(entry.key));
            }
            RegionConfig& region = config_.regions[entry.key];
            if (entry.value->kind == Kind::null) {
                continue;
            }
            const Fields fields(entry.value, regions.path(entry.key), faults_, {"uri", "store"});
            if (!fields.usable()) {
                continue;
            }
            if (const auto uri = fields.text("uri")) {
                const std::size_t colon = uri->find(':');
                if (colon == 0 || colon == std::string::npos || uri->compare(colon, 3, "://") != 0) {
                    fields.fault("uri", fmt::format("{} is not a libvirt URI, as in \"qemu:///session\"", quote(*uri)));
                }
                region.uri = *uri;
            }
            region.store = path(fields, "store");
        }
    }

    void read_default_region() {
        std::string known;
        for (const auto& [name, region] : config_.regions) {
            known += fmt::format("{}{}", known.empty() ? "" : ", ", name);
        }
        if (const auto name = top_.text("defaultRegion")) {
            if (!region_name_ok(*name)) {
                top_.fault("defaultRegion", region_name_fault(*name));
            } else if (!config_.regions.empty() && !config_.regions.contains(*name)) {
                top_.fault("defaultRegion", fmt::format("{} is none of the regions here ({})", quote(*name), known));
            }
            config_.default_region = *name;
        } else if (config_.regions.size() == 1) {
            config_.default_region = config_.regions.begin()->first;
        } else if (config_.regions.size() > 1 && !config_.regions.contains(config_.default_region)) {
            top_.fault("defaultRegion", fmt::format("is missing; it is one of {}", known));
        }
    }

    Faults& faults_;
    std::string folder_;
    Fields top_;
    Config config_;
};

}  // namespace

namespace {

Result<Config> config_of(const NodePtr& root, Faults& faults) {
    Config config;
    if (root) {
        config = Reader(root, faults).read();
    }
    if (!faults.empty()) {
        return faults.error();
    }
    return config;
}

}  // namespace

Result<Config> read_config(const std::string& path) {
    Faults faults("configuration", path);
    return config_of(yaml::load(faults, yaml::Absent::allow), faults);
}

Result<Config> parse_config(const std::string& text, const std::string& path) {
    Faults faults("configuration", path);
    return config_of(yaml::load_text(faults, text), faults);
}

}  // namespace amivirt
