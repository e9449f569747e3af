# Device code, compiled by the nvcc of NVIDIA's wheels (tools/setup.sh: need_cuda) for sm_80 and sm_90, with a static runtime.
# PARE_CUDA_DIR is the folder that holds bin, include and lib. CMake's own CUDA support asks for a whole toolkit.

file(GLOB _found ${CMAKE_SOURCE_DIR}/.deps/cuda/lib/python3*/site-packages/nvidia/cu13)
set(PARE_CUDA_DIR "${_found}" CACHE PATH "bin, include and lib of a CUDA compiler")
if(NOT EXISTS ${PARE_CUDA_DIR}/bin/nvcc)
  message(FATAL_ERROR "no nvcc at '${PARE_CUDA_DIR}/bin': run `. tools/setup.sh; need_cuda`, set PARE_CUDA_DIR, or leave PARE_CUDA off")
endif()

# pare_cuda_object(RESULT SOURCE DEPENDS ... INCLUDES ...): an object file of one .cu.
function(pare_cuda_object result source)
  cmake_parse_arguments(arg "" "" "DEPENDS;INCLUDES" ${ARGN})
  set(object ${CMAKE_CURRENT_BINARY_DIR}/${source}.o)
  list(TRANSFORM arg_INCLUDES PREPEND -I)
  add_custom_command(OUTPUT ${object}
    COMMAND ${PARE_CUDA_DIR}/bin/nvcc -c ${CMAKE_CURRENT_SOURCE_DIR}/${source} -o ${object} -std=c++20 -O3
      -ccbin ${CMAKE_CXX_COMPILER} --Werror all-warnings -Xcompiler=-fPIC,-Wall,-Wextra,-Werror
      -gencode arch=compute_80,code=sm_80 -gencode arch=compute_90,code=[sm_90,compute_90]
      -MD -MF ${object}.d -MT ${object} ${arg_INCLUDES}
    DEPENDS ${source} ${arg_DEPENDS} DEPFILE ${object}.d VERBATIM COMMAND_EXPAND_LISTS)
  set(${result} ${object} PARENT_SCOPE)
endfunction()

# The runtime, linked in whole.
add_library(pare_cuda_runtime INTERFACE)
target_link_libraries(pare_cuda_runtime INTERFACE ${PARE_CUDA_DIR}/lib/libcudart_static.a ${CMAKE_DL_LIBS} rt pthread)

# What torch's headers for CUDA devices include: of NVIDIA's wheels, beside a whole torch.
if(PARE_TORCH)
  get_filename_component(_packages ${PARE_TORCH_DIR} DIRECTORY)
  if(NOT EXISTS ${_packages}/nvidia/nccl/include/nccl.h OR NOT EXISTS ${_packages}/nvidia/cu13/include/cusparse.h)
    message(FATAL_ERROR "the torch at '${PARE_TORCH_DIR}' has no NVIDIA libraries beside it: run `. tools/setup.sh; need_peers`, "
      "set PARE_TORCH_DIR to that of a whole installation (pip install torch), or leave PARE_CUDA or PARE_TORCH off")
  endif()
  add_library(pare_nvidia_headers INTERFACE)
  target_compile_options(pare_nvidia_headers INTERFACE
    "SHELL:-idirafter ${_packages}/nvidia/cu13/include" "SHELL:-idirafter ${_packages}/nvidia/nccl/include")
endif()

# Every program and library that needs a device.
add_custom_target(device_programs)
