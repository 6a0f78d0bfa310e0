// Images made of instances, and looks into images, on the command line.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli_bench.hpp"

namespace amivirt::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

class CliCapture : public CliBench {
protected:
    void SetUp() override {
        base = import("tiny");
        EXPECT_EQ(amivirt({"run", "tiny", "--name", "web", "--map", "/dev/sdf=:2", "-o", "id"}), 0) << err;
        instance = *InstanceId::parse(lines().front());
        guests.put(root_of(instance).layer, {{"/etc/machine-id", {"0123456789abcdef0123456789abcdef\n"}},
                                             {"/root/.ash_history", {"ls\n"}},
                                             {"/root/a\x1b[31m\xff.pem", {"-----BEGIN PRIVATE KEY-----\n"}}});
    }
    Image base;
    InstanceId instance;
};

TEST_F(CliCapture, UsageFaultsAreToldBeforeTheStoreIsOpened) {
    const int before = opened;
    for (const std::vector<std::string>& tokens :
         std::vector<std::vector<std::string>>{{"image", "create", "web"},
                                               {"image", "create", "--name", "golden"},
                                               {"image", "create", "a", "b", "--name", "golden"},
                                               {"image", "create", "web", "--name", "x"},
                                               {"image", "create", "web", "--name", "golden", "--quiesce", "yes"},
                                               {"image", "create", "web", "--name", "golden", "--no-reboot", "--timeout", "5s"},
                                               {"image", "create", "web", "--name", "golden", "--map", "sdf"},
                                               {"image", "create", "web", "--name", "golden", "--tag", "aws:x=1"},
                                               {"image", "lint"},
                                               {"image", "lint", "tiny", "--fix", "x"},
                                               {"image", "diff", "tiny"}}) {
        const std::string shown = fmt::format("{}", fmt::join(tokens, " "));
        EXPECT_EQ(amivirt(tokens), 2) << shown;
        EXPECT_EQ(out, "") << shown;
        EXPECT_THAT(err, StartsWith("amivirt: ")) << shown;
    }
    EXPECT_EQ(opened, before);
}

TEST_F(CliCapture, CreatePrintsTheIdAndShowTheLineage) {
    EXPECT_EQ(amivirt({"image", "create", "web", "--name", "golden", "--no-reboot", "--map", "/dev/sdf=none", "--tag", "role=web"}), 0)
        << err;
    ASSERT_THAT(lines(), SizeIs(1));
    const std::string id = lines().front();
    EXPECT_THAT(id, StartsWith("ami-"));
    EXPECT_EQ(amivirt({"image", "show", "golden", "-o", "json"}), 0) << err;
    const Json shown = json()["Images"][0];
    EXPECT_EQ(shown["ImageId"], id);
    EXPECT_EQ(shown["SourceInstanceId"], instance.str());
    EXPECT_EQ(shown["SourceImageId"], base.id.str());
    EXPECT_EQ(shown["SourceImageRegion"], "local");
    EXPECT_EQ(shown["BlockDeviceMappings"].size(), 1U);
    EXPECT_EQ(shown["Tags"][0]["Value"], "web");
    EXPECT_EQ(amivirt({"image", "create", "web", "--name", "golden-2", "-o", "json"}), 0) << err;
    EXPECT_EQ(json().size(), 1U);
    EXPECT_THAT(json()["ImageId"].get<std::string>(), StartsWith("ami-"));
    EXPECT_EQ(hypervisor.domain(instance)->boots, 2U) << "--no-reboot did not, the other did";
    expect_clean();
}

