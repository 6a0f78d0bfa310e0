// What only the file knows: processes, permissions, schema, a full disk, damage.
#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>
#include <vector>

#include "adapters/sqlite/catalog.hpp"
#include "adapters/sqlite/migrations.hpp"
#include "amivirt/base/interrupt.hpp"
#include "catalog_records.hpp"
#include "fakes/fake_id_source.hpp"
#include "temporary_folder.hpp"

namespace amivirt::contract {

namespace {

using fakes::nth_id;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class SqliteCatalogFile : public testing::Test {
protected:
    std::unique_ptr<Catalog> open() {
        auto opened = open_sqlite_catalog(file_, ids_);
        EXPECT_TRUE(opened) << opened.error().message;
        return opened ? std::move(*opened) : nullptr;
    }
    Error open_fails() { return open_fails(file_); }
    Error open_fails(const std::string& file) {
        const auto opened = open_sqlite_catalog(file, ids_);
        EXPECT_FALSE(opened);
        return opened ? Error() : opened.error();
    }
    void sql(const std::string& statement) { SQLite::Database(file_, SQLite::OPEN_READWRITE).exec(statement); }
    int number(const std::string& query) { return SQLite::Database(file_, SQLite::OPEN_READONLY).execAndGet(query).getInt(); }
    std::string bytes() {
        std::ifstream stream(file_, std::ios::binary);
        return {std::istreambuf_iterator<char>(stream), {}};
    }

    /// Runs `body` in a process of its own; its answer is the exit status. For SQLite's sake nothing may be open when it is called.
    static pid_t spawn(const std::function<int()>& body) {
        std::fflush(nullptr);
        const pid_t child = ::fork();
        if (child == 0) {
            int status = 99;
            try {
                status = body();
            } catch (...) {
            }
            std::fflush(nullptr);
            ::_exit(status);
        }
        return child;
    }
    static int exit_status(pid_t child) {
        int status = 0;
        ::waitpid(child, &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }

    TemporaryFolder folder_;
    std::string file_ = folder_ / "catalog.db";
    fakes::FakeIdSource ids_;
};

TEST_F(SqliteCatalogFile, IsMadeForItsOwnerOnly) {
    const auto before = ::umask(0);
    const auto catalog = open();
    ::umask(before);
    for (const char* suffix : {"", "-wal", "-shm"}) {
        struct stat facts {};
        ASSERT_EQ(::stat((file_ + suffix).c_str(), &facts), 0) << suffix;
        EXPECT_EQ(facts.st_mode & 0777U, 0600U) << suffix;
    }
}

TEST_F(SqliteCatalogFile, IsDurableBeforeItIsFast) {
    open();
    EXPECT_EQ(SQLite::Database(file_).execAndGet("PRAGMA journal_mode").getString(), "wal");
    sqlite::Connection connection(file_);
    const auto ask = [&](const std::string& pragma) {
        auto query = connection.query("PRAGMA " + pragma);
        query->executeStep();
        return query->getColumn(0).getInt();
    };
    EXPECT_EQ(ask("synchronous"), 2);  // FULL
    EXPECT_EQ(ask("foreign_keys"), 1);
}

TEST_F(SqliteCatalogFile, KeepsItsRecordsAndItsStoreIdBetweenProcesses) {
    std::string store_id;
    {
        const auto catalog = open();
        store_id = catalog->store_id();
        ASSERT_TRUE(catalog->write([](CatalogSession& session) { return session.instances().insert(full_instance(1)); }));
    }
    const auto catalog = open();
    EXPECT_EQ(catalog->store_id(), store_id);
    ASSERT_TRUE(catalog->read([](CatalogSession& session) -> Result<void> {
        EXPECT_EQ(AMIVIRT_TRY(session.instances().list()).records, std::vector{full_instance(1)});
        return {};
    }));
}

TEST_F(SqliteCatalogFile, OpeningAnExistingOneWritesNothing) {
    open();
    const std::string before = bytes();
    const auto time = std::filesystem::last_write_time(file_);
    open();
    EXPECT_EQ(bytes(), before);
    EXPECT_EQ(std::filesystem::last_write_time(file_), time);
}

TEST_F(SqliteCatalogFile, LeavesNoFileOfItsOwnBehind) {
    {
        const auto catalog = open();
        ASSERT_TRUE(catalog->write([](CatalogSession& session) { return session.downloads().insert(full_download(1)); }));
    }
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
        names.push_back(entry.path().filename());
    }
    EXPECT_THAT(names, testing::ElementsAre("catalog.db"));
}

// Many at once

TEST_F(SqliteCatalogFile, ManyProcessesMayBeTheFirst) {
    constexpr int k_processes = 8;
    for (int round = 0; round < 5; ++round) {
        file_ = folder_ / ("catalog-" + std::to_string(round));
        int start[2];
        ASSERT_EQ(::pipe(start), 0);
        std::vector<pid_t> children;
        for (int i = 0; i < k_processes; ++i) {
            children.push_back(spawn([&]() -> int {
                ::close(start[1]);
                char byte = 0;
                static_cast<void>(!::read(start[0], &byte, 1));  // ends when the parent closes it
                const auto catalog = open_sqlite_catalog(file_, ids_);
                if (!catalog) {
                    std::fprintf(stderr, "%s\n", catalog.error().message.c_str());
                    return 1;
                }
                const auto written = (*catalog)->write([&](CatalogSession& session) {
                    return session.downloads().insert({std::to_string(i), (*catalog)->store_id(), "", {}});
                });
                return written ? 0 : 2;
            }));
        }
        ::close(start[0]);
        ::close(start[1]);
        for (const pid_t child : children) {
            EXPECT_EQ(exit_status(child), 0);
        }
        const auto catalog = open();
        ASSERT_TRUE(catalog->read([&](CatalogSession& session) -> Result<void> {
            const auto downloads = AMIVIRT_TRY(session.downloads().list());
            EXPECT_THAT(downloads.records, SizeIs(k_processes));
            for (const auto& download : downloads.records) {
                EXPECT_EQ(download.file, catalog->store_id());  // all were told the same
            }
            return {};
        }));
    }
}

TEST_F(SqliteCatalogFile, ManyThreadsMayBeTheFirst) {
    std::vector<std::thread> threads;
    std::vector<std::string> seen(6);
    for (std::size_t i = 0; i < seen.size(); ++i) {
        threads.emplace_back([&, i] {
            if (const auto catalog = open_sqlite_catalog(file_, ids_)) {
                seen[i] = (*catalog)->store_id();
            }
        });
    }
    for (auto& thread : threads) {
        thread.join();
    }
    EXPECT_THAT(std::set<std::string>(seen.begin(), seen.end()), SizeIs(1));
    EXPECT_NE(seen[0], "");
}

TEST_F(SqliteCatalogFile, WritersOfManyProcessesTakeTurns) {
    constexpr int k_processes = 4;
    constexpr int k_turns = 25;
    open();
    std::vector<pid_t> children;
    for (int i = 0; i < k_processes; ++i) {
        children.push_back(spawn([&]() -> int {
            const auto catalog = open_sqlite_catalog(file_, ids_);
            if (!catalog) {
                return 1;
            }
            for (int turn = 0; turn < k_turns; ++turn) {
                // The lowest port that is free, as a launch picks it.
                const auto written = (*catalog)->write([&](CatalogSession& session) -> Result<void> {
                    const auto instances = AMIVIRT_TRY(session.instances().list()).records;
                    std::uint16_t port = 1;
                    for (const Instance& instance : instances) {
                        port = std::max(port, static_cast<std::uint16_t>(instance.ports.at(0).host_port + 1));
                    }
                    Instance instance = plain_instance(static_cast<std::uint64_t>(1000 * (i + 1) + turn));
                    instance.ports = {{"127.0.0.1", port, 22, "tcp"}};
                    return session.instances().insert(instance);
                });
                if (!written) {
                    std::fprintf(stderr, "%s\n", written.error().message.c_str());
                    return 2;
                }
            }
            return 0;
        }));
    }
    for (const pid_t child : children) {
        EXPECT_EQ(exit_status(child), 0);
    }
    EXPECT_EQ(number("SELECT count(*) FROM instance"), k_processes * k_turns);
    EXPECT_EQ(number("SELECT max(host_port) FROM port_forward"), k_processes * k_turns);
}

TEST_F(SqliteCatalogFile, AWriterKilledInTheMiddleLeavesNothingAndHoldsNobodyUp) {
    open();
    const pid_t child = spawn([&]() -> int {
        const auto catalog = open_sqlite_catalog(file_, ids_);
        static_cast<void>((*catalog)->write([&](CatalogSession& session) { return session.images().insert(full_image(1)); }));
        static_cast<void>((*catalog)->write([&](CatalogSession& session) -> Result<void> {
            AMIVIRT_TRY(session.images().insert(full_image(2)));
            ::raise(SIGKILL);
            return {};
        }));
        return 0;
    });
    EXPECT_EQ(exit_status(child), 128 + SIGKILL);
    const auto catalog = open();
    ASSERT_TRUE(catalog->write([](CatalogSession& session) -> Result<void> {
        EXPECT_EQ(AMIVIRT_TRY(session.images().list()).records, std::vector{full_image(1)});
        return {};
    }));
}

TEST_F(SqliteCatalogFile, AWaitForAnotherWriterEndsWithCtrlC) {
    open();
    int ready[2];
    ASSERT_EQ(::pipe(ready), 0);
    const pid_t holder = spawn([&]() -> int {
        const auto catalog = open_sqlite_catalog(file_, ids_);
        static_cast<void>((*catalog)->write([&](CatalogSession&) -> Result<void> {
            static_cast<void>(!::write(ready[1], "x", 1));
            ::pause();
            return {};
        }));
        return 0;
    });
    char byte = 0;
    ASSERT_EQ(::read(ready[0], &byte, 1), 1);
    ::close(ready[0]);
    ::close(ready[1]);
    const pid_t waiter = spawn([&]() -> int {
        install_interrupt_handlers();
        const auto catalog = open_sqlite_catalog(file_, ids_);
        ::alarm(20);
        std::thread([] {
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
            ::kill(::getpid(), SIGTERM);
        }).detach();
        try {
            static_cast<void>((*catalog)->write([](CatalogSession&) -> Result<void> { return {}; }));
            return 1;
        } catch (const Interrupted& interrupted) {
            return interrupted.signal_number;
        }
    });
    EXPECT_EQ(exit_status(waiter), SIGTERM);
    ::kill(holder, SIGKILL);
    EXPECT_EQ(exit_status(holder), 128 + SIGKILL);
}

TEST_F(SqliteCatalogFile, KilledWhileItIsMadeItIsMadeByTheNext) {
#ifndef AMIVIRT_FAULT_INJECTION
    GTEST_SKIP() << "built without fault injection";
#else
    int killed = 0;
    for (int step = 1;; ++step) {
        ASSERT_LT(step, 50);
        file_ = folder_ / ("catalog-" + std::to_string(step));
        const int status = exit_status(spawn([&]() -> int {
            ::setenv("AMIVIRT_FAULT_KILL_AT", std::to_string(step).c_str(), 1);
            ::execl(AMIVIRT_CATALOG_STEP, AMIVIRT_CATALOG_STEP, file_.c_str(), nullptr);
            return 98;
        }));
        if (status == 0) {
            break;  // past the last step
        }
        ASSERT_EQ(status, 128 + SIGKILL) << "step " << step;
        ++killed;
        const auto catalog = open();
        ASSERT_NE(catalog, nullptr) << "step " << step;
        ASSERT_TRUE(catalog->write([](CatalogSession& session) -> Result<void> {
            const auto images = AMIVIRT_TRY(session.images().list()).records;
            EXPECT_THAT(images, testing::AnyOf(IsEmpty(), testing::ElementsAre(full_image(1))));
            return session.images().insert(full_image(2));
        })) << "step "
            << step;
    }
    EXPECT_GE(killed, 5);  // created, logged, migrated; commit, committed
#endif
}

// What cannot be opened

TEST_F(SqliteCatalogFile, RefusesAFolderThatIsNotThere) {
    const auto error = open_fails(folder_ / "nowhere/catalog.db");
    EXPECT_EQ(error.code, Code::io_error);
    EXPECT_THAT(error.message, HasSubstr("\"" + (folder_ / "nowhere/catalog.db") + "\""));
    EXPECT_THAT(error.message, HasSubstr("No such file or directory"));
}

TEST_F(SqliteCatalogFile, RefusesADirectory) {
    std::filesystem::create_directory(file_);
    const auto error = open_fails();
    EXPECT_EQ(error.code, Code::io_error);
    EXPECT_THAT(error.message, HasSubstr("\"" + file_ + "\""));
    EXPECT_THAT(error.message, HasSubstr("directory"));
}

TEST_F(SqliteCatalogFile, RefusesAFileItMayNotRead) {
    open();
    ASSERT_EQ(::chmod(file_.c_str(), 0000), 0);
    ASSERT_EQ(::chmod(folder_.path().c_str(), 0777), 0);
    const pid_t child = spawn([&]() -> int {
        if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) {
            return 77;
        }
        const auto opened = open_sqlite_catalog(file_, ids_);
        if (opened || opened.error().code != Code::io_error) {
            return 1;
        }
        const std::string& message = opened.error().message;
        return message.find(file_) != std::string::npos && message.find("Permission denied") != std::string::npos ? 0 : 2;
    });
    const int status = exit_status(child);
    if (status == 77) {
        GTEST_SKIP() << "this root may not become another user";
    }
    EXPECT_EQ(status, 0);
}

TEST_F(SqliteCatalogFile, RefusesWhatIsNoDatabaseAndLeavesIt) {
    const std::string text(5000, 'x');
    std::ofstream(file_) << text;
    const auto error = open_fails();
    EXPECT_EQ(error.code, Code::store_corrupt);
    EXPECT_THAT(error.message, HasSubstr(file_));
    EXPECT_EQ(bytes(), text);
}

TEST_F(SqliteCatalogFile, RefusesATruncatedOne) {
    {
        const auto catalog = open();
        ASSERT_TRUE(catalog->write([](CatalogSession& session) { return session.images().insert(full_image(1)); }));
    }
    std::filesystem::resize_file(file_, 6000);
    const std::string before = bytes();
    const auto opened = open_sqlite_catalog(file_, ids_);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, Code::store_corrupt);
    EXPECT_EQ(bytes(), before);
}

