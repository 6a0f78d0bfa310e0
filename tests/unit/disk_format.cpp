// Untrusted headers: what is known, what is refused and why, and that no bytes bring the readers down.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <random>
#include <string>

#include "adapters/qemu_img/disk_format.hpp"

namespace amivirt {
namespace {

using namespace std::string_view_literals;
using testing::HasSubstr;

/// Bytes in memory; beyond `bytes` up to `length` all zero, so that large images cost nothing.
class MemoryBytes final : public ByteSource {
public:
    explicit MemoryBytes(std::string bytes, std::uint64_t length = 0)
        : bytes_(std::move(bytes)), length_(std::max<std::uint64_t>(length, bytes_.size())) {}
    [[nodiscard]] std::uint64_t size() const override { return length_; }
    [[nodiscard]] Result<std::string> read(std::uint64_t offset, std::size_t count) const override {
        if (offset >= length_) {
            return std::string();
        }
        std::string result(std::min<std::uint64_t>(count, length_ - offset), '\0');
        if (offset < bytes_.size()) {
            const auto part = bytes_.substr(offset, result.size());
            result.replace(0, part.size(), part);
        }
        return result;
    }

private:
    std::string bytes_;
    std::uint64_t length_;
};

/// A header put together field by field.
class Header {
public:
    explicit Header(std::size_t size) : bytes_(size, '\0') {}
    Header& text(std::size_t at, std::string_view value) {
        bytes_.replace(at, value.size(), value);
        return *this;
    }
    Header& be(std::size_t at, unsigned count, std::uint64_t value) {
        for (unsigned i = 0; i < count; ++i) {
            bytes_[at + i] = static_cast<char>(static_cast<std::uint8_t>(value >> (8 * (count - 1 - i))));
        }
        return *this;
    }
    Header& le(std::size_t at, unsigned count, std::uint64_t value) {
        for (unsigned i = 0; i < count; ++i) {
            bytes_[at + i] = static_cast<char>(static_cast<std::uint8_t>(value >> (8 * i)));
        }
        return *this;
    }
    [[nodiscard]] const std::string& bytes() const { return bytes_; }

private:
    std::string bytes_;
};

Header qcow2() {
    Header header(4 * 65536);
    header.text(0, "QFI\xfb")
        .be(4, 4, 3)
        .be(20, 4, 16)
        .be(24, 8, 1ULL << 30U)
        .be(36, 4, 2)
        .be(40, 8, 3 * 65536)
        .be(48, 8, 65536)
        .be(56, 4, 1);
    return header.be(96, 4, 4).be(100, 4, 112).be(65536, 8, 2 * 65536);
}

std::string vmdk_descriptor(const std::string& type = "monolithicSparse") {
    return "# Disk DescriptorFile\nversion=1\nCID=12345678\nparentCID=ffffffff\ncreateType=\"" + type +
           "\"\n\n# Extent description\nRW 2048 SPARSE \"disk.vmdk\"\n\n# The Disk Data Base\nddb.adapterType = \"ide\"\n";
}

Header vmdk(const std::string& descriptor = vmdk_descriptor()) {
    Header header(64 * 1024);
    header.text(0, "KDMV").le(4, 4, 1).le(8, 4, 3).le(12, 8, 2048).le(20, 8, 128).le(28, 8, 1).le(36, 8, 20).le(44, 4, 512);
    return header.le(48, 8, 21).le(56, 8, 26).le(64, 8, 128).text(512, descriptor);
}

Header vdi() {
    Header header(1024 + (2U << 20U));
    header.text(0, "<<< QEMU VM Virtual Disk Image >>>\n").le(64, 4, 0xbeda107f).le(68, 4, 0x00010001).le(76, 4, 1).le(340, 4, 512);
    header.le(344, 4, 1024).le(368, 8, 4U << 20U).le(376, 4, 1U << 20U).le(384, 4, 4).le(388, 4, 2);
    return header.le(512, 4, 0).le(516, 4, 1).le(520, 4, 0xffffffff).le(524, 4, 0xffffffff);
}

Header vpc(std::uint32_t type = 3) {
    constexpr std::size_t k_bitmap = 512;
    constexpr std::size_t k_block = 2U << 20U;
    Header image(512 + 1024 + 512 + k_bitmap + k_block + 512);
    for (const std::size_t at : {std::size_t{0}, image.bytes().size() - 512}) {
        image.text(at, "conectix").be(at + 16, 8, 512).be(at + 48, 8, 4U << 20U).be(at + 60, 4, type);
    }
    image.text(512, "cxsparse").be(512 + 16, 8, 1536).be(512 + 28, 4, 2).be(512 + 32, 4, k_block);
    return image.be(1536, 4, 4).be(1540, 4, 0xffffffff);
}

Header vhdx() {
    Header image(3U << 20U);
    const std::size_t regions = 192U << 10U;
    const std::size_t metadata = 1U << 20U;
    image.text(0, "vhdxfile").text(regions, "regi").le(regions + 8, 4, 1);
    image.text(regions + 16, "\x06\xa2\x7c\x8b\x90\x47\x9a\x4b\xb8\xfe\x57\x5f\x05\x0f\x88\x6e"sv).le(regions + 32, 8, metadata);
    image.le(regions + 40, 4, 1U << 20U).text(metadata, "metadata").le(metadata + 10, 2, 2);
    image.text(metadata + 32, "\x37\x67\xa1\xca\x36\xfa\x43\x4d\xb3\xb6\x33\xf0\xaa\x44\xe7\x6b"sv).le(metadata + 48, 4, 65536);
    image.text(metadata + 64, "\x24\x42\xa5\x2f\x1b\xcd\x76\x48\xb2\x11\x5d\xbe\xd8\x3b\xf4\xb8"sv).le(metadata + 80, 4, 65544);
    return image.le(metadata + 65536, 4, 1U << 20U).le(metadata + 65544, 8, 5ULL << 30U);
}

constexpr std::size_t k_vhdx_parameters = (1U << 20U) + 65536;

Header mbr(std::uint32_t start, std::uint32_t length) {
    Header image(1U << 20U);
    return image.le(446, 1, 0x80).le(450, 1, 0x83).le(454, 4, start).le(458, 4, length).le(510, 2, 0xaa55);
}

Result<DiskFormat> recognise(const std::string& bytes, std::uint64_t length = 0) {
    return recognise_disk(MemoryBytes(bytes, length), "my.disk");
}

void expect_refusal(const Result<DiskFormat>& result, const std::string& words) {
    ASSERT_FALSE(result) << "taken as " << result->format << "; wanted: " << words;
    EXPECT_EQ(result.error().code, Code::invalid_disk_image);
    EXPECT_THAT(result.error().message, HasSubstr("\"my.disk\""));
    EXPECT_THAT(result.error().message, HasSubstr(words));
}

TEST(DiskFormatTest, KnowsEachFormat) {
    const auto expect = [](const Header& image, const std::string& format, std::optional<Bytes> size) {
        const auto found = recognise(image.bytes());
        ASSERT_TRUE(found) << format << ": " << found.error().message;
        EXPECT_EQ(found->format, format);
        EXPECT_EQ(found->virtual_size, size) << format;
    };
    expect(qcow2(), "qcow2", Bytes{1ULL << 30U});
    expect(qcow2().be(4, 4, 2), "qcow2", Bytes{1ULL << 30U});
    expect(vmdk(), "vmdk", Bytes{1U << 20U});
    expect(vmdk(vmdk_descriptor("streamOptimized")), "vmdk", Bytes{1U << 20U});
    expect(vdi(), "vdi", Bytes{4U << 20U});
    expect(vpc(), "vpc", std::nullopt);
    expect(vhdx(), "vhdx", Bytes{5ULL << 30U});
    expect(mbr(2048, 1), "raw", Bytes{1U << 20U});
}

TEST(DiskFormatTest, TheNameAndTheFormatAreToldByTheEndOfAFixedVhd) {
    Header image((1U << 20U) + 512);
    image.text(1U << 20U, "conectix").be((1U << 20U) + 48, 8, 1U << 20U).be((1U << 20U) + 60, 4, 2);
    EXPECT_EQ(recognise(image.bytes())->format, "vpc");
    expect_refusal(recognise(image.be((1U << 20U) + 48, 8, 2U << 20U).bytes()), "truncated VHD");
}

TEST(DiskFormatTest, RefusesWhatIsNoDisk) {
    expect_refusal(recognise(""), "is empty");
    expect_refusal(recognise("#!/bin/sh\necho not a disk\n"), "is text");
    expect_refusal(recognise("<html>caf\xc3\xa9</html>"), "is text");
    expect_refusal(recognise(std::string(512, 'a')), "is text");
    expect_refusal(recognise(std::string(513, '\0')), "not whole sectors");
    expect_refusal(recognise(std::string("\0", 1)), "not whole sectors");
    expect_refusal(recognise("\x7f"
                             "ELF" +
                             std::string(508, '\0')),
                   "is a program");
    expect_refusal(recognise("PK\x03\x04" + std::string(508, '\0')), "zip archive");
    expect_refusal(recognise(Header(1024).text(0, "disk.ovf").text(257, "ustar").bytes()), "tar archive");
    expect_refusal(recognise("BZh9" + std::string(508, '\0')), "bzip2");
    expect_refusal(recognise("QED" + std::string(509, '\0')), "QED");
}

TEST(DiskFormatTest, RefusesQcow2ThatReachesElsewhere) {
    expect_refusal(recognise(qcow2().be(8, 8, 200).be(16, 4, 11).text(200, "/etc/shadow").bytes()), "has a backing file (\"/etc/shadow\")");
    expect_refusal(recognise(qcow2().be(8, 8, ~0ULL).be(16, 4, 11).bytes()), "has a backing file");
    expect_refusal(recognise(qcow2().be(72, 8, 4).bytes()), "external data file");
}

TEST(DiskFormatTest, QuotesAHostileBackingNameHarmlessly) {
    const auto found = recognise(qcow2().be(8, 8, 200).be(16, 4, 4).text(200, "\x1b[2J").bytes());
    expect_refusal(found, "\\x1b[2J");
    EXPECT_EQ(found.error().message.find('\x1b'), std::string::npos);
    // What is not UTF-8 would make the message none, and C1 (U+009B) steers terminals as well as an escape does.
    expect_refusal(recognise(qcow2().be(8, 8, 200).be(16, 4, 8).text(200, "\xff\xc3\xa9\xc2\x9b\xe2\x82m").bytes()),
                   "(\"\\xff\xc3\xa9\\xc2\\x9b\\xe2\\x82m\")");
    const std::string long_name(1000, '\xb0');
    expect_refusal(recognise(qcow2().be(8, 8, 200).be(16, 4, 1000).text(200, long_name).bytes()), "\\xb0...\")");
}

TEST(DiskFormatTest, RefusesQcow2ItCannotRead) {
    expect_refusal(recognise(qcow2().be(4, 4, 1).bytes()), "version 1");
    expect_refusal(recognise(qcow2().be(4, 4, 4).bytes()), "version 4");
    expect_refusal(recognise(qcow2().be(32, 4, 1).bytes()), "encrypted");
    expect_refusal(recognise(qcow2().be(72, 8, 2).bytes()), "corrupt");
    expect_refusal(recognise(qcow2().be(72, 8, 0x20).bytes()), "features");
    expect_refusal(recognise(qcow2().be(20, 4, 64).bytes()), "cluster size");
    expect_refusal(recognise(qcow2().be(24, 8, 0).bytes()), "size 0");
    expect_refusal(recognise(qcow2().be(24, 8, ~0ULL).bytes()), "L1 table is too small");
    expect_refusal(recognise(qcow2().be(100, 4, 8).bytes()), "header is said");
    for (const std::uint64_t feature : {1U, 8U, 16U}) {
        EXPECT_TRUE(recognise(qcow2().be(72, 8, feature).bytes())) << feature;
    }
}

TEST(DiskFormatTest, RefusesTruncatedQcow2) {
    expect_refusal(recognise(qcow2().bytes().substr(0, 60)), "truncated");
    expect_refusal(recognise(qcow2().bytes().substr(0, 3 * 65536)), "L1 table reaches beyond");
    expect_refusal(recognise(qcow2().be(40, 8, ~0ULL).bytes()), "L1 table reaches beyond");
    expect_refusal(recognise(qcow2().be(48, 8, 1ULL << 40U).bytes()), "refcount table reaches beyond");
    expect_refusal(recognise(qcow2().be(56, 4, 0xffffffff).bytes()), "refcount table reaches beyond");
}

TEST(DiskFormatTest, RefusesVmdkThatReachesElsewhere) {
    expect_refusal(recognise(vmdk_descriptor("monolithicFlat")), "descriptor of a VMDK");
    expect_refusal(recognise(vmdk(vmdk_descriptor("twoGbMaxExtentSparse")).bytes()), "type \"twogbmaxextentsparse\"");
    expect_refusal(recognise(vmdk(vmdk_descriptor() + "RW 2048 FLAT \"/etc/shadow\" 0\n").bytes()), "2 extents");
    expect_refusal(recognise(vmdk(vmdk_descriptor() + "parentFileNameHint=\"/etc/shadow\"\n").bytes()), "has a parent");
    expect_refusal(recognise(vmdk().le(12, 8, 0).bytes()), "extents are in other files");
    expect_refusal(recognise(vmdk().le(28, 8, 0).bytes()), "one extent of a VMDK");
    expect_refusal(recognise("COWD" + std::string(508, '\0')), "ESX");
    // A clean descriptor where the header points, another one where QEMU looks.
    expect_refusal(recognise(vmdk("parentFileNameHint=\"/etc/shadow\"\n").le(28, 8, 40).text(40 * 512, vmdk_descriptor()).bytes()),
                   "has a parent");
}

TEST(DiskFormatTest, RefusesDamagedVmdk) {
    expect_refusal(recognise(vmdk().bytes().substr(0, 300)), "truncated VMDK");
    expect_refusal(recognise(vmdk().le(28, 8, ~0ULL).bytes()), "descriptor reaches beyond");
    expect_refusal(recognise(vmdk().le(36, 8, ~0ULL).bytes()), "descriptor reaches beyond");
    expect_refusal(recognise(vmdk().le(12, 8, ~0ULL).bytes()), "sectors");
}

TEST(DiskFormatTest, RefusesVdiWithAParentOrBlocksBeyondItsEnd) {
    expect_refusal(recognise(vdi().le(76, 4, 4).bytes()), "differencing VDI");
    expect_refusal(recognise(vdi().le(440, 4, 1).bytes()), "differencing VDI");
    expect_refusal(recognise(vdi().le(76, 4, 9).bytes()), "type 9");
    expect_refusal(recognise(vdi().le(516, 4, 2).bytes()), "block map reaches beyond");
    expect_refusal(recognise(vdi().le(384, 4, 0xfffffff0).bytes()), "block map reaches beyond");
    expect_refusal(recognise(vdi().le(376, 4, 0).bytes()), "no blocks");
    expect_refusal(recognise(vdi().le(384, 4, 1U << 25U).bytes(), 1ULL << 40U), "blocks; at most");
    expect_refusal(recognise(vdi().bytes().substr(0, 1U << 20U)), "block map reaches beyond");
}

TEST(DiskFormatTest, RefusesVhdWithAParentOrCutOff) {
    expect_refusal(recognise(vpc(4).bytes()), "differencing VHD");
    expect_refusal(recognise(vpc(7).bytes()), "type 7");
    expect_refusal(recognise(vpc().bytes().substr(0, 4096)), "truncated VHD");
    expect_refusal(recognise(vpc().be(1540, 4, 0x10000).bytes()), "block table reaches beyond");
    expect_refusal(recognise(vpc().be(512 + 28, 4, 0xffffffff).bytes()), "block table reaches beyond");
    expect_refusal(recognise(vpc().text(512, "nonsense").bytes()), "no header");
}

TEST(DiskFormatTest, RefusesVhdxWithAParentOrCutOff) {
    expect_refusal(recognise(vhdx().le(k_vhdx_parameters + 4, 4, 2).bytes()), "differencing VHDX");
    expect_refusal(recognise(vhdx().bytes().substr(0, 1000)), "truncated VHDX");
    expect_refusal(recognise(vhdx().bytes().substr(0, 1U << 20U)), "region table reaches beyond");
    expect_refusal(recognise(vhdx().text(192U << 10U, "xxxx").bytes()), "no region table");
    expect_refusal(recognise(vhdx().le((192U << 10U) + 8, 4, 0).bytes()), "does not say its size");
}

TEST(DiskFormatTest, RefusesRawDisksCutBeforeTheirPartitions) {
    expect_refusal(recognise(mbr(2048, 1U << 20U).bytes()), "truncated");
    EXPECT_TRUE(recognise(mbr(2048, 1U << 20U).bytes(), 2ULL << 30U));
    EXPECT_TRUE(recognise(mbr(63, 4000).bytes()));  // a last cylinder not quite there
    Header gpt(1U << 20U);
    gpt.text(512, "EFI PART").le(512 + 48, 8, 4000000);
    expect_refusal(recognise(gpt.bytes()), "truncated");
    EXPECT_TRUE(recognise(gpt.bytes(), 4000001 * 512ULL));
    EXPECT_TRUE(recognise(mbr(0xffffff00, 0xffffff00).le(446, 1, 0x55).bytes()));  // a boot sector, not a table
}

/// Whatever bytes come: an answer, in time and within the buffer (run under AddressSanitizer, too).
TEST(DiskFormatTest, SurvivesAnyBytes) {
    std::mt19937 random(4711);
    const std::vector<std::string> seeds{qcow2().bytes().substr(0, 4096),
                                         vmdk().bytes().substr(0, 16384),
                                         vdi().bytes().substr(0, 2048),
                                         vpc().bytes().substr(0, 4096),
                                         vhdx().bytes(),
                                         mbr(2048, 100).bytes().substr(0, 4096)};
    std::map<bool, unsigned> answers;
    for (const std::string& seed : seeds) {
        const unsigned rounds = seed.size() > 100000 ? 100 : 2000;
        for (unsigned round = 0; round < rounds; ++round) {
            std::string bytes = seed;
            for (unsigned change = random() % 8; change > 0; --change) {
                const std::size_t where = seed.size() > 100000 && random() % 2 == 0 ? (192U << 10U) + random() % 128
                                                                                    : random() % std::min<std::size_t>(bytes.size(), 600);
                bytes[where] = static_cast<char>(static_cast<std::uint8_t>(random() % 4 == 0 ? 0xff : random()));
            }
            if (random() % 4 == 0) {
                bytes.resize(random() % bytes.size());
            }
            const auto found = recognise(bytes, random() % 2 == 0 ? 1ULL << (random() % 50) : 0);
            ++answers[found.has_value()];
            if (!found) {
                EXPECT_FALSE(found.error().message.empty());
            }
        }
    }
    EXPECT_GT(answers[true], 100U);
    EXPECT_GT(answers[false], 100U);
}

}  // namespace
}  // namespace amivirt
