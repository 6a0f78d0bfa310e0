// What a half-typed command line may go on with.
#include "cli_bench.hpp"
#include "faces/cli/command.hpp"
#include "faces/cli/completion.hpp"

namespace amivirt::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

class CliCompletion : public CliBench {
protected:
    /// The words offered; "/files" and "/folders" where those fit.
    std::vector<std::string> complete(std::vector<std::string> tokens) {
        tokens.insert(tokens.begin(), "__complete");
        EXPECT_EQ(amivirt(tokens), 0);
        EXPECT_EQ(err, "");
        EXPECT_EQ(opened, 0) << "a press of TAB opens no store";
        std::vector<std::string> offered;
        for (const std::string& line : lines()) {
            const std::size_t tab = line.find('\t');
            EXPECT_NE(tab, std::string::npos) << line;
            offered.push_back(tab == 0 ? "/" + line.substr(1) : line.substr(0, tab));
        }
        return offered;
    }
};

TEST_F(CliCompletion, Commands) {
    EXPECT_THAT(complete({""}), IsSupersetOf({"run", "image", "instance", "ps", "completion"}));
    EXPECT_THAT(complete({""}), Not(Contains(HasSubstr("__"))));
    EXPECT_THAT(complete({"ru"}), ElementsAre("run"));
    EXPECT_THAT(complete({"im"}), ElementsAre("image"));
    EXPECT_THAT(complete({"image", "imp"}), ElementsAre("import"));
    EXPECT_THAT(complete({"instance", "st"}), ElementsAre("start", "stop"));
    EXPECT_THAT(complete({"help", "ru"}), ElementsAre("run"));
    EXPECT_THAT(complete({"--region", "eu", "-v", "image", "imp"}), ElementsAre("import"));
    EXPECT_THAT(complete({"nonsense", ""}), IsEmpty());
    EXPECT_THAT(complete({"image", "nonsense", ""}), IsEmpty());
    EXPECT_EQ(complete({}), std::vector<std::string>());
}

TEST_F(CliCompletion, EveryCommandAndItsOptionsAreOffered) {
    for (const cli::Command* command : cli::all_commands()) {
        for (const std::string& path : command->paths) {
            std::vector<std::string> tokens;
            std::istringstream stream(path);
            for (std::string word; stream >> word;) {
                tokens.push_back(word);
            }
            EXPECT_THAT(complete(tokens), Contains(tokens.back())) << path;
            tokens.emplace_back("-");
            const auto action = command->make();
            cli::OptionSet options;
            action->declare(options);
            EXPECT_THAT(complete(tokens), IsSupersetOf(options.long_names())) << path;
            EXPECT_THAT(complete(tokens), IsSupersetOf({"--output", "--home", "--help"})) << path;
        }
    }
}

TEST_F(CliCompletion, AnOptionGivenIsNotOfferedAgainUnlessItMayBe) {
    EXPECT_THAT(complete({"run", "--name", "web", "--na"}), IsEmpty());
    EXPECT_THAT(complete({"run", "--na"}), ElementsAre("--name"));
    EXPECT_THAT(complete({"run", "--tag", "a=b", "--ta"}), ElementsAre("--tag"));
    EXPECT_THAT(complete({"run", "-n", "3", "--coun"}), IsEmpty()) << "-n is --count";
}

TEST_F(CliCompletion, WordsByWhatTheyStandFor) {
    known_to_complete[cli::Topic::image] = {{"debian-12", "ami-1"}, {"tiny", "ami-2"}};
    known_to_complete[cli::Topic::instance] = {{"web", "i-1"}, {"with\nnewline", "i-2"}, {"web 2", "i-3"}};
    known_to_complete[cli::Topic::volume] = {{"vol-1", ""}};
    known_to_complete[cli::Topic::instance_type] = {{"t3.nano", "2 vCPU"}, {"m5.large", ""}};
    known_to_complete[cli::Topic::region] = {{"local", "the default"}, {"attic", ""}};
    known_to_complete[cli::Topic::account] = {{"000000000000", ""}};
    known_to_complete[cli::Topic::session] = {{"job-1", ""}, {"job-2", ""}};
    known_to_complete[cli::Topic::binned_image] = {{"old", "ami-3"}};
    known_to_complete[cli::Topic::binned_snapshot] = {{"snap-9", ""}};
    EXPECT_THAT(complete({"run", ""}), ElementsAre("debian-12", "tiny"));
    EXPECT_EQ(out, "debian-12\tami-1\ntiny\tami-2\n");
    EXPECT_THAT(complete({"run", "t"}), ElementsAre("tiny"));
    EXPECT_THAT(complete({"run", "tiny", ""}), Each(StartsWith("--"))) << "there is but one image";
    EXPECT_THAT(complete({"run", "--type", "t"}), ElementsAre("t3.nano"));
    EXPECT_THAT(complete({"run", "--type=t"}), ElementsAre("--type=t3.nano"));
    EXPECT_THAT(complete({"run", "tiny", "--type", ""}), ElementsAre("t3.nano", "m5.large"));
    EXPECT_THAT(complete({"stop", "web", ""}), ElementsAre("web", "web 2")) << "no word that a line cannot hold";
    EXPECT_THAT(complete({"volume", "attach", ""}), ElementsAre("vol-1"));
    EXPECT_THAT(complete({"volume", "attach", "vol-1", "web"}), ElementsAre("web", "web 2"));
    EXPECT_THAT(complete({"tag", "add", "t"}), ElementsAre("tiny"));
    EXPECT_THAT(complete({"tag", "add", "tiny", "w"}), ElementsAre("web", "web 2"));
    EXPECT_THAT(complete({"--region", "a"}), ElementsAre("attic"));
    EXPECT_THAT(complete({"image", "restore-from-bin", ""}), ElementsAre("old")) << "no living image";
    EXPECT_THAT(complete({"snapshot", "restore-from-bin", ""}), ElementsAre("snap-9"));
    for (const char* command : {"run", "ps", "terminate"}) {
        EXPECT_THAT(complete({command, "--session", ""}), ElementsAre("job-1", "job-2")) << command;
    }
    EXPECT_THAT(complete({"image", "permit", "tiny", "0"}), ElementsAre("000000000000"));
    EXPECT_THAT(complete({"--region=a"}), ElementsAre("--region=attic"));
    EXPECT_THAT(complete({"image", "copy", "tiny", "--to", ""}), ElementsAre("local", "attic"));
}

