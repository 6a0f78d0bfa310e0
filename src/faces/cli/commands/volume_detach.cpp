#include "faces/cli/commands/commands.hpp"
#include "faces/cli/commands/several.hpp"
#include "faces/cli/render_disks.hpp"

namespace amivirt::cli {

namespace {

/// A volume that is free now, and how it was attached before, if it was.
struct Detached {
    Volume volume;
    std::optional<Attachment> before;
};

class VolumeDetach final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "VOLUME", .help = "by id or name", .least = 1, .most = SIZE_MAX, .into = &names_});
        options.parsed("--timeout", "DURATION", "how long the guest may take to let go: 30s if not said", patience_, parse_duration);
    }

    Result<int> run(Session& session) override {
        Services& services = *AMIVIRT_TRY(session.open());
        const auto detached = act_on_each<Volume, Detached>(
            session, names_, 1, [&](const std::string& name) { return services.volumes.resolve(services.account, name); },
            [&](const Volume& before) -> Result<Detached> {
                return Detached{AMIVIRT_TRY(services.volumes.detach(services.account, before.id.str(), patience_)), before.attachment};
            });
        Answer answer;
        std::vector<Volume> volumes;
        std::vector<AttachmentChange> changes;
        for (const Detached& one : detached.done) {
            volumes.push_back(one.volume);
            if (one.before) {
                changes.push_back({one.volume.id, *one.before});
            }
        }
        answer.table = [&] { return volumes_table(volumes, services.clock.now()); };
        answer.document = [&] { return attachments_document(changes, AttachmentState::detached); };
        answer.ids = ids_of(volumes);
        if (!volumes.empty()) {
            session.print(answer, Format::id);
        }
        return detached.status;
    }

private:
    std::vector<std::string> names_;
    Duration patience_ = std::chrono::seconds(30);
};

}  // namespace

const Command& volume_detach_command() {
    static const Command command{
        {"volume detach"}, "Take volumes from their instances", embedded::help_volume_detach, make_action<VolumeDetach>};
    return command;
}

}  // namespace amivirt::cli
