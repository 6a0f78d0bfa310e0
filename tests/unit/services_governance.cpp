// Who may do what to an image, and what its owner and its region decide, on fakes.
#include <fmt/ranges.h>

#include "image_access_table.hpp"
#include "services_bench.hpp"

namespace amivirt::testing {
namespace {

using namespace std::chrono_literals;
using samples::Condition;
using samples::Principal;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Governance : public Bench {
protected:
    Image record(const ImageId& id) {
        for (const auto& image : rows(&CatalogSession::images)) {
            if (image.id == id) {
                return image;
            }
        }
        ADD_FAILURE() << id.str() << " has no row";
        return {};
    }
    Result<std::vector<Instance>> run_as(const AccountId& account, const std::string& image, const BlockDeviceMapping& mapping = {}) {
        RunRequest request;
        request.image = image;
        request.type = "t3.nano";
        request.mapping = mapping;
        return instances.run(account, request, progress);
    }
    std::vector<std::string> listed(const AccountId& account, const Include& include = {}, std::vector<std::string> words = {}) {
        ImageQuery query;
        query.include = include;
        query.ids_or_names = std::move(words);
        const auto listing = images.describe(account, query);
        std::vector<std::string> names;
        for (const auto& image : listing ? listing->records : std::vector<Image>{}) {
            names.push_back(image.name);
        }
        return names;
    }
    void permit(const std::string& image, const LaunchPermissions& added) {
        const auto done = governance.permit(me, image, added);
        ASSERT_TRUE(done) << describe(done.error());
    }
    void set(const RegionSettings::Change& change) {
        const auto done = settings.change(change);
        ASSERT_TRUE(done) << describe(done.error());
    }
    /// Shares an image of mine and brings it into that condition, by the services.
    void prepare(const Image& image, Principal principal, Condition condition) {
        const auto& id = image.id.str();
        if (principal == Principal::listed || principal == Principal::everyone) {
            permit(id, principal == Principal::listed ? LaunchPermissions{false, {other}} : LaunchPermissions{true, {}});
        }
        switch (condition) {
            case Condition::available:
                break;
            case Condition::deprecated:
                ASSERT_TRUE(governance.deprecate(me, id, clock.now() + 1min));
                clock.advance(2min);
                break;
            case Condition::disabled:
                ASSERT_TRUE(governance.disable(me, id));
                break;
            case Condition::deregistered:
                ASSERT_TRUE(images.deregister(me, id, DeleteSnapshots::no));
                break;
        }
    }
    char try_to(ImageAction action, const AccountId& caller, const Image& image) {
        const auto& id = image.id.str();
        switch (action) {
            case ImageAction::describe:
                return samples::letter_of(images.resolve(caller, id));
            case ImageAction::run:
                return samples::letter_of(run_as(caller, id));
            case ImageAction::deregister:
                return samples::letter_of(images.deregister(caller, id, DeleteSnapshots::no));
            case ImageAction::modify:
                return modify(caller, image);
            case ImageAction::copy: {
                CopyRequest request;
                request.image = id;
                request.name = "copy of " + id;
                return samples::letter_of(carrying.copy(caller, request, progress));
            }
            case ImageAction::export_image: {
                ExportRequest request;
                request.image = id;
                request.file = "/out/" + id;
                return samples::letter_of(carrying.export_image(caller, request, progress));
            }
            case ImageAction::create: {
                CreateImageRequest request;
                request.instance = instance_of_.at(image.id).str();
                request.name = "image of " + id;
                request.reboot = Reboot::no;
                return samples::letter_of(capture.create(caller, request, progress));
            }
        }
        return '?';
    }
    /// Every way to change an image: all answer the same, but that one which is disabled is not shared, and the tags of one which is
    /// deregistered are gone.
    char modify(const AccountId& caller, const Image& image) {
        const auto& id = image.id.str();
        const auto state = record(image.id).state;
        const LaunchPermissions third{false, {*AccountId::parse("222233334444")}};
        const char letter = samples::letter_of(governance.revoke(caller, id, third));
        std::string others;
        others += samples::letter_of(governance.modify(caller, id, {.description = "another"}));
        others += samples::letter_of(governance.protect(caller, id, DeregistrationProtection::disabled));
        others += samples::letter_of(governance.permissions(caller, id));
        if (state != ImageState::disabled) {
            others += samples::letter_of(governance.permit(caller, id, third));
        }
        if (state != ImageState::deregistered || caller != me) {
            others += samples::letter_of(tagging.add(caller, {id}, {{"k", "v"}}));
            others += samples::letter_of(tagging.remove(caller, {id}, std::nullopt));
        }
        others += samples::letter_of(governance.deprecate(caller, id, std::nullopt));
        if (letter != 'y') {  // or the permissions would be gone
            others += samples::letter_of(governance.reset_permissions(caller, id));
        }
        others += samples::letter_of(state == ImageState::disabled ? governance.enable(caller, id) : governance.disable(caller, id));
        EXPECT_EQ(others, std::string(others.size(), letter)) << (caller == me ? "owner" : "other") << ' ' << to_string(state);
        return letter;
    }
    /// An instance of it that `caller` has from a time when it might launch it.
    void launch_before(const AccountId& caller, const Image& image) {
        permit(image.id.str(), {false, {other}});
        const auto launched = run_as(caller, image.id.str());
        ASSERT_TRUE(launched) << describe(launched.error());
        instance_of_.emplace(image.id, launched->front().id);
        ASSERT_TRUE(governance.reset_permissions(me, image.id.str()));
    }

    std::map<ImageId, InstanceId> instance_of_;
};

TEST_F(Governance, EveryServiceKeepsToTheTable) {
    int number = 0;
    for (const auto& row : samples::k_access) {
        std::string answers;
        for (const auto principal : samples::k_principals) {
            const auto image = import("image " + std::to_string(++number));
            const auto& caller = principal == Principal::owner ? me : other;
            if (row.action == ImageAction::create) {
                launch_before(caller, image);
            }
            prepare(image, principal, row.condition);
            const auto before = rows(&CatalogSession::instances).size();
            answers += try_to(row.action, caller, image);
            if (answers.back() != 'y') {
                EXPECT_EQ(rows(&CatalogSession::instances).size(), before);
            }
        }
        EXPECT_EQ(answers, row.answers) << row.name << ' ' << to_string(row.action);
    }
    EXPECT_EQ(instance_of_.size(), 16U);
    EXPECT_EQ(rows(&CatalogSession::instances).size(), 6U + 16U) << "available and deprecated, for three each; what images are made of";
    expect_clean();
}

TEST_F(Governance, PermissionsComeAndGo) {
    const auto id = import("golden").id;
    const auto third = *AccountId::parse("222233334444");
    permit("golden", {true, {other, third, me}});
    EXPECT_EQ(record(id).permissions, (LaunchPermissions{true, {other, third}})) << "the owner has it anyway";
    ASSERT_TRUE(governance.revoke(me, "golden", {true, {third}}));
    EXPECT_EQ(record(id).permissions, (LaunchPermissions{false, {other}}));
    ASSERT_TRUE(governance.revoke(me, "golden", {true, {third}})) << "idempotent";
    const auto shown = governance.permissions(me, "golden");
    ASSERT_TRUE(shown);
    EXPECT_EQ(shown->permissions, (LaunchPermissions{false, {other}}));
    EXPECT_EQ(governance.permissions(other, id.str()).error().code, Code::auth_failure);
    permit("golden", {true, {}});
    ASSERT_TRUE(governance.reset_permissions(me, "golden"));
    EXPECT_EQ(record(id).permissions, LaunchPermissions{});
    EXPECT_EQ(governance.revoke(other, id.str(), {}).error().code, Code::invalid_ami_id_not_found);
    EXPECT_EQ(governance.permit(me, "goldne", {true, {}}).error().code, Code::invalid_ami_id_not_found);
}

TEST_F(Governance, AnAccountGivesUpItsOwnPermissionAndNoOther) {
    const auto id = import("golden").id;
    permit("golden", {false, {other}});
    EXPECT_EQ(governance.cancel_permission(me, "golden").error().code, Code::operation_not_permitted);
    ASSERT_TRUE(governance.cancel_permission(other, "golden"));
    EXPECT_EQ(record(id).permissions, LaunchPermissions{});
    EXPECT_EQ(governance.cancel_permission(other, id.str()).error().code, Code::invalid_ami_id_not_found);
    permit("golden", {true, {}});
    const auto refused = governance.cancel_permission(other, id.str());
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::operation_not_permitted);
    EXPECT_TRUE(record(id).permissions.everyone);
}

TEST_F(Governance, WhereABlockStandsNothingBecomesPublic) {
    const auto open = import("open");
    import("closed");
    permit("open", {true, {}});
    set({.block_public_access = true});
    EXPECT_TRUE(record(open.id).permissions.everyone) << "what was public stays so";
    permit("open", {true, {}});
    const auto refused = governance.permit(me, "closed", {true, {other}});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::operation_not_permitted);
    permit("closed", {false, {other}});
    ImportRequest request;
    request.source = "/disks/open.qcow2";
    request.name = "born public";
    request.permissions.everyone = true;
    EXPECT_EQ(images.import(me, request, progress).error().code, Code::operation_not_permitted);
    ASSERT_TRUE(governance.reset_permissions(me, "open"));
    EXPECT_FALSE(governance.permit(me, "open", {true, {}}));
    set({.block_public_access = false});
    permit("open", {true, {}});
    EXPECT_TRUE(images.import(me, request, progress));
    expect_clean();
}

