#include "amivirt/services/logins.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "amivirt/domain/login.hpp"

namespace amivirt {

namespace {

constexpr std::size_t k_console_limit = std::size_t{4} << 20U;  // the keys are shown at the first boot
constexpr const char* k_accepted = " accepted";  // its comment in the record: a person vouched for it, neither seed nor console
constexpr Duration k_at_once = std::chrono::milliseconds(500);
constexpr Duration k_ask_patience = std::chrono::seconds(30);

}  // namespace

Result<Instance> Logins::running(const AccountId& caller, const std::string& id_or_name) {
    Instance instance = AMIVIRT_TRY(ports_.instances.resolve(caller, id_or_name));
    if (instance.state != InstanceState::running && instance.state != InstanceState::pending) {
        return Error(Code::incorrect_instance_state,
                     fmt::format("instance \"{}\" is {}: there is nobody to log in to", instance.id.str(), to_string(instance.state)),
                     instance.state == InstanceState::stopped ? fmt::format("amivirt start {}", id_or_name) : "");
    }
    return instance;
}

Result<void> Logins::wait(const AccountId& caller, const std::string& id_or_name, Duration timeout, Progress& progress) {
    const Instance instance = AMIVIRT_TRY(running(caller, id_or_name));
    const auto first = ports_.instances.wait_ssh(instance.id, std::min(timeout, k_at_once));
    if (first || first.error().code != Code::timed_out) {
        return first;
    }
    progress.note(fmt::format("waiting for SSH of {}", instance.id.str()));
    return ports_.instances.wait_ssh(instance.id, timeout);
}

Result<LoginTarget> Logins::target(const AccountId& caller, const LoginRequest& request) {
    const Instance instance = AMIVIRT_TRY(running(caller, request.instance));
    const auto ssh = AMIVIRT_TRY(ports_.instances.reach(instance));
    if (!ssh) {
        return Error(Code::login_failed, fmt::format("instance \"{}\" has no address yet", instance.id.str()),
                     fmt::format("amivirt instance wait {} --for ssh", instance.id.str()));
    }
    LoginTarget target;
    target.instance = instance.id.str();
    target.user = !request.user.empty() ? request.user : !instance.login_user.empty() ? instance.login_user : "root";
    target.address = ssh->address;
    target.port = ssh->port;
    target.identity_file = request.identity_file;
    if (target.identity_file.empty() && instance.key_name == k_default_key_name) {
        target.identity_file = ports_.key_files.path(instance.key_name);
    }
    if (!target.identity_file.empty()) {
        AMIVIRT_TRY(ports_.key_files.check(target.identity_file));
    }
    target.host_key = AMIVIRT_TRY(host_key(instance, *ssh, request.accept_new_host_key));
    return target;
}

Result<std::string> Logins::host_key(const Instance& instance, const Reach& ssh, AcceptNewHostKey accept_new) {
    std::string key = instance.host_key;
    if (accept_new == AcceptNewHostKey::yes) {
        key = AMIVIRT_TRY(ports_.host_keys.ask(ssh.address, ssh.port, k_ask_patience)) + k_accepted;
    } else if (!key.ends_with(k_accepted)) {  // that one was made since, and the console still shows the former
        const std::string shown = host_key_on_console(AMIVIRT_TRY(ports_.files.console(instance.id, 0, k_console_limit)));
        key = shown.empty() ? key : shown;
    }
    if (key.empty()) {
        return Error(
            Code::login_failed,
            fmt::format("the SSH host key of \"{}\" is not known: it was given none, and none is on its console", instance.id.str()),
            "--accept-new-host-key takes the one it shows now, and asks for that one from then on");
    }
    if (key != instance.host_key) {
        AMIVIRT_TRY(ports_.catalog.write([&](CatalogSession& session) -> Result<void> {
            if (auto row = AMIVIRT_TRY(session.instances().find(instance.id))) {
                row->host_key = key;
                return session.instances().update(*row);
            }
            return {};
        }));
    }
    return without_comment(key);
}

}  // namespace amivirt
