// The whole command line on services over fakes: what is printed where, the exit status, and what is left behind.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <csignal>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "amivirt/base/interrupt.hpp"
#include "cli_bench.hpp"
#include "faces/cli/command.hpp"

namespace amivirt::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;

class CliCommands : public CliBench {};

TEST_F(CliCommands, VersionAndHelpNeedNoStore) {
    EXPECT_EQ(amivirt({"--version"}), 0);
    EXPECT_EQ(out, "amivirt 0.1.0\n");
    EXPECT_EQ(amivirt({"-v", "ps", "--version"}), 0);
    EXPECT_EQ(out, "amivirt 0.1.0\n");
    EXPECT_EQ(amivirt({"--help"}), 0);
    EXPECT_THAT(out, AllOf(StartsWith("Usage: amivirt COMMAND"), HasSubstr("\n  image import "), HasSubstr("\n  terminate ")));
    EXPECT_EQ(amivirt({"image", "--help"}), 0);
    EXPECT_THAT(out, AllOf(HasSubstr("  image list "), Not(HasSubstr("terminate"))));
    EXPECT_EQ(amivirt({"instance", "--help"}), 0);
    EXPECT_THAT(out, AllOf(HasSubstr("  instance list "), HasSubstr("  instance stop ")));
    EXPECT_EQ(err, "");
    EXPECT_EQ(opened, 0);
}

TEST_F(CliCommands, EveryCommandHasItsHelp) {
    for (const cli::Command* command : cli::all_commands()) {
        EXPECT_FALSE(command->help.empty()) << command->paths.front();
        for (const std::string& path : command->paths) {
            std::vector<std::string> tokens;
            std::istringstream words(path);
            for (std::string word; words >> word;) {
                tokens.push_back(word);
            }
            tokens.emplace_back("--help");
            EXPECT_EQ(amivirt(tokens), 0) << path;
            EXPECT_THAT(out, AllOf(StartsWith("Usage: amivirt " + path), HasSubstr(std::string(command->help)), HasSubstr("AMIVIRT_HOME")));
            for (const std::string& line : lines()) {
                EXPECT_LE(line.size(), 140U) << path << ": " << line;
            }
            const std::vector<std::string> with_flag = lines();
            tokens.pop_back();
            tokens.insert(tokens.begin(), "help");
            EXPECT_EQ(amivirt(tokens), 0) << path;
            EXPECT_EQ(lines(), with_flag);
        }
    }
    EXPECT_EQ(opened, 0);
}

TEST_F(CliCommands, WithoutACommandTheOverviewGoesToStderr) {
    EXPECT_EQ(amivirt({}), 2);
    EXPECT_EQ(out, "");
    EXPECT_THAT(err, StartsWith("Usage: amivirt COMMAND"));
    EXPECT_EQ(amivirt({"image"}), 2);
    EXPECT_THAT(err, HasSubstr("  image import "));
    EXPECT_EQ(amivirt({"image", "--bogus"}), 2);
    EXPECT_THAT(err, StartsWith("amivirt: unknown option \"--bogus\" for \"amivirt image\"\n"));
}

TEST_F(CliCommands, AnUnknownCommandIsNamed) {
    for (const char* word : {"frobnicate", "images", "__completion"}) {
        EXPECT_EQ(amivirt({word}), 2) << word;
        EXPECT_THAT(err, StartsWith(fmt::format("amivirt: unknown command \"{}\"\n", word)));
    }
    EXPECT_EQ(opened, 0);
}