TEST_F(SqliteCatalogFile, RefusesAnotherProgramsDatabaseAndLeavesIt) {
    SQLite::Database(file_, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE).exec("CREATE TABLE bookmarks (url TEXT)");
    const auto error = open_fails();
    EXPECT_EQ(error.code, Code::store_corrupt);
    EXPECT_THAT(error.message, HasSubstr(file_));
    EXPECT_EQ(number("SELECT count(*) FROM sqlite_schema"), 1);
}

TEST_F(SqliteCatalogFile, DamageFoundLaterIsReportedAsSuch) {
    {
        const auto catalog = open();
        ASSERT_TRUE(catalog->write([](CatalogSession& session) { return session.images().insert(full_image(1)); }));
    }
    const int page = number("SELECT rootpage FROM sqlite_schema WHERE name = 'image'");
    {
        std::fstream stream(file_, std::ios::in | std::ios::out | std::ios::binary);
        stream.seekp((page - 1) * 4096);
        stream << std::string(4096, '\x55');
    }
    const auto catalog = open();
    const auto read = catalog->read([](CatalogSession& session) -> Result<void> {
        AMIVIRT_TRY(session.images().list());
        return {};
    });
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, Code::store_corrupt);
    EXPECT_THAT(read.error().message, HasSubstr(file_));
}

