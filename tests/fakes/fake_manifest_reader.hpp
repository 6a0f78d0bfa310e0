// Manifests by path.
#pragma once

#include <fmt/format.h>

#include <map>
#include <string>
#include <utility>

#include "amivirt/base/sync.hpp"
#include "amivirt/ports/manifest_reader.hpp"
#include "call_script.hpp"

namespace amivirt::fakes {

/// Steps: "read", "read_catalog".
class FakeManifestReader final : public ManifestReader {
public:
    void add(const std::string& path, ImageManifest manifest) { manifests_.lock()->insert_or_assign(path, std::move(manifest)); }
    [[nodiscard]] Result<ImageManifest> read(const std::string& path) override {
        AMIVIRT_TRY(script_.pass("read"));
        auto manifests = manifests_.lock();
        const auto found = manifests->find(path);
        if (found == manifests->end()) {
            return Error(Code::invalid_manifest, fmt::format("{}: No such file or directory", path));
        }
        return found->second;
    }
    void add_catalog(const std::string& path, ImageCatalog catalog) { catalogs_.lock()->insert_or_assign(path, std::move(catalog)); }
    [[nodiscard]] Result<ImageCatalog> read_catalog(const std::string& path) override {
        AMIVIRT_TRY(script_.pass("read_catalog"));
        auto catalogs = catalogs_.lock();
        const auto found = catalogs->find(path);
        if (found == catalogs->end()) {
            return Error(Code::invalid_manifest, fmt::format("{}: No such file or directory", path));
        }
        return found->second;
    }
    CallScript& script() noexcept { return script_; }

private:
    Sync<std::map<std::string, ImageManifest>> manifests_;
    Sync<std::map<std::string, ImageCatalog>> catalogs_;
    CallScript script_;
};

}  // namespace amivirt::fakes
