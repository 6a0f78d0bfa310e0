// Disk images that exist only by name, shared by the fake stager, store and inspector.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "amivirt/base/result.hpp"
#include "amivirt/base/size.hpp"
#include "amivirt/base/sync.hpp"

namespace amivirt::fakes {

struct FakeDisk {
    std::string content = "a disk";
    std::string format = "qcow2";
    Bytes virtual_size{1ULL << 30U};
    std::optional<Error> refusal;  ///< what probe() says of it
};

/// Path -> disk: the files outside the store that a staging can yield.
class FakeDisks {
public:
    void put(const std::string& path, FakeDisk disk) { disks_.lock()->insert_or_assign(path, std::move(disk)); }
    void erase(const std::string& path) { disks_.lock()->erase(path); }
    [[nodiscard]] std::optional<FakeDisk> find(const std::string& path) const {
        auto disks = disks_.lock();
        const auto found = disks->find(path);
        return found == disks->end() ? std::nullopt : std::optional(found->second);
    }

private:
    mutable Sync<std::map<std::string, FakeDisk>> disks_;
};

/// 64 hex digits that depend on the content only; not SHA-256.
[[nodiscard]] std::string fake_sha256(std::string_view content);

}  // namespace amivirt::fakes
