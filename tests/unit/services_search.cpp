// Searching images, tags and accounts, on fakes.
#include <set>

#include "services/document_tags.hpp"
#include "services_bench.hpp"

namespace amivirt::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// An ImageQuery of which any part may be left out.
struct Ask {
    std::vector<std::string> ids_or_names = {};
    std::vector<Filter> filters = {};
    std::vector<std::string> owners = {};
    std::vector<std::string> executable_by = {};
    bool include_disabled = false;
    bool include_deprecated = false;
    ImageOrder order = {};
    std::optional<std::size_t> limit = {};
    [[nodiscard]] ImageQuery query() const {
        return {ids_or_names, filters, owners, executable_by, {include_deprecated, include_disabled}, order, limit};
    }
};

class SearchTest : public Bench {
protected:
    /// An image straight in the catalog.
    Image put(
        const std::string& name, const AccountId& owner, const std::function<void(Image&)>& change = [](Image&) {}) {
        Image image;
        image.id = make_id<ImageId>(ids);
        image.owner = owner;
        image.name = name;
        image.state = ImageState::available;
        image.created = clock.now();
        change(image);
        EXPECT_TRUE(catalog.write([&](CatalogSession& session) { return session.images().insert(image); }));
        return image;
    }
    std::vector<std::string> found(const Ask& ask, const AccountId& caller) {
        const auto listing = images.describe(caller, ask.query());
        EXPECT_TRUE(listing) << describe(listing.error());
        std::vector<std::string> names;
        for (const auto& image : listing ? listing->records : std::vector<Image>()) {
            names.push_back(image.name);
        }
        return names;
    }
    Error refused(const Ask& ask) {
        const auto listing = images.describe(me, ask.query());
        EXPECT_FALSE(listing);
        return listing ? Error() : listing.error();
    }
    static void make_public(Image& image) { image.permissions.everyone = true; }
    const AccountId third = *AccountId::parse("444455556666");
};

TEST_F(SearchTest, OwnersAreSelfIdsAndAliases) {
    ASSERT_TRUE(accounts.create("amazon", other));
    put("mine", me);
    put("theirs", other, make_public);
    put("thirds", third, make_public);
    EXPECT_THAT(found({.owners = {"self"}}, me), ElementsAre("mine"));
    EXPECT_THAT(found({.owners = {"self"}}, other), ElementsAre("theirs"));
    EXPECT_THAT(found({.owners = {"amazon"}}, me), ElementsAre("theirs"));
    EXPECT_THAT(found({.owners = {"self", third.str()}}, me), ElementsAre("mine", "thirds"));
    EXPECT_THAT(found({.owners = {"aws-marketplace"}}, me), IsEmpty());
    const auto unknown = refused({.owners = {"amazom"}});
    EXPECT_EQ(unknown.code, Code::invalid_parameter_value);
    EXPECT_THAT(unknown.message, HasSubstr("\"amazom\""));
    EXPECT_EQ(unknown.hint, "did you mean \"amazon\"?");
}

TEST_F(SearchTest, AnOwnersAliasIsAFilter) {
    ASSERT_TRUE(accounts.create("amazon", other));
    put("mine", me);
    put("theirs", other, make_public);
    EXPECT_THAT(found({.filters = {{"owner-alias", {"ama*"}}}}, me), ElementsAre("theirs"));
    EXPECT_THAT(found({.filters = {{"owner-alias", {"nobody", "\\*"}}}}, me), IsEmpty());
    EXPECT_THAT(found({.filters = {{"owner-alias", {"amazon"}}, {"owner-id", {me.str()}}}}, me), IsEmpty());
}

