// Commands that govern images, and how their answers look.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli_bench.hpp"
#include "faces/cli/policy_values.hpp"
#include "faces/cli/render_governance.hpp"

namespace amivirt::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

class CliGovernance : public CliBench {
protected:
    /// The one image of the catalog with this name.
    Json shown(const std::string& name) {
        EXPECT_EQ(amivirt({"image", "show", name, "-o", "json"}), 0) << err;
        return json()["Images"][0];
    }
};

TEST_F(CliGovernance, UsageFaultsAreToldBeforeTheStoreIsOpened) {
    const std::vector<std::vector<std::string>> bad{{"image", "permit"},
                                                    {"image", "permit", "golden"},
                                                    {"image", "permit", "golden", "12"},
                                                    {"image", "permit", "golden", "everybody"},
                                                    {"image", "revoke", "golden"},
                                                    {"image", "revoke", "golden", "all", "--reset"},
                                                    {"image", "revoke", "golden", "--self", "--reset"},
                                                    {"image", "permissions"},
                                                    {"image", "enable"},
                                                    {"image", "disable"},
                                                    {"image", "deprecate", "golden"},
                                                    {"image", "deprecate", "golden", "--at", "tomorrow"},
                                                    {"image", "deprecate", "golden", "--at", "2027-02-30"},
                                                    {"image", "deprecate", "golden", "--in", "90x"},
                                                    {"image", "deprecate", "golden", "--in", "1d", "--cancel"},
                                                    {"image", "protect"},
                                                    {"image", "unprotect"},
                                                    {"image", "restore-from-bin"},
                                                    {"image", "ancestry", "a", "b"},
                                                    {"image", "usage"},
                                                    {"image", "prune", "golden"},
                                                    {"image", "prune", "--keep", "0"},
                                                    {"image", "prune", "--unused-for", "long"},
                                                    {"image", "prune", "--filter", "colour=red"},
                                                    {"image", "tag", "golden"},
                                                    {"image", "tag", "golden", "tiny"},
                                                    {"image", "tag", "a=b", "c=d"},
                                                    {"snapshot", "restore-from-bin"},
                                                    {"bin", "list", "x"},
                                                    {"retention-rule", "create", "image"},
                                                    {"retention-rule", "create", "--days", "1"},
                                                    {"retention-rule", "create", "volume", "--days", "1"},
                                                    {"retention-rule", "create", "image", "--days", "0"},
                                                    {"retention-rule", "create", "image", "--days", "366"},
                                                    {"retention-rule", "create", "image", "--days", "7", "--tag", "aws:x"},
                                                    {"retention-rule", "delete"},
                                                    {"region", "show", "x"},
                                                    {"region", "set"},
                                                    {"region", "set", "--block-public-access", "yes"},
                                                    {"region", "set", "--allowed-images", "maybe"},
                                                    {"region", "set", "--criterion", "self"},
                                                    {"region", "set", "--criterion", "owners=self"},
                                                    {"region", "set", "--criterion", "names=,"},
                                                    {"region", "set", "--criterion", "names=abc;names=abd"},
                                                    {"region", "set", "--criterion", "max-days-since-created=-1"},
                                                    {"region", "set", "--criterion", "providers=me"},
                                                    {"region", "set", "--criterion", "providers=self", "--no-criteria"}};
    for (const auto& tokens : bad) {
        const std::string words = fmt::format("{}", fmt::join(tokens, " "));
        EXPECT_EQ(amivirt(tokens), 2) << words;
        EXPECT_EQ(out, "") << words;
        EXPECT_THAT(err, StartsWith("amivirt: ")) << words;
    }
    EXPECT_EQ(opened, 0);
    EXPECT_EQ(amivirt({"region", "set", "--criterion", "nmaes=abc"}), 2);
    EXPECT_THAT(err, HasSubstr("id you mean \"names\"?"));
}

