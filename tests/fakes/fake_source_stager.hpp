// A stager over virtual sources.
#pragma once

#include <map>
#include <set>
#include <string>

#include "amivirt/base/sync.hpp"
#include "amivirt/ports/source_stager.hpp"
#include "call_script.hpp"
#include "fake_disk.hpp"

namespace amivirt::fakes {

enum class Compressed { yes, no };

/// Sources are known by the exact text they are asked for with. A local, uncompressed one is staged where it lies; others to a temporary.
/// Steps: "stage", "fetch" (a URL's connection breaks, its download stays), "check_unchanged", "discard", "discard_download".
class FakeSourceStager final : public SourceStager {
public:
    explicit FakeSourceStager(FakeDisks& disks) : disks_(disks) {}

    void add(const std::string& source, FakeDisk disk, Compressed compressed = Compressed::no);
    /// The file changes under the import's hands.
    void change(const std::string& source) { state_.lock()->changed.insert(source); }
    /// Digest of the source's own bytes, as --sha256 would give it.
    [[nodiscard]] std::string sha256(const std::string& source) const;

    [[nodiscard]] Result<Staged> stage(const StageRequest& request, Progress& progress) override;
    [[nodiscard]] Result<void> check_unchanged(const Staged& staged) override;
    [[nodiscard]] std::string scratch(const LayerId& layer) const override { return "staging/" + layer.str() + ".built"; }
    [[nodiscard]] Result<void> discard(const LayerId& layer) override;
    [[nodiscard]] Result<void> discard_download(const Download& download) override;

    /// Layers that have staging files.
    [[nodiscard]] std::set<LayerId> staging() const { return state_.lock()->staging; }
    /// Files of partial downloads.
    [[nodiscard]] std::set<std::string> downloads() const { return state_.lock()->downloads; }
    /// How many stagings went on from a partial download.
    [[nodiscard]] unsigned resumed() const { return state_.lock()->resumed; }
    CallScript& script() noexcept { return script_; }

private:
    struct Source {
        FakeDisk disk;
        Compressed compressed = Compressed::no;
    };
    struct State {
        std::map<std::string, Source> sources;
        std::set<std::string> changed;
        std::set<LayerId> staging;
        std::set<std::string> downloads;
        unsigned resumed = 0;
    };
    FakeDisks& disks_;
    mutable Sync<State> state_;
    CallScript script_;
};

}  // namespace amivirt::fakes
