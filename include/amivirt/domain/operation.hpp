// An operation row: the intent of a multi-step change, written before its first step and removed with its last.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "amivirt/base/clock.hpp"
#include "amivirt/base/ids.hpp"

namespace amivirt {

enum class OperationKind {
    import_image,
    run_instances,
    start_instances,
    stop_instances,
    reboot_instances,
    terminate_instances,
    modify_instance,
    collect_layers,
    create_volume,
    attach_volume,
    detach_volume,
    modify_volume,
    create_snapshots,
    flatten_layers,
    create_image,
    copy_image,
    export_image,
    store_image,
    restore_image,
    change_lab,
    answer_request,
};
[[nodiscard]] std::string_view to_string(OperationKind value) noexcept;  // "RunInstances": EC2's action name where there is one
[[nodiscard]] Result<OperationKind> parse_operation_kind(std::string_view text);

struct Operation {
    OperationId id;
    OperationKind kind = OperationKind::run_instances;
    std::vector<std::string> objects;  ///< ids it holds; no two operations may hold the same one
    long pid = 0;                      ///< for messages; whether it lives is told by ports/liveness.hpp
    TimePoint started{};
};

/// `busy running StopInstances on "i-..." (pid 4711)`.
[[nodiscard]] Error busy_error(const Operation& holder, const std::string& object);

}  // namespace amivirt
