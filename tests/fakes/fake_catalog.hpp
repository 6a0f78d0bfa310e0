// The catalog in memory: the same rules, transactions by copy.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "amivirt/base/sync.hpp"
#include "amivirt/ports/catalog.hpp"
#include "call_script.hpp"

namespace amivirt::fakes {

/// Steps: "read", "write", "commit" (after the body). A write() inside a write() is an internal_error instead of a dead end.
class FakeCatalog final : public Catalog {
public:
    FakeCatalog();
    ~FakeCatalog() override;
    [[nodiscard]] Result<void> write(const Body& body) override;
    [[nodiscard]] Result<void> read(const Body& body) override;
    [[nodiscard]] const std::string& store_id() const override { return store_id_; }

    /// The record of this key cannot be read from now on.
    void make_unreadable(const std::string& key);
    CallScript& script() noexcept { return script_; }

private:
    struct State;
    class Session;

    std::string store_id_ = "00000000000000000000000000000001";
    std::mutex writing_;  ///< held for a whole write(): it guards the order of writers, not data
    Sync<std::thread::id> writer_;
    Sync<std::shared_ptr<const State>> committed_;
    CallScript script_;
};

}  // namespace amivirt::fakes
