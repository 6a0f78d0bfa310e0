// What include/amivirt/ports/liveness.hpp promises, of the fake and of the real one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>

#include "adapters/process/liveness.hpp"
#include "fakes/fake_id_source.hpp"
#include "fakes/fake_liveness.hpp"
#include "temporary_folder.hpp"

namespace amivirt::contract {

namespace {

using fakes::nth_id;
using testing::ElementsAre;
using testing::IsEmpty;

class LivenessStore {
public:
    virtual ~LivenessStore() = default;
    virtual Liveness& ours() = 0;
    /// As another process has it.
    virtual Liveness& others() = 0;
    /// Another process holds `operation`, until it is killed.
    virtual void hold_elsewhere(const OperationId& operation) = 0;
    virtual void kill_holder(const OperationId& operation) = 0;
    /// The locks that are there.
    virtual std::set<OperationId> locks() = 0;
};

class FakeStore final : public LivenessStore {
public:
    Liveness& ours() override { return liveness_; }
    Liveness& others() override { return liveness_; }
    void hold_elsewhere(const OperationId& operation) override { held_[operation] = std::move(*liveness_.hold(operation)); }
    void kill_holder(const OperationId& operation) override {
        liveness_.kill(operation);
        held_.erase(operation);
    }
    std::set<OperationId> locks() override {
        const auto all = liveness_.locks();
        return {all.begin(), all.end()};
    }

private:
    fakes::FakeLiveness liveness_;
    std::map<OperationId, std::unique_ptr<Liveness::Held>> held_;
};

class FlockStore final : public LivenessStore {
public:
    FlockStore() = default;
    FlockStore(const FlockStore&) = delete;
    FlockStore& operator=(const FlockStore&) = delete;
    ~FlockStore() override {
        while (!holders_.empty()) {
            kill_holder(OperationId(holders_.begin()->first));
        }
    }
    Liveness& ours() override { return *ours_; }
    Liveness& others() override { return *others_; }
    void hold_elsewhere(const OperationId& operation) override {
        int ready[2];
        if (::pipe(ready) != 0) {
            throw std::runtime_error("no pipe");
        }
        const pid_t child = ::fork();
        if (child == 0) {
            const auto held = make_flock_liveness(path_)->hold(operation);
            static_cast<void>(!::write(ready[1], held ? "y" : "n", 1));
            for (;;) {
                ::pause();
            }
        }
        char answer = 'n';
        static_cast<void>(!::read(ready[0], &answer, 1));
        ::close(ready[0]);
        ::close(ready[1]);
        holders_[operation] = child;
        if (answer != 'y') {
            throw std::runtime_error("the other process could not hold it");
        }
    }
    void kill_holder(const OperationId& operation) override {
        const auto found = holders_.find(operation);
        ::kill(found->second, SIGKILL);
        ::waitpid(found->second, nullptr, 0);
        holders_.erase(found);
    }
    std::set<OperationId> locks() override {
        std::set<OperationId> all;
        if (std::filesystem::exists(path_)) {
            for (const auto& entry : std::filesystem::directory_iterator(path_)) {
                all.insert(*OperationId::parse(entry.path().filename().string()));
            }
        }
        return all;
    }

private:
    TemporaryFolder folder_;
    std::string path_ = folder_ / "locks";
    std::unique_ptr<Liveness> ours_ = make_flock_liveness(path_);
    std::unique_ptr<Liveness> others_ = make_flock_liveness(path_);
    std::map<OperationId, pid_t> holders_;
};

struct LivenessMaker {
    std::string name;
    std::function<std::unique_ptr<LivenessStore>()> make;
};
void PrintTo(const LivenessMaker& maker, std::ostream* out) { *out << maker.name; }

class LivenessContract : public testing::TestWithParam<LivenessMaker> {
protected:
    std::unique_ptr<LivenessStore> store_ = GetParam().make();
    const OperationId one_ = nth_id<OperationId>(1);
    const OperationId two_ = nth_id<OperationId>(2);
    const OperationId three_ = nth_id<OperationId>(3);
};

INSTANTIATE_TEST_SUITE_P(All, LivenessContract,
                         testing::Values(LivenessMaker{"fake", [] { return std::make_unique<FakeStore>(); }},
                                         LivenessMaker{"flock", [] { return std::make_unique<FlockStore>(); }}),
                         [](const auto& maker) { return maker.param.name; });

TEST_P(LivenessContract, TheLivingAreNotAdopted) {
    const auto held = store_->ours().hold(one_);
    ASSERT_TRUE(held) << held.error().message;
    ASSERT_NE(*held, nullptr);
    for (Liveness* const process : {&store_->ours(), &store_->others()}) {
        const auto adopted = process->adopt(one_);
        ASSERT_TRUE(adopted) << adopted.error().message;
        EXPECT_EQ(*adopted, nullptr);
    }
    EXPECT_THAT(store_->locks(), ElementsAre(one_));
}

TEST_P(LivenessContract, ALockGoesWithItsHolder) {
    {
        const auto held = store_->ours().hold(one_);
        ASSERT_TRUE(held);
    }
    EXPECT_THAT(store_->locks(), IsEmpty());
    const auto adopted = store_->others().adopt(one_);
    ASSERT_TRUE(adopted);
    EXPECT_NE(*adopted, nullptr);
}

TEST_P(LivenessContract, ALivingProcessOfOthersIsNotAdoptedAKilledOneIs) {
    store_->hold_elsewhere(one_);
    store_->hold_elsewhere(two_);
    auto adopted = store_->ours().adopt(one_);
    ASSERT_TRUE(adopted);
    EXPECT_EQ(*adopted, nullptr);
    store_->kill_holder(one_);
    EXPECT_THAT(store_->locks(), ElementsAre(one_, two_));  // it had no time to tidy up
    adopted = store_->ours().adopt(one_);
    ASSERT_TRUE(adopted);
    ASSERT_NE(*adopted, nullptr);
    EXPECT_EQ(*store_->others().adopt(one_), nullptr);  // ours now
    EXPECT_EQ(*store_->ours().adopt(two_), nullptr);    // the other one lives
    adopted->reset();
    EXPECT_THAT(store_->locks(), ElementsAre(two_));
}

TEST_P(LivenessContract, AnOperationWithoutALockIsDead) {
    const auto adopted = store_->ours().adopt(one_);
    ASSERT_TRUE(adopted) << adopted.error().message;
    EXPECT_NE(*adopted, nullptr);
}

TEST_P(LivenessContract, OnlyOneAdopts) {
    store_->hold_elsewhere(one_);
    store_->kill_holder(one_);
    auto first = store_->ours().adopt(one_);
    auto second = store_->others().adopt(one_);
    ASSERT_TRUE(first && second);
    EXPECT_NE(*first, nullptr);
    EXPECT_EQ(*second, nullptr);
    first->reset();
    second = store_->others().adopt(one_);  // the first gave up: it may be tried again
    ASSERT_TRUE(second);
    EXPECT_NE(*second, nullptr);
}

TEST_P(LivenessContract, HoldingTwiceIsABug) {
    const auto held = store_->ours().hold(one_);
    ASSERT_TRUE(held);
    const auto again = store_->others().hold(one_);
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, Code::internal_error);
    EXPECT_THAT(again.error().message, testing::HasSubstr(one_.str()));
    EXPECT_EQ(*store_->others().adopt(one_), nullptr);  // the first still has it
}

TEST_P(LivenessContract, ASweepTakesTheDeadThatNobodyKnows) {
    ASSERT_TRUE(store_->ours().sweep({one_}));  // nothing there yet
    const auto living = store_->ours().hold(one_);
    store_->hold_elsewhere(two_);
    store_->hold_elsewhere(three_);
    store_->kill_holder(two_);
    store_->kill_holder(three_);
    const auto swept = store_->ours().sweep({three_});
    ASSERT_TRUE(swept) << swept.error().message;
    EXPECT_THAT(store_->locks(), ElementsAre(one_, three_));
    EXPECT_EQ(*store_->others().adopt(one_), nullptr);
    EXPECT_NE(*store_->others().adopt(three_), nullptr);
}

}  // namespace

}  // namespace amivirt::contract