TEST_F(CliGovernance, AnImageIsSharedAndTakenBack) {
    const auto image = import("golden");
    EXPECT_EQ(amivirt({"image", "permit", "golden", "111122223333", "all"}), 0) << err;
    EXPECT_EQ(out, image.id.str() + "\n");
    EXPECT_EQ(amivirt({"image", "permissions", "golden", "-o", "json"}), 0) << err;
    const Json expected = Json::parse(
        fmt::format(R"({{"ImageId": "{}", "LaunchPermissions": [{{"Group": "all"}}, {{"UserId": "111122223333"}}]}})", image.id.str()));
    EXPECT_EQ(json(), expected);
    EXPECT_EQ(shown("golden")["Public"], true);
    EXPECT_EQ(amivirt({"image", "permissions", "golden"}), 0) << err;
    EXPECT_EQ(out, "MAY LAUNCH    AS\n000000000000  owner\nall           public\n111122223333  listed\n");
    EXPECT_EQ(amivirt({"image", "revoke", "golden", "all", "-o", "json"}), 0) << err;
    EXPECT_EQ(json()["LaunchPermissions"].size(), 1U);
    EXPECT_EQ(amivirt({"image", "revoke", "golden", "--reset", "-o", "json"}), 0) << err;
    EXPECT_EQ(json()["LaunchPermissions"], Json::array());
    EXPECT_EQ(amivirt({"image", "revoke", "golden", "--self"}), 4);
    EXPECT_THAT(err, HasSubstr("(OperationNotPermitted)"));
}

TEST_F(CliGovernance, AnotherAccountSeesAndGivesUpWhatItWasGiven) {
    const auto image = import("golden");
    ASSERT_TRUE(governance.permit(me, "golden", {false, {other}}));
    services.account = other;
    EXPECT_EQ(amivirt({"image", "list", "-o", "id"}), 0);
    EXPECT_EQ(out, image.id.str() + "\n");
    EXPECT_EQ(amivirt({"image", "permit", "golden", "all"}), 4);
    EXPECT_THAT(err, HasSubstr("(AuthFailure)"));
    EXPECT_EQ(amivirt({"image", "deregister", "golden"}), 4);
    EXPECT_EQ(amivirt({"image", "revoke", "golden", "--self"}), 0) << err;
    EXPECT_EQ(amivirt({"image", "list", "-o", "id"}), 0);
    EXPECT_EQ(out, "");
    EXPECT_EQ(amivirt({"run", image.id.str()}), 4);
    EXPECT_THAT(err, HasSubstr(fmt::format("Not authorized for images: [{}] (AuthFailure)", image.id.str())));
}

TEST_F(CliGovernance, UnusedImagesAreShownAndThenPruned) {
    EXPECT_EQ(amivirt({"image", "prune"}), 0) << err;
    EXPECT_THAT(err, HasSubstr("no image of yours is unused"));
    const auto one = import("ci-1", "one");
    const auto two = import("ci-2", "two");
    const auto golden = import("golden", "gold");
    EXPECT_EQ(amivirt({"image", "prune", "--name", "ci-*"}), 0) << err;
    EXPECT_THAT(out, AllOf(HasSubstr("ci-1"), HasSubstr("ci-2"), Not(HasSubstr("golden"))));
    EXPECT_THAT(err, HasSubstr("2 images unused; \"--yes\" deregisters them"));
    EXPECT_EQ(rows(&CatalogSession::snapshots).size(), 3U) << "only shown";

    launch("ci-2");
    EXPECT_EQ(amivirt({"image", "prune", "--keep", "1", "--yes"}), 0) << err;
    EXPECT_EQ(out, one.id.str() + "\n");
    EXPECT_EQ(rows(&CatalogSession::snapshots).size(), 2U);
    EXPECT_EQ(amivirt({"image", "list", "-o", "id"}), 0) << err;
    EXPECT_EQ(out, two.id.str() + "\n" + golden.id.str() + "\n");

    ASSERT_EQ(amivirt({"retention-rule", "create", "image", "--days", "7"}), 0) << err;
    EXPECT_EQ(amivirt({"image", "prune", "--yes", "-o", "json"}), 0) << err;
    EXPECT_EQ(json()["Images"][0]["ImageId"], golden.id.str());
    EXPECT_THAT(err, HasSubstr("image restore-from-bin " + golden.id.str()));
    EXPECT_EQ(amivirt({"image", "prune", "--yes"}), 0) << err;
    EXPECT_EQ(out, "");
}