TEST_F(Governance, ADisabledImageLosesItsPermissionsForGood) {
    const auto image = import("golden");
    permit("golden", {true, {other}});
    ASSERT_TRUE(governance.disable(me, "golden"));
    ASSERT_TRUE(governance.disable(me, "golden")) << "idempotent";
    EXPECT_EQ(record(image.id).permissions, LaunchPermissions{});
    EXPECT_THAT(listed(me), IsEmpty());
    EXPECT_THAT(listed(me, {false, true}), ElementsAre("golden"));
    EXPECT_THAT(listed(other, {true, true}), IsEmpty());
    EXPECT_EQ(governance.permit(me, "golden", {false, {other}}).error().code, Code::invalid_ami_id_unavailable);
    EXPECT_EQ(run_as(me, "golden").error().code, Code::invalid_ami_id_unavailable);
    EXPECT_EQ(snapshots.remove(me, rows(&CatalogSession::snapshots).front().id.str()).error().code, Code::invalid_snapshot_in_use);
    ASSERT_TRUE(governance.enable(me, "golden"));
    ASSERT_TRUE(governance.enable(me, "golden")) << "idempotent";
    EXPECT_EQ(record(image.id).permissions, LaunchPermissions{});
    EXPECT_TRUE(run_as(me, "golden"));
    EXPECT_EQ(run_as(other, image.id.str()).error().code, Code::auth_failure);
}

