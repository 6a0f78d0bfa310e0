#include "adapters/process/liveness.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <system_error>
#include <thread>
#include <utility>

#include "amivirt/base/fault.hpp"
#include "amivirt/base/interrupt.hpp"

namespace amivirt {

namespace {

using namespace std::chrono_literals;

/// How long hold() waits for a sweep that looks at the new file at this very moment.
constexpr auto k_hold_patience = 500ms;

Error io_failure(const std::string& what, const std::string& path, int error_number) {
    return Error(Code::io_error, fmt::format("Cannot {} \"{}\": {}.", what, path, std::generic_category().message(error_number)));
}

class Descriptor {
public:
    explicit Descriptor(int number) noexcept : number_(number) {}
    Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        std::swap(number_, other.number_);
        return *this;
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() {
        if (number_ >= 0) {
            ::close(number_);
        }
    }
    [[nodiscard]] int get() const noexcept { return number_; }

private:
    int number_;
};

class FlockHeld final : public Liveness::Held {
public:
    FlockHeld(std::string path, Descriptor file) : path_(std::move(path)), file_(std::move(file)) {}
    FlockHeld(const FlockHeld&) = delete;
    FlockHeld& operator=(const FlockHeld&) = delete;
    /// Removed while still locked, so that nobody can have locked it in between. A file that cannot be removed is swept later.
    ~FlockHeld() override { ::unlink(path_.c_str()); }

private:
    std::string path_;
    Descriptor file_;
};

enum class Missing { create, skip };
enum class Lock { taken, of_another, no_file };

struct Attempt {
    Lock lock = Lock::no_file;
    Descriptor file{-1};
};

/// One attempt to lock `path`, without waiting. Another process may unlink the file between our open and our lock (it swept it, or
/// its operation just ended); what we hold then has no name any more and protects nothing, so the attempt starts again.
Result<Attempt> try_lock(const std::string& path, Missing missing) {
    for (;;) {
        Descriptor file(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | (missing == Missing::create ? O_CREAT : 0), 0600));
        if (file.get() < 0) {
            if (errno == EINTR) {
                continue;
            }
            if (errno == ENOENT && missing == Missing::skip) {
                return Attempt{Lock::no_file, Descriptor(-1)};
            }
            return io_failure("open the lock", path, errno);
        }
        fault_point("liveness.opened");
        if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
            if (errno == EINTR) {
                continue;
            }
            if (errno == EWOULDBLOCK) {
                return Attempt{Lock::of_another, Descriptor(-1)};
            }
            return io_failure("lock", path, errno);
        }
        struct stat ours {};
        struct stat named {};
        if (::fstat(file.get(), &ours) != 0) {
            return io_failure("look at", path, errno);
        }
        if (::stat(path.c_str(), &named) != 0) {
            if (errno != ENOENT) {
                return io_failure("look at", path, errno);
            }
        } else if (ours.st_dev == named.st_dev && ours.st_ino == named.st_ino) {
            return Attempt{Lock::taken, std::move(file)};
        }
    }
}

class FlockLiveness final : public Liveness {
public:
    explicit FlockLiveness(std::string folder) : folder_(std::move(folder)) {}

    [[nodiscard]] Result<std::unique_ptr<Held>> hold(const OperationId& operation) override {
        AMIVIRT_TRY(make_folder());
        const std::string path = path_of(operation);
        const auto deadline = std::chrono::steady_clock::now() + k_hold_patience;
        for (;;) {
            auto attempt = AMIVIRT_TRY(try_lock(path, Missing::create));
            if (attempt.lock == Lock::taken) {
                fault_point("liveness.held");
                return std::unique_ptr<Held>(std::make_unique<FlockHeld>(path, std::move(attempt.file)));
            }
            if (std::chrono::steady_clock::now() >= deadline) {
                return Error(Code::internal_error, fmt::format("The operation \"{}\" is already held: another process has locked \"{}\".",
                                                               operation.str(), path));
            }
            check_interrupt();
            std::this_thread::sleep_for(1ms);
        }
    }

    [[nodiscard]] Result<std::unique_ptr<Held>> adopt(const OperationId& operation) override {
        AMIVIRT_TRY(make_folder());
        const std::string path = path_of(operation);
        auto attempt = AMIVIRT_TRY(try_lock(path, Missing::create));
        if (attempt.lock != Lock::taken) {
            return std::unique_ptr<Held>();
        }
        fault_point("liveness.adopted");
        return std::unique_ptr<Held>(std::make_unique<FlockHeld>(path, std::move(attempt.file)));
    }

    [[nodiscard]] Result<void> sweep(const std::vector<OperationId>& known) override {
        std::error_code error;
        std::filesystem::directory_iterator entry(folder_, error);
        if (error == std::errc::no_such_file_or_directory) {
            return {};
        }
        for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
            const auto operation = OperationId::parse(entry->path().filename().string());
            if (!operation || std::ranges::find(known, *operation) != known.end()) {
                continue;  // a name that is none of ours is left alone
            }
            const std::string path = entry->path().string();
            auto attempt = AMIVIRT_TRY(try_lock(path, Missing::skip));
            if (attempt.lock == Lock::taken && ::unlink(path.c_str()) != 0) {
                return io_failure("remove the lock", path, errno);
            }
        }
        if (error) {
            return io_failure("read the folder", folder_, error.value());
        }
        return {};
    }

private:
    [[nodiscard]] std::string path_of(const OperationId& operation) const { return folder_ + "/" + operation.str(); }
    [[nodiscard]] Result<void> make_folder() const {
        if (::mkdir(folder_.c_str(), 0700) != 0 && errno != EEXIST) {
            return io_failure("make the folder", folder_, errno);
        }
        return {};
    }

    std::string folder_;
};

}  // namespace

std::unique_ptr<Liveness> make_flock_liveness(const std::string& locks_folder) { return std::make_unique<FlockLiveness>(locks_folder); }

}  // namespace amivirt
