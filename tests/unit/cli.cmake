find_package(nlohmann_json REQUIRED)
find_package(yaml-cpp REQUIRED)

amivirt_test(amivirt_unit_cli
  LABELS unit
  SOURCES cli_commands.cpp cli_disks.cpp cli_output.cpp cli_parser.cpp cli_progress.cpp cli_records.cpp
          cli_surroundings.cpp cli_text.cpp cli_values.cpp
  LIBRARIES amivirt_cli amivirt_services amivirt_fakes nlohmann_json::nlohmann_json yaml-cpp)
