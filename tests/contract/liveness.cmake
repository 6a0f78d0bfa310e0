amivirt_test(liveness_contract_test
  LABELS contract concurrent
  SOURCES liveness_contract_test.cpp liveness_flock_test.cpp
  LIBRARIES amivirt_process amivirt_fakes amivirt_base)
