#include "faces/cli/commands/commands.hpp"
#include "faces/cli/progress_bar.hpp"
#include "faces/cli/render_carried.hpp"

namespace amivirt::cli {

namespace {

class ImageStore final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words(
            {.name = "IMAGE FILE", .help = "the image, by id or name, and the bundle to be made", .least = 2, .most = 2, .into = &words_});
        options.text("--sign", "KEY.pem", "sign it with this Ed25519 key, into FILE.sig", request_.key_file);
        options.flag("--force", "replace FILE, and FILE.sig, if they are there", [this] { request_.replace = Replace::yes; });
    }

    Result<int> run(Session& session) override {
        request_.image = words_[0];
        request_.file = words_[1];
        Services& services = *AMIVIRT_TRY(session.open());
        const Outcome outcome = AMIVIRT_TRY(make(session, services));
        session.print(store_answer(outcome), Format::id);
        return 0;
    }

private:
    Result<Outcome> make(Session& session, Services& services) {
        ProgressBar progress(session.talk(), session.around().ticks);
        return services.carrying.store(services.account, request_, progress);
    }

    std::vector<std::string> words_;
    StoreRequest request_;
};

}  // namespace

const Command& image_store_command() {
    static const Command command{
        {"image store"}, "Write a whole image into one file, for another machine", embedded::help_image_store, make_action<ImageStore>};
    return command;
}

}  // namespace amivirt::cli
