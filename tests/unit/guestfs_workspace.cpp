// What a killed inspection leaves is swept; what a living one uses is not.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "adapters/guestfs/inspector.hpp"
#include "adapters/guestfs/workspace.hpp"
#include "manifest_scratch.hpp"

namespace amivirt::guestfs {
namespace {

class WorkspaceTest : public test::Scratch {
protected:
    std::vector<std::string> left() const {
        std::vector<std::string> names;
        for (const auto& each : std::filesystem::directory_iterator(path("tmp"))) {
            names.push_back(each.path().filename().string());
        }
        return names;
    }
    /// A folder like those libguestfs makes for its sockets.
    std::string socket_folder(const std::string& name) const {
        std::filesystem::create_directory(path(name));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        const std::string file = path(name) + "/guestfsd.sock";
        file.copy(address.sun_path, sizeof address.sun_path - 1);
        const int descriptor = ::socket(AF_UNIX, SOCK_STREAM, 0);
        EXPECT_EQ(::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
        ::close(descriptor);
        return path(name);
    }
    /// A process that makes a workspace, notes `outside` and is killed.
    void die_with_a_workspace(const std::string& outside) const {
        const pid_t pid = ::fork();
        if (pid == 0) {
            auto workspace = Workspace::make(path("tmp"));
            if (!workspace) {
                ::_exit(1);
            }
            std::ofstream(workspace->path() + "/overlay1.qcow2") << "bytes";
            workspace->note_outside(outside);
            ::kill(::getpid(), SIGKILL);
        }
        int status = 0;
        ASSERT_EQ(::waitpid(pid, &status, 0), pid);
        ASSERT_TRUE(WIFSIGNALED(status));
        ASSERT_EQ(left().size(), 1U);
    }
};

TEST_F(WorkspaceTest, GoesWithItsOwner) {
    {
        const auto workspace = Workspace::make(path("tmp"));
        ASSERT_TRUE(workspace) << workspace.error().message;
        EXPECT_THAT(workspace->path(), ::testing::StartsWith(path("tmp/inspect-")));
        std::ofstream(workspace->path() + "/file") << "bytes";
        ASSERT_EQ(left().size(), 1U);
    }
    EXPECT_TRUE(left().empty());
}

TEST_F(WorkspaceTest, WhatItNotedOutsideGoesWithIt) {
    const std::string sockets = socket_folder("libguestfsAbCdEf");
    {
        auto workspace = Workspace::make(path("tmp"));
        ASSERT_TRUE(workspace);
        workspace->note_outside(sockets);
    }
    EXPECT_FALSE(std::filesystem::exists(sockets));
}

TEST_F(WorkspaceTest, SweepLeavesTheLivingAlone) {
    const auto first = Workspace::make(path("tmp"));
    const auto second = Workspace::make(path("tmp"));
    ASSERT_TRUE(first && second);
    ASSERT_TRUE(sweep_guestfs(path("tmp")));
    EXPECT_EQ(left().size(), 2U);
}

TEST_F(WorkspaceTest, SweepRemovesTheDeadsAndTheirSockets) {
    const std::string sockets = socket_folder("libguestfsAbCdEf");
    die_with_a_workspace(sockets);
    ASSERT_TRUE(sweep_guestfs(path("tmp")));
    EXPECT_TRUE(left().empty());
    EXPECT_FALSE(std::filesystem::exists(sockets));
}

TEST_F(WorkspaceTest, TheNextInspectionSweeps) {
    die_with_a_workspace(path("libguestfs-gone"));
    const auto workspace = Workspace::make(path("tmp"));
    ASSERT_TRUE(workspace);
    EXPECT_EQ(left().size(), 1U);
}

TEST_F(WorkspaceTest, ANoteIsNotTrustedFar) {
    const std::string other = socket_folder("other");
    die_with_a_workspace(other);
    ASSERT_TRUE(sweep_guestfs(path("tmp")));
    EXPECT_TRUE(std::filesystem::exists(other + "/guestfsd.sock")) << "not the library's name";

    const std::string full = socket_folder("libguestfsFull");
    write("libguestfsFull/precious", "x");
    die_with_a_workspace(full);
    ASSERT_TRUE(sweep_guestfs(path("tmp")));
    EXPECT_TRUE(std::filesystem::exists(full + "/precious"));

    std::filesystem::create_directory_symlink(socket_folder("target"), path("libguestfsLink"));
    die_with_a_workspace(path("libguestfsLink"));
    ASSERT_TRUE(sweep_guestfs(path("tmp")));
    EXPECT_TRUE(std::filesystem::exists(path("target/guestfsd.sock")));
}

TEST_F(WorkspaceTest, SweepTouchesNothingElse) {
    std::filesystem::create_directories(path("tmp/other"));
    write("tmp/inspect-file", "not a folder");
    std::filesystem::create_directory(path("elsewhere"));
    std::filesystem::create_directory_symlink(path("elsewhere"), path("tmp/inspect-link"));
    ASSERT_TRUE(sweep_guestfs(path("tmp")));
    EXPECT_EQ(left().size(), 3U);
    EXPECT_TRUE(sweep_guestfs(path("none")));
    EXPECT_FALSE(std::filesystem::exists(path("none")));
}

TEST_F(WorkspaceTest, HalfBuiltAppliancesGoUnlessOneIsBeingBuilt) {
    const std::string cache = path(".guestfs-" + std::to_string(::geteuid()));
    const std::string half = cache + "/appliance.d.abcdefgh";
    std::filesystem::create_directories(half);
    std::filesystem::create_directories(cache + "/appliance.d");
    write(std::filesystem::relative(cache, folder_).string() + "/lock", "");

    int ready[2];
    ASSERT_EQ(::pipe(ready), 0);
    const pid_t builder = ::fork();
    if (builder == 0) {
        const int descriptor = ::open((cache + "/lock").c_str(), O_RDWR);
        struct flock whole {};
        whole.l_type = F_WRLCK;
        ::fcntl(descriptor, F_SETLK, &whole);
        (void)!::write(ready[1], "x", 1);
        ::pause();
        ::_exit(0);
    }
    char byte = 0;
    ASSERT_EQ(::read(ready[0], &byte, 1), 1);
    sweep_cache(folder_);
    EXPECT_TRUE(std::filesystem::exists(half));

    ::kill(builder, SIGKILL);
    ::waitpid(builder, nullptr, 0);
    sweep_cache(folder_);
    EXPECT_FALSE(std::filesystem::exists(half));
    EXPECT_TRUE(std::filesystem::exists(cache + "/appliance.d"));
    ::close(ready[0]);
    ::close(ready[1]);
}

}  // namespace
}  // namespace amivirt::guestfs
