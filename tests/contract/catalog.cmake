find_package(SQLiteCpp REQUIRED)

amivirt_test(catalog_contract_test
  LABELS contract
  SOURCES catalog_contract_test.cpp catalog_records.cpp catalog_sqlite_test.cpp catalog_stores.cpp
  LIBRARIES amivirt_sqlite amivirt_fakes amivirt_domain amivirt_base SQLiteCpp)