TEST_F(CliCompletion, ThereAreWordsThatTheParserItselfLists) {
    EXPECT_THAT(complete({"ps", "-o", ""}), ElementsAre("table", "json", "yaml", "id"));
    EXPECT_THAT(complete({"ps", "--output=j"}), ElementsAre("--output=json"));
    EXPECT_THAT(complete({"--accel", ""}), ElementsAre("auto", "kvm", "tcg"));
    EXPECT_THAT(complete({"image", "import", "--arch", ""}), UnorderedElementsAre("x86_64", "i386", "arm64"));
    EXPECT_THAT(complete({"run", "tiny", "--shutdown-behavior", ""}), ElementsAre("stop", "terminate"));
    EXPECT_THAT(complete({"retention-rule", "create", ""}), ElementsAre("image", "snapshot"));
    EXPECT_THAT(complete({"run", "tiny", "--wait", ""}), ElementsAre("running", "ssh", "cloud-init"));
    EXPECT_THAT(complete({"run", "tiny", "--wait=c"}), ElementsAre("--wait=cloud-init"));
    EXPECT_THAT(complete({"instance", "wait", "web", "--for", "s"}), ElementsAre("ssh", "stopped"));
    EXPECT_THAT(complete({"region", "set", "--block-public-access", ""}), ElementsAre("on", "off"));
    EXPECT_THAT(complete({"completion", ""}), ElementsAre("bash", "zsh", "fish"));
    EXPECT_THAT(complete({"signer", "demand", ""}), ElementsAre("yes", "no"));
    EXPECT_THAT(complete({"run", "--name", ""}), IsEmpty()) << "a name is anybody's guess";
    EXPECT_THAT(complete({"instance", "modify", "web", "--delete-on-termination", ""}), IsEmpty()) << "DEVICE=yes|no is no list";
}

TEST_F(CliCompletion, FilesAndFolders) {
    EXPECT_THAT(complete({"image", "import", ""}), ElementsAre("/files"));
    EXPECT_THAT(complete({"run", "--user-data", "x"}), ElementsAre("/files"));
    EXPECT_THAT(complete({"--home", ""}), ElementsAre("/folders"));
    EXPECT_THAT(complete({"signer", "trust", ""}), ElementsAre("/files"));
}

TEST_F(CliCompletion, TheStoreIsTheOneThatIsMeant) {
    environment["AMIVIRT_HOME"] = "/env";
    environment["AMIVIRT_REGION"] = "attic";
    complete({"run", ""});
    EXPECT_EQ(given.home, "/env");
    EXPECT_EQ(given.region, "attic");
    complete({"--home", "/said", "run", "--region=other", ""});
    EXPECT_EQ(given.home, "/said");
    EXPECT_EQ(given.region, "other");
    complete({"run", "--region", "No Region", ""});
    EXPECT_EQ(given.region, "attic") << "nonsense is for the command to refuse";
}

TEST_F(CliCompletion, AfterTwoDashesThereAreNoOptions) {
    known_to_complete[cli::Topic::instance] = {{"-odd", ""}, {"web", ""}};
    EXPECT_THAT(complete({"stop", "--", "-"}), ElementsAre("-odd"));
    EXPECT_THAT(complete({"run", "tiny", "--", ""}), IsEmpty());
}

TEST_F(CliCompletion, NotesSteerNoTerminal) {
    known_to_complete[cli::Topic::image] = {{"tiny", "\x1b[2J\nmore"}};
    complete({"run", ""});
    EXPECT_EQ(out, "tiny\t\\x1b[2J\\x0amore\n");
}

TEST_F(CliCompletion, TheScriptOfEachShell) {
    for (const char* name : {"bash", "zsh", "fish"}) {
        EXPECT_EQ(amivirt({"completion", name}), 0);
        EXPECT_THAT(out, AllOf(HasSubstr("__complete"), HasSubstr(std::string(name) + " completion for amivirt")));
        const std::string script = out;
        EXPECT_EQ(amivirt({"completion", name, "-o", "json"}), 0);
        EXPECT_EQ(json()["Shell"], name);
        EXPECT_EQ(json()["Script"], script);
    }
    EXPECT_EQ(amivirt({"completion", "csh"}), 2);
    EXPECT_THAT(err, HasSubstr("Invalid shell \"csh\" (expecting bash | zsh | fish)"));
    EXPECT_EQ(amivirt({"completion"}), 2);
}

}  // namespace
}  // namespace amivirt::testing
