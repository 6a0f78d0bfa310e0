find_package(LibArchive REQUIRED)
amivirt_test(amivirt_contract_disk APART LONG EACH
  LABELS contract
  SOURCES disk_care_test.cpp disk_http_server.cpp disk_instance_files_test.cpp disk_layers_test.cpp disk_process_test.cpp disk_seed_test.cpp disk_stager_test.cpp disk_stager_url_test.cpp
          disk_store_bad_input_test.cpp disk_store_test.cpp disk_support.cpp
  LIBRARIES amivirt_qemu_img amivirt_fetch amivirt_seed amivirt_process amivirt_fakes amivirt_base LibArchive::LibArchive)

# By itself: it has an fsync and a rename of its own.
amivirt_test(amivirt_contract_power_loss
  LABELS contract
  SOURCES disk_power_loss_test.cpp disk_support.cpp
  LIBRARIES amivirt_qemu_img amivirt_adapters_common amivirt_process amivirt_fakes amivirt_base LibArchive::LibArchive)
