#include "faces/cli/commands/commands.hpp"
#include "faces/cli/commands/image_change.hpp"
#include "faces/cli/render_json.hpp"
#include "faces/cli/render_table.hpp"
#include "faces/cli/values.hpp"

namespace amivirt::cli {

namespace {

constexpr unsigned k_most = 1'000'000;

Result<std::string> parse_owner(std::string_view text) { return text == "self" ? std::string(text) : parse_account_word(text); }
Result<std::string> parse_grantee(std::string_view text) { return text == "all" ? std::string(text) : parse_owner(text); }

class ImageList final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "IMAGE", .help = "only these, by id or name", .least = 0, .most = SIZE_MAX, .into = &query_.ids_or_names});
        options.parsed_each("--owner", "OWNER", "self, an account's id or alias", query_.owners, parse_owner);
        options.parsed_each("--executable-by", "WHO", "granted to self, all, an account's id or alias", query_.executable_by,
                            parse_grantee);
        options.texts("--name", "PATTERN", "of this name; the same as --filter name=PATTERN, commas included", names_);
        options.parsed_each("--filter", "FILTER", "Name=NAME,Values=VALUE,...", query_.filters, parse_filter);
        options.flag("--include-deprecated", "others' images after their deprecation, too", [this] { query_.include.deprecated = true; });
        options.flag("--include-disabled", "your disabled images, too", [this] { query_.include.disabled = true; });
        options.parsed("--sort", "FIELD", "creation-date, name, image-id, owner-id, architecture or state; -FIELD downwards", query_.order,
                       parse_image_order);
        options.parsed("--limit", "N", "no more than N", query_.limit, [](std::string_view text) { return parse_count(text, 1, k_most); });
    }

    Result<int> run(Session& session) override {
        AMIVIRT_TRY(check_image_filters(query_.filters));
        if (!names_.empty()) {
            query_.filters.push_back({"name", names_});
        }
        Services& services = *AMIVIRT_TRY(session.open());
        const Listing<Image> listing = AMIVIRT_TRY(services.images.describe(services.account, query_));
        for (const std::string& sentence : listing.unreadable) {
            session.talk().warning(sentence);
        }
        const AllowedBy allowed = AMIVIRT_TRY(allowed_by(services));
        Answer answer;
        answer.table = [&] { return images_table(listing.records, services.clock.now()); };
        answer.document = [&] {
            return images_document(listing.records, allowed, session.accounts().aliases().value_or(std::map<AccountId, std::string>()));
        };
        for (const Image& image : listing.records) {
            answer.ids.push_back(image.id.str());
        }
        session.print(answer);
        return 0;
    }

private:
    ImageQuery query_;
    std::vector<std::string> names_;
};

}  // namespace

const Command& image_list_command() {
    static const Command command{{"image list"}, "The images you may launch", embedded::help_image_list, make_action<ImageList>};
    return command;
}

}  // namespace amivirt::cli
