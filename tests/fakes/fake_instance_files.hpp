// Instance folders in memory.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "amivirt/base/sync.hpp"
#include "amivirt/ports/instance_files.hpp"
#include "call_script.hpp"

namespace amivirt::fakes {

/// Steps: "create", "persist", "create_ephemeral", "remove_ephemeral", "remove", "console", "mark_boot", "list".
class FakeInstanceFiles final : public InstanceFiles {
public:
    [[nodiscard]] Result<InstancePaths> create(const InstanceId& instance, const std::string& seed_image) override {
        AMIVIRT_TRY(script_.pass("create"));
        auto folders = folders_.lock();
        Folder& folder = (*folders)[instance];
        folder.seed = seed_image;
        folder.durable = false;
        return paths(instance);
    }
    [[nodiscard]] Result<void> persist(const std::vector<InstanceId>& instances) override {
        AMIVIRT_TRY(script_.pass("persist"));
        for (const InstanceId& instance : instances) {
            (*folders_.lock())[instance].durable = true;
        }
        return {};
    }
    [[nodiscard]] InstancePaths paths(const InstanceId& instance) const override {
        const std::string folder = "instances/" + instance.str() + "/";
        return {folder + "seed.img", folder + "console.log", folder + "nvram.fd"};
    }
    [[nodiscard]] Result<DiskSource> create_ephemeral(const InstanceId& instance, unsigned number, Bytes size) override {
        AMIVIRT_TRY(script_.pass("create_ephemeral"));
        (*folders_.lock())[instance].ephemeral.insert_or_assign(number, size);
        return ephemeral_disk(instance, number);
    }
    [[nodiscard]] DiskSource ephemeral_disk(const InstanceId& instance, unsigned number) const override {
        return {"instances/" + instance.str() + "/ephemeral" + std::to_string(number) + ".img", "raw"};
    }
    [[nodiscard]] Result<std::vector<unsigned>> ephemeral_disks(const InstanceId& instance) override {
        std::vector<unsigned> numbers;
        for (const auto& [number, size] : ephemeral(instance)) {
            numbers.push_back(number);
        }
        return numbers;
    }
    [[nodiscard]] Result<void> remove_ephemeral(const InstanceId& instance) override {
        AMIVIRT_TRY(script_.pass("remove_ephemeral"));
        auto folders = folders_.lock();
        if (const auto found = folders->find(instance); found != folders->end()) {
            found->second.ephemeral.clear();
        }
        return {};
    }
    [[nodiscard]] Result<void> remove(const InstanceId& instance) override {
        AMIVIRT_TRY(script_.pass("remove"));
        folders_.lock()->erase(instance);
        return {};
    }
    [[nodiscard]] Result<std::string> console(const InstanceId& instance, std::uint64_t offset, std::size_t limit) override {
        AMIVIRT_TRY(script_.pass("console"));
        auto folders = folders_.lock();
        const auto found = folders->find(instance);
        if (found == folders->end() || offset >= found->second.console.size()) {
            return std::string();
        }
        return found->second.console.substr(static_cast<std::size_t>(offset), limit);
    }
    [[nodiscard]] Result<std::uint64_t> console_size(const InstanceId& instance) override {
        auto folders = folders_.lock();
        const auto found = folders->find(instance);
        return found == folders->end() ? std::uint64_t{0} : std::uint64_t{found->second.console.size()};
    }
    [[nodiscard]] Result<void> mark_boot(const InstanceId& instance) override {
        AMIVIRT_TRY(script_.pass("mark_boot"));
        Folder& folder = (*folders_.lock())[instance];
        folder.boot = folder.console.size();
        return {};
    }
    [[nodiscard]] Result<std::uint64_t> boot_offset(const InstanceId& instance) override {
        auto folders = folders_.lock();
        const auto found = folders->find(instance);
        return found == folders->end() || found->second.boot > found->second.console.size() ? std::uint64_t{0}
                                                                                            : std::uint64_t{found->second.boot};
    }
    [[nodiscard]] Result<Bytes> allocated(const InstanceId& instance) override {
        auto folders = folders_.lock();
        const auto found = folders->find(instance);
        return found == folders->end() ? Bytes{} : Bytes{found->second.seed.size() + found->second.console.size()};
    }
    [[nodiscard]] Result<std::vector<InstanceId>> list() override {
        AMIVIRT_TRY(script_.pass("list"));
        auto folders = folders_.lock();
        std::vector<InstanceId> instances;
        for (const auto& [id, folder] : *folders) {
            instances.push_back(id);
        }
        return instances;
    }

    /// The guest prints on its serial console.
    void print(const InstanceId& instance, const std::string& text) { (*folders_.lock())[instance].console += text; }
    /// The hypervisor begins the console's log anew.
    void cut_console(const InstanceId& instance) { (*folders_.lock())[instance].console.clear(); }
    /// The seed's bytes; nullopt: no such folder.
    [[nodiscard]] std::optional<std::string> seed(const InstanceId& instance) const {
        auto folders = folders_.lock();
        const auto found = folders->find(instance);
        return found == folders->end() ? std::nullopt : std::optional(found->second.seed);
    }
    /// Instance store disks by number.
    [[nodiscard]] std::map<unsigned, Bytes> ephemeral(const InstanceId& instance) const {
        auto folders = folders_.lock();
        const auto found = folders->find(instance);
        return found == folders->end() ? std::map<unsigned, Bytes>() : found->second.ephemeral;
    }
    /// Does a power cut leave it?
    [[nodiscard]] bool durable(const InstanceId& instance) const {
        auto folders = folders_.lock();
        const auto found = folders->find(instance);
        return found != folders->end() && found->second.durable;
    }
    /// Somebody removes the file of an instance store disk.
    void lose_ephemeral(const InstanceId& instance, unsigned number) { (*folders_.lock())[instance].ephemeral.erase(number); }
    CallScript& script() noexcept { return script_; }

private:
    struct Folder {
        std::string seed;
        std::string console;
        std::size_t boot = 0;
        std::map<unsigned, Bytes> ephemeral;
        bool durable = false;
    };
    mutable Sync<std::map<InstanceId, Folder>> folders_;
    CallScript script_;
};

}  // namespace amivirt::fakes