TEST_F(CliGovernance, TagsOfImagesAlone) {
    const auto image = import("golden");
    const auto instance = launch("golden").front().id;
    ASSERT_EQ(amivirt({"tag", "add", instance.str(), "Name=golden"}), 0) << err;
    EXPECT_EQ(amivirt({"tag", "add", "golden", "stage=prod"}), 2) << "of two kinds";
    EXPECT_EQ(amivirt({"image", "tag", "golden", "stage=prod"}), 0) << err;
    EXPECT_EQ(out, image.id.str() + "\n");
    EXPECT_EQ(shown("golden")["Tags"], Json::parse(R"([{"Key": "stage", "Value": "prod"}])"));
    EXPECT_EQ(amivirt({"image", "tag", instance.str(), "goldne", "golden", "team=web"}), 3);
    EXPECT_EQ(out, image.id.str() + "\n");
    EXPECT_THAT(err, HasSubstr("did you mean \"golden\"?"));
}

TEST_F(CliGovernance, SeveralImagesAreDisabledAndEnabled) {
    const auto one = import("first");
    const auto two = import("second");
    EXPECT_EQ(amivirt({"image", "disable", "first", "nothing", "second"}), 3);
    EXPECT_EQ(out, one.id.str() + "\n" + two.id.str() + "\n");
    EXPECT_THAT(err, HasSubstr("\"nothing\""));
    EXPECT_EQ(amivirt({"image", "list", "-o", "id"}), 0);
    EXPECT_EQ(out, "");
    EXPECT_EQ(amivirt({"image", "list", "--include-disabled"}), 0);
    EXPECT_THAT(out, AllOf(HasSubstr("first"), HasSubstr("disabled")));
    EXPECT_EQ(amivirt({"run", "first"}), 5);
    EXPECT_THAT(err, AllOf(HasSubstr("(InvalidAMIID.Unavailable)"), HasSubstr("image enable")));
    EXPECT_EQ(amivirt({"image", "enable", "first", "second", "-o", "json"}), 0) << err;
    const Json expected = Json::parse(fmt::format(R"({{"Return": true, "ImageIds": ["{}", "{}"]}})", one.id.str(), two.id.str()));
    EXPECT_EQ(json(), expected);
}

TEST_F(CliGovernance, DeprecationAndProtectionAreShown) {
    const auto image = import("golden");
    EXPECT_FALSE(shown("golden").contains("DeprecationTime"));
    EXPECT_EQ(shown("golden")["DeregistrationProtection"], "disabled");
    EXPECT_EQ(amivirt({"image", "deprecate", "golden", "--at", "2027-01-31"}), 0) << err;
    EXPECT_EQ(out, image.id.str() + "\n");
    EXPECT_EQ(shown("golden")["DeprecationTime"], "2027-01-31T00:00:00.000Z");
    EXPECT_EQ(amivirt({"image", "deprecate", "golden", "--in", "1h"}), 0) << err;
    EXPECT_EQ(shown("golden")["DeprecationTime"], "2026-11-22T06:30:00.000Z");
    EXPECT_EQ(amivirt({"image", "deprecate", "golden", "--at", "2026-11-22T05:30:00Z"}), 2);
    EXPECT_THAT(err, HasSubstr("not in the future"));
    EXPECT_EQ(amivirt({"image", "deprecate", "golden", "--in", "106751991d"}), 2);
    clock.advance(std::chrono::hours(1));
    EXPECT_EQ(amivirt({"image", "list"}), 0);
    EXPECT_THAT(out, HasSubstr("available, deprecated"));
    EXPECT_EQ(amivirt({"image", "deprecate", "golden", "--cancel"}), 0) << err;
    EXPECT_FALSE(shown("golden").contains("DeprecationTime"));

    EXPECT_EQ(amivirt({"image", "protect", "golden", "--cooldown"}), 0) << err;
    EXPECT_EQ(shown("golden")["DeregistrationProtection"], "enabled-with-cooldown");
    EXPECT_EQ(amivirt({"image", "deregister", "golden"}), 4);
    EXPECT_THAT(err, AllOf(HasSubstr("(OperationNotPermitted)"), HasSubstr("image unprotect")));
    EXPECT_EQ(amivirt({"image", "unprotect", "golden"}), 0) << err;
    EXPECT_EQ(shown("golden")["DeregistrationProtectedUntil"], "2026-11-23T06:30:00.000Z");
    EXPECT_EQ(amivirt({"image", "show", "golden"}), 0);
    EXPECT_THAT(out, HasSubstr("from deregistration until 2026-11-23T06:30:00.000Z\n"));
    EXPECT_EQ(amivirt({"image", "deregister", "golden"}), 4);
    clock.advance(std::chrono::hours(24));
    EXPECT_EQ(amivirt({"image", "deregister", "golden"}), 0) << err;
}

