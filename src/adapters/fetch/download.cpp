#include "adapters/fetch/download.hpp"

#include <curl/curl.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <exception>
#include <map>
#include <memory>
#include <thread>

#include "adapters/common/digest.hpp"
#include "adapters/fetch/source.hpp"
#include "amivirt/base/fault.hpp"
#include "amivirt/base/interrupt.hpp"

namespace amivirt {
namespace {

using files::FileDescriptor;

constexpr unsigned k_tries = 4;  ///< in a row, without a new byte
constexpr std::chrono::milliseconds k_first_pause{200};
constexpr std::chrono::milliseconds k_slice{50};
constexpr long k_connect_seconds = 20;
constexpr long k_stall_seconds = 30;
constexpr long k_redirects = 10;
constexpr std::size_t k_error_body = std::size_t{256} << 10U;  ///< of an error page, read only to keep the connection

struct FreeCurl {
    void operator()(CURL* handle) const noexcept { curl_easy_cleanup(handle); }
};
struct FreeList {
    void operator()(curl_slist* list) const noexcept { curl_slist_free_all(list); }
};

/// Once, and before the first handle: curl's own lazy way is not thread-safe.
void start_curl() {
    static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
    static_cast<void>(started);
}

std::string lower(std::string_view text) {
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return result;
}

std::string_view trimmed(std::string_view text) noexcept {
    const auto begin = text.find_first_not_of(" \t\r\n");
    return begin == std::string_view::npos ? std::string_view() : text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

std::optional<std::uint64_t> number(std::string_view text) noexcept {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

/// The head of the last answer; those of redirects before it are forgotten.
struct Answer {
    unsigned status = 0;
    std::string reason;
    std::map<std::string, std::string> headers;  ///< names in lower case

    void line(std::string_view text) {
        text = trimmed(text);
        if (text.starts_with("HTTP/")) {
            *this = {};
            const auto code = text.find(' ');
            if (code != std::string_view::npos) {
                status = static_cast<unsigned>(number(text.substr(code + 1, 3)).value_or(0));
                reason = text.size() > code + 5 ? std::string(text.substr(code + 5)) : "";
            }
            return;
        }
        const auto colon = text.find(':');
        if (colon != std::string_view::npos) {
            headers[lower(text.substr(0, colon))] = trimmed(text.substr(colon + 1));
        }
    }

    [[nodiscard]] std::string header(const std::string& name) const {
        const auto found = headers.find(name);
        return found == headers.end() ? std::string() : found->second;
    }

    /// What If-Range may carry: a strong ETag, or the date.
    [[nodiscard]] std::string validator() const {
        const std::string etag = header("etag");
        return !etag.empty() && !etag.starts_with("W/") ? etag : header("last-modified");
    }

    struct Range {
        std::uint64_t first = 0;
        std::optional<std::uint64_t> total;
    };
    /// "bytes 100-199/200".
    [[nodiscard]] std::optional<Range> range() const {
        const std::string text = header("content-range");
        const auto dash = text.find('-');
        const auto slash = text.find('/');
        if (!text.starts_with("bytes ") || dash == std::string::npos || slash == std::string::npos || slash < dash) {
            return std::nullopt;
        }
        const auto first = number(std::string_view(text).substr(6, dash - 6));
        if (!first) {
            return std::nullopt;
        }
        return Range{*first, number(std::string_view(text).substr(slash + 1))};
    }
};

class Transfer {
public:
    Transfer(const DownloadRequest& request, Progress& progress, Log& log)
        : request_(request),
          progress_(progress),
          log_(log),
          shown_(without_credentials(request.url)),
          private_guard_(request.private_file) {}

    Result<Downloaded> run();

private:
    /// What one request came to.
    enum class Outcome { whole, again, failed };

    [[nodiscard]] std::string partial_path() const { return request_.downloads_folder + "/" + partial_name(request_.url); }
    [[nodiscard]] Result<void> reopen();
    [[nodiscard]] Outcome attempt();
    [[nodiscard]] Outcome judge(CURLcode code, const char* words);
    [[nodiscard]] Result<void> begin_body();
    [[nodiscard]] Result<void> choose_file();
    [[nodiscard]] Result<void> announce() const;
    [[nodiscard]] Result<void> start_over();
    [[nodiscard]] Result<void> take(std::string_view bytes);
    void pause(unsigned tries_without_progress) const;

    static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* self);
    static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* self);
    static int on_tick(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t);

    const DownloadRequest& request_;
    Progress& progress_;
    Log& log_;
    const std::string shown_;
    files::RemoveLater private_guard_;

    std::string path_;  ///< "" until the first byte is to be kept
    FileDescriptor fd_;
    std::uint64_t kept_ = 0;
    Sha256 hash_;  ///< of the bytes kept but the last, which a resumed answer repeats
    char last_byte_ = '\0';
    std::string validator_;
    std::optional<std::uint64_t> total_;

    Answer answer_;
    bool body_begun_ = false;
    bool repeats_last_byte_ = false;
    std::size_t error_body_ = 0;
    bool no_resume_ = false;  ///< the server's ranges cannot be used
    Error error_;
    std::optional<Error> stop_;  ///< an error of ours inside a callback
    std::exception_ptr exception_;
};

/// Takes up an earlier process's partial file.
Result<void> Transfer::reopen() {
    if (!request_.resume || request_.resume->validator.empty() || request_.resume->file != partial_name(request_.url)) {
        return {};
    }
    FileDescriptor fd = open_locked(partial_path(), O_RDWR);
    struct stat status {};
    if (!fd || ::fstat(fd.get(), &status) != 0 || status.st_size == 0 ||
        Bytes{static_cast<std::uint64_t>(status.st_size)} > request_.limit) {
        return {};
    }
    path_ = partial_path();
    fd_ = std::move(fd);
    validator_ = request_.resume->validator;
    constexpr std::size_t k_piece = std::size_t{1} << 20U;
    const auto size = static_cast<std::uint64_t>(status.st_size);
    while (kept_ < size) {
        check_interrupt();
        const std::string piece = AMIVIRT_TRY(files::read_at(fd_.get(), kept_, std::min<std::size_t>(k_piece, size - kept_), path_));
        if (piece.empty()) {
            break;
        }
        AMIVIRT_TRY(take(piece));
    }
    return {};
}

/// Bytes that are in the file, or are being read back from it.
Result<void> Transfer::take(std::string_view bytes) {
    if (bytes.empty()) {
        return {};
    }
    if (kept_ > 0) {
        hash_.update({&last_byte_, 1});
    }
    hash_.update(bytes.substr(0, bytes.size() - 1));
    last_byte_ = bytes.back();
    kept_ += bytes.size();
    return {};
}

Result<void> Transfer::start_over() {
    hash_ = Sha256();
    kept_ = 0;
    if (fd_ && ::ftruncate(fd_.get(), 0) != 0) {
        return files::errno_error(errno, "write", path_);
    }
    return {};
}

Result<void> Transfer::announce() const {
    if (!request_.on_download) {
        return {};
    }
    return request_.on_download(
        Download{request_.url, partial_name(request_.url), validator_, std::chrono::floor<Duration>(std::chrono::system_clock::now())});
}

/// A partial file that outlives us needs a validator to be of any use, and must not be another process's.
Result<void> Transfer::choose_file() {
    if (!validator_.empty()) {
        const bool there = ::access(partial_path().c_str(), F_OK) == 0;
        FileDescriptor fd = there ? open_locked(partial_path(), O_RDWR) : FileDescriptor();
        if (!there || fd) {
            AMIVIRT_TRY(announce());
            fault_point("stager.download_announced");
            if (!fd) {
                fd = open_locked(partial_path(), O_RDWR | O_CREAT);
            }
        }
        if (fd) {
            fd_ = std::move(fd);
            path_ = partial_path();
            return start_over();
        }
        log_.write(LogLevel::info, "fetch",
                   fmt::format("\"{}\" is being downloaded by another process too; going on by ourselves", shown_));
    }
    fd_ = AMIVIRT_TRY(files::open(request_.private_file, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW));
    path_ = request_.private_file;
    return start_over();
}

Result<void> Transfer::begin_body() {
    body_begun_ = true;
    if (answer_.status == 206) {
        const auto range = answer_.range();
        if (kept_ == 0 || !range || range->first != kept_ - 1) {
            no_resume_ = true;
            return Error(Code::fetch_failed,
                         fmt::format("Cannot download \"{}\": the server sent another part than it was asked for.", shown_));
        }
        // If-Range should have seen to this; not every server knows it.
        if (const std::string validator = answer_.validator(); !validator.empty() && validator != validator_) {
            no_resume_ = true;
            return Error(Code::fetch_failed, fmt::format("Cannot download \"{}\": it changed on the server.", shown_));
        }
        repeats_last_byte_ = true;
        total_ = range->total;
    } else {
        total_ = number(answer_.header("content-length"));
        const std::string validator = answer_.validator();
        if (path_.empty()) {
            validator_ = validator;
            AMIVIRT_TRY(choose_file());
        } else {
            AMIVIRT_TRY(start_over());
            if (validator != validator_) {
                validator_ = validator;
                if (path_ == partial_path()) {
                    AMIVIRT_TRY(announce());
                }
            }
        }
    }
    if (total_ && Bytes{*total_} > request_.limit) {
        return Error(Code::invalid_disk_image,
                     fmt::format("\"{}\" is {} long; the largest that is taken is {}.", shown_, human({*total_}), human(request_.limit)));
    }
    progress_.phase("downloading", total_ ? std::optional(Bytes{*total_}) : std::nullopt);
    progress_.advance(Bytes{kept_});
    return {};
}

std::size_t Transfer::on_header(char* data, std::size_t size, std::size_t count, void* self) {
    try {
        static_cast<Transfer*>(self)->answer_.line({data, size * count});
    } catch (...) {
        static_cast<Transfer*>(self)->exception_ = std::current_exception();
        return 0;
    }
    return size * count;
}

std::size_t Transfer::on_body(char* data, std::size_t size, std::size_t count, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    std::string_view bytes(data, size * count);
    const auto received = bytes.size();
    const auto keep = [&]() -> Result<void> {
        if (!transfer.body_begun_) {
            AMIVIRT_TRY(transfer.begin_body());
        }
        if (transfer.repeats_last_byte_ && !bytes.empty()) {
            transfer.repeats_last_byte_ = false;
            if (bytes.front() != transfer.last_byte_) {
                transfer.no_resume_ = true;
                return Error(Code::fetch_failed, fmt::format("Cannot download \"{}\": it changed on the server.", transfer.shown_));
            }
            bytes.remove_prefix(1);
        }
        if (Bytes{transfer.kept_ + bytes.size()} > transfer.request_.limit) {
            return Error(Code::invalid_disk_image, fmt::format("\"{}\" is longer than {}, the largest that is taken.", transfer.shown_,
                                                               human(transfer.request_.limit)));
        }
        AMIVIRT_TRY(files::write_at(transfer.fd_.get(), bytes, transfer.kept_, transfer.path_));
        AMIVIRT_TRY(transfer.take(bytes));
        transfer.progress_.advance(Bytes{transfer.kept_});
        return {};
    };
    try {
        if (transfer.answer_.status != 200 && transfer.answer_.status != 206) {
            transfer.error_body_ += received;
            return transfer.error_body_ > k_error_body ? 0 : received;
        }
        if (auto result = keep(); !result) {
            transfer.stop_ = std::move(result.error());
            return 0;
        }
    } catch (...) {
        transfer.exception_ = std::current_exception();
        return 0;
    }
    return received;
}

int Transfer::on_tick(void* /*self*/, curl_off_t /*total*/, curl_off_t /*now*/, curl_off_t /*up_total*/, curl_off_t /*up_now*/) {
    return pending_interrupt() != 0 ? 1 : 0;
}

Transfer::Outcome Transfer::attempt() {
    answer_ = {};
    body_begun_ = false;
    repeats_last_byte_ = false;
    error_body_ = 0;
    stop_.reset();
    const std::unique_ptr<CURL, FreeCurl> curl(curl_easy_init());
    if (!curl) {
        error_ = Error(Code::fetch_failed, fmt::format("Cannot download \"{}\": libcurl does not start.", shown_));
        return Outcome::failed;
    }
    std::unique_ptr<curl_slist, FreeList> headers;
    const auto add_header = [&headers](const std::string& line) {
        if (curl_slist* longer = curl_slist_append(headers.get(), line.c_str())) {
            static_cast<void>(headers.release());
            headers.reset(longer);
        }
    };
    if (kept_ > 0 && !validator_.empty() && !no_resume_) {
        // By hand: libcurl's own resume gives up when the server answers with the whole file. The last byte is asked for again, so
        // that there is always one to ask for, and one to compare.
        add_header(fmt::format("Range: bytes={}-", kept_ - 1));
        add_header("If-Range: " + validator_);
    }
    std::array<char, CURL_ERROR_SIZE> words{};
    CURL* const handle = curl.get();
    curl_easy_setopt(handle, CURLOPT_URL, request_.url.c_str());
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(handle, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(handle, CURLOPT_MAXREDIRS, k_redirects);
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT, k_connect_seconds);
    curl_easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(handle, CURLOPT_LOW_SPEED_TIME, k_stall_seconds);
    curl_easy_setopt(handle, CURLOPT_BUFFERSIZE, 256L * 1024L);
    curl_easy_setopt(handle, CURLOPT_USERAGENT, "amivirt");
    curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, words.data());
    curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, &Transfer::on_header);
    curl_easy_setopt(handle, CURLOPT_HEADERDATA, this);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, &Transfer::on_body);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, this);
    curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, &Transfer::on_tick);
    curl_easy_setopt(handle, CURLOPT_XFERINFODATA, this);
    curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
    const CURLcode code = curl_easy_perform(handle);
    return judge(code, words.front() != '\0' ? words.data() : curl_easy_strerror(code));
}

