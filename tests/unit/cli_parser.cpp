// Tokens to values.
#include "faces/cli/parser.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <sstream>

#include "faces/cli/globals.hpp"
#include "faces/cli/values.hpp"

namespace amivirt::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class CliParser : public ::testing::Test {
protected:
    CliParser() {
        options_.words({.name = "IMAGE", .help = "", .least = 0, .most = 2, .into = &words_});
        options_.text("--name", "NAME", "", name_);
        options_.parsed("-n,--count", "N", "", count_, [](std::string_view text) { return parse_count(text, 1, 100); });
        options_.texts("--tag", "KEY=VALUE", "", tags_);
        options_.flag("--force", "", [this] { ++forced_; });
        add_globals(options_, globals_);
    }

    Result<Parsed> read(const std::vector<std::string>& tokens) {
        const Surroundings around{.in = in_,
                                  .out = out_,
                                  .err = out_,
                                  .out_is_terminal = false,
                                  .err_is_terminal = false,
                                  .columns = 80,
                                  .environment = [this](const std::string& name) -> std::optional<std::string> {
                                      const auto found = environment_.find(name);
                                      return found == environment_.end() ? std::nullopt : std::optional(found->second);
                                  },
                                  .detach = {},
                                  .ticks = {}};
        return parse(options_, "run", tokens, around);
    }
    Error fault(const std::vector<std::string>& tokens) {
        const auto result = read(tokens);
        EXPECT_FALSE(result) << "no fault found";
        return result ? Error() : result.error();
    }

    OptionSet options_;
    Globals globals_;
    std::vector<std::string> words_;
    std::string name_;
    unsigned count_ = 0;
    std::vector<std::string> tags_;
    int forced_ = 0;
    std::map<std::string, std::string> environment_;
    std::istringstream in_;
    std::ostringstream out_;
};

TEST_F(CliParser, OptionsAndWordsInAnyOrder) {
    ASSERT_TRUE(read({"--name", "web", "debian", "-n3", "--tag", "a=1", "other", "--tag=b=2", "--force", "--force"}));
    EXPECT_EQ(name_, "web");
    EXPECT_EQ(count_, 3U);
    EXPECT_THAT(words_, ElementsAre("debian", "other"));
    EXPECT_THAT(tags_, ElementsAre("a=1", "b=2"));
    EXPECT_EQ(forced_, 2);
}

TEST_F(CliParser, AnOptionTakesOneValueOnly) {
    ASSERT_TRUE(read({"--tag", "a=1", "debian"}));
    EXPECT_THAT(tags_, ElementsAre("a=1"));
    EXPECT_THAT(words_, ElementsAre("debian"));
}

TEST_F(CliParser, AnEmptyValueIsNotWhatIsMeantWhereNothingIsSaid) {
    for (const auto& tokens :
         std::vector<std::vector<std::string>>{{"--name=", "debian"}, {"--name", "", "debian"}, {"--tag", "a", "--tag", "", "debian"}}) {
        const auto refused = read(tokens);
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code, Code::usage);
        EXPECT_THAT(refused.error().message, HasSubstr("is empty"));
    }
}

TEST_F(CliParser, ValuesAreTakenAsTheyAre) {
    ASSERT_TRUE(read({"--name", "[a,b]", "[c,d]", "{}"}));
    EXPECT_EQ(name_, "[a,b]");
    EXPECT_THAT(words_, ElementsAre("[c,d]", "{}"));
    ASSERT_TRUE(read({"--tag", "%%", "--tag", "a b", "-"}));
    EXPECT_THAT(tags_, ElementsAre("%%", "a b"));
    EXPECT_THAT(words_, ElementsAre("-"));
}

TEST_F(CliParser, AfterTwoDashesEverythingIsAWord) {
    ASSERT_TRUE(read({"--force", "--", "--name", "-x"}));
    EXPECT_THAT(words_, ElementsAre("--name", "-x"));
    EXPECT_EQ(name_, "");
}

