// What include/amivirt/ports/account_book.hpp promises, of the fake and of the files; and what only files know.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "adapters/manifest/account_book.hpp"
#include "adapters/manifest/config.hpp"
#include "fakes/fake_account_book.hpp"
#include "temporary_folder.hpp"

namespace amivirt::contract {

namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

AccountId id(unsigned n) { return *AccountId::parse(fmt::format("{:012}", n)); }
Account account(unsigned n) { return {id(n), fmt::format("alias-{}", n)}; }
AccessKey key(unsigned n) { return {fmt::format("AKIA{:016}", n), fmt::format("s+/{:037}", n), id(n)}; }

struct BookMaker {
    std::string name;
    std::function<std::unique_ptr<AccountBook>(const std::string& folder)> make;
};
void PrintTo(const BookMaker& maker, std::ostream* out) { *out << maker.name; }

class AccountBookContract : public testing::TestWithParam<BookMaker> {
protected:
    TemporaryFolder folder_;
    std::unique_ptr<AccountBook> book_ = GetParam().make(folder_ / "config");
};

INSTANTIATE_TEST_SUITE_P(All, AccountBookContract,
                         testing::Values(BookMaker{"fake", [](const std::string&) { return std::make_unique<fakes::FakeAccountBook>(); }},
                                         BookMaker{"files", make_account_book}),
                         [](const auto& maker) { return maker.param.name; });

TEST_P(AccountBookContract, KeepsAccountsAndKeysInOrder) {
    EXPECT_THAT(book_->list().value(), IsEmpty());
    EXPECT_THAT(book_->keys().value(), IsEmpty());
    const Account plain{id(2), ""};
    ASSERT_TRUE(book_->add(account(7), key(7)));
    ASSERT_TRUE(book_->add(plain, key(2)));
    ASSERT_TRUE(book_->add({id(3), ""}, key(3)));
    ASSERT_TRUE(book_->add(account(1), key(1)));
    EXPECT_THAT(book_->list().value(), ElementsAre(account(7), plain, Account{id(3), ""}, account(1)));
    EXPECT_THAT(book_->keys().value(), ElementsAre(key(7), key(2), key(3), key(1)));
}

TEST_P(AccountBookContract, IdsAndAliasesAreUnique) {
    ASSERT_TRUE(book_->add(account(1), key(1)));
    for (const auto& taken : {Account{id(1), "other"}, Account{id(2), "alias-1"}}) {
        const auto added = book_->add(taken, key(2));
        ASSERT_FALSE(added);
        EXPECT_EQ(added.error().code, Code::invalid_parameter_value);
    }
    EXPECT_THAT(book_->list().value(), ElementsAre(account(1)));
    EXPECT_THAT(book_->keys().value(), ElementsAre(key(1)));
}

class AccountFiles : public testing::Test {
protected:
    std::string put(const std::string& name, const std::string& text) {
        std::filesystem::create_directories(folder_ / "config");
        std::ofstream(folder_ / ("config/" + name), std::ios::binary) << text;
        return folder_ / ("config/" + name);
    }
    std::string get(const std::string& name) {
        std::ostringstream text;
        text << std::ifstream(folder_ / ("config/" + name), std::ios::binary).rdbuf();
        return text.str();
    }
    std::vector<std::string> names() {
        std::vector<std::string> names;
        for (const auto& entry : std::filesystem::directory_iterator(folder_ / "config")) {
            names.push_back(entry.path().filename());
        }
        std::sort(names.begin(), names.end());
        return names;
    }
    static unsigned mode(const std::string& file) {
        struct stat facts {};
        EXPECT_EQ(::stat(file.c_str(), &facts), 0) << file;
        return facts.st_mode & 0777U;
    }

