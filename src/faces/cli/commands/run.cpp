#include <fmt/format.h>

#include "amivirt/domain/lease.hpp"
#include "faces/cli/commands/commands.hpp"
#include "faces/cli/commands/instance_steps.hpp"
#include "faces/cli/one_shot_options.hpp"
#include "faces/cli/progress_bar.hpp"
#include "faces/cli/render_table.hpp"
#include "faces/cli/user_data.hpp"

namespace amivirt::cli {

namespace {

constexpr unsigned k_most_at_once = 100;
constexpr std::size_t k_any_words = SIZE_MAX - 1;  // but not several images, as SIZE_MAX would say in the help

class Run final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "IMAGE [-- COMMAND...]", .help = "by id or name", .least = 1, .most = k_any_words, .into = &images_});
        options.parsed("-n,--count", "N", "how many, 1 to 100: all of them or none", request_.count,
                       [](std::string_view text) { return parse_count(text, 1, k_most_at_once); });
        options.text("--name", "NAME", "the Name tag; with -n 3: NAME-1, NAME-2, NAME-3", name_);
        options.text("--type", "TYPE", "the instance type; t3.micro if not said", request_.type);
        options.text("--key", "KEY", "whose public half is put in: a key pair's name; one made for you if not said", request_.key_name);
        options.flag("--no-key", "put no key in", [this] { no_key_ = NoKey::yes; });
        options.text("--user-data", "FILE", "what cloud-init runs at first boot; - is standard input", user_data_);
        options.flag("--inject", "put keys and script into the disk itself: for images without cloud-init",
                     [this] { request_.inject = Inject::yes; });
        options.flag("--user-data-large", "let it have 1 MiB instead of EC2's 16 KiB",
                     [this] { request_.large_user_data = LargeUserData::yes; });
        options.parsed_each("--map", "DEVICE=SPEC", "a disk: /dev/sdb=:20, /dev/sdb=snap-..., /dev/sdc=ephemeral0, /dev/sdd=none",
                            request_.mapping, parse_block_device);
        options.parsed_each("-p,--publish", "[ADDR:]HOST:GUEST[/udp]", "forward a port of 127.0.0.1, or of ADDR; HOST 0 picks one",
                            request_.ports, parse_port_forward);
        options.parsed("--network", "NETWORK", "user (the default), a libvirt network's name, or bridge:NAME", request_.network,
                       parse_network_word);
        options.parsed_each("--tag", "KEY=VALUE", "a tag", tags_, parse_tag);
        options.parsed_each("--volume-tag", "KEY=VALUE", "a tag of its volumes", volume_tags_, parse_tag);
        options.parsed("--wait", "WHAT", "running (the default), ssh or cloud-init, also with =TIMEOUT", wait_, parse_wait);
        options.flag("--no-wait", "return when they are pending, before they run", [this] { no_wait_ = NoWait::yes; });
        options.parsed("--ttl", "TIME", "terminate it after that long: 90s, 30m, 12h, 7d", request_.ttl, parse_ttl);
        options
            .add("--session", "SESSION", "what it is launched for, as by \"terminate --session\"",
                 [this](const std::string& text) {
                     request_.session = text;
                     return check_session_name(text);
                 })
            .from_environment("AMIVIRT_SESSION");
        options.text("--client-token", "TOKEN", "the same token again gives the same instances", request_.client_token);
        options.flag("--dry-run", "check everything, make nothing", [this] { request_.dry_run = DryRun::yes; });
        options.parsed("--shutdown-behavior", "WHAT", "what a power-off from within does: stop (the default) or terminate",
                       request_.shutdown_behavior, parse_shutdown_behavior);
        one_shot_.declare(options);
    }

    Result<int> run(Session& session) override {
        AMIVIRT_TRY(one_shot_.take_command(images_, session.tokens()));
        if (wait_ && no_wait_ == NoWait::yes) {
            return usage_error("--wait and --no-wait exclude one another");
        }
        if (no_key_ == NoKey::yes && !request_.key_name.empty()) {
            return usage_error("--key and --no-key exclude one another");
        }
        if (one_shot_.wanted()) {
            return run_command(session);
        }
        AMIVIRT_TRY(complete(session));
        if (no_wait_ == NoWait::yes) {
            return launch_in_background(session);
        }
        Services& services = *AMIVIRT_TRY(session.open_to_launch());
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
        request_.volume_tags = AMIVIRT_TRY(tags_of(volume_tags_));
        if (!name_.empty() && request_.count > 1) {
            request_.tags.erase("Name");
            request_.names = instance_names(name_, request_.count);
        }
        if (!user_data_.empty()) {
            request_.user_data = AMIVIRT_TRY(read_small_file(
                user_data_, session.around().in, request_.large_user_data == LargeUserData::yes ? k_large_user_data : k_user_data));
            if (const std::string doubt = user_data_warning(request_.user_data); !doubt.empty()) {
                session.talk().warning(doubt);
            }
        }
        return {};
    }

    /// The command's streams are ours, so nothing else goes to stdout.
    Result<int> run_command(Session& session) {
        if (no_wait_ == NoWait::yes) {
            return usage_error("--no-wait and a command exclude one another", "a command is waited for");
        }
        if (wait_ && wait_->what != WaitFor::ssh) {
            return usage_error("a command waits for SSH, and for nothing else", "as in \"--wait ssh=5m\"");
        }
        if (user_data_ == "-") {
            return usage_error("standard input is the command's, so it cannot be the user data, too", "write it into a file");
        }
        OneShotRequest wanted;
        AMIVIRT_TRY(one_shot_.fill(wanted));
        AMIVIRT_TRY(complete(session));
        Services& services = *AMIVIRT_TRY(session.open_to_launch());
        wanted.launch = request_;
        AMIVIRT_TRY(choose_key(services, wanted.launch.key_name, [&]() -> Result<void> {
            OneShotRequest dry = wanted;
            dry.launch.dry_run = DryRun::yes;
            SilentProgress silent;
            (void)AMIVIRT_TRY(services.one_shot.run(services.account, dry, silent));
            return {};
        }));
        wanted.boot_timeout = wait_ ? wait_->timeout : wanted.boot_timeout;
        ProgressBar progress(session.talk(), session.around().ticks);
        wanted.on_running = [&](const Instance& instance) {
            if (wanted.afterwards == Afterwards::keep) {
                session.talk().note(fmt::format("{} is running, and stays", instance.id.str()));
            } else {
                session.talk().detail(fmt::format("{} is running", instance.id.str()));
            }
        };
        const OneShotOutcome outcome = AMIVIRT_TRY(services.one_shot.run(services.account, wanted, progress));
        int status = outcome.status;
        for (const Error& fault : outcome.faults) {
            session.talk().error(fault);
            status = status != 0 ? status : facts(fault.code).exit_status;
        }
        return status;
    }

    /// All of it in a child process, which has our streams, and we wait for it, until the instances are reserved.
    Result<int> launch_in_background(Session& session) {
        if (const std::optional<int> ended = AMIVIRT_TRY(session.around().go_background())) {
            return *ended;
        }
        Services& services = *AMIVIRT_TRY(session.open_to_launch());
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

    Result<void> choose_key(Services& services, std::string& name, const std::function<Result<void>()>& dry_run) const {
        if (name.empty() && no_key_ == NoKey::no && request_.dry_run == DryRun::no) {
            name = AMIVIRT_TRY(default_key(services, dry_run));
        }
        return {};
    }

    Result<std::vector<Instance>> launch(Session& session, Services& services) {
        AMIVIRT_TRY(choose_key(services, request_.key_name, [&]() -> Result<void> {
            RunRequest dry = request_;
            dry.dry_run = DryRun::yes;
            SilentProgress silent;
            (void)AMIVIRT_TRY(services.instances.run(services.account, dry, silent));
            return {};
        }));
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
    std::vector<std::pair<std::string, std::string>> volume_tags_;
    std::optional<Wait> wait_;
    NoWait no_wait_ = NoWait::no;
    enum class NoKey { yes, no };
    NoKey no_key_ = NoKey::no;
    RunRequest request_;
    OneShotOptions one_shot_;
};

}  // namespace

const Command& run_command() {
    static const Command command{{"run"}, "Launch instances from an image", embedded::help_run, make_action<Run>};
    return command;
}

}  // namespace amivirt::cli
