// May another user, such as the one QEMU runs as, pass through these folders?
#pragma once

#include <string>

namespace amivirt::libvirt {

/// The first folder on the way to `path` (which need not exist) that others may not pass; "" if the way is open. Told by the mode bits
/// alone.
[[nodiscard]] std::string closed_folder(const std::string& path);
/// `text` as one word of a shell command.
[[nodiscard]] std::string shell_word(const std::string& text);

}  // namespace amivirt::libvirt
