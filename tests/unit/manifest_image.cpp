// image.yaml: what is read, and what is said of each fault.
#include <gmock/gmock.h>

#include <chrono>

#include "adapters/manifest/manifest.hpp"
#include "manifest_scratch.hpp"

namespace amivirt {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class ImageManifestTest : public test::Scratch {
protected:
    Result<ImageManifest> read(std::string_view yaml) {
        write_program("build");
        return make_manifest_reader()->read(write("image.yaml", yaml));
    }
    /// The faults of a manifest that is right but for `lines`.
    std::vector<std::string> faults_of(const std::string& lines) {
        const auto result = read("name: debian-12\nsource: {build: ./build}\n" + lines);
        if (result) {
            return {"no fault"};
        }
        EXPECT_EQ(result.error().code, Code::invalid_manifest);
        return faults(result.error().message);
    }
};

TEST_F(ImageManifestTest, ReadsEveryField) {
    const auto result = read(R"(
name: debian-12
description: Debian 12 (bookworm) with cloud-init
architecture: x86_64
bootMode: legacy-bios
platform: linux
rootDeviceName: /dev/sda1
rootDeviceType: ebs
defaultUser: debian
source: {build: ./build}
blockDeviceMappings:
  - deviceName: /dev/sda1
    ebs: {snapshotId: , volumeSize: 2, volumeType: gp3, iops: , throughput: , deleteOnTermination: true, encrypted: false}
  - deviceName: /dev/sdb
    ebs: {snapshotId: snap-0123456789abcdef0, volumeSize: 200, volumeType: gp3, iops: 4000, throughput: 250}
  - deviceName: /dev/sdc
    virtualName: ephemeral0
  - deviceName: /dev/sdd
    noDevice: true
launchPermissions: [all, 012345678901, "111122223333"]
tags: {os: debian, release: bookworm, version: 012, empty: }
)");
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(result->name, "debian-12");
    EXPECT_EQ(result->description, "Debian 12 (bookworm) with cloud-init");
    EXPECT_EQ(result->architecture, Architecture::x86_64);
    EXPECT_EQ(result->boot_mode, BootMode::legacy_bios);
    EXPECT_EQ(result->platform, "linux");
    EXPECT_EQ(result->root_device_name, "/dev/sda1");
    EXPECT_EQ(result->default_user, "debian");
    EXPECT_EQ(result->source.build, path("build"));
    EXPECT_EQ(result->source.file, "");
    EXPECT_EQ(result->source.url, "");

    EbsDevice root;
    root.size = GiB{2};
    root.type = VolumeType::gp3;
    root.delete_on_termination = true;
    root.encrypted = false;
    EbsDevice data;
    data.snapshot = *SnapshotId::parse("snap-0123456789abcdef0");
    data.size = GiB{200};
    data.type = VolumeType::gp3;
    data.iops = 4000;
    data.throughput = 250;
    const BlockDeviceMapping mapping{{"/dev/sda1", root}, {"/dev/sdb", data}, {"/dev/sdc", EphemeralDevice{0}}, {"/dev/sdd", NoDevice{}}};
    EXPECT_EQ(result->mapping, mapping);

    EXPECT_TRUE(result->permissions.everyone);
    EXPECT_EQ(result->permissions.accounts, (std::set<AccountId>{*AccountId::parse("012345678901"), *AccountId::parse("111122223333")}));
    EXPECT_EQ(result->tags, (Tags{{"os", "debian"}, {"release", "bookworm"}, {"version", "012"}, {"empty", ""}}));
}

TEST_F(ImageManifestTest, LeavesOutWhatIsNotSaid) {
    const auto result = read("name: debian-12\nsource: {build: ./build}\n");
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(result->architecture, std::nullopt);
    EXPECT_EQ(result->boot_mode, std::nullopt);
    EXPECT_EQ(result->root_device_name, "/dev/sda1");
    EXPECT_EQ(result->platform, "");
    EXPECT_TRUE(result->mapping.empty());
    EXPECT_EQ(result->permissions, LaunchPermissions{});
}

TEST_F(ImageManifestTest, RootEntryNeedsNeitherSnapshotNorSize) {
    const auto result = read(
        "name: debian-12\nsource: {build: ./build}\nrootDeviceName: /dev/xvda\n"
        "blockDeviceMappings: [{deviceName: /dev/xvda, ebs: {volumeType: gp2}}]\n");
    ASSERT_TRUE(result) << result.error().message;
    const auto& root = std::get<EbsDevice>(result->mapping.at(0).what);
    EXPECT_EQ(root.snapshot, std::nullopt);
    EXPECT_EQ(root.size, std::nullopt);
}

TEST_F(ImageManifestTest, RootOnTheInstanceStore) {
    const auto result = read(
        "name: debian-12\nsource: {build: ./build}\nrootDeviceType: instance-store\n"
        "blockDeviceMappings:\n- {deviceName: sda1, ebs: {volumeSize: 4}}\n- {deviceName: /dev/sdb, virtualName: ephemeral0}\n");
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(result->root_device_type, RootDeviceType::instance_store);
    EXPECT_EQ(result->mapping.size(), 2U);
    EXPECT_EQ(read("name: debian-12\nsource: {build: ./build}\n")->root_device_type, RootDeviceType::ebs);

    EXPECT_THAT(faults_of("rootDeviceType: instance_store\n"),
                ElementsAre("image.yaml:3: rootDeviceType: Invalid root device type \"instance_store\" (expecting ebs | instance-store)"));
    EXPECT_THAT(faults_of("rootDeviceType: [ebs]\n"), ElementsAre("image.yaml:3: rootDeviceType: is a list, not text"));
    EXPECT_THAT(faults_of("rootDeviceType: instance-store\nblockDeviceMappings:\n- {deviceName: /dev/sda1, ebs: {volumeType: gp3}}\n"
                          "- {deviceName: /dev/sdb, ebs: {volumeSize: 3}}\n"),
                ElementsAre(StartsWith("image.yaml:5: blockDeviceMappings[0]: The root device \"/dev/sda1\" is on the instance store: "),
                            StartsWith("image.yaml:6: blockDeviceMappings[1]: The device \"/dev/sdb\" is an EBS volume, ")));
}

TEST_F(ImageManifestTest, ResolvesPathsFromTheManifestsFolder) {
    std::filesystem::create_directory(path("sub"));
    write("disk.qcow2", "x");
    const auto relative = make_manifest_reader()->read(write("sub/image.yaml", "name: abc\nsource: {file: ../disk.qcow2}\n"));
    ASSERT_TRUE(relative) << relative.error().message;
    EXPECT_EQ(relative->source.file, path("disk.qcow2"));

    const auto absolute = make_manifest_reader()->read(write("sub/image.yaml", "name: abc\nsource: {file: " + path("disk.qcow2") + "}\n"));
    ASSERT_TRUE(absolute) << absolute.error().message;
    EXPECT_EQ(absolute->source.file, path("disk.qcow2"));
}

TEST_F(ImageManifestTest, LowersADigest) {
    const std::string digest(64, 'A');
    const auto result = read("name: debian-12\nsource: {url: https://example.com/d.qcow2, sha256: " + digest + "}\n");
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(result->source.url, "https://example.com/d.qcow2");
    EXPECT_EQ(result->source.sha256, std::string(64, 'a'));
}

TEST_F(ImageManifestTest, TellsAllFaultsAtOnceInOrderOfLine) {
    const auto result = read(R"(descripton: a slip
architecture: sparc
source: {}
blockDeviceMappings:
  - deviceName: /dev/sda1
    ebs: {volumeSize: many, encrypted: perhaps}
  - virtualName: ephemeral24
launchPermissions: [some]
)");
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Code::invalid_manifest);
    EXPECT_THAT(result.error().message, StartsWith("manifest \"" + path("image.yaml") + "\" has 9 faults:\n"));
    EXPECT_THAT(faults(result.error().message),
                ElementsAre("image.yaml:1: unknown key \"descripton\"; did you mean \"description\"?", "image.yaml:1: name: is missing",
                            StartsWith("image.yaml:2: architecture: "), "image.yaml:3: source: needs one of file, url, build",
                            "image.yaml:6: blockDeviceMappings[0].ebs.volumeSize: \"many\" is not a whole number of GiB",
                            "image.yaml:6: blockDeviceMappings[0].ebs.encrypted: \"perhaps\" is not true or false",
                            "image.yaml:7: blockDeviceMappings[1].deviceName: is missing",
                            "image.yaml:7: blockDeviceMappings[1].virtualName: \"ephemeral24\" is not ephemeral0 to ephemeral23",
                            "image.yaml:8: launchPermissions[0]: \"some\" is neither an account id of 12 digits nor \"all\""));
}

