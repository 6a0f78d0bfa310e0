// One command on one machine, on fakes: its status and files come out, the machine goes, whatever happens.
#include <csignal>

#include "amivirt/base/interrupt.hpp"
#include "services_bench.hpp"

namespace amivirt::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class OneShotTest : public Bench {
protected:
    void SetUp() override {
        import("tiny");
        wanted.launch.image = "tiny";
        wanted.launch.type = "t3.nano";
        wanted.launch.ports = {{"127.0.0.1", 22022, 22, "tcp"}};
        host.answer_ssh(22022);
        wanted.command.words = {"make", "test"};
    }
    void TearDown() override { clear_interrupt(); }
    Result<OneShotOutcome> run() { return one_shot.run(me, wanted, progress); }
    std::vector<std::string> calls() {
        std::vector<std::string> all;
        for (const auto& call : shell.calls()) {
            all.push_back(call.what);
        }
        return all;
    }
    void expect_gone() {
        EXPECT_THAT(rows(&CatalogSession::instances), IsEmpty());
        EXPECT_THAT(rows(&CatalogSession::volumes), IsEmpty());
        EXPECT_THAT(hypervisor.domains(), IsEmpty());
        expect_clean();
    }
    OneShotRequest wanted;
};

TEST_F(OneShotTest, ItsStatusComesOutAndTheMachineGoes) {
    wanted.command.environment = {{"CI", "1"}};
    wanted.command.timeout = std::chrono::minutes(2);
    wanted.copies_in = {{"src", "/work"}, {"a", "b"}};
    wanted.copies_out = {{"/work/out", "result"}};
    InstanceId seen;
    wanted.on_running = [&](const Instance& instance) { seen = instance.id; };
    shell.answer([&](const ShellCommand& command) -> Result<int> {
        EXPECT_EQ(command.environment.at("CI"), "1");
        EXPECT_EQ(command.timeout, std::chrono::minutes(2));
        EXPECT_EQ(state_of(seen), InstanceState::running);
        EXPECT_THAT(*leases.reap(), ::testing::Field(&Reaped::terminated, IsEmpty())) << "we live";
        return 3;
    });
    const auto outcome = run();
    ASSERT_TRUE(outcome) << describe(outcome.error());
    EXPECT_EQ(outcome->status, 3);
    EXPECT_THAT(outcome->faults, IsEmpty());
    EXPECT_THAT(calls(), ElementsAre("in src /work", "in a b", "run make test", "out /work/out result"));
    EXPECT_EQ(shell.calls().front().target.instance, seen.str());
    expect_gone();
}

TEST_F(OneShotTest, AMachineThatIsToStayStays) {
    wanted.afterwards = Afterwards::keep;
    const auto outcome = run();
    ASSERT_TRUE(outcome) << describe(outcome.error());
    ASSERT_THAT(rows(&CatalogSession::instances), SizeIs(1));
    EXPECT_EQ(rows(&CatalogSession::instances).front().lifeline, "");
    liveness.kill_all();
    EXPECT_THAT(leases.reap()->terminated, IsEmpty());
    expect_clean();
}

TEST_F(OneShotTest, WhateverFailsTheMachineGoes) {
    wanted.copies_in = {{"src", "/work"}};
    const Error broken(Code::login_failed, "Permission denied");
    for (const std::string step : {"copy_in", "run"}) {
        shell.script().fail(step, broken);
        const auto outcome = run();
        ASSERT_FALSE(outcome) << step;
        EXPECT_EQ(outcome.error().code, Code::login_failed);
        expect_gone();
    }
    wanted.launch.ports.front().host_port = 22023;
    host.on_vain_wait([this](Duration waited) { clock.advance(waited); });
    wanted.on_running = [this](const Instance& instance) {
        for (int i = 1; i <= 60; ++i) {
            files.print(instance.id, fmt::format("line {}\n", i));
        }
    };
    wanted.boot_timeout = std::chrono::seconds(20);
    const auto silent = run();
    ASSERT_FALSE(silent);
    EXPECT_EQ(silent.error().code, Code::timed_out);
    EXPECT_THAT(silent.error().hint, HasSubstr("without --rm it stays")) << "it is not running still";
    EXPECT_THAT(silent.error().message, AllOf(HasSubstr("  line 1\n"), HasSubstr("  line 60"))) << "what goes with it is told now";
    expect_gone();
}

