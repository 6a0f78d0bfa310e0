#include "faces/cli/commands/commands.hpp"

namespace amivirt::cli {

const std::vector<const Command*>& all_commands() {
    static const std::vector<const Command*> commands{
        &doctor_command(),     &image_import_command(), &image_register_command(),
        &image_list_command(), &image_show_command(),   &image_deregister_command(),
        &run_command(),        &ps_command(),           &instance_show_command(),
        &start_command(),      &stop_command(),         &reboot_command(),
        &terminate_command(),  &console_command(),      &instance_type_list_command(),
    };
    return commands;
}

}  // namespace amivirt::cli
