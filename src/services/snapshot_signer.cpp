#include "snapshot_signer.hpp"

#include <algorithm>

#include "amivirt/domain/signing.hpp"
#include "images_on.hpp"

namespace amivirt {

namespace {

constexpr std::size_t k_most_of_layer = 1000;

/// Who vouched for the image that came with this snapshot: the first that named it. Others may have been registered on it and more since.
Result<std::optional<std::string>> own_signer(CatalogSession& session, const SnapshotId& snapshot) {
    const auto images = AMIVIRT_TRY(list_images_on(session, {snapshot})).records;
    return images.empty() ? std::optional<std::string>() : std::optional(images.front().signer);
}

/// What they have to say together; nullopt: no image stands on any of them.
Result<std::optional<std::string>> own_signers(CatalogSession& session, const std::vector<SnapshotId>& snapshots) {
    std::optional<std::string> signers;
    for (const auto& snapshot : snapshots) {
        if (const auto signer = AMIVIRT_TRY(own_signer(session, snapshot))) {
            signers = joint_signer(signers.value_or(""), *signer);
        }
    }
    return signers;
}

/// The snapshot, the one its volume was made of, and so on. Names: they may be gone, and images that stood on them still tell of them.
Result<std::vector<SnapshotId>> line_of(CatalogSession& session, const SnapshotId& snapshot) {
    std::vector<SnapshotId> line;
    for (std::optional<SnapshotId> at = snapshot; at && std::find(line.begin(), line.end(), *at) == line.end();) {
        line.push_back(*at);
        const auto row = AMIVIRT_TRY(session.snapshots().find(*at));
        const auto volume = row && row->volume ? AMIVIRT_TRY(session.volumes().find(*row->volume)) : std::optional<Volume>();
        at = volume ? volume->snapshot : std::nullopt;
    }
    return line;
}

/// All that have its layer, or one below it.
Result<std::vector<SnapshotId>> relatives_of(CatalogSession& session, const SnapshotId& snapshot) {
    std::vector<SnapshotId> relatives;
    const auto row = AMIVIRT_TRY(session.snapshots().find(snapshot));
    for (std::optional<LayerId> at = row ? std::optional(row->layer) : std::nullopt; at;) {
        const auto same = AMIVIRT_TRY(session.index().snapshots_of_layer(*at, k_most_of_layer));
        relatives.insert(relatives.end(), same.begin(), same.end());
        const auto layer = AMIVIRT_TRY(session.layers().find(*at));
        at = layer ? layer->parent : std::nullopt;
    }
    return relatives;
}

}  // namespace

Result<std::string> signer_of(CatalogSession& session, const std::vector<SnapshotId>& snapshots) {
    std::string signer;
    for (const auto& snapshot : snapshots) {
        auto one = AMIVIRT_TRY(own_signers(session, AMIVIRT_TRY(line_of(session, snapshot))));
        if (!one) {
            one = AMIVIRT_TRY(own_signers(session, AMIVIRT_TRY(relatives_of(session, snapshot))));
        }
        signer = joint_signer(signer, one.value_or(""));
    }
    return signer;
}

Result<std::string> signer_of(CatalogSession& session, const BlockDeviceMapping& mapping) {
    std::vector<SnapshotId> named;
    for (const auto& device : mapping) {
        const auto* ebs = std::get_if<EbsDevice>(&device.what);
        if (ebs != nullptr && ebs->snapshot) {
            named.push_back(*ebs->snapshot);
        }
    }
    return signer_of(session, named);
}

}  // namespace amivirt
