#include "adapters/libvirt/agent_socket.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>

namespace amivirt::libvirt {
namespace {

/// Made if need be. false: it is not, or not a folder of this user's alone; anybody can make names in /tmp.
bool own_folder(const std::string& path) {
    mkdir(path.c_str(), 0700);
    struct stat status {};
    return lstat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == geteuid() && (status.st_mode & 0077) == 0;
}

}  // namespace

std::string own_agent_socket(const InstanceId& instance) {
    const char* const runtime = std::getenv("XDG_RUNTIME_DIR");
    for (const std::string& folder : {runtime == nullptr || *runtime != '/' ? std::string() : std::string(runtime) + "/amivirt",
                                      fmt::format("/tmp/amivirt-{}", geteuid())}) {
        std::string path = fmt::format("{}/{}.agent", folder, instance.str());
        if (!folder.empty() && path.size() < sizeof(sockaddr_un::sun_path) && own_folder(folder)) {
            return path;
        }
    }
    return {};
}

}  // namespace amivirt::libvirt
