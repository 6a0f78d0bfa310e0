#include "adapters/libvirt/backing_chain.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "adapters/common/files.hpp"
#include "adapters/common/layer_header.hpp"

namespace amivirt::libvirt {
namespace {

constexpr std::string_view k_layer_format = "qcow2";
constexpr std::size_t k_deepest_chain = 200;  // as deep as libvirt's own limit

struct Link {
    LayerHeader header;
    mode_t mode = 0;
};

Result<Link> look(const std::string& path) {
    const Result<files::FileDescriptor> fd = files::open(path, O_RDONLY | O_NONBLOCK);
    if (!fd) {
        return ::access(path.c_str(), F_OK) != 0 && errno == ENOENT ? layer_corrupt(path, "is not there") : fd.error();
    }
    struct stat status {};
    if (::fstat(fd->get(), &status) != 0) {
        return files::errno_error(errno, "look at", path);
    }
    return Link{AMIVIRT_TRY(read_layer_header(fd->get(), path)), status.st_mode};
}

Encrypted encrypted(const Link& link) { return link.header.encrypted ? Encrypted::yes : Encrypted::no; }

}  // namespace

Result<DiskChain> disk_chain(const DiskSource& disk) {
    DiskChain chain;
    if (disk.format != k_layer_format) {
        return chain;
    }
    Link link = AMIVIRT_TRY(look(disk.location));
    chain.top = encrypted(link);
    const std::string folder = disk.location.substr(0, disk.location.rfind('/') + 1);
    while (link.header.parent) {
        const std::string path = folder + layer_file_name(*link.header.parent);
        const bool seen = path == disk.location ||
                          std::ranges::any_of(chain.below, [&](const BackingFile& file) { return file.source.location == path; });
        if (seen) {
            return layer_corrupt(disk.location, "has parents without end");
        }
        if (chain.below.size() == k_deepest_chain) {
            return layer_corrupt(disk.location, fmt::format("has more than {} layers below it", k_deepest_chain));
        }
        link = AMIVIRT_TRY(look(path));
        chain.below.push_back(
            {{path, std::string(k_layer_format)}, (link.mode & S_IROTH) != 0 ? Relabel::no : Relabel::yes, encrypted(link)});
    }
    return chain;
}

Result<Encrypted> disk_top(const DiskSource& disk) {
    if (disk.format != k_layer_format) {
        return Encrypted::no;
    }
    return encrypted(AMIVIRT_TRY(look(disk.location)));
}

}  // namespace amivirt::libvirt
