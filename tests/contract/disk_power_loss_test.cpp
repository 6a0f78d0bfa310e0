// What a power cut leaves of the layers. fsync and rename are this program's own: it notes what was made durable, and before and after each
// of them builds the folder as it would be found then, opens it, and compares it with what was promised. What qemu-img synced in a process
// of its own counts as lost.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <functional>
#include <map>
#include <set>

#include "adapters/common/digest.hpp"
#include "adapters/common/files.hpp"
#include "adapters/process/process_runner.hpp"
#include "adapters/qemu_img/qemu_img.hpp"
#include "disk_support.hpp"
#include "fakes/recording_progress.hpp"

namespace amivirt::contract {
namespace {

namespace fs = std::filesystem;

/// File systems write data and names in an order of their own: one may have come without the other.
enum class Lost { all, contents, names };

struct Entry {
    ino_t inode = 0;
    bool folder = false;
};
using Entries = std::map<std::string, Entry>;

Entries list(const std::string& folder) {
    Entries entries;
    for (const auto& entry : fs::directory_iterator(folder)) {
        struct stat status {};
        ::lstat(entry.path().c_str(), &status);
        entries[entry.path().filename().string()] = {status.st_ino, S_ISDIR(status.st_mode)};
    }
    return entries;
}

/// A folder on a disk that can lose power.
class PowerDisk {
public:
    PowerDisk(std::string root, std::string copies) : root_(std::move(root)), copies_(std::move(copies)) {
        fs::create_directories(root_);
        fs::create_directories(copies_);
    }
    /// All that `file` is now will last.
    void sync(int fd) {
        std::array<char, 4096> name{};
        const auto length = ::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), name.data(), name.size());
        const std::string path(name.data(), static_cast<std::size_t>(std::max<ssize_t>(length, 0)));
        struct stat status {};
        if (!path.starts_with(root_) || ::fstat(fd, &status) != 0) {
            return;
        }
        if (S_ISDIR(status.st_mode)) {
            folders_[path] = list(path);
            return;
        }
        const std::string copy = copies_ + "/" + std::to_string(++number_);
        fs::copy_file(path, copy);
        ::chmod(copy.c_str(), status.st_mode & 07777U);
        contents_[status.st_ino] = copy;
        struct stat of_copy {};
        ::stat(copy.c_str(), &of_copy);
        digests_[of_copy.st_ino] = sha256_of(read_file(copy));
        // An inode number that is held is not given to another file.
        held_.push_back(*files::open(path, O_RDONLY));
    }
    void sync(const std::string& path) { sync(files::open(path, O_RDONLY)->get()); }
    /// The folder as it is found after the power came back.
    void build(Lost lost, const std::string& into) const {
        std::map<ino_t, std::string> present;
        for (const auto& entry : fs::recursive_directory_iterator(root_)) {
            struct stat status {};
            ::lstat(entry.path().c_str(), &status);
            present[status.st_ino] = entry.path();
        }
        build(lost, root_, into, present);
    }
    /// "" if the file is none of those that were synced.
    [[nodiscard]] std::string digest(const std::string& path) const {
        struct stat status {};
        const auto found = ::stat(path.c_str(), &status) == 0 ? digests_.find(status.st_ino) : digests_.end();
        return found == digests_.end() ? "" : found->second;
    }

private:
    void build(Lost lost, const std::string& from, const std::string& into, const std::map<ino_t, std::string>& present) const {
        fs::create_directories(into);
        const auto durable = folders_.find(from);
        const Entries entries = lost == Lost::contents ? list(from) : durable == folders_.end() ? Entries{} : durable->second;
        for (const auto& [name, entry] : entries) {
            const std::string to = into + "/" + name;
            const auto now = present.find(entry.inode);
            const auto kept = contents_.find(entry.inode);
            if (entry.folder) {
                build(lost, from + "/" + name, to, present);
            } else if (lost == Lost::names && now != present.end()) {
                fs::create_hard_link(now->second, to);
            } else if (kept != contents_.end()) {
                fs::create_hard_link(kept->second, to);
            } else {
                write_file(to, "");
            }
        }
    }

