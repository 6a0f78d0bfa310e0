// lab.yaml: what is read, what is said of each fault, and the schemas of both formats.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "adapters/manifest/manifest.hpp"
#include "manifest_scratch.hpp"

namespace amivirt {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

/// The command line's is tested there; this one takes "HOST:GUEST".
Result<PortForward> parse_port(std::string_view text) {
    const auto colon = text.find(':');
    if (colon == std::string_view::npos) {
        return Error(Code::invalid_parameter_value, "\"" + std::string(text) + "\" has no colon");
    }
    PortForward port;
    if (text.ends_with("/everywhere")) {
        port.address = "0.0.0.0";
    }
    port.host_port = static_cast<std::uint16_t>(std::stoi(std::string(text.substr(0, colon))));
    port.guest_port = static_cast<std::uint16_t>(std::stoi(std::string(text.substr(colon + 1))));
    return port;
}

class LabManifestTest : public test::Scratch {
protected:
    Result<Lab> read(std::string_view yaml, const std::string& name = "lab.yaml") {
        return make_lab_reader(parse_port)->read(write(name, yaml));
    }
    std::vector<std::string> faults_of(const std::string& yaml) {
        const auto result = read(yaml);
        if (result) {
            return {"no fault"};
        }
        EXPECT_EQ(result.error().code, Code::invalid_manifest);
        return faults(result.error().message);
    }
    /// Of a lab that is right but for `lines` of its one instance, which begins on line 2.
    std::vector<std::string> instance_faults(const std::string& lines) {
        return faults_of("instances:\n  web:\n    image: tiny\n" + lines);
    }
};

TEST_F(LabManifestTest, ReadsEveryField) {
    write("setup.sh", "#!/bin/sh\necho\n");
    write("admin.pub", "ssh-ed25519 AAAA me\n");
    const auto lab = read(R"(
name: shop
volumes:
  data: {size: 2, type: gp2, tags: {keep: yes}}
  old: {snapshot: snap-0123456789abcdef0, encrypted: true, iops: , throughput: }
keys:
  admin: {file: admin.pub}
  other: ssh-rsa BBBB
instances:
  db:
    image: tiny
    type: t3.nano
    key: admin
    network: network:default
    user_data: {file: setup.sh}
    volumes:
      - {device: /dev/sdf, volume: data}
      - {device: /dev/sdg, size: 4, type: io1, iops: 100}
    ports: ["0:80", "8080:81"]
    tags: {role: db, n: 012}
  web:
    image: tiny
    count: 2
    user_data: "#!/bin/sh"
    depends_on: {db: ssh}
  last:
    image: tiny
    depends_on: [web, db]
)");
    ASSERT_TRUE(lab) << lab.error().message;
    EXPECT_EQ(lab->name, "shop");
    ASSERT_EQ(lab->volumes.size(), 2U);
    EXPECT_EQ(lab->volumes[0].ebs.size, GiB{2});
    EXPECT_EQ(lab->volumes[0].ebs.type, VolumeType::gp2);
    EXPECT_EQ(lab->volumes[0].tags, (Tags{{"keep", "yes"}}));
    EXPECT_EQ(lab->volumes[1].ebs.snapshot, SnapshotId::parse("snap-0123456789abcdef0").value());
    EXPECT_EQ(lab->keys[0].public_key, "ssh-ed25519 AAAA me");
    EXPECT_EQ(lab->keys[1].public_key, "ssh-rsa BBBB");
    ASSERT_EQ(lab->instances.size(), 3U);
    const LabInstance& db = lab->instances[0];
    EXPECT_EQ(db.line, 10);
    EXPECT_EQ(db.type, "t3.nano");
    EXPECT_EQ(db.key, "admin");
    EXPECT_EQ(db.network, "network:default");
    EXPECT_EQ(db.user_data, "#!/bin/sh\necho\n");
    ASSERT_EQ(db.disks.size(), 2U);
    EXPECT_EQ(db.disks[0].volume, "data");
    EXPECT_EQ(db.disks[1].ebs.iops, 100U);
    ASSERT_EQ(db.ports.size(), 2U);
    EXPECT_EQ(db.ports[1].host_port, 8080);
    EXPECT_EQ(db.tags, (Tags{{"role", "db"}, {"n", "012"}}));
    EXPECT_EQ(lab->instances[1].count, 2U);
    EXPECT_EQ(lab->instances[1].user_data, "#!/bin/sh");
    EXPECT_THAT(lab->instances[1].depends_on, ElementsAre(LabDependency{"db", Readiness::ssh}));
    EXPECT_THAT(lab->instances[2].depends_on,
                ElementsAre(LabDependency{"web", Readiness::running}, LabDependency{"db", Readiness::running}));
}

TEST_F(LabManifestTest, HasItsFilesNameAndSmallestForm) {
    const auto lab = read("instances: {web: {image: tiny}}\n", "corner-shop.yaml");
    ASSERT_TRUE(lab) << lab.error().message;
    EXPECT_EQ(lab->name, "corner-shop");
    EXPECT_EQ(lab->instances[0].type, "t3.micro");
    EXPECT_EQ(lab->instances[0].count, 1U);
    EXPECT_EQ(lab->instances[0].network, "user");
    EXPECT_THAT(faults(read("instances: {web: {image: tiny}}\n", "a b.yaml").error().message), ElementsAre(HasSubstr("name: is missing")));
}

TEST_F(LabManifestTest, NoLabAtAll) {
    EXPECT_THAT(faults(make_lab_reader(parse_port)->read(path("nowhere.yaml")).error().message), ElementsAre("nowhere.yaml: is not there"));
    EXPECT_THAT(faults_of(""), ElementsAre("lab.yaml: is empty"));
    EXPECT_THAT(faults_of("# nothing\n"), ElementsAre("lab.yaml: is empty"));
    EXPECT_THAT(faults_of("a: [\n"), ElementsAre(HasSubstr("not YAML")));
    EXPECT_THAT(faults_of("- a\n"), ElementsAre("lab.yaml:1: is a list, not a map of fields"));
    EXPECT_THAT(faults_of("name: x\n"), ElementsAre("lab.yaml:1: instances: is missing"));
    EXPECT_THAT(faults_of("instances: {}\n"), ElementsAre("lab.yaml:1: instances: names no machine"));
    EXPECT_THAT(faults_of("name: a/b\ninstances: {web: {image: tiny}}\n"),
                ElementsAre(StartsWith("lab.yaml:1: name: \"a/b\" is no name of a lab")));
}

TEST_F(LabManifestTest, AllFaultsAreToldWithTheirLines) {
    EXPECT_THAT(
        faults_of(R"(name: shop
volume: {}
instances:
  web:
    imag: tiny
    count: 0
    user_data: {file: gone.sh}
    volumes: [{device: /dev/sdf, volume: dta}]
    depends_on: {we: ssh, db: shh}
  db: {image: tiny}
  db: {image: tiny}
)"),
        ElementsAre("lab.yaml:2: unknown key \"volume\"; did you mean \"volumes\"?",
                    "lab.yaml:5: instances.web: unknown key \"imag\"; did you mean \"image\"?",
                    "lab.yaml:5: instances.web.image: is missing", "lab.yaml:6: instances.web.count: \"0\" is not between 1 and 100",
                    "lab.yaml:7: instances.web.user_data.file: \"" + path("gone.sh") + "\" is not there",
                    "lab.yaml:8: instances.web.volumes[0].volume: the lab has no volume \"dta\"",
                    HasSubstr("lab.yaml:9: instances.web.depends_on.db: Invalid readiness \"shh\""),
                    "lab.yaml:9: instances.web.depends_on: the lab has no instance \"we\"; did you mean \"web\"?",
                    "lab.yaml:11: instances.db: is given twice, first on line 10"));
}

TEST_F(LabManifestTest, CirclesAreNamedAsAPath) {
    EXPECT_THAT(
        faults_of(
            "instances:\n  a: {image: x, depends_on: [b]}\n  b: {image: x, depends_on: {c: ssh}}\n  c: {image: x, depends_on: [a]}\n"),
        ElementsAre("lab.yaml:2: depends_on: goes in a circle: a -> b -> c -> a"));
    EXPECT_THAT(faults_of("instances:\n  a: {image: x, depends_on: [b, gone]}\n  b: {image: x, depends_on: [a]}\n"),
                ElementsAre(HasSubstr("no instance \"gone\""), HasSubstr("goes in a circle: a -> b -> a")));
    EXPECT_THAT(instance_faults("    depends_on: [web]\n"), ElementsAre("lab.yaml:2: depends_on: goes in a circle: web -> web"));
    EXPECT_THAT(instance_faults("    depends_on: [[web], web2, web2]\n"),
                ElementsAre("lab.yaml:4: instances.web.depends_on[0]: is a list, not text", HasSubstr("\"web2\" is named twice"),
                            HasSubstr("no instance \"web2\"")));
}

TEST_F(LabManifestTest, NamesAndPortsAndVolumesAreTakenOnce) {
    EXPECT_THAT(faults_of("instances:\n  web: {image: x, count: 2}\n  web-1: {image: x}\n"),
                ElementsAre("lab.yaml:3: instances.web-1: makes a machine \"web-1\", which line 2 makes already"));
    EXPECT_THAT(faults_of("instances:\n  a: {image: x, ports: ['8080:80', '0:1', '0:2']}\n  b: {image: x, ports: ['8080:81', 'x']}\n"),
                ElementsAre("lab.yaml:3: instances.b.ports[0]: host port 8080 is forwarded already, on line 2",
                            "lab.yaml:3: instances.b.ports[1]: \"x\" has no colon"));
    EXPECT_THAT(faults_of("instances:\n  a: {image: x, ports: ['8080:80']}\n  b: {image: x, ports: ['8080:81/everywhere']}\n"),
                ElementsAre("lab.yaml:3: instances.b.ports[0]: host port 8080 is forwarded already, on line 2"));
    EXPECT_THAT(
        instance_faults("    count: 2\n    ports: ['80:80']\n"),
        ElementsAre("lab.yaml:5: instances.web.ports[0]: host port 80 cannot be forwarded to each of 2 machines: 0 picks one for each"));
    EXPECT_THAT(faults_of("volumes: {v: {size: 1}}\ninstances:\n  a: {image: x, volumes: [{device: sdf, volume: v}]}\n"
                          "  b: {image: x, volumes: [{device: sdf, volume: v}]}\n"),
                ElementsAre("lab.yaml:4: instances.b.volumes[0].volume: \"v\" is attached already, on line 3"));
    EXPECT_THAT(faults_of("volumes: {v: {size: 1}}\ninstances:\n  a: {image: x, count: 2, volumes: [{device: sdf, volume: v}]}\n"),
                ElementsAre(HasSubstr("\"v\" cannot be attached to each of 2 machines")));
    EXPECT_THAT(instance_faults("    volumes: [{device: sdf, size: 1}, {device: /dev/sdf, size: 2}]\n"),
                ElementsAre("lab.yaml:4: instances.web.volumes[1].device: \"/dev/sdf\" is there twice"));
}

TEST_F(LabManifestTest, VolumesAreChecked) {
    EXPECT_THAT(faults_of("volumes: {a: {}, b: {size: 70000}, c: 3, 'd e': {size: 1}}\ninstances: {web: {image: x}}\n"),
                ElementsAre("lab.yaml:1: volumes.a: needs a size or a snapshot", HasSubstr("volumes.b: "),
                            HasSubstr("volumes.c: is a single value"), HasSubstr("volumes: \"d e\" is no name of one of volumes")));
    EXPECT_THAT(
        instance_faults("    volumes: [{size: 1}, {device: x y, size: 1}, {device: sdf}, 4]\n"),
        ElementsAre("lab.yaml:4: instances.web.volumes[0].device: is missing", HasSubstr("volumes[1].device: \"x y\" is no device name"),
                    HasSubstr("volumes[2]: "), HasSubstr("volumes[3]: is a single value")));
    EXPECT_THAT(instance_faults("    volumes: {device: sdf}\n"), ElementsAre(HasSubstr("is a map, not a list of disks")));
    EXPECT_THAT(faults_of("volumes: {v: {size: 1}}\ninstances: {a: {image: x, volumes: [{device: sdf, volume: v, size: 4}]}}\n"),
                ElementsAre(HasSubstr("is one of the lab's volumes; what it is like is said there")));
}

TEST_F(LabManifestTest, TagsAndTextsAreChecked) {
    EXPECT_THAT(instance_faults("    tags: {'aws:x': 1, 'amivirt:lab': me, l: [1]}\n"),
                ElementsAre(HasSubstr("aws:"), "lab.yaml:4: instances.web.tags.amivirt:lab: is the lab's own tag",
                            "lab.yaml:4: instances.web.tags.l: is a list, not text"));
    EXPECT_THAT(instance_faults("    user_data: [1]\n    type: {a: b}\n"),
                ElementsAre("lab.yaml:4: instances.web.user_data: is a list, neither text nor {file: PATH}",
                            "lab.yaml:5: instances.web.type: is a map, not text"));
    EXPECT_THAT(instance_faults("    user_data: {file: .}\n"), ElementsAre(HasSubstr("is not a regular file")));
}

TEST_F(LabManifestTest, TheSampleIsALab) {
    const auto lab = make_lab_reader(parse_port)->read(AMIVIRT_TEMPLATES "/labs/shop.yaml");
    ASSERT_TRUE(lab) << lab.error().message;
    EXPECT_EQ(machines_of(*lab).size(), 3U);
}

class FormatSchemas : public test::Scratch {};

/// AMIVIRT_UPDATE_GOLDEN=1 writes the shipped files anew.
TEST_F(FormatSchemas, AreShippedAsTheTablesSay) {
    const std::string folder = AMIVIRT_TEMPLATES "/schema/";
    const bool update = std::getenv("AMIVIRT_UPDATE_GOLDEN") != nullptr;
    for (const auto& [name, schema] :
         {std::pair(std::string("image.json"), image_schema()), std::pair(std::string("lab.json"), lab_schema())}) {
        if (update) {
            std::ofstream(folder + name) << schema;
        } else {
            EXPECT_EQ(read(folder + name), schema) << "AMIVIRT_UPDATE_GOLDEN=1 writes it anew";
        }
    }
    if (update) {
        GTEST_SKIP() << "the schemas were written anew";
    }
}

TEST_F(FormatSchemas, NameEveryFieldAndLimit) {
    const auto lab = nlohmann::json::parse(lab_schema());
    EXPECT_EQ(lab["$schema"], "https://json-schema.org/draft/2020-12/schema");
    EXPECT_EQ(lab["required"], nlohmann::json::array({"instances"}));
    const auto& instance = lab["properties"]["instances"]["additionalProperties"];
    EXPECT_EQ(instance["properties"]["count"]["maximum"], 100);
    EXPECT_EQ(instance["required"], nlohmann::json::array({"image"}));
    EXPECT_EQ(instance["additionalProperties"], false);
    const auto image = nlohmann::json::parse(image_schema());
    EXPECT_EQ(image["required"], nlohmann::json::array({"name", "source"}));
    EXPECT_THAT(image["properties"]["architecture"]["enum"].dump(), HasSubstr("\"x86_64\",\"arm64\""));
    EXPECT_EQ(image["properties"]["source"]["oneOf"].size(), 3U);
}

}  // namespace
}  // namespace amivirt
