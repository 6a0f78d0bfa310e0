#include <fmt/format.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "adapters/ssh/ssh.hpp"

namespace amivirt {
namespace {

constexpr std::size_t k_ed25519_bytes = 32;  // source: RFC 8032
constexpr std::string_view k_magic("openssh-key-v1\0", 15);
constexpr unsigned k_rsa_bits = 2048;
constexpr std::size_t k_rsa_least_bits = 1024;
constexpr std::size_t k_rsa_most_bits = 16384;
constexpr std::size_t k_longest_text = 65536;
constexpr std::string_view k_rfc4716_begin = "---- BEGIN SSH2 PUBLIC KEY ----";
constexpr std::string_view k_rfc4716_end = "---- END SSH2 PUBLIC KEY ----";

template <auto Fn>
struct Free {
    template <class T>
    void operator()(T* pointer) const noexcept {
        Fn(pointer);
    }
};
using KeyPtr = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using BignumPtr = std::unique_ptr<BIGNUM, Free<BN_free>>;
using BioPtr = std::unique_ptr<BIO, Free<BIO_free>>;
using BuilderPtr = std::unique_ptr<OSSL_PARAM_BLD, Free<OSSL_PARAM_BLD_free>>;
using ParametersPtr = std::unique_ptr<OSSL_PARAM, Free<OSSL_PARAM_free>>;
using ContextPtr = std::unique_ptr<EVP_PKEY_CTX, Free<EVP_PKEY_CTX_free>>;
using Pkcs8Ptr = std::unique_ptr<PKCS8_PRIV_KEY_INFO, Free<PKCS8_PRIV_KEY_INFO_free>>;

// The wire format of keys (source: RFC 4251, section 5).
std::string number(std::uint32_t value) {
    return {static_cast<char>(value >> 24U), static_cast<char>(value >> 16U), static_cast<char>(value >> 8U), static_cast<char>(value)};
}
std::string counted(std::string_view bytes) { return number(static_cast<std::uint32_t>(bytes.size())).append(bytes); }

/// Reads it back; nullopt at the end and where it does not add up.
class Reader {
public:
    explicit Reader(std::string_view bytes) : bytes_(bytes) {}
    std::optional<std::string_view> next() {
        if (bytes_.size() < 4) {
            return std::nullopt;
        }
        std::uint32_t size = 0;
        for (int i = 0; i < 4; ++i) {
            size = (size << 8U) | static_cast<unsigned char>(bytes_[static_cast<std::size_t>(i)]);
        }
        if (size > bytes_.size() - 4) {
            return std::nullopt;
        }
        const auto piece = bytes_.substr(4, size);
        bytes_.remove_prefix(4 + std::size_t{size});
        return piece;
    }
    void skip(std::size_t count) { bytes_.remove_prefix(std::min(count, bytes_.size())); }
    [[nodiscard]] bool at_end() const noexcept { return bytes_.empty(); }

private:
    std::string_view bytes_;
};

std::string base64(std::string_view bytes) {
    std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');
    const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), reinterpret_cast<const unsigned char*>(bytes.data()),
                                     static_cast<int>(bytes.size()));
    out.resize(static_cast<std::size_t>(size));
    return out;
}

std::optional<std::string> from_base64(std::string_view text) {
    constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const std::size_t padding = text.size() - std::min(text.size(), text.find_last_not_of('=') + 1);
    const auto body = text.substr(0, text.size() - padding);
    if (text.empty() || text.size() % 4 != 0 || padding > 2 || body.find_first_not_of(alphabet) != std::string_view::npos) {
        return std::nullopt;
    }
    std::string out(text.size() / 4 * 3, '\0');
    if (EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()), reinterpret_cast<const unsigned char*>(text.data()),
                        static_cast<int>(text.size())) < 0) {
        return std::nullopt;
    }
    out.resize(out.size() - padding);
    return out;
}

std::string digest_of(std::string_view bytes, const EVP_MD* kind) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, kind, nullptr);
    return {reinterpret_cast<const char*>(digest.data()), size};
}

/// "1f:51:ae:..."
std::string colons(std::string_view bytes) {
    std::string text;
    for (const char byte : bytes) {
        text += fmt::format("{}{:02x}", text.empty() ? "" : ":", static_cast<unsigned char>(byte));
    }
    return text;
}

