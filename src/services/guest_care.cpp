#include "guest_care.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <set>
#include <tuple>

#include "amivirt/domain/guest_texts.hpp"

namespace amivirt {

namespace {

constexpr std::size_t k_small_text = 1U << 20U;
constexpr std::size_t k_package_database = 64U << 20U;
constexpr std::size_t k_key_head = 4096;
constexpr std::uint64_t k_largest_key = 64U << 10U;

constexpr const char* k_machine_id = "/etc/machine-id";
constexpr const char* k_dbus_machine_id = "/var/lib/dbus/machine-id";

constexpr std::array k_host_keys{"/etc/ssh/ssh_host_*", "/etc/dropbear/*host_key*", "/etc/dropbear/*.key"};
constexpr std::array k_random_seeds{"/var/lib/systemd/random-seed", "/var/lib/random-seed", "/var/lib/urandom/random-seed",
                                    "/var/lib/seedrng/seed.*"};
constexpr std::array k_leases{"/var/lib/dhcp/*.lease*", "/var/lib/dhclient/*lease*", "/var/lib/dhcpcd/*.lease*",
                              "/var/lib/NetworkManager/*.lease*"};
/// Where /etc/passwd says that somebody is at home who is not ("bin", "daemon", "sync", "games").
constexpr std::array<std::string_view, 8> k_no_homes{"/bin", "/sbin", "/usr", "/dev", "/proc", "/sys", "/etc", "/nonexistent"};
/// Of package managers that inspection is to ask.
constexpr std::array k_package_databases{"/var/lib/rpm/*", "/usr/lib/sysimage/rpm/*", "/usr/share/rpm/*", "/lib/apk/db/installed",
                                         "/var/lib/pacman/local/*"};
/// In a home folder.
constexpr std::array k_histories{
    ".*_history", ".history", ".lesshst", ".viminfo", ".local/share/fish/fish_history", ".local/share/recently-used.xbel"};

struct Credential {
    const char* path;  ///< in a home folder
    const char* whose;
};
constexpr std::array k_credentials{Credential{".aws/credentials", "AWS"},
                                   Credential{".aws/sso/cache/*.json", "AWS"},
                                   Credential{".aws/cli/cache/*.json", "AWS"},
                                   Credential{".config/gcloud/credentials.db", "Google Cloud"},
                                   Credential{".config/gcloud/access_tokens.db", "Google Cloud"},
                                   Credential{".config/gcloud/application_default_credentials.json", "Google Cloud"},
                                   Credential{".config/gcloud/legacy_credentials", "Google Cloud"},
                                   Credential{".boto", "Google Cloud or AWS"},
                                   Credential{".azure/accessTokens.json", "Azure"},
                                   Credential{".azure/msal_token_cache.*", "Azure"},
                                   Credential{".azure/service_principal_entries.*", "Azure"},
                                   Credential{".kube/config", "Kubernetes"},
                                   Credential{".docker/config.json", "a container registry's"},
                                   Credential{".config/containers/auth.json", "a container registry's"},
                                   Credential{".netrc", "netrc"},
                                   Credential{".git-credentials", "git"},
                                   Credential{".pgpass", "PostgreSQL"},
                                   Credential{".my.cnf", "MySQL"},
                                   Credential{".vault-token", "Vault"}};

Result<void> check_linux(const GuestFileSystem& files) {
    if (files.platform() == "linux" || files.platform().empty()) {
        return {};
    }
    return Error(Code::unsupported_operation,
                 fmt::format("this is known how to do for Linux, and the disk's system is {}", files.platform()));
}

/// Regular files only: a link leads to what is found by itself.
Result<std::vector<GuestEntry>> files_at(GuestFileSystem& files, const std::string& pattern) {
    std::vector<GuestEntry> found;
    for (const auto& path : AMIVIRT_TRY(files.glob(pattern))) {
        const auto entry = AMIVIRT_TRY(files.look(path));
        if (entry && entry->kind == EntryKind::file) {
            found.push_back(*entry);
        }
    }
    return found;
}

/// The home that a line of /etc/passwd names, without slashes at its end; "" where nobody lives: the system's own folders.
std::string home_of(std::string home) {
    while (home.ends_with('/')) {
        home.pop_back();
    }
    const auto within = [&](std::string_view folder) {
        return home.starts_with(folder) && (home.size() == folder.size() || home[folder.size()] == '/');
    };
    const bool local = within("/usr/local") && home != "/usr/local";
    const bool the_systems = !local && std::any_of(k_no_homes.begin(), k_no_homes.end(), within);
    return home.starts_with('/') && !the_systems ? home : "";
}

/// Where people and services are at home: of /etc/passwd, and what lies in /home without an owner.
Result<std::vector<std::string>> homes_of(GuestFileSystem& files) {
    std::set<std::string> homes{"/root"};
    for (const auto& user : parse_passwd(AMIVIRT_TRY(files.read("/etc/passwd", k_small_text)).value_or(""))) {
        homes.insert(home_of(user.home));
    }
    for (auto& path : AMIVIRT_TRY(files.glob("/home/*"))) {
        homes.insert(std::move(path));
    }
    std::vector<std::string> found;
    for (const auto& path : homes) {
        const auto entry = path.empty() ? std::optional<GuestEntry>() : AMIVIRT_TRY(files.look(path));
        if (entry && (entry->kind == EntryKind::folder || entry->kind == EntryKind::link)) {
            found.push_back(path);
        }
    }
    return found;
}

/// A home's name may hold what glob would take for a pattern.
std::string literal(std::string_view path) {
    std::string out;
    for (const char c : path) {
        if (c == '*' || c == '?' || c == '[' || c == '\\') {
            out += '\\';
        }
        out += c;
    }
    return out;
}

class Linter {
public:
    explicit Linter(GuestFileSystem& files) : files_(files) {}

