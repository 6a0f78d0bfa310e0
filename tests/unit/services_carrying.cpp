// Copies between regions, exports, bundles, signers, on fakes: what they leave behind, also when they fail or die.
#include "amivirt/base/interrupt.hpp"
#include "amivirt/domain/signing.hpp"
#include "two_regions.hpp"

namespace amivirt::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class CarryingTest : public TwoRegions {};

TEST_F(CarryingTest, ACopyToAnotherRegionHasTheSameLayersAndOutlivesItsSource) {
    auto tagged = source;
    tagged.tags = {{"team", "lab"}};
    tagged.permissions.everyone = true;
    ASSERT_TRUE(catalog.write([&](CatalogSession& session) { return session.images().update(tagged); }));
    const auto copy = far.copy(me, of("tiny"), progress);
    ASSERT_TRUE(copy) << describe(copy.error());
    EXPECT_EQ(copy->state, ImageState::available);
    EXPECT_NE(copy->id, source.id);
    EXPECT_EQ(copy->name, "tiny");
    EXPECT_EQ(copy->source_image, source.id);
    EXPECT_EQ(copy->source_region, "local");
    EXPECT_TRUE(copy->tags.empty());
    EXPECT_EQ(copy->permissions, LaunchPermissions{});
    const auto here = top_of(source, rows(&CatalogSession::snapshots), rows(&CatalogSession::layers));
    const auto there = top_of(*copy, far_rows(&CatalogSession::snapshots), far_rows(&CatalogSession::layers));
    EXPECT_EQ(here.id, there.id);
    EXPECT_EQ(here.content_sha256, there.content_sha256);
    expect_both_clean();

    ASSERT_TRUE(images.deregister(me, "tiny", DeleteSnapshots::yes));
    EXPECT_FALSE(store.contains(here.id));
    EXPECT_TRUE(far_store.contains(there.id));
    EXPECT_TRUE(far_images.resolve_for_launch(me, "tiny"));
    expect_both_clean();
}

TEST_F(CarryingTest, LayersThatAreThereAlreadyAreShared) {
    ASSERT_TRUE(far.copy(me, of("tiny"), progress));
    auto second = of("tiny");
    second.name = "second";
    second.copy_tags = true;
    ASSERT_TRUE(far.copy(me, second, progress));
    EXPECT_EQ(far_carrier.script().calls("bring"), 1U);
    EXPECT_EQ(far_rows(&CatalogSession::layers).size(), 1U);
    EXPECT_EQ(far_rows(&CatalogSession::snapshots).size(), 2U);
    // And all the way back: the layer is the one it came from.
    auto back = of("second", "far");
    ASSERT_TRUE(carrying.copy(me, back, progress));
    EXPECT_EQ(carrier.script().calls("bring"), 0U);
    expect_both_clean();
}

TEST_F(CarryingTest, AChainComesWithItsParents) {
    const auto volume = make_volume(1, snapshots_of(source).at(0).str());
    store.write(volume.layer, 3, "more");
    const auto taken = take({volume.id});
    ASSERT_TRUE(taken);
    const auto image = with_volumes("deep", {taken->front()});
    const auto copy = far.copy(me, of("deep"), progress);
    ASSERT_TRUE(copy) << describe(copy.error());
    EXPECT_EQ(far_store.read(taken->front().layer).at(3), "more");
    EXPECT_EQ(far_rows(&CatalogSession::layers).size(), 2U);
    EXPECT_EQ(snapshots_of(*copy).size(), 2U);
    expect_both_clean();
}

TEST_F(CarryingTest, WithinARegionNothingIsCopied) {
    const auto before = rows(&CatalogSession::layers).size();
    auto request = of("tiny");
    const auto clash = carrying.copy(me, request, progress);
    ASSERT_FALSE(clash);
    EXPECT_EQ(clash.error().code, Code::invalid_ami_name_duplicate);
    request.name = "again";
    request.from_region.clear();
    const auto copy = carrying.copy(me, request, progress);
    ASSERT_TRUE(copy) << describe(copy.error());
    EXPECT_EQ(rows(&CatalogSession::layers).size(), before);
    EXPECT_NE(snapshots_of(*copy), snapshots_of(source));
    EXPECT_EQ(copy->source_region, "local");
    ASSERT_TRUE(images.deregister(me, "tiny", DeleteSnapshots::yes));
    EXPECT_TRUE(store.contains(top_of(*copy, rows(&CatalogSession::snapshots), rows(&CatalogSession::layers)).id));
    expect_clean();
}

