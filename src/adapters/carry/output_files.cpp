#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "adapters/carry/carry.hpp"
#include "adapters/common/files.hpp"

namespace amivirt {
namespace {

namespace fs = std::filesystem;

std::string folder_of(const std::string& file) { return fs::path(file).parent_path().string(); }
bool there(const std::string& file) {
    struct stat status {};
    return ::lstat(file.c_str(), &status) == 0;
}
Error exists(const std::string& file) {
    return {Code::invalid_parameter_value, fmt::format("\"{}\" is there already", file), "--force replaces it"};
}

class RealOutputFiles final : public OutputFiles {
public:
    Result<void> make_folder(const std::string& path) override { return files::make_folders(path, 0700, files::Durable::yes); }
    Result<std::string> check(const std::string& file, Replace replace) override {
        if (file.empty() || file.back() == '/') {
            return Error(Code::invalid_parameter_value, fmt::format("\"{}\" is no name of a file", file));
        }
        std::error_code error;
        const fs::path given = fs::absolute(file, error);
        const fs::path folder = fs::canonical(given.parent_path(), error);
        if (error) {
            return Error(Code::io_error, fmt::format("there is no folder \"{}\"", given.parent_path().string()));
        }
        const std::string path = (folder / given.filename()).string();
        struct stat status {};
        if (::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
            return Error(Code::io_error, fmt::format("\"{}\" is there, and not a file", path));
        }
        if (::access(folder.c_str(), W_OK | X_OK) != 0) {
            return files::errno_error(errno, "write into", folder.string());
        }
        if (replace == Replace::no && there(path)) {
            return exists(path);
        }
        return path;
    }

    [[nodiscard]] std::string temporary(const std::string& file, const std::string& tag) const override {
        return fmt::format("{}/.{}.part", folder_of(file), tag + (file.ends_with(".sig") ? "-sig" : ""));
    }

    Result<void> write_text(const std::string& file, const std::string& tag, const std::string& text) override {
        const std::string path = temporary(file, tag);
        const files::FileDescriptor fd = AMIVIRT_TRY(files::open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0644));
        AMIVIRT_TRY(files::write_at(fd.get(), text, 0, path));
        return files::sync(fd.get(), path);
    }

    Result<void> publish(const std::string& file, const std::string& tag, Replace replace) override {
        const std::string path = temporary(file, tag);
        if (!there(path)) {
            return there(file) ? Result<void>{} : Error(Code::io_error, fmt::format("\"{}\" is gone, before it had its name", path));
        }
        if (replace == Replace::yes) {
            AMIVIRT_TRY(files::rename(path, file));
        } else if (::renameat2(AT_FDCWD, path.c_str(), AT_FDCWD, file.c_str(), RENAME_NOREPLACE) != 0) {
            if (errno == EEXIST) {
                return exists(file);
            }
            // Some file systems know no such rename.
            if (errno != EINVAL && errno != ENOSYS) {
                return files::errno_error(errno, "rename", path);
            }
            if (there(file)) {
                return exists(file);
            }
            AMIVIRT_TRY(files::rename(path, file));
        }
        return files::sync_folder(folder_of(file));
    }

    Result<void> discard(const std::string& file, const std::string& tag) override {
        const std::string path = temporary(file, tag);
        if (::unlink(path.c_str()) != 0 && errno != ENOENT && errno != ENOTDIR) {
            return files::errno_error(errno, "remove", path);
        }
        return {};
    }
};

}  // namespace

std::unique_ptr<OutputFiles> make_output_files() { return std::make_unique<RealOutputFiles>(); }

}  // namespace amivirt
