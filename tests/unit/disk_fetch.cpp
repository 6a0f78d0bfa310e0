// What a source's name means, and what its first bytes say.
#include <gtest/gtest.h>

#include <string>

#include "adapters/common/digest.hpp"
#include "adapters/fetch/compression.hpp"
#include "adapters/fetch/source.hpp"

namespace amivirt {
namespace {

using namespace std::string_view_literals;

TEST(SourceName, TellsFilesFromUrls) {
    EXPECT_EQ(parse_source("disk.qcow2")->path, "disk.qcow2");
    EXPECT_EQ(parse_source("/a b/disk:1.img")->path, "/a b/disk:1.img");
    EXPECT_EQ(parse_source("./odd://name")->path, "./odd://name");
    EXPECT_EQ(parse_source("https://example.org/x.img")->url, "https://example.org/x.img");
    EXPECT_EQ(parse_source("HTTP://example.org/x.img")->url, "HTTP://example.org/x.img");
    EXPECT_TRUE(parse_source("https://example.org/x.img")->path.empty());
}

TEST(SourceName, DecodesFileUrls) {
    EXPECT_EQ(parse_source("file:///tmp/a%20b%2Fc")->path, "/tmp/a b/c");
    EXPECT_EQ(parse_source("file://localhost/tmp/x")->path, "/tmp/x");
    for (const char* bad : {"file://elsewhere/tmp/x", "file://", "file:///a%2", "file:///a%zz", "file:///a%00"}) {
        const auto name = parse_source(bad);
        ASSERT_FALSE(name) << bad;
        EXPECT_EQ(name.error().code, Code::fetch_failed);
        EXPECT_NE(name.error().message.find(bad), std::string::npos);
    }
}

TEST(SourceName, RefusesOtherSchemes) {
    for (const char* bad : {"ftp://example.org/x", "s3://bucket/x", ""}) {
        const auto name = parse_source(bad);
        ASSERT_FALSE(name) << bad;
        EXPECT_EQ(name.error().code, Code::fetch_failed);
    }
}

TEST(SourceName, HidesCredentials) {
    EXPECT_EQ(without_credentials("https://me:pass@example.org/x@y"), "https://example.org/x@y");
    EXPECT_EQ(without_credentials("https://example.org/x@y"), "https://example.org/x@y");
    EXPECT_EQ(without_credentials("https://a@b@example.org"), "https://example.org");
    EXPECT_EQ(without_credentials("/plain/file@x"), "/plain/file@x");
    EXPECT_EQ(parse_source("ftp://me:pass@example.org/x").error().message.find("pass"), std::string::npos);
}

TEST(Digest, KnowsTheVectors) {  // source: FIPS 180-2
    EXPECT_EQ(sha256_of(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(sha256_of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    Sha256 pieces;
    pieces.update("a");
    pieces.update("");
    pieces.update("bc");
    EXPECT_EQ(pieces.finish(), sha256_of("abc"));
}

TEST(CompressionTest, IsToldByTheFirstBytes) {
    EXPECT_EQ(recognise_compression("\x1f\x8b\x08\0\0\0"sv), Compression::gzip);
    EXPECT_EQ(recognise_compression("\xfd"
                                    "7zXZ\0"sv),
              Compression::xz);
    EXPECT_EQ(recognise_compression("\x28\xb5\x2f\xfd\0\0"sv), Compression::zstd);
    EXPECT_EQ(recognise_compression("\x5e\x2a\x4d\x18\0\0"sv), Compression::zstd);
    EXPECT_EQ(recognise_compression("QFI\xfb\0\0"sv), Compression::none);
    EXPECT_EQ(recognise_compression("\x1f\x8b"sv), Compression::none);
    EXPECT_EQ(recognise_compression(""), Compression::none);
}

TEST(CompressionTest, PassesOnErrorsOfItsReaderAndWriter) {
    // gzip of "hello\n"
    const std::string hello("\x1f\x8b\x08\0\0\0\0\0\0\x03\xcb\x48\xcd\xc9\xc9\xe7\x02\0\x20\x30\x3a\x36\x06\0\0\0", 26);
    std::string out;
    std::size_t pieces = 0;
    UnpackRequest request{Compression::gzip, "x.gz",
                          [&]() -> Result<std::string_view> { return pieces++ == 0 ? std::string_view(hello) : std::string_view(); },
                          [&](std::string_view bytes) -> Result<void> {
                              out += bytes;
                              return {};
                          },
                          Bytes{100}};
    ASSERT_EQ(unpack(request)->count, 6U);
    EXPECT_EQ(out, "hello\n");

    pieces = 0;
    request.limit = Bytes{5};
    EXPECT_EQ(unpack(request).error().code, Code::invalid_disk_image);

    pieces = 0;
    request.limit = Bytes{100};
    request.write = [](std::string_view) -> Result<void> { return Error(Code::store_full, "full"); };
    EXPECT_EQ(unpack(request).error().code, Code::store_full);

    request.read = []() -> Result<std::string_view> { return Error(Code::io_error, "broken disk"); };
    EXPECT_EQ(unpack(request).error().message, "broken disk");

    pieces = 0;
    request.read = [&]() -> Result<std::string_view> { return pieces++ == 0 ? std::string_view(hello).substr(0, 20) : std::string_view(); };
    request.write = [](std::string_view) -> Result<void> { return {}; };
    const auto cut = unpack(request);
    ASSERT_FALSE(cut);
    EXPECT_EQ(cut.error().code, Code::invalid_disk_image);
    EXPECT_NE(cut.error().message.find("x.gz"), std::string::npos);
}

}  // namespace
}  // namespace amivirt