TEST_F(ImageManifestTest, RefusesBadWords) {
    EXPECT_THAT(faults_of("architecture: sparc\n"), ElementsAre(HasSubstr("image.yaml:3: architecture: ")));
    EXPECT_THAT(faults_of("bootMode: bios\n"), ElementsAre(HasSubstr("image.yaml:3: bootMode: ")));
    EXPECT_THAT(faults_of("platform: beos\n"), ElementsAre("image.yaml:3: platform: \"beos\" is neither \"linux\" nor \"windows\""));
    EXPECT_THAT(faults_of("defaultUser: -oProxyCommand=x\n"),
                ElementsAre(HasSubstr("defaultUser: \"-oProxyCommand=x\" is not a user name")));
    EXPECT_THAT(faults_of("rootDeviceName: disk one\n"), ElementsAre(HasSubstr("image.yaml:3: rootDeviceName: ")));
    EXPECT_THAT(faults_of("description: " + std::string(256, 'd') + "\n"), ElementsAre(HasSubstr("image.yaml:3: description: ")));
    EXPECT_THAT(faults_of("description: [a, b]\n"), ElementsAre("image.yaml:3: description: is a list, not text"));
    const auto short_name = read("name: ab\nsource: {build: ./build}\n");
    ASSERT_FALSE(short_name);
    EXPECT_THAT(faults(short_name.error().message), ElementsAre(HasSubstr("image.yaml:1: name: ")));
}

