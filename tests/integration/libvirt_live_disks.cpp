// Disks that come, grow, are snapshotted and go while a real guest runs; encrypted ones too.
#include <gmock/gmock.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <map>
#include <sstream>

#include "adapters/libvirt/disk_xml.hpp"
#include "adapters/seed/seed_builder.hpp"
#include "libvirt_lab.hpp"

namespace amivirt::integration {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::Not;

constexpr seconds k_patience{90};
constexpr const char* k_root = "vol0123456789abcdef0";
constexpr const char* k_data = "vol0123456789abcdef1";

// Counts in a file on its root disk, and says on the console how far it is and which disks it sees: "at 17 vol0123...:131072 "
constexpr const char* k_counter = R"(#!/bin/sh
read -r n </count
while :; do
    n=$((${n:-0} + 1))
    echo $n >/count.new
    mv /count.new /count
    sync
    line="at $n"
    for disk in /sys/block/vd*; do
        [ ! -s $disk/serial ] || line="$line $(cat $disk/serial):$(cat $disk/size) "
    done
    echo "$line end"
    usleep 100000
done
)";

std::string read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

std::string output_of(const std::string& command) {
    const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
    std::string text;
    std::array<char, 4096> part{};
    while (pipe && std::fgets(part.data(), part.size(), pipe.get()) != nullptr) {
        text += part.data();
    }
    return text;
}

class LibvirtLiveDisks : public LibvirtLab {
protected:
    void qemu_img(const std::string& arguments) const {
        ASSERT_EQ(std::system(fmt::format("cd {} && qemu-img {}", folder_, arguments).c_str()), 0) << arguments;
    }
    [[nodiscard]] DiskSource file(const std::string& word) const { return {folder_ + "/" + layer_name(word), "qcow2"}; }
    /// A writable layer with nothing in it, 64 MiB, over `below` ("": over nothing).
    DiskSource make_layer(const std::string& word, const std::string& below = {}) {
        words_[layer_name(word)] = word;
        qemu_img(below.empty() ? fmt::format("create -q -f qcow2 {} 64M", layer_name(word))
                               : fmt::format("create -q -f qcow2 -b {} -F qcow2 {}", layer_name(below), layer_name(word)));
        return file(word);
    }
    /// The same, encrypted. QEMU takes seconds to find out how long a password of this host is to be stretched, so it is asked once per
    /// size.
    DiskSource make_encrypted_layer(const std::string& word, const std::string& below = {}, const std::string& size = "64M") {
        const std::string key = folder_ + "/key";
        if (!std::filesystem::exists(key)) {
            std::ofstream(key) << std::string(64, 'a');
            chmod(key.c_str(), 0600);
        }
        const std::string master = "master-" + size;
        for (int i = 0; i < 20 && !std::filesystem::exists(folder_ + "/" + master + ".done"); ++i) {
            // On a busy host it may be unable to tell.
            if (std::system(fmt::format("cd {} && qemu-img create -q -f qcow2 --object secret,id=k,file=key -o "
                                        "encrypt.format=luks,encrypt.key-secret=k,encrypt.iter-time=10 {} {} 2>/dev/null && touch {}.done",
                                        folder_, master, size, master)
                                .c_str()) == 0) {
                break;
            }
        }
        const std::string name = layer_name(word);
        words_[name] = word;
        std::filesystem::copy_file(folder_ + "/" + master, folder_ + "/" + name);
        if (!below.empty()) {
            qemu_img(
                fmt::format("rebase -q -u --object secret,id=k,file=key -b {} -F qcow2 --image-opts "
                            "driver=qcow2,encrypt.format=luks,encrypt.key-secret=k,file.filename={}",
                            layer_name(below), name));
        }
        return file(word);
    }
    void seal(const std::string& word) const { chmod(file(word).location.c_str(), 0444); }

