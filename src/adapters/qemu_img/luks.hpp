// The LUKS header that lies inside an encrypted qcow2 file, written by ourselves. qemu-img would first measure for two seconds how many
// iterations this machine can do, and fails ("Unable to get accurate CPU usage") where the kernel counts CPU time in ticks.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace amivirt {

/// The room a LUKS 1 header takes with eight key slots, of which we use the first.
constexpr std::uint64_t k_luks_length = 4096 + 8 * 258048;

/// A new random AES-256-XTS key for the data, locked by `passphrase`. The first bytes of the header; the rest up to k_luks_length is
/// zeros. The passphrase must be of 256 random bits: its few iterations slow down nobody who guesses.
[[nodiscard]] std::string luks_header(std::string_view passphrase);

}  // namespace amivirt
