// stderr: errors, warnings, notes and one line that is redrawn in place. Safe from any thread.
#pragma once

#include <iosfwd>
#include <string>
#include <string_view>

#include "amivirt/base/error.hpp"
#include "amivirt/base/sync.hpp"
#include "faces/cli/surroundings.hpp"

namespace amivirt::cli {

class Talk {
public:
    Talk(const Surroundings& around, int verbosity);
    Talk(const Talk&) = delete;
    Talk& operator=(const Talk&) = delete;
    ~Talk();

    /// Always: `amivirt: message (Name)`, then `hint: ...`; with -v the way up.
    void error(const Error& error);
    /// Unless -q.
    void warning(std::string_view sentence);
    /// Unless -q.
    void note(std::string_view line);
    /// With -v.
    void detail(std::string_view line);
    /// The line redrawn in place; nothing off a terminal or with -q. Empty: clears it.
    void status(const std::string& line);

    [[nodiscard]] bool draws() const noexcept { return draws_; }
    [[nodiscard]] std::size_t columns() const noexcept { return columns_; }
    [[nodiscard]] int verbosity() const noexcept { return verbosity_; }

private:
    struct Stream {
        std::ostream* out = nullptr;
        std::string status;
    };
    static void clear(Stream& stream);
    void say(const std::string& lines);

    Sync<Stream> stream_;
    int verbosity_;
    bool draws_;
    std::size_t columns_;
};

/// The lines of Talk::error, each with its newline. Pure.
[[nodiscard]] std::string render_error(const Error& error, int verbosity);

/// Flushes stdout. The exit status to end with: `status`, or that of the failed write, which is told. A reader that has gone had all it
/// wanted.
[[nodiscard]] int finish_output(const Surroundings& around, int status);

/// A fault of the command line itself.
[[nodiscard]] Error usage_error(std::string message, std::string hint = {});

}  // namespace amivirt::cli
