// Layers in memory.
#pragma once

#include <cstdint>
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
    bool encrypted = false;
    std::map<unsigned, std::string> blocks = {};  ///< what guests wrote: the number of a block -> its text; "" is zeros
    std::int64_t modified_ns = 1;
    std::vector<std::string> faults = {};  ///< what a check finds
    bool durable = true;                   ///< a power cut does not take it
    bool linked = false;                   ///< as LayerFile::linked
};

/// Steps: "create", "persist", "seal", "grow", "probe", "import", "remove", "look", "contents".
class FakeVolumeStore final : public VolumeStore {
public:
    explicit FakeVolumeStore(FakeDisks& disks) : disks_(disks) {}

    [[nodiscard]] Result<void> create(const LayerId& layer, const std::optional<LayerId>& parent, Bytes size, Encrypted encrypted) override;
    [[nodiscard]] Result<void> persist(const std::vector<LayerId>& layers) override;
    [[nodiscard]] Result<Seal> seal(const LayerId& layer) override;
    [[nodiscard]] Result<void> grow(const LayerId& layer, Bytes size) override;
    [[nodiscard]] Result<ProbedDisk> probe(const StagedDisk& disk, const std::string& shown_as) override;
    [[nodiscard]] Result<void> import(const LayerId& layer, const StagedDisk& disk, const ProbedDisk& probed, Progress& progress) override;
    using VolumeStore::remove;
    [[nodiscard]] Result<void> remove(const std::vector<LayerId>& layers) override;
    [[nodiscard]] DiskSource source(const LayerId& layer) const override;
    [[nodiscard]] Result<std::optional<LayerFile>> look(const LayerId& layer) override;
    [[nodiscard]] Result<Contents> contents() override;

    [[nodiscard]] std::map<LayerId, FakeLayer> layers() const { return state_.lock()->layers; }
    [[nodiscard]] bool contains(const LayerId& layer) const { return state_.lock()->layers.contains(layer); }
    /// A file that is none of ours.
    void put_unknown(const std::string& name) { state_.lock()->unknown.insert(name); }

    /// A layer's file comes from elsewhere.
    void put(const LayerId& layer, FakeLayer made);

    /// A guest writes to the layer (sealed or not: that is what tests are for); "" writes zeros.
    void write(const LayerId& layer, unsigned block, const std::string& text);
    /// What a guest reads through the whole chain; the lowest layer's imported content is left out.
    [[nodiscard]] std::map<unsigned, std::string> read(const LayerId& layer) const;
    /// The file is damaged: its mtime changes, look() still knows it, LayerCare::check() says `fault`.
    void damage(const LayerId& layer, const std::string& fault);
    /// Bytes of the file change behind everybody's back: its size and time stay.
    void rot(const LayerId& layer, const std::string& text) { state_.lock()->layers.at(layer).content = text; }
    /// Another region has the file, too.
    void link(const LayerId& layer) { state_.lock()->layers.at(layer).linked = true; }
    /// The file is overwritten by something that is no qcow2 image.
    void scribble(const LayerId& layer);

    CallScript& script() noexcept { return script_; }

private:
    friend class FakeLayerCare;
    struct State {
        std::map<LayerId, FakeLayer> layers;
        std::set<std::string> unknown;
        std::set<LayerId> scribbled;
        std::int64_t now_ns = 1;
        [[nodiscard]] Result<FakeLayer*> find(const LayerId& layer);
        [[nodiscard]] std::map<unsigned, std::string> read(const LayerId& layer) const;
    };
    [[nodiscard]] static Bytes file_size(const FakeLayer& layer);

    FakeDisks& disks_;
    mutable Sync<State> state_;
    CallScript script_;
};

}  // namespace amivirt::fakes
