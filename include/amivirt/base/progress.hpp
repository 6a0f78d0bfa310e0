// What a long step tells of itself; a face decides how it looks.
#pragma once

#include <optional>
#include <string_view>

#include "amivirt/base/size.hpp"

namespace amivirt {

/// Calls may come from any thread; implementations throttle by themselves.
class Progress {
public:
    virtual ~Progress() = default;
    /// A new phase: "downloading", "converting", "inspecting". Total in bytes where it is known.
    virtual void phase(std::string_view name, std::optional<Bytes> total) = 0;
    /// Bytes done in this phase so far; monotonic.
    virtual void advance(Bytes done) = 0;
    /// A remark for the person (stderr), not part of the result.
    virtual void note(std::string_view line) = 0;
};

/// Says nothing.
class SilentProgress final : public Progress {
public:
    void phase(std::string_view /*name*/, std::optional<Bytes> /*total*/) override {}
    void advance(Bytes /*done*/) override {}
    void note(std::string_view /*line*/) override {}
};

}  // namespace amivirt
