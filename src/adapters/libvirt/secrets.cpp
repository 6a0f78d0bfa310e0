#include "adapters/libvirt/secrets.hpp"

#include <fmt/format.h>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <pugixml.hpp>

#include "adapters/libvirt/handles.hpp"
#include "adapters/libvirt/xml.hpp"
#include "amivirt/base/fault.hpp"

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

Result<void> read_key(const std::string& path, Key& key) {
    const auto failed = [&](const char* why) {
        return Error(Code::io_error, fmt::format("cannot read the key of encrypted volumes, \"{}\": {}", path, why));
    };
    if (path.empty()) {
        return failed("no key file is configured");
    }
    const std::unique_ptr<FILE, Free<std::fclose>> file(std::fopen(path.c_str(), "rbe"));
    if (!file) {
        return failed(std::strerror(errno));
    }
    std::setvbuf(file.get(), nullptr, _IONBF, 0);
    key.size = std::fread(key.bytes.data(), 1, key.bytes.size(), file.get());
    if (std::ferror(file.get()) != 0) {
        return failed(std::strerror(errno));
    }
    if (key.size == 0 || key.size == key.bytes.size()) {
        return failed(key.size == 0 ? "it is empty" : "it is too long");
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

Result<std::optional<Failure>> lend_key(const Connection& connection, const std::string& uuid, const std::string& key_file) {
    Key key;
    AMIVIRT_TRY(read_key(key_file, key));
    // Each time anew: a daemon that was restarted has forgotten it.
    const SecretPtr secret(virSecretDefineXML(connection.handle.get(), render(uuid).c_str(), 0));
    if (!secret || virSecretSetValue(secret.get(), key.bytes.data(), key.size, 0) < 0) {
        return std::optional<Failure>(last_failure());
    }
    fault_point("libvirt.key_lent");
    return std::optional<Failure>();
}

}  // namespace amivirt::libvirt
