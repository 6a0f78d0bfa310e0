find_package(pugixml REQUIRED)
amivirt_test(amivirt_unit_ec2 LABELS unit
  SOURCES ec2_parameters.cpp ec2_signature.cpp ec2_xml.cpp ec2_api.cpp ec2_server.cpp ec2_http.cpp ec2_network.cpp ec2_interfaces.cpp ec2_keys.cpp
          ec2_addresses.cpp ec2_images.cpp ec2_instances.cpp ec2_launch_templates.cpp ec2_listings.cpp
  LIBRARIES amivirt_ec2 amivirt_services amivirt_fakes pugixml::pugixml)

# What they were answered, against EC2's model.
set(ec2_answers "${CMAKE_CURRENT_BINARY_DIR}/ec2.answers")
set_tests_properties(amivirt_unit_ec2 PROPERTIES ENVIRONMENT "AMIVIRT_EC2_ANSWERS=${ec2_answers}" FIXTURES_SETUP ec2_answers)
find_package(Python3 REQUIRED COMPONENTS Interpreter)
add_test(NAME ec2.answers COMMAND Python3::Interpreter -B "${CMAKE_CURRENT_LIST_DIR}/ec2_answers_test.py" "${ec2_answers}")
set_tests_properties(ec2.answers PROPERTIES LABELS unit TIMEOUT 120 SKIP_RETURN_CODE 125 FIXTURES_REQUIRED ec2_answers)
