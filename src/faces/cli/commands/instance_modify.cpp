#include "faces/cli/commands/commands.hpp"
#include "faces/cli/commands/several.hpp"
#include "faces/cli/render_disks.hpp"
#include "faces/cli/values.hpp"

namespace amivirt::cli {

namespace {

class InstanceModify final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "INSTANCE", .help = "by id or name", .least = 1, .most = 1, .into = &names_});
        options.parsed_each("--delete-on-termination", "DEVICE=yes|no", "does the volume of this device go with the instance?", deletions_,
                            parse_device_switch);
    }

    Result<int> run(Session& session) override {
        if (deletions_.empty()) {
            return usage_error("there is nothing to change", "as in \"--delete-on-termination /dev/sdf=no\"");
        }
        Services& services = *AMIVIRT_TRY(session.open());
        const Instance instance = AMIVIRT_TRY(services.instances.resolve(services.account, names_.front()));
        std::vector<Volume> changed;
        int status = 0;
        for (const DeviceSwitch& wanted : deletions_) {
            Result<Volume> volume = services.volumes.set_delete_on_termination(
                services.account, instance.id.str(), wanted.device, wanted.on ? DeleteOnTermination::yes : DeleteOnTermination::no);
            if (volume) {
                changed.push_back(std::move(*volume));
                continue;
            }
            session.talk().error(volume.error());
            status = status != 0 ? status : facts(volume.error().code).exit_status;
        }
        if (changed.empty()) {
            return status;
        }
        Answer answer;
        answer.table = [&] { return fields_of(changed, volume_fields); };
        answer.document = [&] { return instance_mapping_document(instance.id, changed); };
        answer.ids = {instance.id.str()};
        session.print(answer, Format::id);
        return status;
    }

private:
    std::vector<std::string> names_;
    std::vector<DeviceSwitch> deletions_;
};

}  // namespace

const Command& instance_modify_command() {
    static const Command command{
        {"instance modify"}, "Change what becomes of an instance's volumes", embedded::help_instance_modify, make_action<InstanceModify>};
    return command;
}

}  // namespace amivirt::cli
