#include "faces/cli/commands/commands.hpp"
#include "faces/cli/commands/made_images.hpp"
#include "faces/cli/progress_bar.hpp"
#include "faces/cli/values.hpp"

namespace amivirt::cli {

namespace {

class ImageCreate final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "INSTANCE", .help = "by id or name", .least = 1, .most = 1, .into = &names_});
        options.text("--name", "NAME", "the image's name, unique in the account", request_.name).required();
        options.text("--description", "TEXT", "at most 255 characters", request_.description, MayBeEmpty::yes);
        options.flag("--no-reboot", "leave the instance running; what it had not written yet may be missing",
                     [this] { request_.reboot = Reboot::no; });
        options.parsed("--quiesce", "HOW",
                       "with --no-reboot, freeze the guest's file systems: auto (where its agent answers, the default), yes or no",
                       quiesce_, parse_quiesce);
        options.parsed("--timeout", "DURATION", "how long the guest may take to shut down before its plug is pulled (120s)", request_.grace,
                       parse_duration);
        options.flag("--generalize", "remove machine-id, SSH host keys, cloud-init's state, logs and histories from the image",
                     [this] { request_.generalize = Generalize::yes; });
        options.parsed_each("--map", "DEVICE=SPEC",
                            "/dev/sdb=none leaves it out, /dev/sdb=::true deletes on termination; another name: a new one",
                            request_.mapping, parse_block_device);
        options.parsed_each("--tag", "KEY=VALUE", "a tag of the image", tags_, parse_tag);
    }

    Result<int> run(Session& session) override {
        if (quiesce_ && request_.reboot == Reboot::yes) {
            return usage_error("--quiesce is for a guest that goes on running", "add --no-reboot");
        }
        if (request_.grace && request_.reboot == Reboot::no) {
            return usage_error("--no-reboot shuts nothing down, so --timeout says nothing", "leave one of them out");
        }
        AMIVIRT_TRY(check_image_name(request_.name));
        AMIVIRT_TRY(check_description(request_.description));
        request_.instance = names_.front();
        request_.quiesce = quiesce_.value_or(Quiesce::automatic);
        request_.tags = AMIVIRT_TRY(tags_of(tags_));
        Services& services = *AMIVIRT_TRY(session.open());
        const Image image = AMIVIRT_TRY(create(session, services));
        show_made(session, services, {image});
        return 0;
    }

private:
    Result<Image> create(Session& session, Services& services) {
        ProgressBar progress(session.talk(), session.around().ticks);
        return services.capture.create(services.account, request_, progress);
    }

    std::vector<std::string> names_;
    std::vector<std::pair<std::string, std::string>> tags_;
    std::optional<Quiesce> quiesce_;
    CreateImageRequest request_;
};

}  // namespace

const Command& image_create_command() {
    static const Command command{
        {"image create"}, "Make an image of an instance, and print its id", embedded::help_image_create, make_action<ImageCreate>};
    return command;
}

}  // namespace amivirt::cli
