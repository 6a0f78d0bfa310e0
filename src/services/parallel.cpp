#include "parallel.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <optional>
#include <thread>
#include <vector>

#include "amivirt/base/sync.hpp"

namespace amivirt {

Result<void> for_each_parallel(std::size_t count, std::size_t width, const std::function<Result<void>(std::size_t)>& task) {
    struct Outcome {
        std::optional<Error> error;
        std::exception_ptr exception;
    };
    Sync<Outcome> outcome;
    std::atomic<std::size_t> next{0};
    std::atomic<bool> stop{false};
    const auto work = [&] {
        for (std::size_t index = next++; index < count && !stop; index = next++) {
            try {
                if (auto done = task(index); !done) {
                    stop = true;
                    auto locked = outcome.lock();
                    if (!locked->error) {
                        locked->error = std::move(done.error());
                    }
                }
            } catch (...) {
                stop = true;
                outcome.lock()->exception = std::current_exception();
            }
        }
    };
    {
        std::vector<std::jthread> threads;
        for (std::size_t i = 1; i < std::min(count, width); ++i) {
            threads.emplace_back(work);
        }
        work();
    }
    auto locked = outcome.lock();
    if (locked->exception) {
        std::rethrow_exception(locked->exception);
    }
    if (locked->error) {
        return std::move(*locked->error);
    }
    return {};
}

}  // namespace amivirt
