#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "amivirt/domain/block_device_mapping.hpp"
#include "amivirt/domain/device_name.hpp"
#include "domain/mapping_rules.hpp"

namespace amivirt {

namespace {

Error wrong(std::string message) { return {Code::invalid_block_device_mapping, std::move(message)}; }

/// Both sides of one device name; at least one is set.
struct Pair {
    const BlockDevice* image = nullptr;
    const BlockDevice* request = nullptr;
};

template <class What>
const What* as(const BlockDevice* entry) {
    return entry == nullptr ? nullptr : std::get_if<What>(&entry->what);
}

/// The request's word goes before the image's, field by field.
EbsDevice overlay(const EbsDevice& image, const EbsDevice& request) {
    EbsDevice merged = request;
    const bool other_snapshot = request.snapshot && request.snapshot != image.snapshot;
    if (!other_snapshot) {
        merged.snapshot = image.snapshot;
        if (!merged.size) {
            merged.size = image.size;  // of another snapshot it would say nothing
        }
    }
    if (!merged.type) {
        merged.type = image.type;
    }
    if (merged.type.value_or(VolumeType::gp3) == image.type.value_or(VolumeType::gp3)) {  // another type has its own IOPS
        if (!merged.iops) {
            merged.iops = image.iops;
        }
        if (!merged.throughput) {
            merged.throughput = image.throughput;
        }
    }
    if (!merged.delete_on_termination) {
        merged.delete_on_termination = image.delete_on_termination;
    }
    if (!merged.encrypted) {
        merged.encrypted = image.encrypted;
    }
    return merged;
}

enum class DeleteByDefault { yes, no };

class Merge {
public:
    explicit Merge(const MergeInput& input) : input_(input) {
        for (const SnapshotFacts& snapshot : input.snapshots) {
            snapshots_.emplace(snapshot.id, &snapshot);
        }
    }

    Result<std::vector<ResolvedDevice>> run() {
        if (input_.root_device_type == RootDeviceType::instance_store) {
            for (const BlockDevice& entry : input_.request) {
                if (auto fault = check_instance_store_entry(entry, input_.root_device_name)) {
                    faults_.push_back(std::move(*fault));
                }
            }
        }
        const auto root = parse_device_name(input_.root_device_name);
        if (!root) {
            faults_.push_back(wrong(fmt::format("The image's root device name \"{}\" is ill-formed", input_.root_device_name)));
        }
        const std::size_t before = faults_.size();
        check_names(input_.image, "image", faults_);
        check_names(input_.request, "request", faults_);
        if (!root || faults_.size() > before) {
            return failure();  // without names nothing can be matched
        }
        std::map<DeviceName, Pair> pairs;
        for (const BlockDevice& entry : input_.image) {
            pairs[*parse_device_name(entry.device_name)].image = &entry;
        }
        for (const BlockDevice& entry : input_.request) {
            pairs[*parse_device_name(entry.device_name)].request = &entry;
        }
        std::vector<ResolvedDevice> devices;  // the map's order is that of device names; the root goes before
        if (const auto found = pairs.find(*root); found != pairs.end() && as<EbsDevice>(found->second.image) != nullptr) {
            devices.push_back(root_device(found->second));
            pairs.erase(found);
        } else {
            faults_.push_back(wrong(fmt::format("The image has no volume for its root device \"{}\"", input_.root_device_name)));
            pairs.erase(*root);
        }
        for (const auto& [name, pair] : pairs) {
            add_device(pair, devices);
        }
        check_ephemeral(devices);
        if (!faults_.empty()) {
            return failure();
        }
        return devices;
    }

private:
    ResolvedDevice root_device(const Pair& pair) {
        const EbsDevice& image = std::get<EbsDevice>(pair.image->what);
        const std::string& name = pair.image->device_name;
        if (!image.snapshot) {
            faults_.push_back(wrong(fmt::format("The image's root device \"{}\" has no snapshot", name)));
        }
        EbsDevice merged = image;
        if (pair.request != nullptr) {
            if (const auto* request = as<EbsDevice>(pair.request); request == nullptr) {
                faults_.push_back(wrong(std::holds_alternative<NoDevice>(pair.request->what)
                                            ? fmt::format("The root device \"{}\" cannot be left out", name)
                                            : fmt::format("The root device \"{}\" cannot be an instance store volume", name)));
            } else {
                if (request->snapshot && request->snapshot != image.snapshot) {
                    faults_.push_back(wrong(fmt::format("The snapshot of the root device \"{}\" cannot be changed, to \"{}\"", name,
                                                        request->snapshot->str())));
                }
                merged = overlay(image, *request);
                merged.snapshot = image.snapshot;
                if (const auto least = size_of(image); request->size && least && *request->size < *least) {
                    faults_.push_back(wrong(fmt::format("The root device \"{}\" cannot shrink from {} GiB to {} GiB", name, least->count,
                                                        request->size->count)));
                    merged.size = least;  // one fault, one sentence
                }
            }
        }
        ResolvedDevice device = resolve(name, merged, DeleteByDefault::yes);
        device.is_root = true;
        if (input_.root_device_type == RootDeviceType::instance_store) {
            device.delete_on_termination = true;  // whatever an entry says: it dies with the instance
        }
        return device;
    }

