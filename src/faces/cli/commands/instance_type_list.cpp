#include "faces/cli/commands/commands.hpp"
#include "faces/cli/render_json.hpp"
#include "faces/cli/render_table.hpp"

namespace amivirt::cli {

namespace {

class InstanceTypeList final : public Action {
public:
    void declare(OptionSet& /*options*/) override {}

    Result<int> run(Session& session) override {
        Services& services = *AMIVIRT_TRY(session.open());
        const std::vector<InstanceType> types = AMIVIRT_TRY(services.types.list());
        Answer answer;
        answer.table = [&] { return types_table(types); };
        answer.document = [&] { return types_document(types); };
        for (const InstanceType& type : types) {
            answer.ids.push_back(type.name);
        }
        session.print(answer);
        return 0;
    }
};

}  // namespace

const Command& instance_type_list_command() {
    static const Command command{
        {"instance-type list"}, "The instance types and what they offer", embedded::help_instance_type_list, make_action<InstanceTypeList>};
    return command;
}

}  // namespace amivirt::cli
