# cmake --install: command, libraries, headers and find_package(pare); cpack: a Debian package of the same.
include(CMakePackageConfigHelpers)

install(TARGETS pare RUNTIME DESTINATION bin)
install(TARGETS pare_core EXPORT pare LIBRARY DESTINATION lib)
if(PARE_TORCH)
  install(TARGETS pare_torch LIBRARY DESTINATION lib)
  if(PARE_CUDA)
    install(TARGETS pare_torch_cuda LIBRARY DESTINATION lib)
  endif()
endif()

# Headers of the rooms in libpare.so; those that only the importer uses stay inside.
foreach(room IN LISTS PARE_CORE_ROOMS)
  install(DIRECTORY src/pare/${room} DESTINATION include/pare FILES_MATCHING PATTERN "*.h" PATTERN "onnx_?*.h" EXCLUDE
    PATTERN "*_rules.h" EXCLUDE PATTERN "fuzz" EXCLUDE)
endforeach()
target_include_directories(pare_core INTERFACE $<INSTALL_INTERFACE:include>)
target_compile_features(pare_core INTERFACE cxx_std_20)
set_target_properties(pare_core PROPERTIES EXPORT_NAME pare)
install(EXPORT pare NAMESPACE pare:: FILE pareTargets.cmake DESTINATION lib/cmake/pare)
file(WRITE ${CMAKE_BINARY_DIR}/pareConfig.cmake "include(CMakeFindDependencyMacro)
find_dependency(fmt)
find_dependency(nlohmann_json)
include(\${CMAKE_CURRENT_LIST_DIR}/pareTargets.cmake)
")
write_basic_package_version_file(${CMAKE_BINARY_DIR}/pareConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/pareConfig.cmake ${CMAKE_BINARY_DIR}/pareConfigVersion.cmake
  DESTINATION lib/cmake/pare)

# The command describes itself.
set(described ${CMAKE_BINARY_DIR}/described)
add_custom_command(OUTPUT ${described}/pare.1 ${described}/pare.bash
  COMMAND ${CMAKE_COMMAND} -E make_directory ${described}
  COMMAND pare --man-page > ${described}/pare.1
  COMMAND pare --bash-completion > ${described}/pare.bash
  DEPENDS pare VERBATIM)
add_custom_target(described ALL DEPENDS ${described}/pare.1 ${described}/pare.bash)
install(FILES ${described}/pare.1 DESTINATION share/man/man1)
install(FILES ${described}/pare.bash DESTINATION share/bash-completion/completions RENAME pare)
install(FILES LICENSE DESTINATION share/doc/pare RENAME copyright)
install(DIRECTORY clusters memories DESTINATION share/pare)

# What installs torch beside an installed pare, with the versions that this one was built for.
file(STRINGS tools/setup.sh pins REGEX "^(torch|cuda_wheels)_version=")
foreach(pin IN LISTS pins)
  string(REGEX MATCH "^([a-z_]+)=(.*)$" _ ${pin})
  set(${CMAKE_MATCH_1} ${CMAKE_MATCH_2})
endforeach()
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS tools/setup.sh)
configure_file(tools/install-torch.in ${CMAKE_BINARY_DIR}/install-torch @ONLY)
install(PROGRAMS ${CMAKE_BINARY_DIR}/install-torch DESTINATION share/pare)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_CONTACT "pare maintainers <maintainers@users.noreply.github.com>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "finds and removes the waste in a neural network")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
# dpkg-shlibdeps cannot name a package that holds torch, so the list is written out
set(CPACK_DEBIAN_PACKAGE_DEPENDS "coinor-libcbc3, libc6, libstdc++6, libgomp1, libfmt9, libhwy1, libjpeg62-turbo, libmetis5, libpng16-16, \
libprotobuf32, libutf8proc2, zlib1g, python3-venv")
set(CPACK_STRIP_FILES ON)
include(CPack)
