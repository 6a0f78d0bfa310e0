// QEMU's screen dump as JPEG: decoded again it shows what went in.
#include "adapters/libvirt/screens.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <string>
#include <vector>

#include <jpeglib.h>
#include <png.h>

namespace amivirt::libvirt {
namespace {

struct Picture {
    unsigned width = 0;
    unsigned height = 0;
    std::vector<unsigned char> pixels;
};

Picture decoded(const std::string& jpeg) {
    jpeg_decompress_struct info;
    jpeg_error_mgr manager;
    info.err = jpeg_std_error(&manager);
    jpeg_create_decompress(&info);
    jpeg_mem_src(&info, reinterpret_cast<const unsigned char*>(jpeg.data()), jpeg.size());
    jpeg_read_header(&info, TRUE);
    jpeg_start_decompress(&info);
    Picture picture{info.output_width, info.output_height, {}};
    picture.pixels.resize(std::size_t{picture.width} * picture.height * 3);
    while (info.output_scanline < info.output_height) {
        JSAMPROW row = picture.pixels.data() + std::size_t{info.output_scanline} * picture.width * 3;
        jpeg_read_scanlines(&info, &row, 1);
    }
    jpeg_finish_decompress(&info);
    jpeg_destroy_decompress(&info);
    return picture;
}

TEST(LibvirtScreens, APictureComesOutAsItWentIn) {
    std::string ppm = "P6\n# made by a test\n32 16\n255\n";
    for (int y = 0; y < 16; ++y) {
        for (int x = 0; x < 32; ++x) {
            ppm += x < 16 ? std::string("\xff\0\0", 3) : std::string("\0\0\xff", 3);  // red, and blue
        }
    }
    const auto jpeg = jpeg_of(ppm);
    ASSERT_TRUE(jpeg.has_value());
    const auto picture = decoded(*jpeg);
    ASSERT_EQ(picture.width, 32U);
    ASSERT_EQ(picture.height, 16U);
    EXPECT_GT(picture.pixels[0], 200);
    EXPECT_LT(picture.pixels[2], 60);
    const std::size_t last = picture.pixels.size() - 3;
    EXPECT_LT(picture.pixels[last], 60);
    EXPECT_GT(picture.pixels[last + 2], 200);
}

TEST(LibvirtScreens, PngToo) {
    std::vector<unsigned char> rgb(std::size_t{8} * 8 * 3, 0);
    for (std::size_t at = 1; at < rgb.size(); at += 3) {
        rgb[at] = 255;  // green
    }
    png_image image{};
    image.version = PNG_IMAGE_VERSION;
    image.width = 8;
    image.height = 8;
    image.format = PNG_FORMAT_RGB;
    std::string png(10000, 0);
    png_alloc_size_t size = png.size();
    ASSERT_NE(png_image_write_to_memory(&image, png.data(), &size, 0, rgb.data(), 0, nullptr), 0);
    png.resize(size);
    const auto jpeg = jpeg_of(png);
    ASSERT_TRUE(jpeg.has_value());
    const auto picture = decoded(*jpeg);
    ASSERT_EQ(picture.width, 8U);
    EXPECT_LT(picture.pixels[0], 60);
    EXPECT_GT(picture.pixels[1], 200);
    EXPECT_FALSE(jpeg_of(png.substr(0, png.size() / 2)).has_value());
}

TEST(LibvirtScreens, WhatIsNoPictureIsRefused) {
    const std::string one_pixel = "P6 1 1 255 abc";
    EXPECT_TRUE(jpeg_of(one_pixel).has_value());
    for (const std::string bad : {"", "P6", "P5 1 1 255 abc", "P6 1 1 255 ab", "P6 0 1 255 abc", "P6 1 1 65535 abcdef",
                                  "P6 99999 1 255 abc", "P6 # endless", "P6 16384 16384 255 abc", "\x89PNG\r\n"}) {
        const auto refused = jpeg_of(bad);
        ASSERT_FALSE(refused.has_value()) << bad;
        EXPECT_EQ(refused.error().code, Code::hypervisor_failed);
    }
}

}  // namespace
}  // namespace amivirt::libvirt
