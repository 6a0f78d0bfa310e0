// The commands that search, tag and make accounts, on fakes.
#include "cli_bench.hpp"

namespace amivirt::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

class CliSearch : public CliBench {
protected:
    Image make(const std::string& name, std::string_view content) {
        Image image = import(name, std::string(content));
        clock.advance(std::chrono::seconds(1));
        return image;
    }
};

TEST_F(CliSearch, TheNewestOfAName) {
    make("web-1", "a");
    const Image newest = make("web-2", "b");
    make("data", "c");
    ASSERT_EQ(amivirt({"image", "list", "--name", "web-*", "--sort", "-creation-date", "--limit", "1", "-o", "id"}), 0) << err;
    EXPECT_THAT(lines(), ElementsAre(newest.id.str()));
    ASSERT_EQ(amivirt({"image", "list", "--sort=-name", "-o", "json"}), 0) << err;
    EXPECT_EQ(json()["Images"][0]["Name"], "web-2");
    EXPECT_EQ(json()["Images"][2]["Name"], "data");
    ASSERT_EQ(amivirt({"image", "list", "--name", "data", "--name", "web-1", "-o", "id"}), 0) << err;
    EXPECT_THAT(lines(), SizeIs(2));
}

TEST_F(CliSearch, OwnersByAlias) {
    make("tiny", "a");
    ASSERT_EQ(amivirt({"account", "create", "--alias", "build", "--id", other.str()}), 0) << err;
    ASSERT_EQ(amivirt({"account", "create", "--alias", "home", "--id", me.str(), "-q"}), 0) << err;
    EXPECT_EQ(err, "");
    ASSERT_EQ(amivirt({"image", "list", "--owner", "home", "-o", "json"}), 0) << err;
    EXPECT_EQ(json()["Images"][0]["ImageOwnerAlias"], "home");
    ASSERT_EQ(amivirt({"image", "show", "tiny", "-o", "json"}), 0) << err;
    EXPECT_EQ(json()["Images"][0]["ImageOwnerAlias"], "home");
    ASSERT_EQ(amivirt({"image", "list", "--owner", "build", "--owner", "amazon", "-o", "id"}), 0) << err;
    EXPECT_EQ(out, "");
    ASSERT_EQ(amivirt({"image", "list", "--filter", "owner-alias=ho*", "-o", "id"}), 0) << err;
    EXPECT_THAT(lines(), SizeIs(1));
    EXPECT_EQ(amivirt({"image", "list", "--owner", "hme"}), 2);
    EXPECT_THAT(err, HasSubstr("account \"hme\""));
    EXPECT_THAT(err, HasSubstr("did you mean \"home\"?"));
}

TEST_F(CliSearch, AnAccountsSecretIsToldOnce) {
    ASSERT_EQ(amivirt({"account", "create", "--alias", "build", "--id", other.str()}), 0) << err;
    const AccessKey key = book.keys()->front();
    EXPECT_THAT(lines(), ElementsAre(other.str()));
    EXPECT_THAT(err, HasSubstr(key.id));
    EXPECT_THAT(err, HasSubstr(key.secret));
    ASSERT_EQ(amivirt({"account", "list"}), 0);
    EXPECT_THAT(out, HasSubstr("111122223333  build  " + key.id));
    EXPECT_THAT(out, ::testing::Not(HasSubstr(key.secret)));
    ASSERT_EQ(amivirt({"account", "list", "-o", "json"}), 0);
    EXPECT_EQ(json(), Json::parse(R"({"Accounts": [{"Id": "000000000000", "AccessKeyIds": []},
                                                  {"Id": "111122223333", "Alias": "build", "AccessKeyIds": [")" +
                                  key.id + "\"]}]}"));
    ASSERT_EQ(amivirt({"account", "create", "-o", "json"}), 0);
    EXPECT_EQ(json()["AccessKey"]["SecretAccessKey"], book.keys()->back().secret);
    EXPECT_EQ(err, "");
    EXPECT_EQ(opened, 0);  // accounts belong to no region
    EXPECT_EQ(amivirt({"account", "create", "--alias", "build"}), 2);
    EXPECT_THAT(err, HasSubstr("build"));
}

TEST_F(CliSearch, TheAccountToActForMayBeAnAlias) {
    ASSERT_EQ(amivirt({"ps", "--account", "build"}), 0) << err;
    EXPECT_EQ(given.account, "build");
    environment["AMIVIRT_ACCOUNT"] = "Not an alias";
    EXPECT_EQ(amivirt({"ps"}), 2);
    EXPECT_THAT(err, HasSubstr("AMIVIRT_ACCOUNT"));
}

TEST_F(CliSearch, TagsAreAddedListedAndRemoved) {
    const Image image = make("tiny", "a");
    const Volume volume = make_volume();
    ASSERT_EQ(amivirt({"tag", "add", "tiny", volume.id.str(), "stage=prod", "note=a=b, c"}), 0) << err;
    EXPECT_THAT(lines(), ElementsAre(image.id.str(), volume.id.str()));
    ASSERT_EQ(amivirt({"tag", "list", "tiny", "-o", "json"}), 0) << err;
    const auto tag = [&](const std::string& key, const std::string& value) -> Json {
        return {{"Key", key}, {"ResourceId", image.id.str()}, {"ResourceType", "image"}, {"Value", value}};
    };
    Json expected;
    expected["Tags"] = {tag("note", "a=b, c"), tag("stage", "prod")};
    EXPECT_EQ(json(), expected);
    ASSERT_EQ(amivirt({"tag", "list", "--filter", "resource-type=volume", "--filter", "tag:stage=prod"}), 0) << err;
    EXPECT_THAT(lines(), ElementsAre(StartsWith("RESOURCE"), StartsWith(volume.id.str())));
}

TEST_F(CliSearch, OneThatFailsDoesNotStopTheOthers) {
    const Image image = make("tiny", "a");
    EXPECT_EQ(amivirt({"tag", "add", "nothing", "tiny", "ami-00000000000000099", "stage=prod"}), 3);
    EXPECT_THAT(err, HasSubstr("\"nothing\""));
    EXPECT_THAT(err, HasSubstr("ami-00000000000000099"));
    EXPECT_THAT(lines(), ElementsAre(image.id.str()));
    ASSERT_EQ(amivirt({"tag", "remove", "tiny", "--key", "stage", "none=x"}), 0) << err;
    ASSERT_EQ(amivirt({"tag", "list", "-o", "id"}), 0);
    EXPECT_THAT(lines(), IsEmpty());
    ASSERT_EQ(amivirt({"tag", "add", "tiny", "a=1", "b="}), 0);
    ASSERT_EQ(amivirt({"tag", "remove", "tiny", "--all"}), 0);
    ASSERT_EQ(amivirt({"tag", "list"}), 0);
    EXPECT_THAT(lines(), ElementsAre(StartsWith("RESOURCE")));
}

TEST_F(CliSearch, AManifestsTagsMayBeReplaced) {
    ImageManifest manifest;
    manifest.name = "made";
    manifest.source.file = "/disks/tiny.qcow2";
    manifest.tags = {{"stage", "test"}, {"team", "web"}};
    make("tiny", "a");
    manifests.add("image.yaml", manifest);
    ASSERT_EQ(amivirt({"image", "register", "-f", "image.yaml", "--tag", "stage=prod", "--tag", "new"}), 0) << err;
    EXPECT_EQ(rows(&CatalogSession::images).back().tags, (Tags{{"new", ""}, {"stage", "prod"}, {"team", "web"}}));
}

}  // namespace
}  // namespace amivirt::testing
