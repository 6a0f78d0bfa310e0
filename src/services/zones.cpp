#include "amivirt/services/zones.hpp"

#include "vnet.hpp"

namespace amivirt {

Result<void> Zones::put(CatalogSession& session, const Volume& volume, const std::string& zone) {
    if (zone == zones_of(ports_.region).front()) {
        return {};
    }
    const std::string kind(VnetKind<VolumeZone>::kind);
    for (const Document& document : AMIVIRT_TRY(session.index().documents(kind))) {  // those of volumes that are gone
        const auto id = VolumeId::parse(document.key.substr(kind.size() + 1));
        if (!id || !AMIVIRT_TRY(session.volumes().find(*id))) {
            AMIVIRT_TRY(session.documents().erase(document.key));
        }
    }
    return VnetRecords(session, volume.owner).insert(VolumeZone{volume.id.str(), zone}, ports_.clock.now());
}

Result<std::map<VolumeId, std::string>> Zones::elsewhere() {
    std::map<VolumeId, std::string> all;
    AMIVIRT_TRY(ports_.catalog.read([&](CatalogSession& session) -> Result<void> {
        for (const Document& document : AMIVIRT_TRY(session.index().documents(std::string(VnetKind<VolumeZone>::kind)))) {
            const auto record = VnetKind<VolumeZone>::load(document.body);
            if (const auto id = record ? VolumeId::parse(record->id) : Result<VolumeId>(Error{}); id) {
                all[*id] = record->zone;
            }
        }
        return {};
    }));
    return all;
}

Result<void> Zones::check_attach(const AccountId& caller, const VolumeId& volume, const Instance& instance) {
    return look_at_network(ports_, caller, [&](VnetRecords& records) -> Result<void> {
        const std::string first = zones_of(ports_.region).front();
        const auto kept = AMIVIRT_TRY(records.find<VolumeZone>(volume.str()));
        const auto its = AMIVIRT_TRY(records.list_attached([&](const std::string& id) { return id == instance.id.str(); }));
        if ((kept ? kept->zone : first) != (its.empty() ? first : its.front().zone)) {
            return Error(Code::invalid_zone_mismatch, fmt::format("The volume '{}' is not in the same availability zone as instance '{}'",
                                                                  volume.str(), instance.id.str()));
        }
        return {};
    });
}

}  // namespace amivirt