    void add_device(const Pair& pair, std::vector<ResolvedDevice>& devices) {
        const BlockDevice& winner = pair.request != nullptr ? *pair.request : *pair.image;
        // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): a pair has at least one of its two
        const std::string& name = pair.image != nullptr ? pair.image->device_name : pair.request->device_name;
        if (std::holds_alternative<NoDevice>(winner.what)) {
            return;
        }
        if (const auto* store = as<EphemeralDevice>(&winner); store != nullptr) {
            if (store->number < input_.ephemeral_devices) {
                ResolvedDevice device;
                device.device_name = name;
                device.ephemeral = store->number;
                device.delete_on_termination = true;
                devices.push_back(std::move(device));
            }
            return;
        }
        const EbsDevice& said = std::get<EbsDevice>(winner.what);
        const auto* image = pair.request == nullptr ? nullptr : as<EbsDevice>(pair.image);
        devices.push_back(resolve(name, image == nullptr ? said : overlay(*image, said), DeleteByDefault::no));
    }

    ResolvedDevice resolve(const std::string& name, EbsDevice said, DeleteByDefault delete_by_default) {
        const SnapshotFacts* snapshot = nullptr;
        if (said.snapshot) {
            const auto found = snapshots_.find(*said.snapshot);
            if (found == snapshots_.end()) {
                faults_.emplace_back(Code::invalid_snapshot_not_found,
                                     fmt::format("The snapshot \"{}\" of the device \"{}\" does not exist", said.snapshot->str(), name));
            } else {
                snapshot = found->second;
            }
        } else if (!said.size) {
            faults_.push_back(wrong(fmt::format("The device \"{}\" has neither a snapshot nor a size", name)));
        }
        if (snapshot != nullptr) {
            if (!said.size) {
                said.size = snapshot->size;
            } else if (*said.size < snapshot->size) {
                faults_.push_back(wrong(fmt::format("The size of \"{}\", {} GiB, is smaller than that of its snapshot \"{}\", {} GiB", name,
                                                    said.size->count, snapshot->id.str(), snapshot->size.count)));
            }
        }
        check_limits(fmt::format("device \"{}\"", name), said, faults_);
        ResolvedDevice device;
        device.device_name = name;
        device.snapshot = said.snapshot;
        device.size = said.size.value_or(GiB{});
        device.type = said.type.value_or(VolumeType::gp3);
        device.iops = said.iops;
        device.throughput = said.throughput;
        device.delete_on_termination = said.delete_on_termination.value_or(delete_by_default == DeleteByDefault::yes);
        device.encrypted = said.encrypted.value_or(false) || (snapshot != nullptr && snapshot->encrypted);
        return device;
    }

    /// What a volume of this entry would be at least; nullopt if that cannot be told.
    [[nodiscard]] std::optional<GiB> size_of(const EbsDevice& entry) const {
        if (entry.size || !entry.snapshot) {
            return entry.size;
        }
        const auto found = snapshots_.find(*entry.snapshot);
        return found == snapshots_.end() ? std::nullopt : std::optional(found->second->size);
    }

    /// Two names for one instance store volume, one from the image and one from the request.
    void check_ephemeral(const std::vector<ResolvedDevice>& devices) {
        std::map<unsigned, std::string> seen;
        for (const ResolvedDevice& device : devices) {
            if (!device.ephemeral) {
                continue;
            }
            if (const auto [at, is_new] = seen.emplace(*device.ephemeral, device.device_name); !is_new) {
                faults_.push_back(wrong(fmt::format("The devices \"{}\" and \"{}\" are both mapped to \"ephemeral{}\"", at->second,
                                                    device.device_name, *device.ephemeral)));
            }
        }
    }

    Error failure() {
        if (faults_.size() == 1) {
            return std::move(faults_.front());
        }
        const Code first = faults_.front().code;
        const bool alike = std::all_of(faults_.begin(), faults_.end(), [first](const Error& fault) { return fault.code == first; });
        std::string message = fmt::format("The block device mapping has {} faults: ", faults_.size());
        for (const Error& fault : faults_) {
            message += fmt::format("{}{}", &fault == &faults_.front() ? "" : "; ", fault.message);
        }
        return {alike ? first : Code::invalid_block_device_mapping, std::move(message)};
    }

    const MergeInput& input_;
    std::map<SnapshotId, const SnapshotFacts*> snapshots_;
    std::vector<Error> faults_;
};

}  // namespace

Result<std::vector<ResolvedDevice>> merge_mappings(const MergeInput& input) { return Merge(input).run(); }

}  // namespace amivirt