TEST_F(CliCommands, UsageFaultsAreToldBeforeTheStoreIsOpened) {
    const std::vector<std::vector<std::string>> bad{{"run"},
                                                    {"run", "a", "b"},
                                                    {"run", "a", "-n", "0"},
                                                    {"run", "a", "-n", "-3"},
                                                    {"run", "a", "-n", "1e9"},
                                                    {"run", "a", "-p", "80"},
                                                    {"run", "a", "--map", "nonsense"},
                                                    {"run", "a", "--wait", "forever"},
                                                    {"run", "a", "--no-wait", "--wait", "running"},
                                                    {"run", "a", "--shutdown-behavior", "explode"},
                                                    {"run", "a", "--tag", "a=1", "--tag", "a=2"},
                                                    {"run", "a", "--name", "x", "--tag", "Name=y"},
                                                    {"run", "a", "--user-data", "/nowhere"},
                                                    {"run", "a", "--accel", "fast"},
                                                    {"run", "a", "--tag", "aws:x=1"},
                                                    {"image", "import", "disk.qcow2"},
                                                    {"image", "import", "--name", "abc"},
                                                    {"image", "import", "-", "--name", "abc"},
                                                    {"image", "import", "d", "--name", "x!"},
                                                    {"image", "import", "d", "--name", "abc", "--sha256", "12"},
                                                    {"image", "import", "d", "--name", "abc", "--arch", "mips"},
                                                    {"image", "import", "d", "--name", "abc", "--boot-mode", "bios"},
                                                    {"image", "register"},
                                                    {"image", "show"},
                                                    {"image", "deregister"},
                                                    {"image", "list", "--filter", "colour=red"},
                                                    {"image", "list", "--owner", "me"},
                                                    {"image", "list", "--executable-by", "x"},
                                                    {"image", "list", "--sort", "colour"},
                                                    {"image", "list", "--limit", "0"},
                                                    {"tag", "add", "a"},
                                                    {"tag", "add", "a", "b"},
                                                    {"tag", "add", "a=b", "c=d"},
                                                    {"tag", "add", "a", "=b"},
                                                    {"tag", "add", "a", "b=1", "b=2"},
                                                    {"tag", "add", "a", "aws:b=1"},
                                                    {"tag", "remove", "a"},
                                                    {"tag", "remove", "b=c"},
                                                    {"tag", "remove", "a", "b=c", "--all"},
                                                    {"tag", "list", "--filter", "colour=red"},
                                                    {"account", "create", "--alias", "Build"},
                                                    {"account", "create", "--id", "12"},
                                                    {"account", "create", "me"},
                                                    {"ps", "--filter", "colour=red"},
                                                    {"ps", "-o", "xml"},
                                                    {"terminate"},
                                                    {"stop", "i", "--timeout", "soon"},
                                                    {"stop", "i", "--force", "--timeout", "5s"},
                                                    {"start", "i", "--wait", "ssh", "--no-wait"},
                                                    {"console"},
                                                    {"console", "-f", "a", "b"},
                                                    {"console", "-f", "a", "-o", "json"},
                                                    {"console", "a", "b", "-o", "yaml"},
                                                    {"doctor", "now"},
                                                    {"ps", "--account", "12"},
                                                    {"ps", "--region", "../x"}};
    for (const auto& tokens : bad) {
        const std::string shown = fmt::format("{}", fmt::join(tokens, " "));
        EXPECT_EQ(amivirt(tokens), 2) << shown;
        EXPECT_EQ(out, "") << shown;
        EXPECT_THAT(err, StartsWith("amivirt: ")) << shown;
    }
    EXPECT_EQ(opened, 0);
}

TEST_F(CliCommands, GlobalOptionsReachTheBackend) {
    environment = {{"AMIVIRT_HOME", "/from/environment"}};
    EXPECT_EQ(amivirt({"-v", "--connect", "test:///default", "ps", "--accel", "tcg"}), 0);
    EXPECT_EQ(given.home, "/from/environment");
    EXPECT_EQ(given.connect, "test:///default");
    EXPECT_EQ(given.accelerator, AcceleratorRequest::tcg);
    EXPECT_EQ(given.verbosity, 1);
    EXPECT_EQ(opened, 1);
}

TEST_F(CliCommands, AStoreThatCannotBeOpened) {
    open_error = Error(Code::store_too_new, "the catalog was written by a newer amivirt", "upgrade amivirt");
    EXPECT_EQ(amivirt({"ps"}), 1);
    EXPECT_EQ(out, "");
    EXPECT_EQ(err, "amivirt: the catalog was written by a newer amivirt (StoreTooNew)\nhint: upgrade amivirt\n");
}

TEST_F(CliCommands, ImportPrintsTheIdAlone) {
    stager.add("/disks/a.qcow2", {});
    EXPECT_EQ(amivirt({"image", "import", "/disks/a.qcow2", "--name", "debian-12", "--description", "a disk", "--public", "--tag",
                       "role=base", "--tag", "empty", "--default-user", "admin"}),
              0);
    EXPECT_THAT(out, MatchesRegex("ami-[0-9a-f]+\n"));
    EXPECT_EQ(err, "");
    const auto rows_now = rows(&CatalogSession::images);
    ASSERT_EQ(rows_now.size(), 1U);
    EXPECT_EQ(rows_now[0].name, "debian-12");
    EXPECT_EQ(rows_now[0].description, "a disk");
    EXPECT_TRUE(rows_now[0].permissions.everyone);
    EXPECT_EQ(rows_now[0].tags, (Tags{{"role", "base"}, {"empty", ""}}));
    EXPECT_EQ(rows_now[0].default_user, "admin");
    EXPECT_EQ(rows_now[0].distribution, "debian");
}

TEST_F(CliCommands, ImportWhatIsSaidWinsAndNoInspectDoesNotLook) {
    stager.add("/disks/a.qcow2", {});
    EXPECT_EQ(amivirt({"-o", "json", "image", "import", "/disks/a.qcow2", "--name", "abc", "--no-inspect", "--boot-mode", "uefi", "--arch",
                       "x86_64", "--sha256", stager.sha256("/disks/a.qcow2")}),
              0)
        << err;
    EXPECT_THAT(json()["ImageId"].get<std::string>(), StartsWith("ami-"));
    EXPECT_EQ(rows(&CatalogSession::images)[0].boot_mode, BootMode::uefi);
    EXPECT_EQ(inspector.script().calls("inspect"), 0U);
}

TEST_F(CliCommands, ImportThatFails) {
    EXPECT_EQ(amivirt({"image", "import", "/disks/none.qcow2", "--name", "abc"}), 1);
    EXPECT_EQ(out, "");
    EXPECT_THAT(err, AllOf(StartsWith("amivirt: "), HasSubstr("/disks/none.qcow2"), HasSubstr("(FetchFailed)")));
    EXPECT_THAT(rows(&CatalogSession::images), IsEmpty());
}

