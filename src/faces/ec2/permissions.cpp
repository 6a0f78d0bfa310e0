#include "faces/ec2/permissions.hpp"

#include <fmt/format.h>

#include <vector>

#include "faces/ec2/xml.hpp"

namespace amivirt::ec2 {

namespace {

/// Groups and user ids of one part of a change. Nothing is applied if one is bad.
LaunchPermissions permissions_in(const Parameters& from, const std::vector<std::string>& groups, const std::vector<std::string>& users,
                                 Code bad_item) {
    LaunchPermissions permissions;
    for (const std::string& group : groups) {
        if (group != "all") {
            from.fault({bad_item, fmt::format("Invalid attribute item value \"{}\" for group item type.", printable(group))});
        }
        permissions.everyone = true;
    }
    for (const std::string& user : users) {
        if (auto id = AccountId::parse(user)) {
            permissions.accounts.insert(std::move(*id));
        } else {
            from.fault({bad_item, fmt::format("Invalid attribute item value \"{}\" for userId item type.", printable(user))});
        }
    }
    return permissions;
}

LaunchPermissions permissions_at(const Parameters& from, std::string_view name, Code bad_item) {
    std::vector<std::string> groups;
    std::vector<std::string> users;
    for (const Parameters& each : from.list(name)) {
        if (auto group = each.text("Group")) {
            groups.push_back(std::move(*group));
        }
        if (auto user = each.text("UserId")) {
            users.push_back(std::move(*user));
        }
        each.refuse("OrganizationArn", "there are no organizations here");
        each.refuse("OrganizationalUnitArn", "there are no organizations here");
    }
    return permissions_in(from, groups, users, bad_item);
}

}  // namespace

PermissionChange permission_change(const Parameters& in, std::string_view name, Code bad_item) {
    const Parameters typed = in.below(name);
    PermissionChange change{permissions_at(typed, "Add", bad_item), permissions_at(typed, "Remove", bad_item)};
    const auto operation = in.text("OperationType").value_or("");
    LaunchPermissions listed = permissions_in(in, in.texts("UserGroup"), in.texts("UserId"), bad_item);
    if (!operation.empty() && operation != "add" && operation != "remove") {
        in.fault({Code::invalid_parameter_value,
                  fmt::format("Value ({}) for parameter operationType is invalid. Expected add or remove.", printable(operation))});
    }
    if (listed == LaunchPermissions()) {
        return change;
    }
    if (operation.empty() && !change.any()) {
        in.fault({Code::missing_parameter, "The request must contain the parameter OperationType"});
    }
    const bool takes_away = operation == "remove" || (operation.empty() && change.removed != LaunchPermissions());
    LaunchPermissions& into = takes_away ? change.removed : change.added;
    into.everyone = into.everyone || listed.everyone;
    into.accounts.merge(listed.accounts);
    return change;
}

std::string attribute_name(std::string text) {
    text.erase(0, text.find_first_not_of(' '));
    text.erase(text.find_last_not_of(' ') + 1);
    if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z') {
        text[0] = static_cast<char>(text[0] - 'A' + 'a');
    }
    return text;
}

}  // namespace amivirt::ec2
