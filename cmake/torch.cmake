# Torch out of its Python wheel, linked straight to: find_package(Torch) asks for a CUDA toolkit that nothing here needs.
# PARE_TORCH_DIR is the `torch` folder of a site-packages; ./quickstart puts one below .deps, without what only CUDA
# devices need; the tests' peers have a whole one.

set(_environment torch)
if(PARE_CUDA)
  set(_environment peers)
endif()
file(GLOB _found ${CMAKE_SOURCE_DIR}/.deps/${_environment}/lib/python3*/site-packages/torch)
set(PARE_TORCH_DIR "${_found}" CACHE PATH "the torch folder of the wheel")
if(NOT EXISTS ${PARE_TORCH_DIR}/lib/libtorch_cpu.so)
  message(FATAL_ERROR "no torch at '${PARE_TORCH_DIR}': run ./quickstart, set PARE_TORCH_DIR, or configure with -DPARE_TORCH=OFF")
endif()

# -idirafter: the wheel also ships fmt and protobuf headers, which must not shadow the system's.
add_library(pare_torch_headers INTERFACE)
target_compile_options(pare_torch_headers INTERFACE
  "SHELL:-idirafter ${PARE_TORCH_DIR}/include" "SHELL:-idirafter ${PARE_TORCH_DIR}/include/torch/csrc/api/include")
target_link_libraries(pare_torch_headers INTERFACE ${PARE_TORCH_DIR}/lib/libtorch_cpu.so ${PARE_TORCH_DIR}/lib/libc10.so)

# The wheel has c10d's Gloo but not Gloo's own headers.
find_path(PARE_GLOO_INCLUDE gloo/rendezvous/store.h)
if(NOT PARE_GLOO_INCLUDE)
  message(FATAL_ERROR "no headers of Gloo: install libgloo-dev, or configure with -DPARE_TORCH=OFF")
endif()
