// Launch templates of a region: create, find, versions, delete. Each belongs to one account and is seen by no other.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "amivirt/domain/launch_template.hpp"
#include "amivirt/ports/catalog.hpp"
#include "amivirt/ports/id_source.hpp"

namespace amivirt {

/// By id or by name: one of the two is given.
struct LaunchTemplateRef {
    std::string id;
    std::string name;
};

struct NewLaunchTemplate {
    std::string name;
    std::string description;  ///< of version 1; at most 255 characters
    LaunchTemplateData data;  ///< not empty
    Tags tags;
};

struct NewLaunchTemplateVersion {
    std::string source;  ///< as find_version takes it, whose data `data` overlays; "": none
    std::string description;
    LaunchTemplateData data;  ///< not empty, but where there is a source
};

/// A version that was asked for and not deleted, and why.
struct KeptVersion {
    std::uint64_t number = 0;
    Error reason;
};
struct DeletedVersions {
    LaunchTemplate launch_template;  ///< as it is now
    std::vector<std::uint64_t> deleted;
    std::vector<KeptVersion> kept;
};

class LaunchTemplates {
public:
    LaunchTemplates(Catalog& catalog, IdSource& ids, const Clock& clock) : catalog_(catalog), ids_(ids), clock_(clock) {}

    /// invalid_launch_template_name_malformed, .._exists; check_tags' errors.
    [[nodiscard]] Result<LaunchTemplate> create(const AccountId& caller, const NewLaunchTemplate& wanted);
    /// The template as it is then; the new version is its last one. Does not become the default by itself.
    [[nodiscard]] Result<LaunchTemplate> add_version(const AccountId& caller, const LaunchTemplateRef& which,
                                                     const NewLaunchTemplateVersion& wanted);
    /// invalid_launch_template_id_not_found, .._id_malformed, .._name_not_found.
    [[nodiscard]] Result<LaunchTemplate> find(const AccountId& caller, const LaunchTemplateRef& which);
    /// The caller's, in order of creation.
    [[nodiscard]] Result<std::vector<LaunchTemplate>> list(const AccountId& caller);
    [[nodiscard]] Result<LaunchTemplate> set_default(const AccountId& caller, const LaunchTemplateRef& which, const std::string& version);
    /// With all its versions. What was launched from it stays as it is.
    [[nodiscard]] Result<LaunchTemplate> remove(const AccountId& caller, const LaunchTemplateRef& which);
    /// Those that can be deleted are: the default version cannot, nor one that is not there.
    [[nodiscard]] Result<DeletedVersions> remove_versions(const AccountId& caller, const LaunchTemplateRef& which,
                                                          const std::vector<std::uint64_t>& versions);

private:
    [[nodiscard]] Result<LaunchTemplate> change(const AccountId& caller, const LaunchTemplateRef& which,
                                                const std::function<Result<void>(LaunchTemplate&)>& how);
    Catalog& catalog_;
    IdSource& ids_;
    const Clock& clock_;
};

}  // namespace amivirt
