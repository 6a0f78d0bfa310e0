#include <fmt/format.h>

#include "faces/cli/commands/commands.hpp"
#include "faces/cli/commands/made_images.hpp"
#include "faces/cli/progress_bar.hpp"
#include "faces/cli/values.hpp"

namespace amivirt::cli {

namespace {

class ImageImport final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "FILE|URL",
                       .help = "qcow2, raw, VMDK, VHD, VHDX or VDI, plain, .gz, .xz or .zst; or an OVA",
                       .least = 1,
                       .most = 1,
                       .into = &sources_});
        options.text("--name", "NAME", "the image's name, unique in the account", request_.name).required();
        options.text("--description", "TEXT", "at most 255 characters", request_.description, MayBeEmpty::yes);
        options.parsed("--arch", "ARCH", "x86_64, i386 or arm64; else found by inspection", request_.architecture, parse_architecture);
        options.parsed("--boot-mode", "MODE", "legacy-bios, uefi or uefi-preferred; else found by inspection", request_.boot_mode,
                       parse_boot_mode);
        options.parsed("--sha256", "DIGEST", "refuse the file if its SHA-256 is another", request_.sha256, parse_sha256);
        options.text("--default-user", "USER", "who logs in", request_.default_user);
        options.parsed("--image-id", "ID", "the id it is to have: ami- and 8 or 17 hexadecimal digits; else a fresh one", request_.id,
                       ImageId::parse);
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
        show_made(session, services, {image});
        return 0;
    }

private:
    Result<Image> import(Session& session, Services& services) {
        ProgressBar progress(session.talk(), session.around().ticks);
        if (services.carrying.is_ova(request_.source)) {
            return services.carrying.import_ova(services.account, {request_.source, request_}, progress);
        }
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
