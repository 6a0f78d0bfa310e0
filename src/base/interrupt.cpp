#include "amivirt/base/interrupt.hpp"

#include <array>
#include <atomic>
#include <csignal>

namespace amivirt {

namespace {

static_assert(std::atomic<int>::is_always_lock_free, "a signal handler may only touch lock-free atomics");

std::atomic<int> g_signal{0};
std::atomic<int> g_interrupts_seen{0};
thread_local int t_shields = 0;

void on_signal(int number) {
    // Forgetting the signal for the clean-up does not forget that Ctrl-C was pressed once: the second press kills even then.
    if (number == SIGINT && g_interrupts_seen.fetch_add(1) > 0) {
        struct sigaction action {};
        action.sa_handler = SIG_DFL;
        ::sigaction(SIGINT, &action, nullptr);
        ::raise(SIGINT);  // delivered when this handler returns
        return;
    }
    int none = 0;
    g_signal.compare_exchange_strong(none, number);
}

}  // namespace

void install_interrupt_handlers() {
    g_interrupts_seen = 0;
    for (const int number : std::array{SIGINT, SIGTERM, SIGHUP}) {
        struct sigaction before {};
        ::sigaction(number, nullptr, &before);
        if (before.sa_handler == SIG_IGN && number != SIGTERM) {
            continue;  // nohup, or a shell's background job: whoever started us wants it ignored
        }
        struct sigaction action {};
        action.sa_handler = on_signal;
        sigemptyset(&action.sa_mask);
        action.sa_flags = 0;  // no SA_RESTART: a blocking wait must come back with EINTR
        ::sigaction(number, &action, nullptr);
    }
    struct sigaction ignore {};
    ignore.sa_handler = SIG_IGN;
    ::sigaction(SIGPIPE, &ignore, nullptr);  // a reader that went away is an error of write(), not our death
}

int pending_interrupt() noexcept { return t_shields > 0 ? 0 : g_signal.load(std::memory_order_relaxed); }

void check_interrupt() {
    if (const int number = pending_interrupt(); number != 0) {
        throw Interrupted{number};
    }
}

void clear_interrupt() noexcept { g_signal = 0; }

InterruptShield::InterruptShield() noexcept { ++t_shields; }
InterruptShield::~InterruptShield() { --t_shields; }

}  // namespace amivirt
