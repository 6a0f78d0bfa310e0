#include "amivirt/services/cloud_init.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "amivirt/base/interrupt.hpp"
#include "amivirt/domain/cloud_init.hpp"
#include "boot_report.hpp"

namespace amivirt {

namespace {

constexpr std::size_t k_longest_console = std::size_t{8} << 20U;
constexpr Duration k_poll = std::chrono::milliseconds(500);

}  // namespace

Result<void> CloudInit::wait(const InstanceId& instance, Duration timeout) {
    const auto deadline = ports_.clock.now() + timeout;
    const auto failed = [&](std::string sentence) {
        return Error(Code::incorrect_instance_state, boot_report(std::move(sentence), ports_.files, ports_.machine_log, instance),
                     where_to_read(ports_.files, ports_.machine_log, instance));
    };
    for (;;) {
        check_interrupt();
        // Asked before the console is read: what it printed before it went off is then all there.
        const auto domain = AMIVIRT_TRY(ports_.hypervisor.observe(instance));
        // Each time, for it may be switched off and on meanwhile. What earlier boots printed is no news.
        const auto begin = AMIVIRT_TRY(ports_.files.boot_offset(instance));
        const auto report = cloud_init_on_console(AMIVIRT_TRY(ports_.files.console(instance, begin, k_longest_console)));
        if (report.finished && report.faults.empty()) {
            return {};
        }
        if (report.finished) {
            return Error(Code::guest_failed,
                         fmt::format("cloud-init of \"{}\" failed: {}\nthe last that it printed:\n  {}", instance.str(),
                                     report.faults.front(), fmt::join(report.tail, "\n  ")),
                         where_to_read(ports_.files, ports_.machine_log, instance));
        }
        if (!domain || domain->state == DomainState::off) {
            return failed(fmt::format("instance \"{}\" went off before cloud-init had finished", instance.str()));
        }
        if (has_panicked(ports_.files, instance)) {
            return failed(fmt::format("the kernel of instance \"{}\" panicked before cloud-init had finished", instance.str()));
        }
        if (ports_.clock.now() >= deadline) {
            return Error(Code::timed_out,
                         boot_report(fmt::format("cloud-init of \"{}\" did not finish within {} s, as far as its console tells",
                                                 instance.str(), std::chrono::duration_cast<std::chrono::seconds>(timeout).count()),
                                     ports_.files, ports_.machine_log, instance),
                         "it is still running; " + where_to_read(ports_.files, ports_.machine_log, instance));
        }
        ports_.clock.sleep(k_poll);
    }
}

}  // namespace amivirt