TEST_F(ImageManifestTest, RefusesKeysGivenTwice) {
    EXPECT_THAT(faults_of("name: other\n"), ElementsAre("image.yaml:3: name: is given twice, first on line 1"));
    EXPECT_THAT(faults_of("tags: {a: 1, b: 2,\n  a: 3}\n"), ElementsAre("image.yaml:4: tags.a: is given twice, first on line 3"));
}

TEST_F(ImageManifestTest, SuggestsTheNearestKeyOnlyWhereItIsNear) {
    EXPECT_THAT(faults_of("bootmode: uefi\n"), ElementsAre("image.yaml:3: unknown key \"bootmode\"; did you mean \"bootMode\"?"));
    EXPECT_THAT(faults_of("xyzzy: 1\n"), ElementsAre("image.yaml:3: unknown key \"xyzzy\""));
}

TEST_F(ImageManifestTest, WantsExactlyOneSource) {
    const auto source = [&](const std::string& text) {
        const auto result = read("name: debian-12\n" + text);
        return result ? std::vector<std::string>{"no fault"} : faults(result.error().message);
    };
    EXPECT_THAT(source(""), ElementsAre(HasSubstr("image.yaml:1: source: is missing")));
    EXPECT_THAT(source("source: ./disk.qcow2\n"), ElementsAre("image.yaml:2: source: is a single value, not a map of fields"));
    EXPECT_THAT(source("source: {build: ./build, url: 'http://h/x'}\n"),
                ElementsAre("image.yaml:2: source: takes one of file, url, build, not several (url, build)"));
    EXPECT_THAT(source("source: {file: none.qcow2}\n"),
                ElementsAre("image.yaml:2: source.file: \"" + path("none.qcow2") + "\" is not there"));
    EXPECT_THAT(source("source: {file: .}\n"), ElementsAre(HasSubstr("is a directory")));
    EXPECT_THAT(source("source: {file: ''}\n"), ElementsAre("image.yaml:2: source.file: is empty"));
    EXPECT_THAT(source("source: {file: 'https://h/x'}\n"), ElementsAre(HasSubstr("is a URL; give it as url")));
    EXPECT_THAT(source("source: {build: ./image.yaml}\n"), ElementsAre(HasSubstr("is not executable")));
    EXPECT_THAT(source("source: {url: 'ftp://h/x'}\n"), ElementsAre(HasSubstr("\"ftp://h/x\" is not an http:// or https:// URL")));
    EXPECT_THAT(source("source: {url: 'http://h/x', sha256: abc}\n"), ElementsAre(HasSubstr("\"abc\" is not 64 hexadecimal digits")));
    EXPECT_THAT(source("source: {build: ./build, sha256: " + std::string(64, '1') + "}\n"),
                ElementsAre("image.yaml:2: source.sha256: goes with file or url, not with build"));
}

