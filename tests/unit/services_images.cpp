// Images on fakes: import, sharing, refusal, deregistration, recovery.
#include "amivirt/base/interrupt.hpp"
#include "services_bench.hpp"

namespace amivirt::testing {
namespace {

using ::testing::HasSubstr;

using ImagesTest = Bench;

TEST_F(ImagesTest, ImportMakesAnAvailableImageWithARootSnapshot) {
    const auto image = import("tiny");
    EXPECT_EQ(image.state, ImageState::available);
    EXPECT_EQ(image.distribution, "debian");
    EXPECT_EQ(image.boot_mode, BootMode::legacy_bios);
    ASSERT_EQ(image.mapping.size(), 1U);
    const auto& root = std::get<EbsDevice>(image.mapping.front().what);
    EXPECT_EQ(root.size, GiB{1});
    EXPECT_EQ(root.delete_on_termination, true);
    ASSERT_EQ(rows(&CatalogSession::snapshots).size(), 1U);
    EXPECT_EQ(rows(&CatalogSession::snapshots).front().id, root.snapshot);
    EXPECT_EQ(rows(&CatalogSession::layers).front().state, LayerState::sealed);
    expect_clean();
}

TEST_F(ImagesTest, TheSameContentSharesItsLayerAndItsInspection) {
    import("one");
    import("two");
    EXPECT_EQ(rows(&CatalogSession::layers).size(), 1U);
    EXPECT_EQ(rows(&CatalogSession::snapshots).size(), 2U);
    EXPECT_EQ(rows(&CatalogSession::images).back().platform_details, "Debian GNU/Linux 12 (bookworm)");
    EXPECT_EQ(inspector.script().calls("inspect"), 1U);
    expect_clean();
}

TEST_F(ImagesTest, ATwinThatAppearsMeanwhileWins) {
    // While the first import converts, another one of the same bytes registers.
    bool nested = false;
    store.script().before("import", [&] {
        if (!nested) {
            nested = true;
            import("other", "same bytes");
        }
    });
    import("mine", "same bytes");
    ASSERT_TRUE(nested);
    EXPECT_EQ(rows(&CatalogSession::layers).size(), 1U);
    EXPECT_EQ(rows(&CatalogSession::snapshots).size(), 2U);
    expect_clean();
}

TEST_F(ImagesTest, AFailureAtAnyStepLeavesTheStoreAsItWas) {
    const Error full(Code::store_full, "no space left");
    const std::vector<std::function<fakes::CallScript&()>> scripts{
        [&]() -> fakes::CallScript& { return stager.script(); }, [&]() -> fakes::CallScript& { return store.script(); },
        [&]() -> fakes::CallScript& { return store.script(); }, [&]() -> fakes::CallScript& { return stager.script(); }};
    const std::vector<std::string> steps{"stage", "probe", "import", "check_unchanged"};
    stager.add("/d", fakes::FakeDisk{});
    for (std::size_t i = 0; i < steps.size(); ++i) {
        scripts[i]().fail(steps[i], full);
        ImportRequest request;
        request.source = "/d";
        request.name = "doomed";
        const auto failed = images.import(me, request, progress);
        ASSERT_FALSE(failed) << steps[i];
        EXPECT_EQ(failed.error().code, Code::store_full);
        EXPECT_TRUE(rows(&CatalogSession::images).empty());
        EXPECT_TRUE(rows(&CatalogSession::layers).empty());
        expect_clean();
    }
}

TEST_F(ImagesTest, AFailedInspectionIsANoteAndNotAFailure) {
    inspector.script().fail_always("inspect", {Code::tool_missing, "no appliance"});
    EXPECT_EQ(import("tiny").state, ImageState::available);
    EXPECT_THAT(progress.notes(), ::testing::Contains(HasSubstr("no appliance")));
}

TEST_F(ImagesTest, WhatWasSaidGoesBeforeWhatWasSeen) {
    inspector.see(Inspection{"linux", "debian", "12.5", "Debian", Architecture::arm64, false, true});
    stager.add("/d", fakes::FakeDisk{});
    ImportRequest request;
    request.source = "/d";
    request.name = "said";
    request.architecture = Architecture::x86_64;
    request.boot_mode = BootMode::legacy_bios;
    const auto image = images.import(me, request, progress);
    ASSERT_TRUE(image);
    EXPECT_EQ(image->architecture, Architecture::x86_64);
    EXPECT_EQ(image->boot_mode, BootMode::legacy_bios);
    EXPECT_THAT(progress.notes(), ::testing::Contains(HasSubstr("arm64")));
    request.name = "unsaid";
    request.architecture.reset();
    request.boot_mode.reset();
    const auto seen = images.import(me, request, progress);
    ASSERT_TRUE(seen);
    EXPECT_EQ(seen->name, "unsaid");
}

TEST_F(ImagesTest, AllFaultsOfARequestAreToldAtOnceAndNothingIsStaged) {
    ImportRequest request;
    request.source = "/d";
    request.name = "x";
    request.sha256 = "zz";
    request.tags = {{"aws:mine", ""}};
    const auto refused = images.import(me, request, progress);
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, ::testing::AllOf(HasSubstr("3 faults"), HasSubstr("\"zz\""), HasSubstr("aws:")));
    EXPECT_EQ(stager.script().calls("stage"), 0U);
    EXPECT_TRUE(rows(&CatalogSession::images).empty());
}

TEST_F(ImagesTest, ANameIsUniquePerOwner) {
    import("tiny");
    stager.add("/d", fakes::FakeDisk{"other", "qcow2", Bytes{1U << 20U}, std::nullopt});
    ImportRequest request;
    request.source = "/d";
    request.name = "tiny";
    const auto refused = images.import(me, request, progress);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::invalid_ami_name_duplicate);
    EXPECT_EQ(stager.script().calls("stage"), 1U);  // the first import's
    EXPECT_TRUE(images.import(other, request, progress));
    expect_clean();
}

