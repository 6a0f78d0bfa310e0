#include "faces/cli/commands/commands.hpp"
#include "faces/cli/render_governance.hpp"

namespace amivirt::cli {

namespace {

class BinList final : public Action {
public:
    void declare(OptionSet& /*options*/) override {}

    Result<int> run(Session& session) override {
        Services& services = *AMIVIRT_TRY(session.open());
        const BinListing listing = AMIVIRT_TRY(services.bin.list(services.account));
        Answer answer;
        answer.table = [&] { return bin_table(listing); };
        answer.document = [&] { return bin_document(listing); };
        for (const Image& image : listing.images) {
            answer.ids.push_back(image.id.str());
        }
        for (const Snapshot& snapshot : listing.snapshots) {
            answer.ids.push_back(snapshot.id.str());
        }
        session.print(answer);
        return 0;
    }
};

}  // namespace

const Command& bin_list_command() {
    static const Command command{
        {"bin list"}, "Your deregistered images and deleted snapshots", embedded::help_bin_list, make_action<BinList>};
    return command;
}

}  // namespace amivirt::cli
