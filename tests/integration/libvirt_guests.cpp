// Real guests: what a domain does from its start to its removal.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/socket.h>

#include <fstream>
#include <sstream>

#include "libvirt_lab.hpp"

namespace amivirt::integration {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;

constexpr seconds k_boot_patience{120};
constexpr seconds k_shutdown_patience{60};

std::string read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

std::size_t count(const std::string& text, const std::string& part) {
    std::size_t found = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) {
        ++found;
    }
    return found;
}

/// The process that runs the domain, found by its command line; 0 if there is none.
pid_t qemu_of(const InstanceId& instance) {
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        const std::string name = entry.path().filename();
        if (name.find_first_not_of("0123456789") == std::string::npos &&
            read(entry.path() / "cmdline").find("guest=" + instance.str()) != std::string::npos) {
            return static_cast<pid_t>(std::stol(name));
        }
    }
    return 0;
}

class LibvirtGuests : public LibvirtLab {
protected:
    void start(const DomainSpec& spec) {
        const auto started = hypervisor_->start(spec, Begin::running);
        ASSERT_TRUE(started) << started.error().message;
    }
    void expect_greeting(const DomainSpec& spec) {
        const auto greeting = host_->wait_ssh_greeting("127.0.0.1", spec.ports.at(0).host_port, k_boot_patience);
        ASSERT_TRUE(greeting) << greeting.error().message << "\n" << read(spec.console_log);
        EXPECT_THAT(*greeting, HasSubstr("SSH-2.0"));
    }
    void expect_off(const InstanceId& instance, OffReason reason, Duration patience) {
        EXPECT_TRUE(eventually(patience, [&] { return state(instance) == DomainState::off; }));
        const auto seen = hypervisor_->observe(instance);
        ASSERT_TRUE(seen && *seen);
        EXPECT_EQ((*seen)->state, DomainState::off);
        EXPECT_EQ((*seen)->reason, reason);
    }
};

TEST_F(LibvirtGuests, FromStartToRemoval) {
    if (!use_tiny_image()) {
        GTEST_SKIP() << "AMIVIRT_TINY_IMAGE names no image";
    }
    const DomainSpec spec = make_instance();
    const InstanceId& instance = spec.instance;
    struct stat before {};
    ASSERT_EQ(stat(layer().c_str(), &before), 0);

    start(spec);
    EXPECT_EQ(state(instance), DomainState::running);
    EXPECT_EQ(hypervisor_->owner(instance.str())->value_or("absent"), spec.store_id);
    const auto again = hypervisor_->start(spec, Begin::running);
    ASSERT_FALSE(again);
    EXPECT_THAT(again.error().message, HasSubstr("already running"));
    expect_greeting(spec);
    EXPECT_THAT(read(spec.console_log), HasSubstr("is ready"));

    struct stat during {};
    ASSERT_EQ(stat(layer().c_str(), &during), 0);
    EXPECT_EQ(during.st_uid, before.st_uid) << "the shared layer was given to QEMU's user";
    EXPECT_EQ(during.st_mode, before.st_mode);

    ASSERT_TRUE(hypervisor_->request_shutdown(instance));
    expect_off(instance, OffReason::guest_shutdown, k_shutdown_patience);
    const auto not_running = hypervisor_->request_shutdown(instance);
    ASSERT_FALSE(not_running);
    EXPECT_EQ(not_running.error().code, Code::incorrect_instance_state);

    start(spec);
    const pid_t qemu = qemu_of(instance);
    ASSERT_GT(qemu, 0);
    ASSERT_EQ(kill(qemu, SIGKILL), 0);
    expect_off(instance, OffReason::crashed, seconds(30));

    start(spec);
    ASSERT_TRUE(hypervisor_->power_off(instance));
    expect_off(instance, OffReason::destroyed, seconds(0));
    EXPECT_EQ(qemu_of(instance), 0);

    ASSERT_TRUE(hypervisor_->remove(instance));
    EXPECT_FALSE(hypervisor_->observe(instance)->has_value());
    EXPECT_TRUE(std::filesystem::exists(spec.disks[0].source.location)) << "disks are not the hypervisor's to remove";
    EXPECT_EQ(stat(layer().c_str(), &during), 0);
    EXPECT_EQ(during.st_uid, before.st_uid);
}

