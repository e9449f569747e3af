# The ONNX schema: onnx-ml.proto out of the pinned onnx wheel, compiled by the system's protoc.

find_package(Protobuf REQUIRED)
set(PARE_ONNX_PROTO "${CMAKE_SOURCE_DIR}/.deps/onnx/onnx-ml.proto" CACHE FILEPATH "onnx-ml.proto of the onnx wheel")
if(NOT EXISTS ${PARE_ONNX_PROTO})
  message(FATAL_ERROR "no ONNX schema at '${PARE_ONNX_PROTO}': run ./quickstart, or set PARE_ONNX_PROTO")
endif()

set(_out ${CMAKE_BINARY_DIR}/onnx)
file(MAKE_DIRECTORY ${_out})
add_custom_command(
  OUTPUT ${_out}/onnx-ml.pb.cc ${_out}/onnx-ml.pb.h
  COMMAND ${CMAKE_COMMAND} -E copy_if_different ${PARE_ONNX_PROTO} ${_out}/onnx-ml.proto
  COMMAND protobuf::protoc --cpp_out=${_out} -I ${_out} ${_out}/onnx-ml.proto
  DEPENDS ${PARE_ONNX_PROTO} VERBATIM)
add_library(pare_onnx_schema STATIC ${_out}/onnx-ml.pb.cc)
set_target_properties(pare_onnx_schema PROPERTIES POSITION_INDEPENDENT_CODE ON)
target_include_directories(pare_onnx_schema SYSTEM PUBLIC ${_out})
target_link_libraries(pare_onnx_schema PUBLIC protobuf::libprotobuf)
add_dependencies(schemas pare_onnx_schema)
