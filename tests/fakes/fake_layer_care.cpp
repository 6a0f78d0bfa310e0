#include "fake_layer_care.hpp"

#include <fmt/format.h>

#include "amivirt/base/interrupt.hpp"

namespace amivirt::fakes {

Result<void> FakeLayerCare::merge(const LayerId& target, const LayerId& source, const std::optional<LayerId>& base, Progress& progress) {
    AMIVIRT_TRY(script_.pass("merge"));
    auto state = store_.state_.lock();
    const FakeLayer top = *AMIVIRT_TRY(state->find(source));
    FakeLayer made{base, top.virtual_size, "", true};
    made.encrypted = top.encrypted;
    for (std::optional<LayerId> at = source; at != base;) {
        if (!at) {
            return Error(Code::internal_error,
                         fmt::format("The layer \"{}\" is not below layer \"{}\".", base ? base->str() : std::string(), source.str()));
        }
        const FakeLayer* layer = AMIVIRT_TRY(state->find(*at));
        if (!layer->sealed) {
            return Error(Code::incorrect_state, fmt::format("The layer \"{}\" is not sealed.", at->str()));
        }
        made.blocks.insert(layer->blocks.begin(), layer->blocks.end());
        made.content += layer->content;
        at = layer->parent;
    }
    if (base) {
        AMIVIRT_TRY(state->find(*base));
    } else {
        std::erase_if(made.blocks, [](const auto& block) { return block.second.empty(); });
    }
    progress.phase("merging", made.virtual_size);
    check_interrupt();
    progress.advance(made.virtual_size);
    made.modified_ns = ++state->now_ns;
    state->scribbled.erase(target);
    state->layers.insert_or_assign(target, std::move(made));
    return {};
}

Result<void> FakeLayerCare::rebase(const LayerId& layer, const LayerId& parent) {
    AMIVIRT_TRY(script_.pass("rebase"));
    auto state = store_.state_.lock();
    FakeLayer* found = AMIVIRT_TRY(state->find(layer));
    const FakeLayer* below = AMIVIRT_TRY(state->find(parent));
    if (found->sealed) {
        return Error(Code::incorrect_state, fmt::format("The layer \"{}\" is sealed and keeps its parent.", layer.str()));
    }
    if (!found->parent) {
        return Error(Code::store_corrupt, fmt::format("The layer's file \"{}\" names no parent.", layer.str()));
    }
    if (found->virtual_size < below->virtual_size) {
        return Error(Code::invalid_parameter_value,
                     fmt::format("The layer \"{}\" holds {} and cannot lie over layer \"{}\", which holds {}.", layer.str(),
                                 human(found->virtual_size), parent.str(), human(below->virtual_size)));
    }
    found->parent = parent;
    found->modified_ns = ++state->now_ns;
    return {};
}

Result<std::vector<std::string>> FakeLayerCare::check(const LayerId& layer) {
    AMIVIRT_TRY(script_.pass("check"));
    auto state = store_.state_.lock();
    if (state->scribbled.contains(layer)) {
        return std::vector<std::string>{"It is not a qcow2 image."};
    }
    return (AMIVIRT_TRY(state->find(layer)))->faults;
}

Result<std::string> FakeLayerCare::checksum(const LayerId& layer, Progress& progress) {
    AMIVIRT_TRY(script_.pass("checksum"));
    auto state = store_.state_.lock();
    const auto found = state->layers.find(layer);
    if (found == state->layers.end()) {
        return Error(Code::io_error, fmt::format("The layer \"{}\" is not in the store.", layer.str()));
    }
    const Bytes size = FakeVolumeStore::file_size(found->second);
    progress.phase("reading", size);
    check_interrupt();
    progress.advance(size);
    std::string bytes = found->second.content;
    for (const auto& [number, text] : found->second.blocks) {
        bytes += fmt::format("{}={};", number, text);
    }
    for (const std::string& fault : found->second.faults) {
        bytes += fault;
    }
    return fake_sha256(bytes + (state->scribbled.contains(layer) ? "scribble" : "") +
                       (found->second.parent ? found->second.parent->str() : std::string()));
}

}  // namespace amivirt::fakes