TEST_F(LibvirtGuests, RebootAndReset) {
    if (!use_tiny_image()) {
        GTEST_SKIP() << "AMIVIRT_TINY_IMAGE names no image";
    }
    const DomainSpec spec = make_instance();
    const auto boots = [&] { return count(read(spec.console_log), "is ready after"); };
    start(spec);
    expect_greeting(spec);
    ASSERT_TRUE(eventually(k_boot_patience, [&] { return boots() == 1; })) << read(spec.console_log);
    const pid_t qemu = qemu_of(spec.instance);

    ASSERT_TRUE(hypervisor_->request_reboot(spec.instance));
    EXPECT_TRUE(eventually(k_boot_patience, [&] { return boots() == 2; })) << read(spec.console_log);
    ASSERT_TRUE(hypervisor_->reset(spec.instance));
    EXPECT_TRUE(eventually(k_boot_patience, [&] { return boots() == 3; })) << read(spec.console_log);
    EXPECT_EQ(state(spec.instance), DomainState::running);
    EXPECT_EQ(qemu_of(spec.instance), qemu) << "the same machine all along";

    // A reboot that was asked for must not turn a later shutdown into another reboot.
    ASSERT_TRUE(hypervisor_->request_shutdown(spec.instance));
    expect_off(spec.instance, OffReason::guest_shutdown, k_shutdown_patience);
}

TEST_F(LibvirtGuests, AForwardedPortThatIsTaken) {
    DomainSpec spec = make_instance();
    const int taken = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(spec.ports[0].host_port);
    ASSERT_EQ(bind(taken, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(listen(taken, 1), 0);

    const auto started = hypervisor_->start(spec, Begin::running);
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().code, Code::insufficient_instance_capacity);
    EXPECT_THAT(started.error().message, HasSubstr(spec.instance.str()));
    EXPECT_THAT(started.error().message, HasSubstr(std::to_string(spec.ports[0].host_port)));
    const auto seen = hypervisor_->observe(spec.instance);
    ASSERT_TRUE(seen && *seen) << "it stays defined";
    EXPECT_EQ((*seen)->state, DomainState::off);

    close(taken);
    start(spec);
    EXPECT_EQ(state(spec.instance), DomainState::running);
}

TEST_F(LibvirtGuests, ADiskThatIsMissing) {
    DomainSpec spec = make_instance();
    std::filesystem::remove(spec.disks[0].source.location);
    const auto started = hypervisor_->start(spec, Begin::running);
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().code, Code::store_corrupt);
    EXPECT_THAT(started.error().message, HasSubstr(spec.disks[0].source.location));
    EXPECT_EQ(state(spec.instance), DomainState::off);
}

TEST_F(LibvirtGuests, ADiskOverSomethingElse) {
    DomainSpec spec = make_instance();
    const std::string secret = folder_ + "/secret";
    std::ofstream(secret) << "the host's";
    for (const std::string& below : {secret, std::string("secret"), layer()}) {
        ASSERT_EQ(std::system(fmt::format("qemu-img rebase -q -u -F raw -b '{}' {}", below, spec.disks[0].source.location).c_str()), 0);
        const auto started = hypervisor_->start(spec, Begin::running);
        ASSERT_FALSE(started) << below;
        EXPECT_EQ(started.error().code, Code::store_corrupt);
        EXPECT_THAT(started.error().message, HasSubstr("no layer: \"" + below));
        EXPECT_FALSE(hypervisor_->observe(spec.instance)->has_value());
    }
}

TEST_F(LibvirtGuests, ADiskInUseElsewhere) {
    const DomainSpec first = make_instance();
    DomainSpec second = make_instance();
    second.disks = first.disks;
    start(first);
    const auto started = hypervisor_->start(second, Begin::running);
    ASSERT_FALSE(started) << "two machines write to one disk";
    EXPECT_EQ(started.error().code, Code::hypervisor_failed);
    EXPECT_EQ(state(second.instance), DomainState::off);
    EXPECT_EQ(state(first.instance), DomainState::running);
}

