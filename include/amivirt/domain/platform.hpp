// What a machine is made of: architecture, firmware, accelerator.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "amivirt/base/result.hpp"

namespace amivirt {

enum class Architecture { i386, x86_64, arm64 };
[[nodiscard]] std::string_view to_string(Architecture value) noexcept;  // EC2's spelling
[[nodiscard]] Result<Architecture> parse_architecture(std::string_view text);
/// May a host of `host` run a guest of `guest`? (x86_64 runs i386.)
[[nodiscard]] bool can_run(Architecture host, Architecture guest) noexcept;

enum class BootMode { legacy_bios, uefi, uefi_preferred };
[[nodiscard]] std::string_view to_string(BootMode value) noexcept;  // "legacy-bios", "uefi", "uefi-preferred"
[[nodiscard]] Result<BootMode> parse_boot_mode(std::string_view text);

/// What the hypervisor really starts.
/// What an image's root is: a volume that outlives a stop, or a disk that dies with the instance (source: EC2 root device type).
enum class RootDeviceType { ebs, instance_store };
[[nodiscard]] std::string_view to_string(RootDeviceType value) noexcept;  // "instance-store"
[[nodiscard]] Result<RootDeviceType> parse_root_device_type(std::string_view text);

enum class Firmware { bios, uefi };
[[nodiscard]] std::string_view to_string(Firmware value) noexcept;  // "legacy-bios", "uefi": EC2's currentInstanceBootMode

enum class AcceleratorRequest { automatic, kvm, tcg };
[[nodiscard]] Result<AcceleratorRequest> parse_accelerator(std::string_view text);  // auto|kvm|tcg
enum class Accelerator { kvm, tcg };
[[nodiscard]] std::string_view to_string(Accelerator value) noexcept;

}  // namespace amivirt
