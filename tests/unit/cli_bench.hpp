// The whole command line on services over fakes.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "faces/cli/face.hpp"
#include "fakes/fake_lab_reader.hpp"
#include "fakes/fake_manifest_reader.hpp"
#include "fakes/fake_serial_console.hpp"
#include "services_bench.hpp"

namespace amivirt::testing {

using Json = nlohmann::ordered_json;

class CliBench : public Bench, public cli::Backend {
protected:
    Result<cli::Services*> open(const cli::GlobalOptions& options) override {
        ++opened;
        given = options;
        if (open_error) {
            return *open_error;
        }
        return &services;
    }
    Accounts& accounts() override { return Bench::accounts; }
    Result<cli::Acting> acting(const cli::GlobalOptions& options) override {
        const auto account = options.account.empty() ? me : AMIVIRT_TRY(Bench::accounts.resolve(options.account));
        return cli::Acting{account, options.region.empty() ? "local" : options.region};
    }
    Result<std::string> schema(const std::string& format) override { return "{\"title\": \"" + format + "\"}\n"; }
    Result<void> serve(const cli::GlobalOptions& options, const cli::ServeOptions& how) override {
        given = options;
        served = how;
        how.is_ready("http://127.0.0.1:8773", how.tls && how.certificate.empty() ? "/home/tls/server.crt" : "");
        return {};
    }
    std::vector<Finding> examine(const cli::GlobalOptions& /*options*/) override { return findings; }
    std::vector<KnownWord> known_words(const cli::GlobalOptions& options, cli::Topic topic, const std::string& prefix) override {
        given = options;
        std::vector<KnownWord> found;
        for (const KnownWord& known : known_to_complete[topic]) {
            if (known.word.starts_with(prefix)) {
                found.push_back(known);
            }
        }
        return found;
    }

    /// Runs one command line; `out` and `err` hold what it wrote.
    int amivirt(const std::vector<std::string>& tokens) {
        std::istringstream in_stream(input);
        std::ostringstream out_stream;
        std::ostringstream err_stream;
        const cli::Surroundings around{.in = in_stream,
                                       .out = out_stream,
                                       .err = err_stream,
                                       .out_is_terminal = out_is_terminal,
                                       .err_is_terminal = false,
                                       .columns = 80,
                                       .environment = [this](const std::string& name) -> std::optional<std::string> {
                                           const auto found = environment.find(name);
                                           return found == environment.end() ? std::nullopt : std::optional(found->second);
                                       },
                                       .detach = [this](const std::vector<std::string>& arguments) -> Result<void> {
                                           detached = arguments;
                                           return {};
                                       },
                                       .reader_gone = [this] { return reader_gone; },
                                       .go_background = [this]() -> Result<std::optional<int>> {
                                           ++gone_background;
                                           return foreground_status;
                                       },
                                       .leave_foreground =
                                           [this, &out_stream](int status) {
                                               left = Leaving{status, out_stream.str(), rows(&CatalogSession::instances)};
                                           }};
        const int status = cli::run_in(tokens, *this, around);
        out = out_stream.str();
        err = err_stream.str();
        return status;
    }
    Json json() const { return Json::parse(out); }
    std::vector<std::string> lines() const {
        std::vector<std::string> all;
        std::istringstream stream(out);
        for (std::string line; std::getline(stream, line);) {
            all.push_back(line);
        }
        return all;
    }

    fakes::FakeManifestReader manifests;
    fakes::FakeSerialConsole serial_console;
    fakes::FakeLabReader lab_reader;
    Accounting accounting{catalog, storage, files};
    Checker checker{{catalog, storage, care, files, instances, hypervisor, live, log}};
    Garbage garbage{operations, storage};
    cli::Services services{.account = me,
                           .images = images,
                           .governance = governance,
                           .bin = bin,
                           .settings = settings,
                           .instances = instances,
                           .volumes = volumes,
                           .snapshots = snapshots,
                           .capture = capture,
                           .accounting = accounting,
                           .checker = checker,
                           .garbage = garbage,
                           .reconciler = reconciler,
                           .tagging = tagging,
                           .files = files,
                           .types = types,
                           .manifests = manifests,
                           .clock = clock,
                           .ids = ids,
                           .carrying = carrying,
                           .signers = signers,
                           .regions = regions,
                           .leases = leases,
                           .reset = reset,
                           .one_shot = one_shot,
                           .key_pairs = key_pairs,
                           .logins = logins,
                           .shell = shell,
                           .cloud_init = cloud_init,
                           .serial_console = serial_console,
                           .labs = labs,
                           .lab_reader = lab_reader,
                           .network = network,
                           .templates = templates,
                           .screens = screens};
    std::vector<Finding> findings;
    std::map<cli::Topic, std::vector<KnownWord>> known_to_complete;
    std::optional<Error> open_error;
    std::map<std::string, std::string> environment;
    bool out_is_terminal = false;
    std::string input;
    int opened = 0;
    cli::GlobalOptions given;
    cli::ServeOptions served;
    std::vector<std::string> detached;
    bool reader_gone = false;
    int gone_background = 0;
    std::optional<int> foreground_status;  ///< set: this is the process that only waits for the one in the background
    struct Leaving {
        int status;
        std::string out;  ///< what was printed by then
        std::vector<Instance> instances;
    };
    std::optional<Leaving> left;
    std::string out;
    std::string err;
};

}  // namespace amivirt::testing
