// What the commands that tag share.
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

/// What a word means.
using FindTagged = std::function<Result<TaggedResource>(Services& services, const std::string& word)>;
/// Anything that can have tags (Tagging::resolve).
[[nodiscard]] Result<TaggedResource> find_tagged(Services& services, const std::string& word);

/// Does `change` to each resource, by its id; one that fails does not stop the others. Prints the ids. The exit status of the first fault.
[[nodiscard]] Result<int> change_tags(
    Session& session, const std::vector<std::string>& resources, const FindTagged& find,
    const std::function<Result<std::vector<TaggedResource>>(Services& services, const std::string& id)>& change);

/// Puts the words' tags on the words' resources, for the command `verb`, whose help calls a resource `noun`.
[[nodiscard]] Result<int> add_tags(Session& session, std::string_view verb, std::string_view noun, const std::vector<std::string>& words,
                                   const FindTagged& find);

}  // namespace amivirt::cli