    Result<std::vector<LintFinding>> run() {
        using Fix = LintFinding::Fix;
        for (const auto& home : AMIVIRT_TRY(homes_of(files_))) {
            AMIVIRT_TRY(look_at_home(home));
        }
        AMIVIRT_TRY(look_at_passwords("/etc/passwd"));
        AMIVIRT_TRY(look_at_passwords("/etc/shadow"));
        for (const char* pattern : k_host_keys) {
            for (const auto& key : AMIVIRT_TRY(files_at(files_, pattern))) {
                if (!key.path.ends_with(".pub") && key.size > 0) {
                    add(Severity::high, "ssh-host-key", key.path, "all machines would prove to be this one with it", Fix::remove);
                } else if (key.size > 0) {
                    add(Severity::low, "ssh-host-key", key.path, "the public half of a host key", Fix::remove);
                }
            }
        }
        for (const std::string path : {k_machine_id, k_dbus_machine_id}) {
            const auto id = AMIVIRT_TRY(files_.read(path, k_key_head));
            if (id && meaningful_lines(*id) > 0 && !id->starts_with("uninitialized")) {
                add(Severity::medium, "machine-id", path, "all machines would have the same one",
                    path == k_machine_id ? Fix::empty : Fix::remove);
            }
        }
        if (!AMIVIRT_TRY(files_.glob("/var/lib/cloud/instances/*")).empty()) {
            add(Severity::medium, "cloud-init-state", "/var/lib/cloud", "a former instance's id, user data and what was done with it",
                Fix::remove);
        }
        for (const auto& entry : AMIVIRT_TRY(files_.tree("/var/log"))) {
            if (entry.kind == EntryKind::file && entry.size > 0) {
                add(Severity::low, "log", entry.path, fmt::format("{} bytes of a former machine's log", entry.size), Fix::empty);
            }
        }
        AMIVIRT_TRY(look_for(k_leases, "dhcp-lease", "a former machine's address"));
        AMIVIRT_TRY(look_for(k_random_seeds, "random-seed", "all machines would begin with the same random numbers"));
        std::stable_sort(findings_.begin(), findings_.end(), [](const LintFinding& a, const LintFinding& b) {
            return std::tie(a.severity, a.rule, a.path) < std::tie(b.severity, b.rule, b.path);
        });
        findings_.erase(std::unique(findings_.begin(), findings_.end()), findings_.end());
        return std::move(findings_);
    }

private:
    void add(Severity severity, std::string_view rule, const std::string& path, std::string message, LintFinding::Fix fix) {
        findings_.push_back({severity, std::string(rule), path, std::move(message), fix});
    }

