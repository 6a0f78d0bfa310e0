// What `tag add` and `tag remove` share.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "faces/cli/command.hpp"

namespace amivirt::cli {

struct TaggingWords {
    std::vector<std::string> resources;
    std::vector<std::string> tags;
};
/// Words with a "=" are tags; a resource whose name has one is to be called by its id.
[[nodiscard]] TaggingWords split_tagging_words(const std::vector<std::string>& words);

/// Does `change` to each resource, by its id; one that fails does not stop the others. Prints the ids. The exit status of the first fault.
[[nodiscard]] Result<int> change_tags(
    Session& session, const std::vector<std::string>& resources,
    const std::function<Result<std::vector<TaggedResource>>(Services& services, const std::string& id)>& change);

}  // namespace amivirt::cli
