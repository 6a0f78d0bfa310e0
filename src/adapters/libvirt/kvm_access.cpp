#include "adapters/libvirt/kvm_access.hpp"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

namespace amivirt::libvirt {

namespace {

constexpr const char* k_device = "/dev/kvm";

/// As libvirt has them (virGetGroupList): those of the user's account, and its own group besides. On Debian kvm is only the former's.
std::vector<gid_t> groups_of(const Identity& who) {
    std::vector<gid_t> groups;
    if (const passwd* const entry = getpwuid(who.user); entry != nullptr) {
        const std::string name = entry->pw_name;
        const gid_t primary = entry->pw_gid;
        int count = 64;
        groups.resize(static_cast<std::size_t>(count));
        if (getgrouplist(name.c_str(), primary, groups.data(), &count) < 0) {
            groups.resize(static_cast<std::size_t>(count));  // now it has said how many there are
            getgrouplist(name.c_str(), primary, groups.data(), &count);
        }
        groups.resize(std::min(groups.size(), static_cast<std::size_t>(count)));
    }
    if (std::find(groups.begin(), groups.end(), who.group) == groups.end()) {
        groups.push_back(who.group);
    }
    return groups;
}

/// As libvirt itself asks: in a child that becomes that user. Mode bits would not do: the device may have an access list.
bool opens_for(const Identity& who, const std::vector<gid_t>& groups) {
    const pid_t child = fork();
    if (child == 0) {  // only system calls: other threads may hold locks
        const bool opens = setgroups(groups.size(), groups.data()) == 0 && setgid(who.group) == 0 && setuid(who.user) == 0 &&
                           access(k_device, R_OK | W_OK) == 0;
        _exit(opens ? 0 : 1);
    }
    int status = -1;
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

std::optional<Finding> judge_kvm_access(const KvmAccess& access) {
    if (!access.opens_for_us) {
        return {};
    }
    if (access.opens_for_qemu) {
        return Finding{"KVM access", Health::ok, fmt::format("QEMU's user {} may open /dev/kvm", access.user), {}};
    }
    const std::string join = access.in_group_kvm ? "" : fmt::format("adduser {} kvm && ", access.user);
    return Finding{"KVM access", Health::warning,
                   fmt::format("/dev/kvm opens for root and not for QEMU's user {}: libvirt examines QEMU anew at every launch, 10 s each",
                               access.user),
                   join + "chgrp kvm /dev/kvm && chmod g+rw /dev/kvm"};
}

KvmAccess collect_kvm_access(const Identity& qemu) {
    KvmAccess seen;
    seen.user = user_name(qemu.user);
    struct stat status {};
    if (geteuid() != 0 || stat(k_device, &status) != 0 || !S_ISCHR(status.st_mode)) {
        return seen;
    }
    const std::vector<gid_t> groups = groups_of(qemu);
    seen.opens_for_us = access(k_device, R_OK | W_OK) == 0;
    seen.opens_for_qemu = opens_for(qemu, groups);
    const group* const kvm = getgrnam("kvm");
    seen.in_group_kvm = kvm != nullptr && std::find(groups.begin(), groups.end(), kvm->gr_gid) != groups.end();
    return seen;
}

std::string user_name(uid_t user) {
    const passwd* const entry = getpwuid(user);
    return entry == nullptr ? fmt::format("uid {}", user) : entry->pw_name;
}

}  // namespace amivirt::libvirt