TEST_F(SearchTest, ExecutableByLooksAtWhatWasGrantedByName) {
    put("mine", me);
    put("mine public", me, make_public);
    put("mine for third", me, [&](Image& image) { image.permissions.accounts = {third}; });
    put("theirs for me", other, [&](Image& image) { image.permissions.accounts = {me, third}; });
    put("theirs public", other, make_public);
    put("hidden", other);
    EXPECT_THAT(found({.executable_by = {"self"}}, me), ElementsAre("theirs for me"));
    EXPECT_THAT(found({.executable_by = {me.str()}}, me), ElementsAre("theirs for me"));
    EXPECT_THAT(found({.executable_by = {"all"}}, me), ElementsAre("mine public", "theirs public"));
    EXPECT_THAT(found({.executable_by = {"all", "self"}}, me), ElementsAre("mine public", "theirs for me", "theirs public"));
    // Whom others share their images with is not for me to know.
    EXPECT_THAT(found({.executable_by = {third.str()}}, me), ElementsAre("mine for third"));
    EXPECT_EQ(refused({.executable_by = {"nobody-known"}}).code, Code::invalid_parameter_value);
}

TEST_F(SearchTest, DisabledAndOthersDeprecatedAreHiddenUnlessAskedForOrNamed) {
    put("current", other, make_public);
    put("mine disabled", me, [](Image& image) { image.state = ImageState::disabled; });
    put("mine deprecated", me, [&](Image& image) { image.deprecated = clock.now(); });
    const Image theirs = put("deprecated", other, [&](Image& image) {
        make_public(image);
        image.deprecated = clock.now() + std::chrono::minutes(1);
    });
    EXPECT_THAT(found({}, me), ElementsAre("current", "mine deprecated", "deprecated"));
    clock.advance(std::chrono::minutes(1));
    EXPECT_THAT(found({}, me), ElementsAre("current", "mine deprecated"));
    EXPECT_THAT(found({.include_deprecated = true}, me), ElementsAre("current", "mine deprecated", "deprecated"));
    EXPECT_THAT(found({.include_disabled = true}, me), ElementsAre("current", "mine disabled", "mine deprecated"));
    EXPECT_THAT(found({.ids_or_names = {"mine disabled", theirs.id.str()}}, me), ElementsAre("mine disabled", "deprecated"));
    EXPECT_EQ(refused({.ids_or_names = {"deprecated"}}).code, Code::invalid_ami_id_not_found);
    EXPECT_THAT(found({.include_disabled = true, .include_deprecated = true}, other), ElementsAre("current", "deprecated"));
}

TEST_F(SearchTest, NewestOfAName) {
    for (const char* name : {"web-1", "web-2", "db-1"}) {
        put(name, me);
        clock.advance(std::chrono::seconds(1));
    }
    EXPECT_THAT(found({.filters = {{"name", {"web-*"}}}, .order = *parse_image_order("-creation-date"), .limit = 1}, me),
                ElementsAre("web-2"));
    EXPECT_THAT(found({.order = *parse_image_order("name")}, me), ElementsAre("db-1", "web-1", "web-2"));
    EXPECT_THAT(found({.ids_or_names = {"web-1", "db-1"}, .order = *parse_image_order("name"), .limit = 1}, me), ElementsAre("db-1"));
}

TEST_F(SearchTest, EqualOnesStandInOrderOfCreationOrItsReverse) {
    put("b", me);
    put("a", me);
    EXPECT_THAT(found({.order = *parse_image_order("creation-date")}, me), ElementsAre("b", "a"));
    EXPECT_THAT(found({.order = *parse_image_order("-creation-date")}, me), ElementsAre("a", "b"));
}

TEST_F(SearchTest, AnUnknownFieldToSortBySuggests) {
    const auto order = parse_image_order("-creationdate");
    ASSERT_FALSE(order);
    EXPECT_EQ(order.error().code, Code::invalid_parameter_value);
    EXPECT_EQ(order.error().hint, "Did you mean \"creation-date\"?");
    EXPECT_FALSE(parse_image_order(""));
    EXPECT_FALSE(parse_image_order("-"));
    EXPECT_FALSE(parse_image_order("--name"));
}

TEST_F(SearchTest, NotFoundSuggestsANameOneMaySee) {
    put("debian-12", me);
    put("debian-13", other);
    const auto mine = images.resolve(me, "debain-12");
    ASSERT_FALSE(mine);
    EXPECT_EQ(mine.error().code, Code::invalid_ami_id_not_found);
    EXPECT_EQ(mine.error().hint, "did you mean \"debian-12\"?");
    const auto hidden = images.resolve(third, "debian-13");
    ASSERT_FALSE(hidden);
    EXPECT_THAT(hidden.error().hint, HasSubstr("image list"));
    EXPECT_EQ(refused({.ids_or_names = {"debian-12", "debian-31"}}).code, Code::invalid_ami_id_not_found);
}

