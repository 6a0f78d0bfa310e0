// This machine, its clock, its randomness and its health.
#pragma once

#include <memory>
#include <string>

#include "amivirt/base/clock.hpp"
#include "amivirt/ports/health.hpp"
#include "amivirt/ports/host.hpp"
#include "amivirt/ports/id_source.hpp"

namespace amivirt {

[[nodiscard]] std::unique_ptr<Host> make_host();
/// From the kernel's random generator.
[[nodiscard]] std::unique_ptr<IdSource> make_random_ids();
[[nodiscard]] std::unique_ptr<Clock> make_system_clock();

struct HostHealthOptions {
    std::string store_path;  ///< its file system's free space; need not exist yet
    AcceleratorRequest accelerator = AcceleratorRequest::automatic;
};
/// Processors and memory, accelerator and why, free space.
[[nodiscard]] std::unique_ptr<HealthCheck> make_host_health(HostHealthOptions options);

}  // namespace amivirt
