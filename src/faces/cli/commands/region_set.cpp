#include "amivirt/domain/image_access.hpp"
#include "faces/cli/commands/commands.hpp"
#include "faces/cli/policy_values.hpp"
#include "faces/cli/render_governance.hpp"

namespace amivirt::cli {

namespace {

class RegionSet final : public Action {
public:
    void declare(OptionSet& options) override {
        options.parsed("--block-public-access", "on|off", "can no image be made public?", change_.block_public_access, parse_on_off);
        options.parsed("--allowed-images", "MODE", "disabled, audit-mode or enabled", change_.allowed_images, parse_allowed_mode);
        options.parsed_each("--criterion", "CRITERION",
                            "allowed images: providers=...;names=...;max-days-since-created=N;max-days-since-deprecated=N", criteria_,
                            parse_criterion);
        options.flag("--no-criteria", "all images are allowed", [this] { no_criteria_ = true; });
    }

    Result<int> run(Session& session) override {
        if (no_criteria_ && !criteria_.empty()) {
            return usage_error("--criterion and --no-criteria exclude one another");
        }
        if (no_criteria_ || !criteria_.empty()) {
            AMIVIRT_TRY(check_criteria(criteria_));
            change_.criteria = criteria_;
        }
        if (!change_.block_public_access && !change_.allowed_images && !change_.criteria) {
            return usage_error("there is nothing to change", "as in \"--block-public-access on\"");
        }
        Services& services = *AMIVIRT_TRY(session.open());
        const RegionPolicy policy = AMIVIRT_TRY(services.settings.change(change_));
        Answer answer;
        answer.table = [&] { return policy_fields(policy, services.region); };
        answer.document = [&] { return policy_document(policy, services.region); };
        answer.ids = {services.region};
        session.print(answer);
        return 0;
    }

private:
    RegionSettings::Change change_;
    std::vector<ImageCriterion> criteria_;
    bool no_criteria_ = false;
};

}  // namespace

const Command& region_set_command() {
    static const Command command{
        {"region set"}, "Block public images; say which images may be launched", embedded::help_region_set, make_action<RegionSet>};
    return command;
}

}  // namespace amivirt::cli
