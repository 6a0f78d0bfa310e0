#include "amivirt/domain/instance.hpp"

#include <gtest/gtest.h>

#include <array>
#include <map>

namespace amivirt {
namespace {

using S = InstanceState;
using E = InstanceEvent;
constexpr std::array k_instance_states{S::pending, S::running, S::shutting_down, S::terminated, S::stopping, S::stopped};
constexpr std::array k_instance_events{E::started, E::start, E::stop, E::stopped, E::powered_off, E::terminate, E::terminated, E::resume};

TEST(InstanceState, HasEc2sSpellingAndCode) {
    const std::map<S, std::pair<std::string_view, int>> expected{
        {S::pending, {"pending", 0}},        {S::running, {"running", 16}},   {S::shutting_down, {"shutting-down", 32}},
        {S::terminated, {"terminated", 48}}, {S::stopping, {"stopping", 64}}, {S::stopped, {"stopped", 80}},
    };
    for (const S state : k_instance_states) {
        EXPECT_EQ(std::pair(to_string(state), ec2_code(state)), expected.at(state));
        EXPECT_EQ(*parse_instance_state(to_string(state)), state);
    }
    ASSERT_FALSE(parse_instance_state("shutting_down"));
    EXPECT_EQ(parse_instance_state("shutting_down").error().hint, "Did you mean \"shutting-down\"?");
}

TEST(InstanceState, MovesOnlyAsTheTableSays) {
    std::map<std::pair<S, E>, S> table{
        {{S::pending, E::started}, S::running},
        {{S::stopped, E::start}, S::pending},
        {{S::running, E::stop}, S::stopping},
        {{S::stopping, E::stopped}, S::stopped},
        {{S::pending, E::stopped}, S::stopped},
        {{S::running, E::powered_off}, S::stopped},
        {{S::shutting_down, E::terminated}, S::terminated},
        {{S::stopping, E::resume}, S::running},
    };
    for (const S state : k_instance_states) {
        if (state != S::terminated) {
            table[{state, E::terminate}] = S::shutting_down;
        }
    }
    for (const S state : k_instance_states) {
        for (const E event : k_instance_events) {
            const auto moved = next(state, event);
            if (const auto want = table.find({state, event}); want != table.end()) {
                ASSERT_TRUE(moved) << to_string(state) << ' ' << static_cast<int>(event);
                EXPECT_EQ(*moved, want->second);
            } else {
                ASSERT_FALSE(moved) << to_string(state) << ' ' << static_cast<int>(event);
                EXPECT_EQ(moved.error().code, Code::incorrect_instance_state);
                EXPECT_NE(moved.error().message.find(to_string(state)), std::string::npos) << moved.error().message;
            }
        }
    }
}

TEST(ShutdownBehavior, RoundTrips) {
    for (const auto value : {ShutdownBehavior::stop, ShutdownBehavior::terminate}) {
        EXPECT_EQ(*parse_shutdown_behavior(to_string(value)), value);
    }
    EXPECT_EQ(to_string(ShutdownBehavior::terminate), "terminate");
    ASSERT_FALSE(parse_shutdown_behavior("hibernate"));
    EXPECT_EQ(parse_shutdown_behavior("hibernate").error().code, Code::invalid_parameter_value);
}

TEST(SshForward, IsTheTcpForwardToPort22) {
    Instance instance;
    EXPECT_FALSE(ssh_forward(instance));
    instance.ports = {{"127.0.0.1", 8080, 80, "tcp"}, {"127.0.0.1", 2222, 22, "udp"}};
    EXPECT_FALSE(ssh_forward(instance));
    instance.ports.push_back({"127.0.0.1", 40022, 22, "tcp"});
    ASSERT_TRUE(ssh_forward(instance));
    EXPECT_EQ(ssh_forward(instance)->host_port, 40022);
}

}  // namespace
}  // namespace amivirt