TEST_F(Governance, ADeprecatedImageIsFoundByItsIdAlone) {
    const auto image = import("golden");
    permit("golden", {true, {}});
    ASSERT_TRUE(governance.deprecate(me, "golden", clock.now() + 90s));
    EXPECT_EQ(record(image.id).deprecated, clock.now() + 2min) << "the nearest whole minute";
    EXPECT_THAT(listed(other), ElementsAre("golden"));
    clock.advance(2min);
    EXPECT_THAT(listed(other), IsEmpty());
    EXPECT_THAT(listed(other, {true, false}), ElementsAre("golden"));
    EXPECT_THAT(listed(other, {}, {image.id.str()}), ElementsAre("golden"));
    EXPECT_THAT(listed(other, {}, {"golden"}), IsEmpty());
    EXPECT_THAT(listed(me), ElementsAre("golden"));
    EXPECT_EQ(run_as(other, "golden").error().code, Code::invalid_ami_id_not_found);
    EXPECT_TRUE(run_as(other, image.id.str()));
    EXPECT_EQ(governance.deprecate(me, "golden", clock.now()).error().code, Code::invalid_parameter_value);
    EXPECT_EQ(governance.deprecate(me, "golden", clock.now() + 24h * 365 * 3).error().code, Code::invalid_parameter_value)
        << "it is public";
    ASSERT_TRUE(governance.deprecate(me, "golden", std::nullopt));
    EXPECT_THAT(listed(other), ElementsAre("golden"));
}

