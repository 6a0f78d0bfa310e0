// EC2's elements of what the catalog knows. All pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "amivirt/domain/image.hpp"
#include "amivirt/domain/storage.hpp"
#include "amivirt/domain/virtual_network_filter.hpp"
#include "amivirt/services/image_extras.hpp"
#include "amivirt/services/instances.hpp"
#include "amivirt/services/volume_records.hpp"
#include "faces/ec2/xml.hpp"

namespace amivirt::ec2 {

void mapping(Xml& out, const BlockDeviceMapping& mapping);
void product_codes(Xml& out, const std::vector<ProductCode>& codes);
void image(Xml& out, const Image& image, const std::map<AccountId, std::string>& aliases, const ImageExtras& extras = {});
void modification(Xml& out, const VolumeModification& made);
void state(Xml& out, std::string_view name, InstanceState state);
/// `applied`: what EC2 says of a change that is there ("applied") or on its way ("pending").
void metadata_options(Xml& out, std::string_view name, const MetadataOptions& options, std::string_view applied);
void attached_devices(Xml& out, const InstanceView& view);
/// Where instances are in the virtual network.
struct Placed {
    std::string default_zone;                                      ///< of an instance that has no interface
    std::map<std::string, std::vector<InterfaceView>> interfaces;  ///< by instance, each by device index
    [[nodiscard]] const std::vector<InterfaceView>& of(const InstanceId& id) const;
    [[nodiscard]] const std::string& zone(const InstanceId& id) const;
};
void instance(Xml& out, const InstanceView& view, const Placed& placed);
/// Consecutive instances of a reservation stand in one.
void reservations(Xml& out, const std::vector<InstanceView>& views, const Placed& placed);
/// What stands in a reservation; RunInstances answers with it.
void reservation(Xml& out, const std::vector<InstanceView>& views, const Placed& placed);
void volume(Xml& out, const Volume& volume, const std::string& zone);
void attachment(Xml& out, const Volume& volume, const Attachment& attachment, std::string_view status);
/// `state_name`: CreateSnapshots calls it "state", the others "status".
void snapshot(Xml& out, const Snapshot& snapshot, std::string_view state_name = "status");

}  // namespace amivirt::ec2
