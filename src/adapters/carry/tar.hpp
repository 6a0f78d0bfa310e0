// Tar files, plain or in zstd, read and written as they stream.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "amivirt/base/clock.hpp"
#include "amivirt/base/result.hpp"
#include "amivirt/base/size.hpp"

namespace amivirt {

enum class Packing { plain, zstd };

/// Told how many bytes of the members' went by so far.
using TarProgress = std::function<void(Bytes)>;

class TarWriter {
public:
    /// `largest` member it will hold; `time` is given to all. Replaces a file that is there.
    static Result<std::unique_ptr<TarWriter>> open(const std::string& path, Packing packing, Bytes largest, TimePoint time);
    virtual ~TarWriter() = default;
    [[nodiscard]] virtual Result<void> add_text(const std::string& name, std::string_view text) = 0;
    /// Returns its SHA-256. Interruptible.
    [[nodiscard]] virtual Result<std::string> add_file(const std::string& name, const std::string& path) = 0;
    /// Synced; returns the SHA-256 of the whole file.
    [[nodiscard]] virtual Result<std::string> finish() = 0;
    TarProgress progress;
};

/// Untrusted: members that are no plain files, or have names that lead elsewhere, are invalid_disk_image, as is what cannot be read to its
/// end.
class TarReader {
public:
    struct Member {
        std::string name;
        Bytes size;
    };
    enum class Whole {
        no,   ///< what nobody asks for is skipped
        yes,  ///< all bytes are read, for sha256()
    };
    /// fetch_failed if it cannot be opened; `packing` as its first bytes say if not given.
    static Result<std::unique_ptr<TarReader>> open(const std::string& path, Whole whole);
    virtual ~TarReader() = default;
    [[nodiscard]] virtual Packing packing() const = 0;
    /// nullopt: no more.
    [[nodiscard]] virtual Result<std::optional<Member>> next() = 0;
    /// The current member's bytes, once; all of them or an error. Interruptible.
    [[nodiscard]] virtual Result<void> read(const std::function<Result<void>(std::string_view)>& take) = 0;
    /// invalid_disk_image if it has more than `limit`.
    [[nodiscard]] Result<std::string> text(const Member& member, Bytes limit);
    /// Of the file, all of which has been read. With Whole::yes, after the last member.
    [[nodiscard]] virtual Result<std::string> sha256() = 0;

protected:
    std::string shown_;
};

}  // namespace amivirt
