// Files that a person asked for, outside of any store: there when whole, never in part.
#pragma once

#include <string>

#include "amivirt/base/result.hpp"

namespace amivirt {

enum class Replace { yes, no };

/// `tag` tells temporaries of one file apart; letters, digits and dashes.
class OutputFiles {
public:
    virtual ~OutputFiles() = default;
    /// The absolute path that `file` means. io_error if its folder is not there or cannot be written to, or it is a folder itself;
    /// invalid_parameter_value if it is there and must not be replaced, or its name is empty.
    [[nodiscard]] virtual Result<std::string> check(const std::string& file, Replace replace) = 0;
    /// A folder for such files, with those above it; nobody else's eyes. Idempotent.
    [[nodiscard]] virtual Result<void> make_folder(const std::string& path) = 0;
    /// Where its bytes go until it is whole; beside it.
    [[nodiscard]] virtual std::string temporary(const std::string& file, const std::string& tag) const = 0;
    /// Makes a whole temporary of a short text, durably.
    [[nodiscard]] virtual Result<void> write_text(const std::string& file, const std::string& tag, const std::string& text) = 0;
    /// Gives a whole, synced temporary its name, durably. Done already (no temporary, but the file) is done. invalid_parameter_value as
    /// for check().
    [[nodiscard]] virtual Result<void> publish(const std::string& file, const std::string& tag, Replace replace) = 0;
    /// Removes the temporary. Idempotent, also when its folder is gone.
    [[nodiscard]] virtual Result<void> discard(const std::string& file, const std::string& tag) = 0;
};

}  // namespace amivirt
