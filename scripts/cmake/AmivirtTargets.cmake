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
  target_compile_options(amivirt_settings INTERFACE -fsanitize=${AMIVIRT_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(amivirt_settings INTERFACE -fsanitize=${AMIVIRT_SANITIZE})
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
endfunction()

# amivirt_test(NAME LABELS unit... SOURCES a.cpp... LIBRARIES ...) -> one GoogleTest program, each TEST a ctest.
function(amivirt_test name)
  cmake_parse_arguments(arg "" "" "LABELS;SOURCES;LIBRARIES" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE amivirt_settings amivirt_warnings ${arg_LIBRARIES} GTest::gmock GTest::gtest_main)
  target_precompile_headers(${name} REUSE_FROM amivirt_test_headers)
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST PROPERTIES LABELS "${arg_LABELS}" TIMEOUT 300)
endfunction()
