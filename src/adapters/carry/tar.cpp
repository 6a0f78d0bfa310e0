#include "adapters/carry/tar.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <system_error>
#include <utility>

#include "adapters/common/digest.hpp"
#include "adapters/common/files.hpp"
#include "amivirt/base/interrupt.hpp"

namespace amivirt {
namespace {

using files::FileDescriptor;

constexpr std::size_t k_piece = std::size_t{1} << 17U;  // enough to keep a disk busy; a look at an archive takes several readers
constexpr Bytes k_ustar_limit{(8ULL << 30U) - 1};       // source: POSIX ustar, eleven octal digits

struct FreeWriter {
    void operator()(archive* a) const noexcept { archive_write_free(a); }
};
struct FreeReader {
    void operator()(archive* a) const noexcept { archive_read_free(a); }
};
struct FreeEntry {
    void operator()(archive_entry* e) const noexcept { archive_entry_free(e); }
};

/// What libarchive's callbacks work on. Neither errors nor exceptions can pass through C, so they wait here.
struct Channel {
    FileDescriptor fd;
    std::string path;
    std::uint64_t at = 0;
    Sha256 hash;
    std::string room;
    std::optional<Error> error;
    std::exception_ptr exception;

    [[nodiscard]] Error failure(Error otherwise) {
        if (exception) {
            std::rethrow_exception(std::exchange(exception, nullptr));
        }
        return error ? *error : std::move(otherwise);
    }
};

class Writer final : public TarWriter {
public:
    Writer(FileDescriptor fd, const std::string& path, TimePoint time) : time_(time) {
        channel_.fd = std::move(fd);
        channel_.path = path;
    }
    Result<void> begin(Packing packing, Bytes largest) {
        archive* a = writer_.get();
        const bool pax = packing == Packing::zstd;
        int answer = pax                       ? archive_write_set_format_pax_restricted(a)
                     : largest > k_ustar_limit ? archive_write_set_format_gnutar(a)
                                               : archive_write_set_format_ustar(a);
        answer = answer == ARCHIVE_OK && packing == Packing::zstd ? archive_write_add_filter_zstd(a) : answer;
        archive_write_set_bytes_per_block(a, static_cast<int>(k_piece));
        archive_write_set_bytes_in_last_block(a, 1);
        if (answer != ARCHIVE_OK || archive_write_open(a, &channel_, nullptr, take, nullptr) != ARCHIVE_OK) {
            return failure();
        }
        return {};
    }
    Result<void> add_text(const std::string& name, std::string_view text) override {
        AMIVIRT_TRY(header(name, Bytes{text.size()}));
        return data(text);
    }
    Result<std::string> add_file(const std::string& name, const std::string& path) override {
        const FileDescriptor fd = AMIVIRT_TRY(files::open(path, O_RDONLY));
        struct stat status {};
        if (::fstat(fd.get(), &status) != 0) {
            return files::errno_error(errno, "look at", path);
        }
        const auto size = static_cast<std::uint64_t>(status.st_size);
        AMIVIRT_TRY(header(name, Bytes{size}));
        Sha256 hash;
        std::string room(k_piece, '\0');
        for (std::uint64_t at = 0; at < size;) {
            check_interrupt();
            room.resize(std::min<std::uint64_t>(k_piece, size - at));
            const std::string_view piece = AMIVIRT_TRY(files::read_into(room, fd.get(), at, path));
            if (piece.size() < room.size()) {
                return Error(Code::io_error, fmt::format("\"{}\" became shorter while it was read.", path));
            }
            hash.update(piece);
            AMIVIRT_TRY(data(piece));
            at += piece.size();
            done_ += piece.size();
            if (progress) {
                progress(Bytes{done_});
            }
        }
        return hash.finish();
    }
    Result<std::string> finish() override {
        if (archive_write_close(writer_.get()) != ARCHIVE_OK) {
            return failure();
        }
        AMIVIRT_TRY(files::sync(channel_.fd.get(), channel_.path));
        return channel_.hash.finish();
    }

private:
    static la_ssize_t take(archive* a, void* data, const void* bytes, std::size_t count) {
        auto* channel = static_cast<Channel*>(data);
        try {
            const std::string_view piece(static_cast<const char*>(bytes), count);
            if (auto written = files::write_at(channel->fd.get(), piece, channel->at, channel->path); !written) {
                channel->error = std::move(written.error());
            } else {
                channel->hash.update(piece);
                channel->at += count;
                return static_cast<la_ssize_t>(count);
            }
        } catch (...) {
            channel->exception = std::current_exception();
        }
        archive_set_error(a, EIO, "writing failed");
        return -1;
    }
    Error failure() {
        const char* words = archive_error_string(writer_.get());
        return channel_.failure(
            {Code::io_error, fmt::format("Cannot write \"{}\": {}.", channel_.path, words != nullptr ? words : "no reason given")});
    }
    Result<void> header(const std::string& name, Bytes size) {
        constexpr int k_mode = 0644;
        const std::unique_ptr<archive_entry, FreeEntry> entry(archive_entry_new());
        archive_entry_set_filetype(entry.get(), AE_IFREG);
        archive_entry_set_perm(entry.get(), k_mode);
        archive_entry_set_pathname(entry.get(), name.c_str());
        archive_entry_set_size(entry.get(), static_cast<la_int64_t>(size.count));
        archive_entry_set_mtime(entry.get(), std::chrono::floor<std::chrono::seconds>(time_).time_since_epoch().count(), 0);
        if (archive_write_header(writer_.get(), entry.get()) != ARCHIVE_OK) {
            return failure();
        }
        return {};
    }
    Result<void> data(std::string_view bytes) {
        while (!bytes.empty()) {
            const la_ssize_t count = archive_write_data(writer_.get(), bytes.data(), bytes.size());
            if (count <= 0) {
                return failure();
            }
            bytes.remove_prefix(static_cast<std::size_t>(count));
        }
        return {};
    }

