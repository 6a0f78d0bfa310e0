// What include/amivirt/ports/hypervisor.hpp and live_disks.hpp promise, of the fake and of libvirt's test driver; tests/integration has
// real QEMU.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "adapters/libvirt/hypervisor.hpp"
#include "fakes/fake_hypervisor.hpp"
#include "temporary_folder.hpp"

namespace amivirt::contract {
namespace {

using testing::IsEmpty;

InstanceId instance(unsigned number) { return *InstanceId::parse(fmt::format("i-{:017x}", number)); }

DomainSpec spec_of(unsigned number) {
    DomainSpec spec;
    spec.instance = instance(number);
    spec.store_id = "00112233445566778899aabbccddeeff";
    spec.region = "local";
    spec.image = *ImageId::parse("ami-0123456789abcdef0");
    spec.memory = MiB{128};
    spec.disks = {{{fmt::format("/nowhere/{}.qcow2", number), "qcow2"}, "vol-0123456789abcdef0", {}, {}}};
    spec.seed = "/nowhere/seed.img";
    spec.console_log = "/nowhere/console.log";
    spec.mac_address = fmt::format("52:54:00:00:00:{:02x}", number);
    spec.ports = {{"127.0.0.1", static_cast<std::uint16_t>(22000 + number), 22, "tcp"}};
    return spec;
}

/// A hypervisor with one domain on it that is not amivirt's: "foreign".
class Site {
public:
    virtual ~Site() = default;
    virtual Hypervisor& hypervisor() = 0;
    virtual LiveDisks& live_disks() = 0;
    /// Those of a libvirt that cannot be asked.
    virtual Hypervisor& unreachable() = 0;
    virtual LiveDisks& unreachable_disks() = 0;
    /// Can disks come and go? libvirt's test driver has no such thing.
    [[nodiscard]] virtual bool plugs() const = 0;
};

class FakeSite final : public Site {
public:
    FakeSite() {
        hypervisor_.add_domain("foreign", "", DomainState::running);
        unreachable_.become_unavailable();
    }
    Hypervisor& hypervisor() override { return hypervisor_; }
    LiveDisks& live_disks() override { return hypervisor_; }
    Hypervisor& unreachable() override { return unreachable_; }
    LiveDisks& unreachable_disks() override { return unreachable_; }
    [[nodiscard]] bool plugs() const override { return true; }

private:
    fakes::FakeHypervisor hypervisor_;
    fakes::FakeHypervisor unreachable_;
};

class TestDriverSite final : public Site {
public:
    TestDriverSite() {
        std::ofstream(folder_ / "node.xml") << "<node><domain type='test'><name>foreign</name><memory>65536</memory>"
                                               "<os><type>hvm</type></os></domain></node>";
        libvirt_ = make_libvirt({"test://" + folder_ / "node.xml", AMIVIRT_DOMAIN_TEMPLATE, log_});
        unreachable_ = make_libvirt({"qemu+unix:///system?socket=" + folder_ / "no-socket", AMIVIRT_DOMAIN_TEMPLATE, log_});
    }
    Hypervisor& hypervisor() override { return *libvirt_.hypervisor; }
    LiveDisks& live_disks() override { return *libvirt_.live_disks; }
    Hypervisor& unreachable() override { return *unreachable_.hypervisor; }
    LiveDisks& unreachable_disks() override { return *unreachable_.live_disks; }
    [[nodiscard]] bool plugs() const override { return false; }

private:
    TemporaryFolder folder_;
    NullLog log_;
    Libvirt libvirt_;
    Libvirt unreachable_;
};

struct Maker {
    std::string name;
    std::function<std::unique_ptr<Site>()> make;
};
void PrintTo(const Maker& maker, std::ostream* out) { *out << maker.name; }

class HypervisorContract : public testing::TestWithParam<Maker> {
protected:
    Hypervisor& hypervisor() { return site_->hypervisor(); }
    LiveDisks& disks() { return site_->live_disks(); }
    /// serial -> location
    std::map<std::string, std::string> attached() {
        const auto now = disks().attached(instance(1));
        EXPECT_TRUE(now) << now.error().message;
        EXPECT_TRUE(now && now->has_value()) << "it does not run";
        std::map<std::string, std::string> found;
        if (now && *now) {
            for (const LiveDisk& disk : **now) {
                found[disk.serial] = disk.source.location;
            }
        }
        return found;
    }
    static void expect_done(const Result<void>& result) { EXPECT_TRUE(result) << result.error().message; }
    static void expect_code(const Result<void>& result, Code code) {
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().code, code) << result.error().message;
    }
    void start(const DomainSpec& spec) {
        const auto started = hypervisor().start(spec, Begin::running);
        ASSERT_TRUE(started) << started.error().message;
    }
    /// Alone and among all must agree.
    std::optional<ObservedDomain> observed(const InstanceId& id) {
        const auto alone = hypervisor().observe(id);
        const auto all = hypervisor().observe();
        EXPECT_TRUE(alone) << alone.error().message;
        EXPECT_TRUE(all) << all.error().message;
        std::optional<ObservedDomain> listed;
        for (const ObservedDomain& domain : *all) {
            if (domain.name == id.str()) {
                EXPECT_FALSE(listed) << id.str() << " is listed twice";
                listed = domain;
            }
        }
        EXPECT_EQ(alone->has_value(), listed.has_value());
        if (listed && *alone) {
            EXPECT_EQ(listed->name, (*alone)->name);
            EXPECT_EQ(listed->state, (*alone)->state);
            EXPECT_EQ(listed->reason, (*alone)->reason);
        }
        return listed;
    }
    void expect_state(const InstanceId& id, DomainState state, OffReason reason = OffReason::none) {
        const auto seen = observed(id);
        ASSERT_TRUE(seen) << "no domain " << id.str();
        EXPECT_EQ(seen->state, state);
        EXPECT_EQ(seen->reason, reason);
    }
    void expect_not_running(const Result<void>& result) {
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().code, Code::incorrect_instance_state) << result.error().message;
        EXPECT_THAT(result.error().message, testing::HasSubstr(instance(1).str()));
    }