    DomainSpec make_counter() {
        DomainSpec spec = make_instance();
        spec.disks.front().serial = k_root;
        spec.seed = folder_ + "/seed.img";
        write_seed(spec);
        return spec;
    }
    /// The guest runs its script at the first boot that tells it this id.
    void write_seed(const DomainSpec& spec) {
        Seed seed;
        seed.instance = make_id<InstanceId>(*ids_);
        seed.hostname = "counter";
        seed.user_data = k_counter;
        const auto image = make_seed_builder()->build(seed);
        EXPECT_TRUE(image);
        std::ofstream(spec.seed, std::ios::binary) << image.value_or("");
    }
    void start(const DomainSpec& spec) {
        const auto started = hypervisor_->start(spec, Begin::running);
        ASSERT_TRUE(started) << started.error().message;
    }
    /// The last whole line that the guest's script wrote; "" before the first.
    static std::string said(const DomainSpec& spec) {
        const std::string log = read(spec.console_log);
        const std::size_t end = log.rfind(" end\r\n");
        const std::size_t begin = end == std::string::npos ? end : log.rfind("at ", end);
        return begin == std::string::npos ? "" : log.substr(begin, end - begin);
    }
    static unsigned counted(const DomainSpec& spec) {
        const std::string line = said(spec);
        return line.empty() ? 0 : static_cast<unsigned>(std::stoul(line.substr(3)));
    }
    void expect_said(const DomainSpec& spec, const testing::Matcher<std::string>& what) {
        EXPECT_TRUE(eventually(k_patience, [&] { return !said(spec).empty() && testing::Value(said(spec), what); }))
            << said(spec) << "\n"
            << read(spec.console_log);
    }
    void expect_counting(const DomainSpec& spec) {
        const unsigned before = counted(spec);
        EXPECT_TRUE(eventually(k_patience, [&] { return counted(spec) > before + 1; })) << read(spec.console_log);
    }
    static void expect_done(const Result<void>& result) { EXPECT_TRUE(result) << result.error().message; }
    static void expect_code(const Result<void>& result, Code code) {
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().code, code) << result.error().message;
    }
    /// serial -> the file's word
    std::map<std::string, std::string> attached(const InstanceId& instance) {
        const auto disks = live_disks_->attached(instance);
        EXPECT_TRUE(disks) << disks.error().message;
        EXPECT_TRUE(disks && disks->has_value());
        std::map<std::string, std::string> names;
        if (disks && *disks) {
            for (const LiveDisk& disk : **disks) {
                const std::string name = std::filesystem::path(disk.source.location).filename();
                names[disk.serial] = words_.contains(name) ? words_[name] : name;
            }
        }
        return names;
    }
    void snapshot(const InstanceId& instance, const std::vector<LiveDisks::Overlay>& overlays) {
        const auto taken = live_disks_->snapshot(instance, overlays, Quiesce::automatic);
        ASSERT_TRUE(taken) << taken.error().message;
        EXPECT_EQ(*taken, LiveDisks::Frozen::no) << "nobody in this guest could freeze it";
    }

    [[nodiscard]] bool daemon_has_key() const {
        return output_of("virsh -q secret-list").find(libvirt::secret_uuid(store_id_)) != std::string::npos;
    }

    std::map<std::string, std::string> words_;  ///< by file name
};

using Files = std::map<std::string, std::string>;

