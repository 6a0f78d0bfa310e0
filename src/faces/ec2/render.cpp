#include "faces/ec2/render.hpp"

#include "amivirt/domain/image_reason.hpp"
#include "faces/ec2/render_network.hpp"

namespace amivirt::ec2 {

namespace {
constexpr std::string_view k_hypervisor = "xen";          // what EC2 says of every HVM image and instance, its KVM hosts included
constexpr std::string_view k_no_volume = "vol-ffffffff";  // EC2's own id for what was taken of no volume
}  // namespace

void mapping(Xml& out, const BlockDeviceMapping& mapping) {
    out.list("blockDeviceMapping", mapping, [&](const BlockDevice& device) {
        out.text("deviceName", device.device_name);
        if (const auto* ebs = std::get_if<EbsDevice>(&device.what)) {
            out.in("ebs", [&] {
                if (ebs->snapshot) {
                    out.text("snapshotId", ebs->snapshot->str());
                }
                if (ebs->size) {
                    out.number("volumeSize", ebs->size->count);
                }
                out.boolean("deleteOnTermination", ebs->delete_on_termination);
                if (ebs->type) {
                    out.text("volumeType", to_string(*ebs->type));
                }
                out.number("iops", ebs->iops);
                out.number("throughput", ebs->throughput);
                out.boolean("encrypted", ebs->encrypted);
            });
        } else if (const auto* ephemeral = std::get_if<EphemeralDevice>(&device.what)) {
            out.text("virtualName", fmt::format("ephemeral{}", ephemeral->number));
        } else {
            out.text("noDevice", "");
        }
    });
}

void product_codes(Xml& out, const std::vector<ProductCode>& codes) {
    out.list("productCodes", codes, [&](const ProductCode& code) {
        out.text("productCode", code.id);
        out.text("type", code.type);
    });
}

void image(Xml& out, const Image& image, const std::map<AccountId, std::string>& aliases, const ImageExtras& extras) {
    out.text("imageId", image.id.str());
    out.text("imageLocation", image.owner.str() + "/" + image.name);
    out.text("imageState", to_string(image.state));
    out.text("imageOwnerId", image.owner.str());
    out.time("creationDate", image.created);
    out.boolean("isPublic", image.permissions.everyone);
    out.text("architecture", to_string(image.architecture));
    out.text("imageType", "machine");
    if (image.platform == "windows") {
        out.text("platform", image.platform);
    }
    out.some("platformDetails", image.platform_details);
    out.text("name", image.name);
    out.some("description", image.description);
    if (const auto alias = aliases.find(image.owner); alias != aliases.end()) {
        out.some("imageOwnerAlias", alias->second);
    }
    if (!extras.product_codes.empty()) {
        product_codes(out, extras.product_codes);
    }
    if (extras.ena_support) {
        out.boolean("enaSupport", true);
    }
    out.some("sriovNetSupport", extras.sriov_net_support);
    out.text("rootDeviceType", to_string(image.root_device_type));
    out.text("rootDeviceName", image.root_device_name);
    mapping(out, image.mapping);
    out.text("virtualizationType", "hvm");
    if (!image.state_reason.empty()) {
        out.in("stateReason", [&] {
            out.text("code", state_reason_code(image));
            out.text("message", image.state_reason);
        });
    }
    out.tags(image.tags);
    out.text("hypervisor", k_hypervisor);
    out.text("bootMode", to_string(image.boot_mode));
    out.time("deprecationTime", image.deprecated);
    if (image.source_instance) {
        out.text("sourceInstanceId", image.source_instance->str());
    }
    if (image.source_image) {
        out.text("sourceImageId", image.source_image->str());
    }
    out.some("sourceImageRegion", image.source_region);
    out.text("deregistrationProtection", to_string(image.protection));
    out.time("lastLaunchedTime", image.last_launched);
}

void state(Xml& out, std::string_view name, InstanceState state) {
    out.in(name, [&] {
        out.number("code", ec2_code(state));
        out.text("name", to_string(state));
    });
}

void metadata_options(Xml& out, std::string_view name, const MetadataOptions& options, std::string_view applied) {
    const auto word = [](bool on) { return on ? "enabled" : "disabled"; };
    out.in(name, [&] {
        out.text("state", applied);
        out.text("httpTokens", options.tokens_required ? "required" : "optional");
        out.number("httpPutResponseHopLimit", options.hop_limit);
        out.text("httpEndpoint", word(options.endpoint));
        out.text("httpProtocolIpv6", word(options.ipv6));
        out.text("instanceMetadataTags", word(options.tags));
    });
}

void attached_devices(Xml& out, const InstanceView& view) {
    out.in("blockDeviceMapping", [&] {
        for (const Volume& volume : view.volumes) {
            if (!volume.attachment || volume.instance_store) {  // to EC2 the latter is no volume
                continue;
            }
            out.in("item", [&] {
                out.text("deviceName", volume.attachment->device_name);
                out.in("ebs", [&] {
                    out.text("volumeId", volume.id.str());
                    out.text("status", "attached");
                    out.time("attachTime", volume.attachment->attached);
                    out.boolean("deleteOnTermination", volume.attachment->delete_on_termination);
                });
            });
        }
    });
}

const std::vector<InterfaceView>& Placed::of(const InstanceId& id) const {
    static const std::vector<InterfaceView> none;
    const auto at = interfaces.find(id.str());
    return at == interfaces.end() ? none : at->second;
}

const std::string& Placed::zone(const InstanceId& id) const {
    const auto& its = of(id);
    return its.empty() ? default_zone : its.front().its.zone;
}

void instance(Xml& out, const InstanceView& view, const Placed& placed) {
    const Instance& instance = view.instance;
    const auto& interfaces = placed.of(instance.id);
    const bool runs = instance.state == InstanceState::running;
    out.text("instanceId", instance.id.str());
    out.text("imageId", instance.image.str());
    state(out, "instanceState", instance.state);
    out.text("privateDnsName", interfaces.empty() ? "" : interfaces.front().private_dns);
    // Where no address of its own answers, SSH is at the forwarded port of this host.
    const std::string address = !view.public_address.empty() ? view.public_address : runs ? "127.0.0.1" : "";
    out.text("dnsName", address);  // no name that all resolvers of a host know leads there, and the address is one to all of them
    out.some("reason", instance.state_reason_message);
    out.some("keyName", instance.key_name);
    out.number("amiLaunchIndex", instance.launch_index);
    out.list("productCodes", std::vector<int>{}, [](int) {});
    out.text("instanceType", instance.type);
    out.time("launchTime", instance.launched);
    out.in("placement", [&] {
        out.text("availabilityZone", placed.zone(instance.id));
        out.text("groupName", "");
        out.text("tenancy", "default");
    });
    out.in("monitoring", [&] { out.text("state", view.options.monitored ? "enabled" : "disabled"); });
    out.some("ipAddress", address);
    if (interfaces.empty()) {
        out.list("groupSet", std::vector<int>{}, [](int) {});
    } else {
        const InterfaceView& first = interfaces.front();
        out.text("privateIpAddress", first.its.addresses.front());
        out.text("vpcId", first.its.vpc);
        out.text("subnetId", first.its.subnet);
        out.boolean("sourceDestCheck", first.its.source_dest_check);
        groups(out, "groupSet", first.groups);
    }
    if (!instance.state_reason_code.empty()) {
        out.in("stateReason", [&] {
            out.text("code", instance.state_reason_code);
            out.text("message", instance.state_reason_message);
        });
    }
    out.text("architecture", to_string(instance.architecture));
    out.text("rootDeviceType", to_string(instance.root_device_type));
    out.text("rootDeviceName", instance.root_device_name);
    attached_devices(out, view);
    out.text("virtualizationType", "hvm");
    out.text("clientToken", instance.client_token);
    out.tags(instance.tags);
    out.text("hypervisor", k_hypervisor);
    out.list("networkInterfaceSet", interfaces, [&](const InterfaceView& each) {
        // The public address is the first one's.
        network_interface(out, each, InterfaceOf::instance, each.its.device_index == 0 ? address : "");
    });
    out.boolean("ebsOptimized", view.options.ebs_optimized);
    out.boolean("enaSupport", view.options.ena_support);
    out.some("sriovNetSupport", view.options.sriov_net_support ? "simple" : "");
    out.in("hibernationOptions", [&] { out.boolean("configured", false); });
    out.in("enclaveOptions", [&] { out.boolean("enabled", false); });
    metadata_options(out, "metadataOptions", view.options.metadata, "applied");
    out.in("maintenanceOptions", [&] { out.text("autoRecovery", view.options.auto_recovery ? "default" : "disabled"); });
    out.text("bootMode", to_string(instance.firmware));
    out.text("currentInstanceBootMode", to_string(instance.firmware));
}

void reservation(Xml& out, const std::vector<InstanceView>& views, const Placed& placed) {
    const Instance first = views.empty() ? Instance{} : views.front().instance;
    out.text("reservationId", first.reservation.str());
    out.text("ownerId", first.owner.str());
    out.list("groupSet", std::vector<int>{}, [](int) {});
    out.list("instancesSet", views, [&](const InstanceView& view) { instance(out, view, placed); });
}

void reservations(Xml& out, const std::vector<InstanceView>& views, const Placed& placed) {
    out.in("reservationSet", [&] {
        for (std::size_t first = 0; first < views.size();) {
            std::size_t end = first + 1;
            while (end < views.size() && views[end].instance.reservation == views[first].instance.reservation) {
                ++end;
            }
            const std::vector<InstanceView> together(views.begin() + static_cast<std::ptrdiff_t>(first),
                                                     views.begin() + static_cast<std::ptrdiff_t>(end));
            out.in("item", [&] { reservation(out, together, placed); });
            first = end;
        }
    });
}

void attachment(Xml& out, const Volume& volume, const Attachment& attachment, std::string_view status) {
    out.text("volumeId", volume.id.str());
    out.text("instanceId", attachment.instance.str());
    out.text("device", attachment.device_name);
    out.text("status", status);
    out.time("attachTime", attachment.attached);
    out.boolean("deleteOnTermination", attachment.delete_on_termination);
}

void volume(Xml& out, const Volume& volume, const std::string& zone) {
    out.text("volumeId", volume.id.str());
    out.number("size", volume.size.count);
    out.text("snapshotId", volume.snapshot ? volume.snapshot->str() : "");
    out.text("availabilityZone", zone);
    out.text("status", to_string(volume.state));
    out.time("createTime", volume.created);
    out.in("attachmentSet", [&] {
        if (volume.attachment) {
            out.in("item", [&] { attachment(out, volume, *volume.attachment, "attached"); });
        }
    });
    out.tags(volume.tags);
    out.text("volumeType", to_string(volume.type));
    out.number("iops", nominal_iops(volume));
    out.number("throughput", nominal_throughput(volume));
    out.boolean("encrypted", volume.encrypted);
    out.boolean("multiAttachEnabled", false);
}

void modification(Xml& out, const VolumeModification& made) {
    const Volume& before = made.before;
    const Volume& after = made.after;
    out.text("volumeId", after.id.str());
    out.text("modificationState", "completed");
    out.number("targetSize", after.size.count);
    out.number("targetIops", nominal_iops(after));
    out.text("targetVolumeType", to_string(after.type));
    out.number("targetThroughput", nominal_throughput(after));
    out.boolean("targetMultiAttachEnabled", false);
    out.number("originalSize", before.size.count);
    out.number("originalIops", nominal_iops(before));
    out.text("originalVolumeType", to_string(before.type));
    out.number("originalThroughput", nominal_throughput(before));
    out.boolean("originalMultiAttachEnabled", false);
    out.number("progress", 100);
    out.time("startTime", made.started);
    out.time("endTime", made.ended);
}

void snapshot(Xml& out, const Snapshot& snapshot, std::string_view state_name) {
    out.text("snapshotId", snapshot.id.str());
    out.text("volumeId", snapshot.volume ? snapshot.volume->str() : k_no_volume);
    out.text(state_name, to_string(snapshot.state));
    out.some("statusMessage", snapshot.state_message);
    out.time("startTime", snapshot.created);
    out.text("progress", snapshot.state == SnapshotState::completed ? "100%" : "0%");
    out.text("ownerId", snapshot.owner.str());
    out.number("volumeSize", snapshot.size.count);
    out.text("description", snapshot.description);
    out.tags(snapshot.tags);
    out.boolean("encrypted", snapshot.encrypted);
}

}  // namespace amivirt::ec2
