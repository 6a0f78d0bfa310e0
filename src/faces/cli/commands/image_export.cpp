#include "faces/cli/commands/commands.hpp"
#include "faces/cli/progress_bar.hpp"
#include "faces/cli/render_carried.hpp"

namespace amivirt::cli {

namespace {

class ImageExport final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words(
            {.name = "IMAGE FILE", .help = "the image, by id or name, and the file to be made", .least = 2, .most = 2, .into = &words_});
        options.parsed("--format", "FORMAT", "qcow2, raw, vmdk, vhd or ova", request_.format, parse_export_format).required();
        options.text("--device", "DEVICE", "which volume, such as /dev/sdb; the root if not said", request_.device);
        options.flag("--force", "replace FILE if it is there", [this] { request_.replace = Replace::yes; });
    }

    Result<int> run(Session& session) override {
        request_.image = words_[0];
        request_.file = words_[1];
        Services& services = *AMIVIRT_TRY(session.open());
        const Outcome outcome = AMIVIRT_TRY(make(session, services));
        session.print(export_answer(outcome, to_string(request_.format)), Format::id);
        return 0;
    }

private:
    Result<Outcome> make(Session& session, Services& services) {
        ProgressBar progress(session.talk(), session.around().ticks);
        return services.carrying.export_image(services.account, request_, progress);
    }

    std::vector<std::string> words_;
    ExportRequest request_;
};

}  // namespace

const Command& image_export_command() {
    static const Command command{
        {"image export"}, "Write an image as a disk file that needs no amivirt", embedded::help_image_export, make_action<ImageExport>};
    return command;
}

}  // namespace amivirt::cli
