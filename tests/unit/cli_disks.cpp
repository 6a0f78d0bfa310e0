// Commands about volumes, snapshots and the store.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli_bench.hpp"

namespace amivirt::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

class CliDisks : public CliBench {
protected:
    /// The one id a command printed.
    std::string id_from(const std::vector<std::string>& tokens) {
        EXPECT_EQ(amivirt(tokens), 0) << err;
        EXPECT_THAT(lines(), SizeIs(1));
        return lines().empty() ? "" : lines().front();
    }
    /// A machine with its root and /dev/sdf, switched off.
    std::string stopped_machine(const std::string& name) {
        if (images.resolve(me, "tiny").has_value() || import("tiny").name == "tiny") {
            EXPECT_EQ(amivirt({"run", "tiny", "--name", name, "--map", "/dev/sdf=:2", "-o", "id"}), 0) << err;
        }
        const std::string id = lines().front();
        EXPECT_EQ(amivirt({"stop", name}), 0) << err;
        return id;
    }
    std::vector<std::string> volumes_at(const std::string& instance) {
        EXPECT_EQ(amivirt({"volume", "list", "--filter", "attachment.instance-id=" + instance, "-o", "id"}), 0) << err;
        return lines();
    }
};

TEST_F(CliDisks, UsageFaultsAreToldBeforeTheStoreIsOpened) {
    const std::vector<std::vector<std::string>> bad{{"volume", "create"},
                                                    {"volume", "create", "data", "--size", "1"},
                                                    {"volume", "create", "--size", "0"},
                                                    {"volume", "create", "--size", "many"},
                                                    {"volume", "create", "--size", "1.5GiB"},
                                                    {"volume", "create", "--size", "1", "--type", "gp9"},
                                                    {"volume", "create", "--size", "1", "--iops", "0"},
                                                    {"volume", "create", "--size", "1", "--throughput", "fast"},
                                                    {"volume", "create", "--size", "1", "--tag", "aws:x=1"},
                                                    {"volume", "create", "--size", "1", "--name", "x", "--tag", "Name=y"},
                                                    {"volume", "attach", "v"},
                                                    {"volume", "attach", "v", "i", "/dev/sdf"},
                                                    {"volume", "detach"},
                                                    {"volume", "detach", "v", "--timeout", "soon"},
                                                    {"volume", "resize", "v"},
                                                    {"volume", "resize", "v", "0"},
                                                    {"volume", "resize", "v", "20", "30"},
                                                    {"volume", "resize", "v", "20", "--size", "30"},
                                                    {"volume", "modify"},
                                                    {"volume", "delete"},
                                                    {"volume", "show"},
                                                    {"volume", "list", "--filter", "colour=red"},
                                                    {"snapshot", "create"},
                                                    {"snapshot", "create", "v", "--instance", "i"},
                                                    {"snapshot", "create", "v", "--quiesce", "maybe"},
                                                    {"snapshot", "create", "v", "--description", std::string(256, 'x')},
                                                    {"snapshot", "list", "--filter", "colour=red"},
                                                    {"snapshot", "delete"},
                                                    {"snapshot", "show"},
                                                    {"instance", "modify", "i"},
                                                    {"instance", "modify", "i", "--delete-on-termination", "/dev/sdf"},
                                                    {"instance", "modify", "i", "--delete-on-termination", "/dev/sdf=maybe"},
                                                    {"gc", "--explain", "--flatten"},
                                                    {"gc", "layers"},
                                                    {"fsck", "now"},
                                                    {"du", "x"}};
    for (const auto& tokens : bad) {
        const std::string shown = fmt::format("{}", fmt::join(tokens, " "));
        EXPECT_EQ(amivirt(tokens), 2) << shown;
        EXPECT_EQ(out, "") << shown;
        EXPECT_THAT(err, StartsWith("amivirt: ")) << shown;
    }
    EXPECT_EQ(opened, 0);
}