// Schema

TEST_F(SqliteCatalogFile, RefusesANewerSchemaAndLeavesIt) {
    open();
    sql("PRAGMA user_version = 1000");
    const std::string before = bytes();
    const auto error = open_fails();
    EXPECT_EQ(error.code, Code::store_too_new);
    EXPECT_THAT(error.message, HasSubstr(file_));
    EXPECT_THAT(error.message, HasSubstr("1000"));
    EXPECT_FALSE(error.hint.empty());
    EXPECT_EQ(bytes(), before);
}

TEST_F(SqliteCatalogFile, ANewerAmivirtMayComeWhileItIsOpen) {
    const auto catalog = open();
    sql("PRAGMA user_version = 1000");
    const auto body = [](CatalogSession& session) { return session.images().insert(full_image(1)); };
    const auto written = catalog->write(body);
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().code, Code::store_too_new);
    EXPECT_FALSE(catalog->read([](CatalogSession&) -> Result<void> { return {}; }));
    EXPECT_EQ(number("SELECT count(*) FROM image"), 0);
}

TEST_F(SqliteCatalogFile, Migration1IsTheSchemaAsReleased) {
    open();
    EXPECT_EQ(number("PRAGMA user_version"), sqlite::known_schema_version());
    int expected = 0;
    for (const auto& step : sqlite::migrations()) {
        EXPECT_EQ(step.number, ++expected);  // numbered without gaps
    }
    for (const char* table : {"store", "image", "image_block_device", "image_launch_permission", "snapshot", "layer", "volume", "instance",
                              "port_forward", "tag", "operation", "operation_object", "download", "instance_ephemeral_disk"}) {
        EXPECT_EQ(number(std::string("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = '") + table + "'"), 1) << table;
    }
    EXPECT_EQ(number("SELECT count(*) FROM store"), 1);
    EXPECT_EQ(number("SELECT count(*) FROM pragma_foreign_key_check"), 0);
}