TEST_F(Governance, AProtectedImageStaysUntilItsCooldownIsOver) {
    const auto id = import("golden").id;
    const auto deregister = [&] { return images.deregister(me, "golden", DeleteSnapshots::yes); };
    ASSERT_TRUE(governance.protect(me, "golden", DeregistrationProtection::enabled));
    EXPECT_EQ(deregister().error().code, Code::operation_not_permitted);
    EXPECT_EQ(record(id).state, ImageState::available);
    ASSERT_TRUE(governance.protect(me, "golden", DeregistrationProtection::enabled_with_cooldown));
    ASSERT_TRUE(governance.protect(me, "golden", DeregistrationProtection::disabled));
    EXPECT_EQ(record(id).protected_until, clock.now() + 24h);
    clock.advance(24h - 1ms);
    ASSERT_TRUE(governance.protect(me, "golden", DeregistrationProtection::disabled));
    EXPECT_EQ(deregister().error().code, Code::operation_not_permitted);
    clock.advance(1ms);
    EXPECT_TRUE(deregister()) << "switching off what is off begins no new cooldown";
    expect_clean();
}

TEST_F(Governance, AnImageNamesSnapshotsOfItsOwnerOnly) {
    const auto mine = snapshots_of(import("golden")).at(0);
    permit("golden", {false, {other}});
    EbsDevice ebs;
    ebs.snapshot = mine;
    const BlockDeviceMapping mapping{{"/dev/sdf", ebs}};
    const auto named_by = [&](const AccountId& caller, const std::string& name) {
        ImportRequest request;
        request.name = name;
        request.source = "/disks/golden.qcow2";
        request.mapping = mapping;
        return images.import(caller, request, progress);
    };
    EXPECT_EQ(named_by(other, "thief").error().code, Code::invalid_snapshot_not_found);
    const auto running = run_as(other, "golden");
    ASSERT_TRUE(running) << describe(running.error());
    CreateImageRequest request;
    request.instance = running->front().id.str();
    request.name = "thief";
    request.reboot = Reboot::no;
    request.mapping = mapping;
    EXPECT_EQ(capture.create(other, request, progress).error().code, Code::invalid_snapshot_not_found);

    const auto own = named_by(me, "two disks");
    ASSERT_TRUE(own) << describe(own.error());
    ASSERT_TRUE(images.deregister(me, "golden", DeleteSnapshots::yes));
    EXPECT_TRUE(snapshots.resolve(me, mine.str())) << "another image still names it";
}

TEST_F(Governance, ACooldownIsNotEscapedByProtectingAnew) {
    for (const bool at_once : {true, false}) {
        const std::string name = at_once ? "replaced" : "switched off first";
        import(name);
        ASSERT_TRUE(governance.protect(me, name, DeregistrationProtection::enabled_with_cooldown));
        if (!at_once) {
            ASSERT_TRUE(governance.protect(me, name, DeregistrationProtection::disabled));
        }
        ASSERT_TRUE(governance.protect(me, name, DeregistrationProtection::enabled));
        ASSERT_TRUE(governance.protect(me, name, DeregistrationProtection::disabled));
        EXPECT_EQ(images.deregister(me, name, DeleteSnapshots::yes).error().code, Code::operation_not_permitted) << name;
        clock.advance(24h);
        EXPECT_TRUE(images.deregister(me, name, DeleteSnapshots::yes)) << name;
    }
}

