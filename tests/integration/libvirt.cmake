pkg_check_modules(LIBVIRT REQUIRED IMPORTED_TARGET libvirt)
amivirt_test(integration_libvirt APART
  LABELS integration
  SOURCES
    ${CMAKE_CURRENT_LIST_DIR}/libvirt_guests.cpp
    ${CMAKE_CURRENT_LIST_DIR}/libvirt_live_disks.cpp
    ${CMAKE_CURRENT_LIST_DIR}/libvirt_reconnect.cpp
    ${CMAKE_CURRENT_LIST_DIR}/libvirt_secrets.cpp
  LIBRARIES PkgConfig::LIBVIRT amivirt_libvirt amivirt_adapters_common amivirt_seed amivirt_host amivirt_domain amivirt_base)
target_compile_definitions(integration_libvirt PRIVATE AMIVIRT_DOMAIN_TEMPLATE="${CMAKE_CURRENT_LIST_DIR}/../../templates/domain.xml")
