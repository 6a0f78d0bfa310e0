// The contract of ports/known_words.hpp, on the fake and on a catalog's file.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <tuple>

#include "adapters/sqlite/catalog.hpp"
#include "adapters/sqlite/known_words.hpp"
#include "catalog_records.hpp"
#include "fakes/fake_catalog.hpp"
#include "fakes/fake_id_source.hpp"
#include "fakes/fake_known_words.hpp"
#include "temporary_folder.hpp"

namespace amivirt {

void PrintTo(const KnownWord& known, std::ostream* out) { *out << known.word << " (" << known.note << ")"; }

namespace contract {
namespace {

using fakes::nth_id;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

const AccountId k_asker = AccountId::local();
const AccountId k_stranger = *AccountId::parse("111122223333");
constexpr std::size_t k_many = 100;

struct Words {
    std::unique_ptr<Catalog> catalog;
    std::unique_ptr<KnownWords> words;
};

struct Fixture {
    TemporaryFolder folder;
    fakes::FakeIdSource ids;
    Words fake() {
        auto catalog = std::make_unique<fakes::FakeCatalog>();
        auto words = std::make_unique<fakes::FakeKnownWords>(*catalog);
        return {std::move(catalog), std::move(words)};
    }
    std::string file() const { return folder / "catalog.db"; }
    Words sqlite() { return {*open_sqlite_catalog(file(), ids), make_sqlite_known_words(file())}; }
};

class KnownWordsContract : public testing::TestWithParam<bool> {
protected:
    void write(const std::function<Result<void>(CatalogSession&)>& body) {
        const Result<void> written = made_.catalog->write(body);
        ASSERT_TRUE(written) << describe(written.error());
    }
    std::vector<KnownWord> words(WordKind kind, const std::string& prefix, std::size_t most = k_many, const AccountId& account = k_asker) {
        Result<std::vector<KnownWord>> found = made_.words->words(kind, account, prefix, most);
        EXPECT_TRUE(found) << describe(found.error());
        return found.value_or(std::vector<KnownWord>());
    }
    static Image image(std::uint64_t n, const std::string& name, const AccountId& owner = k_asker) {
        Image made = plain_image(n);
        made.name = name;
        made.owner = owner;
        made.state = ImageState::available;
        return made;
    }