TEST_F(CliCommands, RegisterSeveralManifestsOneOfThemBad) {
    stager.add("/disks/a.qcow2", {});
    ImageManifest manifest;
    manifest.name = "from-manifest";
    manifest.source.file = "/disks/a.qcow2";
    manifests.add("a.yaml", manifest);
    EXPECT_EQ(amivirt({"image", "register", "-f", "missing.yaml", "-f", "a.yaml"}), 2);
    EXPECT_THAT(lines(), ElementsAre(StartsWith("ami-")));
    EXPECT_THAT(err, HasSubstr("missing.yaml"));
    EXPECT_EQ(rows(&CatalogSession::images)[0].name, "from-manifest");
}

TEST_F(CliCommands, ImageListInAllForms) {
    EXPECT_EQ(amivirt({"image", "list"}), 0);
    EXPECT_EQ(out, "ID  NAME  OS  ARCH  BOOT  ROOT  SIZE  STATE  AGE\n");
    const Image one = import("debian-12", "one");
    const Image two = import("tiny-1", "two");
    EXPECT_EQ(amivirt({"image", "list", "-o", "id"}), 0);
    EXPECT_THAT(lines(), ElementsAre(one.id.str(), two.id.str()));
    EXPECT_EQ(amivirt({"image", "list", "-o", "json", "--filter", "Name=name,Values=tiny-*", "--owner", "self"}), 0);
    ASSERT_EQ(json()["Images"].size(), 1U);
    EXPECT_EQ(json()["Images"][0]["ImageId"], two.id.str());
    EXPECT_EQ(amivirt({"image", "list", "-o", "yaml", "debian-12"}), 0);
    EXPECT_THAT(out, HasSubstr("ImageId: " + one.id.str()));
    EXPECT_EQ(amivirt({"image", "list", "--owner", "111122223333", "-o", "id"}), 0);
    EXPECT_EQ(out, "");
    EXPECT_EQ(amivirt({"image", "list", "nothing-such"}), 3);
}

TEST_F(CliCommands, ImageShowGoesOnAfterAWrongName) {
    const Image image = import("debian-12");
    EXPECT_EQ(amivirt({"image", "show", "debain-12", "debian-12"}), 3);
    EXPECT_THAT(out, HasSubstr(image.id.str()));
    EXPECT_THAT(err, AllOf(StartsWith("amivirt: "), HasSubstr("\"debain-12\""), HasSubstr("(InvalidAMIID.NotFound)\nhint: "),
                           HasSubstr("debian-12")));
    EXPECT_EQ(amivirt({"image", "show", image.id.str(), "-o", "json"}), 0);
    EXPECT_EQ(json()["Images"][0]["Name"], "debian-12");
}

TEST_F(CliCommands, DeregisterKeepsOrDeletesSnapshots) {
    const Image one = import("image-1", "one");
    const Image two = import("image-2", "two");
    EXPECT_EQ(amivirt({"image", "deregister", "image-1"}), 0);
    EXPECT_EQ(out, one.id.str() + "\n");
    EXPECT_EQ(rows(&CatalogSession::snapshots).size(), 2U);
    EXPECT_EQ(amivirt({"image", "deregister", "image-2", "gone", "--delete-snapshots", "-o", "json"}), 3);
    EXPECT_EQ(json()["DeleteSnapshotResults"].size(), 1U);
    EXPECT_EQ(rows(&CatalogSession::snapshots).size(), 1U);
    EXPECT_THAT(err, HasSubstr("\"gone\""));
}

TEST_F(CliCommands, RunPrintsATable) {
    import("debian-12");
    EXPECT_EQ(amivirt({"run", "debian-12", "--name", "web", "--type", "t3.nano", "-p", "8080:80", "--tag", "role=front"}), 0) << err;
    ASSERT_EQ(lines().size(), 2U);
    EXPECT_THAT(lines()[0], MatchesRegex("ID +NAME +IMAGE +TYPE +STATE +SSH +PORTS +AGE"));
    EXPECT_THAT(lines()[1], MatchesRegex("i-[0-9a-f]+  web +debian-12  t3.nano  running  127.0.0.1:[0-9]+ +127.0.0.1:8080->80 +now"));
    EXPECT_EQ(err, "");
    const auto rows_now = rows(&CatalogSession::instances);
    EXPECT_EQ(rows_now[0].tags, (Tags{{"Name", "web"}, {"role", "front"}}));
    EXPECT_THAT(rows_now[0].ports, ::testing::Contains(PortForward{"127.0.0.1", 8080, 80, "tcp"}));
}

TEST_F(CliCommands, RunSeveralIdsAndJson) {
    import("debian-12");
    EXPECT_EQ(amivirt({"run", "debian-12", "-n", "3", "-o", "id"}), 0);
    EXPECT_THAT(lines(), ElementsAre(StartsWith("i-"), StartsWith("i-"), StartsWith("i-")));
    EXPECT_EQ(amivirt({"run", "debian-12", "-n", "2", "-o", "json"}), 0);
    EXPECT_EQ(json()["Instances"].size(), 2U);
    EXPECT_THAT(json()["ReservationId"].get<std::string>(), StartsWith("r-"));
    EXPECT_EQ(json()["Instances"][0]["BlockDeviceMappings"].size(), 1U);
}

