#include "adapters/seed/seed_builder.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "adapters/seed/iso9660.hpp"

namespace amivirt {
namespace {

/// A JSON string is a YAML string, and its library knows how to escape.
Result<std::string> quoted(std::string_view what, const std::string& text) {
    try {
        return nlohmann::json(text).dump();
    } catch (const nlohmann::json::exception&) {
        return Error(Code::invalid_parameter_value, fmt::format("The {} of the instance is not UTF-8 text.", what));
    }
}

Result<std::string> meta_data(const Seed& seed) {
    std::string text = fmt::format("instance-id: {}\n", AMIVIRT_TRY(quoted("id", seed.instance.str())));
    text += fmt::format("local-hostname: {}\n", AMIVIRT_TRY(quoted("hostname", seed.hostname)));
    if (!seed.public_keys.empty()) {
        text += "public-keys:\n";
        for (const std::string& key : seed.public_keys) {
            if (key.find_first_of("\r\n") != std::string::npos) {
                return Error(Code::invalid_parameter_value,
                             fmt::format("The public key {} has more than one line.", AMIVIRT_TRY(quoted("key", key))));
            }
            text += fmt::format("  - {}\n", AMIVIRT_TRY(quoted("public key", key)));
        }
    }
    // EC2's names (source: EC2 instance metadata), for `cloud-init query` and templates.
    for (const auto& [name, value] : {std::pair("hostname", &seed.hostname),
                                      {"ami-id", &seed.image},
                                      {"instance-type", &seed.type},
                                      {"reservation-id", &seed.reservation},
                                      {"local-ipv4", &seed.local_ipv4},
                                      {"mac", &seed.mac_address}}) {
        if (!value->empty()) {
            text += fmt::format("{}: {}\n", name, AMIVIRT_TRY(quoted(name, *value)));
        }
    }
    if (seed.launch_index) {
        text += fmt::format("ami-launch-index: {}\n", *seed.launch_index);
    }
    if (!seed.security_groups.empty()) {
        text += "security-groups:\n";
        for (const std::string& group : seed.security_groups) {
            text += fmt::format("  - {}\n", AMIVIRT_TRY(quoted("security group", group)));
        }
    }
    if (!seed.zone.empty()) {
        text += fmt::format("placement:\n  availability-zone: {}\n", AMIVIRT_TRY(quoted("zone", seed.zone)));
    }
    return text;
}

/// Below the user's data, whatever that is: a cloud-config there wins, a script there is run all the same.
Result<std::string> vendor_data(const Seed& seed) {
    std::string text = fmt::format("#cloud-config\nssh_keys:\n  ed25519_public: {}\n  ed25519_private: |\n",
                                   AMIVIRT_TRY(quoted("host key", seed.host_key + "\n")));  // written as it is
    std::string_view rest = seed.host_private_key;
    while (!rest.empty()) {
        const auto end = std::min(rest.find('\n'), rest.size());
        text += fmt::format("    {}\n", rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return text;
}

/// Matched by MAC; the name is the one where a renderer must have one.
Result<std::string> network_config(const Seed& seed) {
    return fmt::format("version: 2\nethernets:\n  eth0:\n    match:\n      macaddress: {}\n    dhcp4: true\n",
                       AMIVIRT_TRY(quoted("MAC address", seed.mac_address)));
}

/// busybox's findfs and blkid read this much before they look at a label, and find none on a device that is smaller. Guests of busybox
/// (Alpine's tiny-cloud, our own tiny) would not see their seed.
constexpr std::size_t k_least_size = 0x11000;
constexpr std::size_t k_sector = 2048;

class IsoSeedBuilder final : public SeedBuilder {
public:
    Result<std::string> build(const Seed& seed) override {
        const std::string meta = AMIVIRT_TRY(meta_data(seed));
        std::vector<IsoFile> files{{"meta-data", meta}, {"user-data", seed.user_data.empty() ? "#cloud-config\n{}\n" : seed.user_data}};
        if (!seed.mac_address.empty()) {
            const std::string network = AMIVIRT_TRY(network_config(seed));
            files.push_back({"network-config", network});
        }
        if (!seed.host_private_key.empty()) {
            const std::string vendor = AMIVIRT_TRY(vendor_data(seed));
            files.push_back({"vendor-data", vendor});
        }
        std::string image = AMIVIRT_TRY(iso9660_image("cidata", files));
        if (image.size() < k_least_size) {
            image.resize((k_least_size + k_sector - 1) / k_sector * k_sector);
        }
        return image;
    }
};

}  // namespace

std::unique_ptr<SeedBuilder> make_seed_builder() { return std::make_unique<IsoSeedBuilder>(); }

}  // namespace amivirt