TEST_F(CarryingTest, EncryptedStaysEncryptedAndPlainCanBecomeIt) {
    with_volumes("secret", {seal_volume(1, "hush", true)});
    auto refused = of("secret");
    refused.encrypted = false;
    const auto plain = far.copy(me, refused, progress);
    ASSERT_FALSE(plain);
    EXPECT_EQ(plain.error().code, Code::invalid_parameter_combination);

    const auto copy = far.copy(me, of("secret"), progress);
    ASSERT_TRUE(copy) << describe(copy.error());
    for (const auto& snapshot : far_rows(&CatalogSession::snapshots)) {
        const bool is_root = snapshot.id == snapshots_of(*copy).at(0);
        EXPECT_EQ(snapshot.encrypted, !is_root);
        EXPECT_EQ(far_store.layers().at(snapshot.layer).encrypted, !is_root);
        if (!is_root) {
            EXPECT_EQ(far_store.read(snapshot.layer).at(1), "hush");
            EXPECT_FALSE(store.contains(snapshot.layer)) << "another key makes another layer";
        }
    }
    // Within the region the key is the same.
    auto within = of("secret");
    within.name = "secret-2";
    const auto before = rows(&CatalogSession::layers).size();
    ASSERT_TRUE(carrying.copy(me, within, progress));
    EXPECT_EQ(rows(&CatalogSession::layers).size(), before);

    auto conversion = of("tiny");
    conversion.name = "tiny-secret";
    conversion.encrypted = true;
    const auto converted = carrying.copy(me, conversion, progress);
    ASSERT_TRUE(converted) << describe(converted.error());
    EXPECT_TRUE(top_of(*converted, rows(&CatalogSession::snapshots), rows(&CatalogSession::layers)).encrypted);
    EXPECT_EQ(std::get<EbsDevice>(converted->mapping.front().what).encrypted, true);
    expect_both_clean();
}

TEST_F(CarryingTest, AClientTokenIsIdempotent) {
    auto request = of("tiny");
    request.client_token = "once";
    const auto first = far.copy(me, request, progress);
    ASSERT_TRUE(first);
    const auto second = far.copy(me, request, progress);
    ASSERT_TRUE(second) << describe(second.error());
    EXPECT_EQ(first->id, second->id);
    request.name = "another";
    const auto other_name = far.copy(me, request, progress);
    ASSERT_FALSE(other_name);
    EXPECT_EQ(other_name.error().code, Code::idempotent_parameter_mismatch);
    EXPECT_EQ(far_rows(&CatalogSession::images).size(), 1U);
    expect_both_clean();
}

TEST_F(CarryingTest, ARepeatOfACopyUnderWayGetsItsIdWhereIdsAreToldAtOnce) {
    auto request = of(source.id.str());
    request.client_token = "once";
    std::vector<ImageId> told;
    std::optional<Result<Image>> again;
    std::optional<Result<Image>> waiting;
    request.on_reserved = [&](const Image& pending) { told.push_back(pending.id); };
    far_carrier.script().before("bring", [&] {
        again = far.copy(me, request, progress);
        auto patient = request;
        patient.on_reserved = {};
        waiting = far.copy(me, patient, progress);
        patient.name = "another";
        EXPECT_EQ(far.copy(me, patient, progress).error().code, Code::idempotent_parameter_mismatch);
    });
    const auto first = far.copy(me, request, progress);
    ASSERT_TRUE(first) << describe(first.error());
    ASSERT_TRUE(again && *again) << describe(again->error());
    EXPECT_EQ((*again)->id, first->id);
    EXPECT_EQ((*again)->state, ImageState::pending);
    EXPECT_THAT(told, ::testing::ElementsAre(first->id));
    ASSERT_TRUE(waiting);
    EXPECT_EQ(waiting->error().code, Code::busy) << "the command line tells of copies that are there";
    EXPECT_EQ(far_rows(&CatalogSession::images).size(), 1U);
    expect_both_clean();
}

TEST_F(CarryingTest, ACopyKeepsWhatOnlyEc2AsksOfAnImage) {
    const ImageExtras extras{true, "simple", {{"abc", "devpay"}}};
    ASSERT_TRUE(catalog.write([&](CatalogSession& session) { return ImageExtrasBook::write(session, source, extras, clock.now()); }));
    auto request = of("tiny");
    const ImageExtras added{false, "", {{"own", "marketplace"}}};
    request.on_reserved = [&](const Image& pending) {
        ASSERT_TRUE(far_catalog.write([&](CatalogSession& session) {
            return ImageExtrasBook::add_product_codes(session, pending, added.product_codes, clock.now());
        }));
    };
    const auto copied = far.copy(me, request, progress);
    ASSERT_TRUE(copied) << describe(copied.error());
    ImageExtrasBook far_extras{far_catalog};
    const auto all = far_extras.of({*copied});
    ASSERT_TRUE(all);
    EXPECT_TRUE(all->at(copied->id).ena_support);
    EXPECT_EQ(all->at(copied->id).sriov_net_support, "simple");
    EXPECT_THAT(all->at(copied->id).product_codes, ::testing::ElementsAre(added.product_codes.front(), extras.product_codes.front()));
    // Within a region, where nothing is on its way.
    auto near = of("tiny");
    near.name = "again";
    const auto beside = carrying.copy(me, near, progress);
    ASSERT_TRUE(beside) << describe(beside.error());
    EXPECT_EQ(this->extras.of({*beside})->at(beside->id), extras);
}

