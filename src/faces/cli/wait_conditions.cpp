#include "faces/cli/wait_conditions.hpp"

#include <algorithm>

#include "faces/cli/suggest.hpp"

namespace amivirt::cli {

namespace {

template <InstanceState state>
Result<void> wait_state(Services& services, const InstanceId& instance, Ran ran, Duration timeout) {
    if (state == InstanceState::running && ran == Ran::yes) {
        return {};
    }
    return services.instances.wait_state(services.account, instance, state, timeout);
}

Result<void> wait_ssh(Services& services, const InstanceId& instance, Ran ran, Duration timeout) {
    const TimePoint deadline = services.clock.now() + timeout;
    AMIVIRT_TRY(wait_state<InstanceState::running>(services, instance, ran, timeout));
    return services.instances.wait_ssh(instance, std::max(Duration{0}, deadline - services.clock.now()));
}

Result<void> wait_cloud_init(Services& services, const InstanceId& instance, Ran ran, Duration timeout) {
    const TimePoint deadline = services.clock.now() + timeout;
    AMIVIRT_TRY(wait_state<InstanceState::running>(services, instance, ran, timeout));
    return services.cloud_init.wait(instance, std::max(Duration{0}, deadline - services.clock.now()));
}

}  // namespace

const std::vector<WaitCondition>& wait_conditions() {
    static const std::vector<WaitCondition> conditions{
        {WaitFor::running, "running", "them to run", wait_state<InstanceState::running>},
        {WaitFor::ssh, "ssh", "SSH", wait_ssh},
        {WaitFor::cloud_init, "cloud-init", "cloud-init", wait_cloud_init},
        {WaitFor::stopped, "stopped", "them to stop", wait_state<InstanceState::stopped>},
        {WaitFor::terminated, "terminated", "their end", wait_state<InstanceState::terminated>},
    };
    return conditions;
}

const WaitCondition& condition_of(WaitFor what) {
    return *std::find_if(wait_conditions().begin(), wait_conditions().end(),
                         [what](const WaitCondition& condition) { return condition.what == what; });
}

Result<WaitFor> parse_wait_for(std::string_view text) {
    std::vector<std::string> words;
    for (const WaitCondition& condition : wait_conditions()) {
        if (condition.word == text) {
            return condition.what;
        }
        words.emplace_back(condition.word);
    }
    return none_of("condition to wait for", text, words);
}

}  // namespace amivirt::cli
