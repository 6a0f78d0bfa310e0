#include "boot_report.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

namespace amivirt {

namespace {

constexpr std::size_t k_columns = 200;
constexpr std::uint64_t k_bytes = 16384;
constexpr std::string_view k_panic = "Kernel panic - not syncing";
constexpr std::string_view k_kernel_begins = "] Linux version ";

/// One line as a person would have read it: what a carriage return overwrote, escape sequences and control characters are gone.
std::string readable(std::string_view line) {
    while (!line.empty() && line.back() == '\r') {
        line.remove_suffix(1);
    }
    if (const auto start = line.rfind('\r'); start != std::string_view::npos) {
        line.remove_prefix(start + 1);
    }
    std::string text;
    for (std::size_t i = 0; i < line.size(); ++i) {
        const auto byte = static_cast<unsigned char>(line[i]);
        if (byte == 0x1B) {
            if (i + 1 < line.size() && line[i + 1] == '[') {
                for (i += 2; i < line.size() && (line[i] < '@' || line[i] > '~'); ++i) {
                }
            } else {
                ++i;
            }
        } else if (byte == '\t') {
            text += ' ';
        } else if (byte >= 0x20 && byte < 0x7F) {
            text += line[i];
        }
    }
    if (text.size() > k_columns) {
        text.resize(k_columns);
    }
    return text;
}

/// The first of a few is a panic's own, if the kernel panicked: what follows it are registers and addresses.
std::vector<std::string> last_lines(std::string_view output, std::size_t most) {
    std::vector<std::string> lines;
    if (const auto panic = output.find(k_panic); panic != std::string_view::npos && most <= k_report_lines) {
        const auto end = output.find('\n', panic);
        lines.push_back(readable(output.substr(panic, end == std::string_view::npos ? end : end - panic)));
        output.remove_prefix(std::min(output.size(), panic + lines.front().size()));
        auto rest = last_lines(output, most);
        rest.resize(std::min(rest.size(), most - 1));
        lines.insert(lines.end(), rest.begin(), rest.end());
        return lines;
    }
    while (lines.size() < most && !output.empty()) {
        const auto cut = output.rfind('\n');
        auto line = readable(cut == std::string_view::npos ? output : output.substr(cut + 1));
        if (line.find_first_not_of(' ') != std::string::npos) {
            lines.push_back(std::move(line));
        }
        output = cut == std::string_view::npos ? std::string_view{} : output.substr(0, cut);
    }
    std::reverse(lines.begin(), lines.end());
    return lines;
}

}  // namespace

std::string boot_report(std::string sentence, InstanceFiles& files, MachineLog& machine_log, const InstanceId& instance, std::size_t most) {
    const auto words = machine_log.last_words(instance, k_bytes);
    if (const auto lines = words ? last_lines(*words, most) : std::vector<std::string>{}; !lines.empty()) {
        sentence += fmt::format("; QEMU said:\n  {}\n", fmt::join(lines, "\n  "));
    } else {
        sentence += "; ";
    }
    const auto size = files.console_size(instance);
    if (!size) {
        return sentence + fmt::format("its console cannot be read: {}", size.error().message);
    }
    // What earlier boots printed explains nothing.
    const auto output =
        files.console(instance, std::max(files.boot_offset(instance).value_or(0), *size > k_bytes ? *size - k_bytes : 0), k_bytes);
    if (!output) {
        return sentence + fmt::format("its console cannot be read: {}", output.error().message);
    }
    const auto lines = last_lines(*output, most);
    return sentence + (lines.empty() ? "it printed nothing on its serial console"
                                     : fmt::format("its console ends with:\n  {}", fmt::join(lines, "\n  ")));
}

std::string where_to_read(InstanceFiles& files, MachineLog& machine_log, const InstanceId& instance) {
    const std::string log = machine_log.path(instance);
    return fmt::format("all that it printed: `amivirt console {}` ({}){}", instance.str(), files.paths(instance).console,
                       log.empty() ? "" : fmt::format("; QEMU's log: {}", log));
}

bool has_panicked(InstanceFiles& files, const InstanceId& instance) {
    const auto size = files.console_size(instance);
    const auto offset = files.boot_offset(instance);
    if (!size || !offset || *size <= *offset) {
        return false;
    }
    const std::uint64_t begin = std::max(*offset, *size > k_bytes ? *size - k_bytes : 0);
    const auto output = files.console(instance, begin, k_bytes);
    const auto panic = output ? output->rfind(k_panic) : std::string::npos;
    return panic != std::string::npos && output->find(k_kernel_begins, panic) == std::string::npos;
}

}  // namespace amivirt
