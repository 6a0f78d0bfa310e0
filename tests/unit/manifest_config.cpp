// config.yaml.
#include <gmock/gmock.h>

#include "adapters/manifest/config.hpp"
#include "manifest_scratch.hpp"

namespace amivirt {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class ConfigTest : public test::Scratch {
protected:
    std::vector<std::string> faults_of(const std::string& yaml) {
        const auto result = read_config(write("config.yaml", yaml));
        if (result) {
            return {"no fault"};
        }
        EXPECT_EQ(result.error().code, Code::invalid_manifest);
        return faults(result.error().message);
    }
};

TEST_F(ConfigTest, AbsentFileIsAllDefaults) {
    const auto config = read_config(path("none/config.yaml"));
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_EQ(config->default_region, "local");
    EXPECT_EQ(config->default_account, std::nullopt);
    EXPECT_TRUE(config->regions.empty());
    EXPECT_EQ(config->accelerator, AcceleratorRequest::automatic);
    EXPECT_EQ(config->templates, "");
    EXPECT_EQ(config->chain_limit, 8U);
    EXPECT_FALSE(std::filesystem::exists(path("none")));
}

TEST_F(ConfigTest, ReadsEveryField) {
    ::setenv("HOME", "/home/somebody", 1);
    const auto config = read_config(write("config.yaml", R"(
defaultRegion: lab
defaultAccount: 012345678901
accelerator: tcg
templates: ~/templates
chainLimit: 3
regions:
  local:
  lab: {uri: "qemu:///system", store: stores/lab}
  other: {store: /srv/other}
)"));
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_EQ(config->default_region, "lab");
    EXPECT_EQ(config->default_account, *AccountId::parse("012345678901"));
    EXPECT_EQ(config->accelerator, AcceleratorRequest::tcg);
    EXPECT_EQ(config->templates, "/home/somebody/templates");
    EXPECT_EQ(config->chain_limit, 3U);
    ASSERT_EQ(config->regions.size(), 3U);
    EXPECT_EQ(config->regions.at("local").uri, "");
    EXPECT_EQ(config->regions.at("lab").uri, "qemu:///system");
    EXPECT_EQ(config->regions.at("lab").store, path("stores/lab"));
    EXPECT_EQ(config->regions.at("other").store, "/srv/other");
}

TEST_F(ConfigTest, ReadsAccounts) {
    const auto config = read_config(write("config.yaml", R"(
defaultAccount: build
accounts:
  111122223333: {alias: build}
  "000000000000":
)"));
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_THAT(config->accounts, ElementsAre(Account{*AccountId::parse("111122223333"), "build"}, Account{AccountId::local(), ""}));
    EXPECT_EQ(config->default_account, *AccountId::parse("111122223333"));
}

TEST_F(ConfigTest, TellsFaultsOfAccountsWithTheirLines) {
    EXPECT_THAT(faults_of(R"(defaultAccount: bulid
accounts:
  111122223333: {alias: build}
  12: {}
  222233334444: {alias: Upper}
  333344445555: {alias: build}
  444455556666: {alais: other}
  111122223333: {}
  555566667777: text
)"),
                ElementsAre("config.yaml:1: defaultAccount: \"bulid\" is the alias of none of the accounts here",
                            "config.yaml:4: accounts: \"12\" is not an account's id of 12 digits",
                            StartsWith("config.yaml:5: accounts.222233334444.alias: Invalid account alias: \"Upper\""),
                            "config.yaml:6: accounts.333344445555.alias: \"build\" is the alias of 111122223333 already",
                            "config.yaml:7: accounts.444455556666: unknown key \"alais\"; did you mean \"alias\"?",
                            "config.yaml:8: accounts.111122223333: is given twice, first on line 3",
                            "config.yaml:9: accounts.555566667777: is a single value, not a map of fields"));
    EXPECT_THAT(faults_of("accounts: [a]\n"), ElementsAre("config.yaml:1: accounts: is a list, not a map of fields"));
}

TEST_F(ConfigTest, OneRegionIsTheDefault) {
    const auto config = read_config(write("config.yaml", "regions: {lab: {}}\n"));
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_EQ(config->default_region, "lab");
}

TEST_F(ConfigTest, TellsAllFaultsAtOnce) {
    EXPECT_THAT(
        faults_of("defaultregion: lab\ndefaultAccount: 12\naccelerator: fast\nregions:\n  Lab: {url: x}\n  lab: {uri: "
                  "nonsense}\ntemplates: ''\n"),
        ElementsAre("config.yaml:1: unknown key \"defaultregion\"; did you mean \"defaultRegion\"?",
                    "config.yaml:1: defaultRegion: is missing; it is one of Lab, lab", StartsWith("config.yaml:2: defaultAccount: "),
                    StartsWith("config.yaml:3: accelerator: "), StartsWith("config.yaml:5: regions: \"Lab\" is not a region's name"),
                    "config.yaml:5: regions.Lab: unknown key \"url\"; did you mean \"uri\"?",
                    StartsWith("config.yaml:6: regions.lab.uri: \"nonsense\" is not a libvirt URI"), "config.yaml:7: templates: is empty"));
}

TEST_F(ConfigTest, RefusesBadForms) {
    EXPECT_THAT(faults_of("regions: [a]\n"), ElementsAre("config.yaml:1: regions: is a list, not a map of fields"));
    EXPECT_THAT(faults_of("regions: {a: 1}\n"), ElementsAre("config.yaml:1: regions.a: is a single value, not a map of fields"));
    EXPECT_THAT(faults_of("regions: {../../etc: {}}\n"), ElementsAre(HasSubstr("is not a region's name")));
    EXPECT_THAT(faults_of("defaultRegion: b\nregions: {a: {}}\n"),
                ElementsAre("config.yaml:1: defaultRegion: \"b\" is none of the regions here (a)"));
    EXPECT_THAT(faults_of("accelerator: {}\n"), ElementsAre("config.yaml:1: accelerator: is a map, not text"));
    EXPECT_THAT(faults_of("accelerator: tcg\naccelerator: kvm\n"),
                ElementsAre("config.yaml:2: accelerator: is given twice, first on line 1"));
    for (const char* limit : {"1", "2", "101", "-2", "many", "8.5"}) {
        EXPECT_THAT(faults_of(std::string("# a comment\nchainLimit: ") + limit),
                    ElementsAre(StartsWith(std::string("config.yaml:2: chainLimit: \"") + limit + "\" is not")))
            << limit;
    }
    EXPECT_THAT(faults_of("{"), ElementsAre(HasSubstr("not YAML")));
}

TEST_F(ConfigTest, AFileOfCommentsIsAllDefaults) {
    const auto config = read_config(write("config.yaml", "# defaultRegion: lab\n"));
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_EQ(config->default_region, "local");
}

}  // namespace
}  // namespace amivirt