TEST_F(CliDisks, AWrongWordSuggestsTheNearest) {
    for (const auto& [tokens, hint] :
         std::vector<std::pair<std::vector<std::string>, std::string>>{{{"volume", "craete"}, "volume create"},
                                                                       {{"snapshto", "list"}, "snapshot"},
                                                                       {{"fskc"}, "fsck"},
                                                                       {{"volume", "create", "--size", "1", "--type", "gp33"}, "gp3"},
                                                                       {{"volume", "list", "--filter", "stauts=available"}, "status"},
                                                                       {{"snapshot", "create", "v", "--quiesce", "atuo"}, "auto"}}) {
        EXPECT_EQ(amivirt(tokens), 2);
        EXPECT_THAT(err, HasSubstr("id you mean \"" + hint + "\"?")) << err;
    }
}

TEST_F(CliDisks, HelpNamesEachWord) {
    EXPECT_EQ(amivirt({"volume", "attach", "--help"}), 0);
    EXPECT_THAT(out, StartsWith("Usage: amivirt volume attach [OPTIONS] VOLUME INSTANCE\n"));
    EXPECT_EQ(amivirt({"volume", "modify", "--help"}), 0);
    EXPECT_THAT(out, StartsWith("Usage: amivirt volume modify [OPTIONS] VOLUME [SIZE]\n"));
    EXPECT_EQ(amivirt({"--help"}), 0);
    EXPECT_THAT(out,
                AllOf(HasSubstr("\nImages:\n  image import "), HasSubstr("\nInstances:\n  run "), HasSubstr("\nDisks:\n  volume list ")));
    EXPECT_EQ(amivirt({"volume", "--help"}), 0);
    EXPECT_THAT(out, AllOf(HasSubstr("\n  volume resize "), HasSubstr("\n  volume modify "), Not(HasSubstr("snapshot list"))));
}

TEST_F(CliDisks, AVolumesLife) {
    const std::string instance = stopped_machine("web");
    EXPECT_EQ(amivirt({"volume", "create", "--size", "20GiB", "--type", "gp3", "--iops", "4000", "--throughput", "250", "--name", "data",
                       "--tag", "role=db", "-o", "json"}),
              0)
        << err;
    EXPECT_EQ(err, "");
    const std::string id = json()["VolumeId"];
    EXPECT_EQ(json()["Size"], 20);
    EXPECT_EQ(json()["Iops"], 4000);
    EXPECT_EQ(json()["State"], "available");
    EXPECT_EQ(json()["AvailabilityZone"], "locala");

    EXPECT_EQ(amivirt({"volume", "attach", "data", "web", "--device", "/dev/sdg", "--delete-on-termination", "-o", "json"}), 0) << err;
    EXPECT_EQ(json()["Device"], "/dev/sdg");
    EXPECT_EQ(json()["InstanceId"], instance);
    EXPECT_EQ(json()["State"], "attached");
    EXPECT_EQ(json()["DeleteOnTermination"], true);
    EXPECT_EQ(amivirt({"volume", "attach", "data", "web"}), 5);
    EXPECT_THAT(err, HasSubstr("(VolumeInUse)"));
    EXPECT_THAT(volumes_at(instance), ElementsAre(StartsWith("vol-"), StartsWith("vol-"), id));
    EXPECT_EQ(amivirt({"instance", "show", "web"}), 0);
    EXPECT_THAT(out, HasSubstr(fmt::format("Volume        /dev/sdg {} 20 GiB gp3, deleted on termination\n", id)));

    EXPECT_EQ(amivirt({"volume", "resize", "data", "40"}), 0) << err;
    EXPECT_EQ(out, id + "\n");
    EXPECT_EQ(amivirt({"volume", "modify", id, "--type", "io2", "--iops", "5000", "-o", "json"}), 0) << err;
    EXPECT_EQ(json()["VolumeModification"]["OriginalVolumeType"], "gp3");
    EXPECT_EQ(json()["VolumeModification"]["TargetIops"], 5000);
    EXPECT_EQ(json()["VolumeModification"]["TargetSize"], 40);
    EXPECT_EQ(amivirt({"volume", "resize", "data", "30"}), 2);
    EXPECT_THAT(err, HasSubstr("40 GiB"));
    EXPECT_EQ(amivirt({"volume", "show", "data", "nothing"}), 3);
    EXPECT_THAT(out, AllOf(HasSubstr("Type       io2, 5000 IOPS\n"), HasSubstr("Tag        role=db\n")));
    EXPECT_THAT(err, HasSubstr("\"nothing\""));

    EXPECT_EQ(amivirt({"volume", "delete", "data"}), 5);
    EXPECT_THAT(err, HasSubstr("(VolumeInUse)"));
    EXPECT_EQ(amivirt({"volume", "detach", "data", "-o", "json"}), 0) << err;
    EXPECT_EQ(json()["State"], "detached");
    EXPECT_EQ(json()["Device"], "/dev/sdg");
    EXPECT_EQ(id_from({"volume", "detach", "data"}), id);  // a repeat is done
    EXPECT_EQ(amivirt({"volume", "delete", "data", "-o", "json"}), 0) << err;
    EXPECT_EQ(json()["VolumeIds"][0], id);
    EXPECT_EQ(amivirt({"volume", "show", "data"}), 3);
    expect_clean();
}