TEST_F(CarryingTest, ACopyHasItsOwnTagsAndThoseThatAreCopied) {
    source.tags = {{"team", "lab"}, {"stage", "test"}, {"aws:made-by", "us"}};
    ASSERT_TRUE(catalog.write([&](CatalogSession& session) { return session.images().update(source); }));
    auto request = of("tiny");
    request.tags = {{"stage", "prod"}};
    request.snapshot_tags = {{"disk", "root"}};
    request.client_token = "once";
    const auto own = far.copy(me, request, progress);
    ASSERT_TRUE(own) << describe(own.error());
    EXPECT_EQ(own->tags, (Tags{{"stage", "prod"}}));
    EXPECT_EQ(far_rows(&CatalogSession::snapshots).front().tags, (Tags{{"disk", "root"}}));
    EXPECT_EQ(far.copy(me, request, progress)->id, own->id) << "the same again";
    request.tags = {{"stage", "another"}};
    EXPECT_EQ(far.copy(me, request, progress).error().code, Code::idempotent_parameter_mismatch);
    request.client_token.clear();
    request.name = "both";
    request.copy_tags = true;
    const auto both = far.copy(me, request, progress);
    ASSERT_TRUE(both) << describe(both.error());
    EXPECT_EQ(both->tags, (Tags{{"stage", "another"}, {"team", "lab"}})) << "what is reserved is nobody's to copy";
    request.name = "too many";
    for (int i = 0; i < 49; ++i) {
        request.tags.emplace("key" + std::to_string(i), "");
    }
    EXPECT_EQ(far.copy(me, request, progress).error().code, Code::tag_limit_exceeded) << "50 and one that is copied";
    request.tags = {{"aws:x", "y"}};
    EXPECT_FALSE(far.copy(me, request, progress));
    expect_both_clean();
}

TEST_F(CarryingTest, CopiesAreForThoseWhoMayLaunch) {
    const auto stranger = far.copy(other, of(source.id.str()), progress);
    ASSERT_FALSE(stranger);
    EXPECT_EQ(stranger.error().code, Code::auth_failure);
    source.permissions.accounts.insert(other);
    ASSERT_TRUE(catalog.write([&](CatalogSession& session) { return session.images().update(source); }));
    const auto copy = far.copy(other, of(source.id.str()), progress);
    ASSERT_TRUE(copy) << describe(copy.error());
    EXPECT_EQ(copy->owner, other);
    EXPECT_EQ(copy->permissions, LaunchPermissions{});
    expect_both_clean();
}

TEST_F(CarryingTest, ACopyThatFailsOrDiesLeavesNothing) {
    with_volumes("two", {seal_volume(1, "data")});
    struct Case {
        const char* step;
        unsigned nth;
        bool in_store;
    };
    for (const auto& [step, nth, in_store] : {Case{"bring", 1, false}, Case{"bring", 2, false}, Case{"seal", 2, true}}) {
        auto& script = in_store ? far_store.script() : far_carrier.script();
        script.fail(step, Error(Code::store_full, "full"), nth);
        const auto failed = far.copy(me, of("two"), progress);
        ASSERT_FALSE(failed) << step;
        EXPECT_EQ(failed.error().code, Code::store_full);
        EXPECT_THAT(far_rows(&CatalogSession::images), IsEmpty());
        EXPECT_THAT(far_store.layers(), IsEmpty());
        expect_both_clean();

        // Dies there, undo included.
        script.fail(step, Error(Code::store_full, "full"), nth);
        far_store.script().fail_always("remove", Error(Code::io_error, "dead"));
        ASSERT_FALSE(far.copy(me, of("two"), progress));
        far_store.script().relent("remove");
        die_and_recover_both();
        EXPECT_THAT(far_rows(&CatalogSession::images), IsEmpty());
        EXPECT_THAT(far_store.layers(), IsEmpty());
        expect_both_clean();
    }
    ASSERT_TRUE(far.copy(me, of("two"), progress));
    expect_both_clean();
}

TEST_F(CarryingTest, ABrokenCopyIsGoneOnWith) {
    far_carrier.come(Passage::copied);
    far_carrier.script().fail("piece", Error(Code::io_error, "broke off"));
    ASSERT_FALSE(far.copy(me, of("tiny"), progress));
    EXPECT_EQ(far_rows(&CatalogSession::downloads).size(), 1U);
    const auto copy = far.copy(me, of("tiny"), progress);
    ASSERT_TRUE(copy) << describe(copy.error());
    EXPECT_EQ(far_carrier.resumed(), 1U);
    EXPECT_THAT(far_rows(&CatalogSession::downloads), IsEmpty());
    EXPECT_EQ(top_of(*copy, far_rows(&CatalogSession::snapshots), far_rows(&CatalogSession::layers)).seal->sha256,
              fakes::fake_sha256("content of tiny"));
    expect_both_clean();
}

TEST_F(CarryingTest, TheSourceStaysWhileItIsCopied) {
    const auto layer = top_of(source, rows(&CatalogSession::snapshots), rows(&CatalogSession::layers)).id;
    far_carrier.script().before("bring", [&] {
        far_carrier.script().before("bring", {});
        ASSERT_TRUE(images.deregister(me, "tiny", DeleteSnapshots::yes));
        EXPECT_TRUE(store.contains(layer));
    });
    const auto copy = far.copy(me, of("tiny"), progress);
    ASSERT_TRUE(copy) << describe(copy.error());
    EXPECT_FALSE(store.contains(layer)) << "nobody else keeps it";
    EXPECT_TRUE(far_store.contains(layer));
    expect_both_clean();
}

TEST_F(CarryingTest, WhatIsSharedThereStaysToo) {
    ASSERT_TRUE(far.copy(me, of("tiny"), progress));
    with_volumes("two", {seal_volume(1, "data")});
    far_carrier.script().before("bring", [&] {
        far_carrier.script().before("bring", {});
        ASSERT_TRUE(far_images.deregister(me, "tiny", DeleteSnapshots::yes));
    });
    const auto copy = far.copy(me, of("two"), progress);
    ASSERT_TRUE(copy) << describe(copy.error());
    EXPECT_EQ(far_rows(&CatalogSession::layers).size(), 2U);
    expect_both_clean();
}

