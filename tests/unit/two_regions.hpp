// A bench of two regions, for what goes from one to the other.
#pragma once

#include "services_bench.hpp"

namespace amivirt::testing {

/// A second region, "far", which sees the bench's, "local".
class TwoRegions : public Bench {
protected:
    fakes::FakeCatalog far_catalog;
    fakes::FakeLiveness far_liveness;
    fakes::FakeVolumeStore far_store{disks};
    fakes::FakeLayerCarrier far_carrier{far_store, disks};
    Operations far_operations{far_catalog, far_liveness, ids, clock, log, 4712};
    Storage far_storage{far_store, log};
    Images far_images{{far_catalog, far_operations, far_storage, stager, inspector, processes, host, ids, clock, log, accounts}};
    Carrying far{{"far", far_catalog, far_operations, far_storage, far_images, regions, far_carrier, archives, signatures, output_files,
                  stager, types, ids, clock, log}};

    void SetUp() override {
        far_carrier.sees(store);
        carrier.sees(far_store);
        regions.add("local", [this]() -> Region { return {"local", catalog, operations, storage, images, carrier, carrying}; });
        regions.add("far", [this]() -> Region { return {"far", far_catalog, far_operations, far_storage, far_images, far_carrier, far}; });
        source = import("tiny");
    }
    static CopyRequest of(const std::string& image, const std::string& from = "local") {
        CopyRequest request;
        request.image = image;
        request.from_region = from;
        return request;
    }
    template <class Record, class Key>
    std::vector<Record> far_rows(Table<Record, Key>& (CatalogSession::*table)()) {
        return rows_of(far_catalog, table);
    }
    Image find_far(const ImageId& id) {
        for (const auto& image : far_rows(&CatalogSession::images)) {
            if (image.id == id) {
                return image;
            }
        }
        ADD_FAILURE() << id.str() << " has no row";
        return {};
    }
    Layer top_of(const Image& image, const std::vector<Snapshot>& all_snapshots, const std::vector<Layer>& all_layers) {
        for (const auto& snapshot : all_snapshots) {
            for (const auto& layer : all_layers) {
                if (snapshot.id == snapshots_of(image).at(0) && snapshot.layer == layer.id) {
                    return layer;
                }
            }
        }
        ADD_FAILURE() << "no layer";
        return {};
    }
    /// Nothing half-made in either region.
    void expect_both_clean() {
        expect_clean();
        EXPECT_THAT(far_rows(&CatalogSession::operations), ::testing::IsEmpty());
        EXPECT_THAT(far_liveness.locks(), ::testing::IsEmpty());
        std::vector<std::string> known;
        for (const auto& layer : far_rows(&CatalogSession::layers)) {
            EXPECT_EQ(layer.state, LayerState::sealed) << layer.id.str();
            EXPECT_EQ(far_storage.wrong_with(layer), std::nullopt) << layer.id.str();
            known.push_back(layer.id.str());
        }
        std::vector<std::string> there;
        for (const auto& [id, layer] : far_store.layers()) {
            there.push_back(id.str());
        }
        EXPECT_THAT(there, ::testing::UnorderedElementsAreArray(known));
        for (const auto& image : far_rows(&CatalogSession::images)) {
            EXPECT_NE(image.state, ImageState::pending);
        }
    }
    void die_and_recover_both() {
        far_liveness.kill_all();
        auto dead = far_operations.adopt_dead();
        ASSERT_TRUE(dead);
        for (auto& operation : *dead) {
            const auto recovered = far.recover(*operation);
            ASSERT_TRUE(recovered) << describe(recovered.error());
        }
        die_and_recover();
    }
    Snapshot seal_volume(std::uint64_t gib, const std::string& text, bool encrypted = false) {
        CreateVolumeRequest request;
        request.size = GiB{gib};
        request.encrypted = encrypted;
        const auto made = volumes.create(me, request);
        EXPECT_TRUE(made) << describe(made.error());
        store.write(made->layer, 1, text);
        const auto taken = take({made->id});
        EXPECT_TRUE(taken) << describe(taken.error());
        return taken->front();
    }
    /// `tiny` with more volumes.
    Image with_volumes(const std::string& name, const std::vector<Snapshot>& more) {
        Image image = import(name);
        char letter = 'b';
        for (const auto& snapshot : more) {
            EbsDevice ebs;
            ebs.snapshot = snapshot.id;
            image.mapping.push_back({std::string("/dev/sd") + letter++, ebs});
        }
        EXPECT_TRUE(catalog.write([&](CatalogSession& session) { return session.images().update(image); }));
        return image;
    }

    Image source;
};

}  // namespace amivirt::testing
