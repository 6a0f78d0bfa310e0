// Empty qcow2 files, byte for byte as the format wants them; qemu-img judges them in the contract tests.
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <tuple>

#include "adapters/qemu_img/luks.hpp"
#include "adapters/qemu_img/overlay.hpp"

namespace amivirt {
namespace {

std::uint64_t big(const std::string& bytes, std::size_t at, std::size_t count) {
    std::uint64_t value = 0;
    for (std::size_t i = at; i < at + count; ++i) {
        value = value << 8U | static_cast<std::uint8_t>(bytes.at(i));
    }
    return value;
}

std::string at(const SparseFile& file, std::uint64_t offset) {
    for (const auto& [start, bytes] : file.pieces) {
        if (start == offset) {
            return bytes;
        }
    }
    return {};
}

/// Size, encrypted?
class Overlay : public testing::TestWithParam<std::tuple<std::uint64_t, bool>> {};

TEST_P(Overlay, HasTheSizeItsTablesAndNothingElse) {
    const auto [size, encrypted] = GetParam();
    const auto made = empty_overlay(Bytes{size}, "layer-0.qcow2", encrypted ? luks_header(std::string(64, 'a')) : "");
    ASSERT_TRUE(made) << made.error().message;
    const std::string header = at(*made, 0);
    EXPECT_EQ(header.substr(0, 4), "QFI\xfb");
    EXPECT_EQ(big(header, 4, 4), 3U);
    EXPECT_EQ(big(header, 24, 8), size);
    const std::uint64_t cluster = 1ULL << big(header, 20, 4);
    const std::uint64_t l1_entries = big(header, 36, 4);
    const std::uint64_t l1_offset = big(header, 40, 8);
    const std::uint64_t covered = cluster * (cluster / 8);
    EXPECT_EQ(l1_entries, size / covered + (size % covered != 0 ? 1 : 0));
    EXPECT_LE(l1_offset + l1_entries * 8, made->length);
    EXPECT_EQ(made->length % cluster, 0U);
    // Every cluster of the file is counted once, and no other.
    const std::uint64_t block = big(at(*made, big(header, 48, 8)), 0, 8);
    const std::string counts = at(*made, block);
    EXPECT_EQ(counts.size() / 2, made->length / cluster);
    for (std::size_t i = 0; i < counts.size(); i += 2) {
        EXPECT_EQ(big(counts, i, 2), 1U);
    }
    // The L1 table, which points nowhere, is a hole.
    for (const auto& [offset, bytes] : made->pieces) {
        EXPECT_TRUE(offset + bytes.size() <= l1_offset || offset >= l1_offset + l1_entries * 8);
    }
    EXPECT_EQ(big(header, 32, 4), encrypted ? 2U : 0U);
}

INSTANTIATE_TEST_SUITE_P(Sizes, Overlay,
                         testing::Combine(testing::Values(512U, 1ULL << 20U, (1ULL << 29U) - 512, 1ULL << 29U, (1ULL << 29U) + 512,
                                                          8ULL << 30U, 1ULL << 40U, 16ULL << 40U),
                                          testing::Bool()));

TEST(OverlayTest, NamesItsParentRelativelyAndItsFormat) {
    const auto made = empty_overlay(Bytes{1ULL << 30U}, "layer-00000000000000001.qcow2");
    ASSERT_TRUE(made);
    const std::string header = at(*made, 0);
    const std::uint64_t offset = big(header, 8, 8);
    EXPECT_EQ(header.substr(offset, big(header, 16, 4)), "layer-00000000000000001.qcow2");
    EXPECT_EQ(big(header, 112, 4), 0xe2792acaU);
    EXPECT_EQ(header.substr(120, 5), "qcow2");
}

TEST(OverlayTest, TellsWhereItsLuksHeaderIs) {
    const std::string luks = luks_header(std::string(64, 'a'));
    const auto made = empty_overlay(Bytes{1ULL << 30U}, "", luks);
    ASSERT_TRUE(made);
    const std::string header = at(*made, 0);
    EXPECT_EQ(big(header, 112, 4), 0x0537be77U);
    EXPECT_EQ(big(header, 116, 4), 16U);
    EXPECT_EQ(at(*made, big(header, 120, 8)), luks);
    EXPECT_EQ(big(header, 128, 8), k_luks_length);
    EXPECT_LE(big(header, 120, 8) + k_luks_length, made->length);
}

TEST(LuksTest, HasOneSlotAndShowsNeitherPassphraseNorTheSameTwice) {
    const std::string passphrase = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    const std::string luks = luks_header(passphrase);
    EXPECT_EQ(luks.substr(0, 6), "LUKS\xba\xbe");
    EXPECT_EQ(luks.size(), 4096U + 64U * 4000U);
    EXPECT_EQ(big(luks, 108, 4), 64U) << "bytes of the data's key";
    for (std::size_t slot = 0; slot < 8; ++slot) {
        EXPECT_EQ(big(luks, 208 + slot * 48, 4), slot == 0 ? 0x00AC71F3U : 0x0000DEADU);
    }
    EXPECT_EQ(luks.find(passphrase), std::string::npos);
    const std::string other = luks_header(passphrase);
    EXPECT_NE(luks.substr(112, 52), other.substr(112, 52));
    EXPECT_NE(luks.substr(4096), other.substr(4096));
}

TEST(OverlayTest, WithoutAParentHasNoBackingFile) {
    const auto made = empty_overlay(Bytes{1ULL << 30U}, "");
    ASSERT_TRUE(made);
    EXPECT_EQ(big(at(*made, 0), 8, 8), 0U);
    EXPECT_EQ(big(at(*made, 0), 16, 4), 0U);
}

TEST(OverlayTest, RefusesSizesThatAreNoDisk) {
    for (const std::uint64_t size :
         {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{513}, std::uint64_t{1} << 62U, ~std::uint64_t{511}}) {
        const auto made = empty_overlay(Bytes{size}, "");
        ASSERT_FALSE(made) << size;
        EXPECT_EQ(made.error().code, Code::invalid_parameter_value);
        EXPECT_NE(made.error().message.find(std::to_string(size)), std::string::npos);
    }
}

TEST(OverlayTest, RefusesAParentNameTooLongForTheFormat) {
    EXPECT_TRUE(empty_overlay(Bytes{512}, std::string(1023, 'a')));
    EXPECT_FALSE(empty_overlay(Bytes{512}, std::string(1024, 'a')));
}

}  // namespace
}  // namespace amivirt
