// Tags of images, instances, key pairs, snapshots, volumes and of the virtual network's records: add, remove, describe.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "amivirt/domain/filter.hpp"
#include "amivirt/ports/catalog.hpp"
#include "amivirt/services/operations.hpp"

namespace amivirt {

struct TaggedResource {
    ResourceType type = ResourceType::image;
    std::string id;
    Tags tags;
};

/// Which tags go: those of this key, if it is said only with this value.
using TagsToRemove = std::vector<std::pair<std::string, std::optional<std::string>>>;

class Tagging {
public:
    /// Is it, by its form, the id of something that can have tags?
    [[nodiscard]] static bool is_id(const std::string& text);

    Tagging(Catalog& catalog, Operations& operations) : catalog_(catalog), operations_(operations) {}

    /// By id, by an image's name, or by Name tag, if that is unambiguous among all kinds of `caller`'s resources. A resource of another
    /// account: operation_not_permitted if the caller may see it (source: EC2, where the tags of a shared image are the owner's), else as
    /// if it were not there. invalid_id for a name that nothing has.
    [[nodiscard]] Result<TaggedResource> resolve(const AccountId& caller, const std::string& id_or_name);
    /// All of it or nothing, on return durable; a key that is there gets the new value. tag_limit_exceeded, and check_tags' errors. Waits
    /// while another operation holds one of them, then `busy`. Idempotent.
    [[nodiscard]] Result<std::vector<TaggedResource>> add(const AccountId& caller, const std::vector<std::string>& resources,
                                                          const Tags& tags);
    /// The same; without `which`: all of them. A tag that is not there is done.
    [[nodiscard]] Result<std::vector<TaggedResource>> remove(const AccountId& caller, const std::vector<std::string>& resources,
                                                             const std::optional<TagsToRemove>& which);
    /// Of `caller`'s own resources: images, instances, key pairs, snapshots, volumes, each in order of creation, its tags by key.
    [[nodiscard]] Result<Listing<TagDescription>> describe(const AccountId& caller, const std::vector<Filter>& filters);

private:
    [[nodiscard]] Result<std::vector<TaggedResource>> change(const AccountId& caller, const std::vector<std::string>& resources,
                                                             const std::function<Result<void>(TaggedResource&)>& how);
    Catalog& catalog_;
    Operations& operations_;
};

}  // namespace amivirt
