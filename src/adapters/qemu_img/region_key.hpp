// The key of a region's encrypted layers, in a file of its own.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "amivirt/base/result.hpp"
#include "amivirt/base/sync.hpp"

namespace amivirt {

/// 64 lower-case hexadecimal digits, no line end: the passphrase as QEMU reads it from the file. Thread-safe.
class RegionKey {
public:
    explicit RegionKey(std::string file) : file_(std::move(file)) {}
    /// Makes it where there is none, durably: of processes that race, all get the same. store_corrupt if the file holds no key, or if it is
    /// not there and `in_use` knows of something that is encrypted: the key was lost, and a new one in its place would be worse than none.
    [[nodiscard]] Result<std::string> get_or_make(const std::function<Result<bool>()>& in_use);
    /// The key of what is encrypted already. store_corrupt also if there is none.
    [[nodiscard]] Result<std::string> get();
    [[nodiscard]] const std::string& file() const noexcept { return file_; }
    /// Words for qemu-img that give it that key under k_id.
    [[nodiscard]] Result<std::vector<std::string>> arguments();
    static constexpr const char* k_id = "region-key";

private:
    [[nodiscard]] static Result<void> read(const std::string& file, std::string& key);
    [[nodiscard]] Result<void> make(const std::function<Result<bool>()>& in_use) const;

    std::string file_;
    Sync<std::string> key_;  ///< once read
};

}  // namespace amivirt