TEST_F(SearchTest, ASnapshotIsKeptByTheImagesThatNameIt) {
    const auto image = import("tiny");
    const auto snapshot = rows(&CatalogSession::snapshots).front().id;
    const auto removed = snapshots.remove(me, snapshot.str());
    ASSERT_FALSE(removed);
    EXPECT_EQ(removed.error().code, Code::invalid_snapshot_in_use);
    EXPECT_THAT(removed.error().message, HasSubstr(image.id.str()));
    ASSERT_TRUE(images.deregister(me, "tiny", DeleteSnapshots::no));
    EXPECT_TRUE(snapshots.remove(me, snapshot.str()));
    expect_clean();
}

TEST_F(SearchTest, ASharedSnapshotOutlivesOneOfItsImages) {
    const auto image = import("tiny");
    put("copy", me, [&](Image& copy) { copy.mapping = image.mapping; });
    EXPECT_THAT(images.deregister(me, "tiny", DeleteSnapshots::yes).value().snapshots, IsEmpty());
    EXPECT_THAT(images.deregister(me, "copy", DeleteSnapshots::yes).value().snapshots, SizeIs(1));
    expect_clean();
}

class TaggingTest : public SearchTest {
protected:
    Tags tags_of(const std::string& word) {
        const auto resource = tagging.resolve(me, word);
        EXPECT_TRUE(resource) << describe(resource.error());
        return resource ? resource->tags : Tags();
    }
    Error refused(const std::vector<std::string>& resources, const Tags& tags, const AccountId& caller = AccountId::local()) {
        const auto added = tagging.add(caller, resources, tags);
        EXPECT_FALSE(added);
        return added ? Error() : added.error();
    }
};

TEST_F(TaggingTest, EveryKindOfResourceTakesTags) {
    import("tiny");
    const auto instance = launch("tiny").front();
    const auto volume = make_volume();
    const auto snapshot = take({volume.id})->front();
    const auto pair = key_pairs.create(me, "ci", KeyType::ed25519, {});
    ASSERT_TRUE(pair) << describe(pair.error());
    std::vector<std::string> all{"tiny", instance.id.str(), volume.id.str(), snapshot.id.str(), pair->pair.id.str()};
    for (const auto& kind : tagged_kinds()) {
        const std::string id = std::string(kind.prefix) + "0123456789abcdef0";
        const Document document{document_key(std::string(kind.kind), id), std::string(kind.kind), me.str(), R"({"kept": 1})", clock.now()};
        ASSERT_TRUE(catalog.write([&](CatalogSession& session) { return session.documents().insert(document); }));
        all.push_back(id);
    }
    constexpr std::size_t kinds = 15;  // of ResourceType
    ASSERT_EQ(all.size(), kinds) << "a kind is not tried";
    const auto added = tagging.add(me, all, {{"stage", "prod"}, {"Name", "web"}});
    ASSERT_TRUE(added) << describe(added.error());
    EXPECT_THAT(*added, SizeIs(kinds));
    std::set<ResourceType> seen;
    for (const auto& resource : *added) {
        seen.insert(resource.type);
        EXPECT_EQ(resource.tags.at("stage"), "prod") << resource.id;
    }
    EXPECT_THAT(seen, SizeIs(kinds)) << "each of its own type";
    for (const auto& document : rows(&CatalogSession::documents)) {
        if (tagged_kind_of(document.key.substr(document.key.find('/') + 1)) != nullptr) {
            EXPECT_THAT(document.body, HasSubstr(R"("kept":1)")) << document.key;
        }
    }
    ASSERT_TRUE(tagging.add(me, all, {{"stage", "test"}}));
    for (const auto& resource : all) {
        EXPECT_EQ(tags_of(resource), (Tags{{"Name", "web"}, {"stage", "test"}})) << resource;
    }
    EXPECT_EQ(rows(&CatalogSession::instances).front().tags.at("stage"), "test");
    EXPECT_EQ(instances.resolve(me, "web")->id, instance.id);

    ASSERT_TRUE(tagging.remove(me, all, TagsToRemove{{"stage", "prod"}, {"never", std::nullopt}, {"Name", "web"}}));
    EXPECT_EQ(tags_of("tiny"), (Tags{{"stage", "test"}}));
    ASSERT_TRUE(tagging.remove(me, {volume.id.str()}, TagsToRemove{{"stage", std::nullopt}}));
    EXPECT_EQ(tags_of(volume.id.str()), Tags());
    ASSERT_TRUE(tagging.add(me, {"tiny"}, {{"a", "1"}, {"b", ""}}));
    ASSERT_TRUE(tagging.remove(me, {"tiny"}, TagsToRemove{{"a", ""}, {"b", ""}}));
    EXPECT_EQ(tags_of("tiny"), (Tags{{"a", "1"}, {"stage", "test"}}));
    ASSERT_TRUE(tagging.remove(me, {"tiny"}, std::nullopt));
    EXPECT_EQ(tags_of("tiny"), Tags());
    expect_clean();
}

