// A libvirtd that is restarted, as a client sees it: between us and the real daemon stands a door that the test shuts and opens,
// so that nobody else's daemon has to be stopped.
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <atomic>
#include <map>

#include "libvirt_lab.hpp"

namespace amivirt::integration {
namespace {

sockaddr_un address_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    return address;
}

/// Hands the bytes of each connection on to the daemon's socket.
class Door {
public:
    Door(std::string path, std::string daemon) : path_(std::move(path)), daemon_(std::move(daemon)) { open(); }
    Door(const Door&) = delete;
    Door& operator=(const Door&) = delete;
    ~Door() { shut(); }

    void open() {
        stopping_ = false;
        const sockaddr_un address = address_of(path_);
        listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        ASSERT_EQ(bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
        ASSERT_EQ(listen(listener_, 16), 0);
        thread_ = std::thread([this] { relay(); });
    }
    /// Cuts all connections and lets nobody in.
    void shut() {
        if (thread_.joinable()) {
            stopping_ = true;
            thread_.join();
            close(listener_);
            unlink(path_.c_str());
        }
    }
    /// A restart: cut, and open again.
    void restart() {
        shut();
        open();
    }
    /// Cuts all connections; whoever comes again is let in.
    void cut() {
        cutting_ = true;
        while (cutting_) {
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    }
    [[nodiscard]] unsigned connections() const { return connections_; }

private:
    void relay() {
        std::map<int, int> peer;
        const auto drop = [&](int one) {
            const int other = peer.at(one);
            close(one);
            close(other);
            peer.erase(one);
            peer.erase(other);
        };
        while (!stopping_) {
            if (cutting_) {
                while (!peer.empty()) {
                    drop(peer.begin()->first);
                }
                cutting_ = false;
            }
            std::vector<pollfd> waiting{{listener_, POLLIN, 0}};
            for (const auto& [from, to] : peer) {
                waiting.push_back({from, POLLIN, 0});
            }
            if (poll(waiting.data(), waiting.size(), 20) <= 0) {
                continue;
            }
            for (const pollfd& ready : waiting) {
                if (ready.revents == 0) {
                    continue;
                }
                if (ready.fd == listener_) {
                    const int client = accept(listener_, nullptr, nullptr);
                    const int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
                    const sockaddr_un address = address_of(daemon_);
                    if (connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) {
                        close(client);
                        close(server);
                        continue;
                    }
                    peer[client] = server;
                    peer[server] = client;
                    ++connections_;
                } else if (peer.contains(ready.fd)) {
                    char buffer[16384];
                    const ssize_t got = recv(ready.fd, buffer, sizeof buffer, 0);
                    if (got <= 0 || send(peer.at(ready.fd), buffer, static_cast<std::size_t>(got), MSG_NOSIGNAL) != got) {
                        drop(ready.fd);
                    }
                }
            }
        }
        while (!peer.empty()) {
            drop(peer.begin()->first);
        }
    }

    std::string path_;
    std::string daemon_;
    int listener_ = -1;
    std::atomic<bool> stopping_{false};
    std::atomic<bool> cutting_{false};
    std::atomic<unsigned> connections_{0};
    std::thread thread_;
};

class LibvirtReconnect : public LibvirtLab {
protected:
    void SetUp() override {
        LibvirtLab::SetUp();
        if (IsSkipped()) {
            return;
        }
        const char* const runtime = std::getenv("XDG_RUNTIME_DIR");
        const std::string daemon =
            geteuid() == 0 ? "/run/libvirt/libvirt-sock" : fmt::format("{}/libvirt/libvirt-sock", runtime == nullptr ? "" : runtime);
        if (!std::filesystem::exists(daemon)) {
            GTEST_SKIP() << "the daemon's socket is not at " << daemon;
        }
        door_ = std::make_unique<Door>(folder_ + "/door", daemon);
        const std::string path = geteuid() == 0 ? "system" : "session";
        through_door_ =
            make_libvirt_hypervisor({fmt::format("qemu+unix:///{}?socket={}/door", path, folder_), AMIVIRT_DOMAIN_TEMPLATE, log_});
    }

    std::unique_ptr<Door> door_;
    std::unique_ptr<Hypervisor> through_door_;
};

TEST_F(LibvirtReconnect, AfterARestartTheNextCallWorks) {
    const auto first = through_door_->observe();
    ASSERT_TRUE(first) << first.error().message;
    EXPECT_EQ(door_->connections(), 1U);
    ASSERT_TRUE(through_door_->observe());
    EXPECT_EQ(door_->connections(), 1U) << "a living connection is kept";

    door_->restart();
    const auto second = through_door_->observe();
    EXPECT_TRUE(second) << second.error().message;
    door_->restart();
    EXPECT_TRUE(through_door_->info());
    door_->restart();
    const InstanceId absent = make_id<InstanceId>(*ids_);
    const auto none = through_door_->observe(absent);
    ASSERT_TRUE(none) << none.error().message;
    EXPECT_FALSE(none->has_value());
    EXPECT_EQ(door_->connections(), 4U);
}

/// Each call has a connection to itself, and after a restart none of those that were kept is trusted.
TEST_F(LibvirtReconnect, ConnectionsAreAsManyAsCallsCoincide) {
    constexpr unsigned k_threads = 6;
    const auto ask_at_once = [&] {
        std::vector<std::thread> threads;
        std::vector<Result<std::vector<ObservedDomain>>> seen(k_threads);
        for (auto& mine : seen) {
            threads.emplace_back([&] {
                for (int i = 0; i < 10; ++i) {
                    mine = through_door_->observe();
                }
            });
        }
        for (std::thread& thread : threads) {
            thread.join();
        }
        for (const auto& mine : seen) {
            EXPECT_TRUE(mine) << mine.error().message;
        }
    };
    ask_at_once();
    const unsigned before = door_->connections();
    EXPECT_GT(before, 1U);
    EXPECT_LE(before, k_threads);

    door_->restart();
    EXPECT_TRUE(through_door_->observe());
    EXPECT_EQ(door_->connections(), before + 1) << "one dead connection says that all are";
    ask_at_once();
    EXPECT_LE(door_->connections(), before + k_threads);
}

TEST_F(LibvirtReconnect, WhileItIsDownNothingCanBeAsked) {
    ASSERT_TRUE(through_door_->observe());
    door_->shut();
    for (int i = 0; i < 2; ++i) {
        const auto down = through_door_->observe(make_id<InstanceId>(*ids_));
        ASSERT_FALSE(down) << "\"not there\" where it could not be asked";
        EXPECT_EQ(down.error().code, Code::hypervisor_unavailable) << down.error().message;
    }
    const auto removed = through_door_->remove(make_id<InstanceId>(*ids_));
    ASSERT_FALSE(removed);
    EXPECT_EQ(removed.error().code, Code::hypervisor_unavailable);
    door_->open();
    EXPECT_TRUE(through_door_->observe());
}

TEST_F(LibvirtReconnect, ManyThreadsSeeNothingButDown) {
    std::atomic<bool> over{false};
    std::atomic<unsigned> answered{0};
    std::vector<std::string> wrong(6);
    std::vector<std::thread> threads;
    for (std::string& mine : wrong) {
        threads.emplace_back([&] {
            while (!over) {
                const auto seen = through_door_->observe();
                if (seen) {
                    ++answered;
                } else if (seen.error().code != Code::hypervisor_unavailable) {
                    mine = seen.error().message;
                }
            }
        });
    }
    for (int i = 0; i < 10; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(30));
        door_->restart();
    }
    over = true;
    for (std::thread& thread : threads) {
        thread.join();
    }
    for (const std::string& mine : wrong) {
        EXPECT_EQ(mine, "");
    }
    EXPECT_GT(answered, 0U);
    EXPECT_TRUE(through_door_->observe());
}

/// The daemon goes on with what it was told; only its answer is lost.
TEST_F(LibvirtReconnect, AStartWhoseAnswerWasLost) {
    const DomainSpec spec = make_instance();
    Result<void> started;
    ASSERT_TRUE(through_door_->observe());
    std::thread thread([&] { started = through_door_->start(spec, Begin::running); });
    EXPECT_TRUE(eventually(std::chrono::seconds(10), [&] { return hypervisor_->observe(spec.instance)->has_value(); }));
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    door_->cut();
    thread.join();
    EXPECT_TRUE(started) << started.error().message;
    EXPECT_EQ(state(spec.instance), DomainState::running);
}

}  // namespace
}  // namespace amivirt::integration