    template <std::size_t N>
    Result<void> look_for(const std::array<const char*, N>& patterns, std::string_view rule, const std::string& message) {
        for (const char* pattern : patterns) {
            for (const auto& found : AMIVIRT_TRY(files_at(files_, pattern))) {
                if (found.size > 0) {
                    add(Severity::low, rule, found.path, message, LintFinding::Fix::remove);
                }
            }
        }
        return {};
    }

    Result<void> look_at_home(const std::string& home) {
        using Fix = LintFinding::Fix;
        const std::string within = literal(home) + "/";
        for (const auto& keys : AMIVIRT_TRY(files_at(files_, within + ".ssh/authorized_keys*"))) {
            const auto text = AMIVIRT_TRY(files_.read(keys.path, k_small_text)).value_or("");
            if (const auto count = meaningful_lines(text); count > 0) {
                add(Severity::high, "authorized-keys", keys.path,
                    fmt::format("{} SSH key{} could log in to every machine", count, count == 1 ? "" : "s"), Fix::remove);
            }
        }
        for (const auto& credential : k_credentials) {
            for (const auto& path : AMIVIRT_TRY(files_.glob(within + credential.path))) {
                const auto entry = AMIVIRT_TRY(files_.look(path));
                if (entry && (entry->kind == EntryKind::folder || (entry->kind == EntryKind::file && entry->size > 0))) {
                    add(Severity::high, "credentials", path, fmt::format("{} credentials", credential.whose), Fix::remove);
                }
            }
        }
        for (const char* pattern : {".ssh/*", "*.pem", "*.key", "*.ppk"}) {
            for (const auto& file : AMIVIRT_TRY(files_at(files_, within + pattern))) {
                if (file.size > 0 && file.size <= k_largest_key &&
                    holds_private_key(AMIVIRT_TRY(files_.read(file.path, k_key_head)).value_or(""))) {
                    add(Severity::high, "private-key", file.path, "a private key", Fix::remove);
                }
            }
        }
        for (const char* pattern : k_histories) {
            for (const auto& file : AMIVIRT_TRY(files_at(files_, within + pattern))) {
                if (file.size > 0) {
                    add(Severity::medium, "history", file.path, "what somebody typed", Fix::remove);
                }
            }
        }
        return {};
    }

    Result<void> look_at_passwords(const std::string& path) {
        for (const auto& open : open_passwords(AMIVIRT_TRY(files_.read(path, k_small_text)).value_or(""))) {
            add(Severity::high, "password", path,
                open.empty ? fmt::format("user \"{}\" logs in without a password", open.user)
                           : fmt::format("the password of user \"{}\" opens every machine", open.user),
                LintFinding::Fix::lock_passwords);
        }
        return {};
    }

