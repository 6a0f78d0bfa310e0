// instance-types.yaml: the shipped list, a user's additions, bad lists.
#include <gmock/gmock.h>

#include <set>

#include "adapters/manifest/manifest.hpp"
#include "manifest_scratch.hpp"

namespace amivirt {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::string k_shipped = std::string(AMIVIRT_TEMPLATES) + "/instance-types.yaml";

class InstanceTypesTest : public test::Scratch {
protected:
    std::vector<std::string> faults_of(const std::string& yaml) {
        const auto result = make_instance_types({write("types.yaml", yaml)})->list();
        if (result) {
            return {"no fault"};
        }
        EXPECT_EQ(result.error().code, Code::invalid_manifest);
        return faults(result.error().message);
    }
};

TEST_F(InstanceTypesTest, ShippedListIsEc2s) {
    const auto types = make_instance_types({k_shipped});
    const auto check = [&](std::string_view name, unsigned vcpus, std::uint64_t mib) {
        const auto type = types->find(name);
        ASSERT_TRUE(type) << type.error().message;
        EXPECT_EQ(type->name, name);
        EXPECT_EQ(type->vcpus, vcpus) << name;
        EXPECT_EQ(type->memory, MiB{mib}) << name;
    };
    check("t2.nano", 1, 512);
    check("m1.small", 1, 1740);
    check("t2.medium", 2, 4096);
    check("t3.nano", 2, 512);
    check("t3.micro", 2, 1024);
    check("t3a.2xlarge", 8, 32768);
    check("t4g.micro", 2, 1024);
    check("m5.4xlarge", 16, 65536);
    check("m5d.xlarge", 4, 16384);
    check("m6i.large", 2, 8192);
    check("c5.xlarge", 4, 8192);
    check("c6i.4xlarge", 16, 32768);
    check("r5.2xlarge", 8, 65536);
    check("r6i.large", 2, 16384);

    const auto list = types->list();
    ASSERT_TRUE(list);
    std::set<std::string> families;
    for (const InstanceType& type : *list) {
        families.insert(type.name.substr(0, type.name.find('.')));
        // Only the families whose name ends in d have instance store.
        EXPECT_EQ(type.instance_store_volumes > 0, type.name.find("d.") != std::string::npos) << type.name;
    }
    EXPECT_EQ(families, (std::set<std::string>{"m1", "t1", "t2", "t3", "t3a", "t4g", "m5", "m5d", "m6i", "c5", "c5d", "c6i", "r5", "r6i"}));
    const auto stored = types->find("m5d.large");
    ASSERT_TRUE(stored);
    EXPECT_EQ(stored->instance_store_volumes, 1U);
    EXPECT_EQ(stored->instance_store_size, GiB{75});
}

TEST_F(InstanceTypesTest, LaterFilesAddAndReplaceWhole) {
    const std::string user = write("types.yaml", "lab.big: {vcpus: 3, memory: 1.5GiB}\nm5d.large: {vcpus: 1, memory: 256MiB}\n");
    const auto types = make_instance_types({k_shipped, user});
    const auto added = types->find("lab.big");
    ASSERT_TRUE(added) << added.error().message;
    EXPECT_EQ(added->vcpus, 3U);
    EXPECT_EQ(added->memory, MiB{1536});
    EXPECT_EQ(*types->find("m5d.large"), (InstanceType{"m5d.large", 1, MiB{256}, 0, {}}));
    EXPECT_EQ(types->list()->size(), make_instance_types({k_shipped})->list()->size() + 1);
}

TEST_F(InstanceTypesTest, OnlyTheFirstFileMustBeThere) {
    EXPECT_TRUE(make_instance_types({k_shipped, path("none.yaml")})->list());
    const auto missing = make_instance_types({path("none.yaml"), k_shipped})->list();
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, Code::invalid_manifest);
    EXPECT_THAT(missing.error().message, HasSubstr("none.yaml: is not there"));
}