Transfer::Outcome Transfer::judge(CURLcode code, const char* words) {
    if (exception_) {
        std::rethrow_exception(exception_);
    }
    check_interrupt();
    if (stop_) {
        error_ = std::move(*stop_);
        if (no_resume_ && error_.code == Code::fetch_failed) {
            return Outcome::again;
        }
        return Outcome::failed;
    }
    const unsigned status = answer_.status;
    if (status != 0 && status != 200 && status != 206) {
        if (status == 416 && kept_ > 0 && !no_resume_) {
            no_resume_ = true;
            error_ = Error(Code::fetch_failed, fmt::format("Cannot download \"{}\": it became shorter on the server.", shown_));
            return Outcome::again;
        }
        if (status >= 400 || code == CURLE_OK) {
            error_ = Error(Code::fetch_failed, fmt::format("Cannot download \"{}\": the server answered {}{}.", shown_, status,
                                                           answer_.reason.empty() ? "" : " " + files::printable(answer_.reason, 80)));
            return status >= 500 || status == 429 || status == 408 ? Outcome::again : Outcome::failed;
        }
    }
    if (code != CURLE_OK) {
        error_ = Error(Code::fetch_failed, fmt::format("Cannot download \"{}\": {}.", shown_, words));
        switch (code) {
            case CURLE_COULDNT_CONNECT:
            case CURLE_OPERATION_TIMEDOUT:
            case CURLE_PARTIAL_FILE:
            case CURLE_GOT_NOTHING:
            case CURLE_SEND_ERROR:
            case CURLE_RECV_ERROR:
            case CURLE_HTTP2:
            case CURLE_HTTP2_STREAM:
            case CURLE_SSL_CONNECT_ERROR:
                return Outcome::again;
            default:
                return Outcome::failed;
        }
    }
    if (!body_begun_) {
        // A body without a byte never calls on_body.
        if (auto begun = begin_body(); !begun) {
            error_ = std::move(begun.error());
            return Outcome::failed;
        }
    }
    if (total_ && kept_ != *total_) {
        error_ = Error(Code::fetch_failed, fmt::format("Cannot download \"{}\": it ended after {} of {} bytes.", shown_, kept_, *total_));
        return Outcome::again;
    }
    return Outcome::whole;
}