TEST_F(CliDisks, AModificationTellsWhenItBegan) {
    id_from({"volume", "create", "--size", "1", "--name", "data"});
    EXPECT_EQ(amivirt({"volume", "resize", "data", "2", "-o", "json"}), 0) << err;
    EXPECT_EQ(json()["VolumeModification"]["StartTime"], to_iso8601(clock.now()));
    EXPECT_EQ(json()["VolumeModification"]["TargetIops"], 3000);
}

TEST_F(CliDisks, SeveralFaultsTellTheirCodeOnce) {
    EXPECT_EQ(amivirt({"volume", "create", "--size", "2", "--type", "io1", "--iops", "5"}), 2);
    EXPECT_EQ(err,
              "amivirt: this volume has 2 faults (InvalidParameterValue):\n"
              "  The size of the new volume, 2 GiB, is not possible for volume type io1 (expecting 4 to 16384 GiB)\n"
              "  The IOPS of the new volume, 5, are not possible for volume type io1 (expecting 100 to 64000)\n");
    EXPECT_EQ(amivirt({"volume", "create", "--size", "2", "--type", "io1"}), 2);
    EXPECT_EQ(err,
              "amivirt: this volume has 2 faults (InvalidParameterValue):\n"
              "  The size of the new volume, 2 GiB, is not possible for volume type io1 (expecting 4 to 16384 GiB)\n"
              "  The IOPS of the new volume are not said, and volume type io1 needs them (MissingParameter)\n");
    const std::string id = id_from({"volume", "create", "--size", "4", "--name", "data"});
    EXPECT_EQ(amivirt({"volume", "resize", "data", "70000"}), 2);
    EXPECT_THAT(err, StartsWith("amivirt: The size of volume \"" + id + "\", 70000 GiB, "));
}

TEST_F(CliDisks, VolumeOfASnapshotByName) {
    const std::string volume = id_from({"volume", "create", "--size", "3", "--name", "data", "--encrypted"});
    EXPECT_EQ(amivirt({"snapshot", "create", "data", "--name", "before", "--description", "an upgrade", "-o", "json"}), 0) << err;
    const std::string snapshot = json()["SnapshotId"];
    EXPECT_EQ(json()["VolumeId"], volume);
    EXPECT_EQ(json()["Description"], "an upgrade");
    EXPECT_EQ(json()["Progress"], "100%");
    EXPECT_EQ(json()["Encrypted"], true);
    EXPECT_EQ(amivirt({"volume", "create", "--snapshot", "before", "-o", "json"}), 0) << err;
    EXPECT_EQ(json()["Size"], 3);
    EXPECT_EQ(json()["SnapshotId"], snapshot);
    EXPECT_EQ(json()["Encrypted"], true);
    EXPECT_EQ(amivirt({"volume", "create", "--snapshot", "befroe"}), 3);
    EXPECT_THAT(err, HasSubstr("(InvalidSnapshot.NotFound)\nhint: did you mean \"before\"?"));

    EXPECT_EQ(amivirt({"snapshot", "list", "--filter", "Name=volume-id,Values=" + volume, "-o", "json"}), 0);
    ASSERT_EQ(json()["Snapshots"].size(), 1U);
    EXPECT_EQ(json()["Snapshots"][0]["SnapshotId"], snapshot);
    EXPECT_EQ(amivirt({"snapshot", "list", "befroe"}), 3);
    EXPECT_EQ(amivirt({"snapshot", "show", "before"}), 0);
    EXPECT_THAT(out, HasSubstr("Description  an upgrade\n"));
    EXPECT_EQ(id_from({"snapshot", "delete", "before", snapshot}), snapshot);  // named twice, done once
    EXPECT_EQ(amivirt({"snapshot", "list"}), 0);
    EXPECT_EQ(out, "ID  NAME  SIZE  STATE  VOLUME  AGE\n");
    expect_clean();
}

