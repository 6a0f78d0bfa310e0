// How often an account may ask: a bucket of tokens for each, as EC2's request throttling has.
#pragma once

#include <map>
#include <string>

#include "amivirt/base/clock.hpp"
#include "amivirt/base/sync.hpp"

namespace amivirt::ec2 {

class Rate {
public:
    /// `per_second` requests in the long run, twice as many at once; 0: any number.
    Rate(double per_second, const Clock& clock) : per_second_(per_second), clock_(clock) {}
    /// Takes a token of this account's; false if there is none. Safe from any thread.
    [[nodiscard]] bool take(const std::string& account);

private:
    struct Bucket {
        double tokens = 0;
        TimePoint filled{};
    };
    double per_second_;
    const Clock& clock_;
    Sync<std::map<std::string, Bucket>> buckets_;
};

}  // namespace amivirt::ec2
