// The services on fakes: a whole amivirt in memory.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "amivirt/services/capture.hpp"
#include "amivirt/services/carrying.hpp"
#include "amivirt/services/cloud_init.hpp"
#include "amivirt/services/ebs_settings.hpp"
#include "amivirt/services/image_extras.hpp"
#include "amivirt/services/image_governance.hpp"
#include "amivirt/services/image_store.hpp"
#include "amivirt/services/images.hpp"
#include "amivirt/services/instances.hpp"
#include "amivirt/services/key_pairs.hpp"
#include "amivirt/services/labs.hpp"
#include "amivirt/services/launch_templates.hpp"
#include "amivirt/services/leases.hpp"
#include "amivirt/services/logins.hpp"
#include "amivirt/services/one_shot.hpp"
#include "amivirt/services/reconciler.hpp"
#include "amivirt/services/recycle_bin.hpp"
#include "amivirt/services/region_settings.hpp"
#include "amivirt/services/reset.hpp"
#include "amivirt/services/signers.hpp"
#include "amivirt/services/snapshot_sharing.hpp"
#include "amivirt/services/snapshots.hpp"
#include "amivirt/services/tagging.hpp"
#include "amivirt/services/virtual_network.hpp"
#include "amivirt/services/volume_records.hpp"
#include "amivirt/services/volumes.hpp"
#include "fakes/fake_account_book.hpp"
#include "fakes/fake_carrying.hpp"
#include "fakes/fake_catalog.hpp"
#include "fakes/fake_disk.hpp"
#include "fakes/fake_guest_disks.hpp"
#include "fakes/fake_guest_networks.hpp"
#include "fakes/fake_guest_shell.hpp"
#include "fakes/fake_host.hpp"
#include "fakes/fake_hypervisor.hpp"
#include "fakes/fake_id_source.hpp"
#include "fakes/fake_inspector.hpp"
#include "fakes/fake_instance_files.hpp"
#include "fakes/fake_instance_types.hpp"
#include "fakes/fake_layer_care.hpp"
#include "fakes/fake_liveness.hpp"
#include "fakes/fake_machine_log.hpp"
#include "fakes/fake_process_runner.hpp"
#include "fakes/fake_screens.hpp"
#include "fakes/fake_seed_builder.hpp"
#include "fakes/fake_source_stager.hpp"
#include "fakes/fake_ssh.hpp"
#include "fakes/fake_volume_store.hpp"
#include "fakes/manual_clock.hpp"
#include "fakes/recording_log.hpp"
#include "fakes/recording_progress.hpp"

