// A folder, a few overlays over the tiny image, and the real libvirt.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "adapters/host/host.hpp"
#include "adapters/libvirt/hypervisor.hpp"

namespace amivirt::integration {

inline std::string system_or_session() { return geteuid() == 0 ? "qemu:///system" : "qemu:///session"; }

/// Every test has instances of its own, and none is left behind.
class LibvirtLab : public testing::Test {
protected:
    void SetUp() override {
        if (const auto seen = hypervisor_->observe(); !seen) {
            GTEST_SKIP() << seen.error().message;
        }
        // Most tests need a machine, and none that gets anywhere.
        ASSERT_EQ(std::system(fmt::format("qemu-img create -q -f qcow2 {} 64M", layer()).c_str()), 0);
        chmod(layer().c_str(), 0444);
    }
    ~LibvirtLab() override {
        for (const InstanceId& instance : made_) {
            const auto removed = hypervisor_->remove(instance);
            EXPECT_TRUE(removed) << removed.error().message;
        }
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }

    /// From now on instances are of the tiny image. false: there is none.
    [[nodiscard]] bool use_tiny_image() const {
        const char* const tiny = std::getenv("AMIVIRT_TINY_IMAGE");
        std::error_code error;
        std::filesystem::remove(layer());
        if (tiny == nullptr || !std::filesystem::copy_file(tiny, layer(), error)) {
            return false;
        }
        chmod(layer().c_str(), 0444);
        return true;
    }

    /// The sealed layer below every disk.
    [[nodiscard]] std::string layer() const { return folder_ + "/" + layer_name("layer"); }
    /// Only layers stand on each other, and their names are ids: one for each word.
    [[nodiscard]] static std::string layer_name(const std::string& word) {
        return fmt::format("layer-{:017x}.qcow2", std::hash<std::string>()(word));
    }

    /// An instance with a fresh overlay, to be started by the test and removed in any case.
    DomainSpec make_instance() {
        DomainSpec spec;
        spec.instance = make_id<InstanceId>(*ids_);
        made_.push_back(spec.instance);
        const std::string base = folder_ + "/" + spec.instance.str();
        const std::string disk = folder_ + "/" + layer_name(spec.instance.str());
        EXPECT_EQ(std::system(fmt::format("qemu-img create -q -f qcow2 -b {} -F qcow2 {}", layer_name("layer"), disk).c_str()), 0);
        spec.store_id = store_id_;
        spec.region = "local";
        spec.image = *ImageId::parse("ami-0123456789abcdef0");
        spec.memory = MiB{256};
        spec.disks = {{{disk, "qcow2"}, "vol-0123456789abcdef0", {}, {}}};
        spec.console_log = base + ".log";
        spec.nvram = base + ".nvram";
        const std::uint32_t bits = ids_->random();
        spec.mac_address = fmt::format("52:54:00:{:02x}:{:02x}:{:02x}", bits & 0xffU, bits >> 8U & 0xffU, bits >> 16U & 0xffU);
        spec.ports = {{"127.0.0.1", free_port(), 22, "tcp"}};
        return spec;
    }

    /// Never the same twice in a test: until its QEMU binds it a port still looks free. Below those that amivirt itself hands out.
    std::uint16_t free_port() {
        for (int i = 0; i < 1000; ++i) {
            const auto port = static_cast<std::uint16_t>(10000 + ids_->random() % 10000);
            if (host_->port_free("127.0.0.1", port, "tcp") && ports_.insert(port).second) {
                return port;
            }
        }
        ADD_FAILURE() << "no free port";
        return 0;
    }

    static bool eventually(Duration patience, const std::function<bool()>& is_so) {
        const auto deadline = std::chrono::steady_clock::now() + patience;
        while (!is_so()) {
            if (std::chrono::steady_clock::now() > deadline) {
                return false;
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
        }
        return true;
    }

    DomainState state(const InstanceId& instance) {
        const auto seen = hypervisor_->observe(instance);
        return seen && *seen ? (*seen)->state : DomainState::off;
    }

    NullLog log_;
    static std::string make_folder() {
        char name[] = "/var/tmp/amivirt-lab-XXXXXX";
        const std::string folder = mkdtemp(name) == nullptr ? "" : name;
        chmod(folder.c_str(), 0711);
        return folder;
    }

    std::string folder_ = make_folder();
    std::unique_ptr<IdSource> ids_ = make_random_ids();
    /// Nobody else's: libvirt knows the key of encrypted layers by it.
    std::string store_id_ = fmt::format("{:08x}{:08x}{:08x}{:08x}", ids_->random(), ids_->random(), ids_->random(), ids_->random());
    std::unique_ptr<Host> host_ = make_host();
    Libvirt libvirt_ = make_libvirt({system_or_session(), AMIVIRT_DOMAIN_TEMPLATE, log_, {}, folder_ + "/key"});
    std::unique_ptr<Hypervisor> hypervisor_ = std::move(libvirt_.hypervisor);
    std::unique_ptr<LiveDisks> live_disks_ = std::move(libvirt_.live_disks);
    std::vector<InstanceId> made_;
    std::set<std::uint16_t> ports_;
};

}  // namespace amivirt::integration
