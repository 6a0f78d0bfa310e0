// All faults of a request at once.
#pragma once

#include <string>
#include <vector>

#include "amivirt/base/result.hpp"

namespace amivirt {

/// Collects what is wrong and turns it into one Error: a single fault as it is, several as one message with a line each.
class Faults {
public:
    void add(Error error) { errors_.push_back(std::move(error)); }
    template <class T>
    void check(Result<T> result) {
        if (!result) {
            errors_.push_back(std::move(result.error()));
        }
    }
    [[nodiscard]] bool none() const noexcept { return errors_.empty(); }
    /// `what` begins the summary: "this launch". Not to be called when there are none.
    [[nodiscard]] Error error(const std::string& what) const;

private:
    std::vector<Error> errors_;
};

}  // namespace amivirt
