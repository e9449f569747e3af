# One target a room, with its declared dependencies.
#
# pare_room(NAME [TORCH] [SOURCES ...] [ROOMS ...] [LIBRARIES ...])
#   Makes the object library pare_NAME (alias pare::NAME). ROOMS are other rooms whose headers this one may include; a
#   room must be declared before it is named, so a cycle fails the configuration. Every room has an include directory
#   of its own, so a header of an undeclared room is not found. LIBRARIES are outside libraries.
#   A room's objects end up in libpare.so, or, with TORCH, in libpare_torch.so.
#
# pare_room_test(ROOM [SOURCES ...] [ROOMS ...] [LIBRARIES ...]), pare_room_bench(...) build ROOM_test, ROOM_bench.

set(PARE_ROOMS "" CACHE INTERNAL "rooms declared so far")
set(PARE_CORE_ROOMS "" CACHE INTERNAL "rooms of libpare.so")
set(PARE_TORCH_ROOMS "" CACHE INTERNAL "rooms of libpare_torch.so")

function(pare_room name)
  cmake_parse_arguments(arg "TORCH" "FOLDER" "SOURCES;ROOMS;LIBRARIES" ${ARGN})
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "pare_room(${name}): unknown arguments ${arg_UNPARSED_ARGUMENTS}")
  endif()
  if(NOT arg_FOLDER)
    set(arg_FOLDER ${name})
  endif()
  foreach(room IN LISTS arg_ROOMS)
    if(NOT room IN_LIST PARE_ROOMS)
      message(FATAL_ERROR "room ${name} depends on ${room}, which is not declared before it (a cycle, or an order to mend)")
    endif()
    if(NOT arg_TORCH AND room IN_LIST PARE_TORCH_ROOMS)
      message(FATAL_ERROR "room ${name} has no torch but depends on ${room}, which has")
    endif()
  endforeach()

  # build/<preset>/include/<room>/pare/<room> -> the room's folder
  set(include ${CMAKE_BINARY_DIR}/include/${name})
  file(MAKE_DIRECTORY ${include}/pare)
  file(CREATE_LINK ${CMAKE_SOURCE_DIR}/src/pare/${arg_FOLDER} ${include}/pare/${arg_FOLDER} SYMBOLIC)

  add_library(pare_${name} OBJECT ${arg_SOURCES})
  add_library(pare::${name} ALIAS pare_${name})
  set_target_properties(pare_${name} PROPERTIES POSITION_INDEPENDENT_CODE ON LINKER_LANGUAGE CXX)
  target_include_directories(pare_${name} PUBLIC $<BUILD_INTERFACE:${include}>)
  target_link_libraries(pare_${name} PUBLIC pare_flags ${arg_LIBRARIES})
  foreach(room IN LISTS arg_ROOMS)
    # headers only: objects are linked once, into the shared library
    target_include_directories(pare_${name} PUBLIC $<TARGET_PROPERTY:pare_${room},INTERFACE_INCLUDE_DIRECTORIES>)
  endforeach()
  if(arg_TORCH)
    target_link_libraries(pare_${name} PUBLIC pare_torch_headers)
    set(PARE_TORCH_ROOMS ${PARE_TORCH_ROOMS} ${name} CACHE INTERNAL "")
  else()
    set(PARE_CORE_ROOMS ${PARE_CORE_ROOMS} ${name} CACHE INTERNAL "")
  endif()
  set(PARE_ROOMS ${PARE_ROOMS} ${name} CACHE INTERNAL "")
endfunction()

# The library that holds a room's objects.
function(pare_library_of room result)
  if(room IN_LIST PARE_TORCH_ROOMS)
    set(${result} pare_torch PARENT_SCOPE)
  else()
    set(${result} pare_core PARENT_SCOPE)
  endif()
endfunction()

