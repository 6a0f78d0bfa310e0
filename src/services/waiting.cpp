// Waiting for instances: where they are reached, and when they are what one waits for.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "amivirt/services/instances.hpp"
#include "boot_report.hpp"

namespace amivirt {

namespace {

constexpr Duration k_poll{200};
// Between two looks whether the machine is still on, while SSH does not answer.
constexpr Duration k_slice = std::chrono::seconds(2);
constexpr std::uint16_t k_ssh_port = 22;

bool is_off(const std::optional<ObservedDomain>& domain) { return !domain || domain->state == DomainState::off; }

std::string_view ended_how(OffReason reason) {
    switch (reason) {
        case OffReason::crashed:
        case OffReason::failed:
            return "ended (QEMU died)";
        case OffReason::destroyed:
            return "was switched off";
        case OffReason::guest_shutdown:
            return "switched itself off";
        case OffReason::none:
            return "went off";
    }
    return "went off";
}

/// Whole ones from one on: what is left of 3 s is 3 s to a person.
double seconds(Duration duration) {
    const double exact = std::chrono::duration<double>(duration).count();
    return exact < 1 ? exact : std::round(exact);
}

}  // namespace

Result<std::vector<std::string>> Instances::addresses(const Instance& instance) {
    const auto network = AMIVIRT_TRY(parse_network(instance.network));
    if (network.kind == NetworkChoice::Kind::user || instance.state != InstanceState::running) {
        return std::vector<std::string>();
    }
    return ports_.networks.addresses(instance.id, instance.mac_address);
}

Result<std::optional<Reach>> Instances::reach(const Instance& instance) {
    if (const auto forward = ssh_forward(instance)) {
        // What listens everywhere is reached here, too.
        return std::optional(Reach{forward->address == "0.0.0.0" ? "127.0.0.1" : forward->address, forward->host_port});
    }
    const auto known = AMIVIRT_TRY(addresses(instance));
    return known.empty() ? std::nullopt : std::optional(Reach{known.front(), k_ssh_port});
}

Result<void> Instances::wait_ssh(const InstanceId& id, Duration timeout, Report report) {
    const auto deadline = ports_.clock.now() + timeout;
    const auto failed = [&](Code code, std::string sentence) {
        return Error(code,
                     boot_report(std::move(sentence), ports_.files, ports_.machine_log, id,
                                 report == Report::full ? k_full_report_lines : k_report_lines),
                     where_to_read(ports_.files, ports_.machine_log, id));
    };
    for (;;) {
        const auto instance = AMIVIRT_TRY(reread(id));
        const auto where = AMIVIRT_TRY(reach(instance));
        const auto left = std::max(Duration{0}, deadline - ports_.clock.now());
        if (where) {
            auto greeting = ports_.host.wait_ssh_greeting(where->address, where->port, std::min(left, k_slice));
            if (greeting || greeting.error().code != Code::timed_out) {
                return greeting ? Result<void>{} : Result<void>(std::move(greeting.error()));
            }
        } else if (AMIVIRT_TRY(parse_network(instance.network)).kind == NetworkChoice::Kind::user) {
            return Error(Code::unsupported_operation, fmt::format("instance \"{}\" has no forwarded SSH port", id.str()));
        } else {
            ports_.clock.sleep(std::min(left, k_poll));
        }
        if (const auto domain = AMIVIRT_TRY(ports_.hypervisor.observe(id)); is_off(domain)) {
            const auto what = ended_how(domain ? domain->reason : OffReason::none);
            return failed(Code::incorrect_instance_state, fmt::format("instance \"{}\" {} before SSH answered", id.str(), what));
        }
        if (has_panicked(ports_.files, id)) {
            return failed(Code::incorrect_instance_state,
                          fmt::format("the kernel of instance \"{}\" panicked before SSH answered", id.str()));
        }
        if (ports_.clock.now() >= deadline) {
            return failed(Code::timed_out, where ? fmt::format("instance \"{}\" did not answer SSH on {}:{} within {} s", id.str(),
                                                               where->address, where->port, seconds(timeout))
                                                 : fmt::format("instance \"{}\" got no address on {} within {} s", id.str(),
                                                               instance.network, seconds(timeout)));
        }
    }
}

Result<void> Instances::wait_state(const AccountId& caller, const InstanceId& id, InstanceState state, Duration timeout) {
    const auto deadline = ports_.clock.now() + timeout;
    InstanceQuery query;
    query.ids_or_names = {id.str()};
    query.include_terminated = true;
    for (bool seen = false;; seen = true) {
        auto listing = describe(caller, query);
        if (!listing) {
            // Only a launch that failed takes an instance away that was there a moment ago.
            return seen && listing.error().code == Code::invalid_instance_id_not_found
                       ? Error(Code::incorrect_instance_state,
                               fmt::format("instance \"{}\" will not be {}: it is gone, its launch failed", id.str(), to_string(state)))
                       : std::move(listing.error());
        }
        const bool is_known = !listing->views.empty() && !listing->hypervisor_error;
        const Instance now = listing->views.empty() ? Instance{} : listing->views.front().instance;
        if (is_known && now.state == state) {
            return {};
        }
        const bool is_ending = now.state == InstanceState::terminated || now.state == InstanceState::shutting_down;
        if (is_known && is_ending && state != InstanceState::terminated) {
            return Error(Code::incorrect_instance_state,
                         fmt::format("instance \"{}\" will not be {}: it is {}{}", id.str(), to_string(state), to_string(now.state),
                                     now.state_reason_message.empty() ? "" : fmt::format(" ({})", now.state_reason_message)));
        }
        if (ports_.clock.now() >= deadline) {
            if (listing->hypervisor_error) {
                return std::move(*listing->hypervisor_error);
            }
            return Error(Code::timed_out, fmt::format("instance \"{}\" is not {} within {} s: it is {}", id.str(), to_string(state),
                                                      seconds(timeout), to_string(now.state)));
        }
        ports_.clock.sleep(std::min(k_poll, std::max(Duration{1}, deadline - ports_.clock.now())));
    }
}

}  // namespace amivirt