TEST_F(CliCommands, RunGivesEachItsName) {
    import("debian-12");
    EXPECT_EQ(amivirt({"run", "debian-12", "-n", "3", "--name", "web"}), 0);
    std::vector<std::string> names;
    for (const Instance& instance : rows(&CatalogSession::instances)) {
        names.push_back(name_tag(instance.tags));
    }
    EXPECT_THAT(names, ::testing::UnorderedElementsAre("web-1", "web-2", "web-3"));
}

TEST_F(CliCommands, RunReadsUserDataFromStandardInput) {
    import("debian-12");
    input = "#!/bin/sh\necho hello\n";
    EXPECT_EQ(amivirt({"run", "debian-12", "--user-data", "-"}), 0);
    EXPECT_EQ(rows(&CatalogSession::instances)[0].user_data, input);
}

TEST_F(CliCommands, RunDryMakesNothing) {
    import("debian-12");
    EXPECT_EQ(amivirt({"run", "debian-12", "--dry-run"}), 0);
    EXPECT_EQ(out, "");
    EXPECT_THAT(err, HasSubstr("(DryRunOperation)"));
    EXPECT_THAT(rows(&CatalogSession::instances), IsEmpty());
}

TEST_F(CliCommands, RunTwiceWithOneTokenIsOneRun) {
    import("debian-12");
    EXPECT_EQ(amivirt({"run", "debian-12", "--client-token", "t", "-o", "id"}), 0);
    const std::string first = out;
    EXPECT_EQ(amivirt({"run", "debian-12", "--client-token", "t", "-o", "id"}), 0);
    EXPECT_EQ(out, first);
    EXPECT_EQ(rows(&CatalogSession::instances).size(), 1U);
}

TEST_F(CliCommands, RunOfAnUnknownImageOrType) {
    import("debian-12");
    EXPECT_EQ(amivirt({"run", "debain-12"}), 3);
    EXPECT_EQ(amivirt({"run", "debian-12", "--type", "t3.huge"}), 2);
    EXPECT_THAT(err, HasSubstr("\"t3.huge\""));
    EXPECT_THAT(rows(&CatalogSession::instances), IsEmpty());
}

TEST_F(CliCommands, RunWaitsForSshOfEach) {
    import("debian-12");
    for (std::uint16_t port = 1; port != 0; ++port) {
        host.answer_ssh(port);
    }
    EXPECT_EQ(amivirt({"-v", "run", "debian-12", "-n", "2", "--wait", "ssh"}), 0) << err;
    const auto first = err.find(" ready in 0.0 s\n");
    ASSERT_NE(first, std::string::npos) << err;
    EXPECT_NE(err.find(" ready in 0.0 s\n", first + 1), std::string::npos) << err;
}

TEST_F(CliCommands, RunShowsTheInstancesEvenIfTheWaitIsInVain) {
    import("debian-12");
    host.on_vain_wait([this](Duration waited) { clock.advance(waited); });
    EXPECT_EQ(amivirt({"run", "debian-12", "--wait", "ssh=7s", "-o", "id"}), 6);
    EXPECT_THAT(lines(), ElementsAre(StartsWith("i-")));
    EXPECT_THAT(err, HasSubstr("(TimedOut)"));
    EXPECT_EQ(rows(&CatalogSession::instances)[0].state, InstanceState::running);
}

TEST_F(CliCommands, PsAndInstanceListAreOne) {
    EXPECT_EQ(amivirt({"ps"}), 0);
    EXPECT_EQ(out, "ID  NAME  IMAGE  TYPE  STATE  SSH  AGE\n");
    import("debian-12");
    const auto launched = launch("debian-12", 2);
    ASSERT_TRUE(instances.terminate(me, launched[0].id.str()));
    EXPECT_EQ(amivirt({"ps", "-o", "id"}), 0);
    EXPECT_EQ(out, launched[1].id.str() + "\n");
    EXPECT_EQ(amivirt({"instance", "list", "-a", "-o", "id"}), 0);
    EXPECT_EQ(lines().size(), 2U);
    EXPECT_EQ(amivirt({"ps", "-a", "--filter", "instance-state-name=terminated", "-o", "json"}), 0);
    EXPECT_EQ(json()["Reservations"][0]["Instances"][0]["InstanceId"], launched[0].id.str());
    EXPECT_EQ(amivirt({"ps", launched[1].id.str(), "-o", "id"}), 0);
    EXPECT_EQ(out, launched[1].id.str() + "\n");
    EXPECT_EQ(amivirt({"ps", "i-0123456789abcdef0"}), 3);
}

