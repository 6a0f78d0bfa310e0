#include <algorithm>
#include <array>

#include "faces/ec2/actions/actions.hpp"
#include "faces/ec2/filtering.hpp"
#include "faces/ec2/render.hpp"

namespace amivirt::ec2 {

namespace {

constexpr Duration k_lets_go = std::chrono::seconds(30);  // within which a guest that is asked to must let go of a disk; clients wait 60 s
constexpr Duration k_answers = std::chrono::seconds(2);   // most do so sooner, and what hinders them is told in the answer

std::optional<VolumeType> type_in(const Parameters& in, std::string_view name) {
    const auto word = in.text(name);
    if (!word) {
        return std::nullopt;
    }
    const auto type = parse_volume_type(*word);
    if (!type) {
        in.fault(type.error());
        return std::nullopt;
    }
    return *type;
}

std::optional<GiB> size_in(const Parameters& in) {
    const auto size = in.number("Size");
    return size ? std::optional(GiB{*size}) : std::nullopt;
}

std::string id_of(const Volume& volume) { return volume.id.str(); }

std::string zone_of(const Call& call, const std::map<VolumeId, std::string>& elsewhere, const Volume& volume) {
    const auto at = elsewhere.find(volume.id);
    return at == elsewhere.end() ? call.zone() : at->second;
}

Result<std::vector<Volume>> look(Call& call, const std::vector<std::string>& ids, std::vector<Filter> filters) {
    AMIVIRT_TRY(Call::find_all<VolumeId>(ids, call.volume()));
    // Which zone a volume is in is kept apart from it.
    std::vector<Filter> of_zone;
    std::erase_if(filters, [&](const Filter& filter) {
        if (filter.name != "availability-zone" && filter.name != "availability-zone-id") {
            return false;
        }
        of_zone.push_back(filter);
        return true;
    });
    auto volumes = std::move(AMIVIRT_TRY(call.services.volumes.describe(call.account, {ids, std::move(filters)})).records);
    if (!of_zone.empty()) {
        const auto elsewhere = AMIVIRT_TRY(call.services.network.zones.elsewhere());
        std::erase_if(volumes, [&](const Volume& volume) {
            const auto zone = zone_of(call, elsewhere, volume);
            return !std::all_of(of_zone.begin(), of_zone.end(), [&](const Filter& filter) {
                return std::any_of(filter.values.begin(), filter.values.end(),
                                   [&](const std::string& pattern) { return wildcard_match(pattern, zone); });
            });
        });
    }
    return volumes;
}

/// Source: EC2 DescribeVolumeStatus, whose filters are its own.
FilterFields status_fields(const std::string& zone, const std::string& name) {
    if (name == "availability-zone" || name == "availability-zone-id") {
        return FilterFields({zone});
    }
    if (name == "volume-status.status") {
        return FilterFields({"ok"});
    }
    if (name == "volume-status.details-name") {
        return FilterFields({"io-enabled"});
    }
    if (name == "volume-status.details-status") {
        return FilterFields({"passed"});
    }
    static constexpr std::array<std::string_view, 9> k_none{"action.code",       "action.description", "action.event-id",
                                                            "action.event-type", "event.description",  "event.event-id",
                                                            "event.event-type",  "event.not-after",    "event.not-before"};
    const bool known = std::find(k_none.begin(), k_none.end(), name) != k_none.end();
    return known ? FilterFields(std::vector<std::string>()) : std::nullopt;  // nothing ever befalls a volume
}

}  // namespace

Result<void> create_volume(Call& call) {
    const Parameters& in = call.in;
    CreateVolumeRequest request;
    const bool by_id = in.has("AvailabilityZoneId");  // which is its name here
    if (!by_id) {
        static_cast<void>(in.required("AvailabilityZone"));
    }
    const auto zone = call.zone(by_id ? "AvailabilityZoneId" : "AvailabilityZone");
    if (in.text("AvailabilityZone").value_or(zone) != zone) {
        in.fault({Code::invalid_parameter_combination, "AvailabilityZone and AvailabilityZoneId are not the same zone"});
    }
    in.accept("AvailabilityZoneId");
    in.accept("VolumeInitializationRate");  // nothing is fetched from elsewhere
    in.refuse("Operator", "no service manages a volume here");
    request.size = size_in(in);
    request.snapshot = in.text("SnapshotId").value_or("");
    if (!request.snapshot.empty()) {
        request.snapshot = call.id<SnapshotId>("SnapshotId");
    }
    if (!request.size && request.snapshot.empty() && !in.has("Size")) {
        in.fault({Code::missing_parameter, "The request must contain the parameter size or snapshotId"});
    }
    request.type = type_in(in, "VolumeType");
    request.iops = in.number("Iops");
    request.throughput = in.number("Throughput");
    request.encrypted = in.flag("Encrypted");
    if (in.flag("MultiAttachEnabled")) {
        in.fault({Code::unsupported_operation, "The parameter MultiAttachEnabled is not supported: a volume is of one instance"});
    }
    in.refuse("KmsKeyId", "the region has one key of its own");
    in.refuse("OutpostArn", "there are no Outposts here");
    request.tags = call.tag_specifications({"volume"})["volume"];
    AMIVIRT_TRY(call.ready());
    if (!request.snapshot.empty()) {
        AMIVIRT_TRY(Call::find_one<SnapshotId>(request.snapshot, call.snapshot()));
    }
    request.with_reservation = [&](CatalogSession& session, const Volume& creating) {
        return call.services.network.zones.put(session, creating, zone);
    };
    volume(call.out, AMIVIRT_TRY(call.services.volumes.create(call.account, request)), zone);
    return {};
}

Result<void> describe_volumes(Call& call) {
    const auto ids = call.ids<VolumeId>("VolumeId");
    auto filters = call.filters();
    const Page page = call.page(!ids.empty());
    call.in.accept("IncludeManagedResources");  // there are none
    AMIVIRT_TRY(call.ready());
    std::string next;
    const auto volumes = Call::cut(AMIVIRT_TRY(look(call, ids, std::move(filters))), page, id_of, next);
    const auto elsewhere = AMIVIRT_TRY(call.services.network.zones.elsewhere());
    call.out.list("volumeSet", volumes, [&](const Volume& each) { volume(call.out, each, zone_of(call, elsewhere, each)); });
    call.out.some("nextToken", next);
    return {};
}

Result<void> describe_volume_status(Call& call) {
    const auto ids = call.ids<VolumeId>("VolumeId");
    const auto filters = call.filters();
    const Page page = call.page(!ids.empty());
    call.in.accept("IncludeManagedResources");  // there are none
    AMIVIRT_TRY(call.ready());
    auto volumes = AMIVIRT_TRY(look(call, ids, {}));
    const auto elsewhere = AMIVIRT_TRY(call.services.network.zones.elsewhere());
    AMIVIRT_TRY(keep_passing(volumes, filters, Volume(), [&](const Volume& each, const std::string& name) {
        return status_fields(zone_of(call, elsewhere, each), name);
    }));
    std::string next;
    volumes = Call::cut(std::move(volumes), page, id_of, next);
    call.out.list("volumeStatusSet", volumes, [&](const Volume& each) {
        call.out.text("volumeId", each.id.str());
        call.out.text("availabilityZone", zone_of(call, elsewhere, each));
        call.out.in("volumeStatus", [&] {
            call.out.text("status", "ok");
            call.out.list("details", std::vector<int>{1}, [&](int) {
                call.out.text("name", "io-enabled");
                call.out.text("status", "passed");
            });
        });
        call.out.list("eventsSet", std::vector<int>{}, [](int) {});
        call.out.list("actionsSet", std::vector<int>{}, [](int) {});
    });
    call.out.some("nextToken", next);
    return {};
}

Result<void> attach_volume(Call& call) {
    AttachVolumeRequest request;
    request.volume = call.id<VolumeId>("VolumeId");
    request.instance = call.id<InstanceId>("InstanceId");
    request.device = call.in.required("Device");
    call.in.refuse_unless("EbsCardIndex", "0", "an instance has one card for its volumes");
    AMIVIRT_TRY(call.ready());
    const auto its = AMIVIRT_TRY(Call::find_one<VolumeId>(request.volume, call.volume()));
    const auto to = AMIVIRT_TRY(Call::find_one<InstanceId>(request.instance, call.instance()));
    AMIVIRT_TRY(call.services.network.zones.check_attach(call.account, its.id, to));
    const auto attached = AMIVIRT_TRY(call.services.volumes.attach(call.account, request));
    attachment(call.out, attached, *attached.attachment, "attached");
    return {};
}

Result<void> detach_volume(Call& call) {
    const auto id = call.id<VolumeId>("VolumeId");
    const auto instance = call.in.text("InstanceId");
    const auto device = call.in.text("Device");
    const bool force = call.in.flag("Force");
    AMIVIRT_TRY(call.ready());
    const auto before = AMIVIRT_TRY(Call::find_one<VolumeId>(id, call.volume()));
    if (!before.attachment) {
        return Error(Code::incorrect_state, fmt::format("Volume '{}' is in the '{}' state.", id, to_string(before.state)));
    }
    if ((instance && *instance != before.attachment->instance.str()) || (device && *device != before.attachment->device_name)) {
        return Error(Code::invalid_attachment_not_found, fmt::format("Volume '{}' is attached to '{}' as '{}', not as asked for.", id,
                                                                     before.attachment->instance.str(), before.attachment->device_name));
    }
    // Whoever asks by force is told whether it helped.
    const auto detached = call.background.for_a_while<Volume>(
        "DetachVolume of " + id, force ? 2 * k_lets_go : k_answers,
        [&volumes = call.services.volumes, account = call.account, id] { return volumes.detach(account, id, k_lets_go); });
    if (!detached && detached.error().code == Code::timed_out && force) {
        return Error(Code::unsupported_operation,
                     fmt::format("Volume '{}' cannot be taken from '{}' by force: its guest does not let go of it, and nobody else can. "
                                 "RebootInstances ends that; detach it again then.",
                                 id, before.attachment->instance.str()));
    }
    if (!detached) {
        return detached.error();
    }
    attachment(call.out, before, *before.attachment, "detaching");
    return {};
}

Result<void> modify_volume(Call& call) {
    const auto id = call.id<VolumeId>("VolumeId");
    ModifyVolumeRequest request;
    request.size = size_in(call.in);
    request.type = type_in(call.in, "VolumeType");
    request.iops = call.in.number("Iops");
    request.throughput = call.in.number("Throughput");
    call.in.accept("MultiAttachEnabled");
    AMIVIRT_TRY(call.ready());
    AMIVIRT_TRY(Call::find_one<VolumeId>(id, call.volume()));
    const auto made = AMIVIRT_TRY(call.services.volume_records.modify(call.account, id, request));
    call.out.in("volumeModification", [&] { modification(call.out, made); });
    return {};
}

Result<void> delete_volume(Call& call) {
    const auto id = call.id<VolumeId>("VolumeId");
    AMIVIRT_TRY(call.ready());
    AMIVIRT_TRY(Call::find_one<VolumeId>(id, call.volume()));
    AMIVIRT_TRY(call.services.volumes.remove(call.account, id));
    call.yes();
    return {};
}

}  // namespace amivirt::ec2
