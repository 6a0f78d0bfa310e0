#include "places.hpp"

#include <pwd.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

namespace amivirt::app {

namespace fs = std::filesystem;

namespace {

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
}

std::string user_home() {
    if (auto home = environment("HOME"); !home.empty()) {
        return home;
    }
    const passwd* entry = getpwuid(getuid());
    return entry == nullptr ? "/" : entry->pw_dir;
}

}  // namespace

std::string home_folder(const std::string& given) {
    if (!given.empty()) {
        return fs::absolute(given).lexically_normal().string();
    }
    if (geteuid() == 0) {
        return "/var/lib/amivirt";
    }
    const auto data = environment("XDG_DATA_HOME");
    return (data.empty() ? user_home() + "/.local/share" : data) + "/amivirt";
}

std::string config_folder() {
    const auto config = environment("XDG_CONFIG_HOME");
    return (config.empty() ? user_home() + "/.config" : config) + "/amivirt";
}

std::string share_folder() {
    std::error_code ignored;
    const auto program = fs::read_symlink("/proc/self/exe", ignored);
    return (program.parent_path().parent_path() / "share" / "amivirt").string();
}

std::string template_file(const std::string& user_templates, const std::string& name) {
    std::error_code ignored;
    for (const fs::path& folder : {fs::path(user_templates), fs::path(config_folder()) / "templates"}) {
        if (!folder.empty() && fs::exists(folder / name, ignored)) {
            return (folder / name).string();
        }
    }
    return share_folder() + "/templates/" + name;
}

}  // namespace amivirt::app
