// What the server counts, in the text form of Prometheus (version 0.0.4).
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "amivirt/base/sync.hpp"

namespace amivirt::ec2 {

/// What is true at the moment it is asked for.
struct Gauges {
    std::size_t connections = 0;
    std::size_t background = 0;                                            ///< operations that go on
    std::map<std::pair<std::string, std::string>, std::size_t> instances;  ///< by region and state
};

class Metrics {
public:
    /// A request was answered. `action`: one that is known, else "unknown"; `code` "OK", EC2's error code, or the HTTP status where the
    /// request never came to be one of the API.
    void count(const std::string& action, const std::string& code, double seconds);
    void count_connection() { ++*connections_.lock(); }
    [[nodiscard]] std::string text(const Gauges& gauges);

private:
    static constexpr std::array k_bounds{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0};
    struct Histogram {
        std::array<std::uint64_t, k_bounds.size()> at_most{};  ///< of each bucket alone
        std::uint64_t count = 0;
        double sum = 0;
    };
    struct Counts {
        std::map<std::pair<std::string, std::string>, std::uint64_t> requests;  ///< by action and code
        std::map<std::string, Histogram> durations;                             ///< by action
    };
    Sync<Counts> counts_;
    Sync<std::uint64_t> connections_;
};

}  // namespace amivirt::ec2