TEST_F(TaggingTest, ALaunchTagsItsVolumes) {
    import("tiny");
    RunRequest request;
    request.image = "tiny";
    request.type = "t3.nano";
    request.tags = {{"of", "instance"}};
    request.volume_tags = {{"of", "volume"}};
    request.client_token = "once";
    ASSERT_TRUE(instances.run(me, request, progress));
    EXPECT_EQ(rows(&CatalogSession::instances).front().tags, (Tags{{"of", "instance"}}));
    EXPECT_EQ(rows(&CatalogSession::volumes).front().tags, (Tags{{"of", "volume"}}));
    EXPECT_TRUE(instances.run(me, request, progress));
    request.volume_tags = {{"of", "another"}};
    EXPECT_EQ(instances.run(me, request, progress).error().code, Code::idempotent_parameter_mismatch);
    request.client_token.clear();
    request.volume_tags = {{"aws:of", ""}};
    EXPECT_EQ(instances.run(me, request, progress).error().code, Code::invalid_parameter_value);
}

TEST_F(TaggingTest, LimitsAndReservedKeys) {
    const auto image = put("tiny", me);
    Tags fifty;
    for (int i = 0; i < 50; ++i) {
        fifty[fmt::format("key{}", i)] = "";
    }
    ASSERT_TRUE(tagging.add(me, {"tiny"}, fifty));
    const auto full = refused({"tiny"}, {{"one more", ""}});
    EXPECT_EQ(full.code, Code::tag_limit_exceeded);
    EXPECT_THAT(full.context, ElementsAre(HasSubstr(image.id.str())));
    ASSERT_TRUE(tagging.add(me, {"tiny"}, {{"key7", "changed"}}));  // a key that is there needs no room
    EXPECT_EQ(refused({"tiny"}, {{"aws:x", ""}}).code, Code::invalid_parameter_value);
    EXPECT_EQ(refused({"tiny"}, {{std::string(128, 'k'), ""}}).code, Code::invalid_parameter_value);
    EXPECT_EQ(refused({"tiny"}, {{"k", std::string(256, 'v')}}).code, Code::invalid_parameter_value);
    EXPECT_THAT(tags_of("tiny"), SizeIs(50));
}

TEST_F(TaggingTest, AllOrNothing) {
    put("one", me);
    put("two", me, [](Image& image) {
        for (int i = 0; i < 50; ++i) {
            image.tags[fmt::format("key{}", i)] = "";
        }
    });
    EXPECT_EQ(refused({"one", "two"}, {{"a", ""}}).code, Code::tag_limit_exceeded);
    EXPECT_EQ(refused({"one", "three"}, {{"a", ""}}).code, Code::invalid_id);
    EXPECT_EQ(tags_of("one"), Tags());
    catalog.script().fail("commit", Error(Code::store_full, "full"));
    EXPECT_EQ(refused({"one"}, {{"a", ""}}).code, Code::store_full);
    EXPECT_EQ(tags_of("one"), Tags());
}

