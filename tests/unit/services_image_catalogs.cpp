// Ids of one's own, and catalogs of images, on fakes.
#include "amivirt/services/image_catalogs.hpp"
#include "services_bench.hpp"

namespace amivirt::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ImageIds : public Bench {
protected:
    const ImageId wanted = *ImageId::parse("ami-0abcdef1");

    Result<Image> import_as(const std::string& name, const ImageId& id) {
        stager.add("/disks/x", fakes::FakeDisk{"x", "qcow2", Bytes{1U << 20U}, std::nullopt});
        ImportRequest request;
        request.source = "/disks/x";
        request.name = name;
        request.id = id;
        return images.import(me, request, progress);
    }
};

TEST_F(ImageIds, OfOnesOwn) {
    const auto image = import_as("mine", wanted);
    ASSERT_TRUE(image) << describe(image.error());
    EXPECT_EQ(image->id, wanted);
    const auto launched = launch(wanted.str());
    EXPECT_EQ(launched.at(0).image, wanted);
    const auto again = import_as("other", wanted);
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, Code::invalid_parameter_value);
    EXPECT_THAT(again.error().message, HasSubstr("ami-0abcdef1"));
    EXPECT_THAT(again.error().message, HasSubstr("mine"));
    expect_clean();
}

TEST_F(ImageIds, AreFreeAgainWhenTheImageIsGoneForGood) {
    ASSERT_TRUE(import_as("mine", wanted));
    ASSERT_TRUE(images.deregister(me, wanted.str(), DeleteSnapshots::yes));
    const auto again = import_as("mine", wanted);
    ASSERT_TRUE(again) << describe(again.error());
    EXPECT_EQ(rows(&CatalogSession::images).size(), 1U);
    // From the bin it can come back: its id is not free.
    ASSERT_TRUE(bin.create_rule({{}, RetainedKind::image, {}, 7, "", {}}));
    ASSERT_TRUE(images.deregister(me, wanted.str(), DeleteSnapshots::no));
    const auto refused = import_as("mine", wanted);
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, HasSubstr("recycle bin"));
}

TEST_F(ImageIds, AnImportThatWasPromisedStaysAsFailed) {
    ImportRequest request;
    request.source = "/disks/lost";
    request.name = "lost";
    std::optional<ImageId> promised;
    request.on_reserved = [&](const Image& image) { promised = image.id; };
    ASSERT_FALSE(images.import(me, request, progress));
    ASSERT_TRUE(promised);
    ASSERT_EQ(rows(&CatalogSession::images).size(), 1U);
    EXPECT_EQ(rows(&CatalogSession::images).front().id, *promised);
    EXPECT_EQ(rows(&CatalogSession::images).front().state, ImageState::failed);
    expect_clean();
}

TEST_F(ImageIds, ARegisteredImageStandsOnItsSnapshots) {
    const auto source = import("tiny");
    RegisterRequest request;
    request.name = "again";
    request.root_device_name = "/dev/xvda";
    EbsDevice root;
    root.snapshot = snapshots_of(source).at(0);
    request.mapping = {{"xvda", root}};
    request.id = wanted;
    const auto image = images.register_snapshots(me, request);
    ASSERT_TRUE(image) << describe(image.error());
    EXPECT_EQ(image->id, wanted);
    EXPECT_EQ(image->distribution, source.distribution);
    EXPECT_EQ(image->default_user, source.default_user);
    EXPECT_EQ(image->boot_mode, source.boot_mode);
    EXPECT_EQ(std::get<EbsDevice>(image->mapping.at(0).what).size, GiB{1});
    launch("again");
    // Too small, of nobody's, of another's, twice.
    std::get<EbsDevice>(request.mapping.at(0).what).size = GiB{0};
    request.name = "small";
    request.id.reset();
    EXPECT_FALSE(images.register_snapshots(me, request));
    std::get<EbsDevice>(request.mapping.at(0).what).size.reset();
    EXPECT_EQ(images.register_snapshots(other, request).error().code, Code::invalid_snapshot_not_found);
    request.mapping.clear();
    EXPECT_EQ(images.register_snapshots(me, request).error().code, Code::invalid_block_device_mapping);
    EXPECT_EQ(rows(&CatalogSession::images).size(), 2U);
    expect_clean();
}

