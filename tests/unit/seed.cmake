amivirt_test(amivirt_unit_seed
  LABELS unit
  SOURCES disk_seed.cpp
  LIBRARIES amivirt_seed amivirt_base)
