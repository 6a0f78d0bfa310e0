amivirt_test(account_book_contract_test
  LABELS contract
  SOURCES account_book_test.cpp
  LIBRARIES amivirt_manifest amivirt_fakes amivirt_domain amivirt_base)
