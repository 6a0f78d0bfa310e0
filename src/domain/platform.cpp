#include "amivirt/domain/platform.hpp"

#include "domain/words.hpp"

namespace amivirt {

namespace {

constexpr std::array<Word<Architecture>, 3> k_architectures{{
    {Architecture::i386, "i386"},
    {Architecture::x86_64, "x86_64"},
    {Architecture::arm64, "arm64"},
}};
constexpr std::array<Word<BootMode>, 3> k_boot_modes{{
    {BootMode::legacy_bios, "legacy-bios"},
    {BootMode::uefi, "uefi"},
    {BootMode::uefi_preferred, "uefi-preferred"},
}};
constexpr std::array<Word<RootDeviceType>, 2> k_root_device_types{{
    {RootDeviceType::ebs, "ebs"},
    {RootDeviceType::instance_store, "instance-store"},
}};
constexpr std::array<Word<Firmware>, 2> k_firmwares{{
    {Firmware::bios, "legacy-bios"},
    {Firmware::uefi, "uefi"},
}};
constexpr std::array<Word<AcceleratorRequest>, 3> k_accelerator_requests{{
    {AcceleratorRequest::automatic, "auto"},
    {AcceleratorRequest::kvm, "kvm"},
    {AcceleratorRequest::tcg, "tcg"},
}};
constexpr std::array<Word<Accelerator>, 2> k_accelerators{{
    {Accelerator::kvm, "kvm"},
    {Accelerator::tcg, "tcg"},
}};

}  // namespace

std::string_view to_string(Architecture value) noexcept { return word_for(k_architectures, value); }

Result<Architecture> parse_architecture(std::string_view text) {
    auto parsed = parse_word(k_architectures, "architecture", text);
    if (!parsed) {  // the names that uname, dpkg and Go use
        if (text == "amd64" || text == "x86-64" || text == "x64") {
            parsed.error().hint = did_you_mean("x86_64");
        } else if (text == "aarch64") {
            parsed.error().hint = did_you_mean("arm64");
        } else if (text == "i686" || text == "x86") {
            parsed.error().hint = did_you_mean("i386");
        }
    }
    return parsed;
}

bool can_run(Architecture host, Architecture guest) noexcept {
    return host == guest || (host == Architecture::x86_64 && guest == Architecture::i386);
}

std::string_view to_string(BootMode value) noexcept { return word_for(k_boot_modes, value); }
Result<BootMode> parse_boot_mode(std::string_view text) { return parse_word(k_boot_modes, "boot mode", text); }

std::string_view to_string(RootDeviceType value) noexcept { return word_for(k_root_device_types, value); }
Result<RootDeviceType> parse_root_device_type(std::string_view text) { return parse_word(k_root_device_types, "root device type", text); }

std::string_view to_string(Firmware value) noexcept { return word_for(k_firmwares, value); }

Result<AcceleratorRequest> parse_accelerator(std::string_view text) { return parse_word(k_accelerator_requests, "accelerator", text); }
std::string_view to_string(Accelerator value) noexcept { return word_for(k_accelerators, value); }

}  // namespace amivirt
