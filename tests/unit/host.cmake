amivirt_test(amivirt_unit_host LABELS unit SOURCES host_accelerator.cpp host_machine.cpp host_memory.cpp LIBRARIES amivirt_host amivirt_domain amivirt_base)
