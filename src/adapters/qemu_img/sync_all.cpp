#include "adapters/qemu_img/sync_all.hpp"

#include <fcntl.h>

#include "adapters/common/files.hpp"

namespace amivirt {

Result<void> sync_all(const std::vector<std::string>& paths) {
    // Written side by side before one is waited for.
    for (const std::string& path : paths) {
        const files::FileDescriptor fd = AMIVIRT_TRY(files::open(path, O_RDONLY | O_NOFOLLOW));
        static_cast<void>(::sync_file_range(fd.get(), 0, 0, SYNC_FILE_RANGE_WRITE));
    }
    for (const std::string& path : paths) {
        const files::FileDescriptor fd = AMIVIRT_TRY(files::open(path, O_RDONLY | O_NOFOLLOW));
        AMIVIRT_TRY(files::sync(fd.get(), path));
    }
    return {};
}

}  // namespace amivirt
