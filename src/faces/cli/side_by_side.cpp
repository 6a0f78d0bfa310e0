#include "faces/cli/side_by_side.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <thread>
#include <vector>

#include "amivirt/base/sync.hpp"

namespace amivirt::cli {

void side_by_side(std::size_t count, std::size_t width, const std::function<void(std::size_t)>& task) {
    std::atomic<std::size_t> next = 0;
    Sync<std::exception_ptr> thrown;
    const auto work = [&] {
        for (std::size_t i = next++; i < count; i = next++) {
            try {
                task(i);
            } catch (...) {
                next = count;
                auto first = thrown.lock();
                if (!*first) {
                    *first = std::current_exception();
                }
            }
        }
    };
    std::vector<std::jthread> threads;
    try {
        for (std::size_t i = 1; i < std::min(count, width); ++i) {
            threads.emplace_back(work);
        }
    } catch (const std::system_error&) {
        // No more threads to be had: those there are do it all.
    }
    work();
    threads.clear();  // joins
    if (const std::exception_ptr first = *thrown.lock()) {
        std::rethrow_exception(first);
    }
}

}  // namespace amivirt::cli