TEST_F(CliCommands, PsWithoutLibvirtShowsWhatIsKnownAndSaysSo) {
    import("debian-12");
    launch("debian-12");
    hypervisor.become_unavailable();
    EXPECT_EQ(amivirt({"ps"}), 7);
    EXPECT_THAT(out, HasSubstr("  running?  "));
    EXPECT_THAT(err, HasSubstr("amivirt: warning: the states are as last known"));
    EXPECT_EQ(amivirt({"-q", "ps", "-o", "json"}), 7);
    EXPECT_EQ(json()["Reservations"][0]["Instances"][0]["StateObserved"], false);
    EXPECT_EQ(err, "");
}

TEST_F(CliCommands, RecordsThatCannotBeReadAreWarnedOf) {
    const Image one = import("image-1", "one");
    const Image two = import("image-2", "two");
    const auto launched = launch("image-2", 2);
    ASSERT_TRUE(instances.terminate(me, launched[0].id.str()));
    catalog.make_unreadable(one.id.str());
    catalog.make_unreadable(launched[0].id.str());
    EXPECT_EQ(amivirt({"image", "list", "-o", "id"}), 0);
    EXPECT_EQ(out, two.id.str() + "\n");
    EXPECT_THAT(err, AllOf(StartsWith("amivirt: warning: "), HasSubstr(one.id.str())));
    EXPECT_EQ(amivirt({"ps", "-o", "id"}), 0);
    EXPECT_EQ(out, launched[1].id.str() + "\n");
    EXPECT_THAT(err, AllOf(StartsWith("amivirt: warning: "), HasSubstr(launched[0].id.str())));
}

TEST_F(CliCommands, InstanceShow) {
    import("debian-12");
    const auto launched = launch("debian-12");
    EXPECT_EQ(amivirt({"instance", "show", launched[0].id.str(), "nobody"}), 3);
    EXPECT_THAT(out, AllOf(HasSubstr(launched[0].id.str()), HasSubstr("console.log"), HasSubstr("Volume ")));
    EXPECT_EQ(amivirt({"instance", "show", launched[0].id.str(), "-o", "json"}), 0);
    EXPECT_EQ(json()["Reservations"][0]["Instances"][0]["InstanceId"], launched[0].id.str());
}

TEST_F(CliCommands, StopStartRebootTerminate) {
    import("debian-12");
    const auto launched = launch("debian-12", 2);
    const std::string one = launched[0].id.str();
    const std::string two = launched[1].id.str();
    EXPECT_EQ(amivirt({"stop", two, one}), 0) << err;
    EXPECT_THAT(lines(), ElementsAre(two, one));
    EXPECT_EQ(state_of(launched[0].id), InstanceState::stopped);
    EXPECT_EQ(amivirt({"instance", "start", one, "-o", "json"}), 0) << err;
    EXPECT_EQ(json()["StartingInstances"][0]["PreviousState"]["Name"], "stopped");
    EXPECT_EQ(json()["StartingInstances"][0]["CurrentState"]["Name"], "running");
    EXPECT_EQ(amivirt({"reboot", one}), 0) << err;
    EXPECT_EQ(out, one + "\n");
    EXPECT_EQ(hypervisor.domain(launched[0].id)->boots, 3U);
    EXPECT_EQ(amivirt({"terminate", one, two, "-o", "table"}), 0) << err;
    EXPECT_THAT(lines()[0], MatchesRegex("ID +NAME +WAS +IS"));
    EXPECT_THAT(lines()[2], MatchesRegex(two + " +- +stopped +terminated"));
    EXPECT_THAT(hypervisor.domains(), IsEmpty());
    expect_clean();
}

TEST_F(CliCommands, OneThatFailsDoesNotStopTheOthers) {
    import("debian-12");
    const auto launched = launch("debian-12", 2);
    EXPECT_EQ(amivirt({"terminate", launched[0].id.str(), "nobody", "i-xyz", launched[1].id.str()}), 3);
    EXPECT_THAT(lines(), ElementsAre(launched[0].id.str(), launched[1].id.str()));
    EXPECT_LT(err.find("\"nobody\""), err.find("i-xyz"));
    EXPECT_THAT(hypervisor.domains(), IsEmpty());
}

TEST_F(CliCommands, OneNamedTwiceIsDoneOnce) {
    import("debian-12");
    const auto launched = launch("debian-12");
    EXPECT_EQ(amivirt({"terminate", launched[0].id.str(), launched[0].id.str()}), 0) << err;
    EXPECT_EQ(out, launched[0].id.str() + "\n");
}

TEST_F(CliCommands, RebootOfAStoppedOneIsTheWrongState) {
    import("debian-12");
    const auto launched = launch("debian-12");
    EXPECT_EQ(amivirt({"stop", "--force", launched[0].id.str()}), 0);
    EXPECT_EQ(hypervisor.domain(launched[0].id)->shutdown_requests, 0U);
    EXPECT_EQ(amivirt({"reboot", launched[0].id.str()}), 5);
    EXPECT_THAT(err, HasSubstr("(IncorrectInstanceState)"));
    EXPECT_EQ(out, "");
}

