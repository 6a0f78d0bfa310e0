// Serial consoles that only say how a conversation ended.
#pragma once

#include <optional>

#include "amivirt/ports/serial_console.hpp"

namespace amivirt::fakes {

class FakeSerialConsole final : public SerialConsole {
public:
    [[nodiscard]] Result<End> attach(const InstanceId& instance, int /*input*/, int /*output*/, Takeover takeover) override {
        attached = instance;
        if (taken && takeover == Takeover::no) {
            return Error(Code::busy, "somebody else is attached to the console of \"" + instance.str() + "\"");
        }
        return end;
    }

    std::optional<InstanceId> attached;
    bool taken = false;
    End end = End::escaped;
};

}  // namespace amivirt::fakes
