#include "adapters/manifest/account_book.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <optional>
#include <thread>

#include "adapters/common/files.hpp"
#include "adapters/manifest/config.hpp"
#include "adapters/manifest/fields.hpp"
#include "adapters/manifest/yaml_document.hpp"
#include "amivirt/base/fault.hpp"
#include "amivirt/base/interrupt.hpp"
#include "amivirt/base/sync.hpp"

namespace amivirt {

namespace {

using namespace std::chrono_literals;
using yaml::Fields;
using yaml::Kind;
using yaml::NodePtr;

constexpr std::size_t k_most_bytes = std::size_t{1} << 20U;  // more is refused when it is parsed

/// "" if it is not there.
Result<std::string> contents(const std::string& file) {
    if (::access(file.c_str(), F_OK) != 0 && errno == ENOENT) {
        return std::string();
    }
    const auto fd = AMIVIRT_TRY(files::open(file, O_RDONLY));
    return files::read_at(fd.get(), 0, k_most_bytes + 1, file);
}

/// One at a time changes the files of a folder. The folder itself is locked: that leaves no file behind.
Result<files::FileDescriptor> lock(const std::string& folder) {
    auto fd = AMIVIRT_TRY(files::open(folder, O_RDONLY | O_DIRECTORY));
    const auto deadline = std::chrono::steady_clock::now() + 30s;
    while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) {
            return files::errno_error(errno, "lock", folder);
        }
        if (std::chrono::steady_clock::now() >= deadline) {
            return Error(Code::lock_timeout, fmt::format("Another process has kept \"{}\" locked for 30 s.", folder),
                         fmt::format("fuser -v \"{}\" names the processes that have it open.", folder));
        }
        check_interrupt();
        std::this_thread::sleep_for(10ms);
    }
    return fd;
}

int last_line(const yaml::Node& node) {
    int last = node.line;
    for (const auto& item : node.items) {
        last = std::max(last, last_line(*item));
    }
    for (const auto& entry : node.entries) {
        last = std::max({last, entry.line, last_line(*entry.value)});
    }
    return last;
}

std::string entry_text(const Account& account, const std::string& indent) {
    std::string text = fmt::format("{}\"{}\":\n", indent, account.id.str());
    if (!account.alias.empty()) {
        text += fmt::format("{0}{0}alias: {1}\n", indent.empty() ? "  " : indent, account.alias);
    }
    return text;
}

/// `text` with the account added where accounts stand, or at its end. Whether it says what it should is for the caller to see.
std::string with_account(const std::string& text, const std::string& file, const Account& account) {
    yaml::Faults faults("configuration", file);
    const NodePtr root = yaml::load_text(faults, text);
    const auto whole = [](std::string some) { return some.empty() || some.back() == '\n' ? some : some + "\n"; };
    const yaml::Entry* accounts = nullptr;
    if (root && root->kind == Kind::map) {
        for (const auto& entry : root->entries) {
            accounts = entry.key == "accounts" ? &entry : accounts;
        }
    }
    if (accounts == nullptr) {
        return whole(text) + "accounts:\n" + entry_text(account, "  ");
    }
    // Below the last one, indented as the first; below the key if there is none.
    const bool any = accounts->value->kind == Kind::map && !accounts->value->entries.empty();
    const int below = any ? last_line(*accounts->value) : accounts->line;
    const int model = any ? accounts->value->entries.front().line : 0;
    std::string indent = "  ";
    std::string before;
    std::size_t at = 0;
    for (int line = 1; at < text.size(); ++line) {
        const std::size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;
        if (line == model) {
            indent = text.substr(at, text.find_first_not_of(' ', at) - at);
        }
        before.append(text, at, end - at);
        at = end;
        if (line == below) {
            break;
        }
    }
    return whole(before) + entry_text(account, indent) + text.substr(at);
}

/// What was read of a file, as long as the file is the same: a server reads them for each request.
template <class T>
class Remembered {
public:
    template <class Read>
    [[nodiscard]] Result<T> get(const std::string& file, const Read& read) {
        struct stat facts {};
        if (::stat(file.c_str(), &facts) != 0) {
            return read();
        }
        const Stamp stamp{facts.st_dev, facts.st_ino, facts.st_size, nanoseconds(facts.st_mtim), nanoseconds(facts.st_ctim)};
        {
            auto known = known_.lock();
            if (*known && (*known)->stamp == stamp) {
                return (*known)->value;
            }
        }
        timespec now{};
        ::clock_gettime(CLOCK_REALTIME, &now);
        T value = AMIVIRT_TRY(read());
        // A file that has just changed may change again without its times doing so.
        constexpr std::int64_t k_settled = 1'000'000'000;
        if (nanoseconds(now) - stamp.changed > k_settled) {
            *known_.lock() = Known{stamp, value};
        }
        return value;
    }

private:
    struct Stamp {
        dev_t device;
        ino_t node;
        off_t size;
        std::int64_t modified;
        std::int64_t changed;
        bool operator==(const Stamp&) const = default;
    };
    struct Known {
        Stamp stamp;
        T value;
    };
    static std::int64_t nanoseconds(const timespec& time) { return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }
    Sync<std::optional<Known>> known_;
};

