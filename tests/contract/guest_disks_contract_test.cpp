// GuestDisks on the fake and on the real libguestfs, where an appliance costs 10-20 s under TCG: each test asks much of one visit.
#include <gmock/gmock.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <utility>

#include "adapters/guestfs/guest_disks.hpp"
#include "amivirt/base/interrupt.hpp"
#include "fakes/fake_guest_disks.hpp"

namespace amivirt {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// The same small system, and a disk with none, for either implementation.
class World {
public:
    virtual ~World() = default;
    virtual std::string missing() const { return {}; }
    virtual GuestDisks& guests() = 0;
    virtual DiskSource system() = 0;
    virtual DiskSource empty() = 0;
};

class FakeWorld final : public World {
public:
    FakeWorld() {
        using fakes::FakeFile;
        guests_.see_packages(std::map<std::string, std::string>{{"busybox", "1.36.1-5"}});
        guests_.put(system(), {{"/etc/passwd", FakeFile{"root:x:0:0:root:/root:/bin/sh\n"}},
                               {"/etc/machine-id", FakeFile{"0123456789abcdef0123456789abcdef\n", EntryKind::file, 0444}},
                               {"/etc/link", FakeFile{"", EntryKind::link, 0777, 0, 0, 1, "machine-id"}},
                               {"/root/.ssh/id", FakeFile{"the key\n", EntryKind::file, 0600}},
                               {"/root/.ssh/other", FakeFile{"other\n"}},
                               {"/root/plain", FakeFile{"abcdef\n"}},
                               {"/root/od[d", FakeFile{"odd\n"}}});
    }
    GuestDisks& guests() override { return guests_; }
    DiskSource system() override { return {"system", "raw"}; }
    DiskSource empty() override { return {"empty", "raw"}; }

private:
    fakes::FakeDisks disks_;
    fakes::FakeVolumeStore store_{disks_};
    fakes::FakeGuestDisks guests_{store_};
};

class RealWorld final : public World {
public:
    RealWorld() {
        std::string pattern = (fs::temp_directory_path() / "amivirt-guests-XXXXXX").string();
        if (::mkdtemp(pattern.data()) != nullptr) {
            folder_ = fs::canonical(pattern).string();
        }
        const auto health = make_guestfs_health()->check();
        missing_ = health.front().health == Health::ok ? "" : health.front().detail;
        const std::string script = "PATH=$PATH:/usr/sbin:/sbin; set -e; cd '" + folder_ + R"sh('; {
mkdir -p root/etc root/bin root/root/.ssh root/usr
printf 'root:x:0:0:root:/root:/bin/sh\n' >root/etc/passwd
printf '0123456789abcdef0123456789abcdef\n' >root/etc/machine-id; chmod 444 root/etc/machine-id; ln -s machine-id root/etc/link
printf 'the key\n' >root/root/.ssh/id; chmod 600 root/root/.ssh/id; printf 'other\n' >root/root/.ssh/other
printf 'abcdef\n' >root/root/plain; printf 'odd\n' >'root/root/od[d'; cp /bin/true root/bin/sh
printf '127.0.0.1 localhost\n' >root/etc/hosts; printf 'ID=alpine\nVERSION_ID=3.18.4\n' >root/etc/os-release
echo 3.18.4 >root/etc/alpine-release; mkdir -p root/lib/apk/db; printf 'P:busybox\nV:1.36.1-r5\nA:x86_64\n\n' >root/lib/apk/db/installed
mke2fs -t ext4 -d root base.raw 32M; chmod 0444 base.raw
qemu-img create -f qcow2 -b base.raw -F raw system.qcow2; qemu-img create -f qcow2 empty.qcow2 32M; } >shell.log 2>&1)sh";
        if (missing_.empty() && std::system(script.c_str()) != 0) {
            missing_ = "no tools to make a disk with (mke2fs, qemu-img)";
        }
        guests_ = make_guestfs_disks({[] { return Accelerator::tcg; }, folder_ + "/tmp", log_, "", std::chrono::minutes(5)});
    }
    ~RealWorld() override { fs::remove_all(folder_); }
    RealWorld(const RealWorld&) = delete;
    RealWorld& operator=(const RealWorld&) = delete;
    std::string missing() const override { return missing_; }
    GuestDisks& guests() override { return *guests_; }
    DiskSource system() override { return {folder_ + "/system.qcow2", "qcow2"}; }
    DiskSource empty() override { return {folder_ + "/empty.qcow2", "qcow2"}; }
    const std::string& folder() const { return folder_; }

