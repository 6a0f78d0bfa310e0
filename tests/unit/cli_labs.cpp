// up, status, down, schema: what they print and with which status they end.
#include "cli_bench.hpp"

namespace amivirt::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class CliLabs : public CliBench {
protected:
    void SetUp() override {
        import("tiny");
        lab.name = "shop";
        LabInstance web;
        web.name = "web";
        web.image = "tiny";
        web.type = "t3.nano";
        web.count = 2;
        lab.instances = {web};
        lab_reader.add("shop.yaml", lab);
    }
    Lab lab;
};

TEST_F(CliLabs, PlansThenDoesThenSaysThereIsNothingToDo) {
    EXPECT_EQ(amivirt({"up", "shop.yaml", "--plan"}), 10);
    EXPECT_THAT(out, AllOf(HasSubstr("create  instance  web-1"), HasSubstr("web-2")));
    EXPECT_THAT(rows(&CatalogSession::instances), IsEmpty());
    EXPECT_EQ(amivirt({"up", "shop.yaml"}), 0);
    EXPECT_THAT(err, HasSubstr("will create instance web-1"));
    EXPECT_THAT(out, AllOf(HasSubstr("web-1"), HasSubstr("running"), Not(HasSubstr("create"))));
    EXPECT_EQ(amivirt({"up", "shop.yaml", "-o", "json"}), 0);
    EXPECT_THAT(err, HasSubstr("nothing to do: lab shop is as its file says"));
    EXPECT_EQ(json()["Changes"], 0);
    EXPECT_EQ(amivirt({"up", "shop.yaml", "--plan"}), 0);
    EXPECT_EQ(amivirt({"status", "shop.yaml", "-o", "json"}), 0);
    EXPECT_EQ(json()["LabName"], "shop");
    EXPECT_EQ(json()["Members"][0]["Name"], "web-1");
    EXPECT_EQ(json()["Members"][0]["State"], "running");
    EXPECT_EQ(json()["Members"][0]["Action"], "keep");
    EXPECT_EQ(json()["Reservations"].size(), 2U);
    EXPECT_EQ(amivirt({"status", "shop.yaml", "-o", "id"}), 0);
    EXPECT_EQ(lines().size(), 2U);
    EXPECT_EQ(amivirt({"terminate", "web-1"}), 0);
    EXPECT_EQ(amivirt({"status", "shop.yaml"}), 10);
    EXPECT_THAT(out, HasSubstr("is terminated"));
    EXPECT_EQ(amivirt({"down", "shop.yaml", "-o", "id"}), 0);
    EXPECT_EQ(lines().size(), 2U);
    EXPECT_EQ(amivirt({"down", "--name", "shop"}), 0);
    EXPECT_THAT(err, HasSubstr("nothing to do"));
    EXPECT_EQ(amivirt({"down", "--name", "shop", "-o", "json"}), 0);
    EXPECT_EQ(json()["Members"], Json::array());
}

TEST_F(CliLabs, UserDataAreDoubtedWhereTheyAreUsed) {
    lab.instances[0].user_data = "echo hello\n";
    lab.instances[0].line = 7;
    lab.file = "shop.yaml";
    lab_reader.add("shop.yaml", lab);
    const std::string doubt = "shop.yaml:7: instances.web: the user data begin with \"echo hello\"";
    EXPECT_EQ(amivirt({"up", "shop.yaml", "--plan"}), 10);
    EXPECT_THAT(err, HasSubstr(doubt));
    EXPECT_EQ(amivirt({"up", "shop.yaml"}), 0);
    EXPECT_THAT(err, HasSubstr(doubt));
    EXPECT_EQ(err.find(doubt), err.rfind(doubt)) << "once for both machines";
    EXPECT_EQ(amivirt({"up", "shop.yaml"}), 0);
    EXPECT_THAT(err, Not(HasSubstr(doubt)));
}

TEST_F(CliLabs, UpReapsAndMarksItsMachinesWithTheSession) {
    ASSERT_EQ(amivirt({"run", "tiny", "--ttl", "1m", "-o", "id"}), 0) << err;
    const std::string old = lines()[0];
    clock.advance(std::chrono::minutes(2));
    environment["AMIVIRT_SESSION"] = "job-7";
    ASSERT_EQ(amivirt({"up", "shop.yaml"}), 0) << err;
    for (const auto& instance : rows(&CatalogSession::instances)) {
        EXPECT_EQ(instance.state == InstanceState::terminated, instance.id.str() == old);
        EXPECT_EQ(instance.session, instance.id.str() == old ? "" : "job-7");
    }
    EXPECT_EQ(amivirt({"terminate", "--session", "job-7", "-o", "id"}), 0) << err;
    EXPECT_EQ(lines().size(), 2U);
}

TEST_F(CliLabs, BadInputIsRefused) {
    EXPECT_EQ(amivirt({"up", "gone.yaml"}), 2);
    EXPECT_THAT(err, AllOf(HasSubstr("InvalidManifest"), HasSubstr("is not there")));
    EXPECT_EQ(amivirt({"up"}), 2);
    EXPECT_EQ(amivirt({"down"}), 2);
    EXPECT_EQ(amivirt({"down", "shop.yaml", "--name", "shop"}), 2);
    EXPECT_EQ(amivirt({"up", "shop.yaml", "--wait", "shh"}), 2);
    EXPECT_EQ(amivirt({"up", "shop.yaml", "--timeout", "soon"}), 2);
    lab.instances[0].image = "tinny";
    lab_reader.add("shop.yaml", lab);
    EXPECT_EQ(amivirt({"up", "shop.yaml"}), 3);
    EXPECT_THAT(err, AllOf(HasSubstr("InvalidAMIID.NotFound"), HasSubstr("instances.web")));
    EXPECT_EQ(out, "");
    EXPECT_EQ(amivirt({"up", "shop.yaml", "--plan"}), 3) << "what would be refused is no plan";
}

TEST_F(CliLabs, SchemasNeedNoStore) {
    EXPECT_EQ(amivirt({"schema", "lab"}), 0);
    EXPECT_EQ(json()["title"], "lab");
    EXPECT_EQ(opened, 0);
    EXPECT_EQ(amivirt({"schema"}), 2);
}

}  // namespace
}  // namespace amivirt::testing
