#include "disk_support.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <sstream>
#include <thread>

#include "adapters/process/process_runner.hpp"
#include "amivirt/base/interrupt.hpp"

namespace amivirt::contract {
namespace {

const bool k_root = ::geteuid() == 0;

}  // namespace

bool started_as_root() { return k_root; }

std::string noise(std::size_t size, unsigned seed) {
    std::mt19937_64 random(seed);
    std::string bytes(size + sizeof(std::uint64_t), '\0');
    for (std::size_t i = 0; i < size; i += sizeof(std::uint64_t)) {
        const std::uint64_t value = random();
        std::memcpy(bytes.data() + i, &value, sizeof value);
    }
    bytes.resize(size);
    return bytes;
}

void write_file(const std::string& path, std::string_view content) {
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    out.write(content.data(), static_cast<std::streamsize>(content.size()));
    ASSERT_TRUE(out.flush()) << path;
}

std::string read_file(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

std::vector<std::string> names(const std::string& folder) {
    std::vector<std::string> result;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
        result.push_back(entry.path().filename().string());
    }
    std::sort(result.begin(), result.end());
    return result;
}

std::uint64_t allocated_bytes(const std::string& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 ? static_cast<std::uint64_t>(status.st_blocks) * 512 : 0;
}

unsigned mode_of(const std::string& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 07777U : 0;
}

CommandResult shell(const std::vector<std::string>& argv) {
    Command command;
    command.argv = argv;
    command.environment = {{"LC_ALL", "C"}};
    auto result = make_process_runner()->run(command);
    if (!result) {
        return {127, "", result.error().message};
    }
    result->output += result->errors;
    return std::move(*result);
}

bool have_program(const std::string& name) { return shell({name, "--version"}).exit_status != 127; }

void qemu_io(VolumeStore& store, const std::string& key_file, const std::vector<unsigned>& chain,
             const std::vector<std::string>& commands) {
    std::string image;
    std::string prefix;
    for (const unsigned number : chain) {
        image += fmt::format("{}{}driver=qcow2,{}file.filename={}", image.empty() ? "" : ",", prefix, prefix,
                             store.source(layer(number)).location);
        const auto file = store.look(layer(number));
        if (file && *file && (*file)->encrypted) {
            image += fmt::format(",{}encrypt.format=luks,{}encrypt.key-secret=k", prefix, prefix);
        }
        prefix += "backing.";
    }
    std::vector<std::string> argv{"qemu-io"};
    if (std::filesystem::exists(key_file)) {
        argv.insert(argv.end(), {"--object", "secret,id=k,file=" + key_file});
    }
    argv.emplace_back("--image-opts");
    for (const std::string& command : commands) {
        argv.insert(argv.end(), {"-c", command});
    }
    if (std::none_of(commands.begin(), commands.end(), [](const auto& command) { return !command.starts_with("read"); })) {
        argv.emplace_back("-r");
    }
    argv.push_back(image);
    const CommandResult result = shell(argv);
    EXPECT_EQ(result.exit_status, 0) << result.output;
    EXPECT_EQ(result.output.find("verification failed"), std::string::npos) << result.output;
}

std::string compressed(std::string_view bytes, Filter filter) {
    struct Free {
        void operator()(archive* a) const noexcept { archive_write_free(a); }
        void operator()(archive_entry* e) const noexcept { archive_entry_free(e); }
    };
    std::string out(bytes.size() + 65536, '\0');
    std::size_t used = 0;
    {
        const std::unique_ptr<archive, Free> writer(archive_write_new());
        archive_write_set_format_raw(writer.get());
        archive_write_set_bytes_per_block(writer.get(), 0);
        switch (filter) {
            case Filter::gzip:
                archive_write_add_filter_gzip(writer.get());
                break;
            case Filter::xz:
                archive_write_add_filter_xz(writer.get());
                break;
            case Filter::zstd:
                archive_write_add_filter_zstd(writer.get());
                break;
        }
        // Only xz is slow enough to care; the others keep their default if they know no such level.
        archive_write_set_filter_option(writer.get(), nullptr, "compression-level", "1");
        archive_write_open_memory(writer.get(), out.data(), out.size(), &used);
        const std::unique_ptr<archive_entry, Free> entry(archive_entry_new());
        archive_entry_set_filetype(entry.get(), AE_IFREG);
        archive_entry_set_pathname(entry.get(), "x");
        archive_write_header(writer.get(), entry.get());
        archive_write_data(writer.get(), bytes.data(), bytes.size());
        archive_write_close(writer.get());
    }
    out.resize(used);
    return out;
}

bool mount_small(const std::string& folder, const std::string& size, std::string& reason) {
    const auto uid = ::getuid();
    const auto gid = ::getgid();
    if (::unshare(CLONE_NEWNS | (uid == 0 ? 0 : CLONE_NEWUSER)) != 0) {
        reason = std::string("no mount namespace of its own: ") + std::strerror(errno);
        return false;
    }
    if (uid != 0) {
        write_file("/proc/self/setgroups", "deny");
        write_file("/proc/self/uid_map", "0 " + std::to_string(uid) + " 1");
        write_file("/proc/self/gid_map", "0 " + std::to_string(gid) + " 1");
    }
    std::filesystem::create_directories(folder);
    if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("tmpfs", folder.c_str(), "tmpfs", 0, ("size=" + size).c_str()) != 0) {
        reason = std::string("a tmpfs cannot be mounted: ") + std::strerror(errno);
        return false;
    }
    return true;
}

LaterInterrupt::LaterInterrupt(unsigned milliseconds) {
    clear_interrupt();
    install_interrupt_handlers();
    thread_ = std::thread([milliseconds] {
        std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
        ::kill(::getpid(), SIGTERM);
    });
}

LaterInterrupt::~LaterInterrupt() {
    thread_.join();
    clear_interrupt();
}

}  // namespace amivirt::contract
