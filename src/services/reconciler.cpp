#include "amivirt/services/reconciler.hpp"

#include <fmt/format.h>

namespace amivirt {

Reconciler::Reconciler(Operations& operations, Images& images, Instances& instances, Volumes& volumes, Snapshots& snapshots,
                       Capture& capture, Carrying& carrying, Storage& storage, Log& log)
    : operations_(operations),
      images_(images),
      instances_(instances),
      volumes_(volumes),
      snapshots_(snapshots),
      capture_(capture),
      carrying_(carrying),
      storage_(storage),
      log_(log) {}

Result<std::vector<std::string>> Reconciler::recover() {
    std::vector<std::string> left;
    for (auto& operation : AMIVIRT_TRY(operations_.adopt_dead())) {
        const auto row = operation->row();
        const auto recovered = [&]() -> Result<void> {
            switch (row.kind) {
                case OperationKind::import_image:
                    return images_.recover(*operation);
                case OperationKind::collect_layers:
                    return storage_.finish(*operation);
                case OperationKind::run_instances:
                case OperationKind::start_instances:
                case OperationKind::stop_instances:
                case OperationKind::reboot_instances:
                case OperationKind::terminate_instances:
                case OperationKind::modify_instance:
                    return instances_.recover(*operation);
                case OperationKind::create_volume:
                case OperationKind::attach_volume:
                case OperationKind::detach_volume:
                case OperationKind::modify_volume:
                    return volumes_.recover(*operation);
                case OperationKind::create_snapshots:
                case OperationKind::flatten_layers:
                    return snapshots_.recover(*operation);
                case OperationKind::create_image:
                    return capture_.recover(*operation);
                case OperationKind::copy_image:
                case OperationKind::export_image:
                case OperationKind::store_image:
                case OperationKind::restore_image:
                    return carrying_.recover(*operation);
                case OperationKind::answer_request:  // a claim alone: what its request had begun has an operation of its own
                case OperationKind::change_lab:      // the same: what it made is the lab's, and its next `up` goes on
                    return operation->finish([](CatalogSession&) { return Result<void>(); });
            }
            return Error(Code::internal_error, "an operation of no known kind");
        }();
        if (!recovered) {
            left.push_back(fmt::format("{} of dead process {} could not be cleaned up yet: {}", to_string(row.kind), row.pid,
                                       describe(recovered.error())));
        } else {
            log_.write(LogLevel::info, "reconciler", fmt::format("cleaned up {} of dead process {}", to_string(row.kind), row.pid));
        }
    }
    return left;
}

}  // namespace amivirt
