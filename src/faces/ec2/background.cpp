#include "faces/ec2/background.hpp"

#include <fmt/format.h>

#include <system_error>
#include <thread>

namespace amivirt::ec2 {

namespace {
constexpr std::size_t k_most = 256;
}

Result<void> Background::start(const std::string& what, std::function<void()> work) {
    {
        const std::lock_guard lock(mutex_);
        if (running_ >= k_most) {
            return Error(wire::request_limit_exceeded, fmt::format("Request limit exceeded: {} operations are going on", running_));
        }
        ++running_;
    }
    const auto done = [this] {
        const std::lock_guard lock(mutex_);
        --running_;
        ended_.notify_all();
    };
    try {
        std::thread([work = std::move(work), done] {
            work();
            done();
        }).detach();  // drain() waits for it
    } catch (const std::system_error& error) {
        done();
        return Error(wire::request_limit_exceeded, fmt::format("Request limit exceeded: no thread for {}: {}", what, error.what()));
    }
    return {};
}

Result<std::string> Background::until_promised(std::string what,
                                               std::function<Result<std::string>(const std::function<void(std::string)>& begun)> work) {
    return until_begun<std::string>(std::move(what), [this, work = std::move(work)](const std::function<void(std::string)>& begun) {
        std::optional<UnderWay> until_the_end;
        return work([&](std::string id) {
            until_the_end.emplace(*this, id);
            begun(std::move(id));
        });
    });
}

Background::UnderWay::UnderWay(Background& background, std::string id) : background_(background), id_(std::move(id)) {
    const std::lock_guard lock(background_.mutex_);
    background_.under_way_.insert(id_);
}

Background::UnderWay::~UnderWay() {
    const std::lock_guard lock(background_.mutex_);
    background_.under_way_.erase(background_.under_way_.find(id_));
}

bool Background::is_under_way(const std::string& id) {
    const std::lock_guard lock(mutex_);
    return under_way_.contains(id);
}

std::size_t Background::count() {
    const std::lock_guard lock(mutex_);
    return running_;
}

bool Background::drain(Duration patience) {
    std::unique_lock lock(mutex_);
    return ended_.wait_for(lock, patience, [this] { return running_ == 0; });
}

}  // namespace amivirt::ec2
