#include <algorithm>

#include "faces/ec2/actions/actions.hpp"
#include "faces/ec2/permissions.hpp"
#include "faces/ec2/render.hpp"

namespace amivirt::ec2 {

Result<void> describe_volumes_modifications(Call& call) {
    const auto ids = call.ids<VolumeId>("VolumeId");
    const auto filters = call.filters();
    const Page page = call.page(!ids.empty());
    AMIVIRT_TRY(call.ready());
    AMIVIRT_TRY(Call::find_all<VolumeId>(ids, call.volume()));
    auto made = AMIVIRT_TRY(call.services.volume_records.modifications(call.account, ids, filters));
    if (filters.empty()) {
        for (const std::string& id : ids) {
            if (std::none_of(made.begin(), made.end(), [&](const VolumeModification& each) { return each.after.id.str() == id; })) {
                return Error(wire::invalid_volume_modification_not_found, fmt::format("Modification for volume '{}' does not exist.", id));
            }
        }
    }
    std::string next;
    made = Call::cut(
        std::move(made), page, [](const VolumeModification& each) { return each.after.id.str(); }, next);
    call.out.list("volumeModificationSet", made, [&](const VolumeModification& each) { modification(call.out, each); });
    call.out.some("nextToken", next);
    return {};
}

Result<void> describe_volume_attribute(Call& call) {
    const auto id = call.id<VolumeId>("VolumeId");
    const auto attribute = attribute_name(call.in.required("Attribute"));
    if (!attribute.empty() && attribute != "autoEnableIO" && attribute != "productCodes") {
        call.in.fault(
            {Code::invalid_parameter_value,
             fmt::format("Value ({}) for parameter attribute is invalid. Expected autoEnableIO or productCodes.", printable(attribute))});
    }
    AMIVIRT_TRY(call.ready());
    AMIVIRT_TRY(Call::find_one<VolumeId>(id, call.volume()));
    const bool automatic = AMIVIRT_TRY(call.services.volume_records.auto_enable_io(call.account, id));
    call.out.text("volumeId", id);
    if (attribute == "productCodes") {
        product_codes(call.out, {});
    } else {
        call.out.in("autoEnableIO", [&] { call.out.boolean("value", automatic); });
    }
    return {};
}

Result<void> modify_volume_attribute(Call& call) {
    const auto id = call.id<VolumeId>("VolumeId");
    const auto value = call.in.below("AutoEnableIO").boolean("Value");
    if (!value) {
        call.in.fault({Code::missing_parameter, "The request must contain the parameter AutoEnableIO.Value"});
    }
    AMIVIRT_TRY(call.ready());
    AMIVIRT_TRY(Call::find_one<VolumeId>(id, call.volume()));
    AMIVIRT_TRY(call.services.volume_records.set_auto_enable_io(call.account, id, *value));
    call.yes();
    return {};
}

/// I/O never stops here for a fault that a person should look at first: it is on already.
Result<void> enable_volume_io(Call& call) {
    const auto id = call.id<VolumeId>("VolumeId");
    AMIVIRT_TRY(call.ready());
    AMIVIRT_TRY(Call::find_one<VolumeId>(id, call.volume()));
    call.yes();
    return {};
}

}  // namespace amivirt::ec2
