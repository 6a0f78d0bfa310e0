#include "amivirt/services/checker.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

#include "amivirt/base/interrupt.hpp"
#include "machine.hpp"

namespace amivirt {

namespace {

struct Books {
    std::vector<Layer> layers;
    std::vector<Snapshot> snapshots;
    std::vector<Volume> volumes;
    std::vector<Image> images;
    std::map<InstanceId, Instance> instances;  ///< the living
    std::set<std::string> held;                ///< objects of operations
    std::vector<std::string> unreadable;
};

Result<Books> read_books(Catalog& catalog) {
    Books books;
    AMIVIRT_TRY(catalog.read([&](CatalogSession& session) -> Result<void> {
        const auto take = [&](auto listing, auto& into) {
            into = std::move(listing.records);
            books.unreadable.insert(books.unreadable.end(), listing.unreadable.begin(), listing.unreadable.end());
        };
        std::vector<Instance> instances;
        std::vector<Operation> operations;
        take(AMIVIRT_TRY(session.layers().list()), books.layers);
        take(AMIVIRT_TRY(session.snapshots().list()), books.snapshots);
        take(AMIVIRT_TRY(session.volumes().list()), books.volumes);
        take(AMIVIRT_TRY(session.images().list()), books.images);
        take(AMIVIRT_TRY(session.instances().list()), instances);
        take(AMIVIRT_TRY(session.operations().list()), operations);
        for (auto& instance : instances) {
            if (instance.state != InstanceState::terminated) {
                books.instances.emplace(instance.id, std::move(instance));
            }
        }
        for (const auto& operation : operations) {
            books.held.insert(operation.objects.begin(), operation.objects.end());
        }
        return {};
    }));
    return books;
}

bool holds(const Books& books, const std::string& object) { return books.held.contains(object); }

/// "hits snapshot snap-..., volume vol-...": whose content depends on the layer.
std::string hit_by(const LayerId& layer, const Books& books) {
    std::vector<std::string> hit;
    const auto reaches = [&](const LayerId& top) {
        const auto chain = chain_of(top, books.layers);
        return std::find(chain.begin(), chain.end(), layer) != chain.end();
    };
    for (const auto& snapshot : books.snapshots) {
        if (!reaches(snapshot.layer)) {
            continue;
        }
        hit.push_back("snapshot " + snapshot.id.str());
        for (const auto& image : books.images) {
            for (const auto& device : image.mapping) {
                const auto* ebs = std::get_if<EbsDevice>(&device.what);
                if (ebs != nullptr && ebs->snapshot == snapshot.id && image.state != ImageState::deregistered) {
                    hit.push_back(fmt::format("image {} \"{}\"", image.id.str(), image.name));
                }
            }
        }
    }
    for (const auto& volume : books.volumes) {
        if (reaches(volume.layer)) {
            hit.push_back(volume.attachment ? fmt::format("volume {} of instance {}", volume.id.str(), volume.attachment->instance.str())
                                            : "volume " + volume.id.str());
        }
    }
    return hit.empty() ? "nothing depends on it" : fmt::format("hits {}", fmt::join(hit, ", "));
}

bool is_running(const Books& books, const Volume& volume) {
    if (!volume.attachment) {
        return false;
    }
    const auto at = books.instances.find(volume.attachment->instance);
    return at != books.instances.end() && at->second.state != InstanceState::stopped;
}

}  // namespace

/// One examination: what it found so far, and whether it mends.
class Checker::Examination {
public:
    Examination(Ports& ports, Books books, Deep deep, Repair repair, Progress& progress)
        : ports_(ports), books_(std::move(books)), deep_(deep), repair_(repair), progress_(progress) {}

    Result<CheckReport> run() {
        for (const auto& sentence : books_.unreadable) {
            add("catalog", sentence);
        }
        for (const auto& layer : books_.layers) {
            check_interrupt();
            if (layer.state != LayerState::creating && layer.state != LayerState::deleting && !holds(books_, layer.id.str())) {
                AMIVIRT_TRY(check_layer(layer));
                ++report_.layers_checked;
            }
        }
        AMIVIRT_TRY(check_files());
        AMIVIRT_TRY(check_references());
        AMIVIRT_TRY(check_domains());
        return std::move(report_);
    }

private:
    void add(std::string object, std::string detail) { report_.faults.push_back({std::move(object), std::move(detail), {}, false}); }

    /// A fault with a way to mend it, which is gone at once when that was asked for.
    template <class Mend>
    Result<void> add(std::string object, std::string detail, std::string how, Mend mend) {
        Fault fault{std::move(object), std::move(detail), std::move(how), false};
        if (repair_ == Repair::yes) {
            AMIVIRT_TRY_CONTEXT(mend(), fmt::format("repairing {}", fault.object));
            fault.repaired = true;
        }
        report_.faults.push_back(std::move(fault));
        return {};
    }

