// libvirt's C handles, owned.
#pragma once

#include <libvirt/libvirt.h>

#include <cstdlib>
#include <memory>

namespace amivirt::libvirt {

template <auto Fn>
struct Free {
    template <class T>
    void operator()(T* handle) const noexcept {
        Fn(handle);
    }
};

using DomainPtr = std::unique_ptr<virDomain, Free<virDomainFree>>;
using SecretPtr = std::unique_ptr<virSecret, Free<virSecretFree>>;
using SnapshotPtr = std::unique_ptr<virDomainSnapshot, Free<virDomainSnapshotFree>>;
using StatsPtr = std::unique_ptr<virDomainStatsRecordPtr, Free<virDomainStatsRecordListFree>>;
using NetworkPtr = std::unique_ptr<virNetwork, Free<virNetworkFree>>;
using StreamPtr = std::unique_ptr<virStream, Free<virStreamFree>>;
using CString = std::unique_ptr<char, Free<std::free>>;

}  // namespace amivirt::libvirt
