// qemu-img as a child: under limits, and its words made into our messages.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "amivirt/base/clock.hpp"
#include "amivirt/ports/process_runner.hpp"

namespace amivirt::qemu_img {

struct Limits {
    Duration cpu;
    Duration timeout;
};
/// Reads or writes a header.
constexpr Limits k_glance{std::chrono::seconds(30), std::chrono::minutes(2)};
/// Walks all tables.
constexpr Limits k_walk{std::chrono::minutes(10), std::chrono::minutes(30)};
/// Reads or writes all data.
constexpr Limits k_copy{std::chrono::hours(4), std::chrono::hours(12)};

/// "qemu-img" goes in front of the command's words.
[[nodiscard]] Result<CommandResult> run(ProcessRunner& processes, Command command, const Limits& limits);

/// qemu-img's own words, without its name in front and with the disk named as the user knows it.
[[nodiscard]] std::string words(const CommandResult& result, const std::string& argument, const std::string& shown_as);
[[nodiscard]] bool mentions(const CommandResult& result, std::string_view text);
/// QEMU locks the images it opens.
[[nodiscard]] bool in_use(const CommandResult& result);
[[nodiscard]] bool disk_full(const CommandResult& result);

/// qemu-img could not `doing` ("grow", "merge") the layer's file.
[[nodiscard]] Error layer_error(const CommandResult& result, std::string_view doing, const std::string& argument, const std::string& file);

/// Hears `(12.34/100%)` in what -p prints, however it is cut into pieces.
class PercentReader {
public:
    [[nodiscard]] std::optional<double> take(std::string_view piece);

private:
    std::string text_;
};

}  // namespace amivirt::qemu_img