TEST_F(CliParser, GlobalOptions) {
    ASSERT_TRUE(read({"-vv", "--home", "/h", "-c", "test:///default", "--region=eu", "--account", "111122223333", "--accel", "tcg",
                      "--log-file", "/l", "-o", "json"}));
    EXPECT_EQ(globals_.options.verbosity, 2);
    EXPECT_EQ(globals_.options.home, "/h");
    EXPECT_EQ(globals_.options.connect, "test:///default");
    EXPECT_EQ(globals_.options.region, "eu");
    EXPECT_EQ(globals_.options.account, "111122223333");
    EXPECT_EQ(globals_.options.accelerator, AcceleratorRequest::tcg);
    EXPECT_EQ(globals_.options.log_file, "/l");
    EXPECT_EQ(globals_.format, Format::json);
}

TEST_F(CliParser, OfAGlobalOptionTheLastCounts) {
    ASSERT_TRUE(read({"--home", "/a", "--home", "/b"}));
    EXPECT_EQ(globals_.options.home, "/b");
}

TEST_F(CliParser, TheEnvironmentStandsInForWhatIsNotSaid) {
    environment_ = {{"AMIVIRT_HOME", "/e"},   {"AMIVIRT_URI", "qemu:///session"},
                    {"AMIVIRT_REGION", "r"},  {"AMIVIRT_ACCOUNT", "999988887777"},
                    {"AMIVIRT_ACCEL", "kvm"}, {"AMIVIRT_LOG", "/log"}};
    ASSERT_TRUE(read({"--home", "/option"}));
    EXPECT_EQ(globals_.options.home, "/option");
    EXPECT_EQ(globals_.options.connect, "qemu:///session");
    EXPECT_EQ(globals_.options.region, "r");
    EXPECT_EQ(globals_.options.account, "999988887777");
    EXPECT_EQ(globals_.options.accelerator, AcceleratorRequest::kvm);
    EXPECT_EQ(globals_.options.log_file, "/log");
}

TEST_F(CliParser, AFaultInTheEnvironmentNamesTheVariable) {
    environment_ = {{"AMIVIRT_ACCEL", "fast"}};
    EXPECT_THAT(fault({}).message, HasSubstr("AMIVIRT_ACCEL"));
    ASSERT_TRUE(read({"--accel", "tcg"}));
}

TEST_F(CliParser, UnknownOptionSuggestsTheNearest) {
    const Error error = fault({"--nmae", "web"});
    EXPECT_EQ(error.code, Code::usage);
    EXPECT_EQ(error.message, "unknown option \"--nmae\" for \"amivirt run\"");
    EXPECT_EQ(error.hint, "did you mean \"--name\"?");
    EXPECT_EQ(fault({"--zzzzzzzzzz=1"}).message, "unknown option \"--zzzzzzzzzz\" for \"amivirt run\"");
    EXPECT_EQ(fault({"--zzzzzzzzzz=1"}).hint, "see \"amivirt run --help\"");
    EXPECT_EQ(fault({"-z"}).message, "unknown option \"-z\" for \"amivirt run\"");
}

TEST_F(CliParser, BadValuesNameTheirOption) {
    for (const char* bad : {"0", "-3", "abc", "1e9", ""}) {
        EXPECT_EQ(fault({"-n", bad}).message, std::string("--count: \"") + bad + "\" is not a whole number from 1 to 100");
    }
    EXPECT_EQ(fault({"-n"}).message, "-n needs a value");
    EXPECT_EQ(fault({"--name"}).message, "--name needs a value");
    EXPECT_EQ(fault({"-o", "xml"}).message, "--output: Invalid output format \"xml\" (expecting table | json | yaml | id)");
    EXPECT_EQ(fault({"--account", "12"}).code, AccountId::parse("12").error().code);
}

TEST_F(CliParser, AnOptionIsNoValueUnlessItIsSaidToBe) {
    EXPECT_EQ(fault({"--name", "--force", "x"}).message, "--name needs NAME, but the option \"--force\" follows it");
    ASSERT_TRUE(read({"--name=--force", "x"}));
    EXPECT_EQ(name_, "--force");
}

