#include "amivirt/services/checker.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <set>

#include "amivirt/base/interrupt.hpp"
#include "machine.hpp"
#include "store_view.hpp"

namespace amivirt {

namespace {

/// "hits snapshot snap-..., volume vol-...": whose content depends on the layer.
std::string hit_by(const LayerId& layer, const StoreView& books) {
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
            const auto its = snapshots_of(image);
            if (keeps_snapshots(image) && std::find(its.begin(), its.end(), snapshot.id) != its.end()) {
                hit.push_back(fmt::format("image {} \"{}\"", image.id.str(), image.name));
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

bool is_running(const StoreView& books, const Volume& volume) {
    const auto* instance = volume.attachment ? books.living(volume.attachment->instance) : nullptr;
    return instance != nullptr && instance->state != InstanceState::stopped;
}

/// Is an operation at work on the layer, on the volume it is the top of, or on that volume's instance?
bool in_work(const StoreView& books, const LayerId& layer) {
    return books.held(layer.str()) || std::any_of(books.volumes.begin(), books.volumes.end(), [&](const Volume& volume) {
               return volume.layer == layer &&
                      (books.held(volume.id.str()) || (volume.attachment && books.held(volume.attachment->instance.str())));
           });
}

}  // namespace

/// One examination of everything. It changes nothing but the checksums on record; how to mend a fault is kept with it.
class Checker::Examination {
public:
    struct Found {
        Fault fault;
        std::function<Result<void>()> mend;  ///< empty: nothing to be done by us
        [[nodiscard]] bool same(const Found& other) const {
            return fault.object == other.fault.object && fault.detail == other.fault.detail;
        }
    };

    Examination(Ports& ports, Deep deep, Progress& progress) : ports_(ports), deep_(deep), progress_(progress) {}

    Result<void> run() {
        // Files first: one whose record is written in between is then no file without a record.
        const auto contents = AMIVIRT_TRY(ports_.storage.store().contents());
        const auto folders = AMIVIRT_TRY(ports_.files.list());
        books_ = AMIVIRT_TRY(view_store(ports_.catalog));
        for (const auto& sentence : books_.unreadable) {
            add("catalog", sentence);
        }
        for (const auto& layer : books_.layers) {
            check_interrupt();
            if (layer.state != LayerState::creating && layer.state != LayerState::deleting && !in_work(books_, layer.id)) {
                AMIVIRT_TRY(check_layer(layer));
                ++layers_;
            }
        }
        check_files(contents, folders);
        check_references();
        return check_domains();
    }

    [[nodiscard]] std::vector<Found>& found() noexcept { return found_; }
    [[nodiscard]] std::size_t layers() const noexcept { return layers_; }
    [[nodiscard]] std::size_t checksums() const noexcept { return checksums_; }

private:
    void add(std::string object, std::string detail) { found_.push_back({{std::move(object), std::move(detail), {}, false}, {}}); }
    /// A fault with a way to mend it. `mend` must look once more before it changes anything.
    void add(std::string object, std::string detail, std::string how, std::function<Result<void>()> mend) {
        found_.push_back({{std::move(object), std::move(detail), std::move(how), false}, std::move(mend)});
    }

    Result<void> update_layer(const LayerId& id, const std::function<void(Layer&)>& change) {
        return ports_.catalog.write([&](CatalogSession& session) -> Result<void> {
            auto row = AMIVIRT_TRY(session.layers().find(id));
            if (row && row->state == LayerState::sealed) {
                change(*row);
                AMIVIRT_TRY(session.layers().update(*row));
            }
            return {};
        });
    }

    Result<void> check_layer(const Layer& layer) {
        auto& store = ports_.storage.store();
        const auto wrong = ports_.storage.wrong_with(layer);
        const auto looked = store.look(layer.id);
        if (!looked || !*looked) {
            add(layer.id.str(), fmt::format("{}; {}", wrong.value_or("its file cannot be looked at"), hit_by(layer.id, books_)));
            return {};
        }
        const LayerFile& file = **looked;
        if (layer.state == LayerState::writable && file.parent == layer.parent && file.encrypted == layer.encrypted &&
            file.virtual_size > layer.virtual_size) {
            add(layer.id.str(), fmt::format("its disk is of {}, the catalog says {}", human(file.virtual_size), human(layer.virtual_size)),
                "the catalog takes the size of the disk", [this, id = layer.id, size = file.virtual_size] { return take_size(id, size); });
            return {};
        }
        std::string checksum;
        if (layer.state == LayerState::sealed && deep_ == Deep::yes) {
            auto read = ports_.care.checksum(layer.id, progress_);
            if (!read) {
                add(layer.id.str(), fmt::format("could not be read: {}; {}", read.error().message, hit_by(layer.id, books_)));
                return {};
            }
            checksum = std::move(*read);
        }
        if (wrong) {
            const bool only_time = layer.seal && file.file_size == layer.seal->file_size && file.modified_ns != layer.seal->modified_ns &&
                                   file.parent == layer.parent && file.encrypted == layer.encrypted;
            if (only_time && !checksum.empty() && checksum == layer.seal->sha256) {
                add(layer.id.str(), *wrong + "; its checksum is right", "the catalog takes the file's time",
                    [this, id = layer.id, time = file.modified_ns] {
                        return update_layer(id, [&](Layer& row) { row.seal->modified_ns = time; });
                    });
            } else {
                add(layer.id.str(), fmt::format("{}; {}", *wrong, hit_by(layer.id, books_)));
            }
            return {};
        }
        if (!checksum.empty() && layer.seal && !layer.seal->sha256.empty() && checksum != layer.seal->sha256) {
            add(layer.id.str(), fmt::format("its content changed since it was sealed (sha256 {}, was {}); {}", checksum, layer.seal->sha256,
                                            hit_by(layer.id, books_)));
            return {};
        }
        const bool written_to = std::any_of(books_.volumes.begin(), books_.volumes.end(),
                                            [&](const Volume& volume) { return volume.layer == layer.id && is_running(books_, volume); });
        if (!written_to) {
            const auto sentences = ports_.care.check(layer.id);
            if (!sentences) {
                add(layer.id.str(), fmt::format("could not be examined: {}; {}", sentences.error().message, hit_by(layer.id, books_)));
            }
            for (const auto& sentence : sentences.value_or(std::vector<std::string>{})) {
                add(layer.id.str(), fmt::format("{}; {}", sentence, hit_by(layer.id, books_)));
            }
        }
        if (layer.state == LayerState::sealed && (!layer.seal || !file.read_only)) {
            add(layer.id.str(),
                layer.seal ? "its file can be written to, though it is sealed" : "how it looked when it was sealed is not on record",
                "it is sealed anew, as it is now", [this, id = layer.id]() -> Result<void> {
                    const auto seal = AMIVIRT_TRY(ports_.storage.store().seal(id));
                    return update_layer(id, [&](Layer& row) {
                        const auto known = row.seal ? row.seal->sha256 : std::string();
                        row.seal = seal;
                        row.seal->sha256 = known;
                    });
                });
        }
        if (!checksum.empty() && layer.seal && layer.seal->sha256.empty()) {
            AMIVIRT_TRY(update_layer(layer.id, [&](Layer& row) {
                if (row.seal) {
                    row.seal->sha256 = checksum;
                    ++checksums_;
                }
            }));
        }
        return {};
    }

    Result<void> take_size(const LayerId& layer, Bytes size) {
        return ports_.catalog.write([&](CatalogSession& session) -> Result<void> {
            auto row = AMIVIRT_TRY(session.layers().find(layer));
            for (auto& volume : AMIVIRT_TRY(session.volumes().list()).records) {
                if (row && volume.layer == layer && row->virtual_size < size) {
                    row->virtual_size = size;
                    volume.size = GiB::holding(size);
                    AMIVIRT_TRY(session.layers().update(*row));
                    AMIVIRT_TRY(session.volumes().update(volume));
                }
            }
            return {};
        });
    }

    /// Files without a record, and records without a file. The former may be all that is left of something: none is removed.
    void check_files(const VolumeStore::Contents& contents, const std::vector<InstanceId>& folders) {
        std::set<LayerId> known;
        for (const auto& layer : books_.layers) {
            known.insert(layer.id);
        }
        for (const auto& id : contents.layers) {
            if (!known.contains(id) && !books_.held(id.str())) {
                add(id.str(), "no record knows this layer's file");
            }
        }
        for (const auto& name : contents.unknown) {
            add(name, "a file among the layers that is not amivirt's");
        }
        const std::set<InstanceId> present(folders.begin(), folders.end());
        for (const auto& id : folders) {
            if (books_.living(id) == nullptr && !books_.held(id.str()) && !is_unreadable(id)) {
                add(id.str(), "no record knows this instance's folder");
            }
        }
        for (const auto& instance : books_.instances) {
            if (!present.contains(instance.id) && !books_.held(instance.id.str())) {
                add(instance.id.str(), "its folder, with its seed and console log, is gone: it can only be terminated");
            }
        }
    }

    void check_references() {
        std::set<SnapshotId> snapshots;
        for (const auto& snapshot : books_.snapshots) {
            snapshots.insert(snapshot.id);
        }
        for (const auto& image : books_.images) {
            if (image.state != ImageState::available && image.state != ImageState::disabled) {
                continue;
            }
            for (const auto& id : snapshots_of(image)) {
                if (!snapshots.contains(id)) {
                    add(image.id.str(), fmt::format("its mapping names snapshot {}, which is gone: it cannot be launched", id.str()));
                }
            }
        }
        for (const auto& volume : books_.volumes) {
            if (!volume.attachment || books_.living(volume.attachment->instance) != nullptr || books_.held(volume.id.str()) ||
                books_.held(volume.attachment->instance.str())) {
                continue;
            }
            const auto& instance = volume.attachment->instance;
            if (is_unreadable(instance)) {
                add(volume.id.str(), fmt::format("it is attached to instance {}, whose record cannot be read", instance.str()));
            } else {
                add(volume.id.str(), fmt::format("it is attached to instance {}, which is gone", instance.str()), "it is detached",
                    [this, volume] { return drop_attachment(volume, InstanceIs::gone); });
            }
        }
    }

    /// There, but nobody can say what it is or has: its guest may run, on the volumes that name it. The record itself is a fault of its
    /// own.
    bool is_unreadable(const InstanceId& id) {
        const auto looked = ports_.catalog.read([&](CatalogSession& session) -> Result<void> {
            AMIVIRT_TRY(session.instances().find(id));
            return {};
        });
        return !looked;
    }

    enum class InstanceIs { gone, there };
    /// Unless it changed meanwhile, or somebody is at work on it.
    Result<void> drop_attachment(const Volume& seen, InstanceIs expected) {
        return ports_.catalog.write([&](CatalogSession& session) -> Result<void> {
            auto row = AMIVIRT_TRY(session.volumes().find(seen.id));
            const auto instance = AMIVIRT_TRY(session.instances().find(seen.attachment->instance));  // not if it cannot be read
            if (expected == InstanceIs::gone && instance && instance->state != InstanceState::terminated) {
                return Error(Code::incorrect_instance_state,
                             fmt::format("instance \"{}\" is {}", instance->id.str(), to_string(instance->state)));
            }
            for (const auto& operation : AMIVIRT_TRY(session.operations().list()).records) {
                for (const auto& object : operation.objects) {
                    if (object == seen.id.str() || object == seen.attachment->instance.str()) {
                        return busy_error(operation, object);
                    }
                }
            }
            if (row && row->attachment && row->attachment->instance == seen.attachment->instance) {
                row->attachment.reset();
                row->state = VolumeState::available;
                AMIVIRT_TRY(session.volumes().update(*row));
            }
            return {};
        });
    }

    Result<void> check_domains() {
        const auto observed = ports_.hypervisor.observe();
        if (!observed) {
            add("libvirt", fmt::format("could not be asked: {}", observed.error().message));
            return {};
        }
        const auto settle = [this](const AccountId& owner) {
            return [this, owner]() -> Result<void> {
                AMIVIRT_TRY(ports_.instances.describe(owner, {}));
                return {};
            };
        };
        std::set<std::string> ours;
        for (const auto& instance : books_.instances) {
            const auto& name = instance.id.str();
            ours.insert(name);
            if (books_.held(name)) {
                continue;
            }
            const auto at =
                std::find_if(observed->begin(), observed->end(), [&](const ObservedDomain& domain) { return domain.name == name; });
            const bool on = at != observed->end() && at->state != DomainState::off;
            if (on != (instance.state == InstanceState::running)) {
                add(name, fmt::format("the catalog says {}, libvirt says its domain is {}", to_string(instance.state), on ? "on" : "off"),
                    "the catalog takes what libvirt says", settle(instance.owner));
            } else if (on) {
                AMIVIRT_TRY(check_live_disks(instance));
            }
        }
        const auto folders = AMIVIRT_TRY(ports_.files.list());
        const std::set<InstanceId> here(folders.begin(), folders.end());
        for (const auto& domain : *observed) {
            const auto id = InstanceId::parse(domain.name);
            if (!id || ours.contains(domain.name) || books_.held(domain.name) || is_unreadable(*id)) {
                continue;
            }
            if (const auto owner = ports_.hypervisor.owner(domain.name); owner && *owner && **owner == ports_.catalog.store_id()) {
                if (here.contains(*id)) {
                    add(domain.name, "a domain of this store that no record knows", "it is removed", settle(AccountId::local()));
                } else {  // as Instances::remove_orphans
                    add(domain.name, "a domain that no record knows, and without files here: of a copy of this store, maybe");
                }
            }
        }
        return {};
    }

    Result<void> check_live_disks(const Instance& instance) {
        const auto disks = ports_.live.attached(instance.id);
        if (!disks || !*disks) {
            if (!disks) {
                add(instance.id.str(), fmt::format("its disks could not be asked for: {}", disks.error().message));
            }
            return {};  // or it has just gone off
        }
        for (const auto& volume : volumes_of(instance.id, books_.volumes)) {
            if (books_.held(volume.id.str())) {
                continue;
            }
            const auto at =
                std::find_if((*disks)->begin(), (*disks)->end(), [&](const LiveDisk& disk) { return disk.serial == serial_of(volume.id); });
            if (at == (*disks)->end()) {
                add(volume.id.str(), fmt::format("it is attached to {}, whose running guest let go of it", instance.id.str()),
                    "it is detached", [this, volume] { return drop_attachment(volume, InstanceIs::there); });
            } else if (const auto source = ports_.storage.store().source(volume.layer); at->source.location != source.location) {
                add(volume.id.str(), fmt::format("the running domain of {} writes to \"{}\", the catalog says \"{}\"", instance.id.str(),
                                                 at->source.location, source.location));
            }
        }
        for (const auto& disk : **disks) {
            check_foreign_disk(instance, disk);
        }
        return check_ephemeral(instance, **disks);
    }

    /// A volume in a running domain that the catalog does not know there: whoever attaches or deletes it would hurt that guest's files. Not
    /// ours to pull out.
    void check_foreign_disk(const Instance& instance, const LiveDisk& disk) {
        const auto id = volume_of(disk);
        if (!id || books_.held(id->str())) {
            return;
        }
        const auto at = std::find_if(books_.volumes.begin(), books_.volumes.end(), [&](const Volume& volume) { return volume.id == *id; });
        if (at == books_.volumes.end()) {
            add(id->str(), fmt::format("the running domain of {} has it (\"{}\"), and no readable record knows it", instance.id.str(),
                                       disk.source.location));
        } else if (!at->attachment || at->attachment->instance != instance.id) {
            add(id->str(), fmt::format("the running domain of {} has it, the catalog says that it is {}", instance.id.str(),
                                       at->attachment ? fmt::format("attached to {}", at->attachment->instance.str()) : "detached"));
        }
    }

    /// nullopt: an instance store disk, or one that a person's template brings.
    static std::optional<VolumeId> volume_of(const LiveDisk& disk) {
        constexpr std::string_view k_volume = "vol";
        const auto id = disk.serial.starts_with(k_volume) ? VolumeId::parse("vol-" + disk.serial.substr(k_volume.size()))
                                                          : VolumeId::parse(disk.serial);
        return id ? std::optional(*id) : std::nullopt;
    }

    Result<void> check_ephemeral(const Instance& instance, const std::vector<LiveDisk>& disks) {
        const auto there = AMIVIRT_TRY(ports_.files.ephemeral_disks(instance.id));
        for (const auto& one : instance.ephemeral) {
            const auto serial = serial_of(one);
            if (std::none_of(disks.begin(), disks.end(), [&](const LiveDisk& disk) { return disk.serial == serial; })) {
                add(instance.id.str(), fmt::format("its running domain lacks its instance store disk {}, {}", serial, one.device_name));
            } else if (std::find(there.begin(), there.end(), one.number) == there.end()) {
                add(instance.id.str(),
                    fmt::format("the file of its instance store disk {}, {}, is not there: what is on it ends with this run", serial,
                                one.device_name));
            }
        }
        return {};
    }

    Ports& ports_;
    StoreView books_;
    Deep deep_;
    Progress& progress_;
    std::vector<Found> found_;
    std::size_t layers_ = 0;
    std::size_t checksums_ = 0;
};

Result<CheckReport> Checker::check(Deep deep, Repair repair, Progress& progress) {
    Examination first(ports_, deep, progress);
    AMIVIRT_TRY(first.run());
    CheckReport report;
    report.layers_checked = first.layers();
    report.checksums_recorded = first.checksums();
    if (first.found().empty()) {
        return report;
    }
    // Catalog, files and libvirt are looked at one after the other, while others work. What is a fault is so a second time.
    Examination second(ports_, deep, progress);
    AMIVIRT_TRY(second.run());
    for (auto& found : second.found()) {
        const bool lasting =
            std::any_of(first.found().begin(), first.found().end(), [&](const Examination::Found& before) { return before.same(found); });
        if (!lasting) {
            continue;
        }
        if (repair == Repair::yes && found.mend) {
            if (auto mended = found.mend(); mended) {
                found.fault.repaired = true;
            } else {
                found.fault.detail += fmt::format("; it could not be repaired: {}", mended.error().message);
            }
        }
        report.faults.push_back(std::move(found.fault));
    }
    return report;
}

}  // namespace amivirt
