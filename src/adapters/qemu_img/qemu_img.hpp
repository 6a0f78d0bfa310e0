// Layers as qcow2 files in one folder; the small files of an instance; the tools' health.
#pragma once

#include <memory>
#include <string>

#include "amivirt/base/log.hpp"
#include "amivirt/ports/health.hpp"
#include "amivirt/ports/instance_files.hpp"
#include "amivirt/ports/layer_care.hpp"
#include "amivirt/ports/layer_carrier.hpp"
#include "amivirt/ports/process_runner.hpp"
#include "amivirt/ports/volume_store.hpp"

namespace amivirt {

struct StoreOptions {
    std::string disks_folder;              ///< made when first needed
    std::string key_file;                  ///< of encrypted layers, likewise; see region_key.hpp for what is in it
    Bytes max_virtual_size{16ULL << 40U};  ///< of an imported disk
    ProcessRunner& processes;
    Log& log;
};

/// Thread-safe.
[[nodiscard]] std::unique_ptr<VolumeStore> make_volume_store(const StoreOptions& options);
/// For the same layers. Thread-safe.
[[nodiscard]] std::unique_ptr<LayerCare> make_layer_care(const StoreOptions& options);
/// Likewise; copies that can be resumed are kept in `downloads_folder`, on the same file system. Thread-safe.
[[nodiscard]] std::unique_ptr<LayerCarrier> make_layer_carrier(const StoreOptions& options, const std::string& downloads_folder);
/// Thread-safe for different instances.
[[nodiscard]] std::unique_ptr<InstanceFiles> make_instance_files(const std::string& instances_folder);
/// qemu-img and the emulator of this machine's architecture.
[[nodiscard]] std::unique_ptr<HealthCheck> make_qemu_img_health(ProcessRunner& processes);

}  // namespace amivirt
