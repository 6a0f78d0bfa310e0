#include "faces/cli/render_disks.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "faces/cli/json_fields.hpp"
#include "faces/cli/text.hpp"

namespace amivirt::cli {

namespace {

std::string gib(GiB size) { return fmt::format("{} GiB", size.count); }

std::string yes_or_no(bool value) { return value ? "yes" : "no"; }

// EC2's word for both; what a volume is in the middle of is known by the state of the volume itself.
Json attachment_json(const VolumeId& volume, const Attachment& attachment, std::string_view state) {
    Json out;
    out["AttachTime"] = to_iso8601(attachment.attached);
    out["Device"] = attachment.device_name;
    out["InstanceId"] = attachment.instance.str();
    out["State"] = state;
    out["VolumeId"] = volume.str();
    out["DeleteOnTermination"] = attachment.delete_on_termination;
    return out;
}

Json volume_json(const Volume& volume, const std::string& region) {
    Json out;
    Json attachments = Json::array();
    if (volume.attachment) {
        attachments.push_back(attachment_json(volume.id, *volume.attachment, "attached"));
    }
    out["Attachments"] = std::move(attachments);
    out["AvailabilityZone"] = zone_of(region);
    out["CreateTime"] = to_iso8601(volume.created);
    out["Encrypted"] = volume.encrypted;
    out["Size"] = volume.size.count;
    out["SnapshotId"] = volume.snapshot ? volume.snapshot->str() : "";  // EC2 says it so, and does not leave it out
    out["State"] = to_string(volume.state);
    out["VolumeId"] = volume.id.str();
    put(out, "Iops", nominal_iops(volume));
    put_tags(out, volume.tags);
    out["VolumeType"] = to_string(volume.type);
    out["MultiAttachEnabled"] = false;
    put(out, "Throughput", nominal_throughput(volume));
    return out;
}

Json snapshot_json(const Snapshot& snapshot) {
    Json out;
    out["Description"] = snapshot.description;
    out["Encrypted"] = snapshot.encrypted;
    out["OwnerId"] = snapshot.owner.str();
    out["Progress"] = snapshot.state == SnapshotState::completed ? "100%" : "0%";
    out["SnapshotId"] = snapshot.id.str();
    out["StartTime"] = to_iso8601(snapshot.created);
    out["State"] = to_string(snapshot.state);
    put(out, "StateMessage", snapshot.state_message);
    out["VolumeId"] = snapshot.volume ? snapshot.volume->str() : "vol-ffffffff";  // EC2's own id for what was taken of no volume
    out["VolumeSize"] = snapshot.size.count;
    put_tags(out, snapshot.tags);
    return out;
}

/// "gp3, 4000 IOPS, 250 MiB/s"
std::string performance(const Volume& volume) {
    std::string out(to_string(volume.type));
    if (volume.iops) {
        out += fmt::format(", {} IOPS", *volume.iops);
    }
    if (volume.throughput) {
        out += fmt::format(", {} MiB/s", *volume.throughput);
    }
    return out;
}

}  // namespace

Document volumes_document(const std::vector<Volume>& volumes, const std::string& region) {
    Json list = Json::array();
    for (const Volume& volume : volumes) {
        list.push_back(volume_json(volume, region));
    }
    return document({{"Volumes", std::move(list)}});
}

Document volume_document(const Volume& volume, const std::string& region) { return document(volume_json(volume, region)); }

std::string volumes_table(const std::vector<Volume>& volumes, TimePoint now) {
    TextTable table({"ID", "NAME", "SIZE", "TYPE", "STATE", "INSTANCE", "DEVICE", "AGE"});
    for (const Volume& volume : volumes) {
        table.add({volume.id.str(), name_tag(volume.tags), gib(volume.size), std::string(to_string(volume.type)),
                   std::string(to_string(volume.state)), volume.attachment ? volume.attachment->instance.str() : "",
                   volume.attachment ? volume.attachment->device_name : "", age(volume.created, now)});
    }
    return table.str();
}

std::string volume_fields(const Volume& volume) {
    FieldList fields;
    fields.add("Volume", volume.id.str());
    fields.add("Name", name_tag(volume.tags));
    fields.add("State", std::string(to_string(volume.state)));
    fields.add("Size", gib(volume.size));
    fields.add("Type", performance(volume));
    fields.add("Encrypted", yes_or_no(volume.encrypted));
    fields.add("Snapshot", volume.snapshot ? volume.snapshot->str() : "");
    if (const auto& attachment = volume.attachment) {
        fields.add("Attached", fmt::format("to {} as {} since {}, {} on termination", attachment->instance.str(), attachment->device_name,
                                           to_iso8601(attachment->attached), attachment->delete_on_termination ? "deleted" : "kept"));
    }
    fields.add("Created", to_iso8601(volume.created));
    fields.add("Owner", volume.owner.str());
    fields.add_tags(volume.tags);
    return fields.str();
}

Document attachments_document(const std::vector<AttachmentChange>& changes, AttachmentState state) {
    const std::string_view word = state == AttachmentState::attached ? "attached" : "detached";
    Json list = Json::array();
    for (const AttachmentChange& change : changes) {
        list.push_back(attachment_json(change.volume, change.attachment, word));
    }
    if (list.size() == 1) {
        return document(std::move(list.front()));
    }
    return document({{"Attachments", std::move(list)}});
}

Document modification_document(const Volume& before, const Volume& after, TimePoint began) {
    Json out;
    out["VolumeId"] = after.id.str();
    out["ModificationState"] = "completed";
    out["TargetSize"] = after.size.count;
    put(out, "TargetIops", nominal_iops(after));
    out["TargetVolumeType"] = to_string(after.type);
    put(out, "TargetThroughput", nominal_throughput(after));
    out["OriginalSize"] = before.size.count;
    put(out, "OriginalIops", nominal_iops(before));
    out["OriginalVolumeType"] = to_string(before.type);
    put(out, "OriginalThroughput", nominal_throughput(before));
    out["Progress"] = 100;
    out["StartTime"] = to_iso8601(began);
    return document({{"VolumeModification", std::move(out)}});
}

Document deleted_document(const std::string& word, const std::vector<std::string>& ids) {
    Json root{{"Return", true}};
    root[word] = ids;
    return document(std::move(root));
}

Document instance_mapping_document(const InstanceId& instance, const std::vector<Volume>& volumes) {
    Json list = Json::array();
    for (const Volume& volume : volumes) {
        if (volume.attachment) {
            list.push_back({{"DeviceName", volume.attachment->device_name},
                            {"Ebs",
                             {{"AttachTime", to_iso8601(volume.attachment->attached)},
                              {"DeleteOnTermination", volume.attachment->delete_on_termination},
                              {"Status", "attached"},
                              {"VolumeId", volume.id.str()}}}});
        }
    }
    return document({{"InstanceId", instance.str()}, {"BlockDeviceMappings", std::move(list)}});
}

Document snapshots_document(const std::vector<Snapshot>& snapshots) {
    Json list = Json::array();
    for (const Snapshot& snapshot : snapshots) {
        list.push_back(snapshot_json(snapshot));
    }
    return document({{"Snapshots", std::move(list)}});
}

Document snapshot_document(const Snapshot& snapshot) { return document(snapshot_json(snapshot)); }

std::string snapshots_table(const std::vector<Snapshot>& snapshots, TimePoint now) {
    TextTable table({"ID", "NAME", "SIZE", "STATE", "VOLUME", "AGE"});
    for (const Snapshot& snapshot : snapshots) {
        table.add({snapshot.id.str(), name_tag(snapshot.tags), gib(snapshot.size), std::string(to_string(snapshot.state)),
                   snapshot.volume ? snapshot.volume->str() : "", age(snapshot.created, now)});
    }
    return table.str();
}

std::string snapshot_fields(const Snapshot& snapshot) {
    FieldList fields;
    fields.add("Snapshot", snapshot.id.str());
    fields.add("Name", name_tag(snapshot.tags));
    fields.add("Description", snapshot.description);
    fields.add("State", std::string(to_string(snapshot.state)));
    fields.add("Volume", snapshot.volume ? snapshot.volume->str() : "");
    fields.add("Size", gib(snapshot.size));
    fields.add("Encrypted", yes_or_no(snapshot.encrypted));
    fields.add("Created", to_iso8601(snapshot.created));
    fields.add("Owner", snapshot.owner.str());
    fields.add_tags(snapshot.tags);
    return fields.str();
}

Document usage_document(const UsageReport& report) {
    Json list = Json::array();
    for (const Usage& usage : report.rows) {
        Json row;
        row["Kind"] = to_string(usage.kind);
        row["Id"] = usage.id;
        put(row, "Name", usage.name);
        row["SizeBytes"] = usage.virtual_size.count;
        row["OwnBytes"] = usage.own.count;
        row["SharedBytes"] = usage.shared.count;
        row["FreedBytes"] = usage.freed.count;
        list.push_back(std::move(row));
    }
    return document({{"Usage", std::move(list)},
                     {"LayerBytes", report.layers.count},
                     {"InstanceBytes", report.instances.count},
                     {"TotalBytes", (report.layers + report.instances).count}});
}

std::string usage_table(const UsageReport& report) {
    TextTable table({"KIND", "ID", "NAME", "SIZE", "OWN", "SHARED", "FREES"});
    for (const Usage& usage : report.rows) {
        table.add({std::string(to_string(usage.kind)), usage.id, usage.name, human(usage.virtual_size), human(usage.own),
                   human(usage.shared), human(usage.freed)});
    }
    FieldList totals;
    totals.add("Layers", human(report.layers));
    totals.add("Instances", human(report.instances));
    totals.add("Total", human(report.layers + report.instances));
    return table.str() + "\n" + totals.str();
}

Document reasons_document(const std::vector<LayerReason>& reasons) {
    Json list = Json::array();
    for (const LayerReason& reason : reasons) {
        list.push_back({{"LayerId", reason.layer.str()}, {"AllocatedBytes", reason.allocated.count}, {"Reasons", reason.reasons}});
    }
    return document({{"Layers", std::move(list)}});
}

std::string reasons_table(const std::vector<LayerReason>& reasons) {
    TextTable table({"LAYER", "ALLOCATED", "WHY"});
    for (const LayerReason& reason : reasons) {
        table.add({reason.layer.str(), human(reason.allocated),
                   reason.reasons.empty() ? "nothing: it goes" : fmt::format("{}", fmt::join(reason.reasons, "; "))});
    }
    return table.str();
}

Document garbage_document(std::size_t removed, const std::vector<std::string>& flattened) {
    return document({{"LayersRemoved", removed}, {"VolumesFlattened", flattened}});
}

Document check_document(const CheckReport& report) {
    Json list = Json::array();
    for (const Fault& fault : report.faults) {
        Json row;
        row["Object"] = fault.object;
        row["Detail"] = fault.detail;
        put(row, "Repair", fault.repair);
        row["Repaired"] = fault.repaired;
        list.push_back(std::move(row));
    }
    return document({{"Faults", std::move(list)},
                     {"LayersChecked", report.layers_checked},
                     {"ChecksumsRecorded", report.checksums_recorded},
                     {"Sound", sound(report)}});
}

std::string check_text(const CheckReport& report) {
    std::string out;
    for (const Fault& fault : report.faults) {
        out += fmt::format("{}: {}\n", printable_line(fault.object), printable_line(fault.detail));
        if (fault.repaired) {
            out += fault.repair.empty() ? "    repaired\n" : fmt::format("    repaired: {}\n", printable_line(fault.repair));
        } else if (!fault.repair.empty()) {
            out += fmt::format("    -> {}\n", printable_line(fault.repair));
        }
    }
    return out;
}

bool sound(const CheckReport& report) noexcept {
    return std::all_of(report.faults.begin(), report.faults.end(), [](const Fault& fault) { return fault.repaired; });
}

std::string check_summary(const CheckReport& report) {
    std::string out = count_of(report.layers_checked, "layer") + " checked, ";
    if (report.faults.empty()) {
        out += "no faults";
    } else {
        const auto repaired = std::count_if(report.faults.begin(), report.faults.end(), [](const Fault& fault) { return fault.repaired; });
        out += count_of(report.faults.size(), "fault");
        if (repaired > 0) {
            out +=
                fmt::format(", {} repaired", static_cast<std::size_t>(repaired) == report.faults.size() ? "all" : fmt::to_string(repaired));
        }
    }
    if (report.checksums_recorded > 0) {
        out += fmt::format(", {} recorded", count_of(report.checksums_recorded, "checksum"));
    }
    return out;
}

}  // namespace amivirt::cli
