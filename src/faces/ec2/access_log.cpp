#include "faces/ec2/access_log.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "faces/ec2/xml.hpp"

namespace amivirt::ec2 {

namespace {

constexpr mode_t k_mode = 0640;

/// One word: a blank in it would pass for the next field.
std::string word(const std::string& text) {
    std::string out = printable(text);
    std::replace(out.begin(), out.end(), ' ', '_');
    return out.empty() ? "-" : out;
}

}  // namespace

std::string text_of(TimePoint when, const AccessLine& line) {
    return fmt::format("{} {} {} {} {} {} {}ms {} {}\n", to_iso8601(when), word(line.peer), word(line.account), word(line.what),
                       line.status, word(line.code), line.took.count(), line.bytes, word(line.request_id));
}

Result<void> AccessLog::check() const {
    if (file_.empty() || file_ == "-") {
        return {};
    }
    const int descriptor = ::open(file_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, k_mode);
    if (descriptor < 0) {
        return Error(Code::io_error, fmt::format("cannot write \"{}\": {}", printable(file_), std::generic_category().message(errno)));
    }
    ::close(descriptor);
    return {};
}

void AccessLog::write(TimePoint when, const AccessLine& line) noexcept {
    if (file_.empty()) {
        return;
    }
    try {
        const std::string text = text_of(when, line);
        const std::lock_guard lock(mutex_);
        const bool own = file_ != "-";
        const int descriptor = own ? ::open(file_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, k_mode) : STDERR_FILENO;
        if (descriptor >= 0) {
            static_cast<void>(!::write(descriptor, text.data(), text.size()));  // a log that cannot be written must not stop the work
            if (own) {
                ::close(descriptor);
            }
        }
    } catch (const std::exception&) {  // out of memory: one line less
        return;
    }
}

}  // namespace amivirt::ec2