TEST_F(CliDisks, SnapshotsOfAnInstanceAndOfSeveralVolumes) {
    const std::string one = stopped_machine("one");
    const std::string two = stopped_machine("two");
    EXPECT_EQ(amivirt({"snapshot", "create", "--instance", "one", "--tag", "night=1", "-o", "json"}), 0) << err;
    ASSERT_EQ(json()["Snapshots"].size(), 2U);
    EXPECT_EQ(json()["Snapshots"][0]["Tags"][0]["Key"], "night");
    const auto first = volumes_at(one);
    const auto second = volumes_at(two);
    ASSERT_THAT(first, SizeIs(2));
    ASSERT_THAT(second, SizeIs(2));
    // What one instance has is taken together; what cannot be taken stops nothing.
    EXPECT_EQ(amivirt({"snapshot", "create", first[0], "nothing", second[0], first[1]}), 3);
    EXPECT_THAT(lines(), SizeIs(3));
    EXPECT_THAT(err, HasSubstr("\"nothing\""));
    EXPECT_EQ(amivirt({"snapshot", "show", lines()[0], lines()[1], lines()[2], "-o", "json"}), 0);
    EXPECT_EQ(json()["Snapshots"][0]["VolumeId"], first[0]);
    EXPECT_EQ(json()["Snapshots"][1]["VolumeId"], first[1]);
    EXPECT_EQ(json()["Snapshots"][0]["StartTime"], json()["Snapshots"][1]["StartTime"]);
    EXPECT_EQ(json()["Snapshots"][2]["VolumeId"], second[0]);
    EXPECT_EQ(amivirt({"snapshot", "create", "--instance", "nobody"}), 3);
    expect_clean();
}

TEST_F(CliDisks, AnImagesSnapshotIsInUse) {
    import("tiny");
    EXPECT_EQ(amivirt({"snapshot", "list", "-o", "id"}), 0);
    EXPECT_EQ(amivirt({"snapshot", "delete", lines()[0]}), 5);
    EXPECT_THAT(err, HasSubstr("(InvalidSnapshot.InUse)"));
    EXPECT_EQ(out, "");
}

TEST_F(CliDisks, OneVolumeThatFailsDoesNotStopTheOthers) {
    const std::string instance = stopped_machine("web");
    const std::string attached = volumes_at(instance)[1];
    const std::string one = id_from({"volume", "create", "--size", "1"});
    const std::string two = id_from({"volume", "create", "--size", "1"});
    EXPECT_EQ(amivirt({"volume", "delete", one, "nobody", attached, two}), 3);
    EXPECT_THAT(lines(), ElementsAre(one, two));
    EXPECT_LT(err.find("\"nobody\""), err.find(attached));
    EXPECT_EQ(amivirt({"volume", "list", "-o", "id"}), 0);
    EXPECT_THAT(lines(), Not(::testing::Contains(one)));
    EXPECT_EQ(amivirt({"volume", "detach", "nobody", attached}), 3);
    EXPECT_THAT(lines(), ElementsAre(attached));
}

TEST_F(CliDisks, WhatGoesWithAnInstanceCanBeChanged) {
    const std::string instance = stopped_machine("web");
    EXPECT_EQ(amivirt({"instance", "modify", "web", "--delete-on-termination", "/dev/sda1=no", "--delete-on-termination", "/dev/sdf=yes"}),
              0)
        << err;
    EXPECT_EQ(out, instance + "\n");
    EXPECT_EQ(amivirt({"instance", "modify", "web", "--delete-on-termination", "/dev/sdz=no", "--delete-on-termination", "sdf=true", "-o",
                       "json"}),
              3);
    EXPECT_THAT(err, HasSubstr("\"/dev/sdz\""));
    ASSERT_EQ(json()["BlockDeviceMappings"].size(), 1U);
    EXPECT_EQ(json()["BlockDeviceMappings"][0]["Ebs"]["DeleteOnTermination"], true);
    EXPECT_EQ(amivirt({"terminate", "web"}), 0) << err;
    EXPECT_EQ(amivirt({"volume", "list", "-o", "json"}), 0);
    ASSERT_EQ(json()["Volumes"].size(), 1U);  // the root
    EXPECT_EQ(json()["Volumes"][0]["State"], "available");
    expect_clean();
}

