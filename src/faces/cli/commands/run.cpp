#include <fmt/format.h>

#include "faces/cli/commands/commands.hpp"
#include "faces/cli/commands/instance_steps.hpp"
#include "faces/cli/progress_bar.hpp"
#include "faces/cli/render_table.hpp"

namespace amivirt::cli {

namespace {

constexpr unsigned k_most_at_once = 100;

class Run final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "IMAGE", .help = "by id or name", .least = 1, .most = 1, .into = &images_});
        options.parsed("-n,--count", "N", "how many, 1 to 100: all of them or none", request_.count,
                       [](std::string_view text) { return parse_count(text, 1, k_most_at_once); });
        options.text("--name", "NAME", "the Name tag; with -n 3: NAME-1, NAME-2, NAME-3", name_);
        options.text("--type", "TYPE", "the instance type; t3.micro if not said", request_.type);
        options.text("--user-data", "FILE", "what cloud-init runs at first boot; - is standard input", user_data_);
        options.parsed_each("--map", "DEVICE=SPEC", "a disk: /dev/sdb=:20, /dev/sdb=snap-..., /dev/sdc=ephemeral0, /dev/sdd=none",
                            request_.mapping, parse_block_device);
        options.parsed_each("-p,--publish", "HOST:GUEST[/udp]", "forward a port of 127.0.0.1; HOST 0 picks one", request_.ports,
                            parse_port_forward);
        options.parsed_each("--tag", "KEY=VALUE", "a tag", tags_, parse_tag);
        options.parsed("--wait", "WHAT", "running (the default), ssh or ssh=TIMEOUT", wait_, parse_wait);
        options.flag("--no-wait", "return when they are pending, before they run", [this] { no_wait_ = NoWait::yes; });
        options.text("--client-token", "TOKEN", "the same token again gives the same instances", request_.client_token);
        options.flag("--dry-run", "check everything, make nothing", [this] { request_.dry_run = DryRun::yes; });
        options.parsed("--shutdown-behavior", "WHAT", "what a power-off from within does: stop (the default) or terminate",
                       request_.shutdown_behavior, parse_shutdown_behavior);
    }

    Result<int> run(Session& session) override {
        if (wait_ && no_wait_ == NoWait::yes) {
            return usage_error("--wait and --no-wait exclude one another");
        }
        AMIVIRT_TRY(complete(session));
        if (no_wait_ == NoWait::yes) {
            return launch_in_background(session);
        }
        Services& services = *AMIVIRT_TRY(session.open());
        const TimePoint begun = services.clock.now();
        const std::vector<Instance> instances = AMIVIRT_TRY(launch(session, services));
        show(session, services, instances);
        return wait_ ? wait_for(session, services, instances, *wait_, begun) : 0;
    }

private:
    /// The request, from what was said.
    Result<void> complete(Session& session) {
        request_.image = images_.front();
        request_.accelerator = session.global().accelerator;
        request_.tags = AMIVIRT_TRY(tags_of(tags_, name_));
        if (!name_.empty() && request_.count > 1) {
            request_.tags.erase("Name");
            request_.names = instance_names(name_, request_.count);
        }
        if (!user_data_.empty()) {
            request_.user_data = AMIVIRT_TRY(read_user_data(user_data_, session.around().in));
        }
        return {};
    }

    /// All of it in a child process, which has our streams, and we wait for it, until the instances are reserved.
    Result<int> launch_in_background(Session& session) {
        if (const std::optional<int> ended = AMIVIRT_TRY(session.around().go_background())) {
            return *ended;
        }
        Services& services = *AMIVIRT_TRY(session.open());
        bool is_shown = false;
        request_.on_reserved = [&](const std::vector<Instance>& pending) {
            is_shown = true;
            show(session, services, pending);
            session.talk().status({});
            session.around().leave_foreground(finish_output(session.around(), 0));
        };
        const std::vector<Instance> instances = AMIVIRT_TRY(launch(session, services));
        if (!is_shown) {  // a client token seen before: they are there already
            show(session, services, instances);
        }
        return 0;
    }

    Result<std::vector<Instance>> launch(Session& session, Services& services) {
        ProgressBar progress(session.talk(), session.around().ticks);
        return services.instances.run(services.account, request_, progress);
    }

    /// Before any wait: whoever interrupts that has the ids.
    static void show(Session& session, Services& services, const std::vector<Instance>& instances) {
        Answer answer;
        InstanceQuery query;
        for (const Instance& instance : instances) {
            answer.ids.push_back(instance.id.str());
        }
        std::vector<InstanceView> views;
        const auto describe = [&] {
            query.ids_or_names = answer.ids;
            if (Result<Seen> seen = look(session, services, query)) {
                return std::move(seen->views);
            }
            std::vector<InstanceView> plain;  // they run; that they cannot be described just now is no reason to hide them
            plain.reserve(instances.size());
            for (const Instance& instance : instances) {
                plain.push_back({.instance = instance, .volumes = {}, .image_name = {}, .observed = std::nullopt});
            }
            return plain;
        };
        answer.table = [&] { return instances_table(describe(), services.clock.now(), Observed::yes); };
        answer.document = [&] { return reservation_document(describe(), services.region); };
        session.print(answer);
    }

    std::vector<std::string> images_;
    std::string name_;
    std::string user_data_;
    std::vector<std::pair<std::string, std::string>> tags_;
    std::optional<Wait> wait_;
    NoWait no_wait_ = NoWait::no;
    RunRequest request_;
};

}  // namespace

const Command& run_command() {
    static const Command command{{"run"}, "Launch instances from an image", embedded::help_run, make_action<Run>};
    return command;
}

}  // namespace amivirt::cli
