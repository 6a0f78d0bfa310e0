#include "fake_volume_store.hpp"

#include <fmt/format.h>

#include "amivirt/base/interrupt.hpp"

namespace amivirt::fakes {

Result<FakeLayer*> FakeVolumeStore::State::find(const LayerId& layer) {
    const auto found = layers.find(layer);
    if (found == layers.end()) {
        return Error(Code::io_error, fmt::format("The layer \"{}\" is not in the store.", layer.str()));
    }
    if (scribbled.contains(layer)) {
        return Error(Code::store_corrupt, fmt::format("The layer's file \"{}\" is not a qcow2 image.", layer.str()));
    }
    return &found->second;
}

std::map<unsigned, std::string> FakeVolumeStore::State::read(const LayerId& layer) const {
    std::map<unsigned, std::string> result;
    for (auto found = layers.find(layer); found != layers.end();) {
        result.insert(found->second.blocks.begin(), found->second.blocks.end());
        found = found->second.parent ? layers.find(*found->second.parent) : layers.end();
    }
    std::erase_if(result, [](const auto& block) { return block.second.empty(); });
    return result;
}

Bytes FakeVolumeStore::file_size(const FakeLayer& layer) {
    constexpr std::uint64_t k_empty_qcow2 = 196608;
    constexpr std::uint64_t k_block = 65536;
    return Bytes{k_empty_qcow2 + layer.content.size() + layer.blocks.size() * k_block};
}

Result<void> FakeVolumeStore::create(const LayerId& layer, const std::optional<LayerId>& parent, Bytes size, Encrypted encrypted) {
    AMIVIRT_TRY(script_.pass("create"));
    auto state = state_.lock();
    if (parent) {
        const FakeLayer* below = AMIVIRT_TRY(state->find(*parent));
        if (size < below->virtual_size) {
            return Error(Code::invalid_parameter_value, fmt::format("A disk of {} cannot be made over layer \"{}\", which holds {}.",
                                                                    human(size), parent->str(), human(below->virtual_size)));
        }
    }
    FakeLayer made{parent, size, "", false};
    made.encrypted = encrypted == Encrypted::yes;
    made.durable = false;
    made.modified_ns = ++state->now_ns;
    state->scribbled.erase(layer);
    state->layers.insert_or_assign(layer, std::move(made));
    return {};
}

Result<void> FakeVolumeStore::persist(const std::vector<LayerId>& layers) {
    AMIVIRT_TRY(script_.pass("persist"));
    auto state = state_.lock();
    for (const LayerId& layer : layers) {
        FakeLayer* found = AMIVIRT_TRY(state->find(layer));
        found->durable = true;
    }
    return {};
}

Result<Seal> FakeVolumeStore::seal(const LayerId& layer) {
    AMIVIRT_TRY(script_.pass("seal"));
    auto state = state_.lock();
    FakeLayer* found = AMIVIRT_TRY(state->find(layer));
    found->sealed = true;
    found->durable = true;
    return Seal{file_size(*found), found->modified_ns, ""};
}

Result<void> FakeVolumeStore::grow(const LayerId& layer, Bytes size) {
    AMIVIRT_TRY(script_.pass("grow"));
    auto state = state_.lock();
    FakeLayer* found = AMIVIRT_TRY(state->find(layer));
    if (found->virtual_size >= size) {
        return {};
    }
    if (size.count % 512 != 0) {
        return Error(Code::invalid_parameter_value,
                     fmt::format("A disk of {} bytes cannot be made: it needs a multiple of 512.", size.count));
    }
    if (found->sealed) {
        return Error(Code::incorrect_state, fmt::format("The layer \"{}\" is sealed and cannot grow.", layer.str()));
    }
    found->virtual_size = size;
    found->modified_ns = ++state->now_ns;
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
    auto state = state_.lock();
    FakeLayer made{std::nullopt, probed.virtual_size, found->content, true};
    made.modified_ns = ++state->now_ns;
    state->scribbled.erase(layer);
    state->layers.insert_or_assign(layer, std::move(made));
    return {};
}

Result<void> FakeVolumeStore::remove(const std::vector<LayerId>& layers) {
    AMIVIRT_TRY(script_.pass("remove"));
    auto state = state_.lock();
    for (const LayerId& layer : layers) {
        state->layers.erase(layer);
        state->scribbled.erase(layer);
    }
    return {};
}

DiskSource FakeVolumeStore::source(const LayerId& layer) const { return {"disks/" + layer.str() + ".qcow2", "qcow2"}; }

Result<std::optional<LayerFile>> FakeVolumeStore::look(const LayerId& layer) {
    AMIVIRT_TRY(script_.pass("look"));
    auto state = state_.lock();
    if (!state->layers.contains(layer)) {
        return std::optional<LayerFile>();
    }
    const FakeLayer* found = AMIVIRT_TRY(state->find(layer));
    return std::optional(LayerFile{found->virtual_size, found->parent, found->encrypted, found->sealed, file_size(*found),
                                   file_size(*found), found->modified_ns, found->linked});
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

void FakeVolumeStore::put(const LayerId& layer, FakeLayer made) {
    auto state = state_.lock();
    made.modified_ns = ++state->now_ns;
    state->scribbled.erase(layer);
    state->layers.insert_or_assign(layer, std::move(made));
}

void FakeVolumeStore::write(const LayerId& layer, unsigned block, const std::string& text) {
    auto state = state_.lock();
    FakeLayer& found = state->layers.at(layer);
    found.blocks.insert_or_assign(block, text);
    found.modified_ns = ++state->now_ns;
}

std::map<unsigned, std::string> FakeVolumeStore::read(const LayerId& layer) const { return state_.lock()->read(layer); }

void FakeVolumeStore::damage(const LayerId& layer, const std::string& fault) {
    auto state = state_.lock();
    FakeLayer& found = state->layers.at(layer);
    found.faults.push_back(fault);
    found.modified_ns = ++state->now_ns;
}

void FakeVolumeStore::scribble(const LayerId& layer) {
    auto state = state_.lock();
    state->layers.at(layer).modified_ns = ++state->now_ns;
    state->scribbled.insert(layer);
}

}  // namespace amivirt::fakes