namespace amivirt::testing {

/// The regions a test knows of.
class FakeRegions final : public Regions {
public:
    void add(const std::string& name, std::function<Region()> open) { regions_[name] = std::move(open); }
    [[nodiscard]] Result<Region> open(const std::string& name) override {
        const auto found = regions_.find(name);
        if (found == regions_.end()) {
            return Error(Code::invalid_parameter_value, "the region \"" + name + "\" is unknown");
        }
        return found->second();
    }

private:
    std::map<std::string, std::function<Region()>> regions_;
};

class Bench : public ::testing::Test {
protected:
    fakes::ManualClock clock;
    fakes::RecordingLog log;
    fakes::RecordingProgress progress;
    fakes::FakeIdSource ids;
    fakes::FakeCatalog catalog;
    fakes::FakeLiveness liveness;
    fakes::FakeDisks disks;
    fakes::FakeVolumeStore store{disks};
    fakes::FakeLayerCare care{store};
    fakes::FakeGuestDisks guests{store};
    fakes::FakeSourceStager stager{disks};
    fakes::FakeInspector inspector;
    fakes::FakeProcessRunner processes;
    fakes::FakeHost host;
    fakes::FakeHypervisor hypervisor;
    LiveDisks& live = hypervisor;
    fakes::FakeGuestNetworks networks;
    fakes::FakeMachineLog machine_log;
    fakes::FakeInstanceFiles files;
    fakes::FakeSeedBuilder seeds;
    fakes::FakeInstanceTypes types;
    Operations operations{catalog, liveness, ids, clock, log, 4711};
    Storage storage{store, log};
    fakes::FakeAccountBook book;
    Accounts accounts{book, ids};
    Images images{{catalog, operations, storage, stager, inspector, processes, host, ids, clock, log, accounts}};
    ImageGovernance governance{catalog, images, clock, "local"};
    RecycleBin bin{{catalog, operations, storage, ids, clock}};
    RegionSettings settings{catalog};
    fakes::FakeSshKeys ssh_keys;
    fakes::FakePrivateKeyFiles key_files;
    fakes::FakeHostKeys host_keys;
    fakes::FakeGuestShell shell;
    Instances instances{{catalog, operations, storage, images, hypervisor, networks, machine_log, files, seeds, ssh_keys, guests, types,
                         host, ids, clock, log, "local", 4}};
    KeyPairs key_pairs{{catalog, ssh_keys, key_files, ids, clock}};
    Logins logins{{catalog, instances, files, key_files, host_keys}};
    CloudInit cloud_init{{instances, hypervisor, files, machine_log, clock}};
    Snapshots snapshots{{catalog, operations, storage, care, live, ids, clock, log, 4}};
    Volumes volumes{{catalog, operations, storage, instances, snapshots, live, ids, clock, log}};
    FakeRegions regions;
    fakes::FakeLayerCarrier carrier{store, disks};
    fakes::FakeImageArchives archives{disks};
    fakes::FakeOutputFiles output_files{disks};
    fakes::FakeSignatures signatures{disks};
    Carrying carrying{{"local", catalog, operations, storage, images, regions, carrier, archives, signatures, output_files, stager, types,
                       ids, clock, log}};
    ImageExtrasBook extras{catalog};
    SnapshotSharing sharing{catalog, clock};
    EbsSettings ebs_settings{catalog, clock};
    VolumeRecords volume_records{catalog, volumes, clock};
    ImageStore image_store{{catalog, images, carrying, output_files, clock, "/buckets"}};
    Signers signers{catalog, signatures};
    Capture capture{{catalog, operations, storage, images, instances, live, guests, ids, clock, log, "local"}};
    Reconciler reconciler{operations, images, instances, volumes, snapshots, capture, carrying, storage, log};
    Tagging tagging{catalog, operations};
    fakes::FakeScreens screens{hypervisor};
    LaunchTemplates templates{catalog, ids, clock};
    Leases leases{catalog, liveness, instances, ids, clock, log};
    OneShot one_shot{instances, leases, logins, shell, log};
    Reset reset{{catalog, operations, storage, instances, stager}};
    VirtualNetwork network{{catalog, ids, clock, "local"}};
    Labs labs{{catalog, operations, images, instances, volumes, tagging, cloud_init, ssh_keys, host, ids, clock, log, 4}};
    const AccountId me = AccountId::local();
    const AccountId other = *AccountId::parse("111122223333");

    /// Registers an image of a disk with this content.
    Image import(const std::string& name, const std::string& content = "content of tiny") {
        const std::string path = "/disks/" + name + ".qcow2";
        stager.add(path, fakes::FakeDisk{content, "qcow2", Bytes{300U << 20U}, std::nullopt});
        ImportRequest request;
        request.source = path;
        request.name = name;
        auto image = images.import(me, request, progress);
        EXPECT_TRUE(image.has_value()) << describe(image.error());
        return image.value_or(Image{});
    }
    std::vector<Instance> launch(const std::string& image, unsigned count = 1) {
        RunRequest request;
        request.image = image;
        request.count = count;
        request.type = "t3.nano";
        auto run = instances.run(me, request, progress);
        EXPECT_TRUE(run.has_value()) << describe(run.error());
        return run.value_or(std::vector<Instance>{});
    }

