amivirt_test(amivirt_unit_services LABELS unit
  SOURCES services_images.cpp services_volumes.cpp services_snapshots.cpp services_checker.cpp services_governance.cpp services_recycle_bin.cpp
          services_carrying.cpp services_promises.cpp services_capture.cpp services_search.cpp services_logins.cpp
          services_leases.cpp services_one_shot.cpp services_reset.cpp
          services_image_catalogs.cpp services_networks.cpp services_labs.cpp services_answers.cpp services_addresses.cpp services_launch_templates.cpp
  LIBRARIES amivirt_services amivirt_fakes)

# Apart, for ThreadSanitizer: of the services the launch alone runs threads.
amivirt_test(amivirt_unit_launch LABELS unit concurrent SOURCES services_instances.cpp LIBRARIES amivirt_services amivirt_fakes)
