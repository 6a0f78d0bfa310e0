#include "amivirt/services/answers.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "amivirt/base/fault.hpp"
#include "amivirt/base/stable_hash.hpp"

namespace amivirt {

namespace {

constexpr const char* k_kind = "answer";
constexpr Duration k_turn = std::chrono::minutes(1);

/// A document's body. Without an answer: begun, and its end has not been written down.
struct Kept {
    std::string parameters;  ///< a hash of them: they may be secret
    std::optional<std::string> answer;
};

std::string body_of(const Kept& kept) {
    nlohmann::json body{{"parameters", kept.parameters}};
    if (kept.answer) {
        body["answer"] = *kept.answer;
    }
    return body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Result<Kept> read_body(const Document& document) {
    const auto body = nlohmann::json::parse(document.body, nullptr, false);
    Kept kept;
    if (!body.is_object() || !body.contains("parameters") || !body["parameters"].is_string() ||
        (body.contains("answer") && !body["answer"].is_string())) {
        return Error(Code::store_corrupt, fmt::format("the record \"{}\" cannot be read", document.key));
    }
    kept.parameters = body["parameters"].get<std::string>();
    if (body.contains("answer")) {
        kept.answer = body["answer"].get<std::string>();
    }
    return kept;
}

}  // namespace

Result<std::string> Answers::once(const std::string& account, const std::string& request, const std::string& parameters,
                                  const std::function<Result<std::string>()>& act) {
    const std::string digest = fmt::format("{:016x} {}", stable_hash(parameters), parameters.size());
    Document document;
    document.key = document_key(k_kind, account + " " + request);
    document.kind = k_kind;
    document.owner = account;
    document.body = body_of({digest, std::nullopt});
    std::optional<Kept> seen;
    // Who holds the operation is at it; when its process dies the claim goes, and what stays is a document without an answer.
    const auto operation = AMIVIRT_TRY(operations_.begin(OperationKind::answer_request, {document.key}, k_turn,
                                                         [&](CatalogSession& session, Operation& row) -> Result<void> {
                                                             seen.reset();
                                                             if (const auto before = AMIVIRT_TRY(session.documents().find(document.key))) {
                                                                 if (before->created + k_kept > clock_.now()) {
                                                                     seen = AMIVIRT_TRY(read_body(*before));
                                                                     row.objects.clear();
                                                                     return {};
                                                                 }
                                                                 AMIVIRT_TRY(session.documents().erase(document.key));
                                                             }
                                                             document.created = clock_.now();
                                                             return session.documents().insert(document);
                                                         }));
    if (seen) {
        if (seen->parameters != digest) {
            return Error(Code::idempotent_parameter_mismatch, "The client token was used before with other parameters");
        }
        if (!seen->answer) {
            return Error(Code::operation_not_permitted,
                         "A request with this client token was begun, and the server was killed before it could answer: it may have been "
                         "done. Look for what it would have made, and use another token to make another");
        }
        return *seen->answer;
    }
    fault_point("answers.begun");
    auto answer = act();
    fault_point("answers.acted");
    const auto ended = operation->finish([&](CatalogSession& session) -> Result<void> {
        if (!answer) {
            return session.documents().erase(document.key);
        }
        document.body = body_of({digest, *answer});
        AMIVIRT_TRY(session.documents().erase(document.key));  // a reset may have taken it away meanwhile
        return session.documents().insert(document);
    });
    if (answer && !ended) {
        return ended.error();
    }
    return answer;
}

Result<void> Answers::purge() {
    std::vector<std::string> old;
    AMIVIRT_TRY(catalog_.read([&](CatalogSession& session) -> Result<void> {
        for (const Document& each : AMIVIRT_TRY(session.index().documents(k_kind))) {
            if (each.created + k_kept <= clock_.now()) {
                old.push_back(each.key);
            }
        }
        return {};
    }));
    if (old.empty()) {
        return {};
    }
    return catalog_.write([&](CatalogSession& session) -> Result<void> {
        for (const std::string& key : old) {
            AMIVIRT_TRY(session.documents().erase(key));
        }
        return {};
    });
}

}  // namespace amivirt