TEST_F(LibvirtGuests, AFolderThatQemuMayNotPass) {
    if (geteuid() != 0) {
        GTEST_SKIP() << "a session's QEMU runs as the same user";
    }
    DomainSpec spec = make_instance();
    const std::string closed = folder_ + "/closed";
    std::filesystem::create_directory(closed);
    chmod(closed.c_str(), 0700);
    std::filesystem::rename(spec.disks[0].source.location, closed + "/disk.qcow2");
    std::filesystem::rename(layer(), closed + "/" + layer_name("layer"));
    spec.disks[0].source.location = closed + "/disk.qcow2";
    const auto started = hypervisor_->start(spec, Begin::running);
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().code, Code::hypervisor_failed);
    EXPECT_EQ(started.error().hint, "chmod o+x " + closed);

    const auto findings = make_libvirt_health({system_or_session(), AMIVIRT_DOMAIN_TEMPLATE, log_, closed + "/store"})->check();
    const auto fault =
        std::find_if(findings.begin(), findings.end(), [](const Finding& finding) { return finding.subject == "store access"; });
    ASSERT_NE(fault, findings.end());
    EXPECT_EQ(fault->health, Health::fault);
    EXPECT_EQ(fault->remedy, "chmod o+x " + closed);

    chmod(closed.c_str(), 0711);
    start(spec);
}

TEST_F(LibvirtGuests, UefiHasVariablesOfItsOwn) {
    DomainSpec spec = make_instance();
    spec.firmware = Firmware::uefi;
    const auto started = hypervisor_->start(spec, Begin::running);
    if (!started && started.error().code == Code::unsupported_operation) {
        GTEST_SKIP() << started.error().message;
    }
    ASSERT_TRUE(started) << started.error().message;
    EXPECT_TRUE(std::filesystem::exists(spec.nvram));
    ASSERT_TRUE(hypervisor_->remove(spec.instance));
    EXPECT_FALSE(std::filesystem::exists(spec.nvram));
}

TEST_F(LibvirtGuests, ManyDisks) {
    DomainSpec spec = make_instance();
    for (int i = 0; i < 15; ++i) {
        const std::string path = fmt::format("{}/data-{}.qcow2", folder_, i);
        ASSERT_EQ(std::system(fmt::format("qemu-img create -q -f qcow2 {} 16M", path).c_str()), 0);
        spec.disks.push_back({{path, "qcow2"}, fmt::format("vol-{:017x}", i), 100, 10});
    }
    start(spec);
    EXPECT_EQ(state(spec.instance), DomainState::running);
}

TEST_F(LibvirtGuests, EightAtOnce) {
    std::vector<DomainSpec> specs;
    for (int i = 0; i < 8; ++i) {
        specs.push_back(make_instance());
    }
    std::vector<std::string> errors(specs.size());
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < specs.size(); ++i) {
        threads.emplace_back([&, i] {
            const auto started = hypervisor_->start(specs[i], Begin::running);
            errors[i] = started ? "" : started.error().message;
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    EXPECT_THAT(errors, testing::Each(testing::IsEmpty()));
    for (const DomainSpec& spec : specs) {
        EXPECT_EQ(state(spec.instance), DomainState::running) << spec.instance.str();
    }
    threads.clear();
    for (std::size_t i = 0; i < specs.size(); ++i) {
        threads.emplace_back([&, i] {
            const auto removed = hypervisor_->remove(specs[i].instance);
            errors[i] = removed ? "" : removed.error().message;
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    EXPECT_THAT(errors, testing::Each(testing::IsEmpty()));
    for (const DomainSpec& spec : specs) {
        EXPECT_FALSE(hypervisor_->observe(spec.instance)->has_value());
        EXPECT_EQ(qemu_of(spec.instance), 0);
    }
}

}  // namespace
}  // namespace amivirt::integration