TEST_F(CarryingTest, ALayerOfTheSameIdThatIsAnotherIsNotShared) {
    ASSERT_TRUE(far.copy(me, of("tiny"), progress));
    auto layer = far_rows(&CatalogSession::layers).front();
    layer.seal->file_size.count += 1;
    ASSERT_TRUE(far_catalog.write([&](CatalogSession& session) { return session.layers().update(layer); }));
    auto again = of("tiny");
    again.name = "again";
    const auto copy = far.copy(me, again, progress);
    ASSERT_FALSE(copy);
    EXPECT_EQ(copy.error().code, Code::store_corrupt);
}

TEST_F(CarryingTest, BadCopies) {
    const auto code = [&](CopyRequest request) {
        const auto copy = far.copy(me, request, progress);
        EXPECT_FALSE(copy);
        return copy ? Code::internal_error : copy.error().code;
    };
    EXPECT_EQ(code(of("ami-1")), Code::invalid_ami_id_malformed);
    EXPECT_EQ(code(of("ami-00000000000000000")), Code::invalid_ami_id_not_found);
    EXPECT_EQ(code(of("tinny")), Code::invalid_ami_id_not_found);
    EXPECT_EQ(code(of("tiny", "nowhere")), Code::invalid_parameter_value);
    auto request = of("tiny");
    request.name = "x";
    EXPECT_EQ(code(request), Code::invalid_ami_name_malformed);
    request = of("tiny");
    request.description = std::string(256, 'x');
    EXPECT_EQ(code(request), Code::invalid_parameter_value);
    request = of("tiny");
    request.client_token = std::string(65, 'x');
    EXPECT_EQ(code(request), Code::invalid_parameter_value);
    store.scribble(top_of(source, rows(&CatalogSession::snapshots), rows(&CatalogSession::layers)).id);
    EXPECT_EQ(code(of("tiny")), Code::store_corrupt);
    EXPECT_THAT(far_rows(&CatalogSession::images), IsEmpty());
}

TEST_F(CarryingTest, AnExportIsThereWhenItIsWhole) {
    ExportRequest request{"tiny", "/out/tiny.raw", ExportFormat::raw, "", Replace::no};
    const auto made = carrying.export_image(me, request, progress);
    ASSERT_TRUE(made) << describe(made.error());
    EXPECT_EQ(disks.find("/out/tiny.raw")->content, "content of tiny");
    EXPECT_EQ(disks.find("/out/tiny.raw")->format, "raw");
    expect_clean();
    const auto again = carrying.export_image(me, request, progress);
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, Code::invalid_parameter_value);
    request.replace = Replace::yes;
    EXPECT_TRUE(carrying.export_image(me, request, progress));
    expect_clean();
}

TEST_F(CarryingTest, AnExportThatFailsOrDiesLeavesTheOldFile) {
    disks.put("/out/tiny.raw", {"old", "raw", {}, std::nullopt});
    const ExportRequest request{"tiny", "/out/tiny.raw", ExportFormat::raw, "", Replace::yes};
    for (const char* step : {"write_out", "publish"}) {
        auto& script = step == std::string("publish") ? output_files.script() : carrier.script();
        script.fail(step, Error(Code::store_full, "full"));
        ASSERT_FALSE(carrying.export_image(me, request, progress));
        EXPECT_EQ(disks.find("/out/tiny.raw")->content, "old");
        expect_clean();
        script.fail(step, Error(Code::store_full, "full"));
        store.script().fail_always("remove", Error(Code::io_error, "dead"));
        ASSERT_FALSE(carrying.export_image(me, request, progress));
        store.script().relent("remove");
        die_and_recover();
        EXPECT_EQ(disks.find("/out/tiny.raw")->content, "old");
        expect_clean();
    }
}

TEST_F(CarryingTest, ExportsAreForOwnersAndPlainImages) {
    with_volumes("secret", {seal_volume(1, "hush", true)});
    with_volumes("two", {seal_volume(1, "data")});
    source.permissions.everyone = true;
    ASSERT_TRUE(catalog.write([&](CatalogSession& session) { return session.images().update(source); }));
    const auto code = [&](const AccountId& caller, const ExportRequest& request) {
        const auto made = carrying.export_image(caller, request, progress);
        EXPECT_FALSE(made);
        return made ? Code::internal_error : made.error().code;
    };
    EXPECT_EQ(code(other, {"tiny", "/out/x", ExportFormat::raw, "", Replace::no}), Code::auth_failure);
    EXPECT_EQ(code(me, {"secret", "/out/x", ExportFormat::raw, "", Replace::no}), Code::unsupported_operation);
    EXPECT_EQ(code(me, {"two", "/out/x", ExportFormat::raw, "/dev/sdz", Replace::no}), Code::invalid_parameter_value);
    EXPECT_EQ(code(me, {"two", "/out/x", ExportFormat::ova, "/dev/sdb", Replace::no}), Code::invalid_parameter_combination);
    EXPECT_EQ(code(me, {"two", "nowhere", ExportFormat::raw, "", Replace::no}), Code::io_error);
    EXPECT_EQ(code(me, {"none", "/out/x", ExportFormat::raw, "", Replace::no}), Code::invalid_ami_id_not_found);
    const auto stored = carrying.store(other, {"tiny", "/out/x", "", Replace::no}, progress);
    ASSERT_FALSE(stored);
    EXPECT_EQ(stored.error().code, Code::auth_failure);
    ASSERT_TRUE(carrying.export_image(me, {"two", "/out/b", ExportFormat::qcow2, "/dev/sdb", Replace::no}, progress));
    EXPECT_THAT(disks.find("/out/b")->content, HasSubstr("data"));
    expect_clean();
}

