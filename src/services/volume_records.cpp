#include "amivirt/services/volume_records.hpp"

#include <algorithm>
#include <array>
#include <set>

#include "kept_json.hpp"

namespace amivirt {

namespace {

const std::string k_modification = "volume-modification";  // by volume
const std::string k_volume_options = "volume-options";     // by volume

kept::Json look_of(const Volume& volume) {
    kept::Json out{{"size", volume.size.count}, {"type", std::string(to_string(volume.type))}};
    if (volume.iops) {
        out["iops"] = *volume.iops;
    }
    if (volume.throughput) {
        out["throughput"] = *volume.throughput;
    }
    return out;
}

Volume with_look(Volume volume, const kept::Json& body) {
    volume.size = GiB{kept::number(body, "size").value_or(0)};
    volume.type = parse_volume_type(kept::text(body, "type")).value_or(VolumeType::gp3);
    const auto speed = [&](const char* name) {
        const auto value = kept::number(body, name);
        return value ? std::optional(static_cast<std::uint32_t>(*value)) : std::nullopt;
    };
    volume.iops = speed("iops");
    volume.throughput = speed("throughput");
    return volume;
}

Result<void> write_down(CatalogSession& session, const VolumeModification& made) {
    const kept::Json body{{"before", look_of(made.before)},
                          {"after", look_of(made.after)},
                          {"started", to_iso8601(made.started)},
                          {"ended", to_iso8601(made.ended)}};
    return kept::put(session, k_modification, made.after.id.str(), made.after.owner.str(), body, made.started);
}

std::string number_of(const std::optional<std::uint32_t>& value) { return value ? fmt::to_string(*value) : std::string(); }

/// What a modification has under the name of a filter; nullopt: no such filter.
std::optional<std::string> field_of(const VolumeModification& made, const std::string& name) {
    if (name == "modification-state") {
        return "completed";
    }
    if (name == "volume-id") {
        return made.after.id.str();
    }
    if (name == "start-time") {
        return to_iso8601(made.started);
    }
    if (name == "originalMultiAttachEnabled" || name == "targetMultiAttachEnabled") {
        return "false";
    }
    const bool original = name.starts_with("original-");
    if (!original && !name.starts_with("target-")) {
        return std::nullopt;
    }
    const Volume& volume = original ? made.before : made.after;
    const std::string what = name.substr(name.find('-') + 1);
    if (what == "size") {
        return fmt::to_string(volume.size.count);
    }
    if (what == "iops") {
        return number_of(nominal_iops(volume));
    }
    if (what == "volume-type") {
        return std::string(to_string(volume.type));
    }
    return std::nullopt;
}

}  // namespace

Result<VolumeModification> VolumeRecords::modify(const AccountId& caller, const std::string& volume, const ModifyVolumeRequest& request) {
    std::optional<VolumeModification> made;
    const auto started = clock_.now();
    ModifyVolumeRequest noted = request;
    noted.with_change = [&](CatalogSession& session, const Volume& before, const Volume& after) {
        made = VolumeModification{before, after, started, clock_.now()};
        return write_down(session, *made);
    };
    const auto after = AMIVIRT_TRY(volumes_.modify(caller, volume, noted));
    if (!made) {
        made = VolumeModification{after, after, started, clock_.now()};
        AMIVIRT_TRY(catalog_.write([&](CatalogSession& session) { return write_down(session, *made); }));
    }
    return std::move(*made);
}

Result<std::vector<VolumeModification>> VolumeRecords::modifications(const AccountId& caller, const std::vector<std::string>& volumes,
                                                                     const std::vector<Filter>& filters) {
    for (const Filter& filter : filters) {
        if (!field_of({}, filter.name)) {
            return Error(Code::invalid_parameter_value, fmt::format("The filter '{}' is invalid", filter.name));
        }
    }
    std::vector<VolumeModification> all;
    std::vector<VolumeId> gone;
    AMIVIRT_TRY(catalog_.read([&](CatalogSession& session) -> Result<void> {
        for (const Document& document : AMIVIRT_TRY(session.index().documents(k_modification))) {
            const auto id = VolumeId::parse(kept::id_of(document));
            const auto row = id ? AMIVIRT_TRY(session.volumes().find(*id)) : std::optional<Volume>();
            if (!row) {
                if (id) {
                    gone.push_back(*id);
                }
                continue;
            }
            const bool asked = volumes.empty() || std::find(volumes.begin(), volumes.end(), row->id.str()) != volumes.end();
            if (row->owner != caller || !asked) {
                continue;
            }
            const auto body = AMIVIRT_TRY(kept::parse(document));
            VolumeModification made;
            made.before = with_look(*row, body.value("before", kept::Json::object()));
            made.after = with_look(*row, body.value("after", kept::Json::object()));
            made.started = kept::time(body, "started").value_or(document.created);
            made.ended = kept::time(body, "ended").value_or(document.created);
            const bool passes = std::all_of(filters.begin(), filters.end(), [&](const Filter& filter) {
                const auto value = field_of(made, filter.name);
                return std::any_of(filter.values.begin(), filter.values.end(),
                                   [&](const std::string& pattern) { return wildcard_match(pattern, *value); });
            });
            if (passes) {
                all.push_back(std::move(made));
            }
        }
        return {};
    }));
    if (!gone.empty()) {
        AMIVIRT_TRY(catalog_.write([&](CatalogSession& session) -> Result<void> {
            for (const VolumeId& id : gone) {
                AMIVIRT_TRY(kept::erase(session, k_modification, id.str()));
                AMIVIRT_TRY(kept::erase(session, k_volume_options, id.str()));
            }
            return {};
        }));
    }
    std::sort(all.begin(), all.end(), [](const VolumeModification& a, const VolumeModification& b) {
        return std::pair(a.after.created, a.after.id) < std::pair(b.after.created, b.after.id);
    });
    return all;
}

Result<bool> VolumeRecords::auto_enable_io(const AccountId& caller, const std::string& volume) {
    const auto id = AMIVIRT_TRY(volumes_.resolve(caller, volume)).id;
    bool value = false;
    AMIVIRT_TRY(catalog_.read([&](CatalogSession& session) -> Result<void> {
        const auto body = AMIVIRT_TRY(kept::find(session, k_volume_options, id.str()));
        value = body && kept::flag(*body, "autoEnableIO");
        return {};
    }));
    return value;
}

Result<void> VolumeRecords::set_auto_enable_io(const AccountId& caller, const std::string& volume, bool value) {
    const auto id = AMIVIRT_TRY(volumes_.resolve(caller, volume)).id;
    return catalog_.write([&](CatalogSession& session) -> Result<void> {
        const auto row = AMIVIRT_TRY(session.volumes().find(id));
        if (!row || row->owner != caller) {
            return Error(Code::invalid_volume_not_found, fmt::format("The volume '{}' does not exist.", id.str()));
        }
        kept::Json body = kept::Json::object();
        body["autoEnableIO"] = true;
        return value ? kept::put(session, k_volume_options, id.str(), caller.str(), body, clock_.now())
                     : kept::erase(session, k_volume_options, id.str());
    });
}

}  // namespace amivirt
