// Records to trees with the shape and the field names of `aws ec2 describe-...` (source: EC2 API 2016-11-15, as the aws CLI
// prints it); what is absent is left out. Pure.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "amivirt/domain/image.hpp"
#include "amivirt/domain/instance.hpp"
#include "amivirt/ports/health.hpp"
#include "amivirt/services/instances.hpp"
#include "faces/cli/output.hpp"

namespace amivirt::cli {

/// How an instance's stored state is to be taken.
enum class Observed {
    yes,
    no,  ///< libvirt could not be asked: the record says "StateObserved": false
};

/// Does an image meet the region's criteria? nullopt: they are not applied.
using AllowedBy = std::function<std::optional<bool>(const Image&)>;
/// {"Images": [...]}, with ImageAllowed where `allowed` tells it; `aliases` are the owners' (ImageOwnerAlias).
[[nodiscard]] Document images_document(const std::vector<Image>& images, const AllowedBy& allowed = {},
                                       const std::map<AccountId, std::string>& aliases = {});
/// {"ImageId": "..."}, or for several {"Images": [{"ImageId"}]}: as register-image.
[[nodiscard]] Document completion_document(const std::string& shell, const std::string& script);
[[nodiscard]] Document image_ids_document(const std::vector<std::string>& ids);
/// {"Return": true, "DeleteSnapshotResults": [...]}: as deregister-image.
[[nodiscard]] Document deregister_document(const std::vector<SnapshotId>& deleted);

/// {"Reservations": [{"Groups", "Instances", "OwnerId", "ReservationId"}]}, a reservation where its first instance stands.
[[nodiscard]] Document reservations_document(const std::vector<InstanceView>& views, const std::string& region, Observed observed);
/// One reservation by itself: as run-instances.
[[nodiscard]] Document reservation_document(const std::vector<InstanceView>& views, const std::string& region);

/// One instance's change: {"CurrentState", "InstanceId", "PreviousState"}.
struct StateChange {
    InstanceId id;
    InstanceState previous = InstanceState::pending;
    InstanceState current = InstanceState::pending;
};
/// {"StoppingInstances": [...]} with the word of the action.
[[nodiscard]] Document changes_document(const std::string& word, const std::vector<StateChange>& changes);

/// {"InstanceTypes": [...]}
[[nodiscard]] Document types_document(const std::vector<InstanceType>& types);
/// As describe-instance-attribute, of what was changed; user data in base64.
[[nodiscard]] Document instance_attributes_document(const Instance& instance, const ModifyInstanceRequest& changed);
/// {"InstanceId", "Timestamp", "Output"}: as get-console-output, the output as text rather than base64.
[[nodiscard]] Document console_document(const InstanceId& instance, TimePoint now, const std::string& output);
/// {"Findings": [{"Subject", "Health", "Detail", "Remedy"}], "Healthy": true}
[[nodiscard]] Document findings_document(const std::vector<Finding>& findings);

}  // namespace amivirt::cli
