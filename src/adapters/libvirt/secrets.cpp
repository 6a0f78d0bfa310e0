#include "adapters/libvirt/secrets.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <pugixml.hpp>

#include "adapters/common/key_file.hpp"
#include "adapters/libvirt/handles.hpp"
#include "adapters/libvirt/xml.hpp"
#include "amivirt/base/fault.hpp"
#include "amivirt/base/interrupt.hpp"

namespace amivirt::libvirt {
namespace {

constexpr std::size_t k_longest_key = 4096;

/// Not a string: none of its copies should be left in freed memory.
struct Key {
    std::array<unsigned char, k_longest_key> bytes{};
    std::size_t size = 0;
    Key() = default;
    Key(const Key&) = delete;
    Key& operator=(const Key&) = delete;
    ~Key() { explicit_bzero(bytes.data(), bytes.size()); }
};

Result<files::FileDescriptor> open_locked(const std::string& path) {
    Result<files::FileDescriptor> file = files::open(path, O_RDONLY);
    if (!file) {
        return ::access(path.c_str(), F_OK) != 0 && errno == ENOENT ? key_missing(path) : std::move(file);
    }
    while (::flock(file->get(), LOCK_SH) != 0) {
        if (errno != EINTR) {
            return files::errno_error(errno, "lock", path);
        }
        check_interrupt();
    }
    return file;
}

Result<void> read_key(int fd, const std::string& path, Key& key) {
    while (key.size < key.bytes.size()) {
        const ssize_t count = ::pread(fd, key.bytes.data() + key.size, key.bytes.size() - key.size, static_cast<off_t>(key.size));
        if (count < 0 && errno != EINTR) {
            return files::errno_error(errno, "read", path);
        }
        if (count == 0) {
            break;
        }
        key.size += count > 0 ? static_cast<std::size_t>(count) : 0;
    }
    if (key.size == 0 || key.size == key.bytes.size()) {
        return key_unusable(path, key.size == 0 ? "is empty" : "is too long");
    }
    return {};
}

std::string render(const std::string& uuid) {
    pugi::xml_document document;
    pugi::xml_node secret = document.append_child("secret");
    set_attribute(secret, "ephemeral", "yes");
    set_attribute(secret, "private", "yes");
    set_text(secret, "uuid", uuid);
    set_text(secret, "description", "amivirt: encrypted volumes");
    return to_text(document);
}

}  // namespace

LentKey::~LentKey() {
    // Only the last of its users gets the file for itself. Whoever comes now waits for the lock, and lends the key anew.
    if (connection_ && ::flock(lock_.get(), LOCK_EX | LOCK_NB) == 0) {
        const SecretPtr secret(virSecretLookupByUUIDString(connection_->handle.get(), uuid_.c_str()));
        if (secret) {
            virSecretUndefine(secret.get());
        }
    }
}

Result<std::optional<Failure>> LentKey::lend(const Connection& connection, const std::string& uuid, const std::string& key_file) {
    Key key;
    lock_ = AMIVIRT_TRY(open_locked(key_file));
    AMIVIRT_TRY(read_key(lock_.get(), key_file, key));
    connection_ = connection;
    uuid_ = uuid;
    // Each time anew: a daemon that was restarted has forgotten it.
    const SecretPtr secret(virSecretDefineXML(connection.handle.get(), render(uuid).c_str(), 0));
    if (!secret || virSecretSetValue(secret.get(), key.bytes.data(), key.size, 0) < 0) {
        return std::optional<Failure>(last_failure());
    }
    fault_point("libvirt.key_lent");
    return std::optional<Failure>();
}

}  // namespace amivirt::libvirt
