find_package(nlohmann_json REQUIRED)
find_package(yaml-cpp REQUIRED)

amivirt_test(amivirt_unit_cli
  LABELS unit
  SOURCES cli_capture.cpp cli_carry.cpp cli_commands.cpp cli_disks.cpp cli_governance.cpp cli_output.cpp cli_parser.cpp cli_progress.cpp cli_records.cpp cli_search.cpp cli_streams.cpp
          cli_surroundings.cpp cli_text.cpp cli_values.cpp cli_user_data.cpp cli_login.cpp
          cli_one_shot.cpp
          cli_waiting.cpp
          cli_labs.cpp
          cli_completion.cpp cli_manual.cpp cli_walk.cpp
  LIBRARIES amivirt_cli amivirt_services amivirt_fakes nlohmann_json::nlohmann_json yaml-cpp)
