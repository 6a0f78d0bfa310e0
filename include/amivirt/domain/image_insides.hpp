// What a look into an image finds: what would be shared by mistake, and how two images differ.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace amivirt {

enum class Severity {
    high,    ///< lets others in, here or elsewhere
    medium,  ///< tells what somebody did or is called, or makes all its machines the same one
    low,     ///< left-overs
};
[[nodiscard]] std::string_view to_string(Severity value) noexcept;

/// One thing in an image that does not belong into what is shared.
struct LintFinding {
    Severity severity = Severity::low;
    std::string rule;  ///< "ssh-host-key"; the names are stable
    std::string path;
    std::string message;  ///< a clause
    enum class Fix { remove, empty, lock_passwords } fix = Fix::remove;
    friend bool operator==(const LintFinding&, const LintFinding&) = default;
};
/// What is done about it: "remove", "empty", "lock the passwords".
[[nodiscard]] std::string_view to_string(LintFinding::Fix value) noexcept;

/// How one image's insides differ from another's.
struct ImageDiff {
    struct Changed {
        std::string path;
        std::vector<std::string> what;  ///< of "kind", "content", "mode", "owner", "target"
        friend bool operator==(const Changed&, const Changed&) = default;
    };
    struct Versions {
        std::string name;
        std::string before;  ///< "" not there
        std::string after;
        friend bool operator==(const Versions&, const Versions&) = default;
    };
    std::vector<std::string> added;
    std::vector<std::string> removed;
    std::vector<Changed> changed;
    std::vector<Versions> packages;  ///< before and after are versions
    bool packages_unknown = false;   ///< one has a package manager that cannot be asked: there is nothing in `packages`
    std::vector<Versions> users;     ///< before and after are "uid:gid:home:shell"
    [[nodiscard]] bool none() const noexcept {
        return added.empty() && removed.empty() && changed.empty() && packages.empty() && users.empty();
    }
};

}  // namespace amivirt
