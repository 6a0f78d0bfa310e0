// QEMU's words in memory.
#pragma once

#include <map>
#include <string>

#include "amivirt/base/sync.hpp"
#include "amivirt/ports/machine_log.hpp"

namespace amivirt::fakes {

class FakeMachineLog final : public MachineLog {
public:
    [[nodiscard]] std::string path(const InstanceId& instance) override {
        return words_.lock()->contains(instance) ? "/var/log/fake/" + instance.str() + ".log" : std::string();
    }
    [[nodiscard]] Result<std::string> last_words(const InstanceId& instance, std::size_t limit) override {
        auto words = words_.lock();
        const auto found = words->find(instance);
        const std::string all = found == words->end() ? std::string() : found->second;
        return all.size() > limit ? all.substr(all.size() - limit) : all;
    }

    void remove(const InstanceId& instance) override { words_.lock()->erase(instance); }

    void say(const InstanceId& instance, const std::string& text) { (*words_.lock())[instance] += text; }

private:
    Sync<std::map<InstanceId, std::string>> words_;
};

}  // namespace amivirt::fakes