private:
    std::string folder_;
    std::string missing_;
    NullLog log_;
    std::unique_ptr<GuestDisks> guests_;
};

struct Kind {
    const char* name;
    std::unique_ptr<World> (*make)();
};

class GuestDisksTest : public ::testing::TestWithParam<Kind> {
protected:
    void SetUp() override {
        clear_interrupt();
        world_ = GetParam().make();
        if (!world_->missing().empty()) {
            GTEST_SKIP() << world_->missing();
        }
    }
    void visit(GuestDisks::Access access, const std::function<void(GuestFileSystem&)>& look) {
        const auto visited = world_->guests().visit(world_->system(), access, [&](GuestFileSystem& files) -> Result<void> {
            look(files);
            return {};
        });
        ASSERT_TRUE(visited) << describe(visited.error());
    }
    std::unique_ptr<World> world_;
};

std::vector<std::string> paths_of(const Result<std::vector<GuestEntry>>& entries) {
    std::vector<std::string> paths;
    for (const auto& entry : entries ? *entries : std::vector<GuestEntry>{}) {
        if (entry.path.find("lost+found") == std::string::npos) {
            paths.push_back(entry.path);
        }
    }
    return paths;
}

TEST_P(GuestDisksTest, WhatIsWrittenStaysAndWhatFailsComesThrough) {
    visit(GuestDisks::Access::write, [](GuestFileSystem& files) {
        const auto tree = files.tree("/root");
        EXPECT_THAT(paths_of(tree), ElementsAre("/root/.ssh", "/root/.ssh/id", "/root/.ssh/other", "/root/od[d", "/root/plain"));
        EXPECT_THAT(paths_of(files.tree("/")), Contains("/root/.ssh/id"));
        EXPECT_THAT(paths_of(files.tree("/none")), IsEmpty());
        EXPECT_EQ(tree->at(0).kind, EntryKind::folder);
        EXPECT_EQ(tree->at(1).kind, EntryKind::file);
        EXPECT_EQ(tree->at(1).mode, 0600U);
        EXPECT_EQ(tree->at(1).size, 8U);
        EXPECT_NE(tree->at(1).modified_ns, 0);
        EXPECT_THAT(*files.glob("/root/*"), ElementsAre("/root/od[d", "/root/plain"));
        EXPECT_THAT(*files.glob("/root/.ssh/*"), ElementsAre("/root/.ssh/id", "/root/.ssh/other"));
        EXPECT_THAT(*files.glob("/root/od\\[*"), ElementsAre("/root/od[d"));
        EXPECT_THAT(*files.glob("/none/*"), IsEmpty());
        const auto link = files.look("/etc/link");
        ASSERT_TRUE(link && *link);
        EXPECT_EQ((*link)->kind, EntryKind::link);
        EXPECT_EQ((*link)->target, "machine-id");
        EXPECT_EQ(*files.look("/none"), std::nullopt);
        EXPECT_EQ(*files.read("/root/plain", 100), "abcdef\n");
        EXPECT_EQ(*files.read("/root/plain", 3), "abc");
        for (const char* path : {"/none", "/root", "/etc/link"}) {
            EXPECT_EQ(*files.read(path, 100), std::nullopt) << path;
        }
        const auto few = files.checksums({"/root/plain", "/root/od[d"});
        ASSERT_TRUE(few) << describe(few.error());
        ASSERT_EQ(few->size(), 2U);
        EXPECT_EQ(few->at("/root/plain").size(), 64U);
        EXPECT_NE(few->at("/root/plain"), few->at("/root/od[d"));
        EXPECT_EQ(files.checksums({"/none"}).error().code, Code::tool_failed);
        // So many that all files are read together, one with a name that lists must quote.
        std::vector<std::string> many{"/root/plain", "/root/od[d"};
        for (int i = 0; i < 50; ++i) {
            many.push_back("/srv/many/a\\b\n" + std::to_string(i));
            EXPECT_TRUE(files.put({many.back(), EntryKind::file, 0600, 0, 0, 0, 0, 0, 0, ""}, i == 7 ? "abcdef\n" : "other"));
        }
        const auto all = files.checksums(many);
        ASSERT_TRUE(all) << describe(all.error());
        EXPECT_EQ(all->size(), many.size());
        EXPECT_EQ(all->at("/root/plain"), few->at("/root/plain"));
        EXPECT_EQ(all->at(many.at(9)), few->at("/root/plain"));
        EXPECT_NE(all->at(many.at(10)), few->at("/root/plain"));
        many.emplace_back("/none");
        EXPECT_EQ(files.checksums(many).error().code, Code::tool_failed);
        const auto packages = files.packages();
        ASSERT_TRUE(packages && *packages) << "apk's database is there";
        EXPECT_EQ((*packages)->at("busybox"), "1.36.1-5");

        EXPECT_TRUE(files.write("/etc/machine-id", ""));
        EXPECT_TRUE(files.write("/root/plain", "longer than before\n"));
        EXPECT_EQ(files.write("/etc/none", "x").error().code, Code::tool_failed) << "only what is there is written";
        EXPECT_TRUE(files.remove("/root/.ssh"));
        EXPECT_TRUE(files.remove("/root/.ssh"));
        EXPECT_TRUE(files.remove("/etc/link"));
        EXPECT_THAT(files.platform(), ::testing::AnyOf("linux", ""));
    });
    // What fails inside comes through, and so does an exception.
    const auto second = [&](GuestFileSystem& files) -> Result<void> {
        const auto id = files.look("/etc/machine-id");
        EXPECT_TRUE(id && *id);
        EXPECT_EQ((*id)->size, 0U);
        EXPECT_EQ((*id)->mode, 0444U) << "mode and owner stay";
        EXPECT_EQ(*files.read("/root/plain", 100), "longer than before\n");
        EXPECT_EQ(*files.look("/root/.ssh"), std::nullopt);
        EXPECT_FALSE(files.write("/root/plain", "x")) << "it is only looked at";
        // Another disk at the same time, with nothing on it.
        const auto empty =
            world_->guests().visit(world_->empty(), GuestDisks::Access::read, [](GuestFileSystem&) -> Result<void> { return {}; });
        EXPECT_FALSE(empty);
        if (!empty) {
            EXPECT_EQ(empty.error().code, Code::unsupported_operation);
            EXPECT_THAT(empty.error().message, HasSubstr(world_->empty().location));
        }
        EXPECT_EQ(*files.read("/root/plain", 6), "longer") << "this one goes on";
        throw Interrupted{2};
    };
    EXPECT_THROW((void)world_->guests().visit(world_->system(), GuestDisks::Access::read, second), Interrupted);
}

