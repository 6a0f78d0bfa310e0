pkg_check_modules(LIBVIRT REQUIRED IMPORTED_TARGET libvirt)
find_package(JPEG REQUIRED)
find_package(PNG REQUIRED)
amivirt_test(amivirt_unit_libvirt
  LABELS unit
  SOURCES
    ${CMAKE_CURRENT_LIST_DIR}/libvirt_chain.cpp
    ${CMAKE_CURRENT_LIST_DIR}/libvirt_disk_xml.cpp
    ${CMAKE_CURRENT_LIST_DIR}/libvirt_domain_xml.cpp
    ${CMAKE_CURRENT_LIST_DIR}/libvirt_errors.cpp
    ${CMAKE_CURRENT_LIST_DIR}/libvirt_kvm_access.cpp
    ${CMAKE_CURRENT_LIST_DIR}/libvirt_machine_log.cpp
    ${CMAKE_CURRENT_LIST_DIR}/libvirt_screens.cpp
  LIBRARIES amivirt_libvirt amivirt_domain amivirt_base PkgConfig::LIBVIRT JPEG::JPEG PNG::PNG)
target_compile_definitions(amivirt_unit_libvirt PRIVATE AMIVIRT_DOMAIN_TEMPLATE="${CMAKE_CURRENT_LIST_DIR}/../../templates/domain.xml")
