// Work that goes on when its request is answered: what EC2 answers with `pending` and finishes by itself.
#pragma once

#include <condition_variable>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "amivirt/base/clock.hpp"
#include "amivirt/base/log.hpp"
#include "amivirt/base/result.hpp"
#include "faces/ec2/codes.hpp"

namespace amivirt::ec2 {

/// Each piece of work has a thread of its own: most of them wait for a guest, and none may wait for another.
class Background {
public:
    explicit Background(Log& log) : log_(log) {}
    Background(const Background&) = delete;
    Background& operator=(const Background&) = delete;
    ~Background() { static_cast<void>(drain(std::chrono::hours(24))); }

    /// Runs `work`, and returns what it says first: what it gives to `begun`, from where on it is known to all, or how it ended. What
    /// becomes of it afterwards is written to the log. request_limit_exceeded when too much is going on.
    template <class T>
    [[nodiscard]] Result<T> until_begun(std::string what, std::function<Result<T>(const std::function<void(T)>& begun)> work) {
        return AMIVIRT_TRY(begin<T>(std::move(what), std::move(work)))->future.get();
    }

    /// As until_begun(), of an object: `begun` is given its id, and from there until the end is_under_way(id).
    [[nodiscard]] Result<std::string> until_promised(
        std::string what, std::function<Result<std::string>(const std::function<void(std::string)>& begun)> work);
    [[nodiscard]] bool is_under_way(const std::string& id);
    /// is_under_way(id) until it goes out of scope.
    class UnderWay {
    public:
        UnderWay(Background& background, std::string id);
        UnderWay(const UnderWay&) = delete;
        UnderWay& operator=(const UnderWay&) = delete;
        ~UnderWay();

    private:
        Background& background_;
        std::string id_;
    };

    /// Runs `work`, and returns how it ended, if that is within `patience`; else nullopt, and it goes on as above.
    template <class T>
    [[nodiscard]] Result<std::optional<T>> for_a_while(std::string what, Duration patience, std::function<Result<T>()> work) {
        const auto answer =
            AMIVIRT_TRY(begin<T>(std::move(what), [work = std::move(work)](const std::function<void(T)>&) { return work(); }));
        if (answer->future.wait_for(patience) != std::future_status::ready && answer->give_up()) {
            return std::optional<T>();
        }
        auto ended = answer->future.get();
        return ended ? Result<std::optional<T>>(std::move(*ended)) : Result<std::optional<T>>(std::move(ended.error()));
    }

    /// How many are going on.
    [[nodiscard]] std::size_t count();
    /// Waits until nothing goes on any more; false if that is not within `patience`.
    [[nodiscard]] bool drain(Duration patience);

private:
    template <class T>
    struct Answer {
        std::promise<Result<T>> promise;
        std::future<Result<T>> future = promise.get_future();
        bool said = false;
        std::mutex mutex;
        bool is_said() {
            const std::lock_guard lock(mutex);
            return said;
        }
        /// Nobody waits for it any more; false: it has been said meanwhile.
        bool give_up() {
            const std::lock_guard lock(mutex);
            return !std::exchange(said, true);
        }
        void say(Result<T> value) {
            const std::lock_guard lock(mutex);
            if (!said) {
                said = true;
                promise.set_value(std::move(value));
            }
        }
    };
    template <class T>
    [[nodiscard]] Result<std::shared_ptr<Answer<T>>> begin(std::string what,
                                                           std::function<Result<T>(const std::function<void(T)>& begun)> work) {
        auto answer = std::make_shared<Answer<T>>();
        AMIVIRT_TRY(start(what, [this, what, answer, work = std::move(work)]() -> void {
            try {
                Result<T> ended = work([&](T value) { answer->say(std::move(value)); });
                if (!ended && answer->is_said()) {
                    log_.write(LogLevel::warning, "api", what + ": " + describe_any(ended.error()));
                }
                answer->say(std::move(ended));
            } catch (const std::exception& bug) {
                log_.write(LogLevel::error, "api", what + ": this is a bug: " + bug.what());
                answer->say(Error(Code::internal_error, "An internal error has occurred"));
            } catch (...) {
                answer->say(Error(Code::internal_error, "the server is stopping"));
            }
        }));
        return answer;
    }
    [[nodiscard]] Result<void> start(const std::string& what, std::function<void()> work);

    Log& log_;
    std::mutex mutex_;
    std::condition_variable ended_;
    std::size_t running_ = 0;
    std::multiset<std::string> under_way_;
};

}  // namespace amivirt::ec2
