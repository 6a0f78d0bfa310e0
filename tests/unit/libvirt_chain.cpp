// Backing chains as real qemu-img writes them, and headers that nobody should write.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "adapters/libvirt/access.hpp"
#include "adapters/libvirt/backing_chain.hpp"

namespace amivirt::libvirt {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

std::string name(unsigned number) { return fmt::format("layer-{:017x}.qcow2", number); }

class BackingChain : public testing::Test {
protected:
    BackingChain() { std::filesystem::create_directories(folder_); }
    ~BackingChain() override { std::filesystem::remove_all(folder_); }
    void SetUp() override {
        if (std::system("command -v qemu-img >/dev/null") != 0) {
            GTEST_SKIP() << "qemu-img is not installed";
        }
    }
    [[nodiscard]] std::string path(const std::string& file) const { return folder_ + "/" + file; }
    void make(const std::string& arguments) const {
        ASSERT_EQ(std::system(("cd '" + folder_ + "' && qemu-img create -q -f qcow2 " + arguments).c_str()), 0) << arguments;
    }
    /// 1 over nothing, each of the others over the one before.
    void make_chain(unsigned count) const {
        make(name(1) + " 1M");
        for (unsigned number = 2; number <= count; ++number) {
            make(fmt::format("-b {} -F qcow2 {}", name(number - 1), name(number)));
        }
    }
    [[nodiscard]] std::vector<BackingFile> chain(const std::string& file) const {
        const auto found = disk_chain({path(file), "qcow2"});
        EXPECT_TRUE(found) << found.error().message;
        return found.value_or(DiskChain{}).below;
    }
    void expect_corrupt(const std::string& file, const std::string& words) const {
        const auto found = disk_chain({path(file), "qcow2"});
        ASSERT_FALSE(found) << words;
        EXPECT_EQ(found.error().code, Code::store_corrupt);
        EXPECT_THAT(found.error().message, HasSubstr(words));
        EXPECT_THAT(found.error().message, HasSubstr(folder_));
    }
    /// Changes bytes of a file.
    void patch(const std::string& file, std::streamoff offset, const std::string& bytes) const {
        std::fstream out(path(file), std::ios::in | std::ios::out | std::ios::binary);
        out.seekp(offset);
        out << bytes;
    }

