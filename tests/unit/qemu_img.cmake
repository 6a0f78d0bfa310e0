amivirt_test(amivirt_unit_qemu_img
  LABELS unit
  SOURCES disk_format.cpp disk_overlay.cpp
  LIBRARIES amivirt_qemu_img amivirt_base)
