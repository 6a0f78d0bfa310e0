// The actions, each `parse -> call -> render`. all.cpp has the one table of their names.
#pragma once

#include "faces/ec2/call.hpp"

namespace amivirt::ec2 {

// images.cpp
Result<void> describe_images(Call& call);
Result<void> create_image(Call& call);
Result<void> copy_image(Call& call);
Result<void> deregister_image(Call& call);
Result<void> describe_image_attribute(Call& call);
Result<void> modify_image_attribute(Call& call);
Result<void> reset_image_attribute(Call& call);
Result<void> cancel_image_launch_permission(Call& call);

// image_governance.cpp
Result<void> enable_image(Call& call);
Result<void> disable_image(Call& call);
Result<void> enable_image_deprecation(Call& call);
Result<void> disable_image_deprecation(Call& call);
Result<void> enable_image_deregistration_protection(Call& call);
Result<void> disable_image_deregistration_protection(Call& call);
Result<void> get_image_ancestry(Call& call);
Result<void> enable_image_block_public_access(Call& call);
Result<void> disable_image_block_public_access(Call& call);
Result<void> get_image_block_public_access_state(Call& call);
Result<void> enable_allowed_images_settings(Call& call);
Result<void> disable_allowed_images_settings(Call& call);
Result<void> get_allowed_images_settings(Call& call);
Result<void> replace_image_criteria_in_allowed_images_settings(Call& call);
Result<void> list_images_in_recycle_bin(Call& call);
Result<void> restore_image_from_recycle_bin(Call& call);
Result<void> list_snapshots_in_recycle_bin(Call& call);
Result<void> restore_snapshot_from_recycle_bin(Call& call);

// image_registration.cpp
Result<void> register_image(Call& call);

// image_store.cpp
Result<void> create_store_image_task(Call& call);
Result<void> describe_store_image_tasks(Call& call);
Result<void> create_restore_image_task(Call& call);

// instances.cpp
Result<void> run_instances(Call& call);
Result<void> describe_instances(Call& call);
Result<void> describe_instance_status(Call& call);
Result<void> start_instances(Call& call);
Result<void> stop_instances(Call& call);
Result<void> reboot_instances(Call& call);
Result<void> terminate_instances(Call& call);
Result<void> get_console_output(Call& call);

// instance_attributes.cpp
Result<void> describe_instance_attribute(Call& call);
Result<void> modify_instance_attribute(Call& call);
Result<void> reset_instance_attribute(Call& call);

// instance_options.cpp
/// What RunInstances says of them.
[[nodiscard]] InstanceOptions read_launch_options(const Parameters& in);
Result<void> modify_instance_metadata_options(Call& call);
Result<void> modify_instance_maintenance_options(Call& call);
Result<void> monitor_instances(Call& call);
Result<void> unmonitor_instances(Call& call);
Result<void> describe_instance_credit_specifications(Call& call);
Result<void> modify_instance_credit_specification(Call& call);
Result<void> modify_instance_placement(Call& call);
Result<void> report_instance_status(Call& call);
Result<void> get_password_data(Call& call);
Result<void> get_instance_uefi_data(Call& call);
Result<void> get_console_screenshot(Call& call);

// launch_templates.cpp
Result<void> create_launch_template(Call& call);
Result<void> create_launch_template_version(Call& call);
Result<void> describe_launch_templates(Call& call);
Result<void> describe_launch_template_versions(Call& call);
Result<void> modify_launch_template(Call& call);
Result<void> delete_launch_template(Call& call);
Result<void> delete_launch_template_versions(Call& call);
Result<void> get_launch_template_data(Call& call);

// volumes.cpp
Result<void> create_volume(Call& call);
Result<void> describe_volumes(Call& call);
Result<void> describe_volume_status(Call& call);
Result<void> attach_volume(Call& call);
Result<void> detach_volume(Call& call);
Result<void> modify_volume(Call& call);
Result<void> delete_volume(Call& call);

// snapshots.cpp
Result<void> create_snapshot(Call& call);
Result<void> create_snapshots(Call& call);
Result<void> describe_snapshots(Call& call);
Result<void> delete_snapshot(Call& call);

// key_pairs.cpp
Result<void> create_key_pair(Call& call);
Result<void> import_key_pair(Call& call);
Result<void> describe_key_pairs(Call& call);
Result<void> delete_key_pair(Call& call);
// snapshot_sharing.cpp
Result<void> copy_snapshot(Call& call);
Result<void> describe_snapshot_attribute(Call& call);
Result<void> modify_snapshot_attribute(Call& call);
Result<void> reset_snapshot_attribute(Call& call);
Result<void> enable_ebs_encryption_by_default(Call& call);
Result<void> disable_ebs_encryption_by_default(Call& call);
Result<void> get_ebs_encryption_by_default(Call& call);
Result<void> enable_snapshot_block_public_access(Call& call);
Result<void> disable_snapshot_block_public_access(Call& call);
Result<void> get_snapshot_block_public_access_state(Call& call);

// volume_records.cpp
Result<void> describe_volumes_modifications(Call& call);
Result<void> describe_volume_attribute(Call& call);
Result<void> modify_volume_attribute(Call& call);
Result<void> enable_volume_io(Call& call);

// tags.cpp
Result<void> create_tags(Call& call);
Result<void> delete_tags(Call& call);
Result<void> describe_tags(Call& call);

// vpcs.cpp
Result<void> describe_vpcs(Call& call);
Result<void> describe_vpc_attribute(Call& call);
Result<void> modify_vpc_attribute(Call& call);
Result<void> create_vpc(Call& call);
Result<void> create_default_vpc(Call& call);
Result<void> delete_vpc(Call& call);
Result<void> describe_subnets(Call& call);
Result<void> create_subnet(Call& call);
Result<void> create_default_subnet(Call& call);
Result<void> delete_subnet(Call& call);
Result<void> modify_subnet_attribute(Call& call);

// security_groups.cpp
Result<void> describe_security_groups(Call& call);
Result<void> create_security_group(Call& call);
Result<void> delete_security_group(Call& call);
Result<void> authorize_security_group_ingress(Call& call);
Result<void> authorize_security_group_egress(Call& call);
Result<void> revoke_security_group_ingress(Call& call);
Result<void> revoke_security_group_egress(Call& call);
Result<void> update_security_group_rule_descriptions_ingress(Call& call);
Result<void> update_security_group_rule_descriptions_egress(Call& call);
Result<void> describe_security_group_rules(Call& call);
Result<void> modify_security_group_rules(Call& call);

// network_interfaces.cpp
Result<void> describe_network_interfaces(Call& call);
Result<void> create_network_interface(Call& call);
Result<void> delete_network_interface(Call& call);
Result<void> attach_network_interface(Call& call);
Result<void> detach_network_interface(Call& call);
Result<void> modify_network_interface_attribute(Call& call);
Result<void> describe_network_interface_attribute(Call& call);
Result<void> assign_private_ip_addresses(Call& call);
Result<void> unassign_private_ip_addresses(Call& call);
Result<void> allocate_address(Call& call);
Result<void> release_address(Call& call);
Result<void> associate_address(Call& call);
Result<void> disassociate_address(Call& call);
Result<void> describe_addresses(Call& call);
[[nodiscard]] Result<void> describe_addresses_attribute(Call& call);

// routing.cpp
Result<void> describe_route_tables(Call& call);
Result<void> create_route_table(Call& call);
Result<void> delete_route_table(Call& call);
Result<void> associate_route_table(Call& call);
Result<void> disassociate_route_table(Call& call);
Result<void> replace_route_table_association(Call& call);
Result<void> create_route(Call& call);
Result<void> replace_route(Call& call);
Result<void> delete_route(Call& call);
Result<void> describe_internet_gateways(Call& call);
Result<void> create_internet_gateway(Call& call);
Result<void> delete_internet_gateway(Call& call);
Result<void> attach_internet_gateway(Call& call);
Result<void> detach_internet_gateway(Call& call);
Result<void> describe_dhcp_options(Call& call);
Result<void> create_dhcp_options(Call& call);
Result<void> delete_dhcp_options(Call& call);
Result<void> associate_dhcp_options(Call& call);

// network_acls.cpp
Result<void> describe_network_acls(Call& call);
Result<void> create_network_acl(Call& call);
Result<void> delete_network_acl(Call& call);
Result<void> create_network_acl_entry(Call& call);
Result<void> replace_network_acl_entry(Call& call);
Result<void> delete_network_acl_entry(Call& call);
Result<void> replace_network_acl_association(Call& call);

// places.cpp
Result<void> describe_regions(Call& call);
Result<void> describe_availability_zones(Call& call);
Result<void> describe_account_attributes(Call& call);
Result<void> describe_instance_types(Call& call);
Result<void> describe_instance_type_offerings(Call& call);

// instance_requirements.cpp
Result<void> get_instance_types_from_instance_requirements(Call& call);

// identity.cpp, of STS and IAM
Result<void> get_caller_identity(Call& call);
Result<void> get_session_token(Call& call);
Result<void> get_instance_profile(Call& call);
Result<void> get_user(Call& call);
Result<void> list_account_aliases(Call& call);

}  // namespace amivirt::ec2