TEST_F(ImagesTest, ARecipeRunsIntoAScratchFileWhichIsThenTheSource) {
    processes.install("/images/tiny/build", [&](const Command& command) -> Result<CommandResult> {
        EXPECT_EQ(command.directory, "/images/tiny");
        stager.add(command.argv.at(1), fakes::FakeDisk{"built", "qcow2", Bytes{1U << 20U}, std::nullopt});
        return CommandResult{};
    });
    ImageManifest manifest;
    manifest.name = "built";
    manifest.source.build = "/images/tiny/build";
    const auto image = images.register_manifest(me, manifest, Inspect::no, progress);
    ASSERT_TRUE(image) << describe(image.error());
    EXPECT_EQ(image->source_location, "/images/tiny/build");
    expect_clean();

    processes.install("/images/tiny/build", [](const Command&) -> Result<CommandResult> {
        return CommandResult{3, "", "no such package"};
    });
    manifest.name = "broken";
    const auto failed = images.register_manifest(me, manifest, Inspect::no, progress);
    ASSERT_FALSE(failed);
    EXPECT_THAT(failed.error().message, ::testing::AllOf(HasSubstr("status 3"), HasSubstr("no such package")));
    expect_clean();
}

TEST_F(ImagesTest, AnInstanceStoreImageHasInstanceStoreVolumesOnly) {
    stager.add("/disks/a.qcow2", fakes::FakeDisk{});
    ImageManifest manifest;
    manifest.name = "fleeting";
    manifest.source.file = "/disks/a.qcow2";
    manifest.root_device_type = RootDeviceType::instance_store;
    EbsDevice root;
    root.size = GiB{3};
    manifest.mapping = {{"/dev/sda1", root}, {"/dev/sdb", EphemeralDevice{0}}};
    const auto image = images.register_manifest(me, manifest, Inspect::no, progress);
    ASSERT_TRUE(image) << describe(image.error());
    EXPECT_EQ(rows(&CatalogSession::images).at(0).root_device_type, RootDeviceType::instance_store);
    const auto& entry = std::get<EbsDevice>(image->mapping.at(0).what);
    EXPECT_TRUE(entry.snapshot);
    EXPECT_EQ(entry.size, GiB{3});
    EXPECT_FALSE(entry.type) << "an EBS volume's, which it is not";
    EXPECT_EQ(entry.delete_on_termination, true);

    root.type = VolumeType::gp3;
    EbsDevice data;
    data.size = GiB{1};
    manifest.name = "not";
    manifest.mapping = {{"/dev/sda1", root}, {"/dev/sdf", data}};
    const auto refused = images.register_manifest(me, manifest, Inspect::no, progress);
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, ::testing::AllOf(HasSubstr("\"/dev/sda1\""), HasSubstr("\"/dev/sdf\"")));
    expect_clean();
}

