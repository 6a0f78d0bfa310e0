find_package(nlohmann_json REQUIRED)
set(manifest_tests "${CMAKE_CURRENT_LIST_DIR}")
amivirt_test(unit_manifest LABELS unit
             SOURCES ${manifest_tests}/manifest_image.cpp ${manifest_tests}/manifest_instance_types.cpp ${manifest_tests}/manifest_config.cpp
                     ${manifest_tests}/manifest_logging.cpp ${manifest_tests}/manifest_lab.cpp
             LIBRARIES amivirt_manifest amivirt_logging nlohmann_json::nlohmann_json)
target_compile_definitions(unit_manifest PRIVATE AMIVIRT_TEMPLATES="${manifest_tests}/../../templates" AMIVIRT_IMAGES="${manifest_tests}/../../images")
