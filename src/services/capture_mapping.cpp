#include "capture_mapping.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "amivirt/domain/device_name.hpp"
#include "faults.hpp"

namespace amivirt {

const BlockDevice* entry_for(const BlockDeviceMapping& mapping, std::string_view device_name) {
    const auto at =
        std::find_if(mapping.begin(), mapping.end(), [&](const BlockDevice& entry) { return same_device(entry.device_name, device_name); });
    return at == mapping.end() ? nullptr : &*at;
}

namespace {

bool left_out(const BlockDeviceMapping& request, std::string_view device_name) {
    const auto* entry = entry_for(request, device_name);
    return entry != nullptr && std::holds_alternative<NoDevice>(entry->what);
}

}  // namespace

std::vector<Volume> captured(std::vector<Volume> attached, const BlockDeviceMapping& request) {
    std::erase_if(attached,
                  [&](const Volume& volume) { return volume.instance_store || left_out(request, volume.attachment->device_name); });
    return attached;
}

Result<BlockDeviceMapping> mapping_of(const Instance& instance, const std::vector<Volume>& volumes, const BlockDeviceMapping& source,
                                      const BlockDeviceMapping& request) {
    Faults faults;
    const auto wrong = [&](std::string message) { faults.add({Code::invalid_block_device_mapping, std::move(message)}); };
    BlockDeviceMapping mapping;
    for (const auto& volume : volumes) {
        EbsDevice ebs;
        ebs.size = volume.size;
        ebs.type = volume.type;
        ebs.iops = volume.iops;
        ebs.throughput = volume.throughput;
        ebs.delete_on_termination = volume.attachment->delete_on_termination;
        if (volume.encrypted) {
            ebs.encrypted = true;
        }
        if (const auto* said = entry_for(request, volume.attachment->device_name)) {
            const auto* change = std::get_if<EbsDevice>(&said->what);
            EbsDevice allowed;
            allowed.delete_on_termination = change != nullptr ? change->delete_on_termination : std::nullopt;
            if (change == nullptr || *change != allowed) {
                wrong(fmt::format("of the volume at \"{}\" only DeleteOnTermination can be changed", said->device_name));
            } else {
                ebs.delete_on_termination = change->delete_on_termination;
            }
        }
        mapping.push_back({volume.attachment->device_name, ebs});
    }
    // Instance store has nothing to keep but its place.
    BlockDeviceMapping ephemeral;
    std::copy_if(source.begin(), source.end(), std::back_inserter(ephemeral),
                 [](const BlockDevice& entry) { return std::holds_alternative<EphemeralDevice>(entry.what); });
    for (const auto& disk : instance.ephemeral) {
        ephemeral.push_back({disk.device_name, EphemeralDevice{disk.number}});
    }
    for (auto& entry : ephemeral) {
        const bool numbered =
            std::any_of(mapping.begin(), mapping.end(), [&](const BlockDevice& other) { return other.what == entry.what; });
        if (entry_for(request, entry.device_name) == nullptr && entry_for(mapping, entry.device_name) == nullptr && !numbered) {
            mapping.push_back(std::move(entry));
        }
    }
    for (const auto& entry : request) {
        const auto same = [&](const BlockDevice& other) { return same_device(other.device_name, entry.device_name); };
        if (std::count_if(request.begin(), request.end(), same) > 1) {
            wrong(fmt::format("the device \"{}\" is mapped more than once", entry.device_name));
        } else if (std::holds_alternative<NoDevice>(entry.what)) {
            if (same_device(entry.device_name, instance.root_device_name)) {
                wrong(fmt::format("the root device \"{}\" cannot be left out", entry.device_name));
            }
        } else if (entry_for(mapping, entry.device_name) == nullptr) {
            mapping.push_back(entry);
        }
    }
    for (auto& error : check_mapping(mapping)) {
        faults.add(std::move(error));
    }
    if (!faults.none()) {
        return faults.error("this image");
    }
    return mapping;
}

}  // namespace amivirt