GuestEntry as(std::string path, unsigned mode, std::uint32_t uid, std::uint32_t gid) {
    GuestEntry entry;
    entry.path = std::move(path);
    entry.mode = mode;
    entry.uid = uid;
    entry.gid = gid;
    return entry;
}

void expect_entry(GuestFileSystem& files, const GuestEntry& wanted, EntryKind kind) {
    const auto found = files.look(wanted.path);
    ASSERT_TRUE(found && *found) << wanted.path;
    EXPECT_EQ((*found)->kind, kind) << wanted.path;
    EXPECT_EQ((*found)->mode, wanted.mode) << wanted.path;
    EXPECT_EQ((*found)->uid, wanted.uid) << wanted.path;
    EXPECT_EQ((*found)->gid, wanted.gid) << wanted.path;
}

TEST_P(GuestDisksTest, FilesFoldersAndLinksAreMade) {
    const GuestEntry made = as("/srv/a/b/new", 0640, 1000, 1001);
    const GuestEntry replaced = as("/root/plain", 0755, 7, 8);
    const GuestEntry through = as("/etc/link", 0600, 0, 0);
    const GuestEntry folder = as("/srv/x/y", 0700, 1000, 1001);
    const GuestEntry old_folder = as("/root/.ssh", 0711, 5, 6);
    const std::string large(2U << 20U, 'x');
    visit(GuestDisks::Access::write, [&](GuestFileSystem& files) {
        EXPECT_TRUE(files.put(made, "one\n"));
        EXPECT_TRUE(files.put(replaced, std::string("\0two", 4)));
        EXPECT_TRUE(files.put(through, "not by way of a link\n"));
        EXPECT_TRUE(files.put(as("/srv/empty", 0600, 0, 0), ""));
        EXPECT_TRUE(files.put(as("/srv/large", 0600, 0, 0), large));
        EXPECT_TRUE(files.put_folder(folder));
        EXPECT_TRUE(files.put_folder(old_folder));
        EXPECT_TRUE(files.put_folder(old_folder)) << "again";
        EXPECT_TRUE(files.put_link("/srv/links/new", "../a/b/new"));
        EXPECT_TRUE(files.put_link("/root/od[d", "/nowhere")) << "instead of a file";
        EXPECT_TRUE(files.put_link("/srv/links/new", "/etc/passwd")) << "instead of a link";
    });
    visit(GuestDisks::Access::read, [&](GuestFileSystem& files) {
        expect_entry(files, made, EntryKind::file);
        EXPECT_EQ(*files.read(made.path, 100), "one\n");
        for (const char* above : {"/srv", "/srv/a", "/srv/a/b", "/srv/x", "/srv/links"}) {
            expect_entry(files, as(above, 0755, 0, 0), EntryKind::folder);
        }
        expect_entry(files, replaced, EntryKind::file);
        EXPECT_EQ(*files.read(replaced.path, 100), std::string("\0two", 4));
        expect_entry(files, through, EntryKind::file);
        EXPECT_EQ(*files.read("/etc/machine-id", 100), "0123456789abcdef0123456789abcdef\n") << "what the link led to stays";
        EXPECT_EQ(*files.read("/srv/empty", 100), "");
        EXPECT_TRUE(*files.read("/srv/large", 4U << 20U) == large);
        expect_entry(files, folder, EntryKind::folder);
        expect_entry(files, old_folder, EntryKind::folder);
        EXPECT_EQ(*files.read("/root/.ssh/id", 100), "the key\n") << "what is in a folder stays";
        for (const auto& [path, target] : {std::pair("/srv/links/new", "/etc/passwd"), std::pair("/root/od[d", "/nowhere")}) {
            const auto link = files.look(path);
            ASSERT_TRUE(link && *link) << path;
            EXPECT_EQ((*link)->kind, EntryKind::link);
            EXPECT_EQ((*link)->target, target);
        }
        EXPECT_FALSE(files.put(made, "x")) << "it is only looked at";
        EXPECT_FALSE(files.put_folder(folder));
        EXPECT_FALSE(files.put_link("/srv/links/third", "x"));
    });
}