TEST_F(InstanceTypesTest, UnknownTypeIsToldWithTheNearest) {
    const auto types = make_instance_types({k_shipped});
    const auto slip = types->find("t3.mirco");
    ASSERT_FALSE(slip);
    EXPECT_EQ(slip.error().code, Code::invalid_parameter_value);
    EXPECT_EQ(slip.error().message, "Unknown instance type: \"t3.mirco\"");
    EXPECT_EQ(slip.error().hint, "Did you mean \"t3.micro\"?");
    for (const std::string& far : {std::string("xyzzyplugh"), std::string(), std::string(100'000, 'x')}) {
        const auto nothing = types->find(far);
        ASSERT_FALSE(nothing);
        EXPECT_EQ(nothing.error().hint, "");
    }
}

TEST_F(InstanceTypesTest, TellsAllFaultsAtOnce) {
    EXPECT_THAT(
        faults_of("Big: {vcpus: 1, memory: 1GiB}\na.b: {vcpu: 1, memory: 1}\na.c: 5\na.d: {vcpus: 0, memory: 1GiB, instanceStore: {size: "
                  "1MiB}}\n"),
        ElementsAre(StartsWith("types.yaml:1: \"Big\" is not a type's name"),
                    "types.yaml:2: a.b: unknown key \"vcpu\"; did you mean \"vcpus\"?", "types.yaml:2: a.b.vcpus: is missing",
                    "types.yaml:2: a.b.memory: \"1\" is not a whole number of MiB with its unit, as in \"4GiB\"",
                    "types.yaml:3: a.c: is a single value, not a map of fields", "types.yaml:4: a.d.vcpus: \"0\" is not between 1 and 1024",
                    "types.yaml:4: a.d.instanceStore.volumes: is missing",
                    "types.yaml:4: a.d.instanceStore.size: \"1MiB\" is not a whole number of GiB with its unit, as in \"4GiB\""));
}

TEST_F(InstanceTypesTest, RefusesBadForms) {
    EXPECT_THAT(faults_of(""), ElementsAre("types.yaml: is empty"));
    EXPECT_THAT(faults_of("- t3.nano\n"), ElementsAre("types.yaml:1: is a list, not a map of fields"));
    EXPECT_THAT(faults_of("a.b: {vcpus: 1, memory: 1GiB}\na.b: {vcpus: 1, memory: 1GiB}\n"),
                ElementsAre("types.yaml:2: a.b: is given twice, first on line 1"));
    EXPECT_THAT(faults_of("a.b:\n"), ElementsAre("types.yaml:1: a.b: is nothing, not a map of fields"));
    EXPECT_THAT(faults_of("a.b: {vcpus: two, memory: [1]}\n"),
                ElementsAre("types.yaml:1: a.b.vcpus: \"two\" is not a whole number", "types.yaml:1: a.b.memory: is a list, not text"));
    EXPECT_THAT(faults_of("a.b: {vcpus: 1, memory: 99PiB}\n"), ElementsAre(StartsWith("types.yaml:1: a.b.memory: \"99PiB\"")));
    EXPECT_THAT(faults_of("a.b: {vcpus: 1, memory: 1000TiB}\n"),
                ElementsAre(StartsWith("types.yaml:1: a.b.memory: \"1000TiB\" is more than")));
    EXPECT_THAT(faults_of("a.b.c: {vcpus: 1, memory: 1GiB}\n"), ElementsAre(HasSubstr("is not a type's name")));
    EXPECT_THAT(faults_of("a.b: {vcpus: 1, memory: 1GiB, instanceStore: 1}\n"),
                ElementsAre(HasSubstr("a.b.instanceStore: is a single value")));
    EXPECT_THAT(faults_of("a.b: {vcpus: 1,\n"), ElementsAre(HasSubstr("not YAML")));
}

TEST_F(InstanceTypesTest, AFaultyListIsReadAgainOnceMended) {
    const auto types = make_instance_types({write("types.yaml", "a.b: {}\n")});
    EXPECT_FALSE(types->list());
    write("types.yaml", "a.b: {vcpus: 1, memory: 1GiB}\n");
    EXPECT_TRUE(types->find("a.b"));
}

}  // namespace
}  // namespace amivirt
