#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <memory>

#include "amivirt/base/interrupt.hpp"
#include "faces/cli/backend.hpp"
#include "wire.hpp"

int main(int argc, char** argv) {
    amivirt::install_interrupt_handlers();
    try {
        const auto backend = amivirt::app::make_backend();
        return amivirt::cli::run(argc, argv, *backend);
    } catch (const amivirt::Interrupted& interrupted) {
        fmt::print(stderr, "amivirt: interrupted\n");
        return 128 + interrupted.signal_number;
    } catch (const std::exception& bug) {
        fmt::print(stderr, "amivirt: this is a bug: {} (InternalError)\n", bug.what());
        return static_cast<int>(amivirt::ExitStatus::failed);
    }
}
