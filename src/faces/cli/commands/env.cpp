#include <fmt/format.h>

#include <algorithm>

#include "faces/cli/commands/commands.hpp"
#include "faces/cli/render_environment.hpp"

namespace amivirt::cli {

namespace {

/// "127.0.0.1:8773", or as `serve` prints it.
Result<std::string> endpoint_of(const std::string& text) {
    const std::string url = text.find("://") == std::string::npos ? "http://" + text : text;
    const std::string_view rest = std::string_view(url).substr(std::min(url.size(), url.find("://") + 3));
    const bool known = url.starts_with("http://") || url.starts_with("https://");
    // Nothing that means something to a shell, a .env file or a client.
    constexpr auto k_letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.:[]/";
    if (!known || rest.empty() || rest.front() == '/' || rest.find_first_not_of(k_letters) != std::string_view::npos) {
        return Error(Code::invalid_parameter_value, fmt::format("\"{}\" is no URL of a server", text), "as in \"http://127.0.0.1:8773\"");
    }
    return url.back() == '/' ? url.substr(0, url.size() - 1) : url;
}

class Env final : public Action {
public:
    void declare(OptionSet& options) override {
        options.parsed("--listen", "URL", "where the server is; http://127.0.0.1:8773 if not said", url_, endpoint_of);
        options.parsed("--shell", "SHELL", "sh, fish, csh, powershell or dotenv; sh if not said", syntax_, parse_syntax);
    }

    Result<int> run(Session& session) override {
        const Acting acting = AMIVIRT_TRY(session.acting());
        const std::vector<AccessKey> keys = AMIVIRT_TRY(session.accounts().keys());
        auto key = std::find_if(keys.begin(), keys.end(), [&](const AccessKey& each) { return each.account == acting.account; });
        if (key == keys.end() && session.global().account.empty()) {
            key = keys.begin();
        }
        if (key == keys.end()) {
            return Error(Code::resource_not_found,
                         keys.empty() ? "no account has an access key" : fmt::format("account {} has no access key", acting.account.str()),
                         keys.empty() ? "`amivirt account create` makes an account with one" : "`amivirt account list` shows who has one");
        }
        const Variables variables{{"AWS_ENDPOINT_URL", url_},
                                  {"AWS_ACCESS_KEY_ID", key->id},
                                  {"AWS_SECRET_ACCESS_KEY", key->secret},
                                  {"AWS_REGION", acting.region},
                                  {"AWS_DEFAULT_REGION", acting.region}};
        Answer answer;
        answer.table = [&] { return shell_lines(variables, syntax_); };
        answer.document = [&] { return variables_document(variables); };
        answer.ids = {key->id};
        session.print(answer);
        return 0;
    }

private:
    std::string url_ = "http://127.0.0.1:8773";
    Syntax syntax_ = Syntax::sh;
};

}  // namespace

const Command& env_command() {
    static const Command command{{"env"}, "Print what points the aws CLI and other clients here", embedded::help_env, make_action<Env>};
    return command;
}

}  // namespace amivirt::cli
