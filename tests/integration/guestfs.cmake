set(guestfs_tests "${CMAKE_CURRENT_LIST_DIR}")
amivirt_test(integration_guestfs LABELS integration SOURCES ${guestfs_tests}/guestfs_inspector.cpp LIBRARIES amivirt_guestfs)