    std::unique_ptr<Site> site_ = GetParam().make();
};

TEST_P(HypervisorContract, SaysWhatItIs) {
    const auto info = hypervisor().info();
    ASSERT_TRUE(info) << info.error().message;
    EXPECT_THAT(info->uri, testing::HasSubstr(":///"));
    EXPECT_THAT(info->hypervisor, testing::MatchesRegex("[A-Za-z]+ [0-9]+\\.[0-9]+\\.[0-9]+"));
    EXPECT_THAT(info->library_version, testing::MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+"));
}

TEST_P(HypervisorContract, AbsentIsAnAnswer) {
    EXPECT_FALSE(observed(instance(1)));
    const auto owner = hypervisor().owner(instance(1).str());
    ASSERT_TRUE(owner) << owner.error().message;
    EXPECT_FALSE(owner->has_value());
}

TEST_P(HypervisorContract, ObservesDomainsThatAreNotOurs) {
    const auto all = hypervisor().observe();
    ASSERT_TRUE(all);
    ASSERT_EQ(all->size(), 1U);
    EXPECT_EQ(all->front().name, "foreign");
    EXPECT_EQ(all->front().state, DomainState::running);
    const auto owner = hypervisor().owner("foreign");
    ASSERT_TRUE(owner) << owner.error().message;
    ASSERT_TRUE(owner->has_value());
    EXPECT_EQ(**owner, "");
}

TEST_P(HypervisorContract, StartedRunsAndCarriesItsOwner) {
    start(spec_of(1));
    expect_state(instance(1), DomainState::running);
    const auto owner = hypervisor().owner(instance(1).str());
    ASSERT_TRUE(owner) << owner.error().message;
    EXPECT_EQ(owner->value_or("absent"), spec_of(1).store_id);
    EXPECT_EQ(hypervisor().observe()->size(), 2U);
}

TEST_P(HypervisorContract, StartOfARunningDomainFailsAndLeavesItRunning) {
    start(spec_of(1));
    const auto again = hypervisor().start(spec_of(1), Begin::running);
    ASSERT_FALSE(again);
    EXPECT_NE(again.error().code, Code::hypervisor_unavailable);
    EXPECT_THAT(again.error().message, testing::HasSubstr(instance(1).str()));
    expect_state(instance(1), DomainState::running);
}

TEST_P(HypervisorContract, StartReplacesTheDefinition) {
    start(spec_of(1));
    ASSERT_TRUE(hypervisor().power_off(instance(1)));
    DomainSpec changed = spec_of(1);
    changed.store_id = "ffeeddccbbaa99887766554433221100";
    changed.memory = MiB{256};
    start(changed);
    EXPECT_EQ(hypervisor().owner(instance(1).str())->value_or("absent"), changed.store_id);
    EXPECT_EQ(hypervisor().observe()->size(), 2U);
}

TEST_P(HypervisorContract, PowerOffPullsThePlug) {
    start(spec_of(1));
    ASSERT_TRUE(hypervisor().power_off(instance(1)));
    expect_state(instance(1), DomainState::off, OffReason::destroyed);
}

TEST_P(HypervisorContract, PowerOffIsIdempotent) {
    EXPECT_TRUE(hypervisor().power_off(instance(1))) << "absent is done";
    EXPECT_FALSE(observed(instance(1)));
    start(spec_of(1));
    ASSERT_TRUE(hypervisor().power_off(instance(1)));
    EXPECT_TRUE(hypervisor().power_off(instance(1))) << "off is done";
    expect_state(instance(1), DomainState::off, OffReason::destroyed);
}

TEST_P(HypervisorContract, AGuestThatObeysShutsDown) {
    start(spec_of(1));
    ASSERT_TRUE(hypervisor().request_shutdown(instance(1)));
    expect_state(instance(1), DomainState::off, OffReason::guest_shutdown);
    start(spec_of(1));
    expect_state(instance(1), DomainState::running);
}

TEST_P(HypervisorContract, OnlyARunningDomainCanBeAsked) {
    expect_not_running(hypervisor().request_shutdown(instance(1)));
    expect_not_running(hypervisor().request_reboot(instance(1)));
    EXPECT_FALSE(hypervisor().reset(instance(1)));
    start(spec_of(1));
    ASSERT_TRUE(hypervisor().power_off(instance(1)));
    expect_not_running(hypervisor().request_shutdown(instance(1)));
    expect_not_running(hypervisor().request_reboot(instance(1)));
    expect_not_running(hypervisor().reset(instance(1)));
    expect_state(instance(1), DomainState::off, OffReason::destroyed);
}

TEST_P(HypervisorContract, RebootedAndResetItRuns) {
    start(spec_of(1));
    ASSERT_TRUE(hypervisor().request_reboot(instance(1)));
    expect_state(instance(1), DomainState::running);
    ASSERT_TRUE(hypervisor().reset(instance(1)));
    expect_state(instance(1), DomainState::running);
}

TEST_P(HypervisorContract, RemoveForgets) {
    start(spec_of(1));
    ASSERT_TRUE(hypervisor().remove(instance(1))) << "a running one";
    EXPECT_FALSE(observed(instance(1)));
    EXPECT_FALSE(hypervisor().owner(instance(1).str())->has_value());
    EXPECT_TRUE(hypervisor().remove(instance(1))) << "absent is done";

    start(spec_of(1));
    ASSERT_TRUE(hypervisor().power_off(instance(1)));
    ASSERT_TRUE(hypervisor().remove(instance(1))) << "one that is off";
    EXPECT_FALSE(observed(instance(1)));
    EXPECT_EQ(hypervisor().observe()->size(), 1U) << "the foreign one stays";
}

TEST_P(HypervisorContract, BegunPausedItRunsWhenResumed) {
    const auto started = hypervisor().start(spec_of(1), Begin::paused);
    ASSERT_TRUE(started) << started.error().message;
    const auto seen = observed(instance(1));
    ASSERT_TRUE(seen);
    EXPECT_THAT(seen->state, testing::AnyOf(DomainState::paused, DomainState::running));
    expect_done(hypervisor().resume(instance(1)));
    expect_state(instance(1), DomainState::running);
    expect_done(hypervisor().resume(instance(1)));
    expect_state(instance(1), DomainState::running);
    ASSERT_TRUE(hypervisor().power_off(instance(1)));
    expect_not_running(hypervisor().resume(instance(1)));
    ASSERT_TRUE(hypervisor().remove(instance(1)));
    expect_not_running(hypervisor().resume(instance(1)));
}

using Disks = std::map<std::string, std::string>;
constexpr const char* k_root = "vol0123456789abcdef0";
constexpr const char* k_data = "vol0123456789abcdef1";

DomainSpec spec_with_disks() {
    DomainSpec spec = spec_of(1);
    spec.disks.front().serial = k_root;
    spec.disks.push_back({{"/nowhere/ephemeral.img", "raw"}, "", {}, {}});
    return spec;
}
DomainDisk data_disk() { return {{"/nowhere/data.qcow2", "qcow2"}, k_data, 100, 10}; }

TEST_P(HypervisorContract, AttachedAreTheDisksWithASerial) {
    EXPECT_FALSE(disks().attached(instance(1))->has_value());
    start(spec_with_disks());
    EXPECT_EQ(attached(), (Disks{{k_root, "/nowhere/1.qcow2"}}));
    ASSERT_TRUE(hypervisor().power_off(instance(1)));
    EXPECT_FALSE(disks().attached(instance(1))->has_value()) << "what is only defined is not attached";
}

TEST_P(HypervisorContract, OnlyARunningMachinesDisksChange) {
    const auto all_refuse = [&] {
        expect_not_running(disks().attach(instance(1), data_disk()));
        expect_not_running(disks().detach(instance(1), k_root, Duration(0)));
        expect_not_running(disks().resize(instance(1), k_root, GiB{2}.bytes()));
        expect_not_running(disks().tune(instance(1), k_root, 100, {}));
        const auto taken = disks().snapshot(instance(1), {{k_root, {"/nowhere/top.qcow2", "qcow2"}}}, Quiesce::automatic);
        ASSERT_FALSE(taken);
        EXPECT_EQ(taken.error().code, Code::incorrect_instance_state) << taken.error().message;
    };
    all_refuse();
    start(spec_with_disks());
    ASSERT_TRUE(hypervisor().power_off(instance(1)));
    all_refuse();
}

TEST_P(HypervisorContract, ADiskThatIsNotThere) {
    start(spec_with_disks());
    expect_done(disks().detach(instance(1), k_data, Duration(0)));
    expect_code(disks().resize(instance(1), k_data, GiB{2}.bytes()), Code::invalid_attachment_not_found);
    expect_code(disks().tune(instance(1), k_data, 100, {}), Code::invalid_attachment_not_found);
    const auto taken =
        disks().snapshot(instance(1), {{k_root, {"/nowhere/top.qcow2"}}, {k_data, {"/nowhere/other.qcow2"}}}, Quiesce::automatic);
    ASSERT_FALSE(taken);
    EXPECT_EQ(taken.error().code, Code::invalid_attachment_not_found) << taken.error().message;
    EXPECT_EQ(attached(), (Disks{{k_root, "/nowhere/1.qcow2"}})) << "all or none";
}

TEST_P(HypervisorContract, WithoutAnAgentNobodyFreezes) {
    start(spec_with_disks());
    const auto taken = disks().snapshot(instance(1), {{k_root, {"/nowhere/top.qcow2"}}}, Quiesce::yes);
    ASSERT_FALSE(taken);
    EXPECT_EQ(taken.error().code, Code::unsupported_operation) << taken.error().message;
    EXPECT_EQ(attached(), (Disks{{k_root, "/nowhere/1.qcow2"}}));
}

TEST_P(HypervisorContract, DisksComeAndGo) {
    if (!site_->plugs()) {
        GTEST_SKIP() << "libvirt's test driver attaches nothing; tests/integration has it";
    }
    start(spec_with_disks());
    expect_done(disks().attach(instance(1), data_disk()));
    EXPECT_EQ(attached(), (Disks{{k_root, "/nowhere/1.qcow2"}, {k_data, "/nowhere/data.qcow2"}}));
    expect_done(disks().attach(instance(1), data_disk()));
    EXPECT_EQ(attached().size(), 2U) << "attached twice is attached";
    DomainDisk other = data_disk();
    other.source.location = "/nowhere/other.qcow2";
    expect_code(disks().attach(instance(1), other), Code::incorrect_state);
    expect_done(disks().resize(instance(1), k_data, GiB{2}.bytes()));
    expect_done(disks().tune(instance(1), k_data, {}, 250));
    const auto taken = disks().snapshot(instance(1), {{k_data, {"/nowhere/data-1.qcow2"}}}, Quiesce::automatic);
    ASSERT_TRUE(taken) << taken.error().message;
    EXPECT_EQ(*taken, LiveDisks::Frozen::no);
    EXPECT_EQ(attached(), (Disks{{k_root, "/nowhere/1.qcow2"}, {k_data, "/nowhere/data-1.qcow2"}}));
    expect_done(disks().detach(instance(1), k_data, Duration(0)));
    EXPECT_EQ(attached(), (Disks{{k_root, "/nowhere/1.qcow2"}}));
    expect_done(disks().detach(instance(1), k_data, Duration(0)));
}

TEST_P(HypervisorContract, AMachineHasRoomForSoMany) {
    if (!site_->plugs()) {
        GTEST_SKIP() << "libvirt's test driver attaches nothing; tests/integration has it";
    }
    start(spec_with_disks());
    Result<void> last;
    unsigned many = 0;
    for (; last && many < 40; ++many) {
        last = disks().attach(instance(1), {{fmt::format("/nowhere/data-{}.qcow2", many)}, fmt::format("vol{:017x}", many), {}, {}});
    }
    EXPECT_GE(many, 20U);
    expect_code(last, Code::insufficient_instance_capacity);
}

TEST_P(HypervisorContract, ManyAtOnce) {
    constexpr unsigned k_many = 8;
    std::vector<std::thread> threads;
    std::vector<std::string> errors(k_many);
    for (unsigned i = 0; i < k_many; ++i) {
        threads.emplace_back([&, i] {
            const auto started = hypervisor().start(spec_of(i + 1), Begin::running);
            errors[i] = started ? "" : started.error().message;
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    EXPECT_THAT(errors, testing::Each(IsEmpty()));
    EXPECT_EQ(hypervisor().observe()->size(), k_many + 1);

    // Two remove each of them, and somebody looks on.
    threads.clear();
    errors.assign(2UL * k_many, {});
    for (unsigned i = 0; i < 2 * k_many; ++i) {
        threads.emplace_back([&, i] {
            const auto removed = hypervisor().remove(instance(i / 2 + 1));
            errors[i] = removed ? "" : removed.error().message;
            EXPECT_TRUE(hypervisor().observe());
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    EXPECT_THAT(errors, testing::Each(IsEmpty()));
    EXPECT_EQ(hypervisor().observe()->size(), 1U);
}

TEST_P(HypervisorContract, CouldNotAskIsNeverNotThere) {
    Hypervisor& gone = site_->unreachable();
    const auto expect_unavailable = [](const auto& result) {
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().code, Code::hypervisor_unavailable) << result.error().message;
    };
    expect_unavailable(gone.info());
    expect_unavailable(gone.observe());
    expect_unavailable(gone.observe(instance(1)));
    expect_unavailable(gone.owner("foreign"));
    expect_unavailable(gone.start(spec_of(1), Begin::running));
    expect_unavailable(gone.request_shutdown(instance(1)));
    expect_unavailable(gone.request_reboot(instance(1)));
    expect_unavailable(gone.reset(instance(1)));
    expect_unavailable(gone.power_off(instance(1)));
    expect_unavailable(gone.remove(instance(1)));
    expect_unavailable(gone.resume(instance(1)));
    LiveDisks& gone_disks = site_->unreachable_disks();
    expect_unavailable(gone_disks.attached(instance(1)));
    expect_unavailable(gone_disks.attach(instance(1), data_disk()));
    expect_unavailable(gone_disks.detach(instance(1), k_data, Duration(0)));
    expect_unavailable(gone_disks.resize(instance(1), k_data, GiB{2}.bytes()));
    expect_unavailable(gone_disks.tune(instance(1), k_data, {}, {}));
    expect_unavailable(gone_disks.snapshot(instance(1), {{k_data, {"/nowhere/data-1.qcow2"}}}, Quiesce::no));
}

INSTANTIATE_TEST_SUITE_P(Hypervisors, HypervisorContract,
                         testing::Values(Maker{"Fake", [] { return std::make_unique<FakeSite>(); }},
                                         Maker{"TestDriver", [] { return std::make_unique<TestDriverSite>(); }}),
                         [](const auto& chosen) { return chosen.param.name; });

}  // namespace
}  // namespace amivirt::contract