    TimePoint time_;
    std::uint64_t done_ = 0;
    Channel channel_;
    std::unique_ptr<archive, FreeWriter> writer_{archive_write_new()};
};

class Reader final : public TarReader {
public:
    Reader(FileDescriptor fd, const std::string& path, Packing packing, Whole whole) : packing_(packing), whole_(whole) {
        channel_.fd = std::move(fd);
        channel_.path = path;
        channel_.room.resize(k_piece);
        shown_ = path;
    }
    Result<void> begin() {
        archive* a = reader_.get();
        int answer = archive_read_support_format_tar(a);
        answer = answer == ARCHIVE_OK && packing_ == Packing::zstd ? archive_read_support_filter_zstd(a) : answer;
        if (whole_ == Whole::no) {
            archive_read_set_skip_callback(a, skip);
        }
        archive_read_set_read_callback(a, more);
        archive_read_set_callback_data(a, &channel_);
        if (answer != ARCHIVE_OK || archive_read_open1(a) != ARCHIVE_OK) {
            return failure();
        }
        return {};
    }
    [[nodiscard]] Packing packing() const override { return packing_; }
    Result<std::optional<Member>> next() override {
        archive_entry* entry = nullptr;
        const int answer = archive_read_next_header(reader_.get(), &entry);
        if (answer == ARCHIVE_EOF) {
            return std::optional<Member>();
        }
        if (answer != ARCHIVE_OK) {
            return failure();
        }
        const char* name = archive_entry_pathname(entry);
        Member member{name != nullptr ? name : "", Bytes{static_cast<std::uint64_t>(std::max<la_int64_t>(archive_entry_size(entry), 0))}};
        if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry) != nullptr) {
            return Error(Code::invalid_disk_image,
                         fmt::format("\"{}\" holds \"{}\", which is no plain file.", shown_, files::printable(member.name)));
        }
        const bool leads_elsewhere =
            member.name.empty() || member.name.front() == '/' || ("/" + member.name + "/").find("/../") != std::string::npos;
        if (leads_elsewhere) {
            return Error(Code::invalid_disk_image,
                         fmt::format("\"{}\" holds a file of the strange name \"{}\".", shown_, files::printable(member.name)));
        }
        left_ = member.size.count;
        return std::optional(std::move(member));
    }
    Result<void> read(const std::function<Result<void>(std::string_view)>& take) override {
        while (left_ > 0) {
            check_interrupt();
            const la_ssize_t count = archive_read_data(reader_.get(), piece_.data(), std::min<std::uint64_t>(piece_.size(), left_));
            if (count <= 0) {
                return failure();
            }
            left_ -= static_cast<std::uint64_t>(count);
            AMIVIRT_TRY(take(std::string_view(piece_).substr(0, static_cast<std::size_t>(count))));
        }
        return {};
    }
    Result<std::string> sha256() override {
        for (;;) {
            check_interrupt();
            const std::string_view piece = AMIVIRT_TRY(files::read_into(channel_.room, channel_.fd.get(), channel_.at, channel_.path));
            channel_.hash.update(piece);
            channel_.at += piece.size();
            if (piece.size() < channel_.room.size()) {
                return channel_.hash.finish();
            }
        }
    }

private:
    static la_ssize_t more(archive* a, void* data, const void** bytes) {
        auto* channel = static_cast<Channel*>(data);
        try {
            auto piece = files::read_into(channel->room, channel->fd.get(), channel->at, channel->path);
            if (piece) {
                channel->hash.update(*piece);
                channel->at += piece->size();
                *bytes = piece->data();
                return static_cast<la_ssize_t>(piece->size());
            }
            channel->error = std::move(piece.error());
        } catch (...) {
            channel->exception = std::current_exception();
        }
        archive_set_error(a, EIO, "reading failed");
        return -1;
    }
    static la_int64_t skip(archive* /*a*/, void* data, la_int64_t wanted) {
        auto* channel = static_cast<Channel*>(data);
        struct stat status {};
        if (::fstat(channel->fd.get(), &status) != 0) {
            return 0;
        }
        // Not beyond the end: a truncated file must be seen to be one.
        const std::uint64_t size = static_cast<std::uint64_t>(status.st_size);
        const std::uint64_t left = channel->at < size ? size - channel->at : 0;
        const std::uint64_t count = std::min(static_cast<std::uint64_t>(wanted), left);
        channel->at += count;
        return static_cast<la_int64_t>(count);
    }
    Error failure() {
        const char* words = archive_error_string(reader_.get());
        return channel_.failure(
            {Code::invalid_disk_image, fmt::format("\"{}\" cannot be unpacked: it is truncated or damaged ({}).", shown_,
                                                   files::printable(words != nullptr ? words : "unexpected end"))});
    }