TEST_F(CarryingTest, ABundleBecomesAnImageAgain) {
    auto image = with_volumes("two", {seal_volume(2, "data")});
    image.tags = {{"team", "lab"}};
    image.permissions.everyone = true;
    image.boot_mode = BootMode::uefi;
    ASSERT_TRUE(catalog.write([&](CatalogSession& session) { return session.images().update(image); }));
    const auto stored = carrying.store(me, {"two", "/out/two", "", Replace::no}, progress);
    ASSERT_TRUE(stored) << describe(stored.error());
    expect_clean();
    const auto clash = carrying.restore(me, {"/out/two", "", false}, progress);
    ASSERT_FALSE(clash);
    EXPECT_EQ(clash.error().code, Code::invalid_ami_name_duplicate);
    expect_clean();
    const auto restored = carrying.restore(other, {"/out/two", "back", false}, progress);
    ASSERT_TRUE(restored) << describe(restored.error());
    EXPECT_NE(restored->id, image.id);
    EXPECT_EQ(restored->source_image, image.id);
    EXPECT_EQ(restored->source_region, "local");
    EXPECT_EQ(restored->owner, other);
    EXPECT_EQ(restored->tags, image.tags);
    EXPECT_EQ(restored->permissions, LaunchPermissions{});
    EXPECT_EQ(restored->boot_mode, BootMode::uefi);
    EXPECT_EQ(restored->signer, k_unsigned);
    EXPECT_EQ(snapshots_of(*restored).size(), 2U);
    expect_clean();
    const auto layers = store.layers().size();
    ASSERT_TRUE(carrying.restore(me, {"/out/two", "once more", false}, progress));
    EXPECT_EQ(store.layers().size(), layers) << "the same disks take space once";
    expect_clean();
}

TEST_F(CarryingTest, ARestoreThatFailsOrDiesLeavesNothing) {
    with_volumes("two", {seal_volume(2, "data")});
    ASSERT_TRUE(carrying.store(me, {"two", "/out/two", "", Replace::no}, progress));
    const auto images_before = rows(&CatalogSession::images).size();
    const auto layers_before = store.layers().size();
    const RestoreRequest request{"/out/two", "back", false};
    struct Case {
        fakes::CallScript& script;
        const char* step;
        unsigned nth;
    };
    for (const auto& [script, step, nth] : {Case{archives.script(), "extract", 1}, Case{store.script(), "probe", 2},
                                            Case{store.script(), "import", 2}, Case{store.script(), "seal", 1}}) {
        for (const bool dies : {false, true}) {
            script.fail(step, Error(Code::store_full, "full"), nth);
            if (dies) {
                store.script().fail_always("remove", Error(Code::io_error, "dead"));
            }
            ASSERT_FALSE(carrying.restore(me, request, progress));
            if (dies) {
                store.script().relent("remove");
                die_and_recover();
            }
            EXPECT_EQ(rows(&CatalogSession::images).size(), images_before) << step;
            EXPECT_EQ(store.layers().size(), layers_before) << step;
            expect_clean();
        }
    }
}

TEST_F(CarryingTest, SignaturesAreCheckedWhereTheyAreAndWhereTheyMustBe) {
    const auto restore_code = [&](const std::string& file, const std::string& name, bool required = false) -> std::optional<Code> {
        const auto restored = carrying.restore(me, {file, name, required}, progress);
        return restored ? std::nullopt : std::optional(restored.error().code);
    };
    ASSERT_TRUE(carrying.store(me, {"tiny", "/out/signed", "anna.pem", Replace::no}, progress));
    ASSERT_TRUE(carrying.store(me, {"tiny", "/out/plain", "", Replace::no}, progress));
    expect_clean();
    EXPECT_EQ(restore_code("/out/signed", "image-1"), Code::operation_not_permitted) << "nobody trusts anna yet";
    ASSERT_TRUE(signers.trust("anna.pub.pem", "anna"));
    EXPECT_EQ(restore_code("/out/signed", "image-2", true), std::nullopt);
    EXPECT_EQ(restore_code("/out/plain", "image-3", true), Code::operation_not_permitted);
    EXPECT_EQ(restore_code("/out/plain", "image-4"), std::nullopt);

    ASSERT_TRUE(signers.demand(Demand::yes));
    EXPECT_EQ(restore_code("/out/plain", "image-5"), Code::operation_not_permitted);
    EXPECT_TRUE(images.resolve_for_launch(me, "tiny")) << "came in another way";
    EXPECT_TRUE(images.resolve_for_launch(me, "image-2"));
    const auto refused = images.resolve_for_launch(me, "image-4");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::operation_not_permitted);
    ASSERT_TRUE(signers.distrust("anna"));
    EXPECT_FALSE(images.resolve_for_launch(me, "image-2"));
    ASSERT_TRUE(signers.demand(Demand::no));
    EXPECT_TRUE(images.resolve_for_launch(me, "image-2"));

    // The bundle is exchanged, its signature is not.
    ASSERT_TRUE(signers.trust("anna.pub.pem", "anna"));
    disks.put("/out/signed", *disks.find("/out/plain"));
    EXPECT_EQ(restore_code("/out/signed", "image-6"), Code::checksum_mismatch);
    disks.put("/out/signed.sig", {"rubbish", "text", {}, std::nullopt});
    EXPECT_EQ(restore_code("/out/signed", "image-7"), Code::invalid_parameter_value);
    expect_clean();
}

