find_package(OpenSSL REQUIRED COMPONENTS Crypto)
amivirt_test(tls_contract_test LABELS contract SOURCES tls_certificate_test.cpp LIBRARIES amivirt_tls amivirt_base OpenSSL::Crypto)