    Fixture fixture_;
    Words made_ = GetParam() ? fixture_.sqlite() : fixture_.fake();
};

TEST_P(KnownWordsContract, AnEmptyCatalogHasNone) {
    for (const WordKind kind : {WordKind::image, WordKind::instance, WordKind::volume, WordKind::snapshot, WordKind::key_pair,
                                WordKind::retention_rule, WordKind::session, WordKind::binned_image, WordKind::binned_snapshot}) {
        EXPECT_THAT(words(kind, ""), IsEmpty());
    }
}

TEST_P(KnownWordsContract, ImagesGoByIdAndByName) {
    const Image debian = image(1, "debian-12");
    const Image upper = image(2, "Debian");
    const Image percent = image(3, "deb%_'");
    write([&](CatalogSession& session) -> Result<void> {
        AMIVIRT_TRY(session.images().insert(debian));
        AMIVIRT_TRY(session.images().insert(upper));
        return session.images().insert(percent);
    });
    EXPECT_THAT(words(WordKind::image, "deb"), ElementsAre(KnownWord{"deb%_'", percent.id.str()}, KnownWord{"debian-12", debian.id.str()}));
    EXPECT_THAT(words(WordKind::image, "deb%"), SizeIs(1));
    EXPECT_THAT(words(WordKind::image, debian.id.str()), ElementsAre(KnownWord{debian.id.str(), "debian-12"}));
    EXPECT_THAT(words(WordKind::image, ""), SizeIs(6));
    EXPECT_THAT(words(WordKind::image, "debian-123"), IsEmpty());
    EXPECT_THAT(words(WordKind::image, "", 2), SizeIs(2));
    EXPECT_THAT(words(WordKind::image, "", 0), IsEmpty());
}

TEST_P(KnownWordsContract, OnlyImagesThatTheAccountMayUse) {
    Image theirs = image(1, "theirs", k_stranger);
    Image shared = image(2, "shared", k_stranger);
    shared.permissions.accounts.insert(k_asker);
    Image open = image(3, "open", k_stranger);
    open.permissions.everyone = true;
    Image gone = image(4, "gone");
    gone.state = ImageState::deregistered;
    Image failed = image(5, "failed");
    failed.state = ImageState::failed;
    Image disabled = image(6, "disabled");
    disabled.state = ImageState::disabled;
    write([&](CatalogSession& session) -> Result<void> {
        for (const Image* each : {&theirs, &shared, &open, &gone, &failed, &disabled}) {
            AMIVIRT_TRY(session.images().insert(*each));
        }
        return {};
    });
    std::vector<std::string> names;
    for (const KnownWord& known : words(WordKind::image, "")) {
        if (!known.word.starts_with("ami-")) {
            names.push_back(known.word);
        }
    }
    EXPECT_THAT(names, ElementsAre("disabled", "open", "shared"));
    EXPECT_THAT(words(WordKind::image, "theirs", k_many, k_stranger), SizeIs(1));
}

TEST_P(KnownWordsContract, MachinesAndDisksGoByTheirNameTagToo) {
    Instance web = plain_instance(1);
    web.state = InstanceState::running;
    web.tags["Name"] = "web";
    web.mac_address = "02:00:00:00:00:01";
    Instance plain = plain_instance(2);
    plain.mac_address = "02:00:00:00:00:02";
    plain.state = InstanceState::stopped;
    Instance gone = plain_instance(3);
    gone.state = InstanceState::terminated;
    gone.terminated = gone.launched;
    gone.tags["Name"] = "web-old";
    Volume volume = plain_volume(1);
    volume.tags["Name"] = "data";
    Snapshot snapshot = plain_snapshot(1);
    Snapshot binned = plain_snapshot(2);
    binned.bin = BinStay{binned.created, binned.created + std::chrono::hours(24)};
    write([&](CatalogSession& session) -> Result<void> {
        AMIVIRT_TRY(session.layers().insert(plain_layer(1)));
        AMIVIRT_TRY(session.layers().insert(plain_layer(2)));
        for (const Instance* each : {&web, &plain, &gone}) {
            AMIVIRT_TRY(session.instances().insert(*each));
        }
        AMIVIRT_TRY(session.volumes().insert(volume));
        AMIVIRT_TRY(session.snapshots().insert(snapshot));
        return session.snapshots().insert(binned);
    });
    EXPECT_THAT(words(WordKind::instance, "w"), ElementsAre(KnownWord{"web", web.id.str()}));
    EXPECT_THAT(words(WordKind::instance, "i-"), ElementsAre(KnownWord{web.id.str(), "web"}, KnownWord{plain.id.str(), ""}));
    EXPECT_THAT(words(WordKind::volume, ""), ElementsAre(KnownWord{"data", volume.id.str()}, KnownWord{volume.id.str(), "data"}));
    EXPECT_THAT(words(WordKind::snapshot, ""), ElementsAre(KnownWord{snapshot.id.str(), ""}));
    EXPECT_THAT(words(WordKind::binned_snapshot, ""), ElementsAre(KnownWord{binned.id.str(), ""}));
    EXPECT_THAT(words(WordKind::binned_snapshot, "", k_many, k_stranger), IsEmpty());
    EXPECT_THAT(words(WordKind::instance, "", k_many, k_stranger), IsEmpty());
}

TEST_P(KnownWordsContract, SessionsOfWhatLives) {
    write([&](CatalogSession& session) -> Result<void> {
        std::uint64_t n = 0;
        for (const auto& [name, state, owner] : {std::tuple("job-2", InstanceState::running, k_asker),
                                                 {"job-1", InstanceState::stopped, k_asker},
                                                 {"job-2", InstanceState::pending, k_asker},
                                                 {"", InstanceState::running, k_asker},
                                                 {"job-over", InstanceState::terminated, k_asker},
                                                 {"job-theirs", InstanceState::running, k_stranger}}) {
            Instance instance = plain_instance(++n);
            instance.mac_address = "02:00:00:00:00:0" + std::to_string(n);
            instance.session = name;
            instance.state = state;
            instance.owner = owner;
            AMIVIRT_TRY(session.instances().insert(instance));
        }
        return {};
    });
    EXPECT_THAT(words(WordKind::session, ""), ElementsAre(KnownWord{"job-1", ""}, KnownWord{"job-2", ""}));
    EXPECT_THAT(words(WordKind::session, "job-2"), ElementsAre(KnownWord{"job-2", ""}));
}

TEST_P(KnownWordsContract, ImagesInTheBinAreApart) {
    Image living = image(1, "living");
    Image binned = image(2, "binned");
    binned.state = ImageState::deregistered;
    binned.bin = BinStay{binned.created, binned.created + std::chrono::hours(24)};
    Image theirs = image(3, "theirs", k_stranger);
    theirs.state = ImageState::deregistered;
    theirs.permissions.everyone = true;
    theirs.bin = binned.bin;
    write([&](CatalogSession& session) -> Result<void> {
        for (const Image* each : {&living, &binned, &theirs}) {
            AMIVIRT_TRY(session.images().insert(*each));
        }
        return {};
    });
    EXPECT_THAT(words(WordKind::binned_image, ""), ElementsAre(KnownWord{binned.id.str(), "binned"}, KnownWord{"binned", binned.id.str()}));
    EXPECT_THAT(words(WordKind::image, ""), SizeIs(2));
}

TEST_P(KnownWordsContract, KeysAndRules) {
    KeyPair mine = full_key_pair(1);
    mine.owner = k_asker;
    mine.name = "laptop";
    KeyPair theirs = full_key_pair(2);
    theirs.owner = k_stranger;
    const RetentionRule rule = full_retention_rule(1);
    write([&](CatalogSession& session) -> Result<void> {
        AMIVIRT_TRY(session.key_pairs().insert(mine));
        AMIVIRT_TRY(session.key_pairs().insert(theirs));
        return session.retention_rules().insert(rule);
    });
    EXPECT_THAT(words(WordKind::key_pair, ""), ElementsAre(KnownWord{"laptop", ""}));
    EXPECT_THAT(words(WordKind::retention_rule, "rule-"), ElementsAre(KnownWord{rule.id.str(), ""}));
}

TEST_P(KnownWordsContract, AWriterKeepsNobodyWaiting) {
    const Image tiny = image(1, "tiny");
    write([&](CatalogSession& session) { return session.images().insert(tiny); });
    write([&](CatalogSession& session) -> Result<void> {
        AMIVIRT_TRY(session.images().insert(image(2, "tidy")));
        const auto begun = std::chrono::steady_clock::now();
        EXPECT_THAT(words(WordKind::image, "ti"), ElementsAre(KnownWord{"tiny", tiny.id.str()}));
        EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(5)) << "a busy catalog is waited for for 30 s elsewhere";
        return {};
    });
}

INSTANTIATE_TEST_SUITE_P(Stores, KnownWordsContract, testing::Bool(),
                         [](const auto& is_real) { return is_real.param ? "sqlite" : "fake"; });

TEST(SqliteKnownWords, AnAbsentFileStaysAbsent) {
    Fixture fixture;
    const auto words = make_sqlite_known_words(fixture.file());
    const auto found = words->words(WordKind::image, k_asker, "", k_many);
    ASSERT_TRUE(found);
    EXPECT_THAT(*found, IsEmpty());
    EXPECT_FALSE(std::filesystem::exists(fixture.file()));
}

TEST(SqliteKnownWords, WhatIsNoCatalogIsAnErrorAndStaysAsItIs) {
    Fixture fixture;
    std::ofstream(fixture.file()) << "no database at all, but long enough to be looked at as if it were one, with a header of its own\n";
    const auto size = std::filesystem::file_size(fixture.file());
    EXPECT_EQ(make_sqlite_known_words(fixture.file())->words(WordKind::image, k_asker, "", k_many).error().code, Code::store_corrupt);
    EXPECT_EQ(std::filesystem::file_size(fixture.file()), size);
}

TEST(SqliteKnownWords, AReaderNeedsNoRightToWrite) {
    Fixture fixture;
    Words made = fixture.sqlite();
    const auto written = made.catalog->write([](CatalogSession& session) { return session.images().insert(plain_image(1)); });
    ASSERT_TRUE(written);
    ::chmod(fixture.file().c_str(), 0400);
    EXPECT_THAT(*made.words->words(WordKind::image, plain_image(1).owner, "ami-", k_many), SizeIs(1));
}

}  // namespace
}  // namespace contract
}  // namespace amivirt