function(_pare_room_program kind room)
  cmake_parse_arguments(arg "" "" "SOURCES;ROOMS;LIBRARIES" ${ARGN})
  add_executable(${room}_${kind} ${arg_SOURCES})
  set_target_properties(${room}_${kind} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
  pare_library_of(${room} library)
  target_link_libraries(${room}_${kind} PRIVATE pare_flags ${library} ${arg_LIBRARIES})
  foreach(r IN ITEMS ${room} ${arg_ROOMS})
    if(NOT r IN_LIST PARE_ROOMS)
      message(FATAL_ERROR "${room}_${kind} names room ${r}, which does not exist")
    endif()
    target_include_directories(${room}_${kind} PRIVATE $<TARGET_PROPERTY:pare_${r},INTERFACE_INCLUDE_DIRECTORIES>)
    pare_library_of(${r} library)
    target_link_libraries(${room}_${kind} PRIVATE ${library})
  endforeach()
  if(room IN_LIST PARE_TORCH_ROOMS)
    target_link_libraries(${room}_${kind} PRIVATE pare_torch_headers)
  endif()
endfunction()

# Tests whose work is one thread's: ctest -j runs them side by side, every other one alone.
set(PARE_ONE_THREAD "^(draw|imaging|io|model|rtl|solve|study|text|trace)(_|$)|_fuzz_")
function(pare_share_processors test)
  if(NOT test MATCHES "${PARE_ONE_THREAD}")
    set_tests_properties(${test} PROPERTIES PROCESSORS 64)  # more than ctest is given: all
  endif()
endfunction()

function(pare_room_test room)
  _pare_room_program(test ${room} ${ARGN} LIBRARIES GTest::gtest_main GTest::gmock)
  target_compile_definitions(${room}_test PRIVATE PARE_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  add_test(NAME ${room} COMMAND ${room}_test)
  pare_share_processors(${room})
endfunction()

# pare_room_fuzz(ROOM FORMATS ... [ROOMS ...] [MOST BYTES]): <room>_fuzz_<format>, libFuzzer over one function of fuzz.cc,
# which is compiled with PARE_FUZZ_FORMAT naming it. ctest runs each for PARE_FUZZ_SECONDS from the seeds in
# corpus/<format>; tests in every build run them over the seeds.
if(PARE_FUZZ)
  add_custom_target(fuzzers)
endif()
function(pare_room_fuzz room)
  cmake_parse_arguments(arg "" "MOST" "FORMATS;ROOMS" ${ARGN})
  set(PARE_FUZZ_SECONDS 10 CACHE STRING "seconds that ctest runs each fuzz target")
  foreach(format IN LISTS arg_FORMATS)
    set(target ${room}_fuzz_${format})
    add_executable(${target} fuzz.cc)
    target_compile_definitions(${target} PRIVATE PARE_FUZZ_FORMAT=${format})
    target_link_libraries(${target} PRIVATE pare_flags pare_core)
    foreach(r IN ITEMS ${room} base ${arg_ROOMS})
      target_include_directories(${target} PRIVATE $<TARGET_PROPERTY:pare_${r},INTERFACE_INCLUDE_DIRECTORIES>)
    endforeach()
    set(seeds ${CMAKE_CURRENT_SOURCE_DIR}/corpus/${format})
    if(PARE_FUZZ)
      target_link_options(${target} PRIVATE -fsanitize=fuzzer)
      # the first folder takes what is found
      set(found ${CMAKE_CURRENT_BINARY_DIR}/${format})
      file(MAKE_DIRECTORY ${found})
      add_dependencies(fuzzers ${target})
      add_test(NAME ${target} COMMAND ${target} -max_total_time=${PARE_FUZZ_SECONDS} -max_len=${arg_MOST} -timeout=10
        -rss_limit_mb=2048 -artifact_prefix=${found}- ${found} ${seeds})
    else()
      target_sources(${target} PRIVATE ${CMAKE_SOURCE_DIR}/tests/run_seeds.cc)
      add_test(NAME ${target} COMMAND ${target} ${seeds})
    endif()
  endforeach()
endfunction()

function(pare_room_bench room)
  _pare_room_program(bench ${room} ${ARGN} LIBRARIES benchmark::benchmark)
endfunction()

# pare_python_test(NAME SCRIPT ARGUMENT...): a test in Python of the environment `peers` (onnx, onnxruntime, torch). Skipped
# with a line where that is not installed.
function(pare_python_test name script)
  set(PARE_PEERS_PYTHON "${CMAKE_SOURCE_DIR}/.deps/peers/bin/python" CACHE FILEPATH "Python of the environment peers")
  if(EXISTS ${PARE_PEERS_PYTHON})
    add_test(NAME ${name} COMMAND ${PARE_PEERS_PYTHON} ${CMAKE_CURRENT_SOURCE_DIR}/${script} ${ARGN})
    set_tests_properties(${name} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 900)
    if(PARE_SANITIZE)
      set_tests_properties(${name} PROPERTIES ENVIRONMENT PARE_SANITIZE=${PARE_SANITIZE} TIMEOUT 2700)
    endif()
    pare_share_processors(${name})
  else()
    message(STATUS "test ${name} is left out: no ${PARE_PEERS_PYTHON} (./test installs it)")
  endif()
endfunction()
