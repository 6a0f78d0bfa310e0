#include "faces/ec2/rate.hpp"

#include <algorithm>

namespace amivirt::ec2 {

bool Rate::take(const std::string& account) {
    if (per_second_ <= 0) {
        return true;
    }
    const double most = std::max(1.0, 2 * per_second_);
    const TimePoint now = clock_.now();
    auto buckets = buckets_.lock();
    auto [at, is_new] = buckets->try_emplace(account, Bucket{most, now});
    Bucket& bucket = at->second;
    if (!is_new && now > bucket.filled) {  // a clock that was set back fills nothing
        bucket.tokens = std::min(most, bucket.tokens + per_second_ * std::chrono::duration<double>(now - bucket.filled).count());
    }
    bucket.filled = now;
    if (bucket.tokens < 1) {
        return false;
    }
    bucket.tokens -= 1;
    return true;
}

}  // namespace amivirt::ec2