TEST_F(LibvirtLiveDisks, ComeGrowAreSnapshottedAndGo) {
    if (!use_tiny_image()) {
        GTEST_SKIP() << "AMIVIRT_TINY_IMAGE names no image";
    }
    DomainSpec spec = make_counter();
    const InstanceId& instance = spec.instance;
    const std::string root = instance.str();
    words_[layer_name(root)] = root;
    EXPECT_FALSE(live_disks_->attached(instance)->has_value());
    start(spec);
    EXPECT_EQ(attached(instance), (Files{{k_root, root}})) << "without the seed";
    expect_said(spec, HasSubstr(k_root));

    const DomainDisk data{make_layer("data"), k_data, 100, 10};
    expect_done(live_disks_->attach(instance, data));
    expect_said(spec, HasSubstr(std::string(k_data) + ":131072 "));
    expect_done(live_disks_->attach(instance, data));
    EXPECT_EQ(attached(instance), (Files{{k_root, root}, {k_data, "data"}}));
    expect_code(live_disks_->attach(instance, {make_layer("other"), k_data, {}, {}}), Code::incorrect_state);

    expect_done(live_disks_->resize(instance, k_data, MiB{96}.bytes()));
    expect_said(spec, HasSubstr(std::string(k_data) + ":196608 "));
    expect_done(live_disks_->resize(instance, k_data, MiB{80}.bytes()));
    EXPECT_THAT(output_of(fmt::format("virsh domblkinfo {} {} 2>&1", instance.str(), file("data").location)),
                HasSubstr(std::to_string(MiB{96}.bytes().count)))
        << "never smaller";

    const std::string limits = fmt::format("virsh blkdeviotune {} {} 2>&1", instance.str(), file("data").location);
    EXPECT_THAT(output_of(limits), testing::ContainsRegex("total_bytes_sec: *10485760\n.*"));
    EXPECT_THAT(output_of(limits), testing::ContainsRegex("total_iops_sec *: *100\n"));
    expect_done(live_disks_->tune(instance, k_data, {}, 250));
    EXPECT_THAT(output_of(limits), testing::ContainsRegex("total_bytes_sec: *262144000\n"));
    EXPECT_THAT(output_of(limits), testing::ContainsRegex("total_iops_sec *: *0\n"));

    // Three in a row: all disks, one of them, all again.
    const unsigned before = counted(spec);
    snapshot(instance, {{k_root, make_layer("root-1", root)}, {k_data, make_layer("data-1", "data")}});
    seal(root);
    seal("data");
    EXPECT_EQ(attached(instance), (Files{{k_root, "root-1"}, {k_data, "data-1"}}));
    expect_counting(spec);
    snapshot(instance, {{k_root, make_layer("root-2", "root-1")}});
    seal("root-1");
    EXPECT_EQ(attached(instance), (Files{{k_root, "root-2"}, {k_data, "data-1"}}));
    expect_counting(spec);
    snapshot(instance, {{k_root, make_layer("root-3", "root-2")}, {k_data, make_layer("data-2", "data-1")}});
    seal("root-2");
    seal("data-1");
    expect_counting(spec);
    EXPECT_THAT(output_of(fmt::format("qemu-img info -U {}", file("root-3").location)),
                HasSubstr(fmt::format("backing file: {} (", layer_name("root-2"))));

    const auto refused = live_disks_->snapshot(instance, {{k_root, make_layer("root-4", "root-3")}}, Quiesce::yes);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::unsupported_operation) << refused.error().message;
    const auto absent = live_disks_->snapshot(instance, {{k_root, file("root-4")}, {"nothing", file("other")}}, Quiesce::no);
    ASSERT_FALSE(absent);
    EXPECT_EQ(absent.error().code, Code::invalid_attachment_not_found);
    EXPECT_FALSE(live_disks_->snapshot(instance, {{k_root, file("root-4")}, {k_data, file("absent")}}, Quiesce::no));
    EXPECT_EQ(attached(instance), (Files{{k_root, "root-3"}, {k_data, "data-2"}})) << "one that fails does nothing";

    expect_done(live_disks_->detach(instance, k_data, k_patience));
    EXPECT_EQ(attached(instance), (Files{{k_root, "root-3"}}));
    expect_said(spec, Not(HasSubstr(k_data)));
    expect_done(live_disks_->detach(instance, k_data, k_patience));
    expect_code(live_disks_->resize(instance, k_data, MiB{128}.bytes()), Code::invalid_attachment_not_found);
    expect_code(live_disks_->tune(instance, k_data, {}, {}), Code::invalid_attachment_not_found);
    expect_done(live_disks_->attach(instance, {file("data-2"), k_data, {}, {}}));
    expect_said(spec, HasSubstr(std::string(k_data) + ":"));

    // Off, and on again with the new top.
    const unsigned at = counted(spec);
    EXPECT_GT(at, before);
    ASSERT_TRUE(hypervisor_->power_off(instance));
    expect_code(live_disks_->attach(instance, data), Code::incorrect_instance_state);
    EXPECT_EQ(std::system(fmt::format("qemu-img check -q {}", file("root-3").location).c_str()), 0);
    std::filesystem::remove(spec.console_log);
    write_seed(spec);
    spec.disks = {{file("root-3"), k_root, {}, {}}, {file("data-2"), k_data, {}, {}}};
    start(spec);
    EXPECT_TRUE(eventually(k_patience, [&] { return counted(spec) > 0; })) << read(spec.console_log);
    EXPECT_GE(counted(spec), at) << "what the guest had written is there";
    EXPECT_THAT(said(spec), HasSubstr(k_data));
}