/// What i2d_ functions write of it; "" where they cannot.
template <class Thing>
std::string der(int (*write)(const Thing*, unsigned char**), const Thing* thing) {
    unsigned char* bytes = nullptr;
    const int size = thing == nullptr ? -1 : write(thing, &bytes);
    std::string text = size > 0 ? std::string(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size)) : "";
    OPENSSL_free(bytes);
    return text;
}

/// The MD5 of the SubjectPublicKeyInfo of an RSA key's blob.
std::string md5_of_rsa(std::string_view blob) {
    Reader reader(blob);
    const auto word = reader.next();
    const auto exponent = reader.next();
    const auto modulus = reader.next();
    if (!word || !exponent || !modulus) {
        return "";
    }
    const auto number_of = [](std::string_view bytes) {
        return BignumPtr(BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()), nullptr));
    };
    const auto e = number_of(*exponent);
    const auto n = number_of(*modulus);
    const BuilderPtr builder(OSSL_PARAM_BLD_new());
    const ContextPtr context(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
    EVP_PKEY* made = nullptr;
    if (!e || !n || !builder || !context || OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
        OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1) {
        return "";
    }
    const ParametersPtr parameters(OSSL_PARAM_BLD_to_param(builder.get()));
    if (!parameters || EVP_PKEY_fromdata_init(context.get()) != 1 ||
        EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1) {
        return "";
    }
    const KeyPtr key(made);
    return colons(digest_of(der(i2d_PUBKEY, static_cast<const EVP_PKEY*>(key.get())), EVP_md5()));
}

SshPublicKey public_key(KeyType type, std::string_view blob, std::string_view comment) {
    const auto* const word = type == KeyType::rsa ? "ssh-rsa" : "ssh-ed25519";
    const std::string padded = base64(digest_of(blob, EVP_sha256()));
    return {type, fmt::format("{} {}{}{}", word, base64(blob), comment.empty() ? "" : " ", comment),
            "SHA256:" + padded.substr(0, padded.find_last_not_of('=') + 1), type == KeyType::rsa ? md5_of_rsa(blob) : padded};
}

Error no_key() { return {Code::internal_error, "OpenSSL cannot make a key"}; }

/// OpenSSH's own form (source: OpenSSH, PROTOCOL.key), without a passphrase.
std::string openssh_file(std::string_view public_blob, std::string_view private_fields, std::string_view comment) {
    std::array<unsigned char, 4> random{};
    RAND_bytes(random.data(), random.size());
    const std::string check(reinterpret_cast<const char*>(random.data()), random.size());
    std::string secret = check + check;
    secret.append(private_fields).append(counted(comment));
    for (char pad = 1; secret.size() % 8 != 0; ++pad) {
        secret += pad;
    }
    std::string bytes(k_magic);
    bytes += counted("none") + counted("none") + counted("") + number(1) + counted(public_blob) + counted(secret);
    const std::string text = base64(bytes);
    std::string file = "-----BEGIN OPENSSH PRIVATE KEY-----\n";
    for (std::size_t at = 0; at < text.size(); at += 70) {
        file.append(text, at, 70).append("\n");
    }
    return file + "-----END OPENSSH PRIVATE KEY-----\n";
}

Result<NewSshKey> new_ed25519(const std::string& comment) {
    const KeyPtr key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
    std::array<unsigned char, k_ed25519_bytes> open{};
    std::array<unsigned char, k_ed25519_bytes> secret{};
    std::size_t open_size = open.size();
    std::size_t secret_size = secret.size();
    if (!key || EVP_PKEY_get_raw_public_key(key.get(), open.data(), &open_size) != 1 ||
        EVP_PKEY_get_raw_private_key(key.get(), secret.data(), &secret_size) != 1) {
        return no_key();
    }
    const std::string half(reinterpret_cast<const char*>(open.data()), open_size);
    const std::string blob = counted("ssh-ed25519") + counted(half);
    const std::string both = std::string(reinterpret_cast<const char*>(secret.data()), secret_size) + half;
    return NewSshKey{public_key(KeyType::ed25519, blob, comment), openssh_file(blob, blob + counted(both), comment)};
}

/// As a positive number of RFC 4251: a leading zero byte where the first bit is set.
Result<std::string> mpint(const EVP_PKEY* key, const char* name) {
    BIGNUM* raw = nullptr;
    if (EVP_PKEY_get_bn_param(key, name, &raw) != 1) {
        return no_key();
    }
    const BignumPtr value(raw);
    std::string bytes(static_cast<std::size_t>(BN_num_bytes(value.get())), '\0');
    BN_bn2bin(value.get(), reinterpret_cast<unsigned char*>(bytes.data()));
    if (!bytes.empty() && (static_cast<unsigned char>(bytes.front()) & 0x80U) != 0) {
        bytes.insert(bytes.begin(), '\0');
    }
    return counted(bytes);
}