TEST_F(CliParser, TwiceOrWithAValueThatItDoesNotTake) {
    EXPECT_EQ(fault({"--name", "a", "--name", "b"}).message, "--name is given 2 times");
    EXPECT_EQ(fault({"--force=no"}).message, "--force takes no value, but \"no\" is given");
}

TEST_F(CliParser, TooManyWords) { EXPECT_EQ(fault({"a", "b", "c"}).message, "unexpected \"c\" for \"amivirt run\""); }

TEST_F(CliParser, HelpWinsOverFaults) {
    EXPECT_TRUE(read({"-h"})->wants_help);
    EXPECT_TRUE(read({"--nmae", "--help"})->wants_help);
    EXPECT_TRUE(read({"--help", "-n"})->wants_help);
    EXPECT_TRUE(read({"--version"})->wants_version);
    EXPECT_THAT(words_, IsEmpty());
}

class CliCommandWords : public ::testing::Test {
protected:
    CliCommandWords() { add_globals(globals_set_, globals_); }
    Result<CommandWords> find(const std::vector<std::string>& tokens) const {
        return find_command(tokens, {"run", "ps", "instance list", "image import", "image list", "instance-type list"}, globals_set_);
    }
    OptionSet globals_set_;
    Globals globals_;
};

TEST_F(CliCommandWords, GlobalOptionsStandAnywhere) {
    const auto found = find({"--home", "run", "-q", "image", "-o", "json", "import", "FILE", "--name", "x"});
    ASSERT_TRUE(found);
    EXPECT_EQ(found->path, "image import");
    EXPECT_THAT(found->rest, ElementsAre("--home", "run", "-q", "-o", "json", "FILE", "--name", "x"));
}

TEST_F(CliCommandWords, AWordAfterTheCommandIsNoCommand) {
    EXPECT_EQ(find({"run", "list"})->path, "run");
    EXPECT_THAT(find({"run", "list"})->rest, ElementsAre("list"));
    EXPECT_EQ(find({"instance-type", "list"})->path, "instance-type list");
}

TEST_F(CliCommandWords, NoneOrOnlyANoun) {
    EXPECT_EQ(find({})->path, "");
    EXPECT_EQ(find({"--help"})->path, "");
    EXPECT_EQ(find({"image"})->path, "image");
}

TEST_F(CliCommandWords, AWrongOptionBeforeTheCommandIsNamedRatherThanItsValue) {
    EXPECT_EQ(find({"--conect", "test:///default", "ps"}).error().message, "unknown option \"--conect\" before the command");
    EXPECT_EQ(find({"--conect", "test:///default", "ps"}).error().hint, "did you mean \"--connect\"?");
    EXPECT_EQ(find({"--user-data", "web", "run"}).error().hint, "a command's own options stand after it");
    EXPECT_EQ(find({"--all", "ps"})->path, "ps");
}

TEST_F(CliCommandWords, UnknownWordsSuggestTheNearest) {
    EXPECT_EQ(find({"imgae", "list"}).error().message, "unknown command \"imgae\"");
    EXPECT_EQ(find({"imgae", "list"}).error().hint, "did you mean \"image\"?");
    EXPECT_EQ(find({"image", "lsit"}).error().message, "unknown command \"image lsit\"");
    EXPECT_EQ(find({"image", "lsit"}).error().hint, "did you mean \"image list\"?");
    EXPECT_EQ(find({"import"}).error().hint, "did you mean \"amivirt image import\"?");
    EXPECT_EQ(find({"xyzzyxyzzy"}).error().hint, "see \"amivirt --help\"");
    EXPECT_EQ(find({""}).error().message, "unknown command \"\"");
    EXPECT_EQ(facts(find({"volume"}).error().code).exit_status, 2);
}

}  // namespace
}  // namespace amivirt::cli