    std::string folder_ = testing::TempDir() + "amivirt-chain-" + std::to_string(getpid());
};

TEST_F(BackingChain, NothingBelow) {
    make_chain(1);
    EXPECT_THAT(chain(name(1)), IsEmpty());
    EXPECT_TRUE(disk_chain({path("absent.raw"), "raw"})) << "what lies in it is not looked at";
    expect_corrupt(name(2), "is not there");
}

TEST_F(BackingChain, NearestFirst) {
    make(name(1) + " 1M");
    make(fmt::format("-b {} -F qcow2 {}", name(1), name(2)));
    make(fmt::format("-o compat=0.10 -b {} -F qcow2 {}", name(2), name(3)));
    make(fmt::format("-b {} -F qcow2 {}", name(3), name(4)));
    chmod(path(name(1)).c_str(), 0444);
    chmod(path(name(2)).c_str(), 0600);
    const auto found = chain(name(4));
    ASSERT_EQ(found.size(), 3U);
    EXPECT_EQ(found[0].source.location, path(name(3)));
    EXPECT_EQ(found[1].source.location, path(name(2)));
    EXPECT_EQ(found[1].relabel, Relabel::yes) << "QEMU's user could not read it otherwise";
    EXPECT_EQ(found[2].source.location, path(name(1)));
    EXPECT_EQ(found[2].source.format, "qcow2");
    EXPECT_EQ(found[2].relabel, Relabel::no);
}

TEST_F(BackingChain, EncryptedOnes) {
    // The least that QEMU takes for LUKS within qcow2: a header that says so. Real ones are in tests/integration.
    const auto encrypt = [&](unsigned number) { patch(name(number), 32, std::string("\0\0\0\2", 4)); };
    make_chain(3);
    EXPECT_FALSE(any_encrypted(*disk_chain({path(name(3))})));
    EXPECT_EQ(*disk_top({path(name(3))}), Encrypted::no);
    encrypt(1);
    const auto found = disk_chain({path(name(3))});
    ASSERT_TRUE(found);
    EXPECT_EQ(found->top, Encrypted::no);
    ASSERT_EQ(found->below.size(), 2U);
    EXPECT_EQ(found->below[0].encrypted, Encrypted::no);
    EXPECT_EQ(found->below[1].encrypted, Encrypted::yes);
    EXPECT_TRUE(any_encrypted(*found));
    encrypt(3);
    EXPECT_EQ(disk_chain({path(name(3))})->top, Encrypted::yes);
    EXPECT_EQ(*disk_top({path(name(3))}), Encrypted::yes);
}

TEST_F(BackingChain, WhatDoesNotReachItsEndIsAnError) {
    make_chain(3);
    std::filesystem::remove(path(name(1)));
    expect_corrupt(name(3), name(1) + "\" is not there");
    EXPECT_TRUE(disk_top({path(name(3))})) << "of a new top only its own header matters";
    std::ofstream(path(name(1))) << "this is no qcow2";
    expect_corrupt(name(3), name(1) + "\" is not a qcow2 image");
}

TEST_F(BackingChain, BadHeaders) {
    make_chain(1);
    const auto fresh = [&] { make(fmt::format("-b {} -F qcow2 {}", name(1), name(2))); };
    fresh();
    ASSERT_EQ(chain(name(2)).size(), 1U);
    patch(name(2), 8, std::string(8, '\xff'));  // the name's offset
    expect_corrupt(name(2), "damaged header");
    for (const char length : {'\xff', '\0'}) {
        fresh();
        patch(name(2), 16, std::string(4, length));
        expect_corrupt(name(2), "damaged header");
    }
    fresh();
    std::filesystem::resize_file(path(name(2)), 20);
    expect_corrupt(name(2), "ends within its header");
}

TEST_F(BackingChain, FeaturesThatNoLayerHas) {
    make_chain(2);
    const auto features = [&](char bits) { patch(name(1), 79, std::string(1, bits)); };
    features(1);  // QEMU died: it mends that
    EXPECT_EQ(chain(name(2)).size(), 1U);
    features(2);
    expect_corrupt(name(2), "marked as damaged");
    features(4);
    expect_corrupt(name(2), "its data in another file");
    features(16);
    expect_corrupt(name(2), "0x10");
    EXPECT_FALSE(disk_top({path(name(1))}));
}

TEST_F(BackingChain, ALoopEnds) {
    make_chain(2);
    make(fmt::format("-u -b {} -F qcow2 {} 1M", name(2), name(1)));
    expect_corrupt(name(2), "without end");
    make_chain(2);
    std::ifstream file(path(name(2)), std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    patch(name(2), static_cast<std::streamoff>(text.find(name(1))), name(2));
    expect_corrupt(name(2), "without end");
}

TEST_F(BackingChain, SoDeepAndNoDeeper) {
    make_chain(2);
    std::ifstream file(path(name(2)), std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    const std::size_t at = text.find(name(1));
    for (unsigned number = 3; number <= 202; ++number) {
        std::string next = text;
        std::ofstream(path(name(number)), std::ios::binary) << next.replace(at, name(1).size(), name(number - 1));
    }
    EXPECT_EQ(chain(name(201)).size(), 200U);
    expect_corrupt(name(202), "more than 200 layers");
}

TEST_F(BackingChain, OnlyLayersBesideItAreFollowed) {
    make_chain(3);
    std::filesystem::create_directories(path("other"));
    std::ofstream(path("secret")) << "the host's";
    for (const std::string& below : {path("secret"), std::string("secret"), path(name(1)), "./" + name(1), "other/../" + name(1),
                                     std::string("nbd://127.0.0.1/x"), "json:{\"file.filename\":\"" + name(1) + "\"}", "file:" + name(1)}) {
        make(fmt::format("-u -b '{}' -F qcow2 {} 1M", below, name(2)));
        expect_corrupt(name(2), "backing file that is no layer: \"" + below.substr(0, 12));
        EXPECT_FALSE(disk_top({path(name(2))})) << below;
        expect_corrupt(name(3), name(2) + "\" has a backing file that is no layer");
    }
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
