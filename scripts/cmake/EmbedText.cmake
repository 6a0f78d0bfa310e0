# A text file as a constant in the binary.
#
#   amivirt_embed_text(TARGET FILE NAME)  -> in TARGET: `namespace amivirt::embedded { extern const std::string_view NAME; }`
#
# The constant is made when the target is built, so a changed file is seen. As a script (-P), this file does that step.

if(CMAKE_SCRIPT_MODE_FILE)
  file(READ "${TEXT}" content)
  string(FIND "${content}" ")amivirt\"" end)
  if(NOT end EQUAL -1)
    message(FATAL_ERROR "${TEXT}: the text must not contain ')amivirt\"'")
  endif()
  get_filename_component(file_name "${TEXT}" NAME)
  file(WRITE "${OUTPUT}" "// Made from ${file_name} by EmbedText.cmake.
#include <string_view>

namespace amivirt::embedded {
extern const std::string_view ${NAME};
const std::string_view ${NAME} = R\"amivirt(${content})amivirt\";
}  // namespace amivirt::embedded
")
  return()
endif()

set(AMIVIRT_EMBED_TEXT_SCRIPT "${CMAKE_CURRENT_LIST_FILE}")

function(amivirt_embed_text target file name)
  get_filename_component(text "${file}" ABSOLUTE)
  set(output "${CMAKE_CURRENT_BINARY_DIR}/embedded_${name}.cpp")
  add_custom_command(
    OUTPUT "${output}"
    COMMAND "${CMAKE_COMMAND}" "-DTEXT=${text}" "-DOUTPUT=${output}" "-DNAME=${name}" -P "${AMIVIRT_EMBED_TEXT_SCRIPT}"
    DEPENDS "${text}" "${AMIVIRT_EMBED_TEXT_SCRIPT}"
    COMMENT "Embedding ${file}"
    VERBATIM)
  target_sources(${target} PRIVATE "${output}")
endfunction()
