#include <fmt/format.h>

#include <csignal>

#include "amivirt/base/interrupt.hpp"
#include "faces/cli/commands/commands.hpp"
#include "faces/cli/render_json.hpp"
#include "faces/cli/text.hpp"

namespace amivirt::cli {

namespace {

constexpr std::size_t k_chunk = 256UL * 1024;
constexpr Duration k_poll = std::chrono::milliseconds{200};
constexpr int k_polls_a_look = 5;  // the instance's state is asked once a second

enum class Follow { yes, no };
enum class Raw { yes, no };
/// `console -f | head`: a guest that prints nothing more would keep us for ever.
enum class Listener { there, gone };

class Console final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "INSTANCE", .help = "by id or name", .least = 1, .most = SIZE_MAX, .into = &names_});
        options.flag("-f,--follow", "go on until the instance is off", [this] { follow_ = Follow::yes; });
        options.flag("--raw", "leave escape sequences in on a terminal", [this] { raw_ = Raw::yes; });
    }

    Result<int> run(Session& session) override {
        const bool is_tree = session.format() == Format::json || session.format() == Format::yaml;
        if (follow_ == Follow::yes && names_.size() > 1) {
            return usage_error("--follow follows one instance");
        }
        if (is_tree && (follow_ == Follow::yes || names_.size() > 1)) {
            return usage_error("-o json and -o yaml show the whole console of one instance", "leave out --follow and further instances");
        }
        Services& services = *AMIVIRT_TRY(session.open());
        int status = 0;
        for (const std::string& name : names_) {
            if (const Result<void> shown = show(session, services, name); !shown) {
                session.talk().error(shown.error());
                status = status != 0 ? status : facts(shown.error().code).exit_status;
            }
        }
        return status;
    }

private:
    Result<void> show(Session& session, Services& services, const std::string& name) const {
        const Instance instance = AMIVIRT_TRY(services.instances.resolve(services.account, name));
        if (instance.state == InstanceState::terminated) {
            return Error(Code::incorrect_instance_state,
                         fmt::format("The instance \"{}\" is terminated; its console log is gone", instance.id.str()));
        }
        if (session.format() == Format::json || session.format() == Format::yaml) {
            std::string output;
            AMIVIRT_TRY(print_from(services, instance.id, 0, [&output](const std::string& chunk) {
                output += chunk;
                return Listener::there;
            }));
            Answer answer;
            answer.document = [&] { return console_document(instance.id, services.clock.now(), output); };
            session.print(answer);
            return {};
        }
        if (names_.size() > 1) {
            session.print_raw(fmt::format("==> {} <==\n", instance.id.str()));
        }
        ConsoleFilter filter;
        const bool is_filtered = session.around().out_is_terminal && raw_ == Raw::no;
        const auto listener = [&] {
            return session.around().out.good() && !session.around().reader_gone() ? Listener::there : Listener::gone;
        };
        const auto print = [&](const std::string& chunk) {
            session.print_raw(is_filtered ? filter(chunk) : chunk);
            return listener();
        };
        const std::uint64_t end = AMIVIRT_TRY(print_from(services, instance.id, 0, print));
        return follow_ == Follow::yes ? follow(services, instance.id, end, print, listener) : Result<void>();
    }

    /// Until Ctrl-C, which is the ordinary way to end this.
    template <class Print, class Ask>
    static Result<void> follow(Services& services, const InstanceId& instance, std::uint64_t offset, const Print& print,
                               const Ask& listener) {
        try {
            for (;;) {
                const InstanceListing seen = AMIVIRT_TRY(services.instances.describe(
                    services.account, {.ids_or_names = {instance.str()}, .filters = {}, .include_terminated = true, .session = {}}));
                const bool is_off = seen.views.empty() || seen.views.front().instance.state == InstanceState::stopped ||
                                    seen.views.front().instance.state == InstanceState::terminated;
                for (int i = 0; i < k_polls_a_look; ++i) {
                    offset = AMIVIRT_TRY(print_from(services, instance, offset, print));
                    if (is_off || listener() == Listener::gone) {
                        return {};
                    }
                    services.clock.sleep(k_poll);
                }
            }
        } catch (const Interrupted& interrupted) {
            if (interrupted.signal_number != SIGINT) {
                throw;
            }
            clear_interrupt();
            return {};
        }
    }

    /// All there is from `offset` on, while somebody listens; returns the new end.
    template <class Print>
    static Result<std::uint64_t> print_from(Services& services, const InstanceId& instance, std::uint64_t offset, const Print& print) {
        for (;;) {
            const std::string chunk = AMIVIRT_TRY(services.files.console(instance, offset, k_chunk));
            if (chunk.empty()) {
                return offset;
            }
            offset += chunk.size();
            if (print(chunk) == Listener::gone) {
                return offset;
            }
            check_interrupt();
        }
    }

    std::vector<std::string> names_;
    Follow follow_ = Follow::no;
    Raw raw_ = Raw::no;
};

}  // namespace

const Command& console_command() {
    static const Command command{
        {"console", "instance console"}, "What the serial console printed", embedded::help_console, make_action<Console>};
    return command;
}

}  // namespace amivirt::cli
