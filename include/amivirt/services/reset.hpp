// `reset`: an empty store.
#pragma once

#include <cstddef>
#include <vector>

#include "amivirt/ports/source_stager.hpp"
#include "amivirt/services/instances.hpp"

namespace amivirt {

enum class KeepImages { yes, no };

struct ResetReport {
    std::vector<InstanceId> terminated;
    std::size_t images = 0;
    std::size_t snapshots = 0;
    std::size_t volumes = 0;
    std::size_t key_pairs = 0;
};

class Reset {
public:
    struct Ports {
        Catalog& catalog;
        Operations& operations;
        Storage& storage;
        Instances& instances;
        SourceStager& stager;
        unsigned parallel = 8;
    };
    explicit Reset(Ports ports) : ports_(ports) {}

    /// Terminates every instance and deletes whatever the region has, of all accounts, whatever protects it: images, snapshots, volumes,
    /// what is in the recycle bin, key pairs, labs, retention rules, partial downloads, settings. KeepImages::yes keeps images that are
    /// not deregistered, their snapshots, and the settings. `busy` while another process changes something here (after half a minute).
    /// Killed anywhere, what is left is consistent, and the same again finishes it.
    [[nodiscard]] Result<ResetReport> run(KeepImages keep);

private:
    [[nodiscard]] Result<std::vector<InstanceId>> living();
    [[nodiscard]] Result<void> discard_downloads();
    Ports ports_;
};

}  // namespace amivirt