    std::string root_;
    std::string copies_;
    unsigned number_ = 0;
    std::map<ino_t, std::string> contents_;   ///< what is durable of each file
    std::map<std::string, Entries> folders_;  ///< and of each folder
    std::map<ino_t, std::string> digests_;    ///< of the copies
    std::vector<files::FileDescriptor> held_;
};

/// What must be found, whenever the power goes.
struct Promise {
    std::string digest;  ///< ""; it is being written to
    std::set<std::optional<LayerId>> parents;
    bool encrypted = false;
    bool sealed = false;
};

class PowerLoss;
PowerLoss* g_watching = nullptr;

class PowerLoss : public testing::Test {
protected:
    void SetUp() override {
        AMIVIRT_NEED_PROGRAM("qemu-img");
        AMIVIRT_NEED_PROGRAM("qemu-io");
        g_watching = this;
    }
    ~PowerLoss() override { g_watching = nullptr; }

    [[nodiscard]] std::string path(unsigned number) const { return store_->source(layer(number)).location; }
    static void done(const Result<void>& result) { ASSERT_TRUE(result) << result.error().message; }
    void create(unsigned number, std::optional<unsigned> parent, Encrypted encrypted) {
        passing_.insert(layer(number));
        done(store_->create(layer(number), parent ? std::optional(layer(*parent)) : std::nullopt, k_size, encrypted));
        EXPECT_GT(cuts_, 0U) << "rename was not ours";
    }
    void persist(unsigned number) { persist(std::vector<unsigned>{number}); }
    void persist(const std::vector<unsigned>& numbers) {
        std::vector<LayerId> layers;
        for (const unsigned number : numbers) {
            layers.push_back(layer(number));
        }
        done(store_->persist(layers));
        for (const unsigned number : numbers) {
            passing_.erase(layer(number));
            promise(number);
        }
    }
    void seal(unsigned number) {
        ASSERT_TRUE(store_->seal(layer(number)));
        passing_.erase(layer(number));
        promise(number);
    }
    /// From now on the layer is as it is now.
    void promise(unsigned number) {
        const auto file = store_->look(layer(number));
        ASSERT_TRUE(file && *file);
        promises_[layer(number)] = {sha256_of(read_file(path(number))), {(*file)->parent}, (*file)->encrypted, (*file)->read_only};
        cut();
    }
    /// The guest writes, and its fsync comes back.
    void guest_writes(const std::vector<unsigned>& chain, const std::string& command) {
        const auto kept = promises_.find(layer(chain.front()));
        if (kept != promises_.end()) {
            kept->second.digest.clear();
        }
        qemu_io(*store_, key_file_, chain, {command, "flush"});
        disk_.sync(path(chain.front()));
        if (kept != promises_.end()) {
            promise(chain.front());
        }
    }
    /// 1 <- 2 <- ... <- `last`, sealed, each with 64 KiB of its number in a place of its own.
    void make_chain(unsigned last, Encrypted encrypted) {
        std::vector<unsigned> chain;
        for (unsigned number = 1; number <= last; ++number) {
            create(number, number == 1 ? std::nullopt : std::optional(number - 1), encrypted);
            persist(number);
            chain.insert(chain.begin(), number);
            guest_writes(chain, "write -P " + std::to_string(number) + " " + std::to_string(number * 64) + "k 64k");
            seal(number);
        }
    }
    /// What was found under the name of a layer before it was promised, was it already as it is now?
    void expect_only_whole(unsigned number) {
        const std::string now = sha256_of(read_file(path(number)));
        EXPECT_FALSE(seen_[layer(number)].empty());
        for (const std::string& digest : seen_[layer(number)]) {
            EXPECT_EQ(digest, now) << "layer " << number << " had its name before it was whole";
        }
        promise(number);
    }
    /// Opens what is left now, in the worst case, and calls `look(store, care, key file)`.
    void reopen(const std::function<void(VolumeStore&, LayerCare&, const std::string&)>& look) {
        g_watching = nullptr;
        for (const Lost lost : {Lost::all, Lost::contents}) {
            const std::string home = folder_ / ("reopened-" + std::to_string(++cuts_));
            disk_.build(lost, home);
            const StoreOptions options{home + "/disks", home + "/layers.key", k_limit, *processes_, log_};
            const auto store = make_volume_store(options);
            const auto care = make_layer_care(options);
            for (const auto& [id, promise] : promises_) {
                const auto faults = care->check(id);
                ASSERT_TRUE(faults) << faults.error().message;
                EXPECT_THAT(*faults, testing::IsEmpty());
            }
            look(*store, *care, options.key_file);
        }
        g_watching = this;
    }