class FileAccountBook final : public AccountBook {
public:
    explicit FileAccountBook(const std::string& folder)
        : folder_(folder), config_(folder + "/config.yaml"), credentials_(folder + "/credentials.yaml") {}

    [[nodiscard]] Result<std::vector<Account>> list() override {
        return accounts_.get(config_,
                             [&]() -> Result<std::vector<Account>> { return std::move(AMIVIRT_TRY(read_config(config_)).accounts); });
    }

    [[nodiscard]] Result<std::vector<AccessKey>> keys() override {
        const auto accounts = AMIVIRT_TRY(list());
        auto keys = AMIVIRT_TRY(keys_.get(credentials_, [&] { return read_keys(); }));
        std::erase_if(keys, [&](const AccessKey& key) {
            return std::none_of(accounts.begin(), accounts.end(), [&](const Account& account) { return account.id == key.account; });
        });
        return keys;
    }

    [[nodiscard]] Result<void> add(const Account& account, const AccessKey& key) override {
        AMIVIRT_TRY(files::make_folders(folder_, 0700, files::Durable::yes));
        const auto held = AMIVIRT_TRY(lock(folder_));
        const std::string before = AMIVIRT_TRY(contents(config_));
        Config wanted = AMIVIRT_TRY(parse_config(before, config_));
        for (const Account& other : wanted.accounts) {
            if (other.id == account.id) {
                return Error(Code::invalid_parameter_value, fmt::format("account {} is already there", account.id.str()));
            }
            if (!account.alias.empty() && other.alias == account.alias) {
                return Error(Code::invalid_parameter_value,
                             fmt::format("the alias \"{}\" is already that of account {}", account.alias, other.id.str()));
            }
        }
        wanted.accounts.push_back(account);
        const std::string after = with_account(before, config_, account);
        const auto reread = parse_config(after, config_);
        if (!reread || !(*reread == wanted)) {
            return Error(
                Code::unsupported_operation, fmt::format("\"{}\" is written in a form to which no account can be added", config_),
                fmt::format("write the accounts there as `accounts:` with a line `  \"{}\":` for each below it", account.id.str()));
        }
        // The key first: without the account it is nobody's.
        auto keys = AMIVIRT_TRY(read_keys());
        std::erase_if(keys, [&](const AccessKey& old) { return old.account == account.id; });
        keys.push_back(key);
        AMIVIRT_TRY(files::replace(credentials_, text_of(keys), 0600, files::Durable::yes));
        fault_point("accounts.key");
        AMIVIRT_TRY(replace_config(after));
        fault_point("accounts.written");
        return {};
    }

private:
    [[nodiscard]] Result<void> replace_config(const std::string& text) const {
        std::error_code none;
        const auto real = std::filesystem::canonical(config_, none);
        const std::string file = none ? config_ : real.string();
        struct stat facts {};
        const mode_t mode = ::stat(file.c_str(), &facts) == 0 ? facts.st_mode & 0777U : 0644U;
        return files::replace(file, text, mode, files::Durable::yes);
    }

    [[nodiscard]] Result<std::vector<AccessKey>> read_keys() const {
        yaml::Faults faults("credentials file", credentials_);
        std::vector<AccessKey> keys;
        if (const NodePtr root = yaml::load(faults, yaml::Absent::allow)) {
            const Fields top(root, "", faults, {"accessKeys"});
            const NodePtr list = top.usable() ? top.get("accessKeys") : nullptr;
            if (list && list->kind != Kind::sequence) {
                top.fault("accessKeys", fmt::format("is {}, not a list", yaml::name_of(list->kind)));
            }
            for (std::size_t i = 0; list && i < list->items.size(); ++i) {
                const Fields fields(list->items[i], fmt::format("accessKeys[{}]", i), faults, {"id", "account", "secret"});
                if (!fields.usable()) {
                    continue;
                }
                AccessKey key;
                key.id = fields.text("id").value_or("");
                key.secret = fields.text("secret").value_or("");
                key.account = fields.parsed("account", AccountId::parse).value_or(AccountId());
                if (key.id.empty() || key.secret.empty() || key.account.empty()) {
                    fields.fault("needs id, account and secret");
                }
                keys.push_back(std::move(key));
            }
        }
        if (!faults.empty()) {
            return faults.error();
        }
        return keys;
    }

    static std::string text_of(const std::vector<AccessKey>& keys) {
        std::string text = "# The access keys of the accounts in config.yaml. Written by amivirt; for nobody else's eyes.\naccessKeys:\n";
        for (const AccessKey& key : keys) {
            text += fmt::format("  - id: \"{}\"\n    account: \"{}\"\n    secret: \"{}\"\n", key.id, key.account.str(), key.secret);
        }
        return text;
    }

    std::string folder_;
    std::string config_;
    std::string credentials_;
    Remembered<std::vector<Account>> accounts_;
    Remembered<std::vector<AccessKey>> keys_;
};

}  // namespace

std::unique_ptr<AccountBook> make_account_book(const std::string& folder) { return std::make_unique<FileAccountBook>(folder); }

}  // namespace amivirt
