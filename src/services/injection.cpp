#include "injection.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "amivirt/domain/guest_texts.hpp"

namespace amivirt {

namespace {

constexpr std::size_t k_injected_text = 1U << 20U;
constexpr const char* k_script = "/var/lib/amivirt/first-boot";
// Once: the script is moved away before it runs, so that one which reboots or fails does not come again.
constexpr const char* k_runner =
    "#!/bin/sh\n"
    "# Made by amivirt: runs the instance's user data once.\n"
    "mv /var/lib/amivirt/first-boot /var/lib/amivirt/first-boot.done && exec /var/lib/amivirt/first-boot.done\n";
constexpr const char* k_unit =
    "# Made by amivirt: runs the instance's user data once.\n"
    "[Unit]\n"
    "Description=The user data of this instance\n"
    "ConditionPathExists=/var/lib/amivirt/first-boot\n"
    "Wants=network-online.target\n"
    "After=network-online.target\n"
    "\n"
    "[Service]\n"
    "Type=oneshot\n"
    "ExecStart=/var/lib/amivirt/run-first-boot\n"
    "StandardOutput=journal+console\n"
    "StandardError=journal+console\n"
    "\n"
    "[Install]\n"
    "WantedBy=multi-user.target\n";

GuestEntry owned(std::string path, unsigned mode, std::uint32_t uid = 0, std::uint32_t gid = 0) {
    GuestEntry entry;
    entry.path = std::move(path);
    entry.mode = mode;
    entry.uid = uid;
    entry.gid = gid;
    return entry;
}

Result<bool> there(GuestFileSystem& files, const std::string& path) {
    const auto found = AMIVIRT_TRY(files.look(path));
    return found.has_value();
}

Result<void> put_keys(GuestFileSystem& files, const Seed& seed, const std::string& user) {
    GuestUser who{"root", "", 0, 0, "/root", ""};
    for (const auto& one : parse_passwd(AMIVIRT_TRY(files.read("/etc/passwd", k_injected_text)).value_or(""))) {
        if (one.name == user && one.home.starts_with('/')) {
            who = one;
        }
    }
    const std::string folder = who.home + (who.home.ends_with('/') ? ".ssh" : "/.ssh");
    const std::string file = folder + "/authorized_keys";
    std::string text = AMIVIRT_TRY(files.read(file, k_injected_text)).value_or("");
    for (const auto& key : seed.public_keys) {
        text += (text.empty() || text.ends_with('\n') ? "" : "\n") + key + "\n";
    }
    AMIVIRT_TRY(files.put_folder(owned(folder, 0700, who.uid, who.gid)));
    return files.put(owned(file, 0600, who.uid, who.gid), text);
}

Result<void> put_script(GuestFileSystem& files, const std::string& script) {
    const bool systemd = AMIVIRT_TRY(there(files, "/etc/systemd/system"));
    const bool openrc = !systemd && AMIVIRT_TRY(there(files, "/etc/local.d"));
    if (!systemd && !openrc) {
        return Error(Code::unsupported_operation, "the disk's system has neither systemd nor OpenRC, which could run the user data");
    }
    AMIVIRT_TRY(files.put(owned(k_script, 0700), script));
    AMIVIRT_TRY(files.put(owned("/var/lib/amivirt/run-first-boot", 0700), k_runner));
    if (openrc) {
        return files.put(owned("/etc/local.d/amivirt-first-boot.start", 0755),
                         "#!/bin/sh\n[ ! -f /var/lib/amivirt/first-boot ] || /var/lib/amivirt/run-first-boot\n");
    }
    AMIVIRT_TRY(files.put(owned("/etc/systemd/system/amivirt-first-boot.service", 0644), k_unit));
    return files.put_link("/etc/systemd/system/multi-user.target.wants/amivirt-first-boot.service",
                          "/etc/systemd/system/amivirt-first-boot.service");
}

}  // namespace

Result<void> put_in(GuestFileSystem& files, const Seed& seed, const std::string& user) {
    if (files.platform() != "linux" && !files.platform().empty()) {
        return Error(Code::unsupported_operation,
                     fmt::format("this is known how to do for Linux, and the disk's system is {}", files.platform()));
    }
    if (!seed.user_data.empty()) {  // first, because it may be refused
        AMIVIRT_TRY(put_script(files, seed.user_data));
    }
    if (!seed.public_keys.empty()) {
        AMIVIRT_TRY(put_keys(files, seed, user));
    }
    AMIVIRT_TRY(files.put(owned("/etc/hostname", 0644), seed.hostname + "\n"));
    if (!seed.host_private_key.empty() && AMIVIRT_TRY(there(files, "/etc/ssh"))) {
        AMIVIRT_TRY(files.put(owned("/etc/ssh/ssh_host_ed25519_key", 0600), seed.host_private_key));
        AMIVIRT_TRY(files.put(owned("/etc/ssh/ssh_host_ed25519_key.pub", 0644), seed.host_key + "\n"));
    }
    return {};
}

}  // namespace amivirt
