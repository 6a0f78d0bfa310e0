#include "amivirt/domain/operation.hpp"

#include "domain/words.hpp"

namespace amivirt {

namespace {

constexpr std::array<Word<OperationKind>, 21> k_kinds{{
    {OperationKind::import_image, "ImportImage"},
    {OperationKind::run_instances, "RunInstances"},
    {OperationKind::start_instances, "StartInstances"},
    {OperationKind::stop_instances, "StopInstances"},
    {OperationKind::reboot_instances, "RebootInstances"},
    {OperationKind::terminate_instances, "TerminateInstances"},
    {OperationKind::modify_instance, "ModifyInstanceAttribute"},
    {OperationKind::collect_layers, "CollectLayers"},
    {OperationKind::create_volume, "CreateVolume"},
    {OperationKind::attach_volume, "AttachVolume"},
    {OperationKind::detach_volume, "DetachVolume"},
    {OperationKind::modify_volume, "ModifyVolume"},
    {OperationKind::create_snapshots, "CreateSnapshots"},
    {OperationKind::flatten_layers, "FlattenLayers"},
    {OperationKind::create_image, "CreateImage"},
    {OperationKind::copy_image, "CopyImage"},
    {OperationKind::export_image, "ExportImage"},
    {OperationKind::store_image, "CreateStoreImageTask"},
    {OperationKind::restore_image, "CreateRestoreImageTask"},
    {OperationKind::change_lab, "ChangeLab"},
    {OperationKind::answer_request, "AnswerRequest"},
}};

}  // namespace

std::string_view to_string(OperationKind value) noexcept { return word_for(k_kinds, value); }
Result<OperationKind> parse_operation_kind(std::string_view text) { return parse_word(k_kinds, "operation kind", text); }

Error busy_error(const Operation& holder, const std::string& object) {
    return {Code::busy, fmt::format("busy running {} on \"{}\" (pid {})", to_string(holder.kind), object, holder.pid)};
}

}  // namespace amivirt
