// What cloud-init tells on the serial console. Pure; the text is the guest's, so what is ill-formed is passed over.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace amivirt {

struct CloudInitReport {
    bool finished = false;
    std::vector<std::string> faults;  ///< its own lines that say what failed: user data that could not be read, scripts, modules
    std::vector<std::string> tail;    ///< the last lines it printed, for people
};
/// Of the console since the machine was switched on; what comes after its end is not looked at.
[[nodiscard]] CloudInitReport cloud_init_on_console(std::string_view console);

/// One of the things that user data bring.
struct UserDataPart {
    std::string type;  ///< "text/cloud-config", in small letters; "" where its first line tells
    std::string text;
};
/// Those of a MIME message, decoded, however deep they are; of all else, that one. Nothing is unpacked.
[[nodiscard]] std::vector<UserDataPart> user_data_parts(std::string_view user_data);

/// What would keep cloud-init from doing anything with these user data, as a sentence; "" if nothing is seen. Formats (source: cloud-init,
/// "User data formats"): gzip; MIME; "#!", "#cloud-config", "#include", "#cloud-boothook", "#part-handler", "## template:", ...
[[nodiscard]] std::string doubt_about(std::string_view user_data);
/// Is it YAML that cloud-init reads as its configuration?
[[nodiscard]] bool is_cloud_config(const UserDataPart& part);

}  // namespace amivirt