TEST_F(Governance, PermissionsOfOthersAreTheOwnersBusiness) {
    const auto id = import("golden").id.str();
    const auto third = *AccountId::parse("222233334444");
    permit("golden", {false, {other, third}});
    const LaunchPermissions own{false, {other}};
    EXPECT_EQ(images.resolve(other, id)->permissions, own);
    EXPECT_EQ(images.resolve(other, "golden")->permissions, own);
    EXPECT_EQ(images.describe(other, {})->records.at(0).permissions, own);
    EXPECT_EQ(governance.cancel_permission(other, id)->permissions, LaunchPermissions{});
    EXPECT_EQ(images.resolve(me, "golden")->permissions, (LaunchPermissions{false, {third}}));
}

TEST_F(Governance, WithoutACooldownProtectionEndsAtOnce) {
    import("golden");
    ASSERT_TRUE(governance.protect(me, "golden", DeregistrationProtection::enabled));
    ASSERT_TRUE(governance.protect(me, "golden", DeregistrationProtection::disabled));
    EXPECT_TRUE(images.deregister(me, "golden", DeleteSnapshots::yes));
}

TEST_F(Governance, ALaunchMayUseOnlyWhatTheRegionAllows) {
    const auto image = import("golden");
    import("web-1", "other bytes");
    set({.allowed_images = AllowedImages::enabled});
    EXPECT_TRUE(run_as(me, "golden")) << "without criteria all are allowed";
    const ImageCriterion web{{"self"}, {"web-*"}, 90, {}};
    set({.criteria = std::vector{web}});
    const auto refused = run_as(me, "golden");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::operation_not_permitted);
    EXPECT_THAT(refused.error().message, HasSubstr("\"golden\""));
    EXPECT_EQ(run_as(me, image.id.str()).error().code, Code::operation_not_permitted);
    EXPECT_TRUE(run_as(me, "web-1"));
    EXPECT_THAT(progress.notes(), IsEmpty());
    clock.advance(std::chrono::days(91));
    EXPECT_FALSE(run_as(me, "web-1")) << "it is too old by now";
    set({.allowed_images = AllowedImages::audit});
    EXPECT_TRUE(run_as(me, "golden"));
    EXPECT_THAT(progress.notes(), ElementsAre(HasSubstr("\"golden\" meets no criterion")));
    set({.allowed_images = AllowedImages::disabled});
    EXPECT_TRUE(run_as(me, "golden"));
    EXPECT_EQ(progress.notes().size(), 1U);
    EXPECT_EQ(settings.policy()->criteria, std::vector{web}) << "what is not said stays";
    EXPECT_EQ(settings.change({.criteria = std::vector<ImageCriterion>{{}}}).error().code, Code::invalid_parameter_value);
}

TEST_F(Governance, APermissionTakenAwayMeanwhileIsNoPermission) {
    const auto image = import("golden");
    permit("golden", {false, {other}});
    bool done = false;
    // After the launch has looked, before it reserves.
    hypervisor.script().before("info", [&] {
        if (!done) {
            done = true;
            EXPECT_TRUE(governance.reset_permissions(me, "golden"));
        }
    });
    EXPECT_EQ(run_as(other, image.id.str()).error().code, Code::auth_failure);
    EXPECT_TRUE(done);
    EXPECT_THAT(rows(&CatalogSession::instances), IsEmpty());
    expect_clean();
}

TEST_F(Governance, AnImagesPermissionCoversItsOwnSnapshotsOnly) {
    const auto shared = import("shared");
    const auto secret = import("secret", "other bytes");
    permit("shared", {false, {other}});
    EbsDevice device;
    device.snapshot = snapshots_of(secret).front();
    EXPECT_EQ(run_as(other, shared.id.str(), {{"/dev/sdf", device}}).error().code, Code::invalid_snapshot_not_found);
    EXPECT_TRUE(run_as(me, "shared", {{"/dev/sdf", device}}));
    device.snapshot = snapshots_of(shared).front();
    EXPECT_TRUE(run_as(other, shared.id.str(), {{"/dev/sdf", device}}));
}

