#include "amivirt/domain/instance.hpp"

#include <algorithm>

#include "domain/words.hpp"

namespace amivirt {

namespace {

constexpr std::array<Word<InstanceState>, 6> k_states{{
    {InstanceState::pending, "pending"},
    {InstanceState::running, "running"},
    {InstanceState::shutting_down, "shutting-down"},
    {InstanceState::terminated, "terminated"},
    {InstanceState::stopping, "stopping"},
    {InstanceState::stopped, "stopped"},
}};

struct Move {
    InstanceState from;
    InstanceEvent event;
    InstanceState to;
};
constexpr std::array k_moves{
    Move{InstanceState::pending, InstanceEvent::started, InstanceState::running},
    Move{InstanceState::stopped, InstanceEvent::start, InstanceState::pending},
    Move{InstanceState::running, InstanceEvent::stop, InstanceState::stopping},
    Move{InstanceState::stopping, InstanceEvent::stopped, InstanceState::stopped},
    Move{InstanceState::pending, InstanceEvent::stopped, InstanceState::stopped},
    Move{InstanceState::running, InstanceEvent::powered_off, InstanceState::stopped},
    Move{InstanceState::stopping, InstanceEvent::resume, InstanceState::running},
    Move{InstanceState::pending, InstanceEvent::terminate, InstanceState::shutting_down},
    Move{InstanceState::running, InstanceEvent::terminate, InstanceState::shutting_down},
    Move{InstanceState::stopping, InstanceEvent::terminate, InstanceState::shutting_down},
    Move{InstanceState::stopped, InstanceEvent::terminate, InstanceState::shutting_down},
    Move{InstanceState::shutting_down, InstanceEvent::terminate, InstanceState::shutting_down},
    Move{InstanceState::shutting_down, InstanceEvent::terminated, InstanceState::terminated},
};

constexpr std::array<Word<InstanceEvent>, 8> k_events{{
    {InstanceEvent::started, "have started"},
    {InstanceEvent::start, "be started"},
    {InstanceEvent::stop, "be stopped"},
    {InstanceEvent::stopped, "have stopped"},
    {InstanceEvent::powered_off, "have powered itself off"},
    {InstanceEvent::terminate, "be terminated"},
    {InstanceEvent::terminated, "have terminated"},
    {InstanceEvent::resume, "go on running"},
}};

constexpr std::array<Word<ShutdownBehavior>, 2> k_behaviors{{
    {ShutdownBehavior::stop, "stop"},
    {ShutdownBehavior::terminate, "terminate"},
}};

constexpr std::uint16_t k_ssh_port = 22;

}  // namespace

std::string_view to_string(InstanceState value) noexcept { return word_for(k_states, value); }

int ec2_code(InstanceState value) noexcept {
    switch (value) {
        case InstanceState::pending:
            return 0;
        case InstanceState::running:
            return 16;
        case InstanceState::shutting_down:
            return 32;
        case InstanceState::terminated:
            return 48;
        case InstanceState::stopping:
            return 64;
        case InstanceState::stopped:
            return 80;
    }
    return -1;
}

Result<InstanceState> parse_instance_state(std::string_view text) { return parse_word(k_states, "instance state", text); }

Result<InstanceState> next(InstanceState state, InstanceEvent event) {
    for (const Move& move : k_moves) {
        if (move.from == state && move.event == event) {
            return move.to;
        }
    }
    return Error(Code::incorrect_instance_state,
                 fmt::format("An instance that is {} cannot {}", to_string(state), word_for(k_events, event)));
}

std::string_view to_string(ShutdownBehavior value) noexcept { return word_for(k_behaviors, value); }
Result<ShutdownBehavior> parse_shutdown_behavior(std::string_view text) { return parse_word(k_behaviors, "shutdown behavior", text); }

bool collide(const PortForward& a, const PortForward& b) {
    constexpr std::string_view k_everywhere = "0.0.0.0";
    return a.host_port == b.host_port && a.protocol == b.protocol &&
           (a.address == b.address || a.address == k_everywhere || b.address == k_everywhere);
}

std::optional<PortForward> ssh_forward(const Instance& instance) {
    const auto found = std::find_if(instance.ports.begin(), instance.ports.end(), [](const PortForward& forward) {
        return forward.guest_port == k_ssh_port && forward.protocol == "tcp";
    });
    return found == instance.ports.end() ? std::nullopt : std::optional(*found);
}

}  // namespace amivirt