TEST_F(CliGovernance, TheBinIsListedRestoredAndEmptied) {
    EXPECT_EQ(amivirt({"retention-rule", "create", "image", "--days", "7", "--tag", "keep", "--tag", "stage=prod", "--description", "safe",
                       "-o", "json"}),
              0)
        << err;
    const std::string rule = json()["Identifier"];
    const Json expected_rule = Json::parse(fmt::format(
        R"({{"Identifier": "{}", "ResourceType": "EC2_IMAGE", "RetentionPeriod": {{"RetentionPeriodValue": 7, "RetentionPeriodUnit": "DAYS"}},
             "Description": "safe", "ResourceTags": [{{"ResourceTagKey": "keep"}}, {{"ResourceTagKey": "stage", "ResourceTagValue": "prod"}}],
             "Status": "available"}})",
        rule));
    EXPECT_EQ(json(), expected_rule);
    EXPECT_EQ(amivirt({"retention-rule", "list"}), 0);
    EXPECT_THAT(out, HasSubstr(fmt::format("{}  images  keep, stage=prod  7     safe\n", rule)));
    EXPECT_EQ(amivirt({"retention-rule", "list", "-o", "json"}), 0);
    EXPECT_EQ(json()["Rules"][0], expected_rule);

    stager.add("/disks/tagged.qcow2", fakes::FakeDisk{});
    EXPECT_EQ(amivirt({"image", "import", "/disks/tagged.qcow2", "--name", "golden", "--tag", "keep=yes"}), 0) << err;
    const std::string image = lines().front();
    EXPECT_EQ(amivirt({"image", "deregister", "golden", "--delete-snapshots"}), 0);
    EXPECT_EQ(out, image + "\n");
    EXPECT_THAT(err, AllOf(HasSubstr("until 2026-11-29T05:30:00.000Z"), HasSubstr("amivirt image restore-from-bin " + image)));
    EXPECT_EQ(amivirt({"bin", "list", "-o", "json"}), 0) << err;
    EXPECT_EQ(json()["Images"][0]["ImageId"], image);
    EXPECT_EQ(json()["Images"][0]["RecycleBinEnterTime"], "2026-11-22T05:30:00.000Z");
    EXPECT_EQ(json()["Images"][0]["RecycleBinExitTime"], "2026-11-29T05:30:00.000Z");
    EXPECT_EQ(json()["Snapshots"].size(), 1U);
    EXPECT_EQ(amivirt({"bin", "list"}), 0);
    EXPECT_THAT(out, HasSubstr("golden  2026-11-22T05:30:00.000Z  2026-11-29T05:30:00.000Z\n"));
    EXPECT_EQ(amivirt({"image", "restore-from-bin", "golden"}), 0) << err;
    EXPECT_EQ(out, image + "\n");
    EXPECT_EQ(shown("golden")["State"], "available");

    EXPECT_EQ(amivirt({"image", "deregister", "golden", "--delete-snapshots", "-q"}), 0);
    EXPECT_EQ(err, "");
    EXPECT_EQ(amivirt({"retention-rule", "delete", rule}), 0) << err;
    EXPECT_EQ(out, rule + "\n");
    EXPECT_EQ(amivirt({"retention-rule", "delete", rule}), 3);
    EXPECT_THAT(err, HasSubstr("(ResourceNotFoundException)"));
    EXPECT_EQ(amivirt({"bin", "list", "-o", "id"}), 0);
    EXPECT_EQ(lines().size(), 2U) << "what is there keeps its time";
    clock.advance(std::chrono::hours(24 * 7));
    EXPECT_FALSE(store.layers().empty());
    EXPECT_EQ(amivirt({"ps"}), 0);
    EXPECT_TRUE(store.layers().empty()) << "any command empties it";
    EXPECT_EQ(amivirt({"image", "restore-from-bin", image}), 3);
    expect_clean();
}

