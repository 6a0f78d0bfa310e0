#include "faces/cli/commands/commands.hpp"
#include "faces/cli/commands/image_change.hpp"
#include "faces/cli/render_json.hpp"

namespace amivirt::cli {

namespace {

class ImageDeregister final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "IMAGE", .help = "by id or name", .least = 1, .most = SIZE_MAX, .into = &names_});
        options.flag("--delete-snapshots", "delete its snapshots too, but for those another image uses",
                     [this] { snapshots_ = DeleteSnapshots::yes; });
    }

    Result<int> run(Session& session) override {
        Services& services = *AMIVIRT_TRY(session.open());
        std::vector<SnapshotId> deleted;
        Answer answer;
        int status = 0;
        for (const std::string& name : names_) {
            if (Result<std::string> id = deregister(session, services, name, deleted)) {
                answer.ids.push_back(std::move(*id));
            } else {
                session.talk().error(id.error());
                status = status != 0 ? status : facts(id.error().code).exit_status;
            }
        }
        if (answer.ids.empty()) {
            return status;
        }
        answer.document = [&] { return deregister_document(deleted); };
        answer.table = [&] {
            TextTable table({"ID"});
            for (const std::string& id : answer.ids) {
                table.add({id});
            }
            return table.str();
        };
        session.print(answer, Format::id);
        return status;
    }

private:
    Result<std::string> deregister(Session& session, Services& services, const std::string& name, std::vector<SnapshotId>& deleted) const {
        const Image image = AMIVIRT_TRY(services.images.resolve(services.account, name));
        const Deregistration done = AMIVIRT_TRY(services.images.deregister(services.account, image.id.str(), snapshots_));
        tell_stay(session, "image", image.id.str(), done.bin);
        deleted.insert(deleted.end(), done.snapshots.begin(), done.snapshots.end());
        return image.id.str();
    }

    std::vector<std::string> names_;
    DeleteSnapshots snapshots_ = DeleteSnapshots::no;
};

}  // namespace

const Command& image_deregister_command() {
    static const Command command{{"image deregister"},
                                 "No more launches from an image; its instances go on",
                                 embedded::help_image_deregister,
                                 make_action<ImageDeregister>};
    return command;
}

}  // namespace amivirt::cli
