amivirt_test(ssh_contract_test
  LABELS contract
  SOURCES ssh_keys_test.cpp ssh_quoting_test.cpp
  LIBRARIES amivirt_ssh amivirt_process amivirt_fakes amivirt_base)
