#include "faces/cli/commands/commands.hpp"
#include "faces/cli/commands/several.hpp"
#include "faces/cli/render_disks.hpp"

namespace amivirt::cli {

namespace {

class VolumeList final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "VOLUME", .help = "only these, by id or name", .least = 0, .most = SIZE_MAX, .into = &query_.ids_or_names});
        options.parsed_each("--filter", "FILTER", "Name=NAME,Values=VALUE,...", query_.filters, parse_filter);
    }

    Result<int> run(Session& session) override {
        AMIVIRT_TRY(check_volume_filters(query_.filters));
        Services& services = *AMIVIRT_TRY(session.open());
        const Listing<Volume> listing = AMIVIRT_TRY(services.volumes.describe(services.account, query_));
        for (const std::string& sentence : listing.unreadable) {
            session.talk().warning(sentence);
        }
        Answer answer;
        answer.table = [&] { return volumes_table(listing.records, services.clock.now()); };
        answer.document = [&] { return volumes_document(listing.records, services.region); };
        answer.ids = ids_of(listing.records);
        session.print(answer);
        return 0;
    }

private:
    VolumeQuery query_;
};

}  // namespace

const Command& volume_list_command() {
    static const Command command{{"volume list"}, "Your volumes", embedded::help_volume_list, make_action<VolumeList>};
    return command;
}

}  // namespace amivirt::cli
