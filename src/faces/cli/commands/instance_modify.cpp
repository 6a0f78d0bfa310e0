#include <fmt/format.h>

#include "amivirt/domain/lease.hpp"
#include "faces/cli/commands/commands.hpp"
#include "faces/cli/commands/several.hpp"
#include "faces/cli/render_disks.hpp"
#include "faces/cli/render_json.hpp"
#include "faces/cli/user_data.hpp"
#include "faces/cli/values.hpp"

namespace amivirt::cli {

namespace {

Result<std::string> parse_type(std::string_view text) { return std::string(text); }

Result<bool> parse_switch(std::string_view text) {
    if (text != "on" && text != "off") {
        return Error(Code::invalid_parameter_value, fmt::format("\"{}\" is neither \"on\" nor \"off\"", text));
    }
    return text == "on";
}

Result<NewLease> parse_lease(std::string_view text) {
    if (text == "none") {
        return NewLease{};
    }
    return NewLease{AMIVIRT_TRY(parse_ttl(text))};
}

std::string attribute_fields(const Instance& instance, const ModifyInstanceRequest& request) {
    FieldList fields;
    fields.add("Instance", instance.id.str());
    fields.add("Type", request.type ? instance.type : "");
    fields.add("User data", request.user_data ? fmt::format("{} bytes", instance.user_data.size()) : "");
    fields.add("On shutdown", request.shutdown_behavior ? std::string(to_string(instance.shutdown_behavior)) : "");
    fields.add("Protected", !request.termination_protected ? "" : instance.termination_protected ? "from termination" : "no");
    fields.add("Expires", !request.lease ? "" : instance.expires ? to_iso8601(*instance.expires) : "never");
    return fields.str();
}

class InstanceModify final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "INSTANCE", .help = "by id or name", .least = 1, .most = 1, .into = &names_});
        options.parsed_each("--delete-on-termination", "DEVICE=yes|no", "does the volume of this device go with the instance?", deletions_,
                            parse_device_switch);
        options.parsed("--type", "TYPE", "another instance type (stopped only)", request_.type, parse_type);
        options.text("--user-data", "FILE", "other user data (stopped only); - is standard input", user_data_);
        options.flag("--user-data-large", "let it have 1 MiB instead of EC2's 16 KiB",
                     [this] { request_.large_user_data = LargeUserData::yes; });
        options.parsed("--shutdown-behavior", "WHAT", "what a power-off from within does: stop or terminate", request_.shutdown_behavior,
                       parse_shutdown_behavior);
        options.parsed("--termination-protection", "on|off", "does \"terminate\" refuse?", request_.termination_protected, parse_switch);
        options.parsed("--ttl", "TIME|none", "terminate it after that long from now on: 90s, 30m, 12h, 7d; or not at all", request_.lease,
                       parse_lease);
    }

    Result<int> run(Session& session) override {
        const bool is_instances =
            request_.type || request_.shutdown_behavior || request_.termination_protected || request_.lease || !user_data_.empty();
        if (deletions_.empty() && !is_instances) {
            return usage_error("there is nothing to change", "as in \"--type t3.large\" or \"--delete-on-termination /dev/sdf=no\"");
        }
        if (!user_data_.empty()) {
            request_.user_data = AMIVIRT_TRY(read_small_file(
                user_data_, session.around().in, request_.large_user_data == LargeUserData::yes ? k_large_user_data : k_user_data));
            if (const std::string doubt = user_data_warning(*request_.user_data); !doubt.empty()) {
                session.talk().warning(doubt);
            }
        }
        Services& services = *AMIVIRT_TRY(session.open());
        Instance instance = AMIVIRT_TRY(services.instances.resolve(services.account, names_.front()));
        if (is_instances) {
            instance = AMIVIRT_TRY(services.instances.modify(services.account, instance.id.str(), request_));
        }
        if (deletions_.empty()) {
            Answer answer;
            answer.table = [&] { return attribute_fields(instance, request_); };
            answer.document = [&] { return instance_attributes_document(instance, request_); };
            answer.ids = {instance.id.str()};
            session.print(answer, Format::id);
            return 0;
        }
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
    ModifyInstanceRequest request_;
    std::string user_data_;
};

}  // namespace

const Command& instance_modify_command() {
    static const Command command{{"instance modify"},
                                 "Change an instance's type, user data, time to live, or what becomes of it",
                                 embedded::help_instance_modify,
                                 make_action<InstanceModify>};
    return command;
}

}  // namespace amivirt::cli
