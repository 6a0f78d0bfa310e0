// libguestfs's C handles, owned.
#pragma once

#include <guestfs.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

namespace amivirt::guestfs {

template <auto Fn>
struct Free {
    template <class T>
    void operator()(T* handle) const noexcept {
        Fn(handle);
    }
};

using HandlePtr = std::unique_ptr<guestfs_h, Free<guestfs_close>>;
using CString = std::unique_ptr<char, Free<std::free>>;

/// Takes over a string of the library; null is "".
inline std::string take(char* text) {
    const CString owned(text);
    return owned ? std::string(owned.get()) : std::string();
}

/// Takes over a list of the library; null is empty.
inline std::vector<std::string> take(char** list) {
    std::vector<std::string> result;
    if (list != nullptr) {
        for (char** each = list; *each != nullptr; ++each) {
            result.push_back(take(*each));
        }
        std::free(static_cast<void*>(list));
    }
    return result;
}

}  // namespace amivirt::guestfs
