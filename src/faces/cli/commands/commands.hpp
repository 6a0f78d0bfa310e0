// The commands, a file each; their long helps are the <verb>.md beside them.
#pragma once

#include <string_view>

#include "faces/cli/command.hpp"

namespace amivirt::embedded {
extern const std::string_view help_doctor;
extern const std::string_view help_image_import;
extern const std::string_view help_image_register;
extern const std::string_view help_image_list;
extern const std::string_view help_image_show;
extern const std::string_view help_image_deregister;
extern const std::string_view help_run;
extern const std::string_view help_ps;
extern const std::string_view help_instance_show;
extern const std::string_view help_start;
extern const std::string_view help_stop;
extern const std::string_view help_reboot;
extern const std::string_view help_terminate;
extern const std::string_view help_console;
extern const std::string_view help_instance_type_list;
extern const std::string_view help_volume_list;
extern const std::string_view help_volume_show;
extern const std::string_view help_volume_create;
extern const std::string_view help_volume_attach;
extern const std::string_view help_volume_detach;
extern const std::string_view help_volume_resize;
extern const std::string_view help_volume_delete;
extern const std::string_view help_snapshot_list;
extern const std::string_view help_snapshot_show;
extern const std::string_view help_snapshot_create;
extern const std::string_view help_snapshot_delete;
extern const std::string_view help_instance_modify;
extern const std::string_view help_du;
extern const std::string_view help_gc;
extern const std::string_view help_fsck;
}  // namespace amivirt::embedded

namespace amivirt::cli {

const Command& doctor_command();
const Command& image_import_command();
const Command& image_register_command();
const Command& image_list_command();
const Command& image_show_command();
const Command& image_deregister_command();
const Command& run_command();
const Command& ps_command();
const Command& instance_show_command();
const Command& start_command();
const Command& stop_command();
const Command& reboot_command();
const Command& terminate_command();
const Command& console_command();
const Command& instance_type_list_command();
const Command& volume_list_command();
const Command& volume_show_command();
const Command& volume_create_command();
const Command& volume_attach_command();
const Command& volume_detach_command();
const Command& volume_resize_command();
const Command& volume_delete_command();
const Command& snapshot_list_command();
const Command& snapshot_show_command();
const Command& snapshot_create_command();
const Command& snapshot_delete_command();
const Command& instance_modify_command();
const Command& du_command();
const Command& gc_command();
const Command& fsck_command();

}  // namespace amivirt::cli
