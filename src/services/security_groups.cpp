#include "amivirt/services/security_groups.hpp"

#include "amivirt/domain/security_group_rules.hpp"
#include "vnet.hpp"

namespace amivirt {

namespace {

// Source: EC2's quotas.
constexpr std::size_t k_most_rules = 60;  // a group, in each direction
constexpr std::size_t k_most_groups = 2500;

bool egress(Direction direction) { return direction == Direction::egress; }

RuleOfGroup of_group(const SecurityGroup& group, SecurityGroupRule rule) { return {std::move(rule), group.id, group.owner, group.vpc}; }

/// A peer that is said by its name becomes its id.
Result<void> settle_peer(const VnetRecords& records, const SecurityGroup& group, SecurityGroupRule& rule) {
    if (rule.peer.empty()) {
        rule.peer_owner.clear();
        return {};
    }
    for (const SecurityGroup& other : AMIVIRT_TRY(records.list<SecurityGroup>())) {
        if (other.vpc == group.vpc && (other.id == rule.peer || other.name == rule.peer)) {
            rule.peer = other.id;
            rule.peer_owner = other.owner;
            return {};
        }
    }
    return Error(Code::invalid_group_not_found, fmt::format("The security group '{}' does not exist", rule.peer));
}

/// A rule knows its peer's id: a filter by the peer's name becomes one by the ids of the groups of that name.
Result<void> settle_peer_names(const VnetRecords& records, std::vector<Filter>& filters) {
    constexpr std::string_view k_name = "ip-permission.group-name";
    for (Filter& filter : filters) {
        if (filter.name != k_name && filter.name != fmt::format("egress.{}", k_name)) {
            continue;
        }
        const Filter by_name{"group-name", filter.values};
        filter.name.replace(filter.name.size() - std::string_view("name").size(), std::string::npos, "id");
        filter.values.clear();
        for (const SecurityGroup& group : AMIVIRT_TRY(records.list<SecurityGroup>())) {
            if (network_matches(group, {by_name})) {
                filter.values.push_back(group.id);
            }
        }
    }
    return {};
}

/// The rules of a request as they are kept.
Result<std::vector<SecurityGroupRule>> settled(const VnetRecords& records, const SecurityGroup& group, Direction direction,
                                               const std::vector<SecurityGroupRule>& rules) {
    std::vector<SecurityGroupRule> all;
    for (const SecurityGroupRule& rule : rules) {
        all.push_back(AMIVIRT_TRY(normal_rule(rule)));
        all.back().egress = egress(direction);
        AMIVIRT_TRY(settle_peer(records, group, all.back()));
    }
    return all;
}

Error no_such_rule() { return {Code::invalid_permission_not_found, "The specified rule does not exist in this security group."}; }
Error no_such_rule_id(const std::string& id) {
    return {Code::invalid_security_group_rule_not_found, fmt::format("The security group rule ID '{}' does not exist", id)};
}

auto find_rule(SecurityGroup& group, const SecurityGroupRule& wanted) {
    return std::find_if(group.rules.begin(), group.rules.end(), [&](const SecurityGroupRule& rule) { return same_rule(rule, wanted); });
}
auto find_rule_id(SecurityGroup& group, const std::string& id) {
    return std::find_if(group.rules.begin(), group.rules.end(), [&](const SecurityGroupRule& rule) { return rule.id == id; });
}

Result<void> check_count(const SecurityGroup& group) {
    const auto out = static_cast<std::size_t>(
        std::count_if(group.rules.begin(), group.rules.end(), [](const SecurityGroupRule& rule) { return rule.egress; }));
    if (out > k_most_rules || group.rules.size() - out > k_most_rules) {
        return Error(Code::rules_per_group_exceeded, "The maximum number of rules per security group has been reached.");
    }
    return {};
}

Error duplicate(const SecurityGroupRule& rule) {
    return {Code::invalid_permission_duplicate, fmt::format("the specified rule \"{}\" already exists", describe_rule(rule))};
}

}  // namespace

Result<SecurityGroup> SecurityGroups::create(const AccountId& caller, const std::string& name, const std::string& description,
                                             const std::string& vpc, const Tags& tags) {
    AMIVIRT_TRY(check_group_text("GroupName", name));
    AMIVIRT_TRY(check_group_text("GroupDescription", description));
    AMIVIRT_TRY(check_tags(tags));
    if (name == "default") {
        return Error(Code::invalid_parameter_value, "Cannot use reserved security group name: default");
    }
    SecurityGroup group;
    AMIVIRT_TRY(change_network(ports_, caller, [&](VnetRecords& records) -> Result<void> {
        std::string in = vpc;
        if (in.empty()) {
            const auto own = AMIVIRT_TRY(find_default_vpc(records));
            if (!own) {
                return Error(Code::vpc_id_not_specified, "No default VPC for this user");
            }
            in = own->id;
        } else {
            AMIVIRT_TRY(records.get<Vpc>(in));
        }
        const auto all = AMIVIRT_TRY(records.list<SecurityGroup>());
        for (const SecurityGroup& other : all) {
            if (other.vpc == in && other.name == name) {
                return Error(Code::invalid_group_duplicate, fmt::format("The security group '{}' already exists for VPC '{}'", name, in));
            }
        }
        if (all.size() >= k_most_groups) {
            return Error(Code::security_group_limit_exceeded, "The maximum number of security groups has been reached.");
        }
        group.id = fresh_id<SecurityGroup>(ports_.ids);
        group.owner = caller.str();
        group.vpc = in;
        group.name = name;
        group.description = description;
        group.tags = tags;
        SecurityGroupRule out;
        out.id = "sgr-" + ports_.ids.hex17();
        out.egress = true;
        out.protocol = "-1";
        out.cidr = "0.0.0.0/0";
        group.rules.push_back(std::move(out));
        return records.insert(group, ports_.clock.now());
    }));
    return group;
}

Result<std::string> SecurityGroups::erase(const AccountId& caller, const GroupRef& which) {
    std::string id;
    AMIVIRT_TRY(change_network(ports_, caller, [&](VnetRecords& records) -> Result<void> {
        const SecurityGroup group = AMIVIRT_TRY(find_group(records, which.id, which.name));
        if (group.name == "default") {
            return Error(Code::cannot_delete,
                         fmt::format("the specified group: \"{}\" name: \"default\" cannot be deleted by a user", group.id));
        }
        bool used = false;
        for (const NetworkInterface& each : AMIVIRT_TRY(records.list<NetworkInterface>())) {
            used = used || std::find(each.groups.begin(), each.groups.end(), group.id) != each.groups.end();
        }
        for (const SecurityGroup& other : AMIVIRT_TRY(records.list<SecurityGroup>())) {
            used = used || (other.id != group.id && std::any_of(other.rules.begin(), other.rules.end(),
                                                                [&](const SecurityGroupRule& rule) { return rule.peer == group.id; }));
        }
        if (used) {
            return Error(Code::dependency_violation, fmt::format("resource {} has a dependent object", group.id));
        }
        id = group.id;
        return records.erase(group);
    }));
    return id;
}

Result<std::vector<SecurityGroup>> SecurityGroups::describe(const AccountId& caller, const std::vector<std::string>& ids,
                                                            const std::vector<std::string>& names, const std::vector<Filter>& filters) {
    std::vector<Filter> settled_filters = filters;
    std::vector<SecurityGroup> found;
    AMIVIRT_TRY(look_at_network(ports_, caller, [&](VnetRecords& records) -> Result<void> {
        AMIVIRT_TRY(settle_peer_names(records, settled_filters));
        AMIVIRT_TRY(check_network_filters<SecurityGroup>(settled_filters));
        std::vector<std::string> wanted = ids;
        for (const std::string& name : names) {
            wanted.push_back(AMIVIRT_TRY(find_group(records, "", name)).id);
        }
        found = AMIVIRT_TRY(choose_records<SecurityGroup>(records, wanted));
        return {};
    }));
    std::erase_if(found, [&](const SecurityGroup& group) { return !network_matches(group, settled_filters); });
    return found;
}

Result<std::vector<RuleOfGroup>> SecurityGroups::authorize(const AccountId& caller, const GroupRef& which, Direction direction,
                                                           std::vector<SecurityGroupRule> rules, const Tags& tags) {
    AMIVIRT_TRY(check_tags(tags));
    if (rules.empty()) {
        return Error(Code::missing_parameter, "The request must contain the parameter ipPermissions");
    }
    std::vector<RuleOfGroup> added;
    AMIVIRT_TRY(change_network(ports_, caller, [&](VnetRecords& records) -> Result<void> {
        added.clear();
        SecurityGroup group = AMIVIRT_TRY(find_group(records, which.id, which.name));
        for (SecurityGroupRule& rule : AMIVIRT_TRY(settled(records, group, direction, rules))) {
            if (find_rule(group, rule) != group.rules.end()) {
                return duplicate(rule);
            }
            rule.id = "sgr-" + ports_.ids.hex17();
            rule.tags = tags;
            group.rules.push_back(rule);
            added.push_back(of_group(group, std::move(rule)));
        }
        AMIVIRT_TRY(check_count(group));
        return records.update(group);
    }));
    return added;
}

Result<std::vector<RuleOfGroup>> SecurityGroups::revoke(const AccountId& caller, const GroupRef& which, Direction direction,
                                                        std::vector<SecurityGroupRule> rules, const std::vector<std::string>& rule_ids) {
    if (rules.empty() && rule_ids.empty()) {
        return Error(Code::missing_parameter, "The request must contain the parameter ipPermissions or securityGroupRuleIds");
    }
    std::vector<RuleOfGroup> gone;
    AMIVIRT_TRY(change_network(ports_, caller, [&](VnetRecords& records) -> Result<void> {
        gone.clear();
        SecurityGroup group = AMIVIRT_TRY(find_group(records, which.id, which.name));
        const auto take = [&](auto at) {
            gone.push_back(of_group(group, *at));
            group.rules.erase(at);
        };
        for (const std::string& id : rule_ids) {
            const auto at = find_rule_id(group, id);
            if (at == group.rules.end() || at->egress != egress(direction)) {
                return no_such_rule_id(id);
            }
            take(at);
        }
        for (const SecurityGroupRule& rule : AMIVIRT_TRY(settled(records, group, direction, rules))) {
            const auto at = find_rule(group, rule);
            if (at == group.rules.end()) {
                return no_such_rule();
            }
            take(at);
        }
        return records.update(group);
    }));
    return gone;
}

Result<void> SecurityGroups::describe_anew(const AccountId& caller, const GroupRef& which, Direction direction,
                                           std::vector<RuleText> rules) {
    if (rules.empty()) {
        return Error(Code::missing_parameter, "The request must contain the parameter ipPermissions or securityGroupRuleDescriptions");
    }
    return change_network(ports_, caller, [&](VnetRecords& records) -> Result<void> {
        SecurityGroup group = AMIVIRT_TRY(find_group(records, which.id, which.name));
        for (const RuleText& text : rules) {
            auto at = group.rules.end();
            SecurityGroupRule wanted = text.rule;
            if (!text.id.empty()) {
                at = find_rule_id(group, text.id);
                if (at == group.rules.end() || at->egress != egress(direction)) {
                    return no_such_rule_id(text.id);
                }
                wanted = *at;
                wanted.description = text.rule.description;
                AMIVIRT_TRY(normal_rule(wanted));
            } else {
                wanted = AMIVIRT_TRY(settled(records, group, direction, {text.rule})).front();
                at = find_rule(group, wanted);
                if (at == group.rules.end()) {
                    return no_such_rule();
                }
            }
            at->description = wanted.description;
        }
        return records.update(group);
    });
}

Result<void> SecurityGroups::modify(const AccountId& caller, const std::string& id, std::vector<RuleText> rules) {
    if (rules.empty()) {
        return Error(Code::missing_parameter, "The request must contain the parameter SecurityGroupRule");
    }
    return change_network(ports_, caller, [&](VnetRecords& records) -> Result<void> {
        SecurityGroup group = AMIVIRT_TRY(find_group(records, id, ""));
        for (const RuleText& each : rules) {
            const auto at = find_rule_id(group, each.id);
            if (at == group.rules.end()) {
                return no_such_rule_id(each.id);
            }
            const Direction direction = at->egress ? Direction::egress : Direction::ingress;
            SecurityGroupRule rule = AMIVIRT_TRY(settled(records, group, direction, {each.rule})).front();
            rule.id = at->id;
            rule.tags = at->tags;
            *at = std::move(rule);
        }
        for (auto one = group.rules.begin(); one != group.rules.end(); ++one) {
            if (std::any_of(one + 1, group.rules.end(), [&](const SecurityGroupRule& other) { return same_rule(*one, other); })) {
                return duplicate(*one);
            }
        }
        return records.update(group);
    });
}

Result<std::vector<RuleOfGroup>> SecurityGroups::describe_rules(const AccountId& caller, const std::vector<std::string>& rule_ids,
                                                                const std::vector<Filter>& filters) {
    AMIVIRT_TRY(check_network_filters<RuleOfGroup>(filters));
    std::vector<RuleOfGroup> found;
    AMIVIRT_TRY(look_at_network(ports_, caller, [&](VnetRecords& records) -> Result<void> {
        for (SecurityGroup& group : AMIVIRT_TRY(records.list<SecurityGroup>())) {
            for (SecurityGroupRule& rule : group.rules) {
                found.push_back(of_group(group, std::move(rule)));
            }
        }
        return {};
    }));
    for (const std::string& id : rule_ids) {
        if (std::none_of(found.begin(), found.end(), [&](const RuleOfGroup& each) { return each.rule.id == id; })) {
            return no_such_rule_id(id);
        }
    }
    std::erase_if(found, [&](const RuleOfGroup& each) {
        return (!rule_ids.empty() && std::find(rule_ids.begin(), rule_ids.end(), each.rule.id) == rule_ids.end()) ||
               !network_matches(each, filters);
    });
    return found;
}

}  // namespace amivirt
