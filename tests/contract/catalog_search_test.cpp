// The index of ports/catalog.hpp: whatever is asked, it answers what going through the whole listing would.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <random>

#include "amivirt/domain/image_reason.hpp"
#include "catalog_records.hpp"
#include "catalog_stores.hpp"
#include "fakes/fake_id_source.hpp"

namespace amivirt::contract {

namespace {

using fakes::nth_id;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

const AccountId k_me = AccountId::local();
const AccountId k_other = *AccountId::parse("111122223333");
const AccountId k_third = *AccountId::parse("444455556666");

/// Images and searches as chance has them; a seed gives the same ones each time.
class Chance {
public:
    explicit Chance(unsigned seed) : engine_(seed) {}
    std::size_t below(std::size_t count) { return std::uniform_int_distribution<std::size_t>(0, count - 1)(engine_); }
    bool once_in(std::size_t count) { return below(count) == 0; }
    template <class Range>
    auto one_of(const Range& range) {
        return *(std::begin(range) + static_cast<std::ptrdiff_t>(below(std::size(range))));
    }

    std::string text() {
        static const std::array<std::string, 16> pieces{
            "a", "A", "b", "-", "*", "?", "\\", "[a]", "'x'", "%", "_", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80", " ", "1"};
        std::string text;
        for (std::size_t i = below(5); i > 0; --i) {
            text += one_of(pieces);
        }
        return text;
    }

    /// Most are alike, so that some conditions are met by nearly all, and others by a few.
    Image image(std::uint64_t n) {
        Image image = plain_image(n);
        image.owner = once_in(8) ? one_of(std::array{k_other, k_third}) : k_me;
        image.name = fmt::format("{}-{}", one_of(std::array{"web", "debian", "Web", "a.b"}), n);
        image.description = once_in(3) ? text() : "the usual";
        image.state = once_in(10)
                          ? one_of(std::array{ImageState::pending, ImageState::disabled, ImageState::deregistered, ImageState::failed})
                          : ImageState::available;
        image.state_reason = once_in(20) ? text() : "";
        image.architecture = once_in(10) ? Architecture::arm64 : Architecture::x86_64;
        image.platform = once_in(4) ? "windows" : (once_in(4) ? "" : "linux");
        image.root_device_name = once_in(5) ? "/dev/xvda" : "/dev/sda1";
        image.root_device_type = once_in(30) ? RootDeviceType::instance_store : RootDeviceType::ebs;
        EbsDevice root;
        root.snapshot = nth_id<SnapshotId>(once_in(50) ? 7 : n);
        root.size = GiB{once_in(40) ? 77U : 8U};
        if (once_in(2)) {
            root.type = once_in(20) ? VolumeType::io2 : VolumeType::gp3;
        }
        if (once_in(2)) {
            root.delete_on_termination = once_in(2);
        }
        if (once_in(3)) {
            root.encrypted = once_in(10);
        }
        image.mapping = {{once_in(3) ? image.root_device_name.substr(5) : image.root_device_name, root}};
        if (once_in(10)) {
            image.mapping.push_back({"/dev/sdb", EphemeralDevice{1}});
        }
        if (once_in(10)) {
            image.mapping.push_back({"/dev/sdc", NoDevice{}});
        }
        if (once_in(6)) {
            image.permissions.everyone = once_in(2);
            image.permissions.accounts = {one_of(std::array{k_me, k_other, k_third})};
        }
        image.created = TimePoint(Duration(1795325400000 + static_cast<std::int64_t>(below(40)) * 86'400'000 + (once_in(2) ? 123 : 0)));
        for (std::size_t i = below(3); i > 0; --i) {
            image.tags[one_of(std::array<std::string, 4>{"stage", "a\xc3\xa4*", "Name", "x"})] = text();
        }
        if (once_in(5)) {
            image.source_image = nth_id<ImageId>(below(9) + 1);
            image.source_instance = nth_id<InstanceId>(below(9) + 1);
        }
        if (once_in(8)) {
            image.deprecated = image.created;
        }
        return image;
    }

    /// Something that `value` may match: as it is, with wildcards and escapes, cut, or something else.
    std::string pattern(const std::string& value) {
        std::string pattern;
        if (once_in(6)) {
            return text();
        }
        const std::size_t style = below(4);
        for (const char c : value) {
            const bool special = c == '*' || c == '?' || c == '\\';
            if (style > 0 && once_in(7)) {
                pattern += one_of(std::array{"*", "?", "\\", ""});
            } else if (special && !once_in(3)) {
                pattern += std::string("\\") + c;
            } else {
                pattern += c;
            }
            if (style == 2 && once_in(4)) {
                return pattern + "*";
            }
        }
        return style == 3 ? "*" + pattern : pattern;
    }

    Filter filter(const Image& model) {
        static const std::array<std::string, 29> names{"architecture",
                                                       "block-device-mapping.delete-on-termination",
                                                       "block-device-mapping.device-name",
                                                       "block-device-mapping.encrypted",
                                                       "block-device-mapping.snapshot-id",
                                                       "block-device-mapping.volume-size",
                                                       "block-device-mapping.volume-type",
                                                       "creation-date",
                                                       "description",
                                                       "hypervisor",
                                                       "image-id",
                                                       "image-type",
                                                       "is-public",
                                                       "name",
                                                       "owner-alias",
                                                       "owner-id",
                                                       "platform",
                                                       "root-device-name",
                                                       "root-device-type",
                                                       "source-image-id",
                                                       "source-instance-id",
                                                       "state",
                                                       "state-reason-code",
                                                       "tag-key",
                                                       "tag:Name",
                                                       "tag:a\xc3\xa4*",
                                                       "tag:nowhere",
                                                       "tag:stage",
                                                       "virtualization-type"};
        Filter filter{one_of(names), {}};
        const auto* root = std::get_if<EbsDevice>(&model.mapping.front().what);
        const std::vector<std::string> values{std::string(to_string(model.architecture)),
                                              "true",
                                              "false",
                                              "gp3",
                                              "8",
                                              "77",
                                              "xen",
                                              "hvm",
                                              "machine",
                                              "stage",
                                              "a\xc3\xa4*",
                                              "",
                                              root->snapshot->str(),
                                              model.id.str(),
                                              model.name,
                                              model.description,
                                              model.owner.str(),
                                              model.platform,
                                              model.root_device_name,
                                              std::string(to_string(model.state)),
                                              to_iso8601(model.created)};
        const auto of = [&](std::string_view name) -> std::string {
            if (name == "creation-date") {
                return to_iso8601(model.created);
            }
            if (name == "name") {
                return model.name;
            }
            if (name == "description") {
                return model.description;
            }
            if (name == "image-id") {
                return model.id.str();
            }
            if (name == "state-reason-code") {
                return std::string(state_reason_code(model));
            }
            if (name.starts_with("tag:") && !model.tags.empty()) {
                return model.tags.begin()->second;
            }
            if (name.ends_with("device-name")) {
                return model.mapping.front().device_name;
            }
            return one_of(values);
        };
        for (std::size_t i = below(10) == 0 ? 0 : 1 + below(3); i > 0; --i) {
            filter.values.push_back(pattern(of(filter.name)));
        }
        return filter;
    }

    ImageSearch search(const std::vector<Image>& images) {
        ImageSearch search;
        const auto any = [&]() -> const Image& { return images[below(images.size())]; };
        if (!once_in(5)) {
            search.seen_by = one_of(std::array{k_me, k_me, k_other, k_third});
        }
        for (std::size_t i = once_in(6) ? 1 + below(3) : 0; i > 0; --i) {
            search.ids_or_names.push_back(once_in(2) ? any().id.str() : any().name);
        }
        if (once_in(4)) {
            search.owners.emplace();
            for (std::size_t i = below(3); i > 0; --i) {
                search.owners->push_back(one_of(std::array{k_me, k_other, k_third}));
            }
        }
        if (once_in(5)) {
            search.executable_by.emplace();
            search.executable_by->everyone = once_in(2);
            for (std::size_t i = below(3); i > 0; --i) {
                search.executable_by->accounts.insert(one_of(std::array{k_me, k_other, k_third}));
            }
        }
        for (std::size_t i = below(4); i > 0; --i) {
            search.filters.push_back(filter(any()));
        }
        search.hide_disabled = once_in(3);
        if (once_in(3)) {
            search.hide_deprecated = any().created;
        }
        search.order.field = one_of(std::array{ImageField::creation, ImageField::creation_date, ImageField::name, ImageField::image_id,
                                               ImageField::owner_id, ImageField::architecture, ImageField::state});
        search.order.descending = once_in(2);
        if (once_in(2)) {
            search.limit = once_in(5) ? below(3000) : below(5);
        }
        return search;
    }

private:
    std::mt19937 engine_;
};

std::string in_words(const ImageSearch& search) {
    std::string words =
        fmt::format("seen by {}, {} owners, executable by {}, names [{}], order {}{}, limit {}",
                    search.seen_by ? search.seen_by->str() : "all", search.owners ? std::to_string(search.owners->size()) : "any",
                    search.executable_by ? "some" : "any", fmt::join(search.ids_or_names, ", "), search.order.descending ? "-" : "",
                    to_string(search.order.field), search.limit ? std::to_string(*search.limit) : "none");
    for (const auto& filter : search.filters) {
        words += fmt::format("\n  {} = [{}]", filter.name, fmt::join(filter.values, "] ["));
    }
    return words;
}

std::vector<std::string> ids_of(const std::vector<Image>& images) {
    std::vector<std::string> ids;
    for (const auto& image : images) {
        ids.push_back(image.id.str());
    }
    return ids;
}

class CatalogIndexContract : public testing::TestWithParam<CatalogMaker> {
protected:
    template <class Answer>
    Answer ask(const std::function<Result<Answer>(CatalogSession&)>& question) {
        Answer answer;
        const auto done = store_->catalog().read([&](CatalogSession& session) -> Result<void> {
            answer = AMIVIRT_TRY(question(session));
            return {};
        });
        EXPECT_TRUE(done) << done.error().message;
        return answer;
    }
    Listing<Image> search(const ImageSearch& search) {
        return ask<Listing<Image>>([&](CatalogSession& session) { return session.index().images(search); });
    }
    void put(const Catalog::Body& body) {
        const auto done = store_->catalog().write(body);
        ASSERT_TRUE(done) << done.error().message;
    }
    void put(const std::vector<Image>& images) {
        put([&](CatalogSession& session) -> Result<void> {
            for (const auto& image : images) {
                AMIVIRT_TRY(session.images().insert(image));
            }
            return {};
        });
    }

