// http and https, with resume.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "adapters/common/files.hpp"
#include "adapters/common/partial.hpp"
#include "amivirt/base/log.hpp"
#include "amivirt/base/progress.hpp"
#include "amivirt/ports/catalog.hpp"

namespace amivirt {

struct DownloadRequest {
    std::string url;
    std::string downloads_folder;
    std::string private_file;  ///< where the bytes go if they cannot be resumed later, or another process downloads the same URL
    std::optional<Download> resume;
    std::function<Result<void>(const Download&)> on_download;
    Bytes limit;
};

struct Downloaded {
    std::string path;          ///< the whole file: the caller's to move or remove
    files::FileDescriptor fd;  ///< open on it; holds its lock
    Bytes size;
    std::string sha256;
};

/// fetch_failed leaves a partial file that can be resumed, as does Interrupted; any other error leaves none.
[[nodiscard]] Result<Downloaded> download(const DownloadRequest& request, Progress& progress, Log& log);

}  // namespace amivirt
