#include <fmt/format.h>

#include <ostream>

#include "faces/cli/command.hpp"

namespace amivirt::cli {

Result<Services*> Session::open() {
    Services* services = AMIVIRT_TRY(backend_.open(global_));
    services_ = services;
    const Result<std::vector<std::string>> recovered = services->reconciler.recover();
    if (!recovered) {
        talk_.warning(describe(recovered.error()));
        return services;
    }
    for (const std::string& sentence : *recovered) {
        talk_.warning(sentence);
    }
    if (const Result<std::size_t> purged = services->bin.purge(); !purged) {
        talk_.warning(describe(purged.error()));
    }
    return services;
}

Result<Services*> Session::open_to_launch() {
    Services* services = AMIVIRT_TRY(open());
    const Result<Reaped> reaped = services->leases.reap();
    if (!reaped) {
        talk_.warning(describe(reaped.error()));
        return services;
    }
    for (const Error& error : reaped->left) {
        talk_.warning(describe(error));
    }
    for (const Reaped::One& one : reaped->terminated) {
        talk_.detail(fmt::format("terminated {}, which was over", one.id.str()));
    }
    return services;
}

void Session::close() {
    if (services_ == nullptr || !services_->instances.any_came_to_rest()) {
        return;
    }
    const Result<std::vector<VolumeId>> deep = services_->snapshots.too_deep();
    if (!deep || deep->empty()) {
        return;
    }
    std::vector<std::string> arguments{"gc", "--flatten", "-q"};
    const auto pass_on = [&arguments](const char* option, const std::string& value) {
        if (!value.empty()) {
            arguments.insert(arguments.end(), {option, value});
        }
    };
    pass_on("--home", global_.home);
    pass_on("--connect", global_.connect);
    pass_on("--region", global_.region);
    pass_on("--account", global_.account);
    pass_on("--log-file", global_.log_file);
    if (const Result<void> begun = around_.detach(arguments); !begun) {
        talk_.detail(describe(begun.error()));
    }
}

void Session::print(const Answer& answer, Format otherwise) { print_raw(render(answer, format(otherwise))); }

void Session::print_raw(std::string_view bytes) { around_.out << bytes << std::flush; }

}  // namespace amivirt::cli