TEST_F(CarryingTest, WhatNobodySignedIsNoBetterForBeingMadeAnother) {
    ASSERT_TRUE(carrying.store(me, {"tiny", "/out/plain", "", Replace::no}, progress));
    ASSERT_TRUE(carrying.store(me, {"tiny", "/out/signed", "anna.pem", Replace::no}, progress));
    ASSERT_TRUE(images.deregister(me, "tiny", DeleteSnapshots::yes));
    ASSERT_TRUE(signers.trust("anna.pub.pem", "anna"));
    const auto plain = carrying.restore(me, {"/out/plain", "plain", false}, progress);
    const auto vouched = carrying.restore(me, {"/out/signed", "vouched", false}, progress);
    ASSERT_TRUE(plain && vouched);
    import("own", "other bytes");
    const auto snapshot = snapshots_of(*plain).at(0);
    const auto signed_one = snapshots_of(*vouched).at(0);
    const auto mapped = [](const SnapshotId& root, std::optional<SnapshotId> data = {}) {
        BlockDeviceMapping mapping{{"/dev/sda1", EbsDevice{}}};
        std::get<EbsDevice>(mapping.front().what).snapshot = root;
        if (data) {
            mapping.push_back({"/dev/sdf", EbsDevice{}});
            std::get<EbsDevice>(mapping.back().what).snapshot = data;
        }
        return mapping;
    };
    const auto registered = [&](const std::string& name, const BlockDeviceMapping& mapping) {
        RegisterRequest request;
        request.name = name;
        request.root_device_name = "/dev/sda1";
        request.mapping = mapping;
        const auto image = images.register_snapshots(me, request);
        EXPECT_TRUE(image) << describe(image.error());
        return image ? image->signer : "";
    };
    // A volume made of it, written to, and snapshotted; then a copy of that snapshot, which has its layer and no volume.
    const auto volume = make_volume(1, snapshot.str());
    store.write(volume.layer, 3, "more");
    const auto derived = take({volume.id});
    ASSERT_TRUE(derived);
    const auto copied = carrying.copy_snapshot(me, {derived->front().id.str(), "local", "", false, {}}, progress);
    ASSERT_TRUE(copied) << describe(copied.error());
    const auto own = snapshots_of(*images.resolve(me, "own")).at(0);
    EXPECT_EQ(registered("root", mapped(snapshot)), k_unsigned);
    EXPECT_EQ(registered("derived", mapped(derived->front().id)), k_unsigned);
    EXPECT_EQ(registered("copied", mapped(copied->id)), k_unsigned);
    EXPECT_EQ(registered("data", mapped(own, snapshot)), k_unsigned);
    EXPECT_EQ(registered("mixed", mapped(signed_one, snapshot)), k_unsigned);
    EXPECT_EQ(registered("signed", mapped(own, signed_one)), vouched->signer);
    EXPECT_EQ(registered("imported", mapped(own)), "") << "what else stands on it with others' disks says nothing of it";
    // Images of instances: of their root, and of a volume that was launched beside it.
    const auto run = [&](const std::string& image, const BlockDeviceMapping& mapping) {
        RunRequest request;
        request.image = image;
        request.type = "t3.nano";
        request.mapping = mapping;
        return instances.run(me, request, progress);
    };
    BlockDeviceMapping beside = mapped(own, snapshot);
    beside.erase(beside.begin());
    const auto with_data = run("own", beside);
    ASSERT_TRUE(with_data) << describe(with_data.error());
    CreateImageRequest create;
    create.instance = with_data->front().id.str();
    create.name = "created";
    create.reboot = Reboot::no;
    const auto created = capture.create(me, create, progress);
    ASSERT_TRUE(created) << describe(created.error());
    EXPECT_EQ(created->signer, k_unsigned);

    ASSERT_TRUE(signers.demand(Demand::yes));
    for (const char* name : {"root", "derived", "copied", "data", "mixed", "created"}) {
        const auto refused = run(name, {});
        ASSERT_FALSE(refused) << name;
        EXPECT_EQ(refused.error().code, Code::operation_not_permitted) << name;
    }
    for (const char* name : {"own", "vouched", "signed", "imported"}) {
        const auto launched = run(name, {});
        EXPECT_TRUE(launched) << name << ": " << describe(launched.error());
    }
    const auto refused = run("own", beside);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::operation_not_permitted);
    EXPECT_THAT(refused.error().message, HasSubstr(snapshot.str()));
    ASSERT_TRUE(images.deregister(me, "plain", DeleteSnapshots::no));
    EXPECT_FALSE(run("own", beside)) << "its record still tells";
    expect_clean();
}