INSTANTIATE_TEST_SUITE_P(All, GuestDisksTest,
                         ::testing::Values(Kind{"fake", []() -> std::unique_ptr<World> { return std::make_unique<FakeWorld>(); }},
                                           Kind{"libguestfs", []() -> std::unique_ptr<World> { return std::make_unique<RealWorld>(); }}),
                         [](const auto& parameter) { return parameter.param.name; });

TEST(GuestfsDisks, OverwritesWhatItRemoves) {
    RealWorld world;
    if (!world.missing().empty()) {
        GTEST_SKIP() << world.missing();
    }
    const auto holds = [&](const std::string& text) {
        const std::string command = "qemu-img convert -O raw '" + world.system().location + "' '" + world.folder() +
                                    "/flat.raw' && grep -q '" + text + "' '" + world.folder() + "/flat.raw'";
        return std::system(command.c_str()) == 0;
    };
    ASSERT_TRUE(holds("the key"));
    const auto removed =
        world.guests().visit(world.system(), GuestDisks::Access::write, [](GuestFileSystem& files) { return files.remove("/root/.ssh"); });
    ASSERT_TRUE(removed) << describe(removed.error());
    EXPECT_FALSE(holds("the key")) << "its blocks still tell it";
    EXPECT_TRUE(holds("abcdef"));
}

}  // namespace
}  // namespace amivirt