class ImageCatalogsTest : public Bench {
protected:
    ImageCatalogs catalogs{{catalog, images, ids, clock, log}};
    ImageCatalog file;

    void SetUp() override {
        stager.add("/disks/small", fakes::FakeDisk{"small", "qcow2", Bytes{300U << 20U}, std::nullopt});
        stager.add("/disks/other", fakes::FakeDisk{"other", "qcow2", Bytes{300U << 20U}, std::nullopt});
        file.file = "/etc/catalog.yaml";
        for (const auto* id : {"ami-00000001", "ami-00000002", "ami-00000000000000003"}) {
            ImageManifest image;
            image.id = *ImageId::parse(id);
            image.name = std::string("image ") + id;
            image.architecture = Architecture::x86_64;
            image.boot_mode = BootMode::legacy_bios;
            image.source.file = "/disks/small";
            image.permissions.everyone = true;
            file.images.push_back(image);
        }
        file.images[1].owner = other;
        file.images[1].platform = "windows";
        file.images[1].product_codes = {{"abc", "marketplace"}};
    }
    CatalogReport load() {
        auto report = catalogs.load(me, file, progress);
        EXPECT_TRUE(report) << describe(report.error());
        return report.value_or(CatalogReport{});
    }
    Image image_of(std::size_t i) {
        for (const auto& image : rows(&CatalogSession::images)) {
            if (image.id == file.images.at(i).id) {
                return image;
            }
        }
        ADD_FAILURE() << i << " is not there";
        return {};
    }
    std::string fault() {
        const auto report = catalogs.load(me, file, progress);
        EXPECT_FALSE(report);
        return report ? "" : report.error().message;
    }
};

TEST_F(ImageCatalogsTest, OneDiskServesAll) {
    const auto report = load();
    EXPECT_EQ(report.added.size(), 3U);
    EXPECT_EQ(stager.script().calls("stage"), 1U);
    EXPECT_EQ(inspector.script().calls("inspect"), 0U) << "all is said";
    EXPECT_EQ(rows(&CatalogSession::layers).size(), 1U);
    EXPECT_EQ(rows(&CatalogSession::snapshots).size(), 3U);
    EXPECT_EQ(image_of(1).owner, other);
    EXPECT_EQ(image_of(1).platform, "windows");
    EXPECT_EQ(image_of(2).platform, "");
    const auto codes = extras.of({image_of(1)});
    ASSERT_TRUE(codes);
    EXPECT_EQ(codes->at(image_of(1).id).product_codes, file.images[1].product_codes);
    launch("ami-00000002");
    expect_clean();
}

TEST_F(ImageCatalogsTest, TwiceIsOnce) {
    load();
    const auto before = rows(&CatalogSession::images);
    const auto snapshots_before = rows(&CatalogSession::snapshots);
    clock.advance(std::chrono::hours(1));
    const auto report = load();
    EXPECT_EQ(report.unchanged, 3U);
    EXPECT_THAT(report.added, IsEmpty());
    EXPECT_THAT(report.changed, IsEmpty());
    EXPECT_EQ(stager.script().calls("stage"), 1U);
    const auto after = rows(&CatalogSession::images);
    ASSERT_EQ(after.size(), before.size());
    for (std::size_t i = 0; i < after.size(); ++i) {
        EXPECT_EQ(after[i].created, before[i].created);
        EXPECT_EQ(after[i].mapping, before[i].mapping);
    }
    EXPECT_EQ(rows(&CatalogSession::snapshots).size(), snapshots_before.size());
}