Result<std::string> rsa_blob(const EVP_PKEY* key) {
    std::string blob = counted("ssh-rsa");
    blob += AMIVIRT_TRY(mpint(key, OSSL_PKEY_PARAM_RSA_E));
    blob += AMIVIRT_TRY(mpint(key, OSSL_PKEY_PARAM_RSA_N));
    return blob;
}

/// Nobody is asked for a passphrase.
int no_passphrase(char* /*into*/, int /*size*/, int /*writing*/, void* /*data*/) { return -1; }

/// PEM in its traditional form, as EC2 hands RSA keys out: other programs than ssh read that, too.
Result<NewSshKey> new_rsa(const std::string& comment) {
    const KeyPtr key(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", static_cast<std::size_t>(k_rsa_bits)));
    const BioPtr bio(BIO_new(BIO_s_mem()));
    if (!key || !bio || PEM_write_bio_PrivateKey_traditional(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
        return no_key();
    }
    char* text = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &text);
    NewSshKey made{public_key(KeyType::rsa, AMIVIRT_TRY(rsa_blob(key.get())), comment), std::string(text, static_cast<std::size_t>(size))};
    const Pkcs8Ptr pkcs8(EVP_PKEY2PKCS8(key.get()));
    made.public_key.ec2_fingerprint =
        colons(digest_of(der(i2d_PKCS8_PRIV_KEY_INFO, static_cast<const PKCS8_PRIV_KEY_INFO*>(pkcs8.get())), EVP_sha1()));
    return made;
}

std::size_t bits_of(std::string_view mpint) {
    const std::size_t first = mpint.find_first_not_of('\0');
    if (first == std::string_view::npos) {
        return 0;
    }
    std::size_t bits = (mpint.size() - first - 1) * 8;
    for (auto top = static_cast<unsigned char>(mpint[first]); top != 0; top >>= 1U) {
        ++bits;
    }
    return bits;
}

/// Of PEM, the bytes between its first and its last line.
std::optional<std::string> unarmoured(std::string_view pem, std::string_view label) {
    const std::string begin = fmt::format("-----BEGIN {}-----", label);
    const auto first = pem.find(begin);
    const auto last = pem.find(fmt::format("-----END {}-----", label));
    if (first == std::string_view::npos || last == std::string_view::npos || last < first) {
        return std::nullopt;
    }
    std::string text(pem.substr(first + begin.size(), last - first - begin.size()));
    std::erase_if(text, [](char c) { return c == '\n' || c == '\r'; });
    return from_base64(text);
}

/// The one line of OpenSSH's form that says the same as a key in RFC 4716's: its headers end in no backslash, its body is base64.
/// nullopt: it is not whole.
std::optional<std::string> line_of_rfc4716(std::string_view text) {
    const auto last = text.find(k_rfc4716_end);
    std::string body;
    bool in_header = false;
    for (std::size_t at = k_rfc4716_begin.size(); last != std::string_view::npos && at < last;) {
        const auto end = std::min(text.find('\n', at), last);
        auto line = text.substr(at, end - at);
        at = end + 1;
        line = line.substr(0, line.find_last_not_of(" \t\r") + 1);
        if (in_header || line.find(':') != std::string_view::npos) {
            in_header = line.ends_with('\\');
        } else {
            body += line;
        }
    }
    const auto blob = from_base64(body);
    const auto word = blob ? Reader(*blob).next() : std::nullopt;
    return word ? std::optional(fmt::format("{} {}", *word, body)) : std::nullopt;
}

class OpenSslKeys final : public SshKeys {
public:
    Result<SshPublicKey> public_half(std::string_view private_key) override {
        const Error bad(Code::invalid_key_format, "this is no private key that amivirt has made");
        if (const auto bytes = unarmoured(private_key, "OPENSSH PRIVATE KEY"); bytes && bytes->starts_with(k_magic)) {
            Reader reader(std::string_view(*bytes).substr(k_magic.size()));
            for (int i = 0; i < 3; ++i) {  // cipher, key derivation and its options
                if (!reader.next()) {
                    return bad;
                }
            }
            reader.skip(4);  // how many keys
            const auto blob = reader.next();
            const auto word = blob ? Reader(*blob).next() : std::nullopt;
            return word == "ssh-ed25519" ? Result<SshPublicKey>(public_key(KeyType::ed25519, *blob, "")) : bad;
        }
        const BioPtr bio(BIO_new_mem_buf(private_key.data(), static_cast<int>(private_key.size())));
        const KeyPtr key(bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr) : nullptr);
        if (!key || EVP_PKEY_id(key.get()) != EVP_PKEY_RSA) {
            return bad;
        }
        return public_key(KeyType::rsa, AMIVIRT_TRY(rsa_blob(key.get())), "");
    }

    Result<NewSshKey> generate(KeyType type, const std::string& comment) override {
        return type == KeyType::rsa ? new_rsa(comment) : new_ed25519(comment);
    }

    Result<SshPublicKey> read_public(std::string_view text) override {
        const auto bad = [](const std::string& why, std::string hint = "it is what ssh-keygen writes into a .pub file") {
            return Error(Code::invalid_key_format, fmt::format("this is no public key in OpenSSH's form: {}", why), std::move(hint));
        };
        if (text.size() > k_longest_text) {
            return bad("it is too long");
        }
        if (text.find("PRIVATE KEY-----") != std::string_view::npos) {
            return bad("it is a private key", "import its public half, the .pub file beside it, or what `ssh-keygen -y -f FILE` prints");
        }
        std::string converted;
        if (const auto begin = text.find_first_not_of(" \t\r\n");
            begin != std::string_view::npos && text.substr(begin).starts_with(k_rfc4716_begin)) {
            auto told = line_of_rfc4716(text.substr(begin));
            if (!told) {
                return bad("it begins as RFC 4716 says and is damaged");
            }
            converted = std::move(*told);
            text = converted;
        }
        std::optional<std::string_view> line;
        while (!text.empty()) {
            const auto end = std::min(text.find('\n'), text.size());
            auto one = text.substr(0, end);
            text.remove_prefix(std::min(end + 1, text.size()));
            const auto first = one.find_first_not_of(" \t\r");
            if (first == std::string_view::npos || one[first] == '#') {
                continue;
            }
            one = one.substr(first, one.find_last_not_of(" \t\r") + 1 - first);
            if (line) {
                return bad("it has more than one line");
            }
            line = one;
        }
        if (!line) {
            return bad("it is empty");
        }
        if (std::any_of(line->begin(), line->end(), [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; })) {
            return bad("it has a control character");
        }
        const auto word_end = std::min(line->find(' '), line->size());
        const auto word = line->substr(0, word_end);
        if (word != "ssh-ed25519" && word != "ssh-rsa") {
            return bad(fmt::format("it begins with \"{}\"", word.substr(0, 40)), "ssh-ed25519 and ssh-rsa keys are taken");
        }
        auto rest = line->substr(word_end);
        rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
        const auto blob_end = std::min(rest.find(' '), rest.size());
        const auto blob = from_base64(rest.substr(0, blob_end));
        auto comment = rest.substr(blob_end);
        comment.remove_prefix(std::min(comment.find_first_not_of(' '), comment.size()));
        if (!blob) {
            return bad("its second word is no base64");
        }
        Reader reader(*blob);
        if (reader.next() != word) {
            return bad("its base64 holds no key of that type");
        }
        if (word == "ssh-ed25519") {
            const auto point = reader.next();
            return point && point->size() == k_ed25519_bytes && reader.at_end()
                       ? Result<SshPublicKey>(public_key(KeyType::ed25519, *blob, comment))
                       : bad("its base64 is damaged");
        }
        const auto exponent = reader.next();
        const auto modulus = reader.next();
        if (!exponent || bits_of(*exponent) == 0 || !modulus || !reader.at_end()) {
            return bad("its base64 is damaged");
        }
        const std::size_t bits = bits_of(*modulus);
        if (bits < k_rsa_least_bits || bits > k_rsa_most_bits) {
            return bad(fmt::format("it has {} bits", bits), fmt::format("{} to {} are taken", k_rsa_least_bits, k_rsa_most_bits));
        }
        return public_key(KeyType::rsa, *blob, comment);
    }
};

}  // namespace

std::unique_ptr<SshKeys> make_ssh_keys() { return std::make_unique<OpenSslKeys>(); }

}  // namespace amivirt