TEST_F(ImageManifestTest, RefusesBadMappings) {
    const auto mapping = [&](const std::string& text) { return faults_of("blockDeviceMappings:\n" + text); };
    EXPECT_THAT(faults_of("blockDeviceMappings: {deviceName: /dev/sdb}\n"),
                ElementsAre("image.yaml:3: blockDeviceMappings: is a map, not a list of devices"));
    EXPECT_THAT(mapping("  - /dev/sdb\n"), ElementsAre("image.yaml:4: blockDeviceMappings[0]: is a single value, not a map of fields"));
    EXPECT_THAT(mapping("  - deviceName: /dev/sdb\n"),
                ElementsAre("image.yaml:4: blockDeviceMappings[0]: needs one of ebs, virtualName, noDevice"));
    EXPECT_THAT(mapping("  - {deviceName: /dev/sdb, noDevice: true, virtualName: ephemeral0}\n"),
                ElementsAre("image.yaml:4: blockDeviceMappings[0]: takes only one of ebs, virtualName, noDevice"));
    EXPECT_THAT(mapping("  - {deviceName: /dev/sdb, noDevice: false}\n"), ElementsAre(HasSubstr("noDevice: can only be true")));
    EXPECT_THAT(mapping("  - {deviceName: /dev/sdb, ebs: {volumeSize: 0}}\n"),
                ElementsAre(HasSubstr("ebs.volumeSize: \"0\" is not between 1 and")));
    EXPECT_THAT(mapping("  - {deviceName: /dev/sdb, ebs: {volumeSize: 99999999999999999999}}\n"),
                ElementsAre(HasSubstr("is not between 1 and")));
    EXPECT_THAT(mapping("  - {deviceName: /dev/sdb, ebs: {volumeSize: -1}}\n"),
                ElementsAre(HasSubstr("\"-1\" is not a whole number of GiB")));
    EXPECT_THAT(mapping("  - {deviceName: /dev/sdb, ebs: {volumeSize: 1, volumeType: fast}}\n"),
                ElementsAre(HasSubstr("ebs.volumeType: ")));
    EXPECT_THAT(mapping("  - {deviceName: /dev/sdb, ebs: {snapshotId: snap-1}}\n"), ::testing::Contains(HasSubstr("ebs.snapshotId: ")));
    EXPECT_THAT(mapping("  - {deviceName: /dev/sdb, ebs: {volumesize: 1, volumeSize: 1}}\n"),
                ElementsAre("image.yaml:4: blockDeviceMappings[0].ebs: unknown key \"volumesize\"; did you mean \"volumeSize\"?"));
    // The domain's rules, told with the line of the entry that breaks them.
    EXPECT_THAT(mapping("  - {deviceName: /dev/sdb, ebs: {}}\n"), ElementsAre(StartsWith("image.yaml:4: blockDeviceMappings[0]: ")));
    EXPECT_THAT(mapping("  - {deviceName: /dev/sdb, ebs: {volumeSize: 1}}\n  - {deviceName: /dev/sdb, noDevice: true}\n"),
                ElementsAre(StartsWith("image.yaml:5: blockDeviceMappings[1]: ")));
    // The root is what source brings.
    EXPECT_THAT(mapping("  - {deviceName: /dev/sda1, noDevice: true}\n"), ElementsAre(HasSubstr("is the root device")));
    EXPECT_THAT(mapping("  - {deviceName: /dev/sda1, ebs: {snapshotId: snap-0123456789abcdef0}}\n"),
                ElementsAre(HasSubstr("takes no snapshotId")));
}