TEST_F(ImageCatalogsTest, WhatDiffersIsChanged) {
    load();
    const auto mapping = image_of(0).mapping;
    file.images[0].name = "renamed";
    file.images[0].tags = {{"k", "v"}};
    file.images[0].permissions = {false, {other}};
    file.images[1].owner.reset();
    file.images[1].product_codes.clear();
    file.images[2].source.file = "/disks/other";
    const auto report = load();
    EXPECT_THAT(report.changed, ElementsAre(*file.images[0].id, *file.images[1].id, *file.images[2].id));
    EXPECT_EQ(image_of(0).name, "renamed");
    EXPECT_EQ(image_of(0).mapping, mapping);
    EXPECT_EQ(image_of(0).tags.at("k"), "v");
    EXPECT_FALSE(image_of(0).permissions.everyone);
    EXPECT_EQ(image_of(1).owner, me);
    EXPECT_THAT(*extras.of({image_of(1)}), IsEmpty());
    EXPECT_EQ(image_of(2).state, ImageState::available);
    EXPECT_EQ(rows(&CatalogSession::layers).size(), 2U);
    EXPECT_EQ(load().unchanged, 3U);
    expect_clean();
}

TEST_F(ImageCatalogsTest, WhatIsNotListedAnyMoreIsDeregistered) {
    load();
    import("mine");
    file.images.erase(file.images.begin());
    const auto report = load();
    EXPECT_THAT(report.removed, ElementsAre(*ImageId::parse("ami-00000001")));
    EXPECT_EQ(report.unchanged, 2U);
    unsigned available = 0;
    for (const auto& image : rows(&CatalogSession::images)) {
        available += image.state == ImageState::available ? 1 : 0;
    }
    EXPECT_EQ(available, 3U) << "one that no catalog made is nobody's business";
    // Another file's images are another's.
    file.file = "/etc/second.yaml";
    file.images.clear();
    EXPECT_THAT(load().removed, IsEmpty());
    expect_clean();
}

TEST_F(ImageCatalogsTest, OneThatWasDeregisteredComesBack) {
    load();
    ASSERT_TRUE(images.deregister(me, "ami-00000001", DeleteSnapshots::yes));
    const auto report = load();
    EXPECT_THAT(report.added, ElementsAre(*file.images[0].id));
    EXPECT_EQ(report.unchanged, 2U);
    EXPECT_EQ(image_of(0).state, ImageState::available);
    EXPECT_EQ(stager.script().calls("stage"), 1U);
}

TEST_F(ImageCatalogsTest, AFaultDoesNotKeepTheRestAway) {
    file.images[0].source.file = "/disks/lost";
    stager.add("/disks/x", fakes::FakeDisk{"x", "qcow2", Bytes{1U << 20U}, std::nullopt});
    ImportRequest taken;
    taken.source = "/disks/x";
    taken.name = "taken";
    taken.id = file.images[1].id;
    ASSERT_TRUE(images.import(me, taken, progress));
    const auto message = fault();
    EXPECT_THAT(message, HasSubstr("ami-00000001"));
    EXPECT_THAT(message, HasSubstr("ami-00000002"));
    EXPECT_THAT(message, HasSubstr("which no catalog made"));
    EXPECT_EQ(image_of(2).state, ImageState::available);
    expect_clean();
}

TEST_F(ImageCatalogsTest, ResetKeepsThemTogetherWithWhatIsKnownOfThem) {
    load();
    ASSERT_TRUE(reset.run(KeepImages::yes));
    EXPECT_EQ(load().unchanged, 3U);
    ASSERT_TRUE(reset.run(KeepImages::no));
    EXPECT_THAT(rows(&CatalogSession::documents), IsEmpty());
    EXPECT_EQ(load().added.size(), 3U);
    expect_clean();
}

TEST_F(ImageCatalogsTest, DyingOnTheWayIsMadeGoodByTheNextTime) {
    store.script().fail("import", Error(Code::store_full, "full"));
    store.script().fail_always("remove", Error(Code::io_error, "dead"));
    EXPECT_THAT(fault(), HasSubstr("ami-00000001"));
    store.script().relent("remove");
    die_and_recover();
    const auto report = load();
    EXPECT_THAT(report.added, ElementsAre(*file.images[0].id));
    EXPECT_EQ(report.unchanged, 2U);
    expect_clean();
}

}  // namespace
}  // namespace amivirt::testing
