// Backing chains as real qemu-img writes them, and headers that nobody should write.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "adapters/libvirt/access.hpp"
#include "adapters/libvirt/backing_chain.hpp"

namespace amivirt::libvirt {
namespace {

using testing::IsEmpty;

class BackingChain : public testing::Test {
protected:
    BackingChain() { std::filesystem::create_directories(folder_); }
    ~BackingChain() override { std::filesystem::remove_all(folder_); }
    void SetUp() override {
        if (std::system("command -v qemu-img >/dev/null") != 0) {
            GTEST_SKIP() << "qemu-img is not installed";
        }
    }
    [[nodiscard]] std::string path(const std::string& name) const { return folder_ + "/" + name; }
    void make(const std::string& arguments) const {
        ASSERT_EQ(std::system(("cd '" + folder_ + "' && qemu-img create -q " + arguments).c_str()), 0) << arguments;
    }
    [[nodiscard]] std::vector<BackingFile> chain(const std::string& name, const std::string& format = "qcow2") const {
        return disk_chain({path(name), format}).below;
    }
    /// Changes bytes of a file.
    void patch(const std::string& name, std::streamoff offset, const std::string& bytes) const {
        std::fstream file(path(name), std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(offset);
        file << bytes;
    }

    std::string folder_ = testing::TempDir() + "amivirt-chain-" + std::to_string(getpid());
};

TEST_F(BackingChain, NothingBelow) {
    make("-f qcow2 base.qcow2 1M");
    EXPECT_THAT(chain("base.qcow2"), IsEmpty());
    make("-f raw disk.raw 1M");
    EXPECT_THAT(chain("disk.raw", "raw"), IsEmpty());
    EXPECT_THAT(chain("absent.qcow2"), IsEmpty());
}

TEST_F(BackingChain, NearestFirstRelativeAndAbsolute) {
    make("-f raw base.raw 1M");
    make("-f qcow2 -b base.raw -F raw one.qcow2");
    make("-f qcow2 -b '" + path("one.qcow2") + "' -F qcow2 two.qcow2");
    make("-f qcow2 -o compat=0.10 -b two.qcow2 -F qcow2 old.qcow2");
    make("-f qcow2 -b old.qcow2 -F qcow2 top.qcow2");
    chmod(path("one.qcow2").c_str(), 0444);
    chmod(path("two.qcow2").c_str(), 0600);
    const auto found = chain("top.qcow2");
    ASSERT_EQ(found.size(), 4U);
    EXPECT_EQ(found[0].source.location, path("old.qcow2"));
    EXPECT_EQ(found[1].source.location, path("two.qcow2"));
    EXPECT_EQ(found[1].relabel, Relabel::yes) << "QEMU's user could not read it otherwise";
    EXPECT_EQ(found[2].source.location, path("one.qcow2"));
    EXPECT_EQ(found[2].source.format, "qcow2");
    EXPECT_EQ(found[2].relabel, Relabel::no);
    EXPECT_EQ(found[3].source.location, path("base.raw"));
    EXPECT_EQ(found[3].source.format, "raw");
}

TEST_F(BackingChain, EncryptedOnes) {
    // The least that QEMU takes for LUKS within qcow2: a header that says so. Real ones are in tests/integration.
    const auto encrypt = [&](const std::string& name) { patch(name, 32, std::string("\0\0\0\2", 4)); };
    make("-f qcow2 base.qcow2 1M");
    make("-f qcow2 -b base.qcow2 -F qcow2 one.qcow2");
    make("-f qcow2 -b one.qcow2 -F qcow2 top.qcow2");
    EXPECT_FALSE(any_encrypted(disk_chain({path("top.qcow2")})));
    encrypt("base.qcow2");
    DiskChain found = disk_chain({path("top.qcow2")});
    EXPECT_EQ(found.top, Encrypted::no);
    ASSERT_EQ(found.below.size(), 2U);
    EXPECT_EQ(found.below[0].encrypted, Encrypted::no);
    EXPECT_EQ(found.below[1].encrypted, Encrypted::yes);
    EXPECT_TRUE(any_encrypted(found));
    encrypt("top.qcow2");
    std::filesystem::remove(path("base.qcow2"));
    found = disk_chain({path("top.qcow2")});
    EXPECT_EQ(found.top, Encrypted::yes) << "known even where the rest is not";
    EXPECT_THAT(found.below, IsEmpty());
    EXPECT_TRUE(any_encrypted(found));
}

TEST_F(BackingChain, WhatCannotBeToldWhollyIsNotToldAtAll) {
    make("-f qcow2 base.qcow2 1M");
    make("-f qcow2 -b base.qcow2 -F qcow2 one.qcow2");
    make("-f qcow2 -b one.qcow2 -F qcow2 top.qcow2");
    ASSERT_EQ(chain("top.qcow2").size(), 2U);
    std::filesystem::remove(path("base.qcow2"));
    EXPECT_THAT(chain("top.qcow2"), IsEmpty());
}

TEST_F(BackingChain, BadHeaders) {
    make("-f qcow2 base.qcow2 1M");
    const auto fresh = [&] { make("-f qcow2 -b base.qcow2 -F qcow2 top.qcow2"); };
    fresh();
    ASSERT_EQ(chain("top.qcow2").size(), 1U);
    patch("top.qcow2", 8, std::string(8, '\xff'));  // the name's offset
    EXPECT_THAT(chain("top.qcow2"), IsEmpty());
    fresh();
    patch("top.qcow2", 16, std::string(4, '\xff'));  // the name's length
    EXPECT_THAT(chain("top.qcow2"), IsEmpty());
    fresh();
    patch("top.qcow2", 16, std::string(4, '\0'));
    EXPECT_THAT(chain("top.qcow2"), IsEmpty());
    fresh();
    patch("top.qcow2", 100, std::string(4, '\xff'));  // the header's length, after which the format is
    EXPECT_THAT(chain("top.qcow2"), IsEmpty());
    fresh();
    std::filesystem::resize_file(path("top.qcow2"), 20);
    EXPECT_THAT(chain("top.qcow2"), IsEmpty());
    std::ofstream(path("text.qcow2")) << "this is no qcow2";
    EXPECT_THAT(chain("text.qcow2"), IsEmpty());
}

TEST_F(BackingChain, ALoopEnds) {
    make("-f qcow2 other.qcow2 1M");
    make("-f qcow2 -b other.qcow2 -F qcow2 same.qcow2");
    make("-u -f qcow2 -b same.qcow2 -F qcow2 other.qcow2 1M");
    EXPECT_THAT(chain("same.qcow2"), IsEmpty());
}

TEST_F(BackingChain, ProtocolsAreNotFollowed) {
    make("-u -f qcow2 -b nbd://127.0.0.1/x -F raw top.qcow2 1M");
    EXPECT_THAT(chain("top.qcow2"), IsEmpty());
}

TEST_F(BackingChain, ClosedFolders) {
    std::filesystem::create_directories(path("open/closed/inner"));
    chmod(folder_.c_str(), 0755);
    chmod(path("open").c_str(), 0711);
    chmod(path("open/closed").c_str(), 0770);
    if (!closed_folder(folder_).empty()) {
        GTEST_SKIP() << "the temporary folder itself lies in a closed one";
    }
    EXPECT_EQ(closed_folder(path("open/file")), "");
    EXPECT_EQ(closed_folder(path("open/closed/inner/file")), path("open/closed"));
    EXPECT_EQ(closed_folder(path("open/absent/file")), "");
    EXPECT_EQ(closed_folder(""), "");
}

TEST(ShellWord, QuotesOnlyWhatNeedsIt) {
    EXPECT_EQ(shell_word("/var/lib/amivirt"), "/var/lib/amivirt");
    EXPECT_EQ(shell_word("/home/a b"), "'/home/a b'");
    EXPECT_EQ(shell_word("it's"), "'it'\\''s'");
    EXPECT_EQ(shell_word("$(reboot)"), "'$(reboot)'");
    EXPECT_EQ(shell_word(""), "''");
}

}  // namespace
}  // namespace amivirt::libvirt