TEST_F(Governance, ALaunchIsRemembered) {
    const auto image = import("golden");
    EXPECT_EQ(record(image.id).last_launched, std::nullopt);
    hypervisor.script().fail("start", {Code::hypervisor_failed, "no"});
    EXPECT_FALSE(run_as(me, "golden"));
    EXPECT_EQ(record(image.id).last_launched, std::nullopt) << "a launch that failed is none";
    clock.advance(1h);
    ASSERT_TRUE(run_as(me, "golden"));
    EXPECT_EQ(record(image.id).last_launched, clock.now());
}

TEST_F(Governance, UsageNamesWhoRefersToAnImage) {
    const auto image = import("golden");
    auto made = import("made of it", "other bytes");
    made.source_image = image.id;
    made.source_region = "local";
    auto elsewhere = import("of another region's", "more bytes");
    elsewhere.source_image = image.id;
    elsewhere.source_region = "eu";
    ASSERT_TRUE(catalog.write([&](CatalogSession& session) -> Result<void> {
        AMIVIRT_TRY(session.images().update(made));
        return session.images().update(elsewhere);
    }));
    permit("golden", {false, {other}});
    const auto stopped = launch("golden").front().id;
    ASSERT_TRUE(instances.stop(me, stopped.str(), 1s, Force::yes));
    const auto theirs = run_as(other, image.id.str());
    ASSERT_TRUE(theirs);
    const auto ended = launch("golden").front().id;
    ASSERT_TRUE(instances.terminate(me, ended.str()));
    const auto in_template = [&](const AccountId& account, const std::string& name, const std::string& named) {
        const auto kept = templates.create(account, {name, "", {{"ImageId", named}, {"InstanceType", "t3.nano"}}, {}});
        EXPECT_TRUE(kept) << describe(kept.error());
        return kept ? kept->id.str() : "";
    };
    const auto web = in_template(me, "web", image.id.str());
    ASSERT_TRUE(templates.add_version(me, {web, ""}, {"", "", {{"ImageId", made.id.str()}}}));
    ASSERT_TRUE(templates.add_version(me, {web, ""}, {"1", "", {{"InstanceType", "t3.micro"}}}));
    in_template(me, "another", made.id.str());
    const auto their_template = in_template(other, "theirs", image.id.str());
    const auto told = [&](const AccountId& account) {
        const auto usage = governance.usage(account, image.id.str());
        EXPECT_TRUE(usage);
        std::vector<std::string> all;
        for (const auto& reference : usage ? usage->references : std::vector<ImageReference>{}) {
            all.push_back(
                fmt::format("{} {}", reference.id,
                            reference.versions.empty() ? reference.state : fmt::format("{}", fmt::join(reference.versions, ","))));
        }
        return all;
    };
    const auto mine = stopped.str() + " stopped";
    const auto running = theirs->front().id.str() + " running";
    const auto all = ElementsAre(mine, running, web + " 1,3", their_template + " 1", made.id.str() + " available");
    EXPECT_THAT(told(me), all);
    EXPECT_THAT(told(other), ElementsAre(running, their_template + " 1"));
    ASSERT_TRUE(images.deregister(me, "golden", DeleteSnapshots::yes));
    EXPECT_THAT(told(me), all);
    EXPECT_EQ(governance.usage(other, image.id.str()).error().code, Code::invalid_ami_id_unavailable);
}

