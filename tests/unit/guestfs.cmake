set(guestfs_tests "${CMAKE_CURRENT_LIST_DIR}")
amivirt_test(unit_guestfs LABELS unit
             SOURCES ${guestfs_tests}/guestfs_boot_facts.cpp ${guestfs_tests}/guestfs_os_release.cpp ${guestfs_tests}/guestfs_plain_system.cpp
                     ${guestfs_tests}/guestfs_appliance.cpp ${guestfs_tests}/guestfs_workspace.cpp
             LIBRARIES amivirt_guestfs amivirt_adapters_common)
