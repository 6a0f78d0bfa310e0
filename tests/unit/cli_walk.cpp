// Every command that prints, in each form of output. A new command needs a line in calls() or in raw().
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>

#include "cli_bench.hpp"
#include "faces/cli/command.hpp"

namespace amivirt::testing {
namespace {

using Tokens = std::vector<std::string>;

/// A command, what is done before it, and the words that follow it. "$..." is what begin() has made.
struct Call {
    std::string path;
    Tokens words;
    std::vector<Tokens> before = {};
};

const std::vector<Call>& calls() {
    static const Tokens k_rule_for_images{"retention-rule", "create", "image", "--days", "7"};
    static const Tokens k_rule_for_snapshots{"retention-rule", "create", "snapshot", "--days", "7"};
    static const Tokens k_trust{"signer", "trust", "anna.pub.pem", "--name", "anna"};
    static const std::vector<Call> all{
        {"doctor", {}},
        {"image import", {"/disks/new.qcow2", "--name", "new"}},
        {"image register", {"-f", "new.yaml"}},
        {"image create", {"web", "--name", "made"}},
        {"image list", {}},
        {"image show", {"tiny"}},
        {"image diff", {"tiny", "other"}},
        {"image lint", {"tiny"}},
        {"image deregister", {"tiny"}},
        {"image copy", {"tiny", "--name", "copied"}},
        {"image export", {"tiny", "/out/tiny.raw", "--format", "raw"}},
        {"image store", {"tiny", "/out/tiny.bundle"}},
        {"image restore", {"/out/tiny.bundle", "--name", "back"}, {{"image", "store", "tiny", "/out/tiny.bundle"}}},
        {"image permit", {"tiny", "111122223333"}},
        {"image revoke", {"tiny", "111122223333"}, {{"image", "permit", "tiny", "111122223333"}}},
        {"image permissions", {"tiny"}},
        {"image disable", {"other"}},
        {"image enable", {"other"}, {{"image", "disable", "other"}}},
        {"image deprecate", {"tiny", "--in", "90d"}},
        {"image protect", {"tiny"}},
        {"image unprotect", {"tiny"}, {{"image", "protect", "tiny"}}},
        {"image restore-from-bin", {"$other"}, {k_rule_for_images, {"image", "deregister", "other"}}},
        {"image ancestry", {"tiny"}},
        {"image usage", {"tiny"}},
        {"image prune", {}},
        {"image prune", {"--yes"}},
        {"image tag", {"tiny", "a=b"}},
        {"run", {"tiny", "--type", "t3.nano"}},
        {"ps", {}},
        {"instance show", {"web"}},
        {"stop", {"web"}},
        {"start", {"web"}, {{"stop", "web"}}},
        {"reboot", {"web"}},
        {"terminate", {"web"}},
        {"instance modify", {"web", "--delete-on-termination", "/dev/sda1=no"}},
        {"instance-type list", {}},
        {"instance wait", {"web", "--for", "running"}},
        {"reap", {}},
        {"reset", {"--yes"}},
        {"key create", {"new"}},
        {"key import", {"new", "-"}},
        {"key list", {}},
        {"key delete", {"old"}, {{"key", "create", "old"}}},
        {"up", {"lab.yaml"}},
        {"status", {"lab.yaml"}, {{"up", "lab.yaml"}}},
        {"down", {"lab.yaml"}},
        {"volume list", {}},
        {"volume show", {"$volume"}},
        {"volume create", {"--size", "1"}},
        {"volume attach", {"$volume", "web"}},
        {"volume detach", {"$volume"}, {{"volume", "attach", "$volume", "web"}}},
        {"volume resize", {"$volume", "2"}},
        {"volume delete", {"$volume"}},
        {"snapshot list", {}},
        {"snapshot show", {"$snapshot"}},
        {"snapshot create", {"$volume"}},
        {"snapshot copy", {"$snapshot"}},
        {"snapshot delete", {"$snapshot"}},
        {"snapshot restore-from-bin", {"$snapshot"}, {k_rule_for_snapshots, {"snapshot", "delete", "$snapshot"}}},
        {"region show", {}},
        {"region set", {"--block-public-access", "on"}},
        {"bin list", {}},
        {"retention-rule create", {"image", "--days", "7"}},
        {"retention-rule list", {}, {k_rule_for_images}},
        {"retention-rule delete", {"$rule"}, {k_rule_for_images}},
        {"signer trust", {"anna.pub.pem", "--name", "anna"}},
        {"signer list", {}, {k_trust}},
        {"signer distrust", {"anna"}, {k_trust}},
        {"signer demand", {"yes"}},
        {"tag add", {"web", "a=b"}},
        {"tag remove", {"web", "a=b"}, {{"tag", "add", "web", "a=b"}}},
        {"tag list", {}},
        {"account create", {"--alias", "lab"}},
        {"account list", {}},
        {"env", {}, {{"account", "create"}}},
        {"du", {}},
        {"gc", {}},
        {"fsck", {}},
        {"completion", {"bash"}},
    };
    return all;
}

/// What a guest says, and scripts: as they are, but for the trees.
const std::vector<std::string>& raw() {
    static const std::vector<std::string> all{"console", "completion", "attach", "ssh", "exec", "cp", "schema", "serve"};
    return all;
}

Tokens split_words(const std::string& path) {
    Tokens words;
    std::istringstream stream(path);
    for (std::string word; stream >> word;) {
        words.push_back(word);
    }
    return words;
}

/// A store of its own for each call.
class Walker : public CliBench {
public:
    void TestBody() override {}

