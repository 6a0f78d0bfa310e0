amivirt_test(hypervisor_contract_test APART
  LABELS contract
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/hypervisor_contract_test.cpp ${CMAKE_CURRENT_LIST_DIR}/guest_networks_contract_test.cpp
  LIBRARIES amivirt_libvirt amivirt_fakes amivirt_domain amivirt_base)
target_compile_definitions(hypervisor_contract_test PRIVATE AMIVIRT_DOMAIN_TEMPLATE="${CMAKE_CURRENT_LIST_DIR}/../../templates/domain.xml")
