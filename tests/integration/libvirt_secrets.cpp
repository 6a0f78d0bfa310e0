// The key of encrypted layers in the real daemon: there while anybody needs it, gone afterwards, whoever else comes and goes.
#include <gmock/gmock.h>
#include <sys/wait.h>

#include <array>
#include <atomic>
#include <fstream>

#include "adapters/libvirt/disk_xml.hpp"
#include "adapters/libvirt/handles.hpp"
#include "adapters/libvirt/secrets.hpp"
#include "libvirt_lab.hpp"

namespace amivirt::integration {
namespace {

using libvirt::LentKey;
using testing::HasSubstr;

class LibvirtSecrets : public LibvirtLab {
protected:
    LibvirtSecrets() { std::ofstream(key_) << std::string(64, 'a'); }

    [[nodiscard]] static libvirt::Connection connect() {
        auto connection = libvirt::open_connection(system_or_session(), libvirt::Access::read_write);
        EXPECT_TRUE(connection) << connection.error().message;
        return connection.value_or(libvirt::Connection{});
    }
    void lend(LentKey& key, const libvirt::Connection& connection) const {
        const auto failure = key.lend(connection, uuid_, key_);
        ASSERT_TRUE(failure) << failure.error().message;
        EXPECT_FALSE(*failure) << (*failure)->message;
    }
    [[nodiscard]] bool is_there(const libvirt::Connection& connection) const {
        return libvirt::SecretPtr(virSecretLookupByUUIDString(connection.handle.get(), uuid_.c_str())) != nullptr;
    }
    /// Lends and takes back so many times, each as another process would; how often the key was missing while it was lent.
    unsigned lend_often(unsigned times) const {
        const libvirt::Connection connection = connect();
        unsigned missing = 0;
        for (unsigned i = 0; i < times; ++i) {
            LentKey key;
            lend(key, connection);
            missing += is_there(connection) ? 0 : 1;
        }
        return missing;
    }

    std::string key_ = folder_ + "/key";
    std::string uuid_ = libvirt::secret_uuid(store_id_);
};

TEST_F(LibvirtSecrets, TheLastTakesItBack) {
    const libvirt::Connection connection = connect();
    {
        LentKey first;
        lend(first, connection);
        EXPECT_TRUE(is_there(connection));
        {
            LentKey second;
            lend(second, connect());
        }
        EXPECT_TRUE(is_there(connection)) << "the first still needs it";
        LentKey third;
        lend(third, connection);
    }
    EXPECT_FALSE(is_there(connection));
    const LentKey never;
}

TEST_F(LibvirtSecrets, NobodyTakesItFromAnother) {
    // Processes, not threads: a lock is between processes.
    std::array<pid_t, 3> children{};
    for (pid_t& child : children) {
        child = fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            _exit(lend_often(60) == 0 && !HasFailure() ? 0 : 1);
        }
    }
    std::atomic<unsigned> missing = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) {
        threads.emplace_back([&] { missing += lend_often(60); });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    EXPECT_EQ(missing, 0U);
    for (const pid_t child : children) {
        int status = 0;
        waitpid(child, &status, 0);
        EXPECT_EQ(status, 0) << "a process missed the key that it had lent";
    }
    EXPECT_FALSE(is_there(connect()));
}

TEST_F(LibvirtSecrets, WhatAKilledProcessLeftGoesWithTheNext) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        LentKey key;
        lend(key, connect());
        kill(getpid(), SIGKILL);
    }
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status));
    EXPECT_TRUE(is_there(connect()));
    EXPECT_EQ(lend_often(1), 0U);
    EXPECT_FALSE(is_there(connect()));
}

TEST_F(LibvirtSecrets, WhatIsNoKeyIsNotLent) {
    const libvirt::Connection connection = connect();
    for (const std::string& content : {std::string(), std::string(5000, 'a')}) {
        std::ofstream(key_) << content;
        LentKey key;
        const auto lent = key.lend(connection, uuid_, key_);
        ASSERT_FALSE(lent);
        EXPECT_EQ(lent.error().code, Code::store_corrupt);
        EXPECT_THAT(lent.error().message, HasSubstr(key_));
    }
    std::filesystem::remove(key_);
    LentKey key;
    EXPECT_THAT(key.lend(connection, uuid_, key_).error().message, HasSubstr("is not there"));
    EXPECT_FALSE(is_there(connection));
}

}  // namespace
}  // namespace amivirt::integration
