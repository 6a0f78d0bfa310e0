#include "faces/cli/commands/commands.hpp"
#include "faces/cli/render_json.hpp"
#include "faces/cli/render_table.hpp"

namespace amivirt::cli {

namespace {

Result<std::string> parse_owner(std::string_view text) {
    if (text == "self") {
        return std::string(text);
    }
    return AMIVIRT_TRY(AccountId::parse(text)).str();
}

class ImageList final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "IMAGE", .help = "only these, by id or name", .least = 0, .most = SIZE_MAX, .into = &query_.ids_or_names});
        options.parsed_each("--owner", "OWNER", "self or an account id", query_.owners, parse_owner);
        options.parsed_each("--filter", "FILTER", "Name=NAME,Values=VALUE,...", query_.filters, parse_filter);
    }

    Result<int> run(Session& session) override {
        AMIVIRT_TRY(check_image_filters(query_.filters));
        Services& services = *AMIVIRT_TRY(session.open());
        const Listing<Image> listing = AMIVIRT_TRY(services.images.describe(services.account, query_));
        for (const std::string& sentence : listing.unreadable) {
            session.talk().warning(sentence);
        }
        Answer answer;
        answer.table = [&] { return images_table(listing.records, services.clock.now()); };
        answer.document = [&] { return images_document(listing.records); };
        for (const Image& image : listing.records) {
            answer.ids.push_back(image.id.str());
        }
        session.print(answer);
        return 0;
    }

private:
    ImageQuery query_;
};

}  // namespace

const Command& image_list_command() {
    static const Command command{{"image list"}, "The images you may launch", embedded::help_image_list, make_action<ImageList>};
    return command;
}

}  // namespace amivirt::cli
