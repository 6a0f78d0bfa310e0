amivirt_test(guest_disks_contract_test LONG
  LABELS contract
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/guest_disks_contract_test.cpp
  LIBRARIES amivirt_guestfs amivirt_fakes amivirt_domain amivirt_base)