    Result<void> update_layer(const LayerId& id, const std::function<void(Layer&)>& change) {
        return ports_.catalog.write([&](CatalogSession& session) -> Result<void> {
            auto row = AMIVIRT_TRY(session.layers().find(id));
            if (row) {
                change(*row);
                AMIVIRT_TRY(session.layers().update(*row));
            }
            return {};
        });
    }

    Result<void> check_layer(const Layer& layer) {
        auto& store = ports_.storage.store();
        const auto looked = store.look(layer.id);
        if (!looked || !*looked) {
            add(layer.id.str(), fmt::format("{}; {}", *ports_.storage.wrong_with(layer), hit_by(layer.id, books_)));
            return {};
        }
        const LayerFile& file = **looked;
        const auto owner =
            std::find_if(books_.volumes.begin(), books_.volumes.end(), [&](const Volume& volume) { return volume.layer == layer.id; });
        const bool written_to = owner != books_.volumes.end() && is_running(books_, *owner);
        if (layer.state == LayerState::writable && file.parent == layer.parent && file.encrypted == layer.encrypted &&
            file.virtual_size > layer.virtual_size) {
            return add(layer.id.str(),
                       fmt::format("its disk is of {}, the catalog says {}", human(file.virtual_size), human(layer.virtual_size)),
                       "the catalog takes the size of the disk", [&] { return take_size(layer.id, file.virtual_size); });
        }
        std::string checksum;
        if (layer.state == LayerState::sealed && deep_ == Deep::yes) {
            checksum = AMIVIRT_TRY(ports_.care.checksum(layer.id, progress_));
        }
        if (const auto wrong = ports_.storage.wrong_with(layer)) {
            const bool only_time = layer.seal && file.file_size == layer.seal->file_size && file.modified_ns != layer.seal->modified_ns &&
                                   file.parent == layer.parent && file.encrypted == layer.encrypted;
            if (only_time && !checksum.empty() && checksum == layer.seal->sha256) {
                return add(layer.id.str(), *wrong + "; its checksum is right", "the catalog takes the file's time",
                           [&] { return update_layer(layer.id, [&](Layer& row) { row.seal->modified_ns = file.modified_ns; }); });
            }
            add(layer.id.str(), fmt::format("{}; {}", *wrong, hit_by(layer.id, books_)));
            return {};
        }
        if (!checksum.empty() && layer.seal && !layer.seal->sha256.empty() && checksum != layer.seal->sha256) {
            add(layer.id.str(), fmt::format("its content changed since it was sealed (sha256 {}, was {}); {}", checksum, layer.seal->sha256,
                                            hit_by(layer.id, books_)));
            return {};
        }
        if (!written_to) {
            for (const auto& sentence : AMIVIRT_TRY(ports_.care.check(layer.id))) {
                add(layer.id.str(), fmt::format("{}; {}", sentence, hit_by(layer.id, books_)));
            }
        }
        if (layer.state == LayerState::sealed && (!layer.seal || !file.read_only)) {
            AMIVIRT_TRY(
                add(layer.id.str(),
                    layer.seal ? "its file can be written to, though it is sealed" : "how it looked when it was sealed is not on record",
                    "it is sealed anew, as it is now", [&]() -> Result<void> {
                        const auto seal = AMIVIRT_TRY(store.seal(layer.id));
                        return update_layer(layer.id, [&](Layer& row) {
                            const auto known = row.seal ? row.seal->sha256 : std::string();
                            row.seal = seal;
                            row.seal->sha256 = known;
                        });
                    }));
        }
        if (!checksum.empty() && (!layer.seal || layer.seal->sha256.empty())) {
            AMIVIRT_TRY(update_layer(layer.id, [&](Layer& row) {
                if (row.seal) {
                    row.seal->sha256 = checksum;
                    ++report_.checksums_recorded;
                }
            }));
        }
        return {};
    }

    Result<void> take_size(const LayerId& layer, Bytes size) {
        return ports_.catalog.write([&](CatalogSession& session) -> Result<void> {
            auto row = AMIVIRT_TRY(session.layers().find(layer));
            for (auto& volume : AMIVIRT_TRY(session.volumes().list()).records) {
                if (row && volume.layer == layer) {
                    row->virtual_size = size;
                    volume.size = GiB::holding(size);
                    AMIVIRT_TRY(session.layers().update(*row));
                    AMIVIRT_TRY(session.volumes().update(volume));
                }
            }
            return {};
        });
    }