TEST_F(Governance, UnusedAreThoseThatNobodyWouldMiss) {
    const auto unused = [&](const UnusedQuery& query = {}, const std::optional<AccountId>& account = {}) {
        const auto found = governance.unused(account.value_or(me), query);
        EXPECT_TRUE(found);
        std::vector<std::string> names;
        for (const auto& image : found ? *found : std::vector<Image>{}) {
            names.push_back(image.name);
        }
        return names;
    };
    EXPECT_THAT(unused(), IsEmpty());
    for (const std::string name : {"old", "launched", "template", "shared", "guarded", "off", "broken", "young"}) {
        import(name, name);
        clock.advance(1h);
    }
    const auto launched = launch("launched").front().id;
    ASSERT_TRUE(instances.stop(me, launched.str(), 1s, Force::yes));
    const auto web = templates.create(me, {"web", "", {{"ImageId", images.resolve(me, "template")->id.str()}}, {}});
    ASSERT_TRUE(web) << describe(web.error());
    permit("shared", {false, {other}});
    ASSERT_TRUE(governance.protect(me, "guarded", DeregistrationProtection::enabled));
    ASSERT_TRUE(governance.disable(me, "off"));
    auto broken = *images.resolve(me, "broken");
    broken.state = ImageState::failed;
    auto child = *images.resolve(me, "launched");
    child.source_image = images.resolve(me, "old")->id;
    ASSERT_TRUE(catalog.write([&](CatalogSession& session) -> Result<void> {
        AMIVIRT_TRY(session.images().update(child));
        return session.images().update(broken);
    }));

    EXPECT_THAT(unused(), ElementsAre("old", "off", "broken", "young")) << "one that was made of it is whole by itself";
    EXPECT_THAT(unused({}, other), IsEmpty()) << "others' are not one's own to prune";
    EXPECT_THAT(unused({.filters = {{"name", {"o*", "y*"}}}}), ElementsAre("old", "off", "young"));
    EXPECT_THAT(unused({.keep = 2}), ElementsAre("old", "off")) << "the newest, used or not";
    EXPECT_THAT(unused({.filters = {{"name", {"o*"}}}, .keep = 1}), ElementsAre("old"));
    EXPECT_THAT(unused({.keep = 100}), IsEmpty());
    EXPECT_THAT(unused({.idle = 150min}), ElementsAre("old", "off"));

    ASSERT_TRUE(instances.terminate(me, launched.str()));
    ASSERT_TRUE(images.deregister(me, "old", DeleteSnapshots::no));
    EXPECT_THAT(unused(), ElementsAre("launched", "off", "broken", "young"));
    EXPECT_THAT(unused({.idle = 30min}), ElementsAre("off", "broken", "young")) << "it was launched a moment ago";
}

TEST_F(Governance, AncestryGoesBackAsFarAsThisRegionKnows) {
    auto first = import("first");
    auto second = import("second");
    auto third = import("third");
    const auto far = fakes::nth_id<ImageId>(999);
    first.source_image = far;
    first.source_region = "eu";
    second.source_image = first.id;
    second.source_region = "local";
    third.source_image = second.id;
    const auto write_all = [&] {
        ASSERT_TRUE(catalog.write([&](CatalogSession& session) -> Result<void> {
            AMIVIRT_TRY(session.images().update(first));
            AMIVIRT_TRY(session.images().update(second));
            return session.images().update(third);
        }));
    };
    write_all();
    ASSERT_TRUE(images.deregister(me, "second", DeleteSnapshots::no));
    permit("third", {false, {other}});
    const auto names = [&](const AccountId& account) {
        const auto chain = governance.ancestry(account, third.id.str());
        EXPECT_TRUE(chain);
        std::vector<std::string> all;
        for (const auto& link : chain ? *chain : std::vector<ImageAncestor>{}) {
            all.push_back(link.name);
        }
        return all;
    };
    EXPECT_THAT(names(me), ElementsAre("third", "second", "first"));
    EXPECT_THAT(names(other), ElementsAre("third", "", "")) << "names of what is not shared stay their owner's";
    const auto last = governance.ancestry(me, "third")->back();
    EXPECT_EQ(last.source, far);
    EXPECT_EQ(last.source_region, "eu");
    EXPECT_EQ(governance.ancestry(*AccountId::parse("222233334444"), third.id.str()).error().code, Code::invalid_ami_id_not_found);

    first.source_image = third.id;  // as a catalog that was edited may have it
    first.source_region = "";
    write_all();
    EXPECT_THAT(names(me), ElementsAre("third", "second", "first"));
}

}  // namespace
}  // namespace amivirt::testing
