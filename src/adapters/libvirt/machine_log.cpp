#include "adapters/libvirt/machine_log.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "adapters/common/files.hpp"

namespace amivirt::libvirt {
namespace {

// The command line of a machine with many disks is the longest part of a run's log.
constexpr std::uint64_t k_look_back = 256UL * 1024;

/// "2026-11-25 18:08:54.115+0000: ", which is libvirt speaking.
bool is_libvirts(std::string_view line) {
    return line.size() > 30 && line[4] == '-' && line[7] == '-' && line[10] == ' ' && line[13] == ':' && line.substr(23, 7) == "+0000: ";
}

/// Without QEMU's "2026-11-25T18:09:02.761998Z ".
std::string_view without_time(std::string_view line) {
    const std::size_t space = line.find(' ');
    const bool is_time = space != std::string_view::npos && space > 20 && line[4] == '-' && line[10] == 'T' && line[space - 1] == 'Z';
    return is_time ? line.substr(space + 1) : line;
}

/// How libvirt ends every QEMU whose guest is off: that explains nothing.
bool is_libvirts_doing(std::string_view line) {
    return line.find("terminating on signal 15 from pid") != std::string_view::npos && line.find("libvirtd") != std::string_view::npos;
}

}  // namespace

std::string qemus_words(std::string_view log) {
    std::string words;
    bool in_command = false;
    while (!log.empty()) {
        const std::size_t end = std::min(log.find('\n'), log.size());
        const std::string_view line = log.substr(0, end);
        log.remove_prefix(std::min(end + 1, log.size()));
        if (is_libvirts(line)) {
            in_command = line.find(": starting up libvirt version") != std::string_view::npos;
            if (in_command) {
                words.clear();  // an earlier run's
            }
        } else if (in_command) {
            in_command = line.ends_with('\\');
        } else if (!line.empty() && !line.starts_with("char device redirected to") && !is_libvirts_doing(line)) {
            words.append(without_time(line)).append(1, '\n');
        }
    }
    return words;
}

namespace {

class LibvirtMachineLog final : public MachineLog {
public:
    explicit LibvirtMachineLog(std::shared_ptr<Domains> domains) : domains_(std::move(domains)) {}

    std::string path(const InstanceId& instance) override {
        const std::string file = place(instance);
        struct stat status {};
        // Whom the folder is closed to is told where it would be.
        return file.empty() || (::stat(file.c_str(), &status) != 0 && errno != EACCES) ? std::string() : file;
    }

    Result<std::string> last_words(const InstanceId& instance, std::size_t limit) override {
        const std::string file = place(instance);
        if (file.empty()) {
            return std::string();
        }
        Result<files::FileDescriptor> opened = files::open(file, O_RDONLY | O_NOFOLLOW);
        if (!opened) {
            return errno == ENOENT ? Result<std::string>(std::string()) : Result<std::string>(std::move(opened.error()));
        }
        struct stat status {};
        if (::fstat(opened->get(), &status) != 0) {
            return files::errno_error(errno, "read", file);
        }
        const auto size = static_cast<std::uint64_t>(status.st_size);
        const std::uint64_t begin = size > k_look_back ? size - k_look_back : 0;
        std::string words = qemus_words(AMIVIRT_TRY(files::read_at(opened->get(), begin, static_cast<std::size_t>(size - begin), file)));
        return words.size() > limit ? words.substr(words.size() - limit) : words;
    }

    void remove(const InstanceId& instance) override {
        const std::string file = place(instance);
        if (file.empty() || ::unlink(file.c_str()) != 0) {
            return;
        }
        // virtlogd's older ones: it keeps three.
        for (int number = 0; ::unlink(fmt::format("{}.{}", file, number).c_str()) == 0; ++number) {
        }
    }

private:
    /// Where libvirt's QEMU driver keeps it (source: its qemu_conf.c); root has no session daemon of its own.
    [[nodiscard]] std::string place(const InstanceId& instance) const {
        const std::string& uri = domains_->connections().uri();
        if (uri == "qemu:///system" || (uri == "qemu:///session" && ::geteuid() == 0)) {
            return fmt::format("/var/log/libvirt/qemu/{}.log", instance.str());
        }
        if (uri != "qemu:///session") {
            return {};  // on another host, or of another driver
        }
        const char* const cache = std::getenv("XDG_CACHE_HOME");
        const char* const home = std::getenv("HOME");
        if (cache != nullptr && *cache != '\0') {
            return fmt::format("{}/libvirt/qemu/log/{}.log", cache, instance.str());
        }
        return home == nullptr ? std::string() : fmt::format("{}/.cache/libvirt/qemu/log/{}.log", home, instance.str());
    }

    std::shared_ptr<Domains> domains_;
};

}  // namespace

std::unique_ptr<MachineLog> make_machine_log(std::shared_ptr<Domains> domains) {
    return std::make_unique<LibvirtMachineLog>(std::move(domains));
}

}  // namespace amivirt::libvirt
