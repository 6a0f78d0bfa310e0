#include "amivirt/domain/lab_member.hpp"

namespace amivirt {

// A name holds no line feed.
std::string lab_member_key(const std::string& lab, const std::string& kind, const std::string& name) {
    return lab + "\n" + kind + "\n" + name;
}

}  // namespace amivirt