TEST_F(TaggingTest, OnlyTheOwnerTags) {
    const auto shared = put("shared", other, make_public);
    const auto hidden = put("hidden", other);
    for (const auto& word : {shared.id.str(), shared.name}) {
        EXPECT_EQ(refused({word}, {{"a", ""}}).code, Code::auth_failure) << word;
    }
    EXPECT_EQ(refused({hidden.id.str()}, {{"a", ""}}).code, Code::invalid_ami_id_not_found);
    EXPECT_EQ(refused({hidden.name}, {{"a", ""}}).code, Code::invalid_id);
    const auto volume = make_volume();
    EXPECT_EQ(refused({volume.id.str()}, {{"a", ""}}, other).code, Code::invalid_volume_not_found);
    // One's own goes before another's of the same name.
    put("shared", me);
    EXPECT_TRUE(tagging.add(me, {"shared"}, {{"a", ""}}));
}

TEST_F(TaggingTest, NamesMustBeUnambiguousAmongAllKinds) {
    import("web");
    const auto instance = launch("web").front();
    ASSERT_TRUE(tagging.add(me, {instance.id.str()}, {{"Name", "web"}}));
    const auto both = refused({"web"}, {{"a", ""}});
    EXPECT_EQ(both.code, Code::invalid_parameter_value);
    EXPECT_THAT(both.message, HasSubstr(instance.id.str()));
    EXPECT_EQ(both.hint, "use the id");
    ASSERT_TRUE(instances.terminate(me, instance.id.str()));
    EXPECT_TRUE(tagging.add(me, {"web"}, {{"a", ""}}));  // a terminated instance's name is free
    EXPECT_EQ(tagging.resolve(me, "weB").error().hint, "did you mean \"web\"?");
}

TEST_F(TaggingTest, IdsOfWhatIsNotThereOrHasNoTags) {
    EXPECT_EQ(refused({"ami-00000000000000099"}, {{"a", ""}}).code, Code::invalid_ami_id_not_found);
    EXPECT_EQ(refused({"i-00000000000000099"}, {{"a", ""}}).code, Code::invalid_instance_id_not_found);
    EXPECT_EQ(refused({"snap-00000000000000099"}, {{"a", ""}}).code, Code::invalid_snapshot_not_found);
    EXPECT_EQ(refused({"vol-00000000000000099"}, {{"a", ""}}).code, Code::invalid_volume_not_found);
    EXPECT_EQ(refused({"vol-9"}, {{"a", ""}}).code, Code::invalid_volume_id_malformed);
    EXPECT_EQ(refused({"layer-00000000000000001"}, {{"a", ""}}).code, Code::invalid_id);
    const auto gone = put("gone", me, [](Image& image) { image.state = ImageState::deregistered; });
    EXPECT_EQ(refused({gone.id.str()}, {{"a", ""}}).code, Code::invalid_ami_id_not_found);
}

TEST_F(TaggingTest, WaitsForAnOperationAndThenSaysBusy) {
    const auto image = put("tiny", me);
    auto operation = operations.begin(OperationKind::copy_image, {image.id.str()}, Duration{0},
                                      [](CatalogSession&, Operation&) -> Result<void> { return {}; });
    ASSERT_TRUE(operation);
    EXPECT_EQ(refused({"tiny"}, {{"a", ""}}).code, Code::busy);
    ASSERT_TRUE((*operation)->finish([](CatalogSession&) -> Result<void> { return {}; }));
    EXPECT_TRUE(tagging.add(me, {"tiny"}, {{"a", ""}}));
    expect_clean();
}