TEST_F(CliCapture, WhatIsRefusedHasEc2sCodeAndItsStatus) {
    EXPECT_EQ(amivirt({"image", "create", "web", "--name", "tiny"}), 2);
    EXPECT_THAT(err, HasSubstr("(InvalidAMIName.Duplicate)"));
    EXPECT_EQ(amivirt({"image", "create", "i-0123456789abcdef0", "--name", "golden"}), 3);
    EXPECT_THAT(err, HasSubstr("(InvalidInstanceID.NotFound)"));
    EXPECT_EQ(amivirt({"terminate", "web"}), 0) << err;
    EXPECT_EQ(amivirt({"image", "create", instance.str(), "--name", "golden"}), 5);
    EXPECT_THAT(err, HasSubstr("(IncorrectInstanceState)"));
    EXPECT_EQ(amivirt({"image", "diff", "tiny", "tinny"}), 3);
    EXPECT_THAT(err, HasSubstr("did you mean \"tiny\"?"));
    expect_clean();
}

TEST_F(CliCapture, LintEndsWithOneWhereThereIsSomethingAndFixMakesAnImage) {
    EXPECT_EQ(amivirt({"image", "create", "web", "--name", "golden", "--no-reboot"}), 0) << err;
    EXPECT_EQ(amivirt({"image", "lint", "golden"}), 1);
    EXPECT_THAT(out, AllOf(HasSubstr("high      private-key"), HasSubstr("medium    machine-id"), Not(HasSubstr("\x1b"))));
    EXPECT_EQ(amivirt({"image", "lint", "golden", "-o", "json"}), 1);
    EXPECT_EQ(json()["Clean"], false);
    EXPECT_EQ(json()["Findings"].size(), 3U);
    EXPECT_EQ(json()["Findings"][0]["Severity"], "high");
    EXPECT_EQ(json()["Findings"][2]["Path"], "/etc/machine-id");
    EXPECT_EQ(json()["Findings"][2]["Fix"], "empty");
    EXPECT_EQ(amivirt({"image", "lint", "golden", "--fix", "golden-clean"}), 0) << err;
    ASSERT_THAT(lines(), SizeIs(1));
    EXPECT_THAT(lines().front(), StartsWith("ami-"));
    EXPECT_THAT(err, HasSubstr("machine-id"));
    EXPECT_EQ(amivirt({"image", "lint", "golden-clean"}), 0) << out;
    EXPECT_EQ(out, "");
    EXPECT_EQ(amivirt({"image", "lint", "golden-clean", "-o", "json"}), 0);
    EXPECT_EQ(json()["Clean"], true);
    EXPECT_EQ(amivirt({"image", "lint", "golden-clean", "--fix", "another"}), 0);
    EXPECT_EQ(out, "");
    EXPECT_THAT(err, HasSubstr("no image was made"));
    expect_clean();
}

TEST_F(CliCapture, DiffTellsEachFileOnALine) {
    EXPECT_EQ(amivirt({"image", "create", "web", "--name", "before", "--no-reboot"}), 0) << err;
    guests.put(root_of(instance).layer, {{"/etc/machine-id", {"another\n"}}, {"/etc/passwd", {"new:x:7:7::/:/bin/sh\n"}}});
    EXPECT_EQ(amivirt({"image", "create", "web", "--name", "after", "--no-reboot"}), 0) << err;
    EXPECT_EQ(amivirt({"image", "diff", "before", "after"}), 0) << err;
    EXPECT_THAT(out, AllOf(HasSubstr("+ /etc/passwd\n"), HasSubstr("- /root/.ash_history\n"), HasSubstr("~ /etc/machine-id (content)\n"),
                           HasSubstr("+ user new 7:7:/:/bin/sh\n"), Not(HasSubstr("\x1b"))));
    EXPECT_EQ(amivirt({"image", "diff", "before", "after", "-o", "json"}), 0) << err;
    EXPECT_EQ(json()["Files"]["Added"][0], "/etc/passwd");
    EXPECT_EQ(json()["Files"]["Changed"][0]["What"][0], "content");
    EXPECT_EQ(json()["Users"][0]["Before"], nullptr);
    EXPECT_THAT(json()["Packages"], IsEmpty());
    EXPECT_EQ(amivirt({"image", "diff", "before", "before"}), 0);
    EXPECT_EQ(out, "");
    EXPECT_THAT(err, HasSubstr("no file differs"));
}

}  // namespace
}  // namespace amivirt::testing
