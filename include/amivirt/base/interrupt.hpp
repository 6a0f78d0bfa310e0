// Ctrl-C, SIGTERM and SIGHUP unwind the stack so that every Revert runs.
#pragma once

namespace amivirt {

/// Not an std::exception and not an Error: nothing but main (and a thread pool's join) may stop it.
struct Interrupted {
    int signal_number = 0;
};

/// Makes SIGINT, SIGTERM and SIGHUP raise the flag. A second SIGINT kills at once. Call once, from main.
void install_interrupt_handlers();
/// The signal that was seen, or 0. Async-signal-safe to read; cheap enough for inner loops.
[[nodiscard]] int pending_interrupt() noexcept;
/// Throws Interrupted if a signal was seen. Long loops and waits call it.
void check_interrupt();
/// For tests, and for the clean-up after an interrupt: forgets the signal.
void clear_interrupt() noexcept;

/// While one lives, pending_interrupt() is 0 on its thread: an undo must not stop at the signal that made it run.
class InterruptShield {
public:
    InterruptShield() noexcept;
    ~InterruptShield();
    InterruptShield(const InterruptShield&) = delete;
    InterruptShield& operator=(const InterruptShield&) = delete;
};

}  // namespace amivirt
