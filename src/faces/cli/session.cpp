#include <ostream>

#include "faces/cli/command.hpp"

namespace amivirt::cli {

Result<Services*> Session::open() {
    Services* services = AMIVIRT_TRY(backend_.open(global_));
    const Result<std::vector<std::string>> recovered = services->reconciler.recover();
    if (!recovered) {
        talk_.warning(describe(recovered.error()));
        return services;
    }
    for (const std::string& sentence : *recovered) {
        talk_.warning(sentence);
    }
    return services;
}

void Session::print(const Answer& answer, Format otherwise) { print_raw(render(answer, format(otherwise))); }

void Session::print_raw(std::string_view bytes) { around_.out << bytes << std::flush; }

}  // namespace amivirt::cli
