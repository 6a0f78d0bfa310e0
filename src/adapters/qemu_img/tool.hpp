// qemu-img as a child: under limits, and its words made into our messages.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "adapters/qemu_img/region_key.hpp"
#include "amivirt/base/clock.hpp"
#include "amivirt/base/progress.hpp"
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

/// `text` within a list of options: commas doubled.
[[nodiscard]] std::string option_value(std::string_view text);

/// qemu-img's own words, without its name in front and with the disk named as the user knows it.
[[nodiscard]] std::string words(const CommandResult& result, const std::string& argument, const std::string& shown_as);
[[nodiscard]] bool mentions(const CommandResult& result, std::string_view text);
/// QEMU locks the images it opens.
[[nodiscard]] bool in_use(const CommandResult& result);
[[nodiscard]] bool disk_full(const CommandResult& result);

/// The key that it was given opens nothing.
[[nodiscard]] bool key_refused(const CommandResult& result);

/// qemu-img could not `doing` ("grow", "merge") the layer's file.
[[nodiscard]] Error layer_error(const CommandResult& result, std::string_view doing, const std::string& argument, const std::string& file,
                                const RegionKey& key);

/// For Command::on_output: hears `(12.34/100%)` in what -p prints, however it is cut into pieces, and tells it as so much of `share`,
/// on top of what was done before.
[[nodiscard]] std::function<void(std::string_view)> percent_of(Progress& progress, Bytes done, Bytes share);

}  // namespace amivirt::qemu_img
