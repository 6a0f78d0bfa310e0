// Where things are: the store, the user's configuration, the templates.
#pragma once

#include <string>
#include <vector>

namespace amivirt::app {

/// --home, else $AMIVIRT_HOME (already in `given`), else $XDG_DATA_HOME/amivirt, else ~/.local/share/amivirt; for root /var/lib/amivirt.
/// Absolute.
[[nodiscard]] std::string home_folder(const std::string& given);
/// $XDG_CONFIG_HOME/amivirt, else ~/.config/amivirt.
[[nodiscard]] std::string config_folder();
/// share/amivirt beside the running program's bin folder, wherever that was installed or built.
[[nodiscard]] std::string share_folder();
/// The first of the user's templates folder, the configuration folder and the shipped templates that has `name`; the last if none has.
[[nodiscard]] std::string template_file(const std::string& user_templates, const std::string& name);

}  // namespace amivirt::app
