// Displays in memory.
#pragma once

#include <map>

#include "amivirt/ports/screens.hpp"
#include "fakes/fake_hypervisor.hpp"

namespace amivirt::fakes {

class FakeScreens final : public Screens {
public:
    explicit FakeScreens(FakeHypervisor& hypervisor) : hypervisor_(hypervisor) {}

    /// From now on its machine has a display, which shows this.
    void give(const InstanceId& instance, std::string picture) { pictures_[instance] = std::move(picture); }

    [[nodiscard]] Result<std::string> shoot(const InstanceId& instance) override {
        const auto domain = hypervisor_.domain(instance);
        if (!domain || domain->state == DomainState::off) {
            return Error(Code::incorrect_instance_state, instance.str() + " is not running");
        }
        const auto found = pictures_.find(instance);
        return found == pictures_.end() ? Result<std::string>(Error(Code::unsupported_operation, instance.str() + " has no display"))
                                        : Result<std::string>(found->second);
    }

private:
    FakeHypervisor& hypervisor_;
    std::map<InstanceId, std::string> pictures_;
};

}  // namespace amivirt::fakes
