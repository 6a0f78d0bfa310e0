find_package(SQLiteCpp REQUIRED)

amivirt_test(catalog_contract_test
  LABELS contract concurrent
  SOURCES catalog_contract_test.cpp catalog_records.cpp catalog_search_test.cpp catalog_sqlite_test.cpp catalog_stores.cpp known_words_test.cpp
  LIBRARIES amivirt_sqlite amivirt_fakes amivirt_domain amivirt_base SQLiteCpp)

add_executable(catalog_step catalog_step.cpp catalog_records.cpp)
target_link_libraries(catalog_step PRIVATE amivirt_settings amivirt_warnings amivirt_sqlite amivirt_fakes amivirt_domain amivirt_base)
add_dependencies(catalog_contract_test catalog_step)
target_compile_definitions(catalog_contract_test PRIVATE "AMIVIRT_CATALOG_STEP=\"$<TARGET_FILE:catalog_step>\"")

add_executable(search_bench search_bench.cpp)
target_link_libraries(search_bench PRIVATE amivirt_settings amivirt_warnings amivirt_sqlite amivirt_fakes amivirt_domain amivirt_base)
