// The services on fakes: a whole amivirt in memory.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "amivirt/services/images.hpp"
#include "amivirt/services/instances.hpp"
#include "amivirt/services/reconciler.hpp"
#include "fakes/fake_catalog.hpp"
#include "fakes/fake_disk.hpp"
#include "fakes/fake_host.hpp"
#include "fakes/fake_hypervisor.hpp"
#include "fakes/fake_id_source.hpp"
#include "fakes/fake_inspector.hpp"
#include "fakes/fake_instance_files.hpp"
#include "fakes/fake_instance_types.hpp"
#include "fakes/fake_liveness.hpp"
#include "fakes/fake_process_runner.hpp"
#include "fakes/fake_seed_builder.hpp"
#include "fakes/fake_source_stager.hpp"
#include "fakes/fake_volume_store.hpp"
#include "fakes/manual_clock.hpp"
#include "fakes/recording_log.hpp"
#include "fakes/recording_progress.hpp"

namespace amivirt::testing {

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
    fakes::FakeSourceStager stager{disks};
    fakes::FakeInspector inspector;
    fakes::FakeProcessRunner processes;
    fakes::FakeHost host;
    fakes::FakeHypervisor hypervisor;
    fakes::FakeInstanceFiles files;
    fakes::FakeSeedBuilder seeds;
    fakes::FakeInstanceTypes types;
    Operations operations{catalog, liveness, ids, clock, log, 4711};
    Storage storage{store, log};
    Images images{{catalog, operations, storage, stager, inspector, processes, host, ids, clock, log}};
    Instances instances{{catalog, operations, storage, images, hypervisor, files, seeds, types, host, ids, clock, log, "local", 4}};
    Reconciler reconciler{operations, images, instances, storage, log};
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

    template <class Record, class Key>
    std::vector<Record> rows(Table<Record, Key>& (CatalogSession::*table)()) {
        std::vector<Record> records;
        EXPECT_TRUE(catalog.read([&](CatalogSession& session) -> Result<void> {
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
        }
        EXPECT_THAT(files_of_layers, ::testing::UnorderedElementsAreArray(rows_of_layers));
        std::vector<std::string> living;
        for (const auto& instance : rows(&CatalogSession::instances)) {
            if (instance.state == InstanceState::terminated) {
                continue;
            }
            living.push_back(instance.id.str());
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
        for (const auto& volume : rows(&CatalogSession::volumes)) {
            EXPECT_TRUE(volume.state == VolumeState::in_use || volume.state == VolumeState::available) << to_string(volume.state);
        }
    }
};

}  // namespace amivirt::testing
