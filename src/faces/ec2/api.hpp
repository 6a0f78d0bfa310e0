// The API between HTTP and the services: who asks, which action, in which region; its answer or error in EC2's form.
#pragma once

#include <atomic>
#include <semaphore>
#include <set>
#include <string>

#include "amivirt/base/sync.hpp"
#include "faces/ec2/background.hpp"
#include "faces/ec2/message.hpp"
#include "faces/ec2/metrics.hpp"
#include "faces/ec2/rate.hpp"
#include "faces/ec2/services.hpp"

namespace amivirt::ec2 {

class Api {
public:
    explicit Api(Ports ports) : ports_(std::move(ports)), background_(ports_.log), rate_(ports_.rate, ports_.clock) {}

    /// Any request, well-formed or not. Safe to call from many threads; blocks as long as the service does.
    [[nodiscard]] HttpResponse handle(const HttpRequest& request);
    /// The answer to what never becomes a request of the API's, in the form in which its clients read errors. Does not block.
    [[nodiscard]] HttpResponse refuse(const Error& error) const;
    [[nodiscard]] Background& background() noexcept { return background_; }
    /// In every region: finishes or undoes what dead processes left, has what they promised made in the background, empties the recycle bin
    /// of what has expired, forgets old answers, and has deep chains of volumes that came to rest flattened in the background.
    void tidy();
    /// What goes on in the background and nobody waits for (flattening) is broken off, so that nobody waits for it at the end either.
    void hurry() noexcept { in_a_hurry_ = true; }
    /// What is going on, for the metrics. `connections` is for the server to fill in.
    [[nodiscard]] Gauges gauges();
    [[nodiscard]] bool authenticates() const noexcept { return ports_.authenticate; }
    /// What only a server that lives does ends: nobody is led to instances by it any more.
    void leave();

private:
    struct Asked;
    [[nodiscard]] Result<std::string> answer(const HttpRequest& request, Asked& asked);
    [[nodiscard]] Result<void> identify(const HttpRequest& request, Asked& asked);
    [[nodiscard]] Result<std::string> reset(const HttpRequest& request, Asked& asked);
    void flatten(const Services& region);
    void keep_promises(const Services& region);
    void store_images(const Services& region);
    [[nodiscard]] Result<void> ask_again(const Services& region, const Promise& promise);
    /// Of actions that read all there is: more of them at a time need more memory, and are no sooner done.
    static constexpr std::ptrdiff_t k_readers_at_once = 4;
    Ports ports_;
    Background background_;
    Rate rate_;
    std::counting_semaphore<k_readers_at_once> readers_{k_readers_at_once};
    std::atomic<TimePoint> purged_{TimePoint{}};
    std::atomic<bool> in_a_hurry_{false};
    std::atomic<bool> flattening_{false};
    Sync<std::set<VolumeId>> not_flattened_;  ///< those that could not be: not tried again at each tidying
};

}  // namespace amivirt::ec2
