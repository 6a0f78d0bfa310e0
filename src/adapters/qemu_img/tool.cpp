#include "adapters/qemu_img/tool.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <optional>

#include "adapters/common/files.hpp"
#include "adapters/common/key_file.hpp"

namespace amivirt::qemu_img {
namespace {

constexpr Bytes k_memory{2ULL << 30U};

class PercentReader {
public:
    std::optional<double> take(std::string_view piece) {
        text_.append(piece);
        const auto end = text_.rfind("/100%)");
        if (end == std::string::npos) {
            text_.erase(0, text_.size() > 64 ? text_.size() - 64 : 0);
            return std::nullopt;
        }
        const auto begin = text_.rfind('(', end);
        std::optional<double> percent;
        if (begin != std::string::npos) {
            percent = std::clamp(std::strtod(text_.c_str() + begin + 1, nullptr), 0.0, 100.0);
        }
        text_.erase(0, end + 6);
        return percent;
    }

private:
    std::string text_;
};

}  // namespace

Result<CommandResult> run(ProcessRunner& processes, Command command, const Limits& limits) {
    command.argv.insert(command.argv.begin(), "qemu-img");
    command.environment.emplace_back("LC_ALL", "C");
    command.memory_limit = k_memory;
    command.cpu_limit = limits.cpu;
    command.timeout = limits.timeout;
    Result<CommandResult> result = processes.run(command);
    if (!result && result.error().code == Code::tool_missing) {
        result.error().hint = "apt-get install qemu-utils";
    }
    return result;
}

std::string option_value(std::string_view text) {
    std::string result;
    for (const char c : text) {
        result += c == ',' ? ",," : std::string(1, c);
    }
    return result;
}

std::string words(const CommandResult& result, const std::string& argument, const std::string& shown_as) {
    std::string words = result.errors;
    for (std::size_t at = words.find(argument); !argument.empty() && at != std::string::npos;
         at = words.find(argument, at + shown_as.size())) {
        words.replace(at, argument.size(), shown_as);
    }
    words.resize(std::min(words.find('\n'), words.size()));
    if (words.starts_with("qemu-img: ")) {
        words.erase(0, 10);
    }
    if (words.empty()) {
        words = result.exit_status > 128 ? fmt::format("killed by signal {}", result.exit_status - 128)
                                         : fmt::format("exit status {}", result.exit_status);
    }
    return files::printable(words, 500);
}

bool mentions(const CommandResult& result, std::string_view text) { return result.errors.find(text) != std::string::npos; }

bool in_use(const CommandResult& result) { return mentions(result, "Failed to get") && mentions(result, " lock"); }

bool disk_full(const CommandResult& result) {
    return mentions(result, "No space left on device") || mentions(result, "Disk quota exceeded");
}

bool key_refused(const CommandResult& result) { return says_key_refused(result.errors); }

Error layer_error(const CommandResult& result, std::string_view doing, const std::string& argument, const std::string& file,
                  const RegionKey& key) {
    if (disk_full(result)) {
        return files::errno_error(ENOSPC, "write", file);
    }
    if (in_use(result)) {
        return Error(Code::incorrect_state, fmt::format("The layer's file \"{}\" is in use by another program.", file));
    }
    if (key_refused(result)) {
        return amivirt::key_refused(key.file(), file);
    }
    return Error(Code::tool_failed, fmt::format("qemu-img could not {} \"{}\": {}.", doing, file, words(result, argument, file)));
}

std::function<void(std::string_view)> percent_of(Progress& progress, Bytes done, Bytes share) {
    return [&progress, done, share, percent = PercentReader(), shown = std::uint64_t{0}](std::string_view piece) mutable {
        if (const auto value = percent.take(piece)) {
            shown = std::max(shown, static_cast<std::uint64_t>(static_cast<double>(share.count) * *value / 100.0));
            progress.advance(done + Bytes{shown});
        }
    };
}

}  // namespace amivirt::qemu_img
