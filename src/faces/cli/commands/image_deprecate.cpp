#include <algorithm>

#include "faces/cli/commands/commands.hpp"
#include "faces/cli/commands/image_change.hpp"
#include "faces/cli/policy_values.hpp"

namespace amivirt::cli {

namespace {

class ImageDeprecate final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "IMAGE", .help = "by id or name", .least = 1, .most = SIZE_MAX, .into = &names_});
        options.parsed("--at", "TIME", "2027-01-31, or 2027-01-31T12:00:00Z", at_, parse_day_or_time);
        options.parsed("--in", "DURATION", "such as 90d or 12h, from now", in_, parse_duration);
        options.flag("--cancel", "take the date away", [this] { cancel_ = true; });
    }

    Result<int> run(Session& session) override {
        if (int{at_.has_value()} + int{in_.has_value()} + int{cancel_} != 1) {
            return usage_error("when is it to be deprecated?", "say one of --at TIME, --in DURATION and --cancel");
        }
        Services& services = *AMIVIRT_TRY(session.open());
        std::optional<TimePoint> when = at_;
        if (in_) {
            constexpr Duration k_too_far = std::chrono::years(100);  // refused, and still a date that can be shown
            when = services.clock.now() + std::min(*in_, k_too_far);
        }
        return change_images(session, services, names_,
                             [&](const std::string& name) { return services.governance.deprecate(services.account, name, when); });
    }

private:
    std::vector<std::string> names_;
    std::optional<TimePoint> at_;
    std::optional<Duration> in_;
    bool cancel_ = false;
};

}  // namespace

const Command& image_deprecate_command() {
    static const Command command{{"image deprecate"},
                                 "From a date on, hide an image from others' lists",
                                 embedded::help_image_deprecate,
                                 make_action<ImageDeprecate>};
    return command;
}

}  // namespace amivirt::cli
