// Handlers are installed in child processes only: a death test forks.
#include "amivirt/base/interrupt.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <thread>

namespace amivirt {
namespace {

constexpr int k_as_wanted = 42;

/// The child's verdict: its exit status says whether all held.
[[noreturn]] void leave(bool as_wanted) { ::_exit(as_wanted ? k_as_wanted : 1); }

void expect_flag(int number) {
    install_interrupt_handlers();
    const bool quiet = pending_interrupt() == 0;
    check_interrupt();
    ::raise(number);
    int thrown = 0;
    try {
        check_interrupt();
    } catch (const Interrupted& interrupted) {
        thrown = interrupted.signal_number;
    }
    const bool seen = pending_interrupt() == number && thrown == number;
    clear_interrupt();
    check_interrupt();
    leave(quiet && seen && pending_interrupt() == 0);
}

TEST(InterruptDeathTest, EachSignalRaisesTheFlag) {
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
        EXPECT_EXIT(expect_flag(number), ::testing::ExitedWithCode(k_as_wanted), "") << number;
    }
}

TEST(InterruptDeathTest, TheFirstSignalIsKept) {
    EXPECT_EXIT(
        {
            install_interrupt_handlers();
            ::raise(SIGTERM);
            ::raise(SIGHUP);
            ::raise(SIGTERM);
            leave(pending_interrupt() == SIGTERM);
        },
        ::testing::ExitedWithCode(k_as_wanted), "");
}

TEST(InterruptDeathTest, ASecondControlCKills) {
    EXPECT_EXIT(
        {
            install_interrupt_handlers();
            ::raise(SIGINT);
            ::raise(SIGINT);
            leave(true);
        },
        ::testing::KilledBySignal(SIGINT), "");
}

TEST(InterruptDeathTest, ASecondControlCKillsDuringTheCleanUpToo) {
    EXPECT_EXIT(
        {
            install_interrupt_handlers();
            ::raise(SIGINT);
            clear_interrupt();
            ::raise(SIGINT);
            leave(true);
        },
        ::testing::KilledBySignal(SIGINT), "");
}

TEST(InterruptDeathTest, OneControlCAfterAnotherSignalDoesNotKill) {
    EXPECT_EXIT(
        {
            install_interrupt_handlers();
            ::raise(SIGTERM);
            ::raise(SIGINT);
            leave(pending_interrupt() == SIGTERM);
        },
        ::testing::ExitedWithCode(k_as_wanted), "");
}

TEST(InterruptDeathTest, ABlockingWaitComesBack) {
    EXPECT_EXIT(
        {
            install_interrupt_handlers();
            const pthread_t waiting = ::pthread_self();
            std::thread([waiting] {
                ::usleep(20'000);
                ::pthread_kill(waiting, SIGTERM);
            }).detach();
            const int result = ::poll(nullptr, 0, 10'000);
            leave(result == -1 && errno == EINTR && pending_interrupt() == SIGTERM);
        },
        ::testing::ExitedWithCode(k_as_wanted), "");
}

TEST(InterruptDeathTest, ABlockingReadComesBackAsWell) {  // unlike poll(), read() would be restarted under SA_RESTART
    EXPECT_EXIT(
        {
            install_interrupt_handlers();
            int ends[2];
            if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) {
                leave(false);
            }
            const pthread_t waiting = ::pthread_self();
            std::thread([waiting] {
                ::usleep(20'000);
                ::pthread_kill(waiting, SIGHUP);
            }).detach();
            ::alarm(5);  // a restarted read() never ends by itself
            char byte = 0;
            const ssize_t result = ::read(ends[0], &byte, 1);
            leave(result == -1 && errno == EINTR && pending_interrupt() == SIGHUP);
        },
        ::testing::ExitedWithCode(k_as_wanted), "");
}

TEST(InterruptDeathTest, AClosedPipeIsAnErrorAndNoDeath) {
    EXPECT_EXIT(
        {
            install_interrupt_handlers();
            int ends[2];
            if (::pipe(ends) != 0) {
                leave(false);
            }
            ::close(ends[0]);
            leave(::write(ends[1], "x", 1) == -1 && errno == EPIPE && pending_interrupt() == 0);
        },
        ::testing::ExitedWithCode(k_as_wanted), "");
}

TEST(InterruptDeathTest, WhatNohupIgnoresStaysIgnored) {
    EXPECT_EXIT(
        {
            ::signal(SIGHUP, SIG_IGN);
            install_interrupt_handlers();
            ::raise(SIGHUP);
            leave(pending_interrupt() == 0);
        },
        ::testing::ExitedWithCode(k_as_wanted), "");
}

TEST(InterruptDeathTest, AShieldHidesTheSignalFromItsOwnThreadOnly) {
    EXPECT_EXIT(
        {
            install_interrupt_handlers();
            ::raise(SIGINT);
            bool hidden = false;
            int elsewhere = 0;
            {
                const InterruptShield outer;
                { const InterruptShield inner; }
                check_interrupt();
                hidden = pending_interrupt() == 0;
                std::thread([&elsewhere] { elsewhere = pending_interrupt(); }).join();
            }
            leave(hidden && elsewhere == SIGINT && pending_interrupt() == SIGINT);
        },
        ::testing::ExitedWithCode(k_as_wanted), "");
}

}  // namespace
}  // namespace amivirt
