find_package(LibArchive REQUIRED)
amivirt_test(amivirt_contract_carry EACH
  LABELS contract
  SOURCES carry_archives_test.cpp carry_files_test.cpp carry_layers_test.cpp disk_support.cpp
  LIBRARIES amivirt_carry amivirt_qemu_img amivirt_process amivirt_adapters_common amivirt_fakes amivirt_domain amivirt_base LibArchive::LibArchive)