    TemporaryFolder folder_;
    std::unique_ptr<AccountBook> book_ = make_account_book(folder_ / "config");
};

TEST_F(AccountFiles, SecretsAreForTheirOwnerOnly) {
    const auto before = ::umask(0);
    ASSERT_TRUE(book_->add(account(1), key(1)));
    ::umask(before);
    EXPECT_EQ(mode(folder_ / "config/credentials.yaml"), 0600U);
    EXPECT_EQ(mode(folder_ / "config"), 0700U);
    EXPECT_THAT(get("config.yaml"), testing::Not(HasSubstr(key(1).secret)));
    // Also where somebody opened them up meanwhile.
    ::chmod((folder_ / "config/credentials.yaml").c_str(), 0644);
    ::chmod((folder_ / "config/config.yaml").c_str(), 0640);
    ASSERT_TRUE(book_->add(account(2), key(2)));
    EXPECT_EQ(mode(folder_ / "config/credentials.yaml"), 0600U);
    EXPECT_EQ(mode(folder_ / "config/config.yaml"), 0640U);
    EXPECT_THAT(names(), ElementsAre("config.yaml", "credentials.yaml"));
}

TEST_F(AccountFiles, WhatAPersonWroteStays) {
    const std::vector<std::pair<std::string, std::string>> cases{
        {"# mine\nchainLimit: 4  # deep\n", "# mine\nchainLimit: 4  # deep\naccounts:\n  \"000000000001\":\n    alias: alias-1\n"},
        {"chainLimit: 4", "chainLimit: 4\naccounts:\n  \"000000000001\":\n    alias: alias-1\n"},
        {"# only a comment\n", "# only a comment\naccounts:\n  \"000000000001\":\n    alias: alias-1\n"},
        {"accounts:\nchainLimit: 4\n", "accounts:\n  \"000000000001\":\n    alias: alias-1\nchainLimit: 4\n"},
        {"accounts:   # people\n    # the first\n    111122223333:   # with a comment\n        alias: lab\n\n# the rest\nchainLimit: 4\n",
         "accounts:   # people\n    # the first\n    111122223333:   # with a comment\n        alias: lab\n    \"000000000001\":\n        "
         "alias: "
         "alias-1\n\n# the rest\nchainLimit: 4\n"},
        {"accounts:\n  '111122223333': {alias: lab}\n  \"222233334444\":",
         "accounts:\n  '111122223333': {alias: lab}\n  \"222233334444\":\n  "
         "\"000000000001\":\n    alias: alias-1\n"},
        {"accounts:\n  111122223333: {alias: lab}\r\nchainLimit: 4\r\n",
         "accounts:\n  111122223333: {alias: lab}\r\n  \"000000000001\":\n    alias: alias-1\nchainLimit: 4\r\n"},
    };
    for (const auto& [before, after] : cases) {
        put("config.yaml", before);
        const auto added = book_->add(account(1), key(1));
        ASSERT_TRUE(added) << before << added.error().message;
        EXPECT_EQ(get("config.yaml"), after);
    }
}

TEST_F(AccountFiles, AFormThatTextCannotBeAddedToIsRefused) {
    for (const char* text : {"accounts: {111122223333: {alias: lab}}\n", "{chainLimit: 4}\n", "accounts: {}\n",
                             "accounts:\n  111122223333: {alias:\n     lab\n  }\n", "chainLimit: 4\n...\n"}) {
        put("config.yaml", text);
        const auto added = book_->add(account(1), key(1));
        ASSERT_FALSE(added) << text;
        EXPECT_EQ(added.error().code, Code::unsupported_operation);
        EXPECT_THAT(added.error().hint, HasSubstr("\"000000000001\":"));
        EXPECT_EQ(get("config.yaml"), text);
        EXPECT_THAT(names(), ElementsAre("config.yaml"));
    }
}

TEST_F(AccountFiles, AFaultyConfigurationIsToldAndLeft) {
    put("config.yaml", "chainLimit: 4\naccounts:\n  12: {}\n");
    for (const auto& error : {book_->list().error(), book_->add(account(1), key(1)).error()}) {
        EXPECT_EQ(error.code, Code::invalid_manifest);
        EXPECT_THAT(error.message, HasSubstr("config.yaml:3: accounts: \"12\" is not an account's id of 12 digits"));
    }
    put("config.yaml", "");
    put("credentials.yaml", "accessKeys:\n  - {id: a, account: \"12\"}\n");
    const auto keys = book_->keys();
    ASSERT_FALSE(keys);
    EXPECT_THAT(keys.error().message, HasSubstr("credentials.yaml:2: accessKeys[0].account"));
    EXPECT_FALSE(book_->add(account(1), key(1)));
    EXPECT_EQ(get("config.yaml"), "");
}

TEST_F(AccountFiles, ALinkStaysALink) {
    std::ofstream(folder_ / "dotfiles.yaml") << "# kept elsewhere\n";
    std::filesystem::create_directories(folder_ / "config");
    std::filesystem::create_symlink(folder_ / "dotfiles.yaml", folder_ / "config/config.yaml");
    ASSERT_TRUE(book_->add(account(1), key(1)));
    EXPECT_TRUE(std::filesystem::is_symlink(folder_ / "config/config.yaml"));
    EXPECT_TRUE(std::filesystem::is_regular_file(folder_ / "dotfiles.yaml"));
    EXPECT_THAT(book_->list().value(), ElementsAre(account(1)));
}

TEST_F(AccountFiles, KeysOfAnAccountThatIsGoneAreNobodysAndDoNotComeBack) {
    ASSERT_TRUE(book_->add(account(1), key(1)));
    put("config.yaml", "");
    EXPECT_THAT(book_->keys().value(), IsEmpty());
    AccessKey fresh = key(2);
    fresh.account = id(1);
    ASSERT_TRUE(book_->add(account(1), fresh));
    EXPECT_THAT(book_->keys().value(), ElementsAre(fresh));
}

TEST_F(AccountFiles, ManyAtOnceLoseNone) {
    constexpr unsigned k_processes = 12;
    std::vector<pid_t> children;
    for (unsigned n = 1; n <= k_processes; ++n) {
        const pid_t child = ::fork();
        if (child == 0) {
            const auto added = make_account_book(folder_ / "config")->add(account(n), key(n));
            ::_exit(added ? 0 : 1);
        }
        children.push_back(child);
    }
    for (const pid_t child : children) {
        int status = 0;
        ::waitpid(child, &status, 0);
        EXPECT_EQ(status, 0);
    }
    EXPECT_THAT(book_->list().value(), SizeIs(k_processes));
    EXPECT_THAT(book_->keys().value(), SizeIs(k_processes));
    EXPECT_THAT(names(), ElementsAre("config.yaml", "credentials.yaml"));
}

/// A server reads them for each request, and must see what another process or an editor has changed.
TEST(AccountBookFiles, WhatIsRememberedOfAFileEndsWithIt) {
    const TemporaryFolder folder;
    const auto book = make_account_book(folder / "config");
    ASSERT_TRUE(book->add(account(1), key(1)));
    for (const char* name : {"config.yaml", "credentials.yaml"}) {  // as if they had been there for long
        std::filesystem::last_write_time(folder / "config" + "/" + name,
                                         std::filesystem::file_time_type::clock::now() - std::chrono::hours(1));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1100));
    EXPECT_THAT(book->keys().value(), ElementsAre(key(1)));
    EXPECT_THAT(book->keys().value(), ElementsAre(key(1)));
    ASSERT_TRUE(make_account_book(folder / "config")->add(account(2), key(2)));
    EXPECT_THAT(book->keys().value(), ElementsAre(key(1), key(2)));
    EXPECT_THAT(book->list().value(), ElementsAre(account(1), account(2)));
    std::this_thread::sleep_for(std::chrono::milliseconds(1100));
    EXPECT_THAT(book->keys().value(), SizeIs(2));
    std::filesystem::resize_file(folder / "config" + "/credentials.yaml", 0);  // in place
    EXPECT_THAT(book->keys().value(), IsEmpty());
    std::ofstream(folder / "config" + "/config.yaml") << "accounts: [";
    EXPECT_FALSE(book->list());
}

}  // namespace

}  // namespace amivirt::contract