TEST_F(ImagesTest, DeregisterKeepsSnapshotsUnlessAskedAndInstancesRunOn) {
    import("tiny");
    const auto running = launch("tiny");
    const auto kept = images.deregister(me, "tiny", DeleteSnapshots::no);
    ASSERT_TRUE(kept);
    EXPECT_TRUE(kept->snapshots.empty());
    EXPECT_EQ(kept->bin, std::nullopt);
    EXPECT_EQ(rows(&CatalogSession::snapshots).size(), 1U);
    EXPECT_EQ(images.resolve(me, "tiny").error().code, Code::invalid_ami_id_not_found);
    import("tiny");  // the name is free again
    ASSERT_TRUE(images.deregister(me, "tiny", DeleteSnapshots::yes));
    EXPECT_EQ(rows(&CatalogSession::layers).size(), 2U) << "the first image's snapshot and the instance hold them";
    EXPECT_EQ(state_of(running.front().id), InstanceState::running);
    expect_clean();
}

TEST_F(ImagesTest, TheLastInstanceTakesTheLayerWithIt) {
    import("tiny");
    const auto running = launch("tiny", 2);
    const auto deleted = images.deregister(me, "tiny", DeleteSnapshots::yes);
    ASSERT_TRUE(deleted);
    EXPECT_EQ(deleted->snapshots.size(), 1U);
    EXPECT_EQ(store.layers().size(), 3U);
    ASSERT_TRUE(instances.terminate(me, running[0].id.str()));
    EXPECT_EQ(store.layers().size(), 2U);
    ASSERT_TRUE(instances.terminate(me, running[1].id.str()));
    EXPECT_TRUE(store.layers().empty());
    expect_clean();
}

TEST_F(ImagesTest, ASnapshotThatAnotherImageUsesStays) {
    const auto first = import("first");
    const auto second = import("second");
    // `second` also names the first one's snapshot.
    ASSERT_TRUE(catalog.write([&](CatalogSession& session) -> Result<void> {
        Image changed = second;
        changed.mapping.push_back(
            {"/dev/sdb", EbsDevice{std::get<EbsDevice>(first.mapping.front().what).snapshot, {}, {}, {}, {}, {}, {}}});
        return session.images().update(changed);
    }));
    const auto deleted = images.deregister(me, "first", DeleteSnapshots::yes);
    ASSERT_TRUE(deleted);
    EXPECT_TRUE(deleted->snapshots.empty());
    EXPECT_EQ(rows(&CatalogSession::snapshots).size(), 2U);
}