TEST_F(CliCommands, StopGivesTheGuestTheTimeItWasGiven) {
    import("debian-12");
    hypervisor.next_guests(fakes::AcpiAnswer::ignores);
    const auto launched = launch("debian-12", 2);
    TimePoint before = clock.now();
    EXPECT_EQ(amivirt({"stop", launched[0].id.str(), "--timeout", "7s"}), 0) << err;
    EXPECT_GE(clock.now() - before, std::chrono::seconds(7));
    EXPECT_LT(clock.now() - before, std::chrono::seconds(12));
    before = clock.now();
    EXPECT_EQ(amivirt({"stop", launched[1].id.str()}), 0) << err;
    EXPECT_GE(clock.now() - before, std::chrono::seconds(120));  // emulated
    EXPECT_EQ(state_of(launched[1].id), InstanceState::stopped);
}

TEST_F(CliCommands, RunWithNoWaitLeavesWhenTheyArePending) {
    import("debian-12");
    EXPECT_EQ(amivirt({"run", "debian-12", "-n", "2", "--no-wait", "-o", "id"}), 0) << err;
    ASSERT_TRUE(left);
    EXPECT_EQ(left->status, 0);
    EXPECT_EQ(left->out, out) << "all is printed before";
    ASSERT_EQ(left->instances.size(), 2U);
    for (const Instance& instance : left->instances) {
        EXPECT_EQ(instance.state, InstanceState::pending);
        EXPECT_THAT(lines(), ::testing::Contains(instance.id.str()));
        EXPECT_EQ(state_of(instance.id), InstanceState::running) << "and the launch went on";
    }
    EXPECT_EQ(amivirt({"run", "debian-12", "--no-wait", "-o", "json"}), 0) << err;
    EXPECT_EQ(json()["Instances"][0]["State"]["Name"], "pending");
}

TEST_F(CliCommands, TheProcessThatWaitsForTheBackgroundOpensNothing) {
    foreground_status = 3;
    EXPECT_EQ(amivirt({"run", "debian-12", "--no-wait"}), 3);
    EXPECT_EQ(opened, 0);
    EXPECT_EQ(out + err, "");
}

TEST_F(CliCommands, RunWithNoWaitTellsWhatFailsBefore) {
    EXPECT_EQ(amivirt({"run", "nobody", "--no-wait"}), 3);
    EXPECT_THAT(err, HasSubstr("InvalidAMIID.NotFound"));
    import("debian-12");
    EXPECT_EQ(amivirt({"run", "debian-12", "--no-wait", "--type", "t9.huge"}), 2);
    EXPECT_EQ(out, "");
    EXPECT_FALSE(left);
    EXPECT_EQ(gone_background, 2);
    EXPECT_THAT(rows(&CatalogSession::instances), IsEmpty());
}

TEST_F(CliCommands, Serve) {
    EXPECT_EQ(amivirt({"serve", "--regions", "us-east-1,eu-west-1", "--listen", "127.0.0.1:0"}), 0);
    EXPECT_EQ(out, "http://127.0.0.1:8773\n");
    EXPECT_THAT(err, HasSubstr("no account has an access key"));
    EXPECT_EQ(served.listen, "127.0.0.1:0");
    EXPECT_THAT(served.regions, ::testing::ElementsAre("us-east-1", "eu-west-1"));
    EXPECT_TRUE(served.authenticate);
    ASSERT_TRUE(Bench::accounts.create("somebody", std::nullopt));
    EXPECT_EQ(amivirt({"serve"}), 0);
    EXPECT_EQ(err, "");
    EXPECT_EQ(amivirt({"serve", "--no-auth"}), 0);
    EXPECT_THAT(err, HasSubstr("warning: --no-auth"));
    EXPECT_FALSE(served.authenticate);
    EXPECT_EQ(served.rate, 1000);
    EXPECT_FALSE(served.tls || served.allow_reset);
    EXPECT_EQ(amivirt({"serve", "--tls", "--rate", "0", "--access-log", "-", "--allow-reset"}), 0);
    EXPECT_THAT(err, HasSubstr("AWS_CA_BUNDLE=/home/tls/server.crt"));
    EXPECT_EQ(served.rate, 0);
    EXPECT_EQ(served.access_log, "-");
    EXPECT_TRUE(served.tls && served.allow_reset);
    EXPECT_EQ(amivirt({"serve", "--tls-cert", "c.pem", "--tls-key", "k.pem"}), 0);
    EXPECT_TRUE(served.tls);
    EXPECT_EQ(served.certificate + served.key, "c.pemk.pem");
    for (const std::vector<std::string>& bad : std::vector<std::vector<std::string>>{{"--tls-cert", "c.pem"},
                                                                                     {"--tls-key", "k.pem"},
                                                                                     {"--tls", "--tls-cert", "c", "--tls-key", "k"},
                                                                                     {"--rate", "x"},
                                                                                     {"--rate", "-1"},
                                                                                     {"--rate", ""},
                                                                                     {"--rate", "1e3"},
                                                                                     {"--rate", "2000000"},
                                                                                     {"--rate", "1.2.3"}}) {
        std::vector<std::string> words{"serve"};
        words.insert(words.end(), bad.begin(), bad.end());
        EXPECT_EQ(amivirt(words), 2) << bad.front() << " " << bad.back();
    }
    for (const char* bad : {"", "../up", "US-EAST-1", "a,", "-a"}) {
        EXPECT_EQ(amivirt({"serve", "--regions", bad}), 2) << bad;
    }
    EXPECT_EQ(opened, 0);
}