TEST_F(CliGovernance, ASnapshotComesBack) {
    EXPECT_EQ(amivirt({"retention-rule", "create", "snapshot", "--days", "1"}), 0) << err;
    const auto volume = make_volume();
    const std::string id = take({volume.id})->front().id.str();
    EXPECT_EQ(amivirt({"snapshot", "delete", id}), 0);
    EXPECT_THAT(err, HasSubstr("amivirt snapshot restore-from-bin " + id));
    EXPECT_EQ(amivirt({"snapshot", "list", "-o", "id"}), 0);
    EXPECT_EQ(out, "");
    EXPECT_EQ(amivirt({"snapshot", "restore-from-bin", id, "snap-0123456789abcdef0"}), 3);
    EXPECT_EQ(out, id + "\n");
    EXPECT_EQ(amivirt({"snapshot", "list", "-o", "id"}), 0);
    EXPECT_EQ(out, id + "\n");
}

TEST_F(CliGovernance, TheRegionsRulesAreSetAndShown) {
    import("golden");
    EXPECT_EQ(amivirt({"region", "show"}), 0) << err;
    EXPECT_EQ(out, "Region          local\nPublic access   not blocked\nAllowed images  disabled: all are allowed\n");
    EXPECT_FALSE(shown("golden").contains("ImageAllowed"));
    EXPECT_EQ(amivirt({"region", "set", "--block-public-access", "on", "--allowed-images", "audit", "--criterion",
                       "providers=self,amazon;names=web-*;max-days-since-created=90", "--criterion", "max-days-since-deprecated=0;names=db",
                       "-o", "json"}),
              2)
        << "no image is called db";
    EXPECT_EQ(amivirt({"region", "set", "--block-public-access", "on", "--allowed-images", "audit", "--criterion",
                       "providers=self,amazon;names=web-*;max-days-since-created=90", "--criterion",
                       "max-days-since-deprecated=0;names=db-1", "-o", "json"}),
              0)
        << err;
    const Json expected = Json::parse(R"({"RegionName": "local", "ImageBlockPublicAccessState": "block-new-sharing", "State": "audit-mode",
        "ImageCriteria": [{"ImageProviders": ["self", "amazon"], "ImageNames": ["web-*"], "CreationDateCondition": {"MaximumDaysSinceCreated": 90}},
                          {"ImageNames": ["db-1"], "DeprecationTimeCondition": {"MaximumDaysSinceDeprecated": 0}}]})");
    EXPECT_EQ(json(), expected);
    EXPECT_EQ(shown("golden")["ImageAllowed"], false);
    EXPECT_EQ(amivirt({"image", "list", "-o", "json"}), 0);
    EXPECT_EQ(json()["Images"][0]["ImageAllowed"], false);
    EXPECT_EQ(amivirt({"image", "permit", "golden", "all"}), 4);
    EXPECT_THAT(err, AllOf(HasSubstr("block public access"), HasSubstr("(OperationNotPermitted)")));
    EXPECT_EQ(amivirt({"run", "golden", "--type", "t3.nano", "-o", "id"}), 0);
    EXPECT_THAT(err, HasSubstr("meets no criterion"));
    EXPECT_EQ(amivirt({"region", "set", "--allowed-images", "enabled"}), 0) << err;
    EXPECT_THAT(out, AllOf(HasSubstr("Criterion       providers=self,amazon;names=web-*;max-days-since-created=90\n"),
                           HasSubstr("Public access   blocked")));
    EXPECT_EQ(amivirt({"run", "golden"}), 4);
    EXPECT_THAT(err, AllOf(HasSubstr("(OperationNotPermitted)"), HasSubstr("region show")));
    EXPECT_EQ(amivirt({"region", "set", "--no-criteria", "--block-public-access", "off"}), 0) << err;
    EXPECT_THAT(out, Not(HasSubstr("Criterion")));
    EXPECT_EQ(shown("golden")["ImageAllowed"], true);
}

