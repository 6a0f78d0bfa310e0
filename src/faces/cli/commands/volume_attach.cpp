#include "faces/cli/commands/commands.hpp"
#include "faces/cli/render_disks.hpp"

namespace amivirt::cli {

namespace {

class VolumeAttach final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "VOLUME INSTANCE", .help = "by id or name", .least = 2, .most = 2, .into = &names_});
        options.text("--device", "DEVICE", "its name there: /dev/sdf; the first free one if not said", request_.device);
        options.flag("--delete-on-termination", "the volume goes with the instance", [this] { request_.delete_on_termination = true; });
    }

    Result<int> run(Session& session) override {
        request_.volume = names_[0];
        request_.instance = names_[1];
        Services& services = *AMIVIRT_TRY(session.open());
        const Volume volume = AMIVIRT_TRY(services.volumes.attach(services.account, request_));
        Answer answer;
        answer.table = [&] { return volumes_table({volume}, services.clock.now()); };
        answer.document = [&] {
            return attachments_document({{volume.id, volume.attachment.value_or(Attachment{})}}, AttachmentState::attached);
        };
        answer.ids = {volume.id.str()};
        session.print(answer, Format::id);
        return 0;
    }

private:
    std::vector<std::string> names_;
    AttachVolumeRequest request_;
};

}  // namespace

const Command& volume_attach_command() {
    static const Command command{
        {"volume attach"}, "Give an instance a volume, while it runs or not", embedded::help_volume_attach, make_action<VolumeAttach>};
    return command;
}

}  // namespace amivirt::cli
