# The two settings every target of ours links privately, and one function to make a layer's library.

set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
# Precompiled headers are known to ccache by their content.
find_program(AMIVIRT_CCACHE ccache)
if(AMIVIRT_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER env CCACHE_SLOPPINESS=pch_defines,time_macros "${AMIVIRT_CCACHE}")
endif()

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(tl-expected REQUIRED)

add_library(amivirt_settings INTERFACE)
target_compile_features(amivirt_settings INTERFACE cxx_std_20)
target_include_directories(amivirt_settings INTERFACE "${PROJECT_SOURCE_DIR}/include" "${PROJECT_SOURCE_DIR}/src")
target_link_libraries(amivirt_settings INTERFACE fmt::fmt tl::expected Threads::Threads)
if(AMIVIRT_FAULT_INJECTION)
  target_compile_definitions(amivirt_settings INTERFACE AMIVIRT_FAULT_INJECTION)
endif()
if(AMIVIRT_SANITIZE)
  # A check for null or a misaligned pointer at every access, and what the loader has to relocate for them, would make the program three times as
  # large and its start three times as slow, for what AddressSanitizer and the processor mostly tell too.
  target_compile_options(amivirt_settings INTERFACE -fsanitize=${AMIVIRT_SANITIZE} -fno-sanitize=null,alignment -fno-omit-frame-pointer
                                                    -fno-sanitize-recover=all
                                                    # clang 14 cannot split a coroutine whose type it marks for this check.
                                                    $<$<CXX_COMPILER_ID:Clang>:-fno-sanitize=function>)
  target_link_options(amivirt_settings INTERFACE -fsanitize=${AMIVIRT_SANITIZE} -no-pie)
endif()

add_library(amivirt_warnings INTERFACE)
target_compile_options(amivirt_settings INTERFACE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
target_compile_options(amivirt_warnings INTERFACE -Wall -Wextra -Wshadow -Wconversion -Wnon-virtual-dtor -Woverloaded-virtual -Wold-style-cast
                                                  -Wcast-qual -Wimplicit-fallthrough
                                                  # g++ 12 sees overlaps in std::string that are not there (GCC bug 105329).
                                                  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
if(AMIVIRT_WERROR)
  target_compile_options(amivirt_warnings INTERFACE -Werror)
endif()

# amivirt_library(NAME sources... ) -> static library `NAME` with our settings and warnings.
function(amivirt_library name)
  add_library(${name} STATIC ${ARGN})
  target_link_libraries(${name} PUBLIC amivirt_settings PRIVATE amivirt_warnings)
  set_target_properties(${name} PROPERTIES UNITY_BUILD ${AMIVIRT_UNITY} UNITY_BUILD_BATCH_SIZE 14)
endfunction()

# amivirt_apart(FILE...): never compiled together with others (AMIVIRT_UNITY), for names they have in common.
function(amivirt_apart)
  set_source_files_properties(${ARGN} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
endfunction()

# Tests are half of what is compiled: what they test has UBSan and line numbers, they themselves have neither (AddressSanitizer and ThreadSanitizer
# they share with it), which saves a quarter of their time. Linked after amivirt_settings, whose options these take back.
add_library(amivirt_test_settings INTERFACE)
if(AMIVIRT_SANITIZE)
  target_compile_options(amivirt_test_settings INTERFACE -fno-sanitize=undefined -g0)
endif()

# amivirt_test(NAME [APART] [LONG] [EACH] LABELS unit... SOURCES a.cpp... LIBRARIES ...) -> one GoogleTest program, which is one ctest: to start a program with
# sanitizers takes longer than most TESTs do. One TEST alone: `NAME --gtest_filter=...`. LONG: to be begun first.
# EACH: each TEST in a process of its own, and a ctest, where some change theirs for good (namespaces).
function(amivirt_test name)
  cmake_parse_arguments(arg "APART;LONG;EACH" "" "LABELS;SOURCES;LIBRARIES" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE amivirt_settings amivirt_test_settings amivirt_warnings ${arg_LIBRARIES} GTest::gmock GTest::gtest_main)
  target_precompile_headers(${name} REUSE_FROM amivirt_test_headers)
  if(NOT arg_APART)
    set_target_properties(${name} PROPERTIES UNITY_BUILD ${AMIVIRT_UNITY} UNITY_BUILD_BATCH_SIZE 6)
  endif()
  set(cost 0)
  if(arg_LONG)
    set(cost 10)
  endif()
  if(arg_EACH)
    gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST PROPERTIES LABELS "${arg_LABELS}" TIMEOUT 300 COST ${cost})
  else()
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES LABELS "${arg_LABELS}" TIMEOUT 600 COST ${cost})
  endif()
  if("concurrent" IN_LIST arg_LABELS)
    add_dependencies(concurrent_tests ${name})
  endif()
endfunction()
