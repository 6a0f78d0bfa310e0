// Where a command line runs: streams, terminal, environment. Tests bring their own.
#pragma once

#include <chrono>
#include <functional>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "amivirt/base/result.hpp"

namespace amivirt::cli {

struct Surroundings {
    std::istream& in;
    std::ostream& out;
    std::ostream& err;
    bool in_is_terminal = false;
    bool out_is_terminal = false;
    bool err_is_terminal = false;
    std::size_t columns = 80;  ///< of the terminal behind `err`
    /// An unset and an empty variable are the same: nullopt.
    std::function<std::optional<std::string>(const std::string& name)> environment;
    /// Starts this program again with `arguments`, in a session of its own, its streams on /dev/null; does not wait.
    std::function<Result<void>(const std::vector<std::string>& arguments)> detach;
    /// Can nobody read `out` any more? `amivirt ... | head -1`, and head has ended.
    std::function<bool()> reader_gone = [] { return false; };
    /// Goes on in a child process, before anything is open. There it returns nullopt; here, when the child has ended or left the
    /// foreground, the exit status to end with. Until then the child has our streams, and what interrupts us interrupts it.
    std::function<Result<std::optional<int>>()> go_background = {};
    /// In that child: lets the first process end with `status`, and goes on in a session of its own, its streams on /dev/null.
    std::function<void(int status)> leave_foreground = {};
    std::function<std::chrono::steady_clock::time_point()> ticks = [] { return std::chrono::steady_clock::now(); };
};

/// This process's own.
[[nodiscard]] Surroundings process_surroundings();

}  // namespace amivirt::cli
