# What every target of ours has in common.
include(GoogleTest)

set(SLUICE_TEST_TIMEOUT 600 CACHE STRING "Seconds that a test may take")

function(sluice_warnings target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Werror -Wno-missing-field-initializers)
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    # GCC 12 sees overlaps in std::string's own operator+ that are not there (GCC bug 105651).
    target_compile_options(${target} PRIVATE -Wno-restrict)
  endif()
  if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
    target_compile_options(${target} PRIVATE -Wthread-safety)
  endif()
endfunction()

# sluice_library(name SOURCES a.cc ... LINKS public... PRIVATE_LINKS private...)
function(sluice_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINKS;PRIVATE_LINKS" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PUBLIC ${arg_LINKS} PRIVATE ${arg_PRIVATE_LINKS})
  if(SLUICE_THREADED_ONLY)
    # Only what a test links is built.
    set_target_properties(${name} PROPERTIES EXCLUDE_FROM_ALL ON)
  endif()
  sluice_warnings(${name})
endfunction()

# sluice_test(name [THREADED] [WHOLE] [FIXTURE name] SOURCES x_test.cc ... LINKS targets...): THREADED
# where threads meet, which is what SLUICE_THREADED_ONLY leaves. WHOLE: all its cases run in one
# process, where what they share is dear to make. FIXTURE: CTest's, that each case needs. A fuzzer's
# build has no tests.
function(sluice_test name)
  cmake_parse_arguments(arg "THREADED;WHOLE" "FIXTURE" "SOURCES;LINKS" ${ARGN})
  if(SLUICE_FUZZ OR (SLUICE_THREADED_ONLY AND NOT arg_THREADED))
    return()
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_LINKS} GTest::gmock GTest::gtest_main)
  # What a test itself does is cheap; to compile it is not.
  target_compile_options(${name} PRIVATE -O0)
  if(SLUICE_THREADED_ONLY)
    target_link_libraries(${name} PRIVATE sluice_tsan_mutex)
  endif()
  sluice_warnings(${name})
  if(arg_WHOLE)
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES TIMEOUT ${SLUICE_TEST_TIMEOUT})
    return()
  endif()
  set(properties TIMEOUT ${SLUICE_TEST_TIMEOUT})
  if(arg_FIXTURE)
    list(APPEND properties FIXTURES_REQUIRED ${arg_FIXTURE})
  endif()
  gtest_discover_tests(${name} NO_PRETTY_VALUES DISCOVERY_TIMEOUT 60 PROPERTIES ${properties})
endfunction()

# sluice_asks_others(target): it has logs verified by what the fixture `tlog_verify` builds.
function(sluice_asks_others target)
  if(TARGET ${target} AND SLUICE_GRPC)
    target_compile_definitions(${target} PRIVATE TLOG_VERIFY="${PROJECT_BINARY_DIR}/tests/tlog/verify")
  endif()
endfunction()

# sluice_fuzzer(name SOURCES x_fuzz.cc ... LINKS targets...): with SLUICE_FUZZ a libFuzzer target.
function(sluice_fuzzer name)
  if(NOT SLUICE_FUZZ)
    return()
  endif()
  cmake_parse_arguments(arg "" "" "SOURCES;LINKS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_LINKS})
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  sluice_warnings(${name})
endfunction()

# The tests among these sources read files of the tree. Only they are told where it is: what knows
# an absolute path is compiled anew in every checkout.
function(sluice_reads_the_tree)
  set_source_files_properties(${ARGN} PROPERTIES COMPILE_DEFINITIONS
                              SLUICE_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
endfunction()
