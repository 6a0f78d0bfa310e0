#include "adapters/fetch/compression.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <limits>
#include <memory>
#include <optional>

#include "amivirt/base/interrupt.hpp"

namespace amivirt {
std::string_view to_string(Compression value) noexcept {
    switch (value) {
        case Compression::gzip:
            return "gzip";
        case Compression::xz:
            return "xz";
        case Compression::zstd:
            return "zstd";
        case Compression::none:
            break;
    }
    return "uncompressed";
}

Compression recognise_compression(std::string_view head) noexcept {
    using namespace std::string_view_literals;
    if (head.starts_with("\x1f\x8b\x08"sv)) {
        return Compression::gzip;
    }
    if (head.starts_with("\xfd"
                         "7zXZ\0"sv)) {
        return Compression::xz;
    }
    // A frame, or a frame to be skipped (as pzstd and zstd's seekable format begin).
    if (head.starts_with("\x28\xb5\x2f\xfd"sv) ||
        (head.size() >= 4 && (head[0] & 0xf0) == 0x50 && head.substr(1).starts_with("\x2a\x4d\x18"sv))) {
        return Compression::zstd;
    }
    return Compression::none;
}

namespace {

Error damaged(const UnpackRequest& request, const char* words) {
    return Error(Code::invalid_disk_image,
                 fmt::format("\"{}\" cannot be unpacked: its {} data is truncated or damaged ({}).", request.shown_as,
                             to_string(request.compression), words != nullptr ? words : "no reason given"));
}

Result<void> pass_on(const UnpackRequest& request, std::string_view bytes, Bytes& total) {
    check_interrupt();
    total.count += bytes.size();
    if (total > request.limit) {
        return Error(Code::invalid_disk_image,
                     fmt::format("\"{}\" unpacks to more than {}, the largest that is taken.", request.shown_as, human(request.limit)));
    }
    return request.write(bytes);
}

struct EndInflate {
    void operator()(z_stream* stream) const noexcept { inflateEnd(stream); }
};

/// By zlib, since libarchive does not look at the checksum of a gzip member.
Result<Bytes> unpack_gzip(const UnpackRequest& request) {
    constexpr int k_gzip_only = 15 + 16;
    constexpr std::size_t k_piece = std::size_t{256} << 10U;
    constexpr char k_first_of_member = '\x1f';
    z_stream stream{};
    if (inflateInit2(&stream, k_gzip_only) != Z_OK) {
        return damaged(request, "zlib does not start");
    }
    const std::unique_ptr<z_stream, EndInflate> ending(&stream);
    std::string out(k_piece, '\0');
    Bytes total;
    bool within_member = false;
    for (;;) {
        check_interrupt();
        const std::string_view piece = AMIVIRT_TRY(request.read());
        if (piece.empty()) {
            return within_member ? Result<Bytes>(damaged(request, "unexpected end")) : Result<Bytes>(total);
        }
        std::string_view rest = piece;
        while (!rest.empty()) {
            if (!within_member) {
                // Zeros may pad members (source: gzip's manual, "Using gzip on tapes"); other bytes behind the last one are not ours.
                rest.remove_prefix(std::min(rest.find_first_not_of('\0'), rest.size()));
                if (rest.empty()) {
                    break;
                }
                if (rest.front() != k_first_of_member) {
                    return total;
                }
                within_member = true;
            }
            // zlib's interface predates const; it does not write to its input.
            stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(rest.data()));
            stream.avail_in = static_cast<uInt>(std::min<std::size_t>(rest.size(), std::numeric_limits<uInt>::max()));
            stream.next_out = reinterpret_cast<Bytef*>(out.data());
            stream.avail_out = static_cast<uInt>(out.size());
            const uInt offered = stream.avail_in;
            const int answer = inflate(&stream, Z_NO_FLUSH);
            if (answer != Z_OK && answer != Z_STREAM_END && answer != Z_BUF_ERROR) {
                return damaged(request, stream.msg);
            }
            rest.remove_prefix(offered - stream.avail_in);
            AMIVIRT_TRY(pass_on(request, std::string_view(out).substr(0, out.size() - stream.avail_out), total));
            if (answer == Z_STREAM_END) {
                within_member = false;
                inflateReset(&stream);
            }
        }
    }
}

/// What libarchive's callback works on. Neither errors nor exceptions can pass through C, so they wait here.
struct Input {
    const UnpackRequest& request;
    std::optional<Error> error;
    std::exception_ptr exception;
};

la_ssize_t read_more(archive* a, void* data, const void** bytes) {
    auto* input = static_cast<Input*>(data);
    try {
        check_interrupt();
        const auto piece = input->request.read();
        if (piece) {
            *bytes = piece->data();
            return static_cast<la_ssize_t>(piece->size());
        }
        input->error = piece.error();
    } catch (...) {
        input->exception = std::current_exception();
    }
    archive_set_error(a, EIO, "reading failed");
    return -1;
}

struct FreeArchive {
    void operator()(archive* a) const noexcept { archive_read_free(a); }
};

/// xz and zstd, whose libraries check what they read.
Result<Bytes> unpack_archive(const UnpackRequest& request) {
    const std::unique_ptr<archive, FreeArchive> reader(archive_read_new());
    Input input{request, std::nullopt, nullptr};
    const auto failure = [&]() -> Error {
        if (input.exception) {
            std::rethrow_exception(input.exception);
        }
        return input.error ? *input.error : damaged(request, archive_error_string(reader.get()));
    };
    const int supported = request.compression == Compression::xz ? archive_read_support_filter_xz(reader.get())
                                                                 : archive_read_support_filter_zstd(reader.get());
    if (supported != ARCHIVE_OK || archive_read_support_format_raw(reader.get()) != ARCHIVE_OK ||
        archive_read_support_format_empty(reader.get()) != ARCHIVE_OK ||
        archive_read_open(reader.get(), &input, nullptr, read_more, nullptr) != ARCHIVE_OK) {
        return failure();
    }
    archive_entry* entry = nullptr;
    const int begun = archive_read_next_header(reader.get(), &entry);
    Bytes total;
    if (begun != ARCHIVE_OK && begun != ARCHIVE_EOF) {
        return failure();
    }
    while (begun == ARCHIVE_OK) {
        const void* bytes = nullptr;
        std::size_t size = 0;
        la_int64_t offset = 0;
        const int answer = archive_read_data_block(reader.get(), &bytes, &size, &offset);
        if (answer == ARCHIVE_EOF) {
            break;
        }
        if (answer != ARCHIVE_OK) {
            return failure();
        }
        AMIVIRT_TRY(pass_on(request, std::string_view(static_cast<const char*>(bytes), size), total));
    }
    return total;
}

}  // namespace

Result<Bytes> unpack(const UnpackRequest& request) {
    const Bytes total = AMIVIRT_TRY(request.compression == Compression::gzip ? unpack_gzip(request) : unpack_archive(request));
    if (total.count == 0) {
        return Error(Code::invalid_disk_image, fmt::format("\"{}\" unpacks to nothing.", request.shown_as));
    }
    return total;
}

}  // namespace amivirt