TEST_F(ImageManifestTest, RefusesBadPermissionsAndTags) {
    EXPECT_THAT(faults_of("launchPermissions: all\n"),
                ElementsAre("image.yaml:3: launchPermissions: is a single value, not a list of account ids or [all]"));
    EXPECT_THAT(faults_of("launchPermissions:\n  - all\n  - 12345\n"),
                ElementsAre(StartsWith("image.yaml:5: launchPermissions[1]: \"12345\"")));
    EXPECT_THAT(faults_of("launchPermissions: [[all]]\n"), ElementsAre(HasSubstr("launchPermissions[0]: is a list")));
    EXPECT_THAT(faults_of("tags: [a]\n"), ElementsAre("image.yaml:3: tags: is a list, not a map of fields"));
    EXPECT_THAT(faults_of("tags: {a: [b]}\n"), ElementsAre("image.yaml:3: tags.a: is a list, not text"));
    EXPECT_THAT(faults_of("tags:\n  good: 1\n  'aws:x': 1\n"), ElementsAre(StartsWith("image.yaml:5: tags: ")));
    std::string many = "tags:\n";
    for (int i = 0; i < 51; ++i) {
        many += "  key" + std::to_string(i) + ": v\n";
    }
    EXPECT_THAT(faults_of(many), ElementsAre(StartsWith("image.yaml:3: tags: ")));
}

TEST_F(ImageManifestTest, RefusesWhatIsNoYamlFile) {
    const auto reader = make_manifest_reader();
    const auto message = [&](const std::string& file) {
        const auto result = reader->read(file);
        EXPECT_EQ(result ? Code::internal_error : result.error().code, Code::invalid_manifest);
        return result ? std::vector<std::string>{"no fault"} : faults(result.error().message);
    };
    EXPECT_THAT(message(path("none.yaml")), ElementsAre("none.yaml: is not there"));
    EXPECT_THAT(message(folder_), ElementsAre(folder_ + ": is a directory, not a YAML file"));
    ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
    EXPECT_THAT(message(path("pipe")), ElementsAre("pipe: is not a regular file"));
    EXPECT_THAT(message(write("empty.yaml", "")), ElementsAre("empty.yaml: is empty"));
    EXPECT_THAT(message(write("comment.yaml", "# nothing\n")), ElementsAre("comment.yaml: is empty"));
    EXPECT_THAT(message(write("list.yaml", "- a\n")), ElementsAre("list.yaml:1: is a list, not a map of fields"));
    EXPECT_THAT(message(write("two.yaml", "name: abc\n---\nname: def\n")), ElementsAre(HasSubstr("holds more than one YAML document")));
    EXPECT_THAT(message(write("latin.yaml", "name: abc\ndescription: caf\xe9\n")), ElementsAre("latin.yaml:2: is not UTF-8 text"));
    EXPECT_THAT(message(write("utf16.yaml", std::string("n\0a\0m\0", 6))), ElementsAre("utf16.yaml:1: holds the control character 0x00"));
    EXPECT_THAT(message(write("broken.yaml", "name: abc\nsource: {build: x\ntags: ]\n")),
                ElementsAre(StartsWith("broken.yaml:3: not YAML: ")));
    EXPECT_THAT(message(write("tab.yaml", "name: abc\nsource:\n\tbuild: x\n")), ElementsAre(StartsWith("tab.yaml:3: not YAML: ")));
    EXPECT_THAT(message(write("key.yaml", "name: abc\n? [a, b]\n: c\n")), ElementsAre("key.yaml:2: a key must be a word"));
    EXPECT_THAT(message(write("tag.yaml", "name: !!python/object:os.system abc\n")), ElementsAre(HasSubstr("is not understood")));
    EXPECT_THAT(message(write("big.yaml", std::string((1U << 20U) + 1, '#'))), ElementsAre("big.yaml: is larger than 1 MiB"));
}

TEST_F(ImageManifestTest, RefusesAnUnreadableFile) {
    if (::geteuid() == 0) {
        GTEST_SKIP() << "root reads any file";
    }
    write("image.yaml", "name: abc\n");
    std::filesystem::permissions(path("image.yaml"), std::filesystem::perms::none);
    const auto result = make_manifest_reader()->read(path("image.yaml"));
    ASSERT_FALSE(result);
    EXPECT_THAT(faults(result.error().message), ElementsAre("image.yaml: cannot be read: Permission denied"));
}

