#include "faces/cli/render_json.hpp"

#include <algorithm>
#include "amivirt/domain/image_reason.hpp"
#include "amivirt/domain/login.hpp"

#include "amivirt/services/doctor.hpp"
#include "faces/cli/json_fields.hpp"

namespace amivirt::cli {

namespace {

Json mapping_entry(const BlockDevice& device) {
    Json entry;
    entry["DeviceName"] = device.device_name;
    if (const auto* ebs = std::get_if<EbsDevice>(&device.what)) {
        Json ebs_json = Json::object();
        put(ebs_json, "DeleteOnTermination", ebs->delete_on_termination);
        put(ebs_json, "Iops", ebs->iops);
        if (ebs->snapshot) {
            ebs_json["SnapshotId"] = ebs->snapshot->str();
        }
        if (ebs->size) {
            ebs_json["VolumeSize"] = ebs->size->count;
        }
        if (ebs->type) {
            ebs_json["VolumeType"] = to_string(*ebs->type);
        }
        put(ebs_json, "Throughput", ebs->throughput);
        put(ebs_json, "Encrypted", ebs->encrypted);
        entry["Ebs"] = std::move(ebs_json);
    } else if (const auto* ephemeral = std::get_if<EphemeralDevice>(&device.what)) {
        entry["VirtualName"] = "ephemeral" + std::to_string(ephemeral->number);
    } else {
        entry["NoDevice"] = "";
    }
    return entry;
}

Json image_json(const Image& image, const AllowedBy& allowed) {
    Json out;
    out["Architecture"] = to_string(image.architecture);
    out["CreationDate"] = to_iso8601(image.created);
    out["ImageId"] = image.id.str();
    out["ImageLocation"] = image.owner.str() + "/" + image.name;
    out["ImageType"] = "machine";
    out["Public"] = image.permissions.everyone;
    out["OwnerId"] = image.owner.str();
    if (image.platform == "windows") {  // EC2 says nothing for the others
        out["Platform"] = image.platform;
    }
    put(out, "PlatformDetails", image.platform_details);
    out["State"] = to_string(image.state);
    Json mapping = Json::array();
    for (const BlockDevice& device : image.mapping) {
        mapping.push_back(mapping_entry(device));
    }
    out["BlockDeviceMappings"] = std::move(mapping);
    put(out, "Description", image.description);
    out["Hypervisor"] = "xen";  // what EC2 says of every HVM image and instance, its KVM hosts included
    out["Name"] = image.name;
    out["RootDeviceName"] = image.root_device_name;
    out["RootDeviceType"] = to_string(image.root_device_type);
    if (!image.state_reason.empty()) {
        out["StateReason"] = {{"Code", state_reason_code(image)}, {"Message", image.state_reason}};
    }
    put_tags(out, image.tags);
    out["VirtualizationType"] = "hvm";
    out["BootMode"] = to_string(image.boot_mode);
    if (image.deprecated) {
        out["DeprecationTime"] = to_iso8601(*image.deprecated);
    }
    if (image.source_instance) {
        out["SourceInstanceId"] = image.source_instance->str();
    }
    out["DeregistrationProtection"] = to_string(image.protection);
    if (image.last_launched) {
        out["LastLaunchedTime"] = to_iso8601(*image.last_launched);
    }
    if (allowed) {
        put(out, "ImageAllowed", allowed(image));
    }
    if (image.source_image) {
        out["SourceImageId"] = image.source_image->str();
    }
    put(out, "SourceImageRegion", image.source_region);
    put(out, "Signer", image.signer);
    if (image.protected_until) {
        out["DeregistrationProtectedUntil"] = to_iso8601(*image.protected_until);
    }
    put(out, "SourceLocation", image.source_location);
    put(out, "DefaultUser", image.default_user);
    return out;
}

Json state_json(InstanceState state) { return {{"Code", ec2_code(state)}, {"Name", to_string(state)}}; }

Json instance_json(const InstanceView& view, const std::string& region, Observed observed) {
    const Instance& instance = view.instance;
    Json out;
    out["AmiLaunchIndex"] = instance.launch_index;
    out["ImageId"] = instance.image.str();
    out["InstanceId"] = instance.id.str();
    out["InstanceType"] = instance.type;
    out["LaunchTime"] = to_iso8601(instance.launched);
    out["Placement"] = {{"AvailabilityZone", zone_of(region)}, {"Tenancy", "default"}};
    if (!view.addresses.empty()) {
        out["PrivateIpAddress"] = view.addresses.front();
    }
    if (instance.state == InstanceState::running && instance.network == "user") {
        out["PublicIpAddress"] = "127.0.0.1";
    }
    out["State"] = state_json(instance.state);
    if (observed == Observed::no) {
        out["StateObserved"] = false;
    }
    put(out, "StateTransitionReason", instance.state_reason_message);
    out["Architecture"] = to_string(instance.architecture);
    Json mapping = Json::array();
    for (const Volume& volume : view.volumes) {
        if (!volume.attachment || volume.instance_store) {  // to EC2 the latter is no volume
            continue;
        }
        mapping.push_back({{"DeviceName", volume.attachment->device_name},
                           {"Ebs",
                            {{"AttachTime", to_iso8601(volume.attachment->attached)},
                             {"DeleteOnTermination", volume.attachment->delete_on_termination},
                             {"Status", "attached"},
                             {"VolumeId", volume.id.str()}}}});
    }
    for (const EphemeralDisk& disk : instance.ephemeral) {
        mapping.push_back({{"DeviceName", disk.device_name}, {"VirtualName", "ephemeral" + std::to_string(disk.number)}});
    }
    out["BlockDeviceMappings"] = std::move(mapping);
    put(out, "ClientToken", instance.client_token);
    out["Hypervisor"] = "xen";  // what EC2 says of every HVM image and instance, its KVM hosts included
    out["RootDeviceName"] = instance.root_device_name;
    out["RootDeviceType"] = to_string(instance.root_device_type);
    if (!instance.state_reason_code.empty()) {
        out["StateReason"] = {{"Code", instance.state_reason_code}, {"Message", instance.state_reason_message}};
    }
    put_tags(out, instance.tags);
    out["VirtualizationType"] = "hvm";
    out["BootMode"] = to_string(instance.firmware);
    out["CurrentInstanceBootMode"] = to_string(instance.firmware);
    put(out, "KeyName", instance.key_name);
    put(out, "LoginUser", instance.login_user);
    put(out, "SshHostKey", without_comment(instance.host_key));
    Json forwards = Json::array();
    for (const PortForward& forward : instance.ports) {
        forwards.push_back({{"HostAddress", forward.address},
                            {"HostPort", forward.host_port},
                            {"GuestPort", forward.guest_port},
                            {"Protocol", forward.protocol}});
    }
    out["PortForwards"] = std::move(forwards);
    if (instance.network != "user") {
        out["Network"] = instance.network;
    }
    out["Accelerator"] = to_string(instance.accelerator);
    put(out, "Session", instance.session);
    if (instance.expires) {
        out["ExpiresAt"] = to_iso8601(*instance.expires);
    }
    return out;
}

/// RFC 4648, with padding.
std::string base64(std::string_view bytes) {
    constexpr std::string_view k_digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text;
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const std::size_t left = std::min<std::size_t>(3, bytes.size() - i);
        unsigned group = 0;
        for (std::size_t k = 0; k < 3; ++k) {
            group = (group << 8U) | (k < left ? static_cast<unsigned char>(bytes[i + k]) : 0U);
        }
        for (std::size_t k = 0; k < 4; ++k) {
            text += k <= left ? k_digits[(group >> (18U - 6U * k)) & 0x3FU] : '=';
        }
    }
    return text;
}

Json reservation_json(const Instance& first) {
    return {{"Groups", Json::array()},
            {"Instances", Json::array()},
            {"OwnerId", first.owner.str()},
            {"ReservationId", first.reservation.str()}};
}

std::string_view health_word(Health health) {
    switch (health) {
        case Health::ok:
            return "ok";
        case Health::warning:
            return "warning";
        case Health::fault:
            break;
    }
    return "fault";
}

}  // namespace

