// A value and the mutex that guards it, in one.
#pragma once

#include <mutex>
#include <utility>

namespace amivirt {

template <class T>
class Sync {
public:
    Sync() = default;
    explicit Sync(T value) : value_(std::move(value)) {}

    class Locked {
    public:
        explicit Locked(Sync& owner) : lock_(owner.mutex_), value_(owner.value_) {}
        T* operator->() noexcept { return &value_; }
        T& operator*() noexcept { return value_; }

    private:
        std::unique_lock<std::mutex> lock_;
        T& value_;
    };

    [[nodiscard]] Locked lock() { return Locked(*this); }

private:
    std::mutex mutex_;
    T value_{};
};

}  // namespace amivirt
