// gz, xz and zst, told by their bytes and unpacked as they stream.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "amivirt/base/result.hpp"
#include "amivirt/base/size.hpp"

namespace amivirt {

enum class Compression { none, gzip, xz, zstd };
[[nodiscard]] std::string_view to_string(Compression value) noexcept;
/// From a file's first bytes (six are enough).
[[nodiscard]] Compression recognise_compression(std::string_view head) noexcept;

struct UnpackRequest {
    Compression compression = Compression::none;
    std::string shown_as;
    /// The next compressed bytes, valid until the next call; empty at the end.
    std::function<Result<std::string_view>()> read;
    /// Takes unpacked bytes.
    std::function<Result<void>(std::string_view)> write;
    Bytes limit;  ///< of unpacked bytes
};

/// All of it, with all members of a file that has several. invalid_disk_image for damaged, truncated or too large data; errors of read
/// and write pass through; throws Interrupted. Returns the number of unpacked bytes.
[[nodiscard]] Result<Bytes> unpack(const UnpackRequest& request);

}  // namespace amivirt
