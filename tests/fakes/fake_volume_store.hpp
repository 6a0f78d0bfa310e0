// Layers in memory.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "amivirt/base/sync.hpp"
#include "amivirt/ports/volume_store.hpp"
#include "call_script.hpp"
#include "fake_disk.hpp"

namespace amivirt::fakes {

struct FakeLayer {
    std::optional<LayerId> parent;
    Bytes virtual_size;
    std::string content;  ///< of an imported one
    bool sealed = false;
};

/// Steps: "create", "probe", "import", "remove", "usage", "contents".
class FakeVolumeStore final : public VolumeStore {
public:
    explicit FakeVolumeStore(FakeDisks& disks) : disks_(disks) {}

    [[nodiscard]] Result<void> create(const LayerId& layer, const std::optional<LayerId>& parent, Bytes size) override;
    [[nodiscard]] Result<ProbedDisk> probe(const StagedDisk& disk, const std::string& shown_as) override;
    [[nodiscard]] Result<void> import(const LayerId& layer, const StagedDisk& disk, const ProbedDisk& probed, Progress& progress) override;
    [[nodiscard]] Result<void> remove(const LayerId& layer) override;
    [[nodiscard]] DiskSource source(const LayerId& layer) const override;
    [[nodiscard]] Result<LayerUsage> usage(const LayerId& layer) override;
    [[nodiscard]] Result<Contents> contents() override;

    [[nodiscard]] std::map<LayerId, FakeLayer> layers() const { return state_.lock()->layers; }
    [[nodiscard]] bool contains(const LayerId& layer) const { return state_.lock()->layers.contains(layer); }
    /// A file that is none of ours.
    void put_unknown(const std::string& name) { state_.lock()->unknown.insert(name); }
    CallScript& script() noexcept { return script_; }

private:
    struct State {
        std::map<LayerId, FakeLayer> layers;
        std::set<std::string> unknown;
    };
    FakeDisks& disks_;
    mutable Sync<State> state_;
    CallScript script_;
};

}  // namespace amivirt::fakes
