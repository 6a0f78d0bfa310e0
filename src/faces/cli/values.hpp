// Values of options, read from their text. Pure but for read_user_data.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "amivirt/base/clock.hpp"
#include "amivirt/base/result.hpp"
#include "amivirt/domain/instance.hpp"
#include "amivirt/domain/tag.hpp"
#include "amivirt/ports/live_disks.hpp"

namespace amivirt::cli {

/// A whole number in decimal, `least` to `most`.
[[nodiscard]] Result<unsigned> parse_count(std::string_view text, unsigned least, unsigned most);

/// "HOST:GUEST[/tcp|/udp]"; HOST 0 picks a free port.
[[nodiscard]] Result<PortForward> parse_port_forward(std::string_view text);

enum class WaitFor { running, ssh };
struct Wait {
    WaitFor what = WaitFor::running;
    Duration timeout{};
};
/// "running", "ssh", "ssh=5m"; ten minutes if not said.
[[nodiscard]] Result<Wait> parse_wait(std::string_view text);

/// 64 hex digits, returned in lower case; "sha256:" may stand before them.
[[nodiscard]] Result<std::string> parse_sha256(std::string_view text);

/// Letters, digits and dashes: a region names a folder.
[[nodiscard]] Result<std::string> parse_region(std::string_view text);

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

/// At most 16 KiB (source: EC2 user data), read from `path`, or from `in` for "-".
[[nodiscard]] Result<std::string> read_user_data(const std::string& path, std::istream& in);

}  // namespace amivirt::cli