    GuestFileSystem& files_;
    std::vector<LintFinding> findings_;
};

Result<void> empty_if_there(GuestFileSystem& files, const std::string& path) {
    const auto entry = AMIVIRT_TRY(files.look(path));
    return entry && entry->kind == EntryKind::file && entry->size > 0 ? files.write(path, "") : Result<void>{};
}

Result<void> remove_all(GuestFileSystem& files, const std::string& pattern) {
    for (const auto& path : AMIVIRT_TRY(files.glob(pattern))) {
        AMIVIRT_TRY(files.remove(path));
    }
    return {};
}

using Entries = std::map<std::string, GuestEntry>;

Result<Entries> entries_of(GuestFileSystem& files) {
    Entries entries;
    for (auto& entry : AMIVIRT_TRY(files.tree("/"))) {
        auto path = entry.path;
        entries.emplace(std::move(path), std::move(entry));
    }
    return entries;
}

/// Is it one file of one file system, which nobody has changed since two images went apart? A kernel writes the time of a change to the
/// nanosecond, and no guest can set it. One in whole seconds was put there by a program that made the file system, and so says
/// nothing of file systems that were made apart.
bool untouched(const GuestEntry& a, const GuestEntry& b, Kinship kinship) {
    constexpr std::int64_t second = 1'000'000'000;
    return a.inode == b.inode && a.modified_ns == b.modified_ns && a.changed_ns == b.changed_ns &&
           (kinship == Kinship::one_base || a.changed_ns % second != 0);
}

/// The regular files whose content is another one; `b` is not asked about those that it has no file of that size for.
Result<std::set<std::string>> different_contents(GuestFileSystem& before, GuestFileSystem& after, const Entries& a, const Entries& b,
                                                 Kinship kinship) {
    std::set<std::string> different;
    std::vector<std::string> unsure;
    for (const auto& [path, entry] : a) {
        const auto other = b.find(path);
        if (other == b.end() || entry.kind != EntryKind::file || other->second.kind != EntryKind::file) {
            continue;
        }
        if (entry.size != other->second.size) {
            different.insert(path);
        } else if (entry.size > 0 && !untouched(entry, other->second, kinship)) {
            unsure.push_back(path);
        }
    }
    if (!unsure.empty()) {
        const auto sums = AMIVIRT_TRY(before.checksums(unsure));
        const auto others = AMIVIRT_TRY(after.checksums(unsure));
        std::copy_if(unsure.begin(), unsure.end(), std::inserter(different, different.end()),
                     [&](const std::string& path) { return sums.at(path) != others.at(path); });
    }
    return different;
}

std::vector<std::string> differences(const GuestEntry& a, const GuestEntry& b, bool same_content) {
    std::vector<std::string> what;
    if (a.kind != b.kind) {
        what.emplace_back("kind");
        return what;
    }
    if (!same_content) {
        what.emplace_back("content");
    }
    if (a.mode != b.mode && a.kind != EntryKind::link) {
        what.emplace_back("mode");
    }
    if (a.uid != b.uid || a.gid != b.gid) {
        what.emplace_back("owner");
    }
    if (a.target != b.target) {
        what.emplace_back("target");
    }
    return what;
}

std::vector<ImageDiff::Versions> differences(const std::map<std::string, std::string>& before,
                                             const std::map<std::string, std::string>& after) {
    std::vector<ImageDiff::Versions> different;
    auto names = before;
    names.insert(after.begin(), after.end());
    for (const auto& [name, ignored] : names) {
        const auto value = [&name = name](const std::map<std::string, std::string>& from) {
            const auto at = from.find(name);
            return at == from.end() ? std::string() : at->second;
        };
        if (value(before) != value(after)) {
            different.push_back({name, value(before), value(after)});
        }
    }
    return different;
}

using Packages = std::map<std::string, std::string>;

/// None where there is no package manager; nullopt: there is one that cannot be asked.
Result<std::optional<Packages>> packages_of(GuestFileSystem& files) {
    // dpkg's own database tells more (its architectures), also of systems too small for libguestfs to know them.
    if (const auto status = AMIVIRT_TRY(files.read("/var/lib/dpkg/status", k_package_database))) {
        return std::optional(parse_dpkg_status(*status));
    }
    if (auto listed = AMIVIRT_TRY(files.packages())) {
        return listed;
    }
    for (const char* database : k_package_databases) {
        if (!AMIVIRT_TRY(files.glob(database)).empty()) {
            return std::optional<Packages>();
        }
    }
    return std::optional(Packages());
}

Result<std::map<std::string, std::string>> users_of(GuestFileSystem& files) {
    std::map<std::string, std::string> users;
    for (const auto& user : parse_passwd(AMIVIRT_TRY(files.read("/etc/passwd", k_small_text)).value_or(""))) {
        users[user.name] = fmt::format("{}:{}:{}:{}", user.uid, user.gid, user.home, user.shell);
    }
    return users;
}

}  // namespace

Result<void> generalize(GuestFileSystem& files) {
    AMIVIRT_TRY(check_linux(files));
    AMIVIRT_TRY(empty_if_there(files, k_machine_id));
    // D-Bus makes its own anew, mostly as a link to the other.
    const auto dbus = AMIVIRT_TRY(files.look(k_dbus_machine_id));
    if (dbus && dbus->kind == EntryKind::file) {
        AMIVIRT_TRY(files.remove(k_dbus_machine_id));
    }
    for (const char* pattern : k_host_keys) {
        AMIVIRT_TRY(remove_all(files, pattern));
    }
    AMIVIRT_TRY(remove_all(files, "/var/lib/cloud/*"));
    AMIVIRT_TRY(remove_all(files, "/etc/udev/rules.d/70-persistent-net.rules"));
    for (const char* pattern : k_leases) {
        AMIVIRT_TRY(remove_all(files, pattern));
    }
    for (const char* pattern : k_random_seeds) {
        AMIVIRT_TRY(remove_all(files, pattern));
    }
    for (const auto& home : AMIVIRT_TRY(homes_of(files))) {
        for (const char* history : k_histories) {
            AMIVIRT_TRY(remove_all(files, literal(home) + "/" + history));
        }
    }
    // A journal lies in a folder named by the machine-id that is no more.
    AMIVIRT_TRY(remove_all(files, "/var/log/journal/*"));
    for (const auto& entry : AMIVIRT_TRY(files.tree("/var/log"))) {
        if (entry.kind == EntryKind::file && entry.size > 0) {
            AMIVIRT_TRY(files.write(entry.path, ""));
        }
    }
    return {};
}

Result<std::vector<LintFinding>> lint(GuestFileSystem& files) {
    AMIVIRT_TRY(check_linux(files));
    return Linter(files).run();
}

Result<void> mend(GuestFileSystem& files, const std::vector<LintFinding>& findings) {
    for (const auto& finding : findings) {
        switch (finding.fix) {
            case LintFinding::Fix::remove:
                if (finding.rule == "cloud-init-state") {
                    AMIVIRT_TRY(remove_all(files, finding.path + "/*"));
                } else {
                    AMIVIRT_TRY(files.remove(finding.path));
                }
                break;
            case LintFinding::Fix::empty:
                AMIVIRT_TRY(empty_if_there(files, finding.path));
                break;
            case LintFinding::Fix::lock_passwords:
                if (const auto text = AMIVIRT_TRY(files.read(finding.path, k_small_text))) {
                    AMIVIRT_TRY(files.write(finding.path, lock_passwords(*text)));
                }
                break;
        }
    }
    return {};
}

Result<ImageDiff> compare(GuestFileSystem& before, GuestFileSystem& after, Kinship kinship) {
    const Entries a = AMIVIRT_TRY(entries_of(before));
    const Entries b = AMIVIRT_TRY(entries_of(after));
    const auto contents = AMIVIRT_TRY(different_contents(before, after, a, b, kinship));
    ImageDiff diff;
    for (const auto& [path, entry] : a) {
        const auto other = b.find(path);
        if (other == b.end()) {
            diff.removed.push_back(path);
            continue;
        }
        if (auto what = differences(entry, other->second, !contents.contains(path)); !what.empty()) {
            diff.changed.push_back({path, std::move(what)});
        }
    }
    for (const auto& [path, entry] : b) {
        if (!a.contains(path)) {
            diff.added.push_back(path);
        }
    }
    const auto packages_before = AMIVIRT_TRY(packages_of(before));
    const auto packages_after = AMIVIRT_TRY(packages_of(after));
    diff.packages_unknown = !packages_before || !packages_after;
    if (!diff.packages_unknown) {
        diff.packages = differences(*packages_before, *packages_after);
    }
    const auto users_before = AMIVIRT_TRY(users_of(before));
    diff.users = differences(users_before, AMIVIRT_TRY(users_of(after)));
    return diff;
}

}  // namespace amivirt
