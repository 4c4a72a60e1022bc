# Helpers shared by every folder's CMakeLists.txt.

# npusim_library(NAME DEPS target... [EMBED file...])
# One static library a folder: every .cpp beside the caller, with the project's warnings.
# EMBED compiles text files (YAML) into the library, readable through npusim::embedded_files().
function(npusim_library name)
  cmake_parse_arguments(ARG "" "" "DEPS;SOURCES" ${ARGN})
  if(NOT ARG_SOURCES)
    file(GLOB ARG_SOURCES CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  endif()
  add_library(${name} STATIC ${ARG_SOURCES})
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR}/generated)
  target_link_libraries(${name} PUBLIC ${ARG_DEPS})
  npusim_warnings(${name})
endfunction()

function(npusim_warnings name)
  target_compile_options(${name} PRIVATE -Wall -Wextra -Wpedantic -Werror)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    # Overlaps inside std::string's replace that do not exist (GCC bug 105651).
    target_compile_options(${name} PRIVATE -Wno-restrict)
  endif()
  if(NPUSIM_SANITIZE)
    target_compile_options(${name} PUBLIC -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(${name} PUBLIC -fsanitize=address,undefined)
  endif()
endfunction()

# npusim_embed(TARGET VARIABLE file): generates a .cpp that defines
# `extern const std::string_view npusim::embedded::VARIABLE` with the file's text.
function(npusim_embed target variable file)
  get_filename_component(source ${file} ABSOLUTE)
  set(out ${CMAKE_BINARY_DIR}/generated/embedded/${variable}.cpp)
  add_custom_command(
    OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} -DSOURCE=${source} -DVARIABLE=${variable} -DOUTPUT=${out} -P
            ${CMAKE_SOURCE_DIR}/cmake/embed.cmake
    DEPENDS ${source} ${CMAKE_SOURCE_DIR}/cmake/embed.cmake
    VERBATIM)
  target_sources(${target} PRIVATE ${out})
endfunction()