    Packing packing_;
    Whole whole_;
    std::uint64_t left_ = 0;
    std::string piece_ = std::string(k_piece, '\0');
    Channel channel_;
    std::unique_ptr<archive, FreeReader> reader_{archive_read_new()};
};

}  // namespace

Result<std::unique_ptr<TarWriter>> TarWriter::open(const std::string& path, Packing packing, Bytes largest, TimePoint time) {
    FileDescriptor fd = AMIVIRT_TRY(files::open(path, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW, 0644));
    auto writer = std::make_unique<Writer>(std::move(fd), path, time);
    AMIVIRT_TRY(writer->begin(packing, largest));
    return std::unique_ptr<TarWriter>(std::move(writer));
}

Result<std::unique_ptr<TarReader>> TarReader::open(const std::string& path, Whole whole) {
    FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!fd) {
        return Error(Code::fetch_failed, fmt::format("Cannot read \"{}\": {}.", path, std::generic_category().message(errno)));
    }
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
        return Error(Code::fetch_failed, fmt::format("\"{}\" is not a regular file.", path));
    }
    const std::string head = AMIVIRT_TRY(files::read_at(fd.get(), 0, 4, path));
    const auto packing = head == "\x28\xb5\x2f\xfd" ? Packing::zstd : Packing::plain;
    auto reader = std::make_unique<Reader>(std::move(fd), path, packing, whole);
    AMIVIRT_TRY(reader->begin());
    return std::unique_ptr<TarReader>(std::move(reader));
}

Result<std::string> TarReader::text(const Member& member, Bytes limit) {
    if (member.size > limit) {
        return Error(Code::invalid_disk_image, fmt::format("\"{}\" holds a \"{}\" of {}; the largest that is taken is {}.", shown_,
                                                           files::printable(member.name), human(member.size), human(limit)));
    }
    std::string out;
    AMIVIRT_TRY(read([&](std::string_view piece) -> Result<void> {
        out += piece;
        return {};
    }));
    return out;
}

}  // namespace amivirt