void Transfer::pause(unsigned tries_without_progress) const {
    const auto until = std::chrono::steady_clock::now() + k_first_pause * (1U << (tries_without_progress - 1));
    while (std::chrono::steady_clock::now() < until) {
        check_interrupt();
        std::this_thread::sleep_for(k_slice);
    }
}

Result<Downloaded> Transfer::run() {
    AMIVIRT_TRY(reopen());
    fault_point("stager.download_begin");
    const auto drop_partial = [this] {
        if (!path_.empty()) {
            ::unlink(path_.c_str());
        }
    };
    for (unsigned tries = 0;;) {
        const std::uint64_t before = kept_;
        const Outcome outcome = attempt();
        if (outcome == Outcome::whole) {
            break;
        }
        tries = kept_ > before ? 1 : tries + 1;
        if (outcome == Outcome::failed || tries >= k_tries) {
            if (error_.code != Code::fetch_failed) {
                drop_partial();
            }
            return error_;
        }
        log_.write(LogLevel::info, "fetch", fmt::format("{} Trying again (byte {}).", error_.message, kept_));
        pause(tries);
    }
    if (kept_ > 0) {
        hash_.update({&last_byte_, 1});
    }
    if (path_ == request_.private_file) {
        private_guard_.keep();
    }
    return Downloaded{path_, std::move(fd_), Bytes{kept_}, hash_.finish()};
}

}  // namespace

Result<Downloaded> download(const DownloadRequest& request, Progress& progress, Log& log) {
    start_curl();
    return Transfer(request, progress, log).run();
}

}  // namespace amivirt
