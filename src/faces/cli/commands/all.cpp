#include <algorithm>

#include "faces/cli/commands/commands.hpp"

namespace amivirt::cli {

const std::vector<CommandGroup>& command_groups() {
    static const std::vector<CommandGroup> groups{
        {"Images", {&image_import_command(),   &image_register_command(),   &image_create_command(),
                    &image_list_command(),     &image_show_command(),       &image_diff_command(),
                    &image_lint_command(),     &image_deregister_command(), &image_copy_command(),
                    &image_export_command(),   &image_store_command(),      &image_restore_command(),
                    &image_permit_command(),   &image_revoke_command(),     &image_permissions_command(),
                    &image_enable_command(),   &image_disable_command(),    &image_deprecate_command(),
                    &image_protect_command(),  &image_unprotect_command(),  &image_restore_from_bin_command(),
                    &image_ancestry_command(), &image_usage_command(),      &image_prune_command(),
                    &image_tag_command()}},
        {"Instances",
         {&run_command(), &ps_command(), &instance_show_command(), &start_command(), &stop_command(), &reboot_command(),
          &terminate_command(), &console_command(), &attach_command(), &instance_wait_command(), &instance_modify_command(),
          &instance_type_list_command(), &reap_command()}},
        {"Logins and keys",
         {&ssh_command(), &exec_command(), &cp_command(), &key_create_command(), &key_import_command(), &key_list_command(),
          &key_delete_command()}},
        {"Labs", {&up_command(), &status_command(), &down_command(), &schema_command()}},
        {"Disks",
         {&volume_list_command(), &volume_show_command(), &volume_create_command(), &volume_attach_command(), &volume_detach_command(),
          &volume_resize_command(), &volume_delete_command(), &snapshot_list_command(), &snapshot_show_command(),
          &snapshot_create_command(), &snapshot_copy_command(), &snapshot_delete_command(), &snapshot_restore_from_bin_command()}},
        {"The region's rules",
         {&region_show_command(), &region_set_command(), &bin_list_command(), &retention_rule_create_command(),
          &retention_rule_list_command(), &retention_rule_delete_command(), &signer_trust_command(), &signer_list_command(),
          &signer_distrust_command(), &signer_demand_command()}},
        {"Tags and accounts",
         {&tag_add_command(), &tag_remove_command(), &tag_list_command(), &account_create_command(), &account_list_command(),
          &serve_command(), &env_command()}},
        {"This host and its store",
         {&doctor_command(), &du_command(), &gc_command(), &fsck_command(), &reset_command(), &completion_command()}},
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

std::vector<std::string> all_paths() {
    std::vector<std::string> out;
    for (const Command* command : all_commands()) {
        out.insert(out.end(), command->paths.begin(), command->paths.end());
    }
    return out;
}

const Command* command_of(const std::string& path) {
    for (const Command* command : all_commands()) {
        if (std::find(command->paths.begin(), command->paths.end(), path) != command->paths.end()) {
            return command;
        }
    }
    return nullptr;
}

}  // namespace amivirt::cli