    void begin() {
        stager.add("/disks/new.qcow2", {});
        ImageManifest manifest;
        manifest.name = "from-manifest";
        manifest.source.file = "/disks/new.qcow2";
        manifests.add("new.yaml", manifest);
        import("tiny");
        values_["$other"] = import("other", "another content").id.str();
        for (const Layer& layer : rows(&CatalogSession::layers)) {
            guests.put(layer.id, {{"/etc/os-release", {"ID=debian\n"}}});
        }
        const Instance web = launch("tiny").at(0);
        do_first({"tag", "add", web.id.str(), "Name=web"});
        values_["$volume"] = make_volume().id.str();
        const Result<std::vector<Snapshot>> taken = take({VolumeId::parse(values_["$volume"]).value()});
        ASSERT_TRUE(taken) << describe(taken.error());
        values_["$snapshot"] = taken->front().id.str();
        findings = {{"libvirt", Health::ok, "answers", ""}};
        input = "ssh-ed25519 AAAA me\n";
        Lab lab;
        lab.name = "shop";
        lab.instances.emplace_back();
        lab.instances.back().name = "db";
        lab.instances.back().image = "tiny";
        lab.instances.back().type = "t3.nano";
        lab_reader.add("lab.yaml", lab);
    }

    void do_first(Tokens tokens) {
        fill(tokens);
        ASSERT_EQ(amivirt(tokens), 0) << fmt::format("{}", fmt::join(tokens, " ")) << ": " << err;
        if (tokens.front() == "retention-rule") {
            values_["$rule"] = lines().front();
        }
    }

    void make(const Call& call, const std::string& format) {
        for (const Tokens& tokens : call.before) {
            do_first(tokens);
        }
        Tokens tokens = split_words(call.path);
        tokens.insert(tokens.end(), call.words.begin(), call.words.end());
        fill(tokens);
        if (!format.empty()) {
            tokens.insert(tokens.end(), {"--output", format});
        }
        EXPECT_EQ(amivirt(tokens), 0) << err;
    }

    const std::string& printed() const { return out; }
    std::vector<std::string> printed_lines() const { return lines(); }

private:
    void fill(Tokens& tokens) {
        for (std::string& token : tokens) {
            if (const auto value = values_.find(token); value != values_.end()) {
                token = value->second;
            }
        }
    }

    std::map<std::string, std::string> values_;
};

template <class Check>
void for_each_call(const std::string& format, const Check& check) {
    for (const Call& call : calls()) {
        SCOPED_TRACE(call.path + (format.empty() ? "" : " -o " + format));
        Walker walker;
        walker.begin();
        walker.make(call, format);
        check(call, walker);
    }
}

TEST(CliWalk, NoCommandIsLeftOut) {
    for (const cli::Command* command : cli::all_commands()) {
        const std::string& path = command->paths.front();
        const bool is_called = std::any_of(calls().begin(), calls().end(), [&](const Call& call) { return call.path == path; });
        EXPECT_TRUE(is_called || std::find(raw().begin(), raw().end(), path) != raw().end())
            << "\"" << path << "\" is not in calls(), so that nothing tells whether it takes every --output";
    }
}

TEST(CliWalk, JsonIsAnObject) {
    for_each_call("json", [](const Call& /*call*/, const Walker& walker) {
        const Json root = Json::parse(walker.printed(), nullptr, false);
        EXPECT_TRUE(root.is_object() && !root.empty()) << walker.printed();
    });
}

TEST(CliWalk, YamlIsTheSameTree) {
    for_each_call("yaml", [](const Call& call, const Walker& walker) {
        const YAML::Node root = YAML::Load(walker.printed());
        ASSERT_TRUE(root.IsMap()) << walker.printed();
        Walker again;
        again.begin();
        again.make(call, "json");
        const Json tree = Json::parse(again.printed(), nullptr, false);
        ASSERT_EQ(root.size(), tree.size());
        for (const auto& [key, value] : tree.items()) {
            EXPECT_TRUE(root[key].IsDefined()) << key;
            EXPECT_EQ(root[key].IsSequence(), value.is_array()) << key;
        }
    });
}

TEST(CliWalk, IdsAreOneALine) {
    for_each_call("id", [](const Call& call, const Walker& walker) {
        for (const std::string& line : walker.printed_lines()) {
            EXPECT_FALSE(line.empty());
            EXPECT_EQ(line.find("  "), std::string::npos) << call.path << " -o id is no table: " << line;
            EXPECT_NE(line.substr(0, 1), "{");
        }
    });
}

TEST(CliWalk, ATableIsNoTree) {
    for_each_call("table", [](const Call& /*call*/, const Walker& walker) {
        EXPECT_TRUE(Json::parse(walker.printed(), nullptr, false).is_discarded()) << walker.printed();
    });
}

TEST(CliWalk, NothingSaidIsOneOfThem) {
    for_each_call("", [](const Call& call, const Walker& walker) {
        std::vector<std::string> forms;
        for (const char* format : {"table", "id"}) {
            Walker again;
            again.begin();
            again.make(call, format);
            forms.push_back(again.printed());
        }
        EXPECT_THAT(forms, ::testing::Contains(walker.printed()));
    });
}

}  // namespace
}  // namespace amivirt::testing
