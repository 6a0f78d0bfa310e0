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
    return text;
}

/// busybox's findfs and blkid read this much before they look at a label, and find none on a device that is smaller. Guests of busybox
/// (Alpine's tiny-cloud, our own tiny) would not see their seed.
constexpr std::size_t k_least_size = 0x11000;
constexpr std::size_t k_sector = 2048;

class IsoSeedBuilder final : public SeedBuilder {
public:
    Result<std::string> build(const Seed& seed) override {
        std::string image =
            AMIVIRT_TRY(iso9660_image("cidata", {{"meta-data", AMIVIRT_TRY(meta_data(seed))},
                                                 {"user-data", seed.user_data.empty() ? "#cloud-config\n{}\n" : seed.user_data}}));
        if (image.size() < k_least_size) {
            image.resize((k_least_size + k_sector - 1) / k_sector * k_sector);
        }
        return image;
    }
};

}  // namespace

std::unique_ptr<SeedBuilder> make_seed_builder() { return std::make_unique<IsoSeedBuilder>(); }

}  // namespace amivirt
