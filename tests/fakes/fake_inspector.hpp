// An inspector that is told what it sees.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "amivirt/base/sync.hpp"
#include "amivirt/ports/image_inspector.hpp"
#include "call_script.hpp"

namespace amivirt::fakes {

/// Step: "inspect".
class FakeInspector final : public ImageInspector {
public:
    [[nodiscard]] Result<Inspection> inspect(const DiskSource& disk) override {
        AMIVIRT_TRY(script_.pass("inspect"));
        auto state = state_.lock();
        const auto found = state->by_location.find(disk.location);
        return found == state->by_location.end() ? state->otherwise : found->second;
    }
    /// What is seen on any disk that was not named; at first, Debian 12 that boots both ways.
    void see(Inspection inspection) { state_.lock()->otherwise = std::move(inspection); }
    void see(const std::string& location, Inspection inspection) {
        state_.lock()->by_location.insert_or_assign(location, std::move(inspection));
    }
    CallScript& script() noexcept { return script_; }

private:
    struct State {
        std::map<std::string, Inspection> by_location;
        Inspection otherwise{"linux", "debian", "12.5", "Debian GNU/Linux 12 (bookworm)", Architecture::x86_64, true, true};
    };
    Sync<State> state_;
    CallScript script_;
};

}  // namespace amivirt::fakes
