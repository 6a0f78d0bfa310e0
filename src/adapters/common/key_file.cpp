#include "adapters/common/key_file.hpp"

#include <fmt/format.h>

namespace amivirt {
namespace {

constexpr const char* k_hint = "Put back the key file from a backup: encrypted volumes and snapshots cannot be read without.";

}  // namespace

Error key_missing(const std::string& key_file) {
    return Error(Code::store_corrupt, fmt::format("The key file \"{}\" is not there.", key_file), k_hint);
}

Error key_unusable(const std::string& key_file, std::string_view why) {
    return Error(Code::store_corrupt, fmt::format("The key file \"{}\" {}.", key_file, why), k_hint);
}

Error key_refused(const std::string& key_file, const std::string& disk) {
    return Error(Code::store_corrupt,
                 fmt::format("The key in \"{}\" does not open the encrypted disk \"{}\": it was made with another one.", key_file, disk),
                 k_hint);
}

bool says_key_refused(std::string_view words) noexcept {
    return words.find("Invalid password, cannot unlock any keyslot") != std::string_view::npos;
}

}  // namespace amivirt
