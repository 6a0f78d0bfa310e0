#include "faces/ec2/api.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "amivirt/base/interrupt.hpp"
#include "amivirt/base/progress.hpp"
#include "amivirt/base/revert.hpp"
#include "faces/ec2/call.hpp"
#include "faces/ec2/signature.hpp"

namespace amivirt::ec2 {

namespace {

constexpr Duration k_purge_every = std::chrono::minutes(10);
constexpr std::string_view k_reset_path = "/_amivirt/reset";

/// The wire form of a service: its namespace and versions.
struct Protocol {
    std::string_view service;
    std::string_view space;
    std::vector<std::string_view> versions;
};

const std::vector<Protocol>& protocols() {
    static const std::vector<Protocol> all{
        // Older clients (libcloud, boto) say older versions of EC2's; what they ask for is the same.
        {"ec2",
         "http://ec2.amazonaws.com/doc/2016-11-15/",
         {"2016-11-15", "2016-09-15", "2016-04-01", "2015-10-01", "2015-04-15", "2015-03-01", "2014-10-01", "2014-09-01"}},
        {"sts", "https://sts.amazonaws.com/doc/2011-06-15/", {"2011-06-15"}},
        {"iam", "https://iam.amazonaws.com/doc/2010-05-08/", {"2010-05-08"}},
    };
    return all;
}

const Protocol& protocol_of(std::string_view service) {
    const auto& all = protocols();
    const auto at = std::find_if(all.begin(), all.end(), [&](const Protocol& each) { return each.service == service; });
    return at == all.end() ? all.front() : *at;
}

const Action* find_action(std::string_view service, std::string_view name) {
    const auto& all = actions_of(service);
    const auto at = std::find_if(all.begin(), all.end(), [&](const Action& each) { return each.name == name; });
    return at == all.end() ? nullptr : &*at;
}

/// A UUID of random bits (version 4).
std::string request_id(IdSource& ids) {
    const std::string hex = ids.hex17() + ids.hex17();
    return fmt::format("{}-{}-4{}-a{}-{}", hex.substr(0, 8), hex.substr(8, 4), hex.substr(12, 3), hex.substr(15, 3), hex.substr(18, 12));
}

/// The parameters of a request: a signed GET's query, without its signature; a form in a body otherwise.
std::string form_of(const HttpRequest& request) {
    const std::size_t at = request.target.find('?');
    std::string form = request.method == "POST" ? request.body : "";
    std::string_view query = at == std::string::npos ? std::string_view() : std::string_view(request.target).substr(at + 1);
    while (!query.empty()) {
        const std::string_view part = query.substr(0, query.find('&'));
        if (!part.starts_with("X-Amz-")) {
            form += (form.empty() ? "" : "&") + std::string(part);
        }
        query.remove_prefix(std::min(query.size(), part.size() + 1));
    }
    while (!form.empty() && (form.back() == '\n' || form.back() == '\r')) {
        form.pop_back();
    }
    return form;
}

/// What a client sent is quoted in what it is told, and in the log: not a megabyte of it.
void shorten(std::string& message) {
    constexpr std::size_t k_longest = 1000;
    if (message.size() <= k_longest) {
        return;
    }
    std::size_t end = k_longest;
    while (end > 0 && (static_cast<unsigned char>(message[end]) & 0xC0U) == 0x80U) {
        --end;  // not in the middle of a character
    }
    message.resize(end);
    message += "...";
}

/// A place among those that a semaphore lets in, waited for; of none, nothing.
template <class Semaphore>
class Turn {
public:
    explicit Turn(Semaphore* semaphore) : semaphore_(semaphore) {
        if (semaphore_ != nullptr) {
            semaphore_->acquire();
        }
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn() {
        if (semaphore_ != nullptr) {
            semaphore_->release();
        }
    }

private:
    Semaphore* semaphore_;
};

std::string error_body(std::string_view service, const Error& error, const std::string& id) {
    Xml out;
    const std::string_view code = on_wire(error.code).name;
    std::string message = error.message;
    if (service == "ec2") {
        out.in("Response", [&] {
            out.in("Errors", [&] {
                out.in("Error", [&] {
                    out.text("Code", code);
                    out.text("Message", message);
                });
            });
            out.text("RequestID", id);
        });
    } else {
        out.in("ErrorResponse", [&] {
            out.in("Error", [&] {
                out.text("Type", on_wire(error.code).http_status < 500 ? "Sender" : "Receiver");
                out.text("Code", code);
                out.text("Message", message);
            });
            out.text("RequestId", id);
        });
    }
    return out.str();
}

void put_error(HttpResponse& response, std::string_view service, Error& error) {
    shorten(error.message);
    response.status = on_wire(error.code).http_status;
    response.code = on_wire(error.code).name;
    response.body = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" + error_body(service, error, response.request_id);
}

}  // namespace

struct Api::Asked {
    std::string service = "ec2";
    std::string action;
    std::string id;
    AccountId account;
    const Services* region = nullptr;
    std::string_view known_action = "unknown";
    std::string_view content_type = "text/xml;charset=UTF-8";
};

Result<void> Api::identify(const HttpRequest& request, Asked& asked) {
    const auto claim = AMIVIRT_TRY(read_claim(request));
    if (!ports_.authenticate) {
        asked.account = ports_.anonymous;
    }
    asked.region = &ports_.regions.front();
    if (!claim) {
        return ports_.authenticate ? Result<void>(Error(wire::missing_authentication_token,
                                                        "The request must be signed: it has no AWS Signature Version 4"))
                                   : Result<void>();
    }
    if (!actions_of(claim->service).empty()) {
        asked.service = claim->service;
    } else {
        return Error(Code::auth_failure, fmt::format("Credential should be scoped to a service there is here (ec2, sts, iam), not to '{}'.",
                                                     printable(claim->service)));
    }
    const auto keys = AMIVIRT_TRY(ports_.accounts.keys());
    const auto key = std::find_if(keys.begin(), keys.end(), [&](const AccessKey& each) { return each.id == claim->key_id; });
    if (ports_.authenticate) {
        if (key == keys.end()) {
            return asked.service == "ec2" ? Error(Code::auth_failure, "AWS was not able to validate the provided access credentials")
                                          : Error(wire::invalid_client_token_id, "The security token included in the request is invalid.");
        }
        AMIVIRT_TRY(verify(request, *claim, key->secret, ports_.clock.now()));
    }
    if (key != keys.end()) {
        asked.account = key->account;
    }
    if (asked.service != "ec2") {
        return {};  // who somebody is does not depend on where
    }
    const auto region =
        std::find_if(ports_.regions.begin(), ports_.regions.end(), [&](const Services& each) { return each.region == claim->region; });
    if (region == ports_.regions.end()) {
        std::vector<std::string> served;
        for (const Services& each : ports_.regions) {
            served.push_back(each.region);
        }
        return Error(Code::auth_failure, fmt::format("Credential should be scoped to a valid region, not '{}': here are {}",
                                                     printable(claim->region), fmt::join(served, ", ")));
    }
    asked.region = &*region;
    return {};
}

/// The store of a region emptied, for test suites. In JSON, as it is nothing of EC2's.
Result<std::string> Api::reset(const HttpRequest& request, Asked& asked) {
    asked.known_action = "reset";
    asked.action = "reset";
    if (!ports_.allow_reset) {
        return Error(wire::invalid_action, "The server was not started with --allow-reset");
    }
    if (request.method != "POST") {
        return Error(wire::invalid_action, "A reset is asked for with POST");
    }
    const auto parameters = AMIVIRT_TRY(Parameters::decode(form_of(request)));
    const KeepImages keep = parameters.flag("KeepImages") ? KeepImages::yes : KeepImages::no;
    AMIVIRT_TRY(parameters.check());
    AMIVIRT_TRY(identify(request, asked));
    const ResetReport report = AMIVIRT_TRY(asked.region->reset.run(keep));
    std::vector<std::string> terminated;
    for (const InstanceId& id : report.terminated) {
        terminated.push_back(fmt::format("\"{}\"", id.str()));
    }
    return fmt::format(
        "{{\"Region\": \"{}\", \"Terminated\": [{}], \"Images\": {}, \"Snapshots\": {}, \"Volumes\": {}, \"KeyPairs\": {}}}\n",
        asked.region->region, fmt::join(terminated, ", "), report.images, report.snapshots, report.volumes, report.key_pairs);
}

Result<std::string> Api::answer(const HttpRequest& request, Asked& asked) {
    const std::string path = request.target.substr(0, request.target.find('?'));
    if (path == k_reset_path) {
        auto done = AMIVIRT_TRY(reset(request, asked));
        asked.content_type = "application/json";
        return done;
    }
    if (path != "/" && !path.empty()) {
        return Error(wire::invalid_action, fmt::format("There is nothing at \"{}\": the API is at \"/\"", printable(path)));
    }
    if (request.method != "POST" && request.method != "GET") {
        return Error(wire::invalid_action,
                     fmt::format("The method {} is not allowed: the API is asked with POST or GET", printable(request.method)));
    }
    const auto parameters = AMIVIRT_TRY(Parameters::decode(form_of(request)));
    asked.action = parameters.text("Action").value_or("");
    const auto version = parameters.text("Version").value_or("");
    // Of an unsigned request the version alone tells which service is meant.
    for (const Protocol& each : protocols()) {
        if (std::find(each.versions.begin(), each.versions.end(), version) != each.versions.end()) {
            asked.service = each.service;
        }
    }
    AMIVIRT_TRY(identify(request, asked));
    const Action* action = find_action(asked.service, asked.action);
    if (action != nullptr) {
        asked.known_action = action->name;
    }
    if (!rate_.take(asked.account.str())) {
        return Error(wire::request_limit_exceeded, "Request limit exceeded.");
    }
    if (asked.action.empty()) {
        return Error(wire::missing_action, "The request must contain the parameter Action");
    }
    const Protocol& protocol = protocol_of(asked.service);
    if (!version.empty() && std::find(protocol.versions.begin(), protocol.versions.end(), version) == protocol.versions.end()) {
        return Error(wire::no_such_version,
                     fmt::format("The requested version ({}) of service {} does not exist", printable(version), asked.service));
    }
    if (action == nullptr) {
        return Error(wire::invalid_action, fmt::format("The action {} is not valid for this web service.", printable(asked.action)));
    }
    Call call(ports_, *asked.region, background_, asked.account, parameters);
    const auto token = action->token == ClientToken::answers ? parameters.text("ClientToken") : std::nullopt;
    const auto act = [&]() -> Result<std::string> {
        const Turn turn(action->reads_all ? &readers_ : nullptr);
        AMIVIRT_TRY(action->run(call));
        return call.out.str();
    };
    std::string body;
    if (token) {
        body = AMIVIRT_TRY(
            asked.region->answers.once(asked.account.str(), fmt::format("{} {}", asked.action, *token), parameters.canonical(), act));
    } else {
        body = AMIVIRT_TRY(act());
    }
    if (asked.service == "ec2") {
        return fmt::format(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{0}Response xmlns=\"{1}\"><requestId>{2}</requestId>{3}</{0}Response>",
            action->name, protocol.space, asked.id, body);
    }
    return fmt::format("<{0}Response xmlns=\"{1}\">{3}<ResponseMetadata><RequestId>{2}</RequestId></ResponseMetadata></{0}Response>",
                       action->name, protocol.space, asked.id, body);
}

HttpResponse Api::refuse(const Error& error) const {
    HttpResponse response;
    response.request_id = request_id(ports_.ids);
    Error told = error;
    put_error(response, "ec2", told);
    return response;
}

HttpResponse Api::handle(const HttpRequest& request) {
    HttpResponse response;
    Asked asked;
    asked.id = request_id(ports_.ids);
    response.request_id = asked.id;
    Result<std::string> answered = Error(Code::internal_error, "An internal error has occurred");
    try {
        answered = answer(request, asked);
    } catch (const std::exception& bug) {
        ports_.log.write(LogLevel::error, "api", fmt::format("{} {}: this is a bug: {}", asked.action, asked.id, bug.what()));
    }
    response.action = asked.action;
    response.account = asked.account.str();
    response.known_action = asked.known_action;
    if (answered) {
        response.content_type = asked.content_type;
        response.body = std::move(*answered);
        return response;
    }
    Error error = answered.error();
    put_error(response, asked.service, error);
    // A client's fault concerns the client; a refusal that ours is a warning, what was lost an error.
    const LogLevel level = response.status >= 500                  ? LogLevel::error
                           : error.code == Code::dry_run_operation ? LogLevel::debug
                                                                   : LogLevel::info;
    ports_.log.write(level, "api", fmt::format("{} {}: {}", printable(asked.action), asked.id, describe_any(error)));
    return response;
}

namespace {

/// Did it work? Else it is in the log.
template <class T>
bool worked(Log& log, const Services& region, const Result<T>& result) {
    if (!result) {
        log.write(LogLevel::warning, "api", fmt::format("region {}: {}", region.region, describe(result.error())));
    }
    return result.has_value();
}

}  // namespace

void Api::tidy() {
    const bool purge = purged_.load() + k_purge_every <= ports_.clock.now();
    if (purge) {
        purged_ = ports_.clock.now();
        not_flattened_.lock()->clear();
    }
    for (const Services& each : ports_.regions) {
        const auto recovered = each.reconciler.recover();
        if (!worked(ports_.log, each, recovered)) {
            continue;
        }
        for (const std::string& sentence : *recovered) {
            ports_.log.write(LogLevel::warning, "api", fmt::format("region {}: {}", each.region, sentence));
        }
        if (!in_a_hurry_) {
            keep_promises(each);
            store_images(each);
        }
        worked(ports_.log, each, each.bin.purge());
        worked(ports_.log, each, each.leases.reap());
        worked(ports_.log, each, each.addresses.tidy());
        flatten(each);
        if (purge) {
            worked(ports_.log, each, each.answers.purge());
        }
    }
}

void Api::keep_promises(const Services& region) {
    const auto open = region.promises.open();
    if (!worked(ports_.log, region, open)) {
        return;
    }
    for (const Promise& promise : *open) {
        if (background_.is_under_way(promise.id)) {
            continue;
        }
        const auto begun = ask_again(region, promise);
        const Code code = begun ? Code::internal_error : begun.error().code;
        const bool later = code == Code::busy || code == Code::hypervisor_unavailable || code == wire::request_limit_exceeded;
        if (!begun && !later) {
            region.promises.broken(promise, begun.error());
        }
        ports_.log.write(
            LogLevel::info, "api",
            fmt::format("{}, promised by a dead process: {}", promise.id, begun ? "it is seen to now" : describe_any(begun.error())));
    }
}

/// As promises; what they make has no id but its image's.
void Api::store_images(const Services& region) {
    const auto unfinished = region.image_store.unfinished();
    if (!worked(ports_.log, region, unfinished)) {
        return;
    }
    for (const auto& [account, task] : *unfinished) {
        const auto store = [&images = region.image_store, account = account, task = task]() -> Result<StoreTask> {
            SilentProgress silent;
            images.store_again(account, task, silent);
            return task;
        };
        const auto begun = background_.for_a_while<StoreTask>("CreateStoreImageTask of " + task.image.str(), Duration{0}, store);
        ports_.log.write(LogLevel::info, "api",
                         fmt::format("{}, which a dead process was storing: {}", task.image.str(),
                                     begun ? "it is stored now" : describe_any(begun.error())));
    }
}

Result<void> Api::ask_again(const Services& region, const Promise& promise) {
    const auto parameters = AMIVIRT_TRY(Parameters::decode(promise.how));
    const auto name = parameters.text("Action").value_or("");
    static_cast<void>(parameters.text("Version"));
    const Action* action = find_action("ec2", name);
    if (action == nullptr) {
        return Error(wire::invalid_action, fmt::format("The action {} is not valid for this web service.", printable(name)));
    }
    Call call(ports_, region, background_, promise.account, parameters, promise.id);
    return action->run(call);
}

namespace {

/// Of what ends with the server.
class UnawaitedProgress final : public Progress {
public:
    explicit UnawaitedProgress(const std::atomic<bool>& broken_off) : broken_off_(broken_off) {}
    void phase(std::string_view /*name*/, std::optional<Bytes> /*total*/) override { check(); }
    void advance(Bytes /*done*/) override { check(); }
    void note(std::string_view /*line*/) override {}

private:
    void check() const {
        if (broken_off_) {
            throw Interrupted{};
        }
    }
    const std::atomic<bool>& broken_off_;
};

}  // namespace

/// Instances come to rest in many ways (a guest's own, too), and a chain that nobody shortens grows until no more snapshot can be taken.
void Api::flatten(const Services& region) {
    if (flattening_ || in_a_hurry_) {
        return;
    }
    auto deep = region.snapshots.too_deep();
    if (!worked(ports_.log, region, deep)) {
        return;
    }
    const auto failed = *not_flattened_.lock();
    std::erase_if(*deep, [&](const VolumeId& volume) { return failed.contains(volume); });
    if (deep->empty()) {
        return;
    }
    flattening_ = true;
    const auto work = [this, &region, volumes = std::move(*deep)](const std::function<void(bool)>& begun) -> Result<bool> {
        begun(true);
        Revert at_end;
        at_end.push("flattening is over", [this]() -> Result<void> {
            flattening_ = false;
            return {};
        });
        UnawaitedProgress progress(in_a_hurry_);
        for (const VolumeId& volume : volumes) {
            const auto done = region.snapshots.flatten(volume, progress);
            if (!done && done.error().code != Code::busy) {
                ports_.log.write(LogLevel::warning, "api",
                                 fmt::format("flattening the chain of {}: {}", volume.str(), describe(done.error())));
                not_flattened_.lock()->insert(volume);
            }
        }
        return true;
    };
    if (!background_.until_begun<bool>("flattening", work)) {
        flattening_ = false;
    }
}

void Api::leave() {
    for (const Services& each : ports_.regions) {
        each.addresses.close();
    }
}

Gauges Api::gauges() {
    Gauges gauges;
    gauges.background = background_.count();
    for (const Services& each : ports_.regions) {
        const auto counted = each.accounting.instances();
        if (!worked(ports_.log, each, counted)) {
            continue;
        }
        for (const auto& [state, count] : *counted) {
            gauges.instances[{each.region, std::string(to_string(state))}] = count;
        }
    }
    return gauges;
}

}  // namespace amivirt::ec2
