#include "faces/cli/commands/commands.hpp"

namespace amivirt::cli {

const std::vector<CommandGroup>& command_groups() {
    static const std::vector<CommandGroup> groups{
        {"Images",
         {&image_import_command(), &image_register_command(), &image_list_command(), &image_show_command(), &image_deregister_command()}},
        {"Instances",
         {&run_command(), &ps_command(), &instance_show_command(), &start_command(), &stop_command(), &reboot_command(),
          &terminate_command(), &console_command(), &instance_modify_command(), &instance_type_list_command()}},
        {"Disks",
         {&volume_list_command(), &volume_show_command(), &volume_create_command(), &volume_attach_command(), &volume_detach_command(),
          &volume_resize_command(), &volume_delete_command(), &snapshot_list_command(), &snapshot_show_command(),
          &snapshot_create_command(), &snapshot_delete_command()}},
        {"This host and its store", {&doctor_command(), &du_command(), &gc_command(), &fsck_command()}},
    };
    return groups;
}

const std::vector<const Command*>& all_commands() {
    static const std::vector<const Command*> commands = [] {
        std::vector<const Command*> all;
        for (const CommandGroup& group : command_groups()) {
            all.insert(all.end(), group.commands.begin(), group.commands.end());
        }
        return all;
    }();
    return commands;
}

}  // namespace amivirt::cli