class SqliteMigration : public SqliteCatalogFile {
protected:
    std::vector<sqlite::Migration> steps(std::initializer_list<std::string_view> more) {
        auto all = sqlite::migrations();
        for (const auto sql_text : more) {
            all.push_back({all.back().number + 1, sql_text});
        }
        return all;
    }
    Result<void> migrate(const std::vector<sqlite::Migration>& steps) {
        sqlite::Connection connection(file_);
        return sqlite::migrate(connection, steps, ids_);
    }
    int known_ = sqlite::known_schema_version();
};

TEST_F(SqliteMigration, BringsAnOlderCatalogUpAndKeepsWhatIsInIt) {
    const std::string id = [&] {
        const auto catalog = open();
        EXPECT_TRUE(catalog->write([](CatalogSession& session) { return session.images().insert(full_image(1)); }));
        return catalog->store_id();
    }();
    const auto more = steps({"ALTER TABLE image ADD COLUMN mood TEXT NOT NULL DEFAULT 'fine'", "CREATE TABLE zone (id TEXT) STRICT"});
    ASSERT_TRUE(migrate(more));
    ASSERT_TRUE(migrate(more));  // and again: nothing to do
    EXPECT_EQ(number("PRAGMA user_version"), known_ + 2);
    EXPECT_EQ(number("SELECT count(*) FROM image WHERE mood = 'fine'"), 1);
    EXPECT_EQ(SQLite::Database(file_).execAndGet("SELECT id FROM store").getString(), id);
    EXPECT_EQ(open_fails().code, Code::store_too_new);  // for the program of before
}