TEST_F(CliGovernance, UsageAndAncestryAreTold) {
    const auto first = import("first");
    auto second = import("second");
    second.source_image = first.id;
    second.source_region = "local";
    ASSERT_TRUE(catalog.write([&](CatalogSession& session) { return session.images().update(second); }));
    EXPECT_EQ(amivirt({"image", "usage", "first", "-o", "json"}), 0);
    EXPECT_THAT(err, HasSubstr("never launched"));
    EXPECT_FALSE(json().contains("LastLaunchedTime"));
    EXPECT_EQ(amivirt({"run", "first", "--type", "t3.nano", "--name", "web", "-o", "id"}), 0) << err;
    const std::string instance = lines().front();
    const auto kept = templates.create(me, {"web", "", {{"ImageId", first.id.str()}}, {}});
    ASSERT_TRUE(kept);
    EXPECT_EQ(amivirt({"image", "usage", "first", "-o", "json"}), 0);
    EXPECT_EQ(json()["LastLaunchedTime"], "2026-11-22T05:30:00.000Z");
    const Json expected = Json::parse(fmt::format(
        R"([{{"ImageId": "{0}", "ResourceType": "ec2:Instance", "ResourceId": "{1}", "ResourceName": "web", "OwnerId": "000000000000",
              "State": "running"}},
            {{"ImageId": "{0}", "ResourceType": "ec2:LaunchTemplate", "ResourceId": "{3}", "ResourceName": "web", "OwnerId": "000000000000",
              "Versions": [1]}},
            {{"ImageId": "{0}", "ResourceType": "ec2:Image", "ResourceId": "{2}", "ResourceName": "second", "OwnerId": "000000000000",
              "State": "available"}}])",
        first.id.str(), instance, second.id.str(), kept->id.str()));
    EXPECT_EQ(json()["ImageReferences"], expected);
    EXPECT_EQ(amivirt({"image", "usage", "first"}), 0);
    EXPECT_THAT(out,
                AllOf(HasSubstr("instance  " + instance + "    web     000000000000  running"), HasSubstr("image     " + second.id.str()),
                      HasSubstr("template  " + kept->id.str()), HasSubstr("  version 1\n")));
    EXPECT_EQ(amivirt({"image", "ancestry", "second", "-o", "json"}), 0) << err;
    EXPECT_EQ(json()["ImageAncestryEntries"][0]["SourceImageId"], first.id.str());
    EXPECT_EQ(json()["ImageAncestryEntries"][0]["SourceImageRegion"], "local");
    EXPECT_EQ(json()["ImageAncestryEntries"][1]["ImageId"], first.id.str());
    EXPECT_FALSE(json()["ImageAncestryEntries"][1].contains("SourceImageId"));
    EXPECT_EQ(amivirt({"image", "ancestry", "second", "-o", "id"}), 0);
    EXPECT_EQ(out, second.id.str() + "\n" + first.id.str() + "\n");
    EXPECT_EQ(shown("second")["SourceImageId"], first.id.str());
    EXPECT_EQ(amivirt({"image", "deregister", "first"}), 0) << err;
    EXPECT_EQ(amivirt({"image", "usage", first.id.str(), "-o", "id"}), 0) << err;
    EXPECT_EQ(out, instance + "\n" + kept->id.str() + "\n" + second.id.str() + "\n");
}

TEST(CliAncestryTable, ASourceThatIsNotHereHasALineOfItsOwn) {
    const ImageAncestor link{fakes::nth_id<ImageId>(1),   AccountId::local(),        "golden",
                             fakes::ManualClock::k_start, fakes::nth_id<ImageId>(2), "eu"};
    EXPECT_EQ(cli::ancestry_table({link}),
              "ID                     NAME    OWNER         CREATED                   REGION\n"
              "ami-00000000000000001  golden  000000000000  2026-11-22T05:30:00.000Z  -\n"
              "ami-00000000000000002  -       -             -                         eu\n");
}

TEST(CliPolicyValues, ARuleTagHasAValueOrNone) {
    EXPECT_EQ(cli::parse_rule_tag("keep")->second, std::nullopt);
    EXPECT_EQ(cli::parse_rule_tag("keep=")->second, "");
    EXPECT_EQ(cli::parse_rule_tag("a=b=c")->second, "b=c");
    EXPECT_FALSE(cli::parse_rule_tag("=x"));
    EXPECT_EQ(cli::parse_rule_kind("EBS_SNAPSHOT"), RetainedKind::snapshot);
    EXPECT_EQ(cli::parse_rule_kind("imgae").error().hint, "did you mean \"image\"?");
}

}  // namespace
}  // namespace amivirt::testing