TEST_F(ImageManifestTest, KnowsUtf8) {
    const auto fine = read("name: debian-12\nsource: {build: ./build}\ntags: {stadt: \"K\xc3\xb6ln \xe2\x82\xac \xf0\x9f\x90\xa7\"}\n");
    ASSERT_TRUE(fine) << fine.error().message;
    EXPECT_EQ(fine->tags.at("stadt"), "K\xc3\xb6ln \xe2\x82\xac \xf0\x9f\x90\xa7");
    for (const char* bad : {"\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\x80", "\xf8\x88\x80\x80\x80"}) {
        const auto result = read(std::string("description: ") + bad + "\n");
        ASSERT_FALSE(result);
        EXPECT_THAT(result.error().message, HasSubstr("is not UTF-8 text"));
    }
}

TEST_F(ImageManifestTest, FollowsAliasesButNotIntoABomb) {
    const auto fine = read(
        "name: debian-12\nsource: {build: ./build}\nblockDeviceMappings:\n"
        "  - {deviceName: /dev/sdb, ebs: &data {volumeSize: 3}}\n  - {deviceName: /dev/sdc, ebs: *data}\n");
    ASSERT_TRUE(fine) << fine.error().message;
    EXPECT_EQ(std::get<EbsDevice>(fine->mapping.at(1).what).size, GiB{3});

    std::string bomb = "a: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
    for (int i = 1; i < 20; ++i) {
        const std::string below = "*a" + std::to_string(i - 1);
        bomb += "k" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
        for (int j = 0; j < 10; ++j) {
            bomb += below + (j == 9 ? "]\n" : ", ");
        }
    }
    const auto start = std::chrono::steady_clock::now();
    const auto refused = read(bomb);
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, HasSubstr("those that aliases repeat included"));

    const auto loop = read("name: &n [*n]\n");
    ASSERT_FALSE(loop);
    EXPECT_EQ(loop.error().code, Code::invalid_manifest);
}

