// What the suites of the disk adapters share: files, programs, small file systems.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "amivirt/base/ids.hpp"
#include "amivirt/ports/process_runner.hpp"
#include "amivirt/ports/volume_store.hpp"
#include "temporary_folder.hpp"

namespace amivirt::contract {

inline LayerId layer(unsigned number) {
    const std::string digits = std::to_string(number);
    return *LayerId::parse("layer-" + std::string(17 - digits.size(), '0') + digits);
}

inline InstanceId instance(unsigned number) {
    const std::string digits = std::to_string(number);
    return *InstanceId::parse("i-" + std::string(17 - digits.size(), '0') + digits);
}

/// Bytes that no compression takes for text or zeros; the same for the same seed.
[[nodiscard]] std::string noise(std::size_t size, unsigned seed = 1);
void write_file(const std::string& path, std::string_view content);
[[nodiscard]] std::string read_file(const std::string& path);
/// Names in a folder, sorted; none if it is absent.
[[nodiscard]] std::vector<std::string> names(const std::string& folder);
[[nodiscard]] std::uint64_t allocated_bytes(const std::string& path);
[[nodiscard]] unsigned mode_of(const std::string& path);
/// Runs to its end; its output and errors together.
[[nodiscard]] CommandResult shell(const std::vector<std::string>& argv);
[[nodiscard]] bool have_program(const std::string& name);

/// qemu-io's commands on a chain of layers, top first, with the key for those that are encrypted. All of them must succeed.
void qemu_io(VolumeStore& store, const std::string& key_file, const std::vector<unsigned>& chain, const std::vector<std::string>& commands);

/// Did the tests start as root? (A test that mounts something looks like root to itself afterwards.)
[[nodiscard]] bool started_as_root();

enum class Filter { gzip, xz, zstd };
[[nodiscard]] std::string compressed(std::string_view bytes, Filter filter);

/// A file system of a few MiB, in a mount namespace of this test's own. False (with the reason) where that is not allowed.
[[nodiscard]] bool mount_small(const std::string& folder, const std::string& size, std::string& reason);

/// The signal comes after `milliseconds`, as if a person pressed Ctrl-C; the destructor forgets it.
class LaterInterrupt {
public:
    explicit LaterInterrupt(unsigned milliseconds);
    LaterInterrupt(const LaterInterrupt&) = delete;
    LaterInterrupt& operator=(const LaterInterrupt&) = delete;
    ~LaterInterrupt();

private:
    std::thread thread_;
};

}  // namespace amivirt::contract

#define AMIVIRT_NEED_PROGRAM(name)                         \
    if (!::amivirt::contract::have_program(name)) {        \
        GTEST_SKIP() << "the program " name " is missing"; \
    }