TEST_F(CliDisks, GarbageIsExplainedAndCollected) {
    const std::string volume = id_from({"volume", "create", "--size", "1"});
    Layer lost;
    lost.id = *LayerId::parse("layer-0123456789abcdef0");
    lost.state = LayerState::writable;
    lost.virtual_size = Bytes{1U << 30U};
    ASSERT_TRUE(store.create(lost.id, std::nullopt, lost.virtual_size, Encrypted::no));
    ASSERT_TRUE(catalog.write([&](CatalogSession& session) { return session.layers().insert(lost); }));
    EXPECT_EQ(amivirt({"gc", "--explain"}), 0) << err;
    EXPECT_THAT(lines(),
                ElementsAre(MatchesRegex("LAYER +ALLOCATED +WHY"), HasSubstr("volume " + volume), HasSubstr("  nothing: it goes")));
    EXPECT_EQ(amivirt({"gc", "--explain", "-o", "json"}), 0);
    EXPECT_EQ(json()["Layers"][1]["LayerId"], lost.id.str());
    EXPECT_EQ(json()["Layers"][1]["Reasons"], Json::array());
    EXPECT_THAT(store.layers(), SizeIs(2));
    const auto broke_off = [&](const std::string& url, std::chrono::hours ago) {
        return catalog.write([&](CatalogSession& session) {
            return session.downloads().insert({url, url + ".part", "v1", clock.now() - ago});
        });
    };
    ASSERT_TRUE(broke_off("just now", std::chrono::hours(23)) && broke_off("long ago", std::chrono::hours(25)));
    EXPECT_EQ(amivirt({"gc"}), 0) << err;
    EXPECT_EQ(out, "");
    EXPECT_EQ(err, "1 layer removed\n");
    const auto downloads = rows(&CatalogSession::downloads);
    ASSERT_THAT(downloads, SizeIs(1));
    EXPECT_EQ(downloads.front().url, "just now");
    EXPECT_THAT(store.layers(), SizeIs(1));
    EXPECT_EQ(amivirt({"gc", "-o", "json"}), 0) << err;
    EXPECT_EQ(json()["LayersRemoved"], 0);
    expect_clean();
}

TEST_F(CliDisks, DeepChainsAreFlattened) {
    const std::string volume = id_from({"volume", "create", "--size", "1", "--name", "data"});
    for (int i = 0; i < 6; ++i) {
        id_from({"snapshot", "create", "data"});
    }
    EXPECT_EQ(amivirt({"gc", "--flatten"}), 0) << err;
    EXPECT_EQ(out, volume + "\n");
    EXPECT_THAT(err, HasSubstr("1 volume flattened"));
    EXPECT_EQ(amivirt({"-q", "gc", "--flatten", "-o", "json"}), 0);
    EXPECT_EQ(json()["VolumesFlattened"], Json::array());
    EXPECT_EQ(err, "");
    EXPECT_THAT(rows(&CatalogSession::snapshots), SizeIs(6));
    expect_clean();
}

TEST_F(CliDisks, OneChainThatCannotBeFlattenedDoesNotKeepTheOthersFromIt) {
    std::vector<std::string> all;
    for (const char* name : {"one", "two", "three"}) {
        all.push_back(id_from({"volume", "create", "--size", "1", "--name", name}));
        for (int i = 0; i < 6; ++i) {
            id_from({"snapshot", "create", name});
        }
    }
    care.script().fail("merge", Error(Code::store_full, "No space left on device"), 1);
    care.script().fail("merge", Error(Code::tool_missing, "qemu-img is gone"), 2);
    EXPECT_EQ(amivirt({"gc", "--flatten"}), 1);  // of StoreFull, the first; ToolMissing would be 7
    EXPECT_THAT(lines(), SizeIs(1));
    EXPECT_THAT(all, ::testing::Contains(lines().front()));
    EXPECT_THAT(err, AllOf(HasSubstr("(StoreFull)"), HasSubstr("(ToolMissing)"), HasSubstr("1 volume flattened")));
    EXPECT_EQ(amivirt({"gc", "--flatten"}), 0) << err;
    EXPECT_THAT(lines(), SizeIs(2));
    expect_clean();
}

