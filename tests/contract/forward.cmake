amivirt_test(forward_contract_test
  LABELS contract
  SOURCES port_forwarder_test.cpp
  LIBRARIES amivirt_forward amivirt_fakes amivirt_base)