    static constexpr Bytes k_size{4ULL << 20U};
    static constexpr Bytes k_limit{1ULL << 40U};
    TemporaryFolder folder_;
    PowerDisk disk_{folder_ / "home", folder_ / "copies"};
    std::string key_file_ = folder_ / "home/layers.key";
    std::unique_ptr<ProcessRunner> processes_ = make_process_runner();
    NullLog log_;
    StoreOptions options_{folder_ / "home/disks", key_file_, k_limit, *processes_, log_};
    std::unique_ptr<VolumeStore> store_ = make_volume_store(options_);
    std::unique_ptr<LayerCare> care_ = make_layer_care(options_);
    fakes::RecordingProgress progress_;
    std::map<LayerId, Promise> promises_;
    std::set<LayerId> passing_;  ///< created, and not worth anything yet
    std::map<LayerId, std::set<std::string>> seen_;
    unsigned cuts_ = 0;

public:
    PowerDisk& disk() { return disk_; }
    /// The power goes now.
    void cut() {
        g_watching = nullptr;
        const std::string found = folder_ / "found";
        for (const Lost lost : {Lost::all, Lost::contents, Lost::names}) {
            ++cuts_;
            SCOPED_TRACE(testing::Message() << "cut " << cuts_ << ", lost: " << static_cast<int>(lost));
            disk_.build(lost, found);
            compare(lost, found);
            fs::remove_all(found);
        }
        g_watching = this;
    }

private:
    void compare(Lost lost, const std::string& found) {
        const auto store = make_volume_store({found + "/disks", found + "/layers.key", k_limit, *processes_, log_});
        const std::string key = fs::exists(found + "/layers.key") ? read_file(found + "/layers.key") : "";
        if (fs::exists(found + "/layers.key")) {
            EXPECT_EQ(key, read_file(key_file_)) << "the key is not whole";
            EXPECT_EQ(key.size(), 64U);
        }
        for (const auto& [id, promise] : promises_) {
            const auto file = store->look(id);
            ASSERT_TRUE(file) << file.error().message;
            ASSERT_TRUE(*file) << id.str() << " is gone";
            EXPECT_TRUE(promise.parents.contains((*file)->parent)) << id.str();
            EXPECT_EQ((*file)->encrypted, promise.encrypted) << id.str();
            EXPECT_TRUE(!promise.sealed || (*file)->read_only) << id.str();
            if (!promise.digest.empty() && lost != Lost::names) {
                EXPECT_EQ(disk_.digest(store->source(id).location), promise.digest) << id.str() << " is not as it was";
            }
        }
        for (const std::string& name : names(found + "/disks")) {
            const auto id = LayerId::parse(name.substr(0, name.find('.')));
            if (!id || !name.ends_with(".qcow2")) {
                continue;
            }
            const auto file = store->look(*id);
            EXPECT_TRUE(!file || !*file || !(*file)->encrypted || !key.empty()) << name << " is encrypted, and the key is gone";
            if (!promises_.contains(*id) && !passing_.contains(*id)) {
                ASSERT_TRUE(file) << file.error().message;
                EXPECT_TRUE((*file)->read_only) << name;
                seen_[*id].insert(lost == Lost::names ? sha256_of(read_file(store->source(*id).location))
                                                      : disk_.digest(store->source(*id).location));
            }
        }
    }
};

