// What reaches a command through a guest's shell: asked of this host's own; and what does not get that far.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <thread>

#include "adapters/process/process_runner.hpp"
#include "adapters/ssh/quoting.hpp"
#include "adapters/ssh/ssh.hpp"

namespace amivirt {
namespace {

CommandResult in_a_shell(const std::string& text) {
    Command command;
    command.argv = {"sh", "-c", text};
    const auto result = make_process_runner()->run(command);
    EXPECT_TRUE(result) << describe(result.error());
    return result.value_or(CommandResult{});
}

TEST(RemoteCommand, NoWordIsSplitOrExpanded) {
    const std::vector<std::string> words{"printf", "[%s]",        "a b", "",      "'",    "\"$HOME\"", "*",
                                         "\\n",    "line\nbreak", "-n",  "$(id)", "`id`", "\xc3\xa4!"};
    const auto result = in_a_shell(remote_command(words, {}));
    EXPECT_EQ(result.exit_status, 0);
    EXPECT_EQ(result.output,
              "[a b][][']"
              "[\"$HOME\"][*][\\n][line\nbreak][-n][$(id)][`id`][\xc3\xa4!]");
}

TEST(RemoteCommand, TheEnvironmentAndTheStatus) {
    EXPECT_EQ(in_a_shell(remote_command({"sh", "-c", "echo \"$A|$B\""}, {{"A", "x 'y'"}, {"B", ""}})).output, "x 'y'|\n");
    EXPECT_EQ(in_a_shell(remote_command({"sh", "-c", "exit 42"}, {})).exit_status, 42);
    EXPECT_EQ(in_a_shell(remote_command({"sh", "-c", "exit 255"}, {})).exit_status, 255);
    EXPECT_EQ(in_a_shell(remote_command({"sh", "-c", "kill -TERM $$"}, {})).exit_status, 128 + 15);
    EXPECT_EQ(in_a_shell(remote_command({"no-such-command-anywhere"}, {})).exit_status, 127);
    EXPECT_EQ(in_a_shell(remote_command({"no-such-command-anywhere"}, {{"A", "1"}})).exit_status, 127);
    EXPECT_EQ(remote_command({}, {}), "");
}

TEST(OpenSshShell, RefusesWhatWouldNotBeALogin) {
    const auto shell = make_openssh_shell();
    LoginTarget target{"i-1", "root", "127.0.0.1", 1, "ssh-ed25519 AAAA", "/dev/null"};
    const auto code = [&](const LoginTarget& at, const ShellCommand& command) {
        const auto result = shell->run(at, command);
        EXPECT_FALSE(result);
        return result ? Code::busy : result.error().code;
    };
    for (const std::string user : {"", "-oProxyCommand=id", "a b", "a\nb", "a\"b"}) {
        LoginTarget bad = target;
        bad.user = user;
        EXPECT_EQ(code(bad, {}), Code::invalid_parameter_value) << user;
    }
    LoginTarget unknown = target;
    unknown.host_key.clear();
    EXPECT_EQ(code(unknown, {}), Code::internal_error) << "never without a host key";
    ShellCommand bad_name;
    bad_name.words = {"true"};
    bad_name.environment = {{"A B", "1"}};
    EXPECT_EQ(code(target, bad_name), Code::invalid_parameter_value);
    // Nobody listens on port 1.
    ShellCommand command;
    command.words = {"true"};
    const auto refused = shell->run(target, command);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::login_failed);
    EXPECT_THAT(refused.error().message, ::testing::HasSubstr("Connection refused"));
}

/// Hangs up on the first that come, and is then gone.
class Busy {
public:
    explicit Busy(int count) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in where{};
        where.sin_family = AF_INET;
        where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof where;
        auto* const address = reinterpret_cast<sockaddr*>(&where);
        EXPECT_EQ(::bind(fd_, address, size), 0);
        EXPECT_EQ(::listen(fd_, 1), 0);
        EXPECT_EQ(::getsockname(fd_, address, &size), 0);
        port_ = ntohs(where.sin_port);
        thread_ = std::thread([this, count] {
            for (int i = 0; i < count; ++i) {
                ::close(::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC));
                ++turned_away_;
            }
            ::shutdown(fd_, SHUT_RDWR);  // nobody listens any more
        });
    }
    Busy(const Busy&) = delete;
    Busy& operator=(const Busy&) = delete;
    ~Busy() {
        ::shutdown(fd_, SHUT_RDWR);
        thread_.join();
        ::close(fd_);
    }
    std::uint16_t port() const { return port_; }
    int turned_away() const { return turned_away_; }

private:
    int fd_;
    std::uint16_t port_ = 0;
    std::atomic<int> turned_away_{0};
    std::thread thread_;
};

TEST(OpenSshShell, AServerThatTurnsItAwayIsAskedAgain) {
    ShellCommand command;
    command.words = {"true"};
    {
        const Busy server(2);
        const auto refused =
            make_openssh_shell()->run({"i-1", "root", "127.0.0.1", server.port(), "ssh-ed25519 AAAA", "/dev/null"}, command);
        ASSERT_FALSE(refused);
        EXPECT_THAT(refused.error().message, ::testing::HasSubstr("Connection refused")) << "what the third try was told";
        EXPECT_EQ(server.turned_away(), 2);
    }
    const Busy server(2);
    const auto refused =
        make_openssh_shell()->copy_in({"i-1", "root", "127.0.0.1", server.port(), "ssh-ed25519 AAAA", "/dev/null"}, {"/dev/null"}, "x");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::login_failed);
    EXPECT_THAT(refused.error().message, ::testing::HasSubstr("Connection refused"));
}

}  // namespace
}  // namespace amivirt
