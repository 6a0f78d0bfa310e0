#include "amivirt/base/fault.hpp"

#ifdef AMIVIRT_FAULT_INJECTION

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <string>

namespace amivirt {

namespace {

struct Orders {
    std::string trace_file;
    unsigned long kill_at = 0;  ///< 0: never
    std::string kill_at_name;   ///< when it is passed for the first time; "": never
};

/// Read once: getenv is no friend of threads.
const Orders& orders() {
    static const Orders read = [] {
        Orders result;
        if (const char* file = std::getenv("AMIVIRT_FAULT_TRACE"); file != nullptr) {
            result.trace_file = file;
        }
        if (const char* at = std::getenv("AMIVIRT_FAULT_KILL_AT"); at != nullptr) {
            char* end = nullptr;
            result.kill_at = std::strtoul(at, &end, 10);
            result.kill_at_name = *end == '\0' ? "" : at;
        }
        return result;
    }();
    return read;
}

void trace(const std::string& file, std::string_view name) {
    const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (fd < 0) {
        std::abort();  // a test that cannot see its trace must not pass
    }
    std::string line(name);
    line += '\n';
    if (::write(fd, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {  // one write: threads do not mix lines
        std::abort();
    }
    ::close(fd);
}

}  // namespace

void fault_point(std::string_view name) {
    static std::atomic<unsigned long> passed{0};
    const Orders& given = orders();
    const unsigned long number = ++passed;
    if (!given.trace_file.empty()) {
        trace(given.trace_file, name);
    }
    if ((given.kill_at != 0 && number == given.kill_at) || (!given.kill_at_name.empty() && name == given.kill_at_name)) {
        ::kill(::getpid(), SIGKILL);
        while (true) {
            ::pause();  // not one more step on this thread
        }
    }
}

}  // namespace amivirt

#endif
