#include <fmt/format.h>
#include <sys/random.h>

#include <cerrno>
#include <system_error>

#include "adapters/host/host.hpp"

namespace amivirt {
namespace {

template <class T>
T random_value() {
    T value{};
    // Requests this small are never cut short once the generator is seeded (source: getrandom(2)).
    while (getrandom(&value, sizeof value, 0) != static_cast<ssize_t>(sizeof value)) {
        if (errno != EINTR) {
            throw std::system_error(errno, std::generic_category(), "getrandom");
        }
    }
    return value;
}

class RandomIds final : public IdSource {
public:
    std::string hex17() override {
        const auto high = random_value<std::uint64_t>();
        return fmt::format("{:016x}{:x}", high, random_value<std::uint8_t>() & 0xfU);
    }
    std::uint32_t random() override { return random_value<std::uint32_t>(); }
};

}  // namespace

std::unique_ptr<IdSource> make_random_ids() { return std::make_unique<RandomIds>(); }

}  // namespace amivirt
