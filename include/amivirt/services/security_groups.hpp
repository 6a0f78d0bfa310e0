// Security groups and their rules: kept as EC2 keeps them, and not enforced on packets.
#pragma once

#include <string>
#include <vector>

#include "amivirt/domain/virtual_network_filter.hpp"
#include "amivirt/services/vpcs.hpp"

namespace amivirt {

/// One of both; a name is one of the default VPC's groups (source: EC2).
struct GroupRef {
    std::string id;
    std::string name;
};

enum class Direction { ingress, egress };

/// By its id, or as authorize() took it.
struct RuleText {
    std::string id;
    SecurityGroupRule rule;
};

class SecurityGroups {
public:
    explicit SecurityGroups(VnetPorts ports) : ports_(std::move(ports)) {}

    /// `vpc` "": the default one. With the egress rule that lets everything out. invalid_group_duplicate within a VPC, check_group_text's
    /// errors, security_group_limit_exceeded.
    [[nodiscard]] Result<SecurityGroup> create(const AccountId& caller, const std::string& name, const std::string& description,
                                               const std::string& vpc, const Tags& tags);
    /// Its id. cannot_delete for a default group; dependency_violation while an interface or another group's rule names it.
    [[nodiscard]] Result<std::string> erase(const AccountId& caller, const GroupRef& group);
    /// Those of `ids` and `names` (invalid_group_not_found for the first that is not there), or all.
    [[nodiscard]] Result<std::vector<SecurityGroup>> describe(const AccountId& caller, const std::vector<std::string>& ids,
                                                              const std::vector<std::string>& names, const std::vector<Filter>& filters);
    /// All or none. A `peer` is a group's id, or a name in `group`'s VPC. normal_rule()'s errors, invalid_permission_duplicate,
    /// rules_per_group_exceeded, missing_parameter without any.
    [[nodiscard]] Result<std::vector<RuleOfGroup>> authorize(const AccountId& caller, const GroupRef& group, Direction direction,
                                                             std::vector<SecurityGroupRule> rules, const Tags& tags);
    /// Those revoked, which are named by what they let through, by id, or both; all or none. invalid_permission_not_found,
    /// invalid_security_group_rule_not_found.
    [[nodiscard]] Result<std::vector<RuleOfGroup>> revoke(const AccountId& caller, const GroupRef& group, Direction direction,
                                                          std::vector<SecurityGroupRule> rules, const std::vector<std::string>& rule_ids);
    /// Sets descriptions; "" removes one.
    [[nodiscard]] Result<void> describe_anew(const AccountId& caller, const GroupRef& group, Direction direction,
                                             std::vector<RuleText> rules);
    /// Puts these rules, direction and id kept, in the place of those there are.
    [[nodiscard]] Result<void> modify(const AccountId& caller, const std::string& group, std::vector<RuleText> rules);
    [[nodiscard]] Result<std::vector<RuleOfGroup>> describe_rules(const AccountId& caller, const std::vector<std::string>& rule_ids,
                                                                  const std::vector<Filter>& filters);

private:
    VnetPorts ports_;
};

}  // namespace amivirt
