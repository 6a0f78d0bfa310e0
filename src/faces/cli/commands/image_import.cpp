#include <fmt/format.h>

#include "faces/cli/commands/commands.hpp"
#include "faces/cli/progress_bar.hpp"
#include "faces/cli/render_json.hpp"
#include "faces/cli/render_table.hpp"
#include "faces/cli/values.hpp"

namespace amivirt::cli {

namespace {

class ImageImport final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "FILE|URL",
                       .help = "qcow2, raw, VMDK, VHD, VHDX or VDI; plain, .gz, .xz or .zst",
                       .least = 1,
                       .most = 1,
                       .into = &sources_});
        options.text("--name", "NAME", "the image's name, unique in the account", request_.name).required();
        options.text("--description", "TEXT", "at most 255 characters", request_.description);
        options.parsed("--arch", "ARCH", "x86_64, i386 or arm64; else found by inspection", request_.architecture, parse_architecture);
        options.parsed("--boot-mode", "MODE", "legacy-bios, uefi or uefi-preferred; else found by inspection", request_.boot_mode,
                       parse_boot_mode);
        options.parsed("--sha256", "DIGEST", "refuse the file if its SHA-256 is another", request_.sha256, parse_sha256);
        options.text("--default-user", "USER", "who logs in", request_.default_user);
        options.flag("--public", "every account may launch it", [this] { request_.permissions.everyone = true; });
        options.flag("--no-inspect", "do not look into the disk", [this] { request_.inspect = Inspect::no; });
        options.parsed_each("--tag", "KEY=VALUE", "a tag", tags_, parse_tag);
    }

    Result<int> run(Session& session) override {
        request_.source = sources_.front();
        if (request_.source.empty() || request_.source == "-") {
            return usage_error(fmt::format("\"{}\" is no file and no URL", request_.source), "write \"./-\" for a file of that name");
        }
        AMIVIRT_TRY(check_image_name(request_.name));
        AMIVIRT_TRY(check_description(request_.description));
        request_.tags = AMIVIRT_TRY(tags_of(tags_));

        Services& services = *AMIVIRT_TRY(session.open());
        const Image image = AMIVIRT_TRY(import(session, services));
        Answer answer;
        answer.ids = {image.id.str()};
        answer.document = [&answer] { return image_ids_document(answer.ids); };
        answer.table = [&] { return images_table({image}, services.clock.now()); };
        session.print(answer, Format::id);
        return 0;
    }

private:
    Result<Image> import(Session& session, Services& services) {
        ProgressBar progress(session.talk(), session.around().ticks);
        return services.images.import(services.account, request_, progress);
    }

    std::vector<std::string> sources_;
    std::vector<std::pair<std::string, std::string>> tags_;
    ImportRequest request_;
};

}  // namespace

const Command& image_import_command() {
    static const Command command{
        {"image import"}, "Make an image from a disk image, and print its id", embedded::help_image_import, make_action<ImageImport>};
    return command;
}

}  // namespace amivirt::cli
