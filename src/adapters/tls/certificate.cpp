#include "adapters/tls/certificate.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <memory>
#include <set>

#include "adapters/common/files.hpp"
#include "amivirt/base/fault.hpp"

namespace amivirt {

namespace {

using namespace std::chrono_literals;

constexpr auto k_valid = 24h * 397;  // what browsers and Go's and Apple's verifiers take for a server
constexpr auto k_renewed_before = 24h * 30;
constexpr auto k_skew = 24h;  // a guest's or a client's clock that is behind
constexpr std::size_t k_most_bytes = std::size_t{1} << 16U;

template <auto Function>
struct Free {
    template <class T>
    void operator()(T* pointer) const noexcept {
        Function(pointer);
    }
};
using Bio = std::unique_ptr<BIO, Free<BIO_free_all>>;
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Free<X509_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Free<X509_EXTENSION_free>>;
using Names = std::unique_ptr<GENERAL_NAMES, Free<GENERAL_NAMES_free>>;

Error failed(std::string_view what) { return {Code::internal_error, fmt::format("OpenSSL cannot make {}", what)}; }

std::string text_of(BIO* bio) {
    char* data = nullptr;
    const long length = BIO_get_mem_data(bio, &data);
    return length > 0 ? std::string(data, static_cast<std::size_t>(length)) : std::string();
}

/// "" if it is not there or not to be read.
std::string contents(const std::string& file) {
    const auto fd = files::open(file, O_RDONLY | O_NOFOLLOW);
    return fd ? files::read_at(fd->get(), 0, k_most_bytes, file).value_or("") : "";
}

/// "DNS:localhost", "IP:127.0.0.1".
std::set<std::string> names_of(X509* certificate) {
    std::set<std::string> all;
    const Names names(static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
    for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
        const GENERAL_NAME* const name = sk_GENERAL_NAME_value(names.get(), i);
        if (name->type == GEN_DNS) {
            all.insert("DNS:" + std::string(reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName)),
                                            static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName))));
        } else if (name->type == GEN_IPADD) {
            const unsigned char* const bytes = ASN1_STRING_get0_data(name->d.iPAddress);
            std::string text;
            if (ASN1_STRING_length(name->d.iPAddress) == 4) {
                text = fmt::format("{}.{}.{}.{}", bytes[0], bytes[1], bytes[2], bytes[3]);
            } else {
                for (int j = 0; j + 1 < ASN1_STRING_length(name->d.iPAddress); j += 2) {
                    text += fmt::format("{}{:x}", j == 0 ? "" : ":", bytes[j] * 256U + bytes[j + 1]);
                }
            }
            all.insert("IP:" + text);
        }
    }
    return all;
}

/// As names_of() writes it.
std::string name_for(const std::string& address) {
    const std::unique_ptr<ASN1_OCTET_STRING, Free<ASN1_OCTET_STRING_free>> bytes(a2i_IPADDRESS(address.c_str()));
    if (!bytes) {
        return "DNS:" + address;
    }
    GENERAL_NAME* const name = GENERAL_NAME_new();
    GENERAL_NAME_set0_value(name, GEN_IPADD, ASN1_STRING_dup(bytes.get()));
    Names names(sk_GENERAL_NAME_new_null());
    sk_GENERAL_NAME_push(names.get(), name);
    const Certificate carrier(X509_new());
    X509_add1_ext_i2d(carrier.get(), NID_subject_alt_name, names.get(), 0, X509V3_ADD_DEFAULT);
    const auto read = names_of(carrier.get());
    return read.empty() ? "DNS:" + address : *read.begin();
}

Result<void> extend(X509* certificate, int kind, const std::string& value) {
    X509V3_CTX context{};
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
    const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()));
    if (!extension || X509_add_ext(certificate, extension.get(), -1) != 1) {
        return failed("a certificate's extension");
    }
    return {};
}

