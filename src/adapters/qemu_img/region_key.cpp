#include "adapters/qemu_img/region_key.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/rand.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <stdexcept>
#include <vector>

#include "adapters/common/files.hpp"
#include "adapters/common/key_file.hpp"
#include "adapters/qemu_img/tool.hpp"
#include "amivirt/base/fault.hpp"

namespace amivirt {
namespace {

constexpr std::size_t k_key_bytes = 32;

std::string new_key() {
    std::array<unsigned char, k_key_bytes> bytes{};
    if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) {
        throw std::runtime_error("OpenSSL has no random bytes");
    }
    std::string text;
    for (const unsigned char byte : bytes) {
        text += fmt::format("{:02x}", byte);
    }
    return text;
}

bool there(const std::string& file) { return ::access(file.c_str(), F_OK) == 0; }

std::string folder_of(const std::string& file) { return std::filesystem::path(file).parent_path().string(); }

}  // namespace

Result<std::string> RegionKey::get_or_make(const std::function<Result<bool>()>& in_use) {
    auto key = key_.lock();
    if (key->empty()) {
        if (!there(file_)) {
            AMIVIRT_TRY(make(in_use));
        }
        AMIVIRT_TRY(read(file_, *key));
    }
    return std::string(*key);
}

Result<void> RegionKey::read(const std::string& file, std::string& key) {
    if (!there(file)) {
        return key_missing(file);
    }
    const files::FileDescriptor fd = AMIVIRT_TRY(files::open(file, O_RDONLY | O_NOFOLLOW));
    std::string bytes = AMIVIRT_TRY(files::read_at(fd.get(), 0, 2 * k_key_bytes + 1, file));
    if (bytes.size() != 2 * k_key_bytes || bytes.find_first_not_of("0123456789abcdef") != std::string::npos) {
        return key_unusable(file, fmt::format("holds no key: it should be {} hexadecimal digits", 2 * k_key_bytes));
    }
    // Whoever made it may not have come that far yet.
    AMIVIRT_TRY(files::sync(fd.get(), file));
    AMIVIRT_TRY(files::sync_folder(folder_of(file)));
    key = std::move(bytes);
    return {};
}

Result<void> RegionKey::make(const std::function<Result<bool>()>& in_use) const {
    // Under a lock on the temporary file, which a killed process leaves to the next one.
    const std::string temporary = file_ + ".tmp";
    AMIVIRT_TRY(files::make_folders(folder_of(file_), 0711, files::Durable::yes));
    const files::FileDescriptor fd = AMIVIRT_TRY(files::open(temporary, O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
    while (::flock(fd.get(), LOCK_EX) != 0) {
        if (errno != EINTR) {
            return files::errno_error(errno, "lock", temporary);
        }
    }
    if (there(file_)) {
        // Another was first. The temporary, if it was made anew since, is nobody's: who locks it now finds the key as well.
        return files::remove(temporary);
    }
    // Under the lock: what another encrypts meanwhile, it encrypts with a key that is there.
    if (AMIVIRT_TRY(in_use())) {
        AMIVIRT_TRY(files::remove(temporary));
        return key_missing(file_);
    }
    if (::fchmod(fd.get(), 0600) != 0 || ::ftruncate(fd.get(), 0) != 0) {
        return files::errno_error(errno, "write", temporary);
    }
    AMIVIRT_TRY(files::write_at(fd.get(), new_key(), 0, temporary));
    AMIVIRT_TRY(files::sync(fd.get(), temporary));
    fault_point("region_key.written");
    AMIVIRT_TRY(files::rename(temporary, file_));
    fault_point("region_key.named");
    return {};
}

Result<std::string> RegionKey::get() {
    auto key = key_.lock();
    if (key->empty()) {
        AMIVIRT_TRY(read(file_, *key));
    }
    return std::string(*key);
}

Result<std::vector<std::string>> RegionKey::arguments() {
    AMIVIRT_TRY(get());
    return std::vector<std::string>{"--object", fmt::format("secret,id={},file={}", k_id, qemu_img::option_value(file_))};
}

}  // namespace amivirt
