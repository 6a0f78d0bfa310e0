#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>

#include "adapters/carry/carry.hpp"
#include "adapters/common/digest.hpp"
#include "adapters/common/files.hpp"

namespace amivirt {
namespace {

constexpr std::size_t k_largest_key_file = 65536;
constexpr std::size_t k_largest_signature = 4096;
constexpr std::size_t k_key_bytes = 32;        // source: RFC 8032, Ed25519
constexpr std::size_t k_signature_bytes = 64;  // likewise
constexpr std::string_view k_first_line = "amivirt signature 1";

struct FreeKey {
    void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
};
struct FreeContext {
    void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
};
struct FreeBio {
    void operator()(BIO* bio) const noexcept { BIO_free(bio); }
};
using KeyPtr = std::unique_ptr<EVP_PKEY, FreeKey>;
using ContextPtr = std::unique_ptr<EVP_MD_CTX, FreeContext>;
using BioPtr = std::unique_ptr<BIO, FreeBio>;

std::string hex(std::string_view bytes) {
    std::string out;
    for (const char c : bytes) {
        out += fmt::format("{:02x}", static_cast<unsigned char>(c));
    }
    return out;
}

bool is_hex(std::string_view text, std::size_t bytes) {
    return text.size() == 2 * bytes && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string unhex(std::string_view text) {
    const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
    std::string out;
    for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
        out += static_cast<char>(digit(text[i]) * 16 + digit(text[i + 1]));
    }
    return out;
}

/// What is signed: the digest, and what it is a digest for.
std::string message(const std::string& sha256) { return fmt::format("{}\nsha256 {}\n", k_first_line, sha256); }

Result<std::string> read_small(const std::string& file, std::size_t limit, const char* noun) {
    const files::FileDescriptor fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!fd) {
        return Error(Code::fetch_failed, fmt::format("Cannot read \"{}\": {}.", file, std::generic_category().message(errno)));
    }
    std::string bytes = AMIVIRT_TRY(files::read_at(fd.get(), 0, limit + 1, file));
    if (bytes.size() > limit) {
        return Error(Code::invalid_parameter_value, fmt::format("\"{}\" is no {}: it is too long.", file, noun));
    }
    return bytes;
}

Error no_key(const std::string& file, const char* noun, const char* hint) {
    return {Code::invalid_parameter_value, fmt::format("\"{}\" is no PEM file with an Ed25519 {} key.", file, noun), hint};
}

Result<std::string> raw_public(EVP_PKEY* key, const std::string& file) {
    std::array<unsigned char, k_key_bytes> raw{};
    std::size_t size = raw.size();
    if (EVP_PKEY_get_raw_public_key(key, raw.data(), &size) != 1 || size != raw.size()) {
        return no_key(file, "public", "");
    }
    return std::string(reinterpret_cast<const char*>(raw.data()), size);
}

BioPtr memory(const std::string& bytes) {
    BioPtr bio(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
    if (!bio) {
        throw std::runtime_error("OpenSSL has no memory");
    }
    return bio;
}

/// Nobody is asked for a passphrase.
int no_passphrase(char* /*into*/, int /*size*/, int /*writing*/, void* /*data*/) { return -1; }

KeyPtr public_key(const std::string& pem) {
    const auto bio = memory(pem);
    KeyPtr key(PEM_read_bio_PUBKEY(bio.get(), nullptr, no_passphrase, nullptr));
    return key && EVP_PKEY_id(key.get()) == EVP_PKEY_ED25519 ? std::move(key) : nullptr;
}

class OpenSslSignatures final : public Signatures {
public:
    Result<TrustedSigner> read_public_key(const std::string& file) override {
        const std::string pem = AMIVIRT_TRY(read_small(file, k_largest_key_file, "public key"));
        const auto key = public_key(pem);
        if (!key) {
            return no_key(file, "public", "`openssl pkey -in KEY.pem -pubout -out PUBLIC.pem` makes one of a private key");
        }
        TrustedSigner signer;
        signer.fingerprint = sha256_of(AMIVIRT_TRY(raw_public(key.get(), file)));
        const BioPtr out(BIO_new(BIO_s_mem()));
        if (!out || PEM_write_bio_PUBKEY(out.get(), key.get()) != 1) {
            throw std::runtime_error("OpenSSL cannot write a public key");
        }
        char* text = nullptr;
        const long size = BIO_get_mem_data(out.get(), &text);
        signer.public_key.assign(text, static_cast<std::size_t>(size));
        return signer;
    }

    Result<std::string> sign(const std::string& key_file, const std::string& sha256) override {
        const std::string pem = AMIVIRT_TRY(read_small(key_file, k_largest_key_file, "private key"));
        const auto bio = memory(pem);
        const KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
        if (!key || EVP_PKEY_id(key.get()) != EVP_PKEY_ED25519) {
            return no_key(key_file, "private",
                          pem.find("ENCRYPTED") != std::string::npos ? "a key with a passphrase is not taken"
                                                                     : "`openssl genpkey -algorithm ed25519 -out KEY.pem` makes one");
        }
        const std::string text = message(sha256);
        std::array<unsigned char, k_signature_bytes> bytes{};
        std::size_t size = bytes.size();
        const ContextPtr context(EVP_MD_CTX_new());
        if (!context || EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) != 1 ||
            EVP_DigestSign(context.get(), bytes.data(), &size, reinterpret_cast<const unsigned char*>(text.data()), text.size()) != 1) {
            throw std::runtime_error("OpenSSL cannot sign");
        }
        return fmt::format("{}key {}\ned25519 {}\n", text, sha256_of(AMIVIRT_TRY(raw_public(key.get(), key_file))),
                           hex({reinterpret_cast<const char*>(bytes.data()), size}));
    }

    Result<std::optional<DetachedSignature>> read(const std::string& file) override {
        if (::access(file.c_str(), F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR)) {
            return std::optional<DetachedSignature>();
        }
        const std::string text = AMIVIRT_TRY(read_small(file, k_largest_signature, "signature"));
        const auto value = [&](std::string_view name) {
            const std::string begin = fmt::format("\n{} ", name);
            const auto at = text.find(begin);
            return at == std::string::npos ? std::string() : text.substr(at + begin.size(), text.find('\n', at + 1) - at - begin.size());
        };
        DetachedSignature signature{value("key"), value("sha256"), value("ed25519")};
        if (!text.starts_with(std::string(k_first_line) + "\n") || !is_hex(signature.fingerprint, 32) || !is_hex(signature.sha256, 32) ||
            !is_hex(signature.bytes, k_signature_bytes)) {
            return Error(Code::invalid_parameter_value, fmt::format("\"{}\" is no signature of amivirt's.", file));
        }
        signature.bytes = unhex(signature.bytes);
        return std::optional(std::move(signature));
    }

    Result<void> verify(const DetachedSignature& signature, const TrustedSigner& signer) override {
        const auto key = public_key(signer.public_key);
        const std::string text = message(signature.sha256);
        const ContextPtr context(EVP_MD_CTX_new());
        if (!key || !context || EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) != 1 ||
            EVP_DigestVerify(context.get(), reinterpret_cast<const unsigned char*>(signature.bytes.data()), signature.bytes.size(),
                             reinterpret_cast<const unsigned char*>(text.data()), text.size()) != 1) {
            return Error(Code::checksum_mismatch,
                         fmt::format("The signature was not made with the key of \"{}\" ({}).", signer.name, signer.fingerprint));
        }
        return {};
    }
};

}  // namespace

std::unique_ptr<Signatures> make_signatures() { return std::make_unique<OpenSslSignatures>(); }

}  // namespace amivirt
