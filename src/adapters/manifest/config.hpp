// config.yaml: what a person sets once.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "amivirt/domain/account.hpp"
#include "amivirt/domain/platform.hpp"

namespace amivirt {

struct RegionConfig {
    std::string uri;    ///< libvirt's; "" not said
    std::string store;  ///< absolute path; "" not said
    friend bool operator==(const RegionConfig&, const RegionConfig&) = default;
};

struct Config {
    std::string default_region = "local";
    std::optional<AccountId> default_account;     ///< said by its id or, if it is one of `accounts`, by its alias
    std::vector<Account> accounts;                ///< in the order in which they stand there
    std::map<std::string, RegionConfig> regions;  ///< empty: only the default one, with everything at its default
    AcceleratorRequest accelerator = AcceleratorRequest::automatic;
    std::string templates;     ///< absolute path of a folder whose files go before the shipped ones; "" not said
    unsigned chain_limit = 8;  ///< layers in a volume's chain beyond which it is flattened; 3 (what flattening leaves)..100
    friend bool operator==(const Config&, const Config&) = default;
};

/// Relative paths are taken from the file's folder, "~/" from $HOME. An absent file is all defaults. invalid_manifest lists all faults at
/// once, one a line with its line number.
[[nodiscard]] Result<Config> read_config(const std::string& path);
/// The same of a text that was read already from `path`.
[[nodiscard]] Result<Config> parse_config(const std::string& text, const std::string& path);

}  // namespace amivirt
