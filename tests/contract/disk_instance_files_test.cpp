// InstanceFiles, on the fake and on real folders.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>

#include "adapters/qemu_img/qemu_img.hpp"
#include "disk_support.hpp"
#include "fakes/fake_instance_files.hpp"

namespace amivirt::contract {
namespace {

enum class Kind { fake, real };

class Files : public testing::TestWithParam<Kind> {
protected:
    Files() {
        if (GetParam() == Kind::real) {
            files_ = make_instance_files(folder_ / "instances");
            print_ = [this](const std::string& text) { std::ofstream(files_->paths(instance(1)).console, std::ios::app) << text; };
            cut_ = [this] { std::ofstream(files_->paths(instance(1)).console, std::ios::trunc); };
        } else {
            auto fake = std::make_unique<fakes::FakeInstanceFiles>();
            print_ = [fake = fake.get()](const std::string& text) { fake->print(instance(1), text); };
            cut_ = [fake = fake.get()] { fake->cut_console(instance(1)); };
            files_ = std::move(fake);
        }
    }
    TemporaryFolder folder_;
    std::unique_ptr<InstanceFiles> files_;
    std::function<void(const std::string&)> print_;
    std::function<void()> cut_;
};

TEST_P(Files, AreListedFromCreationToRemoval) {
    EXPECT_TRUE(files_->list()->empty());
    const auto made = files_->create(instance(1), "seed");
    ASSERT_TRUE(made);
    EXPECT_EQ(made->seed, files_->paths(instance(1)).seed);
    ASSERT_TRUE(files_->create(instance(2), "seed"));
    EXPECT_THAT(*files_->list(), testing::ElementsAre(instance(1), instance(2)));
    EXPECT_GT(files_->allocated(instance(1))->count, 0U);
    ASSERT_TRUE(files_->remove(instance(1)));
    EXPECT_THAT(*files_->list(), testing::ElementsAre(instance(2)));
    EXPECT_EQ(files_->allocated(instance(1))->count, 0U);
}

TEST_P(Files, RemovalIsIdempotent) {
    EXPECT_TRUE(files_->remove(instance(1)));
    ASSERT_TRUE(files_->create(instance(1), "seed"));
    EXPECT_TRUE(files_->remove(instance(1)));
    EXPECT_TRUE(files_->remove(instance(1)));
}

TEST_P(Files, CreationIsRepeatable) {
    ASSERT_TRUE(files_->create(instance(1), "one"));
    ASSERT_TRUE(files_->create(instance(1), "two"));
    EXPECT_EQ(files_->list()->size(), 1U);
}

TEST_P(Files, TheConsoleIsReadFromAnyPlace) {
    EXPECT_EQ(*files_->console(instance(1), 0, 100), "");
    ASSERT_TRUE(files_->create(instance(1), "seed"));
    EXPECT_EQ(*files_->console(instance(1), 0, 100), "");
    EXPECT_EQ(*files_->console_size(instance(1)), 0U);
    print_("hello world");
    EXPECT_EQ(*files_->console(instance(1), 0, 100), "hello world");
    EXPECT_EQ(*files_->console(instance(1), 6, 3), "wor");
    EXPECT_EQ(*files_->console(instance(1), 11, 100), "");
    EXPECT_EQ(*files_->console(instance(1), 1ULL << 40U, 100), "");
    EXPECT_EQ(*files_->console_size(instance(1)), 11U);
    print_("!");
    EXPECT_EQ(*files_->console(instance(1), 11, 1ULL << 40U), "!");
}

TEST_P(Files, WhatALaterBootPrintsIsToldFromTheEarlier) {
    EXPECT_EQ(*files_->boot_offset(instance(1)), 0U);
    ASSERT_TRUE(files_->create(instance(1), "seed"));
    ASSERT_TRUE(files_->mark_boot(instance(1)));
    EXPECT_EQ(*files_->boot_offset(instance(1)), 0U);
    print_("hello");
    EXPECT_EQ(*files_->boot_offset(instance(1)), 0U);
    ASSERT_TRUE(files_->mark_boot(instance(1)));
    print_(" world");
    EXPECT_EQ(*files_->boot_offset(instance(1)), 5U);
    ASSERT_TRUE(files_->create(instance(1), "another seed"));
    EXPECT_EQ(*files_->boot_offset(instance(1)), 5U);
    EXPECT_EQ(*files_->console(instance(1), 5, 100), " world") << "a new seed leaves the console";
    cut_();
    print_("hi");
    EXPECT_EQ(*files_->boot_offset(instance(1)), 0U) << "the console was begun anew since";
    ASSERT_TRUE(files_->remove(instance(1)));
    EXPECT_EQ(*files_->boot_offset(instance(1)), 0U);
}

TEST_P(Files, InstanceStoreDisksComeAndGoWithoutTheRest) {
    ASSERT_TRUE(files_->remove_ephemeral(instance(1)));
    ASSERT_TRUE(files_->create(instance(1), "seed"));
    const auto first = files_->create_ephemeral(instance(1), 0, Bytes{8ULL << 30U});
    const auto second = files_->create_ephemeral(instance(1), 23, Bytes{1ULL << 30U});
    ASSERT_TRUE(first && second);
    EXPECT_EQ(first->format, "raw");
    EXPECT_THAT(first->location, testing::EndsWith(instance(1).str() + "/ephemeral0.img"));
    EXPECT_THAT(second->location, testing::EndsWith(instance(1).str() + "/ephemeral23.img"));
    EXPECT_EQ(files_->ephemeral_disk(instance(1), 23).location, second->location);
    EXPECT_EQ(files_->ephemeral_disk(instance(1), 23).format, second->format);
    EXPECT_TRUE(files_->create_ephemeral(instance(1), 0, Bytes{4ULL << 30U}));
    EXPECT_LT(files_->allocated(instance(1))->count, 1U << 20U) << "they are sparse";
    EXPECT_THAT(*files_->ephemeral_disks(instance(1)), testing::ElementsAre(0U, 23U));
    EXPECT_THAT(*files_->ephemeral_disks(instance(2)), testing::IsEmpty());
    EXPECT_THAT(*files_->list(), testing::ElementsAre(instance(1)));
    print_("hello");
    ASSERT_TRUE(files_->remove_ephemeral(instance(1)));
    ASSERT_TRUE(files_->remove_ephemeral(instance(1)));
    EXPECT_EQ(*files_->console(instance(1), 0, 100), "hello");
    EXPECT_THAT(*files_->ephemeral_disks(instance(1)), testing::IsEmpty());
    EXPECT_THAT(*files_->list(), testing::ElementsAre(instance(1)));
    ASSERT_TRUE(files_->create_ephemeral(instance(1), 0, Bytes{1ULL << 30U}));
    ASSERT_TRUE(files_->remove(instance(1)));
    EXPECT_TRUE(files_->list()->empty());
}

INSTANTIATE_TEST_SUITE_P(Implementations, Files, testing::Values(Kind::fake, Kind::real),
                         [](const auto& chosen) { return chosen.param == Kind::fake ? "Fake" : "Real"; });

class RealFiles : public testing::Test {
protected:
    TemporaryFolder folder_;
    std::unique_ptr<InstanceFiles> files_ = make_instance_files(folder_ / "instances");
};

TEST_F(RealFiles, TheSeedIsWholeAndForOwnersEyesOnly) {
    const std::string seed = noise(100000);
    ASSERT_TRUE(files_->create(instance(1), seed));
    const auto paths = files_->paths(instance(1));
    EXPECT_EQ(read_file(paths.seed), seed);
    EXPECT_EQ(mode_of(paths.seed), 0600U);
    EXPECT_TRUE(files_->persist({instance(1)}));
    EXPECT_TRUE(files_->persist({}));
    EXPECT_FALSE(files_->persist({instance(2)})) << "it was never made";
    EXPECT_EQ(mode_of(folder_ / "instances"), 0711U);
    EXPECT_EQ(mode_of(folder_ / ("instances/" + instance(1).str())), 0711U);
    EXPECT_THAT(names(folder_ / ("instances/" + instance(1).str())), testing::ElementsAre("seed.img"));
    ASSERT_TRUE(files_->create(instance(1), "other"));
    EXPECT_EQ(read_file(paths.seed), "other");
}

TEST_F(RealFiles, ZerosOfTheSeedTakeNoRoom) {
    ASSERT_TRUE(files_->create(instance(1), std::string(32768, '\0') + noise(4096)));
    EXPECT_LE(allocated_bytes(files_->paths(instance(1)).seed), 16384U);
}

TEST_F(RealFiles, RemovalTakesEverythingButFollowsNoLink) {
    write_file(folder_ / "precious", "x");
    ASSERT_TRUE(files_->create(instance(1), "seed"));
    const std::string own = folder_ / ("instances/" + instance(1).str());
    write_file(own + "/nvram.fd", "x");
    std::filesystem::create_symlink(folder_.path(), own + "/link");
    ASSERT_TRUE(files_->remove(instance(1)));
    EXPECT_FALSE(std::filesystem::exists(own));
    EXPECT_TRUE(std::filesystem::exists(folder_ / "precious"));
}

TEST_F(RealFiles, AnInstanceStoreDiskIsPrivateAndNewEachTime) {
    const auto disk = files_->create_ephemeral(instance(1), 3, Bytes{8ULL << 30U});
    ASSERT_TRUE(disk) << disk.error().message;
    EXPECT_EQ(mode_of(disk->location), 0600U);
    EXPECT_EQ(std::filesystem::file_size(disk->location), 8ULL << 30U);
    EXPECT_EQ(allocated_bytes(disk->location), 0U);
    std::ofstream(disk->location, std::ios::app) << "secret";
    EXPECT_GT(files_->allocated(instance(1))->count, 0U);
    ASSERT_TRUE(files_->create_ephemeral(instance(1), 3, Bytes{8ULL << 30U}));
    EXPECT_EQ(std::filesystem::file_size(disk->location), 8ULL << 30U);
    EXPECT_EQ(allocated_bytes(disk->location), 0U);
}

TEST_F(RealFiles, OnlyInstanceStoreDisksGoWithThem) {
    ASSERT_TRUE(files_->create(instance(1), "seed"));
    ASSERT_TRUE(files_->create_ephemeral(instance(1), 0, Bytes{1U << 20U}));
    const std::string own = folder_ / ("instances/" + instance(1).str());
    for (const char* name : {"/ephemeral1.img.tmp", "/ephemeral.img", "/ephemeralx.img", "/nvram.fd"}) {
        write_file(own + name, "x");
    }
    ASSERT_TRUE(files_->remove_ephemeral(instance(1)));
    EXPECT_THAT(names(own), testing::ElementsAre("ephemeral.img", "ephemeralx.img", "nvram.fd", "seed.img"));
}

TEST_F(RealFiles, ADiskTooLargeForTheFileSystemIsAnError) {
    const auto disk = files_->create_ephemeral(instance(1), 0, Bytes{~std::uint64_t{0}});
    ASSERT_FALSE(disk);
    EXPECT_THAT(disk.error().message, testing::HasSubstr("ephemeral0.img"));
    EXPECT_TRUE(names(folder_ / ("instances/" + instance(1).str())).empty());
}

TEST_F(RealFiles, ABootMarkThatIsBrokenIsTheBeginning) {
    ASSERT_TRUE(files_->create(instance(1), "seed"));
    write_file(files_->paths(instance(1)).console, "hello");
    for (const char* broken : {"", "junk", "-3\n", "99999999999999999999999\n"}) {
        write_file(folder_ / ("instances/" + instance(1).str() + "/boot"), broken);
        EXPECT_EQ(files_->boot_offset(instance(1)).value(), 0U) << broken;
    }
}

TEST_F(RealFiles, OnlyFoldersNamedLikeInstancesAreListed) {
    ASSERT_TRUE(files_->create(instance(1), "seed"));
    std::filesystem::create_directories(folder_ / "instances/lost+found");
    write_file(folder_ / "instances/notes", "x");
    EXPECT_THAT(*files_->list(), testing::ElementsAre(instance(1)));
}

TEST_F(RealFiles, AFullDiskIsStoreFullAndLeavesNoSeed) {
    std::string reason;
    if (!mount_small(folder_ / "instances", "64k", reason)) {
        GTEST_SKIP() << reason;
    }
    const auto made = files_->create(instance(1), noise(200000));
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, Code::store_full);
    EXPECT_THAT(made.error().message, testing::HasSubstr("seed.img"));
    EXPECT_TRUE(names(folder_ / ("instances/" + instance(1).str())).empty());
}

}  // namespace
}  // namespace amivirt::contract
