#include "fake_volume_store.hpp"

#include <fmt/format.h>

#include "amivirt/base/interrupt.hpp"

namespace amivirt::fakes {

Result<void> FakeVolumeStore::create(const LayerId& layer, const std::optional<LayerId>& parent, Bytes size) {
    AMIVIRT_TRY(script_.pass("create"));
    auto state = state_.lock();
    if (parent && !state->layers.contains(*parent)) {
        return Error(Code::io_error, fmt::format("The layer \"{}\" is not in the store.", parent->str()));
    }
    state->layers.insert_or_assign(layer, FakeLayer{parent, size, "", false});
    return {};
}

Result<ProbedDisk> FakeVolumeStore::probe(const StagedDisk& disk, const std::string& shown_as) {
    AMIVIRT_TRY(script_.pass("probe"));
    const auto found = disks_.find(disk.path);
    if (!found) {
        return Error(Code::invalid_disk_image, fmt::format("\"{}\" cannot be read: No such file or directory.", shown_as));
    }
    if (found->refusal) {
        return *found->refusal;
    }
    return ProbedDisk{found->format, found->virtual_size};
}

Result<void> FakeVolumeStore::import(const LayerId& layer, const StagedDisk& disk, const ProbedDisk& probed, Progress& progress) {
    AMIVIRT_TRY(script_.pass("import"));
    const auto found = disks_.find(disk.path);
    if (!found) {
        return Error(Code::io_error, fmt::format("\"{}\" is gone.", disk.path));
    }
    progress.phase("converting", disk.size);
    check_interrupt();
    progress.advance(disk.size);
    state_.lock()->layers.insert_or_assign(layer, FakeLayer{std::nullopt, probed.virtual_size, found->content, true});
    return {};
}

Result<void> FakeVolumeStore::remove(const LayerId& layer) {
    AMIVIRT_TRY(script_.pass("remove"));
    state_.lock()->layers.erase(layer);
    return {};
}

DiskSource FakeVolumeStore::source(const LayerId& layer) const { return {"disks/" + layer.str() + ".qcow2", "qcow2"}; }

Result<LayerUsage> FakeVolumeStore::usage(const LayerId& layer) {
    AMIVIRT_TRY(script_.pass("usage"));
    auto state = state_.lock();
    const auto found = state->layers.find(layer);
    if (found == state->layers.end()) {
        return Error(Code::io_error, fmt::format("The layer \"{}\" is not in the store.", layer.str()));
    }
    constexpr std::uint64_t k_empty_qcow2 = 196608;
    return LayerUsage{found->second.virtual_size, Bytes{k_empty_qcow2 + found->second.content.size()}};
}

Result<VolumeStore::Contents> FakeVolumeStore::contents() {
    AMIVIRT_TRY(script_.pass("contents"));
    auto state = state_.lock();
    Contents contents;
    for (const auto& [id, layer] : state->layers) {
        contents.layers.push_back(id);
    }
    contents.unknown.assign(state->unknown.begin(), state->unknown.end());
    return contents;
}

}  // namespace amivirt::fakes
