#include <fmt/format.h>

#include "faces/cli/commands/commands.hpp"
#include "faces/cli/progress_bar.hpp"
#include "faces/cli/render_insides.hpp"
#include "faces/cli/text.hpp"

namespace amivirt::cli {

namespace {

class ImageLint final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "IMAGE", .help = "by id or name", .least = 1, .most = 1, .into = &names_});
        options.text("--fix", "NAME", "make an image of this name without what was found, and print its id", fix_);
    }

    Result<int> run(Session& session) override {
        if (!fix_.empty()) {
            AMIVIRT_TRY(check_image_name(fix_));
        }
        Services& services = *AMIVIRT_TRY(session.open());
        const LintReport report = AMIVIRT_TRY(look(session, services));
        Answer answer;
        answer.document = [&] { return lint_document(report); };
        answer.table = [&] { return report.findings.empty() ? std::string() : lint_table(report); };
        if (report.cleaned) {
            answer.ids = {report.cleaned->id.str()};
        } else {
            for (const LintFinding& finding : report.findings) {
                answer.ids.push_back(printable_line(finding.path));
            }
        }
        if (report.findings.empty()) {
            session.talk().note(fmt::format("{} has nothing that should not be shared{}", report.image.id.str(),
                                            fix_.empty() ? "" : ": no image was made"));
        }
        if (report.cleaned) {
            session.talk().note(lint_table(report));
        }
        session.print(answer, report.cleaned ? Format::id : Format::table);
        const bool clean = report.findings.empty() || report.cleaned;
        return static_cast<int>(clean ? ExitStatus::done : ExitStatus::failed);
    }

private:
    Result<LintReport> look(Session& session, Services& services) const {
        ProgressBar progress(session.talk(), session.around().ticks);
        return fix_.empty() ? services.capture.lint(services.account, names_.front(), progress)
                            : services.capture.clean(services.account, names_.front(), fix_, progress);
    }

    std::vector<std::string> names_;
    std::string fix_;
};

}  // namespace

const Command& image_lint_command() {
    static const Command command{
        {"image lint"}, "Tell what an image should not be shared with", embedded::help_image_lint, make_action<ImageLint>};
    return command;
}

}  // namespace amivirt::cli
