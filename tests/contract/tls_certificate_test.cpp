// The certificate that a server makes for itself, as OpenSSL's own verifier sees it.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <fstream>
#include <memory>
#include <sstream>

#include "adapters/tls/certificate.hpp"
#include "temporary_folder.hpp"

namespace amivirt::contract {
namespace {

using namespace std::chrono_literals;

const TimePoint k_now = std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());

std::string contents_of(const std::string& file) {
    std::ostringstream text;
    text << std::ifstream(file).rdbuf();
    return text.str();
}

std::shared_ptr<X509> certificate_in(const std::string& file) {
    const std::unique_ptr<BIO, int (*)(BIO*)> bio(BIO_new_file(file.c_str(), "r"), BIO_free);
    return {PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr), X509_free};
}

mode_t mode_of(const std::string& file) {
    struct stat facts {};
    EXPECT_EQ(::stat(file.c_str(), &facts), 0) << file;
    return facts.st_mode & 0777U;
}

TEST(OwnCertificate, IsTrustedForItsNames) {
    const TemporaryFolder folder;
    const auto made = own_certificate(folder.path() + "/tls", "192.0.2.7", k_now);
    ASSERT_TRUE(made) << describe(made.error());
    EXPECT_EQ(mode_of(made->key), 0600U);
    EXPECT_EQ(mode_of(made->certificate), 0644U);
    EXPECT_EQ(contents_of(made->certificate).find("PRIVATE"), std::string::npos);
    const auto certificate = certificate_in(made->certificate);
    ASSERT_TRUE(certificate);
    for (const char* address : {"127.0.0.1", "::1", "192.0.2.7"}) {
        EXPECT_EQ(X509_check_ip_asc(certificate.get(), address, 0), 1) << address;
    }
    EXPECT_EQ(X509_check_host(certificate.get(), "localhost", 0, 0, nullptr), 1);
    EXPECT_NE(X509_check_ip_asc(certificate.get(), "192.0.2.8", 0), 1);
    const std::unique_ptr<X509_STORE, void (*)(X509_STORE*)> store(X509_STORE_new(), X509_STORE_free);
    ASSERT_EQ(X509_STORE_load_file(store.get(), made->certificate.c_str()), 1);
    const std::unique_ptr<X509_STORE_CTX, void (*)(X509_STORE_CTX*)> verifying(X509_STORE_CTX_new(), X509_STORE_CTX_free);
    ASSERT_EQ(X509_STORE_CTX_init(verifying.get(), store.get(), certificate.get(), nullptr), 1);
    X509_STORE_CTX_set_purpose(verifying.get(), X509_PURPOSE_SSL_SERVER);
    X509_STORE_CTX_set_flags(verifying.get(), X509_V_FLAG_X509_STRICT);
    EXPECT_EQ(X509_verify_cert(verifying.get()), 1) << X509_verify_cert_error_string(X509_STORE_CTX_get_error(verifying.get()));
}

TEST(OwnCertificate, StaysUntilItsLastMonth) {
    const TemporaryFolder folder;
    const std::string tls = folder.path() + "/tls";
    const auto made = own_certificate(tls, "127.0.0.1", k_now);
    ASSERT_TRUE(made);
    const std::string first = contents_of(made->certificate);
    ASSERT_TRUE(own_certificate(tls, "::1", k_now + 24h * 300));
    EXPECT_EQ(contents_of(made->certificate), first);
    ASSERT_TRUE(own_certificate(tls, "127.0.0.1", k_now + 24h * 370));
    EXPECT_NE(contents_of(made->certificate), first);
}

TEST(OwnCertificate, ForAnotherAddressItIsMadeAnewForBoth) {
    const TemporaryFolder folder;
    const std::string tls = folder.path() + "/tls";
    ASSERT_TRUE(own_certificate(tls, "192.0.2.7", k_now));
    const auto made = own_certificate(tls, "2001:db8::5", k_now);
    ASSERT_TRUE(made);
    const auto certificate = certificate_in(made->certificate);
    EXPECT_EQ(X509_check_ip_asc(certificate.get(), "192.0.2.7", 0), 1);
    EXPECT_EQ(X509_check_ip_asc(certificate.get(), "2001:db8::5", 0), 1);
    const std::string both = contents_of(made->certificate);
    ASSERT_TRUE(own_certificate(tls, "192.0.2.7", k_now));
    EXPECT_EQ(contents_of(made->certificate), both);
}

TEST(OwnCertificate, WhatIsDamagedIsMadeAnew) {
    const TemporaryFolder folder;
    const auto made = own_certificate(folder.path() + "/tls", "127.0.0.1", k_now);
    ASSERT_TRUE(made);
    const std::string first = contents_of(made->certificate);
    std::ofstream(made->certificate) << "nonsense";  // the key's file has it, too
    ASSERT_TRUE(own_certificate(folder.path() + "/tls", "127.0.0.1", k_now));
    EXPECT_EQ(contents_of(made->certificate), first);
    std::ofstream(made->key) << "nonsense";
    ASSERT_TRUE(own_certificate(folder.path() + "/tls", "127.0.0.1", k_now));
    EXPECT_NE(contents_of(made->certificate), first);
    EXPECT_TRUE(certificate_in(made->certificate));
    EXPECT_FALSE(own_certificate("/dev/null/tls", "127.0.0.1", k_now));
}

}  // namespace
}  // namespace amivirt::contract
