#include "ordered.hpp"

#include <atomic>
#include <exception>
#include <future>
#include <map>
#include <thread>

#include "amivirt/base/sync.hpp"

namespace amivirt {

std::vector<Error> for_each_after(const std::vector<std::vector<std::size_t>>& after,
                                  const std::function<Result<void>(std::size_t)>& task) {
    struct Outcome {
        std::map<std::size_t, Error> errors;
        std::exception_ptr exception;
    };
    Sync<Outcome> outcome;
    std::atomic<bool> stop{false};
    std::vector<std::promise<bool>> promises(after.size());
    std::vector<std::shared_future<bool>> done;
    done.reserve(after.size());
    for (auto& promise : promises) {
        done.push_back(promise.get_future().share());
    }
    const auto work = [&](std::size_t i) {
        bool fine = true;
        for (const std::size_t before : after[i]) {
            fine = done[before].get() && fine;
        }
        if (fine && !stop) {
            try {
                if (auto result = task(i); !result) {
                    fine = false;
                    outcome.lock()->errors.emplace(i, std::move(result.error()));
                }
            } catch (...) {
                fine = false;
                stop = true;
                outcome.lock()->exception = std::current_exception();
            }
        }
        promises[i].set_value(fine && !stop);
    };
    {
        std::vector<std::jthread> threads;
        threads.reserve(after.size());
        for (std::size_t i = 0; i < after.size(); ++i) {
            threads.emplace_back(work, i);
        }
    }
    auto locked = outcome.lock();
    if (locked->exception) {
        std::rethrow_exception(locked->exception);
    }
    std::vector<Error> errors;
    for (auto& [index, error] : locked->errors) {
        errors.push_back(std::move(error));
    }
    return errors;
}

}  // namespace amivirt
