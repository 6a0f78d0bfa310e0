// Ids 1, 2, 3, ...: the same in every run.
#pragma once

#include <fmt/format.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "amivirt/base/sync.hpp"
#include "amivirt/ports/id_source.hpp"

namespace amivirt::fakes {

class FakeIdSource final : public IdSource {
public:
    [[nodiscard]] std::string hex17() override { return fmt::format("{:017x}", ++last_id_); }

    /// What was scripted, in order; then a fixed sequence of scattered numbers.
    [[nodiscard]] std::uint32_t random() override {
        auto scripted = scripted_.lock();
        if (!scripted->empty()) {
            const std::uint32_t value = scripted->front();
            scripted->pop_front();
            return value;
        }
        return ++last_random_ * 2654435761U;  // odd, so 2^32 calls give 2^32 numbers
    }
    void script_random(const std::vector<std::uint32_t>& values) {
        auto scripted = scripted_.lock();
        scripted->insert(scripted->end(), values.begin(), values.end());
    }

private:
    std::atomic<std::uint64_t> last_id_{0};
    std::atomic<std::uint32_t> last_random_{0};
    Sync<std::deque<std::uint32_t>> scripted_;
};

/// The n-th id of a kind, as FakeIdSource would give it.
template <class IdType>
[[nodiscard]] IdType nth_id(std::uint64_t n) {
    return *IdType::parse(fmt::format("{}{:017x}", IdType::prefix(), n));
}

}  // namespace amivirt::fakes
