// Values of options, read from their text. Pure but for read_small_file.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "amivirt/base/clock.hpp"
#include "amivirt/base/result.hpp"
#include "amivirt/domain/account.hpp"
#include "amivirt/domain/instance.hpp"
#include "amivirt/domain/tag.hpp"
#include "amivirt/ports/live_disks.hpp"

namespace amivirt::cli {

/// invalid_parameter_value: what every ill-formed value is.
[[nodiscard]] inline Error invalid(std::string message, std::string hint = {}) {
    return {Code::invalid_parameter_value, std::move(message), std::move(hint)};
}

/// A whole number in decimal, `least` to `most`.
[[nodiscard]] Result<unsigned> parse_count(std::string_view text, unsigned least, unsigned most);

/// "[ADDRESS:]HOST:GUEST[/tcp|/udp]"; HOST 0 picks a free port. The address is IPv4; 127.0.0.1 if not said.
[[nodiscard]] Result<PortForward> parse_port_forward(std::string_view text);

/// As parse_network (domain/network.hpp) takes it; as Instance::network says it.
[[nodiscard]] Result<std::string> parse_network_word(std::string_view text);

enum class WaitFor { running, ssh, cloud_init, stopped, terminated };
struct Wait {
    WaitFor what = WaitFor::running;
    Duration timeout{};
};
inline constexpr Duration k_default_wait = std::chrono::minutes{10};
/// What a launch can be waited for: "running", "ssh", "ssh=5m", "cloud-init"; ten minutes if not said.
[[nodiscard]] Result<Wait> parse_wait(std::string_view text);

/// 64 hex digits, returned in lower case; "sha256:" may stand before them.
[[nodiscard]] Result<std::string> parse_sha256(std::string_view text);

/// Letters, digits and dashes: a region names a folder.
[[nodiscard]] Result<std::string> parse_region(std::string_view text);

/// 12 digits, or what may be an account's alias; whether it is one is for Accounts::resolve to say.
[[nodiscard]] Result<std::string> parse_account_word(std::string_view text);

/// A key twice is an error, and so is a Name tag beside `name`, which stands for one ("" does not). Checked.
[[nodiscard]] Result<Tags> tags_of(const std::vector<std::pair<std::string, std::string>>& pairs, const std::string& name = {});

/// "20", "20GiB", "1TiB": whole GiB, at least one.
[[nodiscard]] Result<GiB> parse_gib(std::string_view text);

/// IOPS, or MiB/s: a whole number, at least 1.
[[nodiscard]] Result<std::uint32_t> parse_rate(std::string_view text);

/// "auto", "yes", "no".
[[nodiscard]] Result<Quiesce> parse_quiesce(std::string_view text);

/// "DEVICE=yes", "DEVICE=no"; also true and false, as in a block device mapping.
struct DeviceSwitch {
    std::string device;
    bool on = false;
};
[[nodiscard]] Result<DeviceSwitch> parse_device_switch(std::string_view text);

/// The Name tag of each of `count` instances: "web", or "web-1" .. "web-3".
[[nodiscard]] std::vector<std::string> instance_names(const std::string& name, unsigned count);

struct SmallFile {
    std::string noun;       ///< "user data"
    std::size_t limit = 0;  ///< bytes
    std::string hint;       ///< for what is larger
};
/// Read whole from `path`, or from `in` for "-".
[[nodiscard]] Result<std::string> read_small_file(const std::string& path, std::istream& in, const SmallFile& what);
inline const SmallFile k_user_data{"user data", 16384, "--user-data-large allows 1 MiB, which EC2 does not"};  // source: EC2 user data
inline const SmallFile k_large_user_data{"user data", 1U << 20U, "let the user data download the rest"};

}  // namespace amivirt::cli
