// Care for the layers of a FakeVolumeStore.
#pragma once

#include "amivirt/ports/layer_care.hpp"
#include "call_script.hpp"
#include "fake_volume_store.hpp"

namespace amivirt::fakes {

/// Steps: "merge", "rebase", "check", "checksum".
class FakeLayerCare final : public LayerCare {
public:
    explicit FakeLayerCare(FakeVolumeStore& store) : store_(store) {}

    [[nodiscard]] Result<void> merge(const LayerId& target, const LayerId& source, const std::optional<LayerId>& base,
                                     Progress& progress) override;
    [[nodiscard]] Result<void> rebase(const LayerId& layer, const LayerId& parent) override;
    [[nodiscard]] Result<std::vector<std::string>> check(const LayerId& layer) override;
    [[nodiscard]] Result<std::string> checksum(const LayerId& layer, Progress& progress) override;

    CallScript& script() noexcept { return script_; }

private:
    FakeVolumeStore& store_;
    CallScript script_;
};

}  // namespace amivirt::fakes