    /// Files without a record. They may be all that is left of something: none is removed.
    Result<void> check_files() {
        std::set<LayerId> known;
        for (const auto& layer : books_.layers) {
            known.insert(layer.id);
        }
        const auto contents = AMIVIRT_TRY(ports_.storage.store().contents());
        for (const auto& id : contents.layers) {
            if (!known.contains(id) && !holds(books_, id.str())) {
                add(id.str(), "no record knows this layer's file: look at it (qemu-img info) and move it away");
            }
        }
        for (const auto& name : contents.unknown) {
            add(name, "a file among the layers that is not amivirt's");
        }
        for (const auto& id : AMIVIRT_TRY(ports_.files.list())) {
            if (!books_.instances.contains(id) && !holds(books_, id.str())) {
                add(id.str(), "no record knows this instance's folder");
            }
        }
        return {};
    }

    Result<void> check_references() {
        std::set<SnapshotId> snapshots;
        for (const auto& snapshot : books_.snapshots) {
            snapshots.insert(snapshot.id);
        }
        for (const auto& image : books_.images) {
            if (image.state != ImageState::available && image.state != ImageState::disabled) {
                continue;
            }
            for (const auto& device : image.mapping) {
                const auto* ebs = std::get_if<EbsDevice>(&device.what);
                if (ebs != nullptr && ebs->snapshot && !snapshots.contains(*ebs->snapshot)) {
                    add(image.id.str(), fmt::format("its device {} names snapshot {}, which is gone: it cannot be launched",
                                                    device.device_name, ebs->snapshot->str()));
                }
            }
        }
        for (const auto& volume : books_.volumes) {
            if (!volume.attachment || books_.instances.contains(volume.attachment->instance) || holds(books_, volume.id.str()) ||
                holds(books_, volume.attachment->instance.str())) {
                continue;
            }
            AMIVIRT_TRY(add(volume.id.str(), fmt::format("it is attached to instance {}, which is gone", volume.attachment->instance.str()),
                            "it is detached", [&]() -> Result<void> {
                                return ports_.catalog.write([&](CatalogSession& session) -> Result<void> {
                                    auto row = AMIVIRT_TRY(session.volumes().find(volume.id));
                                    if (row) {
                                        row->attachment.reset();
                                        row->state = VolumeState::available;
                                        AMIVIRT_TRY(session.volumes().update(*row));
                                    }
                                    return {};
                                });
                            }));
        }
        return {};
    }

    Result<void> check_domains() {
        const auto observed = ports_.hypervisor.observe();
        if (!observed) {
            add("libvirt", fmt::format("could not be asked: {}", observed.error().message));
            return {};
        }
        for (const auto& [id, instance] : books_.instances) {
            if (holds(books_, id.str())) {
                continue;
            }
            const auto at = std::find_if(observed->begin(), observed->end(),
                                         [&id = id](const ObservedDomain& domain) { return domain.name == id.str(); });
            const bool on = at != observed->end() && at->state != DomainState::off;
            if (on != (instance.state == InstanceState::running)) {
                AMIVIRT_TRY(
                    add(id.str(),
                        fmt::format("the catalog says {}, libvirt says its domain is {}", to_string(instance.state), on ? "on" : "off"),
                        "the catalog takes what libvirt says", [&]() -> Result<void> {
                            AMIVIRT_TRY(ports_.instances.describe(instance.owner, {}));
                            return {};
                        }));
                continue;
            }
            if (on) {
                AMIVIRT_TRY(check_live_disks(instance));
            }
        }
        return {};
    }

    Result<void> check_live_disks(const Instance& instance) {
        const auto disks = AMIVIRT_TRY(ports_.live.attached(instance.id));
        if (!disks) {
            return {};  // it has just gone off
        }
        for (const auto& volume : volumes_of(instance.id, books_.volumes)) {
            const auto at =
                std::find_if(disks->begin(), disks->end(), [&](const LiveDisk& disk) { return disk.serial == serial_of(volume.id); });
            if (at == disks->end()) {
                add(volume.id.str(),
                    fmt::format("it is attached to {} and its running domain does not have it: `amivirt volume detach {}`, "
                                "then attach it again",
                                instance.id.str(), volume.id.str()));
            } else if (const auto source = ports_.storage.store().source(volume.layer); at->source.location != source.location) {
                add(volume.id.str(), fmt::format("the running domain of {} writes to \"{}\", the catalog says \"{}\"", instance.id.str(),
                                                 at->source.location, source.location));
            }
        }
        return {};
    }

    Ports& ports_;
    Books books_;
    Deep deep_;
    Repair repair_;
    Progress& progress_;
    CheckReport report_;
};

Result<CheckReport> Checker::check(Deep deep, Repair repair, Progress& progress) {
    auto books = AMIVIRT_TRY(read_books(ports_.catalog));
    return Examination(ports_, std::move(books), deep, repair, progress).run();
}

}  // namespace amivirt
