amivirt_test(amivirt_unit_fetch
  LABELS unit
  SOURCES disk_fetch.cpp
  LIBRARIES amivirt_fetch amivirt_base)