TEST_F(ImagesTest, OnlyTheOwnerMayDeregisterAndOthersSeeOnlyWhatIsPublic) {
    import("mine");
    EXPECT_EQ(images.deregister(other, "mine", DeleteSnapshots::no).error().code, Code::invalid_ami_id_not_found);
    const auto id = rows(&CatalogSession::images).front().id.str();
    EXPECT_EQ(images.resolve_for_launch(other, id).error().code, Code::auth_failure);
    EXPECT_EQ(images.resolve(other, id).error().code, Code::invalid_ami_id_not_found);
    ASSERT_TRUE(catalog.write([&](CatalogSession& session) -> Result<void> {
        auto image = rows(&CatalogSession::images).front();
        image.permissions.everyone = true;
        return session.images().update(image);
    }));
    EXPECT_TRUE(images.resolve_for_launch(other, id));
    EXPECT_EQ(images.deregister(other, "mine", DeleteSnapshots::no).error().code, Code::auth_failure);
}

TEST_F(ImagesTest, AnUnknownNameSuggestsTheNearest) {
    import("debian-12");
    const auto missing = images.resolve(me, "debain-12");
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().message, "image \"debain-12\" not found");
    EXPECT_THAT(missing.error().hint, HasSubstr("debian-12"));
    EXPECT_EQ(images.resolve(me, "ami-12").error().code, Code::invalid_ami_id_malformed);
}

TEST_F(ImagesTest, ADeadImportIsUndone) {
    stager.add("/d", fakes::FakeDisk{});
    ImportRequest request;
    request.source = "/d";
    request.name = "doomed";
    // Its process dies while converting, so that nothing of it runs any more: the undo fails too.
    store.script().fail("import", {Code::io_error, "killed"});
    store.script().fail("remove", {Code::io_error, "killed"});
    ASSERT_FALSE(images.import(me, request, progress));
    EXPECT_EQ(rows(&CatalogSession::operations).size(), 1U);
    EXPECT_EQ(rows(&CatalogSession::images).size(), 1U);
    liveness.kill_all();
    store.script().relent("remove");
    const auto left = reconciler.recover();
    ASSERT_TRUE(left);
    EXPECT_TRUE(left->empty());
    EXPECT_TRUE(rows(&CatalogSession::images).empty());
    expect_clean();
}

TEST_F(ImagesTest, AnInterruptUndoesTheImportAndGoesOn) {
    stager.add("/d", fakes::FakeDisk{});
    ImportRequest request;
    request.source = "/d";
    request.name = "doomed";
    store.script().before("import", [] { throw Interrupted{2}; });
    EXPECT_THROW((void)images.import(me, request, progress), Interrupted);
    EXPECT_TRUE(rows(&CatalogSession::images).empty());
    expect_clean();
}

TEST_F(ImagesTest, APartialDownloadIsKeptForADayAndResumed) {
    const std::string url = "http://127.0.0.1/d.qcow2";
    stager.add(url, fakes::FakeDisk{});
    stager.script().fail("fetch", {Code::fetch_failed, "connection lost"});
    ImportRequest request;
    request.source = url;
    request.name = "far";
    ASSERT_FALSE(images.import(me, request, progress));
    EXPECT_EQ(rows(&CatalogSession::downloads).size(), 1U);
    EXPECT_EQ(stager.downloads().size(), 1U);
    ASSERT_TRUE(images.import(me, request, progress));
    EXPECT_EQ(stager.resumed(), 1U);
    EXPECT_TRUE(rows(&CatalogSession::downloads).empty());

    const std::string lost = "http://127.0.0.1/lost.qcow2";
    stager.add(lost, fakes::FakeDisk{"lost", "qcow2", Bytes{1U << 20U}, std::nullopt});
    stager.script().fail("fetch", {Code::fetch_failed, "connection lost"});
    request.source = lost;
    request.name = "lost";
    ASSERT_FALSE(images.import(me, request, progress));
    EXPECT_EQ(rows(&CatalogSession::downloads).size(), 1U);
    clock.advance(std::chrono::hours(25));
    import("another");
    EXPECT_TRUE(rows(&CatalogSession::downloads).empty());
    EXPECT_TRUE(stager.downloads().empty());
}

}  // namespace
}  // namespace amivirt::testing
