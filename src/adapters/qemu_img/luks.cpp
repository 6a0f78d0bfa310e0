#include "adapters/qemu_img/luks.hpp"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <memory>
#include <stdexcept>

#include "adapters/qemu_img/big_endian.hpp"

// Source: LUKS On-Disk Format Specification 1.2.3 (Clemens Fruhwirth, Milan Broz).
namespace amivirt {
namespace {

constexpr std::size_t k_key_bytes = 64;  // two keys of AES-256: XTS
constexpr std::size_t k_stripes = 4000;
constexpr std::size_t k_sector = 512;
constexpr std::size_t k_salt_bytes = 32;
constexpr std::size_t k_digest_bytes = 20;
constexpr std::size_t k_slots = 8;
constexpr std::size_t k_first_slot_offset = 4096;
constexpr std::size_t k_slot_bytes = 258048;  // k_key_bytes * k_stripes, rounded up to 4096
constexpr int k_iterations = 1000;            // the least that QEMU itself would take
constexpr std::uint32_t k_slot_on = 0x00AC71F3;
constexpr std::uint32_t k_slot_off = 0x0000DEAD;
static_assert(k_luks_length == k_first_slot_offset + k_slots * k_slot_bytes);

/// OpenSSL fails here only without memory, without a source of random bytes or with a broken configuration.
void expect(int answer) {
    if (answer != 1) {
        throw std::runtime_error("OpenSSL cannot make a LUKS header");
    }
}

/// Bytes that are wiped when they go.
template <std::size_t N>
struct Secret {
    Secret() = default;
    Secret(const Secret&) = delete;
    Secret& operator=(const Secret&) = delete;
    ~Secret() { OPENSSL_cleanse(bytes.data(), N); }
    std::array<unsigned char, N> bytes{};
};

void fill_randomly(unsigned char* bytes, std::size_t count) { expect(RAND_bytes(bytes, static_cast<int>(count))); }

template <std::size_t N>
std::array<unsigned char, N> random_bytes() {
    std::array<unsigned char, N> bytes{};
    fill_randomly(bytes.data(), N);
    return bytes;
}

void derive(std::string_view secret, const std::array<unsigned char, k_salt_bytes>& salt, unsigned char* out, std::size_t count) {
    expect(PKCS5_PBKDF2_HMAC(secret.data(), static_cast<int>(secret.size()), salt.data(), static_cast<int>(salt.size()), k_iterations,
                             EVP_sha256(), static_cast<int>(count), out));
}

/// Makes each bit of `block` depend on half of it (the specification's H1).
void diffuse(std::array<unsigned char, k_key_bytes>& block) {
    for (std::size_t part = 0; part < k_key_bytes / SHA256_DIGEST_LENGTH; ++part) {
        std::array<unsigned char, 4 + SHA256_DIGEST_LENGTH> input{};
        input[3] = static_cast<unsigned char>(part);
        unsigned char* const at = block.data() + part * SHA256_DIGEST_LENGTH;
        std::copy_n(at, SHA256_DIGEST_LENGTH, input.data() + 4);
        SHA256(input.data(), input.size(), at);
    }
}

/// Spreads the key over k_stripes blocks that are all needed to have it again.
void split(const Secret<k_key_bytes>& key, Secret<k_key_bytes * k_stripes>& out) {
    std::array<unsigned char, k_key_bytes> mixed{};
    fill_randomly(out.bytes.data(), k_key_bytes * (k_stripes - 1));
    for (std::size_t stripe = 0; stripe + 1 < k_stripes; ++stripe) {
        for (std::size_t i = 0; i < k_key_bytes; ++i) {
            mixed[i] ^= out.bytes[stripe * k_key_bytes + i];
        }
        diffuse(mixed);
    }
    for (std::size_t i = 0; i < k_key_bytes; ++i) {
        out.bytes[(k_stripes - 1) * k_key_bytes + i] = mixed[i] ^ key.bytes[i];
    }
    OPENSSL_cleanse(mixed.data(), mixed.size());
}

/// xts-plain64: each sector with its number, from 0, as the tweak.
void encrypt(const Secret<k_key_bytes>& key, Secret<k_key_bytes * k_stripes>& data) {
    const std::unique_ptr<EVP_CIPHER_CTX, void (*)(EVP_CIPHER_CTX*)> context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
    static_assert(k_key_bytes * k_stripes % k_sector == 0);
    for (std::size_t sector = 0; sector < data.bytes.size() / k_sector; ++sector) {
        std::array<unsigned char, 16> tweak{};
        for (std::size_t i = 0; i < sizeof(std::uint64_t); ++i) {
            tweak[i] = static_cast<unsigned char>(std::uint64_t{sector} >> (8 * i));
        }
        unsigned char* const at = data.bytes.data() + sector * k_sector;
        int count = 0;
        expect(EVP_EncryptInit_ex(context.get(), EVP_aes_256_xts(), nullptr, key.bytes.data(), tweak.data()));
        expect(EVP_EncryptUpdate(context.get(), at, &count, at, static_cast<int>(k_sector)));
    }
}

template <std::size_t N>
std::string text_of(const std::array<unsigned char, N>& bytes) {
    return {bytes.begin(), bytes.end()};
}

std::string padded(std::string text, std::size_t size) {
    text.resize(size, '\0');
    return text;
}

/// RFC 4122, version 4.
std::string uuid() {
    auto bytes = random_bytes<16>();
    bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0fU) | 0x40U);
    bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3fU) | 0x80U);
    std::string text;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        text += fmt::format("{}{:02x}", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", bytes[i]);
    }
    return text;
}

}  // namespace

std::string luks_header(std::string_view passphrase) {
    const auto data_key = std::make_unique<Secret<k_key_bytes>>();
    fill_randomly(data_key->bytes.data(), k_key_bytes);

    const auto digest_salt = random_bytes<k_salt_bytes>();
    std::array<unsigned char, k_digest_bytes> digest{};
    std::string key_text(data_key->bytes.begin(), data_key->bytes.end());
    derive(key_text, digest_salt, digest.data(), digest.size());
    OPENSSL_cleanse(key_text.data(), key_text.size());

    const auto slot_salt = random_bytes<k_salt_bytes>();
    Secret<k_key_bytes> slot_key;
    derive(passphrase, slot_salt, slot_key.bytes.data(), k_key_bytes);
    const auto material = std::make_unique<Secret<k_key_bytes * k_stripes>>();
    split(*data_key, *material);
    encrypt(slot_key, *material);

    BigEndian header;
    header.text("LUKS\xba\xbe");
    header.u16(1);
    header.text(padded("aes", 32));
    header.text(padded("xts-plain64", 32));
    header.text(padded("sha256", 32));
    header.u32(static_cast<std::uint32_t>(k_luks_length / k_sector));  // where the data would begin in a file of LUKS's own
    header.u32(k_key_bytes);
    header.text(text_of(digest));
    header.text(text_of(digest_salt));
    header.u32(k_iterations);
    header.text(padded(uuid(), 40));
    for (std::size_t slot = 0; slot < k_slots; ++slot) {
        header.u32(slot == 0 ? k_slot_on : k_slot_off);
        header.u32(slot == 0 ? k_iterations : 0);
        header.text(slot == 0 ? text_of(slot_salt) : std::string(k_salt_bytes, '\0'));
        header.u32(static_cast<std::uint32_t>((k_first_slot_offset + slot * k_slot_bytes) / k_sector));
        header.u32(k_stripes);
    }
    header.pad_to(k_first_slot_offset);
    header.text(text_of(material->bytes));
    return std::move(header).take();
}

}  // namespace amivirt
