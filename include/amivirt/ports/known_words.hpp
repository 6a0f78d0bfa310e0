// What a word may become: asked at every press of TAB.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "amivirt/base/ids.hpp"
#include "amivirt/base/result.hpp"

namespace amivirt {

enum class WordKind {
    image,     ///< those the account may see, but not deregistered or failed ones
    instance,  ///< not terminated ones
    volume,
    snapshot,
    key_pair,
    retention_rule,
    session,          ///< of instances that are not terminated
    binned_image,     ///< of the account's own in the recycle bin
    binned_snapshot,  ///< the same
};

/// An id with the object's name as its note, or a name with the id.
struct KnownWord {
    std::string word;
    std::string note;  ///< may be empty
    friend bool operator==(const KnownWord&, const KnownWord&) = default;
};

class KnownWords {
public:
    virtual ~KnownWords() = default;
    /// The ids and names of `account` that begin with `prefix`, by word, at most `most`; of two objects of one name both. Changes nothing,
    /// and waits for nobody: busy is an error like any other. A store that is not there has no words.
    [[nodiscard]] virtual Result<std::vector<KnownWord>> words(WordKind kind, const AccountId& account, const std::string& prefix,
                                                               std::size_t most) = 0;
};

}  // namespace amivirt
