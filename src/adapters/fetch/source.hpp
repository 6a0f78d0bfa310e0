// What the user named: a local file or a URL. Pure.
#pragma once

#include <string>
#include <string_view>

#include "amivirt/base/result.hpp"

namespace amivirt {

struct SourceName {
    std::string path;  ///< a local file; "" for a URL
    std::string url;   ///< http or https; "" for a local file
};

/// A path, file://, http:// or https://. fetch_failed for another scheme or a file:// URL of another host.
[[nodiscard]] Result<SourceName> parse_source(std::string_view source);
/// The URL without its user and password: what messages and logs may show.
[[nodiscard]] std::string without_credentials(std::string_view url);

}  // namespace amivirt
