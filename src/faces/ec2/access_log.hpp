// One line for each request that was answered.
#pragma once

#include <mutex>
#include <string>

#include "amivirt/base/clock.hpp"
#include "amivirt/base/result.hpp"

namespace amivirt::ec2 {

struct AccessLine {
    std::string peer;     ///< "127.0.0.1"
    std::string account;  ///< "" nobody was proven
    std::string what;     ///< "DescribeImages", "GET /healthz"
    unsigned status = 200;
    std::string code;  ///< "OK", "AuthFailure"
    Duration took{};
    std::size_t bytes = 0;  ///< of the answer's body
    std::string request_id;
};

/// "2026-11-22T05:30:00.000Z 127.0.0.1 111122223333 DescribeImages 200 OK 3ms 2048 6f1c..."; what is not known is "-".
[[nodiscard]] std::string text_of(TimePoint when, const AccessLine& line);

class AccessLog {
public:
    /// "" writes nothing, "-" to standard error. A file is opened for each line, so that it may be moved away at any time.
    explicit AccessLog(std::string file) : file_(std::move(file)) {}
    /// Can it be written? io_error.
    [[nodiscard]] Result<void> check() const;
    void write(TimePoint when, const AccessLine& line) noexcept;

private:
    std::string file_;
    std::mutex mutex_;
};

}  // namespace amivirt::ec2