TEST_F(LibvirtLiveDisks, Encrypted) {
    if (!use_tiny_image()) {
        GTEST_SKIP() << "AMIVIRT_TINY_IMAGE names no image";
    }
    DomainSpec spec = make_counter();
    const InstanceId& instance = spec.instance;
    // plain <- encrypted <- plain <- encrypted
    // Of the image's size, which a layer over it must have.
    std::string size = output_of(fmt::format("qemu-img info {} | sed -n 's/^virtual size:.*(\\([0-9]*\\) bytes)/\\1/p'", layer()));
    size.erase(size.find_last_not_of('\n') + 1);
    make_encrypted_layer("root-1", "layer", size);
    make_layer("root-2", "root-1");
    seal("root-1");
    seal("root-2");
    spec.disks = {{make_encrypted_layer("root-3", "root-2", size), k_root, {}, {}}};
    start(spec);
    expect_said(spec, HasSubstr(k_root));

    const DomainDisk data{make_encrypted_layer("data"), k_data, {}, {}};
    expect_done(live_disks_->attach(instance, data));
    expect_said(spec, HasSubstr(std::string(k_data) + ":131072 "));
    snapshot(instance, {{k_root, make_encrypted_layer("root-4", "root-3", size)}, {k_data, make_encrypted_layer("data-1", "data")}});
    expect_counting(spec);
    snapshot(instance, {{k_root, make_layer("root-5", "root-4")}});
    expect_counting(spec);
    snapshot(instance, {{k_root, make_encrypted_layer("root-6", "root-5", size)}});
    expect_counting(spec);
    EXPECT_EQ(attached(instance), (Files{{k_root, "root-6"}, {k_data, "data-1"}}));
    EXPECT_FALSE(daemon_has_key()) << "a guest that runs needs it no more";
    expect_done(live_disks_->resize(instance, k_data, MiB{96}.bytes()));
    expect_said(spec, HasSubstr(std::string(k_data) + ":196608 "));
    expect_done(live_disks_->detach(instance, k_data, k_patience));
    expect_done(hypervisor_->reset(instance));
    EXPECT_TRUE(eventually(k_patience, [&] { return counted(spec) > 0; })) << read(spec.console_log);
    EXPECT_FALSE(daemon_has_key());

    const unsigned at = counted(spec);
    ASSERT_TRUE(hypervisor_->power_off(instance));
    for (const char* const name : {"root-3", "root-4", "root-5", "data"}) {
        seal(name);
    }
    std::filesystem::remove(spec.console_log);
    write_seed(spec);
    spec.disks = {{file("root-6"), k_root, {}, {}}, {file("data-1"), k_data, {}, {}}};
    start(spec);
    EXPECT_TRUE(eventually(k_patience, [&] { return counted(spec) > 0; })) << read(spec.console_log);
    EXPECT_GE(counted(spec), at);
    ASSERT_TRUE(hypervisor_->power_off(instance));
    EXPECT_FALSE(daemon_has_key());

    std::filesystem::remove(folder_ + "/key");
    const auto started = hypervisor_->start(spec, Begin::running);
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().code, Code::store_corrupt);
    EXPECT_THAT(started.error().message, HasSubstr(folder_ + "/key\" is not there"));
}

TEST_F(LibvirtLiveDisks, AnotherKeyIsToldShortly) {
    DomainSpec spec = make_instance();
    spec.disks.front().serial = k_root;
    spec.disks.push_back({make_encrypted_layer("data"), k_data, {}, {}});
    make_encrypted_layer("other");
    const auto with_key = [&](char digit) { std::ofstream(folder_ + "/key") << std::string(64, digit); };
    const auto expect_refused = [&](const auto& result, const std::string& word) {
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().code, Code::store_corrupt) << result.error().message;
        EXPECT_EQ(result.error().message, fmt::format("The key in \"{}/key\" does not open the encrypted disk \"{}\": it was made with "
                                                      "another one.",
                                                      folder_, file(word).location));
        EXPECT_THAT(result.error().hint, HasSubstr("from a backup"));
        EXPECT_FALSE(daemon_has_key());
    };
    const DiskSource top = make_encrypted_layer("data-1", "data");
    with_key('b');
    expect_refused(hypervisor_->start(spec, Begin::running), "data");
    EXPECT_EQ(state(spec.instance), DomainState::off);
    with_key('a');
    start(spec);
    with_key('b');
    expect_refused(live_disks_->attach(spec.instance, {file("other"), "vol0123456789abcdef2", {}, {}}), "other");
    expect_refused(live_disks_->snapshot(spec.instance, {{k_data, top}}, Quiesce::automatic), "data-1");
    with_key('a');
    snapshot(spec.instance, {{k_data, top}});
    std::ofstream(folder_ + "/key").flush();
    const auto empty = live_disks_->attach(spec.instance, {file("other"), "vol0123456789abcdef2", {}, {}});
    ASSERT_FALSE(empty);
    EXPECT_EQ(empty.error().code, Code::store_corrupt);
    EXPECT_THAT(empty.error().message, HasSubstr("is empty"));
}