/// A catalog as amivirt 0.1.0 left it, written without any code that knows of later columns.
TEST_F(SqliteMigration, From1OnReadsWhatWasThere) {
    std::ofstream(file_).close();
    ASSERT_TRUE(migrate({sqlite::migrations().front()}));
    ASSERT_EQ(number("PRAGMA user_version"), 1);
    const std::string id = "'snap-00000000000000001'";
    sql("INSERT INTO layer VALUES (1, 'layer-00000000000000001', NULL, 'sealed', 1073741824, 'abc', 1000)");
    sql("INSERT INTO layer VALUES (2, 'layer-00000000000000002', 'layer-00000000000000001', 'writable', 2147483648, '', 2000)");
    sql("INSERT INTO snapshot VALUES (1, " + id + ", '000000000000', 'layer-00000000000000001', NULL, 1, 'completed', 0, '', 1000)");
    sql("INSERT INTO volume VALUES (1, 'vol-00000000000000001', '000000000000', 'layer-00000000000000002', " + id +
        ", 2, 'gp3', NULL, NULL, 0, 'in-use', 2000, 'i-00000000000000001', '/dev/sda1', 1, 1, 2000)");
    sql("INSERT INTO image VALUES (1, 'ami-00000000000000001', '000000000000', 'tiny', '', 'available', '', 'x86_64', 'legacy-bios',"
        " 'linux', 'Tiny', 'tiny', '1', 'root', '/dev/sda1', 1000, '/tmp/tiny.qcow2')");
    sql("INSERT INTO image_block_device VALUES ('ami-00000000000000001', 0, '/dev/sda1', 'ebs', " + id +
        ", 1, 'gp3', NULL, NULL, 1, 0, NULL)");
    sql("INSERT INTO instance VALUES (1, 'i-00000000000000001', 'r-00000000000000001', '000000000000', 'ami-00000000000000001', 0, '', '',"
        " 't3.nano', 'running', '', '', 2000, NULL, 'x86_64', 'legacy-bios', 'tcg', '/dev/sda1', '52:54:00:00:00:01', 'stop', 0, x'')");
    sql("INSERT INTO port_forward VALUES ('i-00000000000000001', 0, '127.0.0.1', 22001, 22, 'tcp', 1)");
    sql("INSERT INTO port_forward VALUES ('i-00000000000000001', 1, '127.0.0.1', 8080, 80, 'tcp', 1)");
    sql("INSERT INTO tag VALUES ('i-00000000000000001', 'Name', 'web')");

    const auto catalog = open();
    ASSERT_NE(catalog, nullptr);
    const auto moment = [](int milliseconds) { return TimePoint(Duration(milliseconds)); };
    ASSERT_TRUE(catalog->read([&](CatalogSession& session) -> Result<void> {
        const auto layers = AMIVIRT_TRY(session.layers().list()).records;
        const auto volumes = AMIVIRT_TRY(session.volumes().list()).records;
        const auto images = AMIVIRT_TRY(session.images().list()).records;
        const auto instances = AMIVIRT_TRY(session.instances().list()).records;
        EXPECT_THAT(AMIVIRT_TRY(session.snapshots().list()).records, SizeIs(1));
        Layer base = plain_layer(1);
        base.state = LayerState::sealed;
        base.virtual_size = Bytes{1073741824};
        base.content_sha256 = "abc";
        base.created = moment(1000);
        Layer top = plain_layer(2);
        top.parent = base.id;
        top.state = LayerState::writable;
        top.virtual_size = Bytes{2147483648};
        top.created = moment(2000);
        EXPECT_EQ(layers, (std::vector{base, top}));  // neither encrypted, and no seal is made up

        Volume volume = plain_volume(1);
        volume.layer = top.id;
        volume.snapshot = nth_id<SnapshotId>(1);
        volume.size = GiB{2};
        volume.state = VolumeState::in_use;
        volume.created = moment(2000);
        volume.attachment = Attachment{nth_id<InstanceId>(1), "/dev/sda1", true, true, moment(2000)};
        EXPECT_EQ(volumes, std::vector{volume});

        EXPECT_THAT(images, SizeIs(1));
        EXPECT_EQ(images.at(0).root_device_type, RootDeviceType::ebs);
        EXPECT_EQ(images.at(0).source_location, "/tmp/tiny.qcow2");
        EXPECT_THAT(images.at(0).mapping, SizeIs(1));

        EXPECT_THAT(instances, SizeIs(1));
        EXPECT_EQ(instances.at(0).root_device_type, RootDeviceType::ebs);
        EXPECT_THAT(instances.at(0).ephemeral, IsEmpty());
        EXPECT_EQ(instances.at(0).mac_address, "52:54:00:00:00:01");
        EXPECT_THAT(instances.at(0).ports, testing::ElementsAre(PortForward{"127.0.0.1", 22001, 22, "tcp", true},
                                                                PortForward{"127.0.0.1", 8080, 80, "tcp", false}));
        EXPECT_EQ(instances.at(0).tags, (Tags{{"Name", "web"}}));
        return {};
    }));
    for (const char* index : {"image_by_name", "image_by_owner", "image_by_created", "image_by_source_image", "image_by_source_instance",
                              "image_block_device_by_snapshot", "image_launch_permission_by_grantee", "tag_by_key"}) {
        EXPECT_EQ(number(std::string("SELECT count(*) FROM sqlite_schema WHERE type = 'index' AND name = '") + index + "'"), 1) << index;
    }
    // What was there before the indexes were is found by them.
    ASSERT_TRUE(catalog->read([](CatalogSession& session) -> Result<void> {
        ImageSearch wanted;
        wanted.filters = {{"name", {"ti*"}}, {"block-device-mapping.snapshot-id", {nth_id<SnapshotId>(1).str()}}};
        EXPECT_THAT(AMIVIRT_TRY(session.index().images(wanted)).records, SizeIs(1));
        EXPECT_THAT(AMIVIRT_TRY(session.index().tagged("Name", "web")), SizeIs(1));
        return {};
    }));
    // And what it holds can be changed.
    ASSERT_TRUE(catalog->write([](CatalogSession& session) -> Result<void> {
        Layer layer = AMIVIRT_TRY(session.layers().find(nth_id<LayerId>(1))).value();
        layer.seal = Seal{Bytes{4096}, 5, ""};
        AMIVIRT_TRY(session.layers().update(layer));
        EXPECT_EQ(AMIVIRT_TRY(session.layers().find(layer.id)), layer);
        Instance instance = AMIVIRT_TRY(session.instances().find(nth_id<InstanceId>(1))).value();
        instance.ephemeral = {{"/dev/sdb", 0, GiB{4}}};
        AMIVIRT_TRY(session.instances().update(instance));
        EXPECT_EQ(AMIVIRT_TRY(session.instances().find(instance.id)), instance);
        return {};
    }));
    EXPECT_EQ(number("SELECT count(*) FROM pragma_foreign_key_check"), 0);
}