/// The key and the certificate, in PEM.
Result<std::pair<std::string, std::string>> make(const std::set<std::string>& names, TimePoint now) {
    const Key key(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
    const Certificate certificate(X509_new());
    std::array<unsigned char, 16> serial{};
    if (!key || !certificate || RAND_bytes(serial.data(), static_cast<int>(serial.size())) != 1) {
        return failed("a key");
    }
    serial[0] &= 0x7FU;  // a positive number
    X509_set_version(certificate.get(), X509_VERSION_3);
    const std::unique_ptr<BIGNUM, Free<BN_free>> number(BN_bin2bn(serial.data(), static_cast<int>(serial.size()), nullptr));
    BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate.get()));
    const auto seconds = [](TimePoint time) {
        return static_cast<time_t>(std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count());
    };
    ASN1_TIME_set(X509_getm_notBefore(certificate.get()), seconds(now - k_skew));
    ASN1_TIME_set(X509_getm_notAfter(certificate.get()), seconds(now + k_valid - k_skew));
    X509_set_pubkey(certificate.get(), key.get());
    X509_NAME* const subject = X509_get_subject_name(certificate.get());
    const std::string common = "amivirt on this machine";
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(common.data()),
                               static_cast<int>(common.size()), -1, 0);
    X509_set_issuer_name(certificate.get(), subject);
    std::string alternatives;
    for (const std::string& name : names) {
        alternatives += (alternatives.empty() ? "" : ",") + name;
    }
    AMIVIRT_TRY(extend(certificate.get(), NID_subject_alt_name, alternatives));
    AMIVIRT_TRY(extend(certificate.get(), NID_basic_constraints, "critical,CA:FALSE"));
    AMIVIRT_TRY(extend(certificate.get(), NID_key_usage, "critical,digitalSignature"));
    AMIVIRT_TRY(extend(certificate.get(), NID_ext_key_usage, "serverAuth"));
    AMIVIRT_TRY(extend(certificate.get(), NID_subject_key_identifier, "hash"));
    if (X509_sign(certificate.get(), key.get(), EVP_sha256()) == 0) {
        return failed("a signature");
    }
    const Bio key_text(BIO_new(BIO_s_mem()));
    const Bio certificate_text(BIO_new(BIO_s_mem()));
    if (!key_text || !certificate_text ||
        PEM_write_bio_PKCS8PrivateKey(key_text.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1 ||
        PEM_write_bio_X509(certificate_text.get(), certificate.get()) != 1) {
        return failed("PEM");
    }
    return std::pair(text_of(key_text.get()), text_of(certificate_text.get()));
}

/// The certificate in `text`, if it is one to go on with: its PEM. What it is for is added to `names` in any case.
std::string usable(const std::string& text, const std::string& wanted, TimePoint now, std::set<std::string>& names) {
    const Bio bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
    const Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
    const Certificate certificate(key ? PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr) : nullptr);
    if (!certificate || X509_check_private_key(certificate.get(), key.get()) != 1) {
        return {};
    }
    const auto known = names_of(certificate.get());
    names.insert(known.begin(), known.end());
    auto at = static_cast<time_t>(std::chrono::duration_cast<std::chrono::seconds>((now + k_renewed_before).time_since_epoch()).count());
    if (!known.contains(wanted) || X509_cmp_time(X509_get0_notAfter(certificate.get()), &at) <= 0) {
        return {};
    }
    const Bio out(BIO_new(BIO_s_mem()));
    return PEM_write_bio_X509(out.get(), certificate.get()) == 1 ? text_of(out.get()) : "";
}

}  // namespace

Result<OwnCertificate> own_certificate(const std::string& folder, const std::string& address, TimePoint now) {
    const OwnCertificate paths{folder + "/server.crt", folder + "/server.pem"};
    AMIVIRT_TRY(files::make_folders(folder, 0755, files::Durable::yes));
    const auto held = AMIVIRT_TRY(files::open(folder, O_RDONLY | O_DIRECTORY));
    while (::flock(held.get(), LOCK_EX) != 0) {  // for as long as making a key takes
        if (errno != EINTR) {
            return files::errno_error(errno, "lock", folder);
        }
    }
    const std::string wanted = name_for(address);
    std::set<std::string> names{"DNS:localhost", name_for("127.0.0.1"), name_for("::1"), wanted};
    std::string certificate = usable(contents(paths.key), wanted, now, names);
    if (certificate.empty()) {
        auto [key, made] = AMIVIRT_TRY(make(names, now));
        certificate = std::move(made);
        // In one file, so that they always belong together.
        AMIVIRT_TRY(files::replace(paths.key, key + certificate, 0600, files::Durable::yes));
        fault_point("certificate.key");
    }
    if (contents(paths.certificate) != certificate) {
        AMIVIRT_TRY(files::replace(paths.certificate, certificate, 0644, files::Durable::yes));
    }
    return paths;
}

}  // namespace amivirt