TEST_F(ImageManifestTest, RefusesDepthAndMassInGoodTime) {
    const auto start = std::chrono::steady_clock::now();
    const std::size_t many = 300'000;
    for (const std::string& text : {std::string(many, '['), "a: " + std::string(many, '{'), std::string(500'000, '-'),
                                    "a: [" +
                                        [] {
                                            std::string commas;
                                            for (int i = 0; i < 200'000; ++i) {
                                                commas += "1, ";
                                            }
                                            return commas;
                                        }() +
                                        "1]\n",
                                    [] {
                                        std::string nested;
                                        for (std::size_t i = 0; i < 1000; ++i) {
                                            nested += std::string(i, ' ') + "a:\n";
                                        }
                                        return nested;
                                    }()}) {
        const auto result = read(text);
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().code, Code::invalid_manifest);
        EXPECT_LT(result.error().message.size(), 1000U);
    }
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

TEST_F(ImageManifestTest, ShortensAndEscapesWhatItQuotes) {
    EXPECT_THAT(faults_of("platform: \"" + std::string(5000, 'x') + "\"\n"), ElementsAre(HasSubstr(std::string(60, 'x') + "...\"")));
    EXPECT_THAT(faults_of("platform: \"a\\e[31m\\nb\"\n"), ElementsAre(HasSubstr("\"a\\x1b[31m\\nb\"")));
}

TEST_F(ImageManifestTest, IdsAndProductCodes) {
    const auto result = read(
        "name: debian-12\nsource: {build: ./build}\nimageId: ami-0abcdef1\nproductCodes: [{productCode: abc, type: devpay}, {productCode: "
        "12}]\n");
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(result->id->str(), "ami-0abcdef1");
    EXPECT_THAT(result->product_codes, ElementsAre(ProductCode{"abc", "devpay"}, ProductCode{"12", "marketplace"}));
    EXPECT_THAT(faults_of("imageId: ami-xyz\n"), ElementsAre(HasSubstr("imageId: Invalid id: \"ami-xyz\"")));
    EXPECT_THAT(faults_of("image_id: ami-0abcdef1\n"), ElementsAre(HasSubstr("did you mean \"imageId\"?")));
    EXPECT_THAT(faults_of("ownerId: \"111122223333\"\n"), ElementsAre(HasSubstr("unknown key \"ownerId\"")));
    EXPECT_THAT(faults_of("productCodes: [{productCode: a-b}, {type: devpay}, {productCode: a, type: gift}]\n"),
                ElementsAre(HasSubstr("productCodes[0].productCode"), HasSubstr("productCodes[1].productCode: is missing"),
                            HasSubstr("productCodes[2]")));
}

class CatalogManifestTest : public test::Scratch {
protected:
    Result<ImageCatalog> read(std::string_view yaml) {
        write("disk", "x");
        return make_manifest_reader()->read_catalog(write("catalog.yaml", yaml));
    }
};

TEST_F(CatalogManifestTest, ManyImagesOverOneDisk) {
    write("other", "y");
    const auto result = read(R"(
source: {file: disk}
images:
  - imageId: ami-0abcdef1
    name: first one
    ownerId: "099720109477"
    platform: windows
    platformDetails: Windows
    launchPermissions: [all]
    productCodes: [{productCode: abc}]
  - imageId: ami-0123456789abcdef0
    name: second one
    source: {file: other}
    blockDeviceMappings: [{deviceName: /dev/sda1, ebs: {volumeSize: 8}}]
    tags: {k: v}
)");
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(result->file, path("catalog.yaml"));
    ASSERT_EQ(result->images.size(), 2U);
    const ImageManifest& first = result->images[0];
    const ImageManifest& second = result->images[1];
    EXPECT_EQ(first.id->str(), "ami-0abcdef1");
    EXPECT_EQ(first.owner->str(), "099720109477");
    EXPECT_EQ(first.source.file, path("disk"));
    EXPECT_EQ(first.platform_details, "Windows");
    EXPECT_TRUE(first.permissions.everyone);
    EXPECT_EQ(second.source.file, path("other"));
    EXPECT_EQ(second.owner, std::nullopt);
    EXPECT_EQ(second.tags.at("k"), "v");
}

TEST_F(CatalogManifestTest, AllFaultsWithFieldAndLine) {
    const auto result = read(R"(source: {file: nowhere}
images:
  - name: no id
  - imageId: ami-0abcdef1
    name: first one
    colour: red
    blockDeviceMappings: [{deviceName: /dev/sdb, ebs: {volumeSize: many}}]
    launchPermissions: [bob]
    tags: {"aws:x": y}
  - {imageId: ami-0abcdef1, name: first one, ownerId: "12"}
  - just text
)");
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Code::invalid_manifest);
    EXPECT_THAT(
        faults(result.error().message),
        ElementsAre(HasSubstr("catalog.yaml:1: source.file"), HasSubstr(":3: images[0].imageId: is missing"),
                    HasSubstr(":6: images[1]: unknown key \"colour\""), HasSubstr(":7: images[1].blockDeviceMappings[0].ebs.volumeSize"),
                    HasSubstr(":8: images[1].launchPermissions[0]"), HasSubstr(":9: images[1].tags"), HasSubstr(":10: images[2].ownerId"),
                    HasSubstr(":10: images[2].imageId"), HasSubstr(":10: images[2].name"), HasSubstr(":11: images[3]")));
    EXPECT_FALSE(read("images: []\n"));
    EXPECT_FALSE(read("source: {file: disk}\n"));
    const auto homeless = read("images: [{imageId: ami-0abcdef1, name: first one}]\n");
    ASSERT_FALSE(homeless);
    EXPECT_THAT(homeless.error().message, HasSubstr("images[0].source: is missing, here and for the catalog as a whole"));
}

TEST(ShippedManifest, OfEveryImageIsRight) {
    for (const auto& entry : std::filesystem::directory_iterator(AMIVIRT_IMAGES)) {
        const auto file = entry.path() / "image.yaml";
        if (std::filesystem::exists(file)) {
            const auto result = make_manifest_reader()->read(file.string());
            EXPECT_TRUE(result) << result.error().message;
        }
    }
}

}  // namespace
}  // namespace amivirt
