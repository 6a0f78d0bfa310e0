amivirt_test(amivirt_unit_host
  LABELS unit
  SOURCES
    ${CMAKE_CURRENT_LIST_DIR}/host_accelerator.cpp
    ${CMAKE_CURRENT_LIST_DIR}/host_machine.cpp
    ${CMAKE_CURRENT_LIST_DIR}/host_memory.cpp
  LIBRARIES amivirt_host amivirt_domain amivirt_base)