/// Every transaction of these finds the disk full, once alone and once with all that follow until the process has died.
TEST_F(CarryingTest, AFullCatalogLeavesTheOldStateOrTheNew) {
    with_volumes("two", {seal_volume(1, "data")});
    ASSERT_TRUE(carrying.store(me, {"two", "/out/bundle", "", Replace::no}, progress));
    ASSERT_TRUE(carrying.export_image(me, {"two", "/out/two.ova", ExportFormat::ova, "", Replace::no}, progress));
    const auto instance = launch("tiny").front().id;
    guests.put(root_of(instance).layer, {{"/etc/passwd", {"root:x:0:0::/root:/bin/sh\n"}}});
    const auto error_of = [](const auto& result) { return result ? std::optional<Error>() : std::optional(result.error()); };
    const auto there = [](const std::vector<Image>& rows, const std::string& name) {
        return std::any_of(rows.begin(), rows.end(),
                           [&](const Image& image) { return image.name == name && image.state != ImageState::deregistered; });
    };
    const auto here = [&](const std::string& name) { return there(rows(&CatalogSession::images), name); };
    const auto drop = [&](const std::string& name) {
        if (here(name)) {
            ASSERT_TRUE(images.deregister(me, name, DeleteSnapshots::yes));
        }
    };
    CreateImageRequest create;
    create.instance = instance.str();
    create.name = "made";
    create.reboot = Reboot::no;
    create.generalize = Generalize::yes;
    OvaImportRequest ova;
    ova.file = "/out/two.ova";
    ova.as.name = "from-ova";
    auto encrypted = of("two");
    encrypted.encrypted = true;
    struct Act {
        const char* name;
        fakes::FakeCatalog& full;
        unsigned least;  ///< transactions
        std::function<std::optional<Error>()> run;
        std::function<bool()> is_done;  ///< the new state, whole
        std::function<void()> clean_up;
    };
    const auto far_copy = [&] { return there(far_rows(&CatalogSession::images), "two"); };
    const auto far_drop = [&] {
        if (far_copy()) {
            ASSERT_TRUE(far_images.deregister(me, "two", DeleteSnapshots::yes));
        }
    };
    const std::vector<Act> acts{
        {"copy", far_catalog, 2, [&] { return error_of(far.copy(me, of("two"), progress)); }, far_copy, far_drop},
        {"copy, of the source", catalog, 2, [&] { return error_of(far.copy(me, of("two"), progress)); }, far_copy, far_drop},
        {"encrypted copy", far_catalog, 2, [&] { return error_of(far.copy(me, encrypted, progress)); }, far_copy, far_drop},
        {"export", catalog, 2,
         [&] {
             return error_of(carrying.export_image(me, {"two", "/out/x", ExportFormat::raw, "", Replace::no}, progress));
         },
         [&] { return disks.find("/out/x").has_value(); }, [&] { disks.erase("/out/x"); }},
        {"store", catalog, 3,
         [&] {
             return error_of(carrying.store(me, {"two", "/out/s", "anna.pem", Replace::no}, progress));
         },
         [&] {
             EXPECT_EQ(disks.find("/out/s").has_value(), disks.find("/out/s.sig").has_value());
             return disks.find("/out/s").has_value();
         },
         [&] {
             disks.erase("/out/s");
             disks.erase("/out/s.sig");
         }},
        {"restore", catalog, 2,
         [&] {
             return error_of(carrying.restore(me, {"/out/bundle", "back", false}, progress));
         },
         [&] { return here("back"); }, [&] { drop("back"); }},
        {"OVA import", catalog, 2, [&] { return error_of(carrying.import_ova(me, ova, progress)); }, [&] { return here("from-ova"); },
         [&] { drop("from-ova"); }},
        {"create", catalog, 3, [&] { return error_of(capture.create(me, create, progress)); }, [&] { return here("made"); },
         [&] { drop("made"); }},
        {"deregister", catalog, 2, [&] { return error_of(images.deregister(me, "victim", DeleteSnapshots::yes)); },
         [&] {
             const auto snapshots_left = rows(&CatalogSession::snapshots).size();
             EXPECT_EQ(snapshots_left, here("victim") ? 4U : 3U);
             return !here("victim");
         },
         [&] { here("victim") ? Image() : import("victim", "victim's own"); }}};
    import("victim", "victim's own");
    for (const auto& act : acts) {
        for (const bool for_good : {false, true}) {
            unsigned nth = 1;
            for (;; ++nth) {
                SCOPED_TRACE(fmt::format("{}: transaction {}{}", act.name, nth, for_good ? " and all after it" : ""));
                auto& script = act.full.script();
                const Error full(Code::store_full, "no space left");
                unsigned calls = 0;
                script.fail("commit", full, nth);
                script.before("commit", [&] {
                    if (++calls == nth && for_good) {
                        script.fail_always("commit", full);
                    }
                });
                const auto error = act.run();
                script.before("commit", {});
                script.relent("commit");
                if (error) {
                    EXPECT_EQ(error->code, Code::store_full) << describe(*error);
                }
                die_and_recover_both();
                expect_both_clean();
                const bool done = act.is_done();
                EXPECT_TRUE(done || error) << "it said that it was done";
                act.clean_up();
                ASSERT_FALSE(::testing::Test::HasFailure());
                if (calls < nth) {
                    EXPECT_TRUE(done && !error);
                    break;
                }
            }
            EXPECT_GT(nth, act.least) << act.name;
        }
    }
}

