#include "adapters/common/partial.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapters/common/digest.hpp"

namespace amivirt {

using files::FileDescriptor;

std::string partial_name(const std::string& url) { return sha256_of(url).substr(0, 32) + std::string(k_partial_suffix); }

FileDescriptor open_locked(const std::string& path, int flags) {
    FileDescriptor fd(::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd || ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
        return FileDescriptor();
    }
    // Whoever held the lock before may have moved the file away.
    struct stat mine {};
    struct stat named {};
    if (::fstat(fd.get(), &mine) != 0 || ::stat(path.c_str(), &named) != 0 || mine.st_ino != named.st_ino || mine.st_dev != named.st_dev) {
        return FileDescriptor();
    }
    return fd;
}

}  // namespace amivirt
