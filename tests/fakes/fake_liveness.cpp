#include "fake_liveness.hpp"

#include <algorithm>
#include <utility>

namespace amivirt::fakes {

class FakeLiveness::FakeHeld final : public Liveness::Held {
public:
    FakeHeld(std::shared_ptr<Sync<Locks>> locks, OperationId operation, std::uint64_t holder)
        : locks_(std::move(locks)), operation_(std::move(operation)), holder_(holder) {}
    FakeHeld(const FakeHeld&) = delete;
    FakeHeld& operator=(const FakeHeld&) = delete;
    ~FakeHeld() override {
        auto locks = locks_->lock();
        const auto found = locks->holders.find(operation_);
        if (found != locks->holders.end() && found->second == holder_) {
            locks->holders.erase(found);
        }
    }

private:
    std::shared_ptr<Sync<Locks>> locks_;
    OperationId operation_;
    std::uint64_t holder_;
};

std::unique_ptr<Liveness::Held> FakeLiveness::take(Locks& locks, const OperationId& operation) {
    const std::uint64_t holder = ++locks.last_holder;
    locks.holders[operation] = holder;
    return std::make_unique<FakeHeld>(locks_, operation, holder);
}

Result<std::unique_ptr<Liveness::Held>> FakeLiveness::hold(const OperationId& operation) {
    AMIVIRT_TRY(script_.pass("hold"));
    auto locks = locks_->lock();
    if (const auto found = locks->holders.find(operation); found != locks->holders.end() && found->second != 0) {
        return Error(Code::internal_error, "The operation \"" + operation.str() + "\" is already held.");
    }
    return take(*locks, operation);
}

Result<std::unique_ptr<Liveness::Held>> FakeLiveness::adopt(const OperationId& operation) {
    AMIVIRT_TRY(script_.pass("adopt"));
    auto locks = locks_->lock();
    if (const auto found = locks->holders.find(operation); found != locks->holders.end() && found->second != 0) {
        return std::unique_ptr<Held>();
    }
    return take(*locks, operation);
}

Result<void> FakeLiveness::sweep(const std::vector<OperationId>& known) {
    AMIVIRT_TRY(script_.pass("sweep"));
    auto locks = locks_->lock();
    std::erase_if(locks->holders,
                  [&](const auto& lock) { return lock.second == 0 && std::ranges::find(known, lock.first) == known.end(); });
    return {};
}

void FakeLiveness::kill(const OperationId& operation) {
    auto locks = locks_->lock();
    if (const auto found = locks->holders.find(operation); found != locks->holders.end()) {
        found->second = 0;
    }
}

void FakeLiveness::kill_all() {
    auto locks = locks_->lock();
    for (auto& [operation, holder] : locks->holders) {
        holder = 0;
    }
}

std::vector<OperationId> FakeLiveness::locks() const {
    auto locks = locks_->lock();
    std::vector<OperationId> operations;
    for (const auto& [operation, holder] : locks->holders) {
        operations.push_back(operation);
    }
    return operations;
}

}  // namespace amivirt::fakes