TEST_F(CarryingTest, ASignedBundleAppearsWithItsSignatureOrNotAtAll) {
    for (const unsigned nth : {1U, 2U}) {
        output_files.script().fail("publish", Error(Code::io_error, "dead"), nth);
        output_files.script().fail("publish", Error(Code::io_error, "dead"), nth + 1);
        ASSERT_FALSE(carrying.store(me, {"tiny", "/out/signed", "anna.pem", Replace::yes}, progress));
        die_and_recover();
        // Both were whole, so recovery went forward.
        EXPECT_TRUE(disks.find("/out/signed"));
        EXPECT_TRUE(disks.find("/out/signed.sig"));
        disks.erase("/out/signed");
        disks.erase("/out/signed.sig");
        expect_clean();
    }
    archives.script().fail("write", Error(Code::store_full, "full"));
    ASSERT_FALSE(carrying.store(me, {"tiny", "/out/signed", "anna.pem", Replace::yes}, progress));
    EXPECT_FALSE(disks.find("/out/signed"));
    EXPECT_FALSE(disks.find("/out/signed.sig"));
    const auto bad_key = carrying.store(me, {"tiny", "/out/signed", "anna.pub.pem", Replace::no}, progress);
    ASSERT_FALSE(bad_key);
    EXPECT_EQ(bad_key.error().code, Code::invalid_parameter_value);
    expect_clean();
}

TEST_F(CarryingTest, SignersHaveNamesOfTheirOwn) {
    const auto anna = signers.trust("anna.pub.pem", "anna");
    ASSERT_TRUE(anna);
    EXPECT_FALSE(signers.trust("berta.pub.pem", "anna"));
    EXPECT_TRUE(signers.trust("anna.pub.pem", "anna-2"));
    EXPECT_EQ((*settings.policy()).signers.size(), 1U);
    EXPECT_FALSE(signers.trust("anna.pem", "x"));
    EXPECT_FALSE(signers.trust("anna.pub.pem", ""));
    EXPECT_FALSE(signers.trust("anna.pub.pem", "a\nb"));
    EXPECT_FALSE(signers.distrust("nobody"));
    EXPECT_TRUE(signers.distrust(anna->fingerprint));
    EXPECT_THAT((*settings.policy()).signers, IsEmpty());
}

TEST_F(CarryingTest, AnOvaBecomesAnImageOfAllItsDisks) {
    with_volumes("two", {seal_volume(2, "data")});
    ASSERT_TRUE(carrying.export_image(me, {"two", "/out/two.ova", ExportFormat::ova, "", Replace::no}, progress));
    expect_clean();
    EXPECT_TRUE(carrying.is_ova("/out/two.ova"));
    EXPECT_FALSE(carrying.is_ova("/out/none"));
    const auto as_bundle = carrying.restore(me, {"/out/two.ova", "x", false}, progress);
    ASSERT_FALSE(as_bundle);
    EXPECT_EQ(as_bundle.error().code, Code::invalid_disk_image);
    OvaImportRequest request;
    request.file = "/out/two.ova";
    request.as.name = "from-ova";
    request.as.tags = {{"k", "v"}};
    const auto image = carrying.import_ova(me, request, progress);
    ASSERT_TRUE(image) << describe(image.error());
    EXPECT_EQ(image->state, ImageState::available);
    EXPECT_EQ(image->tags, request.as.tags);
    EXPECT_EQ(image->signer, "");
    EXPECT_EQ(snapshots_of(*image).size(), 2U);
    EXPECT_THAT(progress.notes(), ::testing::Contains(HasSubstr("made for 2 CPUs")));
    expect_clean();
}

TEST_F(CarryingTest, ASnapshotGoesToAnotherRegionWithItsLayers) {
    const auto plain = seal_volume(2, "plain");
    const auto secret = seal_volume(1, "secret", true);
    CopySnapshotRequest request{plain.id.str(), "local", "over there", false, {{"k", "v"}}};
    const auto copy = far.copy_snapshot(me, request, progress);
    ASSERT_TRUE(copy) << describe(copy.error());
    EXPECT_EQ(copy->layer, plain.layer);
    EXPECT_EQ(copy->size, GiB{2});
    EXPECT_EQ(copy->description, "over there");
    EXPECT_EQ(copy->tags.at("k"), "v");
    EXPECT_EQ(copy->volume, std::nullopt) << "there is no such volume there";
    // What is encrypted is written anew, with that region's key.
    request.snapshot = secret.id.str();
    const auto rewritten = far.copy_snapshot(me, request, progress);
    ASSERT_TRUE(rewritten) << describe(rewritten.error());
    EXPECT_TRUE(rewritten->encrypted);
    EXPECT_NE(rewritten->layer, secret.layer);
    // The source may go.
    ASSERT_TRUE(snapshots.remove(me, plain.id.str()));
    expect_both_clean();
    EXPECT_EQ(far.copy_snapshot(other, request, progress).error().code, Code::invalid_snapshot_not_found);
}

TEST_F(CarryingTest, ASnapshotsCopyThatFailsOrDiesLeavesNothing) {
    const auto taken = seal_volume(1, "text");
    const CopySnapshotRequest request{taken.id.str(), "local", "", false, {}};
    far_carrier.script().fail("bring", Error(Code::store_full, "full"));
    ASSERT_FALSE(far.copy_snapshot(me, request, progress));
    EXPECT_THAT(far_rows(&CatalogSession::snapshots), IsEmpty());
    expect_both_clean();
    far_carrier.script().fail("bring", Error(Code::store_full, "full"));
    far_store.script().fail_always("remove", Error(Code::io_error, "dead"));
    ASSERT_FALSE(far.copy_snapshot(me, request, progress));
    far_store.script().relent("remove");
    die_and_recover_both();
    EXPECT_THAT(far_rows(&CatalogSession::snapshots), IsEmpty());
    expect_both_clean();
}

}  // namespace
}  // namespace amivirt::testing
