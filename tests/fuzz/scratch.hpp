// A folder in memory, for what reads files by name.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <string_view>

#include "fuzz.hpp"

namespace amivirt::fuzz {

class Scratch {
public:
    Scratch() {
        const std::string shared = "/dev/shm";
        path_ = (std::filesystem::is_directory(shared) ? shared : std::filesystem::temp_directory_path().string()) + "/amivirt-fuzz.XXXXXX";
        demand(::mkdtemp(path_.data()) != nullptr, "a folder can be made");
    }
    ~Scratch() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

    [[nodiscard]] std::string path(const std::string& name) const { return path_ + "/" + name; }
    std::string write(const std::string& name, std::string_view bytes) const {
        const std::string file = path(name);
        const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
        demand(fd >= 0 && ::write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()), "a file can be written");
        ::close(fd);
        return file;
    }

private:
    std::string path_;
};

}  // namespace amivirt::fuzz
