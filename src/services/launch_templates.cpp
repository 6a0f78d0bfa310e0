#include "amivirt/services/launch_templates.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "launch_template_records.hpp"

namespace amivirt {

namespace {

const std::string k_template_kind = "launch-template";
constexpr std::size_t k_longest_version_description = 255;

using TemplateJson = nlohmann::json;

std::int64_t millis(TimePoint time) { return time.time_since_epoch().count(); }

Document document_of(const LaunchTemplate& launch_template) {
    TemplateJson versions = TemplateJson::array();
    for (const auto& version : launch_template.versions) {
        versions.push_back({{"number", version.number},
                            {"description", version.description},
                            {"created", millis(version.created)},
                            {"data", version.data}});
    }
    const TemplateJson body{{"name", launch_template.name},
                            {"default_version", launch_template.default_version},
                            {"next_version", launch_template.next_version},
                            {"versions", std::move(versions)},
                            {"tags", launch_template.tags}};
    return {document_key(k_template_kind, launch_template.id.str()), k_template_kind, launch_template.owner.str(),
            body.dump(-1, ' ', false, TemplateJson::error_handler_t::replace), launch_template.created};
}

Result<LaunchTemplate> template_of(const Document& document) {
    LaunchTemplate found;
    found.id = AMIVIRT_TRY(LaunchTemplateId::parse(std::string_view(document.key).substr(k_template_kind.size() + 1)));
    found.owner = AMIVIRT_TRY(AccountId::parse(document.owner));
    found.created = document.created;
    try {
        const auto body = TemplateJson::parse(document.body);
        found.name = body.at("name");
        found.default_version = body.at("default_version");
        found.next_version = body.at("next_version");
        found.tags = body.value("tags", Tags());
        for (const auto& each : body.at("versions")) {
            LaunchTemplateVersion version;
            version.number = each.at("number");
            version.description = each.at("description");
            version.created = TimePoint(TimePoint::duration(each.at("created").get<std::int64_t>()));
            version.data = each.at("data").get<LaunchTemplateData>();
            found.versions.push_back(std::move(version));
        }
    } catch (const TemplateJson::exception& fault) {
        return Error(Code::store_corrupt, fmt::format("the record {} cannot be read: {}", document.key, fault.what()));
    }
    return found;
}

/// All there are of this account; one that cannot be read is an error only where it is asked for by id.
Result<std::vector<LaunchTemplate>> templates_of(CatalogSession& session, const AccountId& caller) {
    auto all = AMIVIRT_TRY(all_launch_templates(session));
    std::erase_if(all, [&](const LaunchTemplate& each) { return each.owner != caller; });
    return all;
}

Result<LaunchTemplate> find_template(CatalogSession& session, const AccountId& caller, const LaunchTemplateRef& which) {
    if (!which.id.empty()) {
        if (!LaunchTemplateId::looks_like(which.id)) {
            return LaunchTemplateId::parse(which.id).error();
        }
        const auto document = AMIVIRT_TRY(session.documents().find(document_key(k_template_kind, which.id)));
        if (!document || document->owner != caller.str()) {
            return Error(Code::invalid_launch_template_id_not_found,
                         fmt::format("The specified launch template, with template ID {}, does not exist.", which.id));
        }
        return template_of(*document);
    }
    for (auto& each : AMIVIRT_TRY(templates_of(session, caller))) {
        if (each.name == which.name) {
            return std::move(each);
        }
    }
    return Error(Code::invalid_launch_template_name_not_found,
                 fmt::format("The specified launch template, with template name {}, does not exist.", which.name));
}

Result<void> check_version_description(const std::string& description) {
    return description.size() <= k_longest_version_description
               ? Result<void>()
               : Result<void>(Error(Code::invalid_parameter_value,
                                    fmt::format("a version's description has at most {} characters", k_longest_version_description)));
}

Error nothing_in_it() { return {Code::missing_parameter, "The request must contain the parameter LaunchTemplateData"}; }

}  // namespace

Result<std::vector<LaunchTemplate>> all_launch_templates(CatalogSession& session) {
    std::vector<LaunchTemplate> all;
    for (const auto& document : AMIVIRT_TRY(session.index().documents(k_template_kind))) {
        if (auto read = template_of(document)) {
            all.push_back(std::move(*read));
        }
    }
    return all;
}

Result<LaunchTemplate> LaunchTemplates::create(const AccountId& caller, const NewLaunchTemplate& wanted) {
    AMIVIRT_TRY(check_launch_template_name(wanted.name));
    AMIVIRT_TRY(check_version_description(wanted.description));
    AMIVIRT_TRY(check_tags(wanted.tags));
    if (wanted.data.empty()) {
        return nothing_in_it();
    }
    LaunchTemplate made;
    made.id = make_id<LaunchTemplateId>(ids_);
    made.name = wanted.name;
    made.owner = caller;
    made.created = clock_.now();
    made.versions.push_back({1, wanted.description, made.created, wanted.data});
    made.tags = wanted.tags;
    AMIVIRT_TRY(catalog_.write([&](CatalogSession& session) -> Result<void> {
        for (const auto& other : AMIVIRT_TRY(templates_of(session, caller))) {
            if (other.name == wanted.name) {
                return Error(Code::invalid_launch_template_name_exists,
                             fmt::format("Launch template name already in use: {}", wanted.name));
            }
        }
        return session.documents().insert(document_of(made));
    }));
    return made;
}

Result<LaunchTemplate> LaunchTemplates::change(const AccountId& caller, const LaunchTemplateRef& which,
                                               const std::function<Result<void>(LaunchTemplate&)>& how) {
    LaunchTemplate changed;
    AMIVIRT_TRY(catalog_.write([&](CatalogSession& session) -> Result<void> {
        changed = AMIVIRT_TRY(find_template(session, caller, which));
        AMIVIRT_TRY(how(changed));
        return session.documents().update(document_of(changed));
    }));
    return changed;
}

Result<LaunchTemplate> LaunchTemplates::add_version(const AccountId& caller, const LaunchTemplateRef& which,
                                                    const NewLaunchTemplateVersion& wanted) {
    AMIVIRT_TRY(check_version_description(wanted.description));
    if (wanted.data.empty() && wanted.source.empty()) {
        return nothing_in_it();
    }
    return change(caller, which, [&](LaunchTemplate& found) -> Result<void> {
        LaunchTemplateVersion version{found.next_version, wanted.description, clock_.now(), wanted.data};
        if (!wanted.source.empty()) {
            version.data = overlaid(AMIVIRT_TRY(find_version(found, wanted.source)).data, wanted.data);
        }
        ++found.next_version;
        found.versions.push_back(std::move(version));
        return {};
    });
}

Result<LaunchTemplate> LaunchTemplates::find(const AccountId& caller, const LaunchTemplateRef& which) {
    LaunchTemplate found;
    AMIVIRT_TRY(catalog_.read([&](CatalogSession& session) -> Result<void> {
        found = AMIVIRT_TRY(find_template(session, caller, which));
        return {};
    }));
    return found;
}

Result<std::vector<LaunchTemplate>> LaunchTemplates::list(const AccountId& caller) {
    std::vector<LaunchTemplate> all;
    AMIVIRT_TRY(catalog_.read([&](CatalogSession& session) -> Result<void> {
        all = AMIVIRT_TRY(templates_of(session, caller));
        return {};
    }));
    return all;
}

Result<LaunchTemplate> LaunchTemplates::set_default(const AccountId& caller, const LaunchTemplateRef& which, const std::string& version) {
    return change(caller, which, [&](LaunchTemplate& found) -> Result<void> {
        found.default_version = AMIVIRT_TRY(find_version(found, version)).number;
        return {};
    });
}

Result<LaunchTemplate> LaunchTemplates::remove(const AccountId& caller, const LaunchTemplateRef& which) {
    LaunchTemplate removed;
    AMIVIRT_TRY(catalog_.write([&](CatalogSession& session) -> Result<void> {
        removed = AMIVIRT_TRY(find_template(session, caller, which));
        return session.documents().erase(document_key(k_template_kind, removed.id.str()));
    }));
    return removed;
}

Result<DeletedVersions> LaunchTemplates::remove_versions(const AccountId& caller, const LaunchTemplateRef& which,
                                                         const std::vector<std::uint64_t>& versions) {
    DeletedVersions outcome;
    outcome.launch_template = AMIVIRT_TRY(change(caller, which, [&](LaunchTemplate& found) -> Result<void> {
        for (const std::uint64_t number : versions) {
            if (number == found.default_version) {
                outcome.kept.push_back({number, Error(Code::operation_not_permitted, "The default version cannot be deleted.")});
            } else if (std::erase_if(found.versions, [&](const auto& version) { return version.number == number; }) > 0) {
                outcome.deleted.push_back(number);
            } else {
                outcome.kept.push_back(
                    {number, Error(Code::invalid_launch_template_version_not_found,
                                   fmt::format("Could not find the version {} of the launch template {}", number, found.id.str()))});
            }
        }
        return {};
    }));
    return outcome;
}

}  // namespace amivirt
