#include "instance_options.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace amivirt {

namespace {

const std::string k_options_kind = "instance-options";

using OptionsJson = nlohmann::json;

OptionsJson to_json(const InstanceOptions& options) {
    OptionsJson body{{"stop_protected", options.stop_protected},
                     {"ebs_optimized", options.ebs_optimized},
                     {"ena_support", options.ena_support},
                     {"sriov_net_support", options.sriov_net_support},
                     {"monitored", options.monitored},
                     {"auto_recovery", options.auto_recovery},
                     {"metadata",
                      {{"tokens_required", options.metadata.tokens_required},
                       {"hop_limit", options.metadata.hop_limit},
                       {"endpoint", options.metadata.endpoint},
                       {"ipv6", options.metadata.ipv6},
                       {"tags", options.metadata.tags}}}};
    if (options.cpu_credits) {
        body["cpu_credits"] = to_string(*options.cpu_credits);
    }
    return body;
}

/// Members that an older program did not write have their defaults.
Result<InstanceOptions> from_json(const Document& document) {
    try {
        const auto body = OptionsJson::parse(document.body);
        InstanceOptions options;
        options.stop_protected = body.value("stop_protected", options.stop_protected);
        options.ebs_optimized = body.value("ebs_optimized", options.ebs_optimized);
        options.ena_support = body.value("ena_support", options.ena_support);
        options.sriov_net_support = body.value("sriov_net_support", options.sriov_net_support);
        options.monitored = body.value("monitored", options.monitored);
        options.auto_recovery = body.value("auto_recovery", options.auto_recovery);
        if (const auto credits = body.value("cpu_credits", ""); !credits.empty()) {
            options.cpu_credits = AMIVIRT_TRY(parse_cpu_credits(credits));
        }
        const auto metadata = body.value("metadata", OptionsJson::object());
        options.metadata.tokens_required = metadata.value("tokens_required", options.metadata.tokens_required);
        options.metadata.hop_limit = metadata.value("hop_limit", options.metadata.hop_limit);
        options.metadata.endpoint = metadata.value("endpoint", options.metadata.endpoint);
        options.metadata.ipv6 = metadata.value("ipv6", options.metadata.ipv6);
        options.metadata.tags = metadata.value("tags", options.metadata.tags);
        return options;
    } catch (const OptionsJson::exception& fault) {
        return Error(Code::store_corrupt, fmt::format("the record {} cannot be read: {}", document.key, fault.what()));
    }
}

}  // namespace

Result<InstanceOptions> options_of(CatalogSession& session, const InstanceId& id) {
    const auto document = AMIVIRT_TRY(session.documents().find(document_key(k_options_kind, id.str())));
    return document ? from_json(*document) : InstanceOptions();
}

Result<std::map<InstanceId, InstanceOptions>> all_options(CatalogSession& session) {
    std::map<InstanceId, InstanceOptions> all;
    for (const auto& document : AMIVIRT_TRY(session.index().documents(k_options_kind))) {
        const auto id = InstanceId::parse(std::string_view(document.key).substr(k_options_kind.size() + 1));
        const auto options = from_json(document);
        if (id && options) {
            all.emplace(*id, *options);
        }
    }
    return all;
}

Result<void> keep_options(CatalogSession& session, const Instance& instance, const InstanceOptions& options) {
    const auto key = document_key(k_options_kind, instance.id.str());
    const auto before = AMIVIRT_TRY(session.documents().find(key));
    if (options == InstanceOptions()) {
        return session.documents().erase(key);
    }
    const Document document{key, k_options_kind, instance.owner.str(), to_json(options).dump(),
                            before ? before->created : instance.launched};
    return before ? session.documents().update(document) : session.documents().insert(document);
}

Result<void> erase_instance(CatalogSession& session, const InstanceId& id) {
    AMIVIRT_TRY(session.documents().erase(document_key(k_options_kind, id.str())));
    return session.instances().erase(id);
}

}  // namespace amivirt
