// Other programs: argv vectors, never shell strings, with time-outs and limits; they die with us.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "amivirt/base/clock.hpp"
#include "amivirt/base/size.hpp"

namespace amivirt {

struct Command {
    std::vector<std::string> argv;                                 ///< argv[0] is looked up in PATH
    std::string directory;                                         ///< "": ours
    std::vector<std::pair<std::string, std::string>> environment;  ///< added to ours
    Duration timeout{std::chrono::minutes(1)};
    std::optional<Bytes> memory_limit;     ///< address space
    std::optional<Bytes> file_size_limit;  ///< largest file it may write
    std::optional<Duration> cpu_limit;
    /// Called with each piece of stdout as it comes (and then `output` stays empty).
    std::function<void(std::string_view)> on_output;
};

struct CommandResult {
    int exit_status = 0;  ///< 128 + signal if it was killed
    std::string output;   ///< stdout, at most 16 MiB
    std::string errors;   ///< stderr, its last 64 KiB
};

class ProcessRunner {
public:
    virtual ~ProcessRunner() = default;
    /// Runs to the end; a non-zero exit is a CommandResult, not an Error. stdin is /dev/null. The child gets SIGKILL when this process
    /// dies, on time-out (timed_out) and on an interrupt (throws Interrupted). tool_missing if argv[0] is not found.
    [[nodiscard]] virtual Result<CommandResult> run(const Command& command) = 0;
};

}  // namespace amivirt
