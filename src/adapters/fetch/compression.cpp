#include "adapters/fetch/compression.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include <cerrno>
#include <exception>
#include <memory>
#include <optional>

#include "amivirt/base/interrupt.hpp"

namespace amivirt {
namespace {

struct FreeArchive {
    void operator()(archive* a) const noexcept { archive_read_free(a); }
};

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

int support(archive* a, Compression compression) {
    switch (compression) {
        case Compression::gzip:
            return archive_read_support_filter_gzip(a);
        case Compression::xz:
            return archive_read_support_filter_xz(a);
        case Compression::zstd:
            return archive_read_support_filter_zstd(a);
        case Compression::none:
            break;
    }
    return archive_read_support_filter_none(a);
}

}  // namespace

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

Result<Bytes> unpack(const UnpackRequest& request) {
    const std::unique_ptr<archive, FreeArchive> reader(archive_read_new());
    Input input{request, std::nullopt, nullptr};
    const auto failure = [&]() -> Error {
        if (input.exception) {
            std::rethrow_exception(input.exception);
        }
        if (input.error) {
            return *input.error;
        }
        const char* words = archive_error_string(reader.get());
        return Error(Code::invalid_disk_image,
                     fmt::format("\"{}\" cannot be unpacked: its {} data is truncated or damaged ({}).", request.shown_as,
                                 to_string(request.compression), words != nullptr ? words : "no reason given"));
    };
    if (support(reader.get(), request.compression) != ARCHIVE_OK || archive_read_support_format_raw(reader.get()) != ARCHIVE_OK ||
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
        check_interrupt();
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
        total.count += size;
        if (total > request.limit) {
            return Error(Code::invalid_disk_image,
                         fmt::format("\"{}\" unpacks to more than {}, the largest that is taken.", request.shown_as, human(request.limit)));
        }
        AMIVIRT_TRY(request.write(std::string_view(static_cast<const char*>(bytes), size)));
    }
    if (total.count == 0) {
        return Error(Code::invalid_disk_image, fmt::format("\"{}\" unpacks to nothing.", request.shown_as));
    }
    return total;
}

}  // namespace amivirt