TEST_F(CliCommands, EnvPointsClientsHere) {
    EXPECT_EQ(amivirt({"env"}), 3);
    EXPECT_EQ(out, "");
    EXPECT_THAT(err, HasSubstr("no account has an access key"));
    EXPECT_THAT(err, HasSubstr("amivirt account create"));
    const auto first = Bench::accounts.create("first", std::nullopt);
    const auto second = Bench::accounts.create("second", std::nullopt);
    ASSERT_TRUE(first && second);
    EXPECT_EQ(amivirt({"env"}), 0);
    EXPECT_EQ(out, fmt::format("export AWS_ENDPOINT_URL='http://127.0.0.1:8773'\nexport AWS_ACCESS_KEY_ID='{}'\n"
                               "export AWS_SECRET_ACCESS_KEY='{}'\nexport AWS_REGION='local'\nexport AWS_DEFAULT_REGION='local'\n",
                               first->key.id, first->key.secret));
    EXPECT_EQ(amivirt({"env", "--account", "second", "--region", "us-east-1", "--listen", "127.0.0.1:99", "--shell", "fish"}), 0);
    EXPECT_THAT(out, HasSubstr("set -gx AWS_ENDPOINT_URL 'http://127.0.0.1:99';\nset -gx AWS_ACCESS_KEY_ID '" + second->key.id + "';\n"));
    EXPECT_THAT(out, HasSubstr("set -gx AWS_REGION 'us-east-1';\n"));
    EXPECT_EQ(amivirt({"env", "--listen", "https://[::1]:99/", "-o", "json"}), 0);
    EXPECT_EQ(Json::parse(out)["AWS_ENDPOINT_URL"], "https://[::1]:99");
    EXPECT_EQ(Json::parse(out)["AWS_SECRET_ACCESS_KEY"], first->key.secret);
    EXPECT_EQ(amivirt({"env", "--shell", "dotenv", "--listen", "localhost:1"}), 0);
    EXPECT_THAT(out, HasSubstr("AWS_ENDPOINT_URL=http://localhost:1\n"));
    EXPECT_EQ(amivirt({"env", "--account", "111122223333"}), 3) << "it has none";
    EXPECT_EQ(amivirt({"env", "--shell", "vi"}), 2);
    for (const char* bad : {"", "http://", "ftp://127.0.0.1", "a b", "127.0.0.1'; rm -rf /", "http:///path", "127.0.0.1\n"}) {
        EXPECT_EQ(amivirt({"env", "--listen", bad}), 2) << bad;
    }
    EXPECT_EQ(opened, 0);
}

TEST_F(CliCommands, RunWithNoWaitThatFailsLaterIsUndoneAndLogged) {
    import("debian-12");
    hypervisor.script().fail("start", {Code::hypervisor_failed, "QEMU said no"});
    EXPECT_NE(amivirt({"run", "debian-12", "--no-wait", "-o", "id"}), 0);
    ASSERT_TRUE(left);
    EXPECT_EQ(left->status, 0) << "it was told too early to know better";
    const std::string id = left->instances.at(0).id.str();
    const auto ended = rows(&CatalogSession::instances);
    ASSERT_EQ(ended.size(), 1U);
    EXPECT_EQ(ended[0].state, InstanceState::terminated);
    EXPECT_THAT(ended[0].state_reason_message, HasSubstr("QEMU said no"));
    EXPECT_TRUE(log.contains("the launch of " + id + " failed: "));
    EXPECT_TRUE(log.contains("QEMU said no"));
}

TEST_F(CliCommands, RunWithNoWaitAndATokenSeenBeforeIsDone) {
    import("debian-12");
    EXPECT_EQ(amivirt({"run", "debian-12", "--client-token", "t", "-o", "id"}), 0);
    const std::string first = out;
    EXPECT_EQ(amivirt({"run", "debian-12", "--client-token", "t", "--no-wait", "-o", "id"}), 0);
    EXPECT_EQ(out, first);
    EXPECT_FALSE(left) << "it ends, and with it the process that waits";
}

TEST_F(CliCommands, NoWaitStartsAgainWithoutTheFlag) {
    import("debian-12");
    const auto launched = launch("debian-12");
    const std::string id = launched[0].id.str();
    EXPECT_EQ(amivirt({"--home", "/h", "terminate", "--no-wait", id, "-o", "json"}), 0);
    EXPECT_THAT(detached, ElementsAre("--home", "/h", "terminate", id, "-o", "json"));
    EXPECT_EQ(json()["TerminatingInstances"][0]["CurrentState"]["Name"], "shutting-down");
    EXPECT_EQ(state_of(launched[0].id), InstanceState::running);  // the other process does it
}