TEST_F(PowerLoss, ALayerThatWasPersistedIsWhole) {
    for (const Encrypted encrypted : {Encrypted::no, Encrypted::yes}) {
        const unsigned first = encrypted == Encrypted::no ? 1 : 3;
        create(first, std::nullopt, encrypted);
        persist(first);
        create(first + 1, first, encrypted);
        persist(first + 1);
    }
    reopen([](VolumeStore& store, LayerCare& /*care*/, const std::string& key_file) {
        const auto made = store.create(layer(9), layer(4), k_size, Encrypted::yes);
        ASSERT_TRUE(made) << made.error().message;
        qemu_io(store, key_file, {9, 4, 3}, {"write -P 9 0 64k", "read -P 9 0 64k"});
    });
}

TEST_F(PowerLoss, TheFirstLayerOfAllMayBeEncrypted) {
    create(1, std::nullopt, Encrypted::yes);
    persist(1);
    reopen(
        [](VolumeStore& store, LayerCare& /*care*/, const std::string& key_file) { qemu_io(store, key_file, {1}, {"read -P 0 0 64k"}); });
}

TEST_F(PowerLoss, ALayerThatWasSealedKeepsItsName) {
    for (const unsigned number : {1U, 2U}) {
        create(number, std::nullopt, number == 1 ? Encrypted::no : Encrypted::yes);
        guest_writes({number}, "write -P 7 0 128k");
        seal(number);
    }
    reopen([](VolumeStore& store, LayerCare& /*care*/, const std::string& key_file) {
        qemu_io(store, key_file, {1}, {"read -P 7 0 128k"});
        qemu_io(store, key_file, {2}, {"read -P 7 0 128k"});
    });
}

TEST_F(PowerLoss, WhatTheGuestSyncedOutlivesASnapshot) {
    for (const Encrypted encrypted : {Encrypted::no, Encrypted::yes}) {
        const unsigned first = encrypted == Encrypted::no ? 1 : 3;
        create(first, std::nullopt, encrypted);
        persist(first);
        guest_writes({first}, "write -P 7 0 128k");
        create(first + 1, first, encrypted);
        persist(first + 1);
        guest_writes({first + 1, first}, "write -P 8 64k 64k");
        seal(first);
        guest_writes({first + 1, first}, "write -P 9 128k 64k");
        reopen([&](VolumeStore& store, LayerCare& /*care*/, const std::string& key_file) {
            qemu_io(store, key_file, {first + 1, first}, {"read -P 7 0 64k", "read -P 8 64k 64k", "read -P 9 128k 64k"});
        });
    }
}

TEST_F(PowerLoss, TheLayersOfALaunchAreThereOnceItIsAcknowledged) {
    create(1, std::nullopt, Encrypted::no);
    persist(1);
    seal(1);
    for (const unsigned number : {2U, 3U}) {
        create(number, 1, Encrypted::no);
    }
    persist({2, 3});
    reopen([](VolumeStore& store, LayerCare& /*care*/, const std::string& key_file) {
        qemu_io(store, key_file, {3, 1}, {"read -P 0 0 64k"});
    });
}

TEST_F(PowerLoss, WhatWasRemovedDoesNotComeBack) {
    for (const unsigned number : {1U, 2U, 3U}) {
        create(number, std::nullopt, Encrypted::no);
        persist(number);
    }
    for (const unsigned number : {1U, 2U}) {
        promises_.erase(layer(number));
        passing_.insert(layer(number));
    }
    done(store_->remove({layer(1), layer(2)}));
    // From here on the catalog may forget them.
    reopen([](VolumeStore& store, LayerCare& /*care*/, const std::string& /*key_file*/) {
        const auto left = store.contents();
        ASSERT_TRUE(left);
        EXPECT_THAT(left->layers, testing::ElementsAre(layer(3)));
        EXPECT_THAT(left->unknown, testing::IsEmpty());
    });
    done(store_->remove({layer(1), layer(2)}));
}