    Volume make_volume(std::uint64_t gib = 1, const std::string& snapshot = {}) {
        CreateVolumeRequest request;
        request.size = GiB{gib};
        request.snapshot = snapshot;
        auto made = volumes.create(me, request);
        EXPECT_TRUE(made.has_value()) << describe(made.error());
        return made.value_or(Volume{});
    }
    Volume volume(const VolumeId& id) {
        for (const auto& row : rows(&CatalogSession::volumes)) {
            if (row.id == id) {
                return row;
            }
        }
        ADD_FAILURE() << id.str() << " has no row";
        return {};
    }
    Volume root_of(const InstanceId& id) {
        for (const auto& row : rows(&CatalogSession::volumes)) {
            if (row.attachment && row.attachment->instance == id && row.attachment->is_root) {
                return row;
            }
        }
        ADD_FAILURE() << id.str() << " has no root";
        return {};
    }
    Result<std::vector<Snapshot>> take(std::vector<VolumeId> of, Quiesce quiesce = Quiesce::automatic) {
        return snapshots.create(me, {std::move(of), "", {}, quiesce});
    }
    /// This process dies and another cleans up after it.
    void die_and_recover() {
        liveness.kill_all();
        const auto left = reconciler.recover();
        ASSERT_TRUE(left.has_value()) << describe(left.error());
        EXPECT_THAT(*left, ::testing::IsEmpty());
    }

    template <class Record, class Key>
    std::vector<Record> rows(Table<Record, Key>& (CatalogSession::*table)()) {
        return rows_of(catalog, table);
    }
    template <class Record, class Key>
    static std::vector<Record> rows_of(Catalog& of, Table<Record, Key>& (CatalogSession::*table)()) {
        std::vector<Record> records;
        EXPECT_TRUE(of.read([&](CatalogSession& session) -> Result<void> {
            records = AMIVIRT_TRY((session.*table)().list()).records;
            return {};
        }));
        return records;
    }
    InstanceState state_of(const InstanceId& id) {
        for (const auto& instance : rows(&CatalogSession::instances)) {
            if (instance.id == id) {
                return instance.state;
            }
        }
        ADD_FAILURE() << id.str() << " has no row";
        return InstanceState::terminated;
    }

    /// Catalog, files, domains, locks and operations add up.
    void expect_clean() {
        EXPECT_TRUE(rows(&CatalogSession::operations).empty());
        EXPECT_TRUE(liveness.locks().empty());
        EXPECT_TRUE(stager.staging().empty());
        std::vector<std::string> rows_of_layers;
        for (const auto& layer : rows(&CatalogSession::layers)) {
            EXPECT_TRUE(layer.state == LayerState::sealed || layer.state == LayerState::writable) << to_string(layer.state);
            rows_of_layers.push_back(layer.id.str());
        }
        std::vector<std::string> files_of_layers;
        for (const auto& [id, layer] : store.layers()) {
            files_of_layers.push_back(id.str());
            EXPECT_TRUE(layer.durable) << id.str() << " is acknowledged, and a power cut takes it";
        }
        EXPECT_THAT(files_of_layers, ::testing::UnorderedElementsAreArray(rows_of_layers));
        std::vector<std::string> living;
        for (const auto& instance : rows(&CatalogSession::instances)) {
            if (instance.state == InstanceState::terminated) {
                continue;
            }
            living.push_back(instance.id.str());
            EXPECT_TRUE(files.durable(instance.id)) << instance.id.str() << " is acknowledged, and a power cut takes its folder";
            const auto domain = hypervisor.domain(instance.id);
            const bool on = domain && domain->state == DomainState::running;
            EXPECT_EQ(on, instance.state == InstanceState::running) << instance.id.str() << " is " << to_string(instance.state);
        }
        std::vector<std::string> folders;
        const auto listed = files.list();
        ASSERT_TRUE(listed);
        for (const auto& id : *listed) {
            folders.push_back(id.str());
        }
        EXPECT_THAT(folders, ::testing::UnorderedElementsAreArray(living));
        for (const auto& [name, domain] : hypervisor.domains()) {
            EXPECT_THAT(living, ::testing::Contains(name));
        }
        for (const auto& row : rows(&CatalogSession::volumes)) {
            EXPECT_TRUE(row.state == VolumeState::in_use || row.state == VolumeState::available) << to_string(row.state);
            EXPECT_EQ(row.state == VolumeState::in_use, row.attachment.has_value());
        }
        for (const auto& snapshot : rows(&CatalogSession::snapshots)) {
            EXPECT_EQ(snapshot.state, SnapshotState::completed);
        }
        for (const auto& layer : rows(&CatalogSession::layers)) {
            EXPECT_EQ(storage.wrong_with(layer), std::nullopt) << layer.id.str();
        }
    }
};

}  // namespace amivirt::testing
