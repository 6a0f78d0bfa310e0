pkg_check_modules(LIBVIRT REQUIRED IMPORTED_TARGET libvirt)
amivirt_test(domain_xml_golden_test
  LABELS golden
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/domain_xml_test.cpp
  LIBRARIES amivirt_libvirt amivirt_domain amivirt_base PkgConfig::LIBVIRT)
target_compile_definitions(domain_xml_golden_test PRIVATE
  AMIVIRT_GOLDEN_FOLDER="${CMAKE_CURRENT_LIST_DIR}/domain"
  AMIVIRT_DOMAIN_TEMPLATE="${CMAKE_CURRENT_LIST_DIR}/../../templates/domain.xml")