TEST_F(PowerLoss, AGrownLayerIsOfOneSizeOrTheOther) {
    for (const Encrypted encrypted : {Encrypted::no, Encrypted::yes}) {
        const unsigned number = encrypted == Encrypted::no ? 1 : 2;
        create(number, std::nullopt, encrypted);
        persist(number);
        guest_writes({number}, "write -P 7 0 128k");
        promises_[layer(number)].digest.clear();
        done(store_->grow(layer(number), Bytes{k_size.count * 2}));
        promise(number);
        reopen([&](VolumeStore& store, LayerCare& /*care*/, const std::string& key_file) {
            EXPECT_EQ((*store.look(layer(number)))->virtual_size, Bytes{k_size.count * 2});
            qemu_io(store, key_file, {number}, {"read -P 7 0 128k", "read -P 0 6M 64k"});
        });
    }
}

TEST_F(PowerLoss, AnImportHasItsNameOnlyWhenItIsWhole) {
    const std::string disk = folder_ / "disk.raw";
    write_file(disk, noise(1U << 20U));
    const StagedDisk staged{disk, Bytes{1U << 20U}};
    const auto probed = store_->probe(staged, "disk.raw");
    ASSERT_TRUE(probed) << probed.error().message;
    done(store_->import(layer(1), staged, *probed, progress_));
    EXPECT_GT(cuts_, 0U);
    expect_only_whole(1);
    reopen([&](VolumeStore& store, LayerCare& /*care*/, const std::string& /*key_file*/) {
        EXPECT_EQ(shell({"qemu-img", "compare", "-f", "raw", "-F", "qcow2", disk, store.source(layer(1)).location}).exit_status, 0);
    });
}

TEST_F(PowerLoss, AMergeAndTheRebaseOntoIt) {
    for (const Encrypted encrypted : {Encrypted::no, Encrypted::yes}) {
        make_chain(3, encrypted);
        create(4, 3, encrypted);
        persist(4);
        guest_writes({4, 3, 2, 1}, "write -P 4 256k 64k");
        done(care_->merge(layer(5), layer(3), layer(1), progress_));
        expect_only_whole(5);
        done(care_->merge(layer(6), layer(3), std::nullopt, progress_));
        expect_only_whole(6);

        const std::string before = read_file(path(4));
        promises_[layer(4)].parents.insert(layer(5));
        promises_[layer(4)].digest.clear();
        done(care_->rebase(layer(4), layer(5)));
        promise(4);
        const std::string after = read_file(path(4));
        ASSERT_EQ(before.size(), after.size());
        std::set<std::size_t> sectors;
        for (std::size_t i = 0; i < after.size(); ++i) {
            if (before[i] != after[i]) {
                sectors.insert(i / 512);
            }
        }
        EXPECT_EQ(sectors.size(), 1U) << "a name that is torn between sectors is neither the old nor the new";
        reopen([](VolumeStore& store, LayerCare& /*care*/, const std::string& key_file) {
            const std::vector<std::string> reads{"read -P 1 64k 64k", "read -P 2 128k 64k", "read -P 3 192k 64k", "read -P 0 320k 64k"};
            qemu_io(store, key_file, {4, 5, 1}, {reads[0], reads[1], reads[2], "read -P 4 256k 64k", reads[3]});
            qemu_io(store, key_file, {6}, reads);
        });
        std::vector<LayerId> all;
        for (unsigned number = 6; number >= 1; --number) {
            promises_.erase(layer(number));
            seen_.erase(layer(number));
            passing_.insert(layer(number));
            all.push_back(layer(number));
        }
        done(store_->remove(all));
        passing_.clear();
        cut();
    }
}

}  // namespace

void power_sync(int fd) {
    if (g_watching != nullptr) {
        g_watching->cut();
        g_watching->disk().sync(fd);
        g_watching->cut();
    }
}

void power_rename() {
    if (g_watching != nullptr) {
        g_watching->cut();
    }
}

}  // namespace amivirt::contract

// The real ones would only cost time.
extern "C" int fsync(int fd) {
    amivirt::contract::power_sync(fd);
    return 0;
}

extern "C" int fdatasync(int fd) {
    amivirt::contract::power_sync(fd);
    return 0;
}

extern "C" int rename(const char* from, const char* to) noexcept {
    const int answer = ::renameat(AT_FDCWD, from, AT_FDCWD, to);
    amivirt::contract::power_rename();
    return answer;
}
