#include <fmt/format.h>

#include "faces/cli/commands/commands.hpp"
#include "faces/cli/commands/image_change.hpp"
#include "faces/cli/render_table.hpp"
#include "faces/cli/text.hpp"
#include "faces/cli/values.hpp"

namespace amivirt::cli {

namespace {

constexpr unsigned k_most = 1'000'000;

class ImagePrune final : public Action {
public:
    void declare(OptionSet& options) override {
        options.flag("--yes", "deregister them; without it they are only shown", [this] { sure_ = true; });
        options.parsed("--unused-for", "TIME", "neither made nor launched for that long: 12h, 30d", query_.idle, parse_duration);
        options.parsed("--keep", "N", "keep the newest N of those that the filters match", query_.keep,
                       [](std::string_view text) { return parse_count(text, 1, k_most); });
        options.texts("--name", "PATTERN", "of this name; the same as --filter name=PATTERN, commas included", names_);
        options.parsed_each("--filter", "FILTER", "Name=NAME,Values=VALUE,... as of \"image list\"", query_.filters, parse_filter);
    }

    Result<int> run(Session& session) override {
        AMIVIRT_TRY(check_image_filters(query_.filters));
        if (!names_.empty()) {
            query_.filters.push_back({"name", names_});
        }
        Services& services = *AMIVIRT_TRY(session.open());
        std::vector<Image> images = AMIVIRT_TRY(services.governance.unused(services.account, query_));
        const int status = sure_ ? deregister(session, services, images) : 0;
        const AllowedBy allowed = AMIVIRT_TRY(allowed_by(services));
        Answer answer;
        answer.table = [&] { return images_table(images, services.clock.now()); };
        answer.document = [&] {
            return images_document(images, allowed, session.accounts().aliases().value_or(std::map<AccountId, std::string>()));
        };
        for (const Image& image : images) {
            answer.ids.push_back(image.id.str());
        }
        session.print(answer, sure_ ? Format::id : Format::table);
        if (!sure_) {
            session.talk().note(images.empty() ? std::string("no image of yours is unused")
                                               : fmt::format("{} unused; \"--yes\" deregisters them and deletes their snapshots",
                                                             count_of(images.size(), "image")));
        }
        return status;
    }

private:
    /// Leaves in `images` those that are gone. The status of the first fault.
    static int deregister(Session& session, Services& services, std::vector<Image>& images) {
        int status = 0;
        std::erase_if(images, [&](const Image& image) {
            const auto done = services.images.deregister(services.account, image.id.str(), DeleteSnapshots::yes);
            if (!done) {
                session.talk().error(done.error());
                status = status != 0 ? status : facts(done.error().code).exit_status;
                return true;
            }
            tell_stay(session, "image", image.id.str(), done->bin);
            return false;
        });
        return status;
    }

    UnusedQuery query_;
    std::vector<std::string> names_;
    bool sure_ = false;
};

}  // namespace

const Command& image_prune_command() {
    static const Command command{
        {"image prune"}, "Deregister the images that nobody uses", embedded::help_image_prune, make_action<ImagePrune>};
    return command;
}

}  // namespace amivirt::cli
