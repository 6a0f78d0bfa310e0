// What a lab made, so that `down` removes exactly that.
#pragma once

#include <string>

#include "amivirt/base/clock.hpp"

namespace amivirt {

/// One resource of a lab.
struct LabMember {
    std::string key;       ///< lab_member_key(lab, kind, name)
    std::string lab;       ///< the lab's name
    std::string kind;      ///< "instance", "volume", "key"
    std::string name;      ///< in the lab's file: "web-1"
    std::string resource;  ///< its id; it may be gone
    std::string digest;    ///< of its section of the file; tells an edited member from an unchanged one
    TimePoint created{};
};

[[nodiscard]] std::string lab_member_key(const std::string& lab, const std::string& kind, const std::string& name);

}  // namespace amivirt