    /// `count` images, `searches` searches.
    void compare(unsigned seed, std::size_t count, std::size_t searches) {
        Chance chance(seed);
        std::vector<Image> images;
        for (std::size_t n = 1; n <= count; ++n) {
            images.push_back(chance.image(n));
        }
        put(images);
        std::size_t answers = 0;
        for (std::size_t i = 0; i < searches && !HasFailure(); ++i) {
            const ImageSearch wanted = chance.search(images);
            std::vector<Image> expected;
            std::copy_if(images.begin(), images.end(), std::back_inserter(expected),
                         [&](const Image& image) { return matches(image, wanted); });
            arrange(expected, wanted);
            const Listing<Image> found = search(wanted);
            EXPECT_EQ(ids_of(found.records), ids_of(expected)) << in_words(wanted);
            EXPECT_EQ(found.records, expected) << in_words(wanted);
            EXPECT_THAT(found.unreadable, IsEmpty());
            answers += expected.empty() ? 0 : 1;
        }
        EXPECT_GT(answers, searches / 5) << "nearly all searches found nothing: they say little";
    }

    std::unique_ptr<CatalogStore> store_ = GetParam().make();
};

INSTANTIATE_TEST_SUITE_P(All, CatalogIndexContract, testing::Values(fake_catalog_store(), sqlite_catalog_store()),
                         [](const auto& maker) { return maker.param.name; });

TEST_P(CatalogIndexContract, FindsAmongFewWhatAListingWould) { compare(1, 60, 1500); }

// More than the index names one by one.
TEST_P(CatalogIndexContract, FindsAmongManyWhatAListingWould) { compare(2, 3000, GetParam().name == "fake" ? 40 : 250); }

TEST_P(CatalogIndexContract, FindsNothingInAnEmptyCatalog) {
    EXPECT_THAT(search({}).records, IsEmpty());
    ImageSearch all_of_it;
    all_of_it.seen_by = k_me;
    all_of_it.filters = {{"tag:x", {"*"}}, {"name", {"a*", "b"}}};
    all_of_it.limit = 1;
    EXPECT_THAT(search(all_of_it).records, IsEmpty());
}

TEST_P(CatalogIndexContract, ASearchThatSaysNothingFindsAllInOrderOfCreation) {
    Image gone = plain_image(3);
    gone.state = ImageState::deregistered;
    put({plain_image(2), gone, plain_image(1)});
    EXPECT_EQ(search({}).records, (std::vector{plain_image(2), gone, plain_image(1)}));
}

TEST_P(CatalogIndexContract, TakesMoreValuesAndConditionsThanSqlWould) {
    put({plain_image(1), plain_image(2)});
    ImageSearch wanted;
    Filter many{"name", {}};
    for (int i = 0; i < 40'000; ++i) {
        many.values.push_back(fmt::format("nothing*{}", i));
    }
    many.values.emplace_back("image 2");
    wanted.filters = {many};
    EXPECT_EQ(search(wanted).records, std::vector{plain_image(2)});
    wanted.filters.assign(300, Filter{"description", {"", "*x*"}});
    wanted.filters.push_back({"name", {"image 1"}});
    wanted.limit = 1;
    EXPECT_EQ(search(wanted).records, std::vector{plain_image(1)});
    wanted = {};
    for (int i = 0; i < 40'000; ++i) {
        wanted.ids_or_names.push_back(fmt::format("nothing {}", i));
    }
    wanted.ids_or_names.emplace_back("image 1");
    EXPECT_EQ(search(wanted).records, std::vector{plain_image(1)});
}

TEST_P(CatalogIndexContract, APatternThatWouldTakeForeverDoesNot) {
    Image image = plain_image(1);
    image.description = std::string(255, 'a');
    put({image});
    std::string pattern;
    for (int i = 0; i < 60; ++i) {
        pattern += "*a";
    }
    ImageSearch wanted;
    wanted.filters = {{"description", {pattern + "b", std::string(60'000, '*')}}};
    EXPECT_THAT(search(wanted).records, SizeIs(1));
    wanted.filters = {{"description", {pattern + "b"}}};
    EXPECT_THAT(search(wanted).records, IsEmpty());
}

TEST_P(CatalogIndexContract, ALimitIsFilledPastWhatCannotBeRead) {
    put({plain_image(1), plain_image(2), plain_image(3)});
    store_->make_unreadable(nth_id<ImageId>(1).str());
    ImageSearch wanted;
    wanted.limit = 2;
    const auto found = search(wanted);
    EXPECT_EQ(found.records, (std::vector{plain_image(2), plain_image(3)}));
    ASSERT_THAT(found.unreadable, SizeIs(1));
    EXPECT_THAT(found.unreadable.front(), testing::HasSubstr(nth_id<ImageId>(1).str()));
}

TEST_P(CatalogIndexContract, SeesWhatItsOwnTransactionChanged) {
    put([](CatalogSession& session) -> Result<void> {
        AMIVIRT_TRY(session.images().insert(plain_image(1)));
        ImageSearch wanted;
        wanted.ids_or_names = {"image 1"};
        EXPECT_THAT(AMIVIRT_TRY(session.index().images(wanted)).records, SizeIs(1));
        AMIVIRT_TRY(session.images().erase(plain_image(1).id));
        EXPECT_THAT(AMIVIRT_TRY(session.index().images(wanted)).records, IsEmpty());
        return {};
    });
}

TEST_P(CatalogIndexContract, KnowsTheNamesOneMaySee) {
    Image others = plain_image(2);
    others.owner = k_other;
    Image hidden = plain_image(3);
    hidden.owner = k_other;
    Image shared = plain_image(4);
    shared.owner = k_other;
    shared.name = "image 1";
    shared.permissions.accounts = {k_me};
    Image gone = plain_image(5);
    gone.state = ImageState::deregistered;
    others.permissions.everyone = true;
    put({plain_image(1), others, hidden, shared, gone});
    const auto names = [&](const AccountId& account) {
        return ask<std::vector<std::string>>([&](CatalogSession& session) { return session.index().image_names(account); });
    };
    EXPECT_THAT(names(k_me), UnorderedElementsAre("image 1", "image 2"));
    EXPECT_THAT(names(k_third), ElementsAre("image 2"));
}

TEST_P(CatalogIndexContract, FindsLayersBySealedContentAndSnapshotsByLayer) {
    Layer creating = full_layer(2);
    creating.state = LayerState::creating;
    put([&](CatalogSession& session) -> Result<void> {
        AMIVIRT_TRY(session.layers().insert(full_layer(1)));
        AMIVIRT_TRY(session.layers().insert(creating));
        AMIVIRT_TRY(session.layers().insert(plain_layer(3)));
        for (const std::uint64_t n : {9U, 4U, 7U}) {
            Snapshot snapshot = plain_snapshot(n);
            snapshot.layer = nth_id<LayerId>(1);
            AMIVIRT_TRY(session.snapshots().insert(snapshot));
        }
        return {};
    });
    const auto layer = [&](const std::string& content) {
        return ask<std::optional<Layer>>([&](CatalogSession& session) { return session.index().layer_of_content(content); });
    };
    EXPECT_EQ(layer(full_layer(1).content_sha256), full_layer(1));
    EXPECT_EQ(layer(full_layer(2).content_sha256), std::nullopt);
    EXPECT_EQ(layer(full_layer(5).content_sha256), std::nullopt);
    const auto snapshots = [&](std::uint64_t n, std::size_t most) {
        return ask<std::vector<SnapshotId>>(
            [&](CatalogSession& session) { return session.index().snapshots_of_layer(nth_id<LayerId>(n), most); });
    };
    EXPECT_THAT(snapshots(1, 10), ElementsAre(nth_id<SnapshotId>(9), nth_id<SnapshotId>(4), nth_id<SnapshotId>(7)));
    EXPECT_THAT(snapshots(1, 2), ElementsAre(nth_id<SnapshotId>(9), nth_id<SnapshotId>(4)));
    EXPECT_THAT(snapshots(2, 10), IsEmpty());
}

TEST_P(CatalogIndexContract, FindsWhateverHasATag) {
    put([](CatalogSession& session) -> Result<void> {
        AMIVIRT_TRY(session.layers().insert(plain_layer(1)));
        Image image = plain_image(1);
        image.tags = {{"Name", "web"}};
        Instance instance = plain_instance(2);
        instance.tags = {{"Name", "web"}, {"name", "other"}};
        Volume volume = plain_volume(1);
        volume.tags = {{"Name", "Web"}};
        AMIVIRT_TRY(session.images().insert(image));
        AMIVIRT_TRY(session.instances().insert(instance));
        return session.volumes().insert(volume);
    });
    const auto tagged = [&](const std::string& value) {
        return ask<std::vector<std::string>>([&](CatalogSession& session) { return session.index().tagged("Name", value); });
    };
    EXPECT_THAT(tagged("web"), ElementsAre(nth_id<ImageId>(1).str(), nth_id<InstanceId>(2).str()));
    EXPECT_THAT(tagged("we*"), IsEmpty());
}

}  // namespace

}  // namespace amivirt::contract
