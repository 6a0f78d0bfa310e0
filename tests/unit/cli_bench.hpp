// The whole command line on services over fakes.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "faces/cli/face.hpp"
#include "fakes/fake_manifest_reader.hpp"
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
    std::vector<Finding> examine(const cli::GlobalOptions& /*options*/) override { return findings; }

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
    Accounting accounting{catalog, storage, files};
    Checker checker{{catalog, storage, care, files, instances, hypervisor, live, log}};
    Garbage garbage{operations, storage};
    cli::Services services{.account = me,
                           .images = images,
                           .instances = instances,
                           .volumes = volumes,
                           .snapshots = snapshots,
                           .accounting = accounting,
                           .checker = checker,
                           .garbage = garbage,
                           .reconciler = reconciler,
                           .files = files,
                           .types = types,
                           .manifests = manifests,
                           .clock = clock,
                           .ids = ids};
    std::vector<Finding> findings;
    std::optional<Error> open_error;
    std::map<std::string, std::string> environment;
    bool out_is_terminal = false;
    std::string input;
    int opened = 0;
    cli::GlobalOptions given;
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