TEST_F(CliCommands, NoWaitChecksFirst) {
    EXPECT_EQ(amivirt({"terminate", "--no-wait", "nobody"}), 3);
    EXPECT_EQ(out, "");
    EXPECT_THAT(detached, IsEmpty());
    import("debian-12");
    Instance instance = launch("debian-12")[0];
    instance.termination_protected = true;
    ASSERT_TRUE(catalog.write([&](CatalogSession& session) { return session.instances().update(instance); }));
    EXPECT_EQ(amivirt({"terminate", "--no-wait", instance.id.str()}), 4);
    EXPECT_THAT(err, AllOf(HasSubstr("(OperationNotPermitted)"), HasSubstr("--termination-protection off")));
    EXPECT_THAT(detached, IsEmpty());
    const auto all = launch("debian-12", 2);
    const std::string stopped = all[0].id.str();
    const std::string gone = all[1].id.str();
    ASSERT_EQ(amivirt({"stop", "--force", stopped}), 0) << err;
    ASSERT_EQ(amivirt({"terminate", gone}), 0) << err;
    for (const auto& [verb, id] :
         std::vector<std::pair<std::string, std::string>>{{"start", gone}, {"stop", gone}, {"reboot", gone}, {"reboot", stopped}}) {
        EXPECT_EQ(amivirt({verb, "--no-wait", id}), 5) << verb;
        EXPECT_THAT(err, HasSubstr("(IncorrectInstanceState)")) << verb;
        EXPECT_THAT(detached, IsEmpty()) << verb;
    }
    ASSERT_EQ(amivirt({"stop", "--no-wait", stopped, "-o", "json"}), 0) << err;
    EXPECT_EQ(json()["StoppingInstances"][0]["CurrentState"]["Name"], "stopped") << "it is already";
}

TEST_F(CliCommands, WhatIsRefusedLeavesNoKey) {
    import("debian-12");
    EXPECT_EQ(amivirt({"run", "nothing"}), 3);
    EXPECT_EQ(amivirt({"run", "debian-12", "--type", "nothing"}), 2);
    EXPECT_EQ(amivirt({"run", "debian-12", "--user", "a b", "--", "true"}), 2);
    EXPECT_THAT(err, HasSubstr("\"a b\" is no user name"));
    EXPECT_THAT(rows(&CatalogSession::key_pairs), IsEmpty());
    EXPECT_EQ(amivirt({"run", "nothing", "--type", "nothing"}), 3);
    EXPECT_THAT(err, AllOf(HasSubstr("has 2 faults"), HasSubstr("image \"nothing\" not found"), HasSubstr("type \"nothing\"")));
    EXPECT_EQ(amivirt({"run", "debian-12"}), 0) << err;
    EXPECT_EQ(rows(&CatalogSession::key_pairs).size(), 1U);
}

TEST_F(CliCommands, WhatADeadProcessLeftIsRecoveredFirst) {
    import("debian-12");
    const auto launched = launch("debian-12");
    Operation dead;
    dead.id = *OperationId::parse("op-0123456789abcdef0");
    dead.kind = OperationKind::stop_instances;
    dead.objects = {launched[0].id.str()};
    dead.pid = 99;
    ASSERT_TRUE(catalog.write([&](CatalogSession& session) { return session.operations().insert(dead); }));
    hypervisor.become_unavailable();
    EXPECT_EQ(amivirt({"image", "list", "-o", "id"}), 0);
    EXPECT_THAT(err, AllOf(StartsWith("amivirt: warning: "), HasSubstr("StopInstances")));
    hypervisor.become_available();
    EXPECT_EQ(amivirt({"image", "list", "-o", "id"}), 0);
    EXPECT_EQ(err, "");
    EXPECT_THAT(rows(&CatalogSession::operations), IsEmpty());
}

TEST_F(CliCommands, InstanceTypes) {
    EXPECT_EQ(amivirt({"instance-type", "list"}), 0);
    EXPECT_THAT(lines()[0], MatchesRegex("TYPE +VCPUS +MEMORY +INSTANCE STORE"));
    EXPECT_THAT(lines()[1], MatchesRegex("t3.nano +2 +512.0 MiB +-"));
    EXPECT_EQ(amivirt({"instance-type", "list", "-o", "json"}), 0);
    EXPECT_EQ(json()["InstanceTypes"][0]["MemoryInfo"]["SizeInMiB"], 512);
}

TEST_F(CliCommands, DoctorExitStatus) {
    findings = {{"QEMU", Health::ok, "7.2", ""}, {"accelerator", Health::warning, "tcg", ""}};
    EXPECT_EQ(amivirt({"doctor"}), 0);
    EXPECT_EQ(out, "ok    QEMU         7.2\nwarn  accelerator  tcg\n");
    findings.push_back({"store", Health::fault, "broken", ""});
    EXPECT_EQ(amivirt({"doctor"}), 1);
    findings.push_back({"libvirt", Health::fault, "down", "libvirtd -d"});
    EXPECT_EQ(amivirt({"doctor", "-o", "json"}), 7);
    EXPECT_EQ(json()["Healthy"], false);
    EXPECT_EQ(json()["Findings"][3]["Remedy"], "libvirtd -d");
    EXPECT_EQ(opened, 0);
}

}  // namespace
}  // namespace amivirt::testing
