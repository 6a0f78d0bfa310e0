// What is left of a broken transfer until it is gone on with: named by where it came from, locked while somebody is at work on it.
#pragma once

#include <string>
#include <string_view>

#include "adapters/common/files.hpp"

namespace amivirt {

inline constexpr std::string_view k_partial_suffix = ".part";
/// The partial file of `url`, as Download::file has it.
[[nodiscard]] std::string partial_name(const std::string& url);
/// No descriptor: it cannot be opened, another process has it, or it was moved away.
[[nodiscard]] files::FileDescriptor open_locked(const std::string& path, int flags);

}  // namespace amivirt