TEST_F(OneShotTest, ACommandThatTakesTooLongHasItsFilesFetched) {
    wanted.copies_out = {{"/log", "log"}};
    wanted.command.timeout = Duration(1500);
    shell.script().fail("run", Error(Code::timed_out, "too long"));
    shell.script().fail("copy_out", Error(Code::login_failed, "no such file"));
    const auto outcome = run();
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().code, Code::timed_out);
    EXPECT_EQ(outcome.error().message, "\"make\" did not end within 1.5 s");
    EXPECT_THAT(calls(), ElementsAre("run make test", "out /log log"));
    expect_gone();
}

TEST_F(OneShotTest, FilesThatCannotBeFetchedAreFaultsBesideTheStatus) {
    wanted.copies_out = {{"/a", "a"}, {"/b", "b"}};
    shell.answer([](const ShellCommand&) -> Result<int> { return 2; });
    shell.script().fail("copy_out", Error(Code::login_failed, "no such file"));
    const auto outcome = run();
    ASSERT_TRUE(outcome);
    EXPECT_EQ(outcome->status, 2);
    ASSERT_THAT(outcome->faults, SizeIs(1));
    EXPECT_THAT(outcome->faults.front().context, ElementsAre(HasSubstr("/a")));
    EXPECT_THAT(calls(), ElementsAre("run make test", "out /a a", "out /b b"));
    expect_gone();
}

TEST_F(OneShotTest, AnInterruptIsThrownOnOnceTheMachineIsGone) {
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
        std::signal(signal, SIG_DFL);  // whatever this test was started with
        install_interrupt_handlers();
        shell.answer([signal](const ShellCommand&) -> Result<int> {
            std::raise(signal);
            check_interrupt();
            return 0;
        });
        try {
            (void)run();
            ADD_FAILURE() << "not thrown: " << signal;
        } catch (const Interrupted& interrupted) {
            EXPECT_EQ(interrupted.signal_number, signal);
        }
        clear_interrupt();
        std::signal(signal, SIG_DFL);
        expect_gone();
    }
}

TEST_F(OneShotTest, AKilledOneIsReaped) {
    shell.answer([this](const ShellCommand&) -> Result<int> {
        liveness.kill_all();
        const auto reaped = leases.reap();
        EXPECT_THAT(reaped->terminated, SizeIs(1));
        return 0;
    });
    ASSERT_TRUE(run());  // what goes on here stands for nobody
    expect_gone();
}

TEST_F(OneShotTest, OneThatCannotBeTerminatedIsToldAndReapedLater) {
    shell.answer([this](const ShellCommand&) -> Result<int> {
        hypervisor.script().fail("remove", Error(Code::hypervisor_unavailable, "libvirt is down"));
        return 0;
    });
    const auto outcome = run();
    ASSERT_TRUE(outcome);
    ASSERT_THAT(outcome->faults, SizeIs(1));
    EXPECT_EQ(outcome->faults.front().code, Code::hypervisor_unavailable);
    EXPECT_THAT(outcome->faults.front().hint, HasSubstr("amivirt reap"));
    die_and_recover();
    expect_gone();
}

TEST_F(OneShotTest, IsForOneMachineAndOneCommand) {
    wanted.launch.count = 2;
    EXPECT_EQ(run().error().code, Code::invalid_parameter_combination);
    wanted.launch.count = 1;
    wanted.command.words.clear();
    EXPECT_EQ(run().error().code, Code::invalid_parameter_combination);
    wanted.command.words = {"true"};
    wanted.launch.image = "nothing";
    EXPECT_EQ(run().error().code, Code::invalid_ami_id_not_found);
    EXPECT_THAT(liveness.locks(), IsEmpty());
    expect_gone();
}

}  // namespace
}  // namespace amivirt::testing