TEST_F(LibvirtLiveDisks, AGuestThatDoesNotListenKeepsItsDisk) {
    DomainSpec spec = make_instance();
    spec.disks.front().serial = k_root;
    start(spec);
    expect_done(live_disks_->attach(spec.instance, {make_layer("data"), k_data, {}, {}}));
    expect_code(live_disks_->detach(spec.instance, k_data, seconds(2)), Code::timed_out);
    EXPECT_EQ(attached(spec.instance).count(k_data), 1U);
    expect_done(live_disks_->resize(spec.instance, k_data, MiB{96}.bytes()));
    // What `volume detach` advises of a guest that hangs.
    ASSERT_TRUE(hypervisor_->reset(spec.instance));
    EXPECT_TRUE(eventually(k_patience, [&] { return attached(spec.instance).count(k_data) == 0; }));
    expect_done(live_disks_->detach(spec.instance, k_data, seconds(2)));
}

TEST_F(LibvirtLiveDisks, AMachineIsFull) {
    DomainSpec spec = make_instance();
    spec.disks.front().serial = k_root;
    start(spec);
    Result<void> attached_last;
    unsigned many = 0;
    for (; attached_last && many < 40; ++many) {
        attached_last =
            live_disks_->attach(spec.instance, {make_layer(fmt::format("data-{}", many)), fmt::format("vol{:017x}", many), {}, {}});
    }
    expect_code(attached_last, Code::insufficient_instance_capacity);
    EXPECT_THAT(attached_last.error().message, HasSubstr("no slot left"));
    EXPECT_GE(many, 20U);
    EXPECT_EQ(attached(spec.instance).size(), many);
}

TEST_F(LibvirtLiveDisks, ATemplateOfAMachineWithOneSlot) {
    const std::string path = folder_ + "/q35.xml";
    std::string text = read(AMIVIRT_DOMAIN_TEMPLATE);
    const std::string machine = "machine=\"pc\"";
    ASSERT_NE(text.find(machine), std::string::npos);
    std::ofstream(path) << text.replace(text.find(machine), machine.size(), "machine=\"q35\"");
    const Libvirt libvirt = make_libvirt({system_or_session(), path, log_});
    DomainSpec spec = make_instance();
    spec.disks.front().serial = k_root;
    const auto started = libvirt.hypervisor->start(spec, Begin::running);
    ASSERT_TRUE(started) << started.error().message;
    Result<void> attached_last;
    for (unsigned i = 0; attached_last && i < 8; ++i) {
        attached_last =
            libvirt.live_disks->attach(spec.instance, {make_layer(fmt::format("data-{}", i)), fmt::format("vol{:017x}", i), {}, {}});
    }
    expect_code(attached_last, Code::insufficient_instance_capacity);
}

TEST_F(LibvirtLiveDisks, BeginsPaused) {
    const DomainSpec spec = make_instance();
    const auto started = hypervisor_->start(spec, Begin::paused);
    ASSERT_TRUE(started) << started.error().message;
    EXPECT_EQ(state(spec.instance), DomainState::paused);
    expect_done(live_disks_->attach(spec.instance, {make_layer("data"), k_data, {}, {}}));
    expect_done(hypervisor_->resume(spec.instance));
    EXPECT_EQ(state(spec.instance), DomainState::running);
    expect_done(hypervisor_->resume(spec.instance));
    ASSERT_TRUE(hypervisor_->power_off(spec.instance));
    expect_code(hypervisor_->resume(spec.instance), Code::incorrect_instance_state);
}

}  // namespace
}  // namespace amivirt::integration
