// The console as it is followed, colours, and outputs that fail or that nobody reads any more.
#include <csignal>
#include <sstream>

#include "amivirt/base/interrupt.hpp"
#include "cli_bench.hpp"

namespace amivirt::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class CliStreams : public CliBench {};

TEST_F(CliStreams, ConsolePrintsEverything) {
    import("debian-12");
    const auto launched = launch("debian-12", 2);
    const std::string printed = "\x1b[0mbooting\r\n" + std::string(600000, 'x') + "\nlogin: ";
    files.print(launched[0].id, printed);
    EXPECT_EQ(amivirt({"console", launched[0].id.str()}), 0);
    EXPECT_EQ(out, printed);  // in a pipe, byte for byte
    EXPECT_EQ(amivirt({"console", launched[0].id.str(), "-o", "json"}), 0);
    EXPECT_EQ(json()["Output"], printed);
    out_is_terminal = true;
    EXPECT_EQ(amivirt({"console", launched[0].id.str()}), 0);
    EXPECT_THAT(out, StartsWith("booting\r\n"));
    EXPECT_EQ(amivirt({"console", "--raw", launched[0].id.str()}), 0);
    EXPECT_EQ(out, printed);
    EXPECT_EQ(amivirt({"console", launched[1].id.str(), launched[0].id.str()}), 0);
    EXPECT_THAT(out, StartsWith("==> " + launched[1].id.str() + " <==\n==> " + launched[0].id.str() + " <==\nbooting"));
}

TEST_F(CliStreams, ConsoleOfATerminatedOneIsGone) {
    import("debian-12");
    const auto launched = launch("debian-12");
    ASSERT_TRUE(instances.terminate(me, launched[0].id.str()));
    EXPECT_EQ(amivirt({"console", launched[0].id.str()}), 5);
    EXPECT_EQ(out, "");
}

TEST_F(CliStreams, ConsoleFollowsUntilTheInstanceIsOff) {
    import("debian-12");
    const InstanceId id = launch("debian-12")[0].id;
    files.print(id, "one\n");
    clock.after(std::chrono::milliseconds(900), [&] { files.print(id, "two\n"); });
    clock.after(std::chrono::milliseconds(2500), [&] {
        files.print(id, "bye\n");
        hypervisor.guest_powers_off(id);
    });
    EXPECT_EQ(amivirt({"console", "-f", id.str()}), 0) << err;
    EXPECT_EQ(out, "one\ntwo\nbye\n");
}

TEST_F(CliStreams, CtrlCEndsFollowingAsItShould) {
    import("debian-12");
    const InstanceId id = launch("debian-12")[0].id;
    files.print(id, "one\n");
    clock.after(std::chrono::milliseconds(900), [] { throw Interrupted{SIGINT}; });
    EXPECT_EQ(amivirt({"console", "-f", id.str()}), 0);
    EXPECT_EQ(out, "one\n");
    clock.after(std::chrono::milliseconds(900), [] { throw Interrupted{SIGTERM}; });
    EXPECT_THROW((void)amivirt({"console", "-f", id.str()}), Interrupted);
}

TEST_F(CliStreams, DoctorColoursOnlyATerminalThatWantsThem) {
    findings = {{"QEMU", Health::ok, "7.2", ""}};
    out_is_terminal = true;
    EXPECT_EQ(amivirt({"doctor"}), 0);
    EXPECT_THAT(out, HasSubstr("\x1b[32m"));
    environment = {{"NO_COLOR", "1"}};
    EXPECT_EQ(amivirt({"doctor"}), 0);
    EXPECT_THAT(out, Not(HasSubstr("\x1b")));
}

TEST_F(CliStreams, AnOutputThatCannotBeWrittenIsAFailure) {
    findings = {{"QEMU", Health::ok, "7.2", ""}};
    std::istringstream in_stream;
    std::ostringstream out_stream;
    std::ostringstream err_stream;
    out_stream.setstate(std::ios::badbit);
    const cli::Surroundings around{.in = in_stream,
                                   .out = out_stream,
                                   .err = err_stream,
                                   .environment = [](const std::string&) -> std::optional<std::string> { return std::nullopt; },
                                   .detach = {}};
    EXPECT_EQ(cli::run_in({"doctor"}, *this, around), 1);
    EXPECT_THAT(err_stream.str(), StartsWith("amivirt: Cannot write to standard output"));
}

TEST_F(CliStreams, AReaderThatHasGoneIsNone) {
    findings = {{"QEMU", Health::ok, "7.2", ""}};
    std::istringstream in_stream;
    std::ostringstream out_stream;
    std::ostringstream err_stream;
    out_stream.setstate(std::ios::badbit);
    const cli::Surroundings around{.in = in_stream,
                                   .out = out_stream,
                                   .err = err_stream,
                                   .environment = [](const std::string&) -> std::optional<std::string> { return std::nullopt; },
                                   .detach = {},
                                   .reader_gone = [] { return true; }};
    EXPECT_EQ(cli::run_in({"doctor"}, *this, around), 0);
    EXPECT_EQ(err_stream.str(), "");
    findings.push_back({"libvirt", Health::fault, "down", ""});
    EXPECT_EQ(cli::run_in({"doctor"}, *this, around), 7) << "what else failed is still told";
}

TEST_F(CliStreams, ConsoleFollowsNoFurtherThanItsReader) {
    import("debian-12");
    const InstanceId id = launch("debian-12")[0].id;
    files.print(id, "one\n");
    clock.after(std::chrono::milliseconds(900), [&] { reader_gone = true; });
    clock.after(std::chrono::seconds(60), [] { FAIL() << "still following"; });
    EXPECT_EQ(amivirt({"console", "-f", id.str()}), 0) << "and the guest says nothing more";
    EXPECT_EQ(out, "one\n");
    EXPECT_EQ(err, "");
}

}  // namespace
}  // namespace amivirt::testing