Document images_document(const std::vector<Image>& images, const AllowedBy& allowed, const std::map<AccountId, std::string>& aliases) {
    Json list = Json::array();
    for (const Image& image : images) {
        Json entry = image_json(image, allowed);
        if (const auto alias = aliases.find(image.owner); alias != aliases.end()) {
            entry["ImageOwnerAlias"] = alias->second;
        }
        list.push_back(std::move(entry));
    }
    return document({{"Images", std::move(list)}});
}

Document instance_attributes_document(const Instance& instance, const ModifyInstanceRequest& changed) {
    Json out;
    out["InstanceId"] = instance.id.str();
    if (changed.type) {
        out["InstanceType"] = {{"Value", instance.type}};
    }
    if (changed.user_data) {
        out["UserData"] = {{"Value", base64(instance.user_data)}};
    }
    if (changed.shutdown_behavior) {
        out["InstanceInitiatedShutdownBehavior"] = {{"Value", to_string(instance.shutdown_behavior)}};
    }
    if (changed.termination_protected) {
        out["DisableApiTermination"] = {{"Value", instance.termination_protected}};
    }
    if (changed.lease && instance.expires) {
        out["ExpiresAt"] = to_iso8601(*instance.expires);
    }
    return document(std::move(out));
}

Document completion_document(const std::string& shell, const std::string& script) {
    return document({{"Shell", shell}, {"Script", script}});
}

