#include "amivirt/domain/instance_moves.hpp"
#include "faces/cli/commands/commands.hpp"
#include "faces/cli/commands/instance_steps.hpp"

namespace amivirt::cli {

namespace {

/// How long a guest may take: an emulated one is slower.
Duration default_grace(const Instance& instance) {
    constexpr std::chrono::seconds k_native{60};
    constexpr std::chrono::seconds k_emulated{120};
    return instance.accelerator == Accelerator::kvm ? k_native : k_emulated;
}

class Stop final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "INSTANCE", .help = "by id or name", .least = 1, .most = SIZE_MAX, .into = &names_});
        options.parsed("--timeout", "DURATION", "how long the guest may take before its plug is pulled: 60s under KVM, 120s emulated",
                       grace_, parse_duration);
        options.flag("--force", "pull the plug at once", [this] { force_ = Force::yes; });
        options.flag("--no-wait", "return at once", [this] { no_wait_ = NoWait::yes; });
    }

    Result<int> run(Session& session) override {
        if (force_ == Force::yes && grace_) {
            return usage_error("--force does not wait, so --timeout says nothing", "leave one of them out");
        }
        Services& services = *AMIVIRT_TRY(session.open());
        const Change change{.document_word = "StoppingInstances",
                            .transitional = InstanceState::stopping,
                            .end = InstanceState::stopped,
                            .no_wait = no_wait_,
                            .check = check,
                            .act = [this](Services& all, const Instance& before) {
                                return all.instances.stop(all.account, before.id.str(), grace_.value_or(default_grace(before)), force_);
                            }};
        return AMIVIRT_TRY(change_instances(session, services, names_, change)).status;
    }

private:
    static Result<void> check(const Instance& before) {
        AMIVIRT_TRY(check_may_stop(before));
        return not_in(before, {InstanceState::shutting_down, InstanceState::terminated}, "stopped");
    }

    std::vector<std::string> names_;
    std::optional<Duration> grace_;
    Force force_ = Force::no;
    NoWait no_wait_ = NoWait::no;
};

}  // namespace

const Command& stop_command() {
    static const Command command{
        {"stop", "instance stop"}, "Power instances off; their disks stay", embedded::help_stop, make_action<Stop>};
    return command;
}

}  // namespace amivirt::cli
