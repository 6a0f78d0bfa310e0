#include "faces/cli/commands/commands.hpp"
#include "faces/cli/progress_bar.hpp"
#include "faces/cli/render_insides.hpp"
#include "faces/cli/text.hpp"

namespace amivirt::cli {

namespace {

class ImageDifference final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "IMAGE IMAGE", .help = "by id or name: before, after", .least = 2, .most = 2, .into = &names_});
    }

    Result<int> run(Session& session) override {
        Services& services = *AMIVIRT_TRY(session.open());
        const ImageDiff diff = AMIVIRT_TRY(compare(session, services));
        Answer answer;
        answer.document = [&] { return diff_document(diff); };
        answer.table = [&] { return diff_text(diff); };
        for (const auto* paths : {&diff.added, &diff.removed}) {
            for (const std::string& path : *paths) {
                answer.ids.push_back(printable_line(path));
            }
        }
        for (const ImageDiff::Changed& changed : diff.changed) {
            answer.ids.push_back(printable_line(changed.path));
        }
        if (diff.packages_unknown) {
            session.talk().note("packages are not compared: one of the two has a package manager whose database cannot be read");
        }
        if (diff.none()) {
            session.talk().note("no file differs");
        }
        session.print(answer);
        return 0;
    }

private:
    Result<ImageDiff> compare(Session& session, Services& services) const {
        ProgressBar progress(session.talk(), session.around().ticks);
        return services.capture.diff(services.account, names_[0], names_[1], progress);
    }

    std::vector<std::string> names_;
};

}  // namespace

const Command& image_diff_command() {
    static const Command command{
        {"image diff"}, "Tell which files, packages and users differ", embedded::help_image_diff, make_action<ImageDifference>};
    return command;
}

}  // namespace amivirt::cli
