#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "adapters/common/files.hpp"
#include "adapters/ssh/ssh.hpp"
#include "amivirt/base/fault.hpp"

namespace amivirt {
namespace {

constexpr std::size_t k_largest_key = 65536;
constexpr mode_t k_others = 0077;
constexpr std::string_view k_part_end = ".part";
constexpr int k_part_attempts = 8;

bool is_number(std::string_view text) { return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos; }

/// What a key's text is written into before it has its name: ".NAME.PID.COUNT.part". Its NAME; "" if it is none.
std::string name_of_part(std::string_view file) {
    if (!file.starts_with('.') || !file.ends_with(k_part_end)) {
        return {};
    }
    file.remove_prefix(1);
    file.remove_suffix(k_part_end.size());
    for (int i = 0; i < 2; ++i) {
        const auto dot = file.rfind('.');
        if (dot == std::string_view::npos || !is_number(file.substr(dot + 1))) {
            return {};
        }
        file = file.substr(0, dot);
    }
    return std::string(file);
}

/// Removes those that killed processes left; one that is being written is locked. `name`: only of this key; "" of all.
void remove_parts(const std::string& folder, const std::string& name) {
    std::error_code ended;
    for (std::filesystem::directory_iterator at(folder, ended), end; !ended && at != end; at.increment(ended)) {
        const std::string whose = name_of_part(at->path().filename().string());
        if (whose.empty() || (!name.empty() && whose != name)) {
            continue;
        }
        const auto fd = files::open(at->path().string(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
        if (fd && ::flock(fd->get(), LOCK_EX | LOCK_NB) == 0) {
            ::unlink(at->path().c_str());
        }
    }
}

class RealKeyFiles final : public PrivateKeyFiles {
public:
    explicit RealKeyFiles(std::string folder) : folder_(std::move(folder)) {}

    [[nodiscard]] std::string path(const std::string& name) const override { return folder_ + "/" + name; }

    Result<std::string> ensure(const std::string& name, const std::function<Result<std::string>()>& fresh) override {
        const std::string file = path(name);
        remove_parts(folder_, {});
        if (!there(file)) {
            AMIVIRT_TRY(files::make_folders(folder_, 0700));
            const std::string text = AMIVIRT_TRY(fresh());
            if (auto written = write_new(file, text); !written && !there(file)) {
                return std::move(written.error());
            }
        }
        AMIVIRT_TRY(check(file));
        const auto fd = AMIVIRT_TRY(files::open(file, O_RDONLY | O_NOCTTY));
        return files::read_at(fd.get(), 0, k_largest_key, file);
    }

    Result<void> write_new(const std::string& file, const std::string& text) override {
        const std::filesystem::path given(file);
        const std::string folder = given.has_parent_path() ? given.parent_path().string() : ".";
        if (there(file)) {
            return exists(file);
        }
        remove_parts(folder, given.filename().string());
        auto [part, fd] = AMIVIRT_TRY(open_part(folder, given.filename().string()));
        const files::RemoveLater guard(part);
        AMIVIRT_TRY(files::write_at(fd.get(), text, 0, part));
        AMIVIRT_TRY(files::sync(fd.get(), part));
        fault_point("key_file.written");
        // Never replaces what somebody else has put there meanwhile; some file systems know no such rename, but links.
        if (::renameat2(AT_FDCWD, part.c_str(), AT_FDCWD, file.c_str(), RENAME_NOREPLACE) != 0 &&
            (errno == EEXIST || ::link(part.c_str(), file.c_str()) != 0)) {
            return errno == EEXIST ? exists(file) : files::errno_error(errno, "write", file);
        }
        fault_point("key_file.named");
        return files::sync_folder(folder);
    }

    Result<void> remove(const std::string& file) override { return files::remove(file); }

    Result<void> check(const std::string& file) override {
        const auto bad = [&](const std::string& why, std::string hint = {}) {
            return Error(Code::invalid_parameter_value, fmt::format("the private key file \"{}\" {}", file, why), std::move(hint));
        };
        struct stat status {};
        if (::stat(file.c_str(), &status) != 0) {
            return errno == ENOENT ? bad("is not there") : bad(fmt::format("cannot be read: {}", std::generic_category().message(errno)));
        }
        if (!S_ISREG(status.st_mode)) {
            return bad("is not a file");
        }
        // What ssh itself refuses, in its words "UNPROTECTED PRIVATE KEY FILE"; it says nothing of a file of another owner.
        if (status.st_uid == ::geteuid() && (status.st_mode & k_others) != 0) {
            return bad(fmt::format("has mode {:04o}: others may read it, and ssh does not take it", status.st_mode & 07777U),
                       fmt::format("chmod 600 '{}'", file));
        }
        if (::access(file.c_str(), R_OK) != 0) {
            return bad(fmt::format("cannot be read: {}", std::generic_category().message(errno)));
        }
        return {};
    }

private:
    struct Part {
        std::string path;
        files::FileDescriptor fd;
    };
    /// Locked, so that no other process takes it for one that was left.
    static Result<Part> open_part(const std::string& folder, const std::string& name) {
        static std::atomic<unsigned> counter{0};
        for (int attempt = 1;; ++attempt) {
            Part part{fmt::format("{}/.{}.{}.{}{}", folder, name, ::getpid(), counter++, k_part_end), {}};
            part.fd = AMIVIRT_TRY(files::open(part.path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
            struct stat status {};
            const bool ours = ::flock(part.fd.get(), LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
            if ((ours && ::fstat(part.fd.get(), &status) == 0 && status.st_nlink > 0) || attempt == k_part_attempts) {
                return part;
            }
            ::unlink(part.path.c_str());  // another process came between
        }
    }
    static bool there(const std::string& file) {
        struct stat status {};
        return ::lstat(file.c_str(), &status) == 0;
    }
    static Error exists(const std::string& file) {
        return {Code::invalid_parameter_value,
                fmt::format("\"{}\" is there already, and a private key is never written over another file", file),
                "name another file, or remove it first"};
    }

    std::string folder_;
};

}  // namespace

std::unique_ptr<PrivateKeyFiles> make_private_key_files(const std::string& folder) { return std::make_unique<RealKeyFiles>(folder); }

}  // namespace amivirt