Document image_ids_document(const std::vector<std::string>& ids) {
    if (ids.size() == 1) {
        return document({{"ImageId", ids.front()}});
    }
    Json list = Json::array();
    for (const std::string& id : ids) {
        list.push_back({{"ImageId", id}});
    }
    return document({{"Images", std::move(list)}});
}

Document deregister_document(const std::vector<SnapshotId>& deleted) {
    Json results = Json::array();
    for (const SnapshotId& id : deleted) {
        results.push_back({{"SnapshotId", id.str()}, {"ReturnCode", "success"}});
    }
    return document({{"Return", true}, {"DeleteSnapshotResults", std::move(results)}});
}

Document reservations_document(const std::vector<InstanceView>& views, const std::string& region, Observed observed) {
    Json reservations = Json::array();
    std::map<std::string, std::size_t> places;
    for (const InstanceView& view : views) {
        const auto [place, is_new] = places.emplace(view.instance.reservation.str(), reservations.size());
        if (is_new) {
            reservations.push_back(reservation_json(view.instance));
        }
        reservations[place->second]["Instances"].push_back(instance_json(view, region, observed));
    }
    return document({{"Reservations", std::move(reservations)}});
}

Document reservation_document(const std::vector<InstanceView>& views, const std::string& region) {
    Json reservation = reservation_json(views.empty() ? Instance{} : views.front().instance);
    for (const InstanceView& view : views) {
        reservation["Instances"].push_back(instance_json(view, region, Observed::yes));
    }
    return document(std::move(reservation));
}

Document changes_document(const std::string& word, const std::vector<StateChange>& changes) {
    Json list = Json::array();
    for (const StateChange& change : changes) {
        list.push_back({{"CurrentState", state_json(change.current)},
                        {"InstanceId", change.id.str()},
                        {"PreviousState", state_json(change.previous)}});
    }
    Json root;
    root[word] = std::move(list);
    return document(std::move(root));
}

Document types_document(const std::vector<InstanceType>& types) {
    Json list = Json::array();
    for (const InstanceType& type : types) {
        Json entry;
        entry["InstanceType"] = type.name;
        entry["VCpuInfo"] = {{"DefaultVCpus", type.vcpus}};
        entry["MemoryInfo"] = {{"SizeInMiB", type.memory.count}};
        entry["InstanceStorageSupported"] = type.instance_store_volumes > 0;
        if (type.instance_store_volumes > 0) {
            entry["InstanceStorageInfo"] = {
                {"TotalSizeInGB", type.instance_store_volumes * type.instance_store_size.count},
                {"Disks", Json::array({{{"SizeInGB", type.instance_store_size.count}, {"Count", type.instance_store_volumes}}})}};
        }
        list.push_back(std::move(entry));
    }
    return document({{"InstanceTypes", std::move(list)}});
}

Document console_document(const InstanceId& instance, TimePoint now, const std::string& output) {
    return document({{"InstanceId", instance.str()}, {"Timestamp", to_iso8601(now)}, {"Output", output}});
}

Document findings_document(const std::vector<Finding>& findings) {
    Json list = Json::array();
    for (const Finding& finding : findings) {
        Json entry;
        entry["Subject"] = finding.subject;
        entry["Health"] = health_word(finding.health);
        entry["Detail"] = finding.detail;
        put(entry, "Remedy", finding.remedy);
        list.push_back(std::move(entry));
    }
    return document({{"Findings", std::move(list)}, {"Healthy", healthy(findings)}});
}

}  // namespace amivirt::cli
