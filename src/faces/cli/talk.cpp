#include "faces/cli/talk.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <ostream>
#include <set>

#include "faces/cli/text.hpp"

namespace amivirt::cli {

Talk::Talk(const Surroundings& around, int verbosity)
    : stream_(Stream{&around.err, {}}), verbosity_(verbosity), draws_(around.err_is_terminal && verbosity >= 0), columns_(around.columns) {}

Talk::~Talk() {
    auto stream = stream_.lock();
    clear(*stream);
}

void Talk::clear(Stream& stream) {
    if (!stream.status.empty()) {
        *stream.out << "\r\x1b[K" << std::flush;
        stream.status.clear();
    }
}

void Talk::say(const std::string& lines) {
    auto stream = stream_.lock();
    const std::string status = stream->status;
    clear(*stream);
    *stream->out << lines;
    if (!status.empty()) {
        *stream->out << status;
        stream->status = status;
    }
    *stream->out << std::flush;
}

void Talk::error(const Error& error) { say(render_error(error, verbosity_)); }

void Talk::warning(std::string_view sentence) {
    if (verbosity_ >= 0) {
        say(fmt::format("amivirt: warning: {}\n", printable(sentence)));
    }
}

void Talk::note(std::string_view line) {
    if (verbosity_ >= 0) {
        say(fmt::format("{}\n", printable(line)));
    }
}

void Talk::detail(std::string_view line) {
    if (verbosity_ >= 1) {
        say(fmt::format("{}\n", printable(line)));
    }
}

void Talk::status(const std::string& line) {
    if (!draws_) {
        return;
    }
    auto stream = stream_.lock();
    if (line.empty()) {
        clear(*stream);
        return;
    }
    *stream->out << '\r' << line << "\x1b[K" << std::flush;
    stream->status = line;
}

std::string render_error(const Error& error, int verbosity) {
    // A fault of the command line needs no code: its text is the whole of it.
    std::string out = fmt::format("amivirt: {}\n", printable(error.code == Code::usage ? error.message : describe(error)));
    if (verbosity >= 1) {
        std::set<std::string> told;
        for (const std::string& step : error.context) {
            if (told.insert(step).second) {
                out += fmt::format("  while {}\n", printable(step));
            }
        }
    }
    if (!error.hint.empty()) {
        out += fmt::format("hint: {}\n", printable(error.hint));
    }
    return out;
}

int finish_output(const Surroundings& around, int status) {
    around.out.flush();
    if (around.out.good() || status != 0 || around.reader_gone()) {
        return status;
    }
    const Error error(Code::io_error,
                      fmt::format("Cannot write to standard output: {}", errno != 0 ? std::strerror(errno) : "it is closed"));
    Talk(around, 0).error(error);
    return facts(error.code).exit_status;
}

Error usage_error(std::string message, std::string hint) { return {Code::usage, std::move(message), std::move(hint)}; }

}  // namespace amivirt::cli
