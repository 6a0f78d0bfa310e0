// What a disk image's own bytes say: pure readers of headers nobody vouched for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "amivirt/base/result.hpp"
#include "amivirt/base/size.hpp"

namespace amivirt {

/// The bytes of an image, wherever they are.
class ByteSource {
public:
    virtual ~ByteSource() = default;
    [[nodiscard]] virtual std::uint64_t size() const = 0;
    /// Fewer than `count` bytes only at the end.
    [[nodiscard]] virtual Result<std::string> read(std::uint64_t offset, std::size_t count) const = 0;
};

struct DiskFormat {
    std::string format;                 ///< qemu's word
    std::optional<Bytes> virtual_size;  ///< where the header says it plainly
};

/// The format, told by the bytes alone, after all refusals that need no other program: not a disk, truncated, reaching into
/// other files, encrypted, with features unknown to us. invalid_disk_image quotes `shown_as`.
[[nodiscard]] Result<DiskFormat> recognise_disk(const ByteSource& bytes, const std::string& shown_as);

}  // namespace amivirt