TEST_F(TaggingTest, DescribesByEveryFilter) {
    const auto image = put("tiny", me, [](Image& i) { i.tags = {{"stage", "prod"}, {"team", "web"}}; });
    put("theirs", other, [](Image& i) {
        make_public(i);
        i.tags = {{"stage", "theirs"}};
    });
    const auto volume = make_volume();
    ASSERT_TRUE(tagging.add(me, {volume.id.str()}, {{"stage", "test"}}));
    const auto with = [&](const std::vector<Filter>& filters) {
        std::vector<std::string> shown;
        const auto described = tagging.describe(me, filters);
        if (!described) {
            return std::vector{describe(described.error())};
        }
        for (const auto& tag : described->records) {
            shown.push_back(fmt::format("{} {}={}", to_string(tag.type), tag.key, tag.value));
        }
        return shown;
    };
    EXPECT_THAT(with({}), ElementsAre("image stage=prod", "image team=web", "volume stage=test"));
    EXPECT_THAT(with({{"key", {"sta*"}}}), ElementsAre("image stage=prod", "volume stage=test"));
    EXPECT_THAT(with({{"value", {"web", "test"}}}), ElementsAre("image team=web", "volume stage=test"));
    EXPECT_THAT(with({{"resource-type", {"image"}}}), SizeIs(2));
    EXPECT_THAT(with({{"resource-id", {volume.id.str()}}}), SizeIs(1));
    EXPECT_THAT(with({{"resource-id", {image.id.str()}}, {"tag:stage", {"p*"}}}), ElementsAre("image stage=prod"));
    const auto unknown = tagging.describe(me, {{"resourcetype", {"image"}}});
    ASSERT_FALSE(unknown);
    EXPECT_THAT(unknown.error().hint, HasSubstr("resource-type"));
}

using AccountsTest = SearchTest;

TEST_F(AccountsTest, TheLocalOneIsAlwaysThere) {
    EXPECT_EQ(accounts.list().value(), (std::vector{Account{me, ""}}));
    ASSERT_TRUE(accounts.create("build", other));
    EXPECT_EQ(accounts.list().value(), (std::vector{Account{me, ""}, Account{other, "build"}}));
    ASSERT_TRUE(accounts.create("home", me));
    EXPECT_EQ(accounts.list().value(), (std::vector{Account{other, "build"}, Account{me, "home"}}));
}

TEST_F(AccountsTest, FreshIdsAndKeysAreWellFormed) {
    const auto made = accounts.create("", std::nullopt);
    ASSERT_TRUE(made);
    EXPECT_TRUE(AccountId::parse(made->account.id.str()));
    EXPECT_NE(made->account.id, me);
    EXPECT_EQ(made->key.account, made->account.id);
    EXPECT_THAT(made->key.id, ::testing::MatchesRegex("AKIA[A-Z2-7]{16}"));
    EXPECT_THAT(made->key.secret, ::testing::MatchesRegex("[A-Za-z0-9+/]{40}"));
    EXPECT_THAT(accounts.keys().value(), ElementsAre(made->key));
    EXPECT_NE(accounts.create("", std::nullopt)->key.secret, made->key.secret);
}

TEST_F(AccountsTest, AliasesAreChecked) {
    for (const char* bad : {"ab", "Build", "a_b", "-abc", "abc-", "a--b", "111122223333", "self", "all", "b\xc3\xa4r"}) {
        const auto made = accounts.create(bad, std::nullopt);
        ASSERT_FALSE(made) << bad;
        EXPECT_EQ(made.error().code, Code::invalid_parameter_value);
        EXPECT_THAT(made.error().message, HasSubstr(bad));
    }
    EXPECT_FALSE(accounts.create(std::string(64, 'a'), std::nullopt));
    EXPECT_TRUE(accounts.create(std::string(63, 'a'), std::nullopt));
    EXPECT_TRUE(accounts.create("0-a", std::nullopt));
}

TEST_F(AccountsTest, ResolvesIdsKnownOrNotAndAliases) {
    ASSERT_TRUE(accounts.create("build", other));
    EXPECT_EQ(accounts.resolve("build").value(), other);
    EXPECT_EQ(accounts.resolve(third.str()).value(), third);
    const auto unknown = accounts.resolve("biuld");
    ASSERT_FALSE(unknown);
    EXPECT_EQ(unknown.error().code, Code::invalid_parameter_value);
    EXPECT_EQ(unknown.error().hint, "did you mean \"build\"?");
    EXPECT_FALSE(accounts.resolve(""));  // an account without an alias is not called ""
}

}  // namespace
}  // namespace amivirt::testing