TEST_F(SqliteMigration, IsAllOrNothing) {
    open();
    EXPECT_THROW(static_cast<void>(migrate(steps({"CREATE TABLE zone (id TEXT) STRICT", "CREATE TABLE zone (id TEXT) STRICT"}))),
                 SQLite::Exception);
    EXPECT_EQ(number("PRAGMA user_version"), known_);
    EXPECT_EQ(number("SELECT count(*) FROM sqlite_schema WHERE name = 'zone'"), 0);
    EXPECT_NE(open(), nullptr);
}

// A full disk

/// Exit statuses of the child: 0 as promised, 77 this system does not let us mount.
int write_until_the_disk_is_full(const std::string& folder) {
    const uid_t user = ::geteuid();
    const gid_t group = ::getegid();
    if (user != 0) {
        if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
            return 77;
        }
        std::ofstream("/proc/self/setgroups") << "deny";
        std::ofstream("/proc/self/uid_map") << "0 " << user << " 1";
        std::ofstream("/proc/self/gid_map") << "0 " << group << " 1";
    } else if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
        return 77;
    }
    if (::mount("none", folder.c_str(), "tmpfs", 0, "size=1m") != 0) {
        return 77;
    }
    fakes::FakeIdSource ids;
    const auto catalog = open_sqlite_catalog(folder + "/catalog.db", ids);
    if (!catalog) {
        return 1;
    }
    std::uint64_t kept = 0;
    Result<void> written;
    for (std::uint64_t n = 1; n < 1000; ++n) {
        written = (*catalog)->write([&](CatalogSession& session) {
            Download large = full_download(n);
            large.validator = std::string(20000, 'v');
            return session.downloads().insert(large);
        });
        if (!written) {
            break;
        }
        kept = n;
    }
    // More than SQLite's cache holds: now the disk is full in the middle of the body, which takes no notice and goes on.
    const auto careless = (*catalog)->write([&](CatalogSession& session) -> Result<void> {
        for (std::uint64_t n = 5000; n < 5400; ++n) {
            Download large = full_download(n);
            large.validator = std::string(20000, 'v');
            static_cast<void>(session.downloads().insert(large));
        }
        return {};
    });
    if (careless || careless.error().code != Code::store_full) {
        return 6;
    }
    if (written || written.error().code != Code::store_full || kept < 3) {
        return 2;
    }
    if (written.error().message.find(folder) == std::string::npos) {
        return 3;
    }
    // What was acknowledged is there, and nothing else.
    std::size_t seen = 0;
    const auto read = (*catalog)->read([&](CatalogSession& session) -> Result<void> {
        seen = AMIVIRT_TRY(session.downloads().list()).records.size();
        return {};
    });
    if (!read || seen != kept) {
        return 4;
    }
    // With room again, all goes on.
    if (::mount("none", folder.c_str(), "tmpfs", MS_REMOUNT, "size=4m") != 0) {
        return 77;
    }
    const auto again = (*catalog)->write([&](CatalogSession& session) { return session.downloads().insert(full_download(2000)); });
    return again ? 0 : 5;
}

TEST_F(SqliteCatalogFile, AFullDiskIsSaidAndLosesNothing) {
    const int status = exit_status(spawn([&] { return write_until_the_disk_is_full(folder_.path()); }));
    if (status == 77) {
        GTEST_SKIP() << "a small file system cannot be mounted here";
    }
    EXPECT_EQ(status, 0);
}

}  // namespace

}  // namespace amivirt::contract
