#include "adapters/libvirt/access.hpp"

#include <sys/stat.h>

#include <string_view>

namespace amivirt::libvirt {

std::string closed_folder(const std::string& path) {
    for (std::size_t end = path.find('/', 1); end != std::string::npos; end = path.find('/', end + 1)) {
        std::string folder = path.substr(0, end);
        struct stat status {};
        if (stat(folder.c_str(), &status) == 0 && (status.st_mode & S_IXOTH) == 0) {
            return folder;
        }
    }
    return {};
}

std::string shell_word(const std::string& text) {
    constexpr std::string_view k_plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+:@%,=";
    if (!text.empty() && text.find_first_not_of(k_plain) == std::string::npos) {
        return text;
    }
    std::string quoted = "'";
    for (const char c : text) {
        quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
    }
    return quoted + "'";
}

}  // namespace amivirt::libvirt
