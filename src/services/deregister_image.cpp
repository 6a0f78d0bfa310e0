// An image deregistered, with its snapshots if asked.
#include <fmt/format.h>

#include <algorithm>

#include "amivirt/domain/governance.hpp"
#include "amivirt/domain/image_access.hpp"
#include "amivirt/services/images.hpp"
#include "bin_rules.hpp"
#include "images_on.hpp"
#include "machine.hpp"
#include "promised.hpp"
#include "snapshot_use.hpp"

namespace amivirt {

Result<Deregistration> Images::deregister(const AccountId& caller, const std::string& id_or_name, DeleteSnapshots snapshots) {
    const auto id = AMIVIRT_TRY(resolve(caller, id_or_name)).id;
    Deregistration done;
    auto operation = AMIVIRT_TRY(ports_.operations.begin(
        OperationKind::collect_layers, {id.str()}, k_patience, [&](CatalogSession& session, Operation& row) -> Result<void> {
            done = {};
            row.objects.clear();  // the image itself is done with this transaction
            auto image = AMIVIRT_TRY(session.images().find(id));
            if (!image) {
                return Error(Code::invalid_ami_id_not_found, fmt::format("image \"{}\" not found", id_or_name),
                             "`amivirt image list` shows the images there are");
            }
            const auto now = ports_.clock.now();
            // Nobody is at it, who would hold it: a promise that is given up.
            if (is_pending(*image) && image->owner == caller) {
                AMIVIRT_TRY(kept::erase(session, k_promise, id.str()));
                return session.images().erase(id);
            }
            AMIVIRT_TRY(authorize(ImageAction::deregister, *image, caller, now));
            image->state = AMIVIRT_TRY(next(image->state, ImageEvent::deregister));
            const auto rules = AMIVIRT_TRY(session.retention_rules().list()).records;
            image->bin = stay_in_bin(RetainedKind::image, image->tags, rules, now);
            done.bin = image->bin;
            AMIVIRT_TRY(session.images().update(*image));
            if (snapshots == DeleteSnapshots::no) {
                return {};
            }
            for (const auto& snapshot : snapshots_of(*image)) {
                // Images in the bin, this one by now perhaps among them, keep it no longer than they stay there themselves.
                const auto keeping = AMIVIRT_TRY(images_keeping(session, snapshot));
                std::optional<BinStay> longest;
                for (const auto& other : keeping) {
                    longest = other.bin && (!longest || longest->expires < other.bin->expires) ? other.bin : longest;
                }
                const bool kept = std::any_of(keeping.begin(), keeping.end(), [](const Image& other) { return !other.bin; });
                auto found = kept ? std::nullopt : AMIVIRT_TRY(session.snapshots().find(snapshot));
                if (found && !found->bin && found->owner == image->owner) {
                    AMIVIRT_TRY(discard_snapshot(session, std::move(*found), rules, now, longest));
                    done.snapshots.push_back(snapshot);
                }
            }
            return ports_.storage.mark_unreachable(session, row);
        }));
    if (operation) {
        AMIVIRT_TRY(ports_.storage.finish(*operation));
    }
    return done;
}

}  // namespace amivirt
