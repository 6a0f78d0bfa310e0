#include "document_tags.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace amivirt {

namespace {

Error unreadable(const Document& document) { return {Code::store_corrupt, fmt::format("the record \"{}\" cannot be read", document.key)}; }

}  // namespace

const std::vector<TaggedKind>& tagged_kinds() {
    static const std::vector<TaggedKind> all{
        {ResourceType::dhcp_options, "dhcp-options", "dopt-", Code::invalid_dhcp_options_not_found},
        {ResourceType::elastic_ip, "elastic-ip", "eipalloc-", Code::invalid_allocation_not_found},
        {ResourceType::internet_gateway, "internet-gateway", "igw-", Code::invalid_internet_gateway_not_found},
        {ResourceType::network_acl, "network-acl", "acl-", Code::invalid_network_acl_not_found},
        {ResourceType::network_interface, "network-interface", "eni-", Code::invalid_network_interface_not_found},
        {ResourceType::route_table, "route-table", "rtb-", Code::invalid_route_table_not_found},
        {ResourceType::security_group, "security-group", "sg-", Code::invalid_group_not_found},
        {ResourceType::subnet, "subnet", "subnet-", Code::invalid_subnet_not_found},
        {ResourceType::vpc, "vpc", "vpc-", Code::invalid_vpc_not_found},
        {ResourceType::launch_template, "launch-template", "lt-", Code::invalid_launch_template_id_not_found},
    };
    return all;
}

const TaggedKind* tagged_kind_of(std::string_view id) {
    const auto& all = tagged_kinds();
    const auto at = std::find_if(all.begin(), all.end(), [&](const TaggedKind& kind) { return id.starts_with(kind.prefix); });
    return at == all.end() ? nullptr : &*at;
}

Result<Tags> tags_of_document(const Document& document) {
    try {
        return nlohmann::json::parse(document.body).value("tags", Tags());
    } catch (const nlohmann::json::exception&) {
        return unreadable(document);
    }
}

Result<void> set_tags(Document& document, const Tags& tags) {
    try {
        auto body = nlohmann::json::parse(document.body);
        body["tags"] = tags;
        document.body = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
        return {};
    } catch (const nlohmann::json::exception&) {
        return unreadable(document);
    }
}

}  // namespace amivirt
