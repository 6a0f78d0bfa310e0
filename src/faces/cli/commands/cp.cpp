#include <fmt/format.h>

#include "faces/cli/commands/commands.hpp"
#include "faces/cli/commands/login_steps.hpp"

namespace amivirt::cli {

namespace {

/// "web:/etc/motd"; of a path here, `instance` is empty. A name with a slash before its colon is a path here ("./a:b").
struct Place {
    std::string instance;
    std::string path;
};
Place parse_place(const std::string& text) {
    const std::size_t colon = text.find(':');
    if (colon == std::string::npos || colon == 0 || text.find('/') < colon) {
        return {{}, text};
    }
    return {text.substr(0, colon), text.substr(colon + 1)};
}

class Copy final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "SOURCE DESTINATION",
                       .help = "files and folders, and where they go: one side of it INSTANCE:PATH",
                       .least = 2,
                       .most = SIZE_MAX,
                       .into = &words_});
        login_.declare(options);
    }

    Result<int> run(Session& session) override {
        const Place to = parse_place(words_.back());
        std::string instance = to.instance;
        std::vector<std::string> from;
        for (std::size_t i = 0; i + 1 < words_.size(); ++i) {
            Place place = parse_place(words_[i]);
            if (i > 0 && (place.instance.empty() != from_here(to) || (!place.instance.empty() && place.instance != instance))) {
                return usage_error("all sources lie on the same side, and on the same instance");
            }
            if (place.instance.empty() == to.instance.empty()) {
                return usage_error(to.instance.empty() ? "neither side names an instance" : "both sides name an instance",
                                   "as in `amivirt cp report.txt web:/tmp/`; a file here with a colon in its name is ./NAME");
            }
            if (!place.instance.empty()) {
                instance = place.instance;
            }
            from.push_back(std::move(place.path));
        }
        Services& services = *AMIVIRT_TRY(session.open());
        const LoginTarget target = AMIVIRT_TRY(login_to(session, services, instance, login_));
        AMIVIRT_TRY(from_here(to) ? services.shell.copy_in(target, from, to.path) : services.shell.copy_out(target, from, to.path));
        return 0;
    }

private:
    static bool from_here(const Place& to) { return !to.instance.empty(); }

    std::vector<std::string> words_;
    LoginOptions login_;
};

}  // namespace

const Command& cp_command() {
    static const Command command{{"cp"}, "Copy files and folders to or from an instance", embedded::help_cp, make_action<Copy>};
    return command;
}

}  // namespace amivirt::cli