TEST_F(CliDisks, AStopHasDeepChainsFlattenedInTheBackground) {
    const std::string instance = stopped_machine("web");
    EXPECT_THAT(detached, IsEmpty());
    for (int i = 0; i < 6; ++i) {
        EXPECT_EQ(amivirt({"snapshot", "create", "--instance", "web"}), 0) << err;
    }
    EXPECT_EQ(amivirt({"start", "web"}), 0) << err;
    EXPECT_THAT(detached, IsEmpty());
    EXPECT_EQ(amivirt({"--home", "/h", "--region", "lab", "stop", "web", "--timeout", "5s", "-o", "json"}), 0) << err;
    EXPECT_THAT(detached, ElementsAre("gc", "--flatten", "-q", "--home", "/h", "--region", "lab"));
    EXPECT_EQ(json()["StoppingInstances"][0]["InstanceId"], instance);
    detached.clear();
    EXPECT_EQ(amivirt({"stop", "nobody"}), 3);
    EXPECT_THAT(detached, IsEmpty());
    // The same where a guest powers itself off, with the command that finds it so; once.
    EXPECT_EQ(amivirt({"start", "web"}), 0) << err;
    hypervisor.guest_powers_off(*InstanceId::parse(instance));
    EXPECT_EQ(amivirt({"ps"}), 0) << err;
    EXPECT_THAT(detached, ElementsAre("gc", "--flatten", "-q"));
    detached.clear();
    EXPECT_EQ(amivirt({"ps"}), 0) << err;
    EXPECT_THAT(detached, IsEmpty());
}

TEST_F(CliDisks, DuCountsWhatIsThere) {
    const std::string instance = stopped_machine("web");
    EXPECT_EQ(amivirt({"du", "-o", "json"}), 0) << err;
    std::vector<std::string> kinds;
    const Json root = json();
    for (const Json& row : root["Usage"]) {
        kinds.push_back(row["Kind"]);
    }
    EXPECT_THAT(kinds, ElementsAre("image", "snapshot", "volume", "volume", "instance"));
    EXPECT_EQ(json()["TotalBytes"], json()["LayerBytes"].get<std::uint64_t>() + json()["InstanceBytes"].get<std::uint64_t>());
    EXPECT_EQ(amivirt({"du"}), 0);
    EXPECT_THAT(out, AllOf(StartsWith("KIND "), HasSubstr("\n\nLayers "), HasSubstr("\nTotal ")));
    EXPECT_EQ(amivirt({"du", "-o", "id"}), 0);
    EXPECT_THAT(lines(), ::testing::Contains(instance));
}

TEST_F(CliDisks, FsckTellsRepairsAndFails) {
    const std::string grown = id_from({"volume", "create", "--size", "1", "--name", "grown"});
    const std::string lost = id_from({"volume", "create", "--size", "1", "--name", "lost"});
    EXPECT_EQ(amivirt({"fsck"}), 0) << out << err;
    EXPECT_EQ(out, "");
    EXPECT_EQ(err, "2 layers checked, no faults\n");
    EXPECT_EQ(amivirt({"fsck", "--deep", "-o", "json"}), 0);
    EXPECT_EQ(json()["Sound"], true);
    EXPECT_EQ(json()["Faults"], Json::array());

    ASSERT_TRUE(store.grow(volumes.resolve(me, "grown")->layer, GiB{2}.bytes()));
    EXPECT_EQ(amivirt({"fsck"}), 1);
    EXPECT_THAT(out, HasSubstr("\n    -> "));
    EXPECT_THAT(err, AllOf(HasSubstr("1 fault\n"), HasSubstr("hint: \"amivirt fsck --repair\"")));
    EXPECT_EQ(amivirt({"fsck", "--repair"}), 0) << out;
    EXPECT_THAT(out, HasSubstr("\n    repaired: "));
    EXPECT_EQ(volumes.resolve(me, grown)->size, GiB{2});

    ASSERT_TRUE(store.remove(volumes.resolve(me, "lost")->layer));
    EXPECT_EQ(amivirt({"fsck", "--repair", "-o", "json"}), 1);
    EXPECT_EQ(json()["Sound"], false);
    EXPECT_THAT(out, HasSubstr(lost));
}

}  // namespace
}  // namespace amivirt::testing
