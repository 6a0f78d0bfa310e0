#include "adapters/libvirt/screens.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <vector>

#include <jpeglib.h>
#include <png.h>

namespace amivirt::libvirt {

namespace {

constexpr unsigned k_most_pixels = 16384;  // a side
constexpr std::size_t k_most_bytes = std::size_t{256} << 20U;
constexpr int k_quality = 85;
constexpr std::size_t k_piece = 65536;

/// What libjpeg calls where it would end the process.
struct JpegFailure {
    jpeg_error_mgr manager;
    std::jmp_buf back;
};
void jump_back(j_common_ptr info) { std::longjmp(reinterpret_cast<JpegFailure*>(info->err)->back, 1); }
void say_nothing(j_common_ptr /*info*/) {}

/// Of rows of RGB; false if it cannot be. Nothing here has a destructor, which a jump would skip. `bytes` is malloc's, also after a
/// failure.
bool compress(const unsigned char* pixels, unsigned width, unsigned height, unsigned char** bytes, unsigned long* size) {
    jpeg_compress_struct info;
    JpegFailure failure;
    info.err = jpeg_std_error(&failure.manager);
    failure.manager.error_exit = jump_back;
    failure.manager.output_message = say_nothing;
    if (setjmp(failure.back) != 0) {
        jpeg_destroy_compress(&info);
        return false;
    }
    jpeg_create_compress(&info);
    jpeg_mem_dest(&info, bytes, size);
    info.image_width = width;
    info.image_height = height;
    info.input_components = 3;
    info.in_color_space = JCS_RGB;
    jpeg_set_defaults(&info);
    jpeg_set_quality(&info, k_quality, TRUE);
    jpeg_start_compress(&info, TRUE);
    while (info.next_scanline < height) {
        // libjpeg takes rows it does not write to as if it did.
        JSAMPROW row = const_cast<JSAMPROW>(pixels + std::size_t{info.next_scanline} * width * 3);
        jpeg_write_scanlines(&info, &row, 1);
    }
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
    return true;
}

/// The next number of the header, behind blanks and comments.
std::optional<unsigned> header_number(std::string_view& ppm) {
    const auto is_blank = [](char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; };
    while (!ppm.empty() && (is_blank(ppm.front()) || ppm.front() == '#')) {
        ppm.remove_prefix(ppm.front() == '#' ? std::min(ppm.find('\n'), ppm.size()) : 1);
    }
    unsigned number = 0;
    const auto [end, error] = std::from_chars(ppm.data(), ppm.data() + ppm.size(), number);
    if (error != std::errc()) {
        return std::nullopt;
    }
    ppm.remove_prefix(static_cast<std::size_t>(end - ppm.data()));
    return number;
}

struct Pixels {
    unsigned width = 0;
    unsigned height = 0;
    std::vector<unsigned char> rgb;
};

bool is_screen(std::optional<unsigned> width, std::optional<unsigned> height) {
    return width && height && *width > 0 && *height > 0 && *width <= k_most_pixels && *height <= k_most_pixels;
}

std::optional<Pixels> pixels_of_ppm(std::string_view ppm) {
    ppm.remove_prefix(2);  // "P6"
    const auto width = header_number(ppm);
    const auto height = header_number(ppm);
    const auto depth = header_number(ppm);
    if (!is_screen(width, height) || depth != 255U) {
        return std::nullopt;
    }
    const std::size_t size = std::size_t{*width} * *height * 3;
    if (ppm.size() < 1 + size) {
        return std::nullopt;
    }
    ppm = ppm.substr(1, size);  // behind one blank
    return Pixels{*width, *height, {ppm.begin(), ppm.end()}};
}

std::optional<Pixels> pixels_of_png(std::string_view png) {
    png_image image{};
    image.version = PNG_IMAGE_VERSION;
    if (png_image_begin_read_from_memory(&image, png.data(), png.size()) == 0) {
        return std::nullopt;
    }
    image.format = PNG_FORMAT_RGB;
    std::optional<Pixels> pixels;
    if (is_screen(image.width, image.height)) {
        pixels = Pixels{image.width, image.height, std::vector<unsigned char>(PNG_IMAGE_SIZE(image))};
        if (png_image_finish_read(&image, nullptr, pixels->rgb.data(), 0, nullptr) == 0) {
            pixels.reset();
        }
    }
    png_image_free(&image);
    return pixels;
}

class LibvirtScreens final : public Screens {
public:
    explicit LibvirtScreens(std::shared_ptr<Domains> domains) : domains_(std::move(domains)) {}

    [[nodiscard]] Result<std::string> shoot(const InstanceId& instance) override {
        std::string picture;
        bool has_display = true;
        AMIVIRT_TRY(domains_->with_running(instance, "take a picture of the display of",
                                           [&](virDomainPtr domain, const Connection& connection, Attempt) -> Outcome {
                                               picture.clear();
                                               const StreamPtr stream(virStreamNew(connection.handle.get(), 0));
                                               if (!stream) {
                                                   return last_failure();
                                               }
                                               const CString type(virDomainScreenshot(domain, stream.get(), 0, 0));
                                               if (!type) {
                                                   auto failure = last_failure();
                                                   has_display = !says(failure, "no screens");
                                                   return has_display ? Outcome(std::move(failure)) : Outcome();
                                               }
                                               std::vector<char> piece(k_piece);
                                               while (picture.size() < k_most_bytes) {
                                                   const int got = virStreamRecv(stream.get(), piece.data(), piece.size());
                                                   if (got < 0) {
                                                       auto failure = last_failure();
                                                       virStreamAbort(stream.get());
                                                       return failure;
                                                   }
                                                   if (got == 0) {
                                                       break;
                                                   }
                                                   picture.append(piece.data(), static_cast<std::size_t>(got));
                                               }
                                               return virStreamFinish(stream.get()) == 0 ? Outcome() : Outcome(last_failure());
                                           }));
        if (!has_display) {
            return Error(
                Code::unsupported_operation,
                fmt::format("The instance '{}' has no display: what it prints goes to its serial console", instance.str()),
                fmt::format("`amivirt console {}` shows that; a <video> device in your own domain.xml gives a display", instance.str()));
        }
        return jpeg_of(picture);
    }

private:
    std::shared_ptr<Domains> domains_;
};

}  // namespace

Result<std::string> jpeg_of(std::string_view picture) {
    const auto pixels = picture.starts_with("P6") ? pixels_of_ppm(picture) : pixels_of_png(picture);
    if (!pixels) {
        return Error(Code::hypervisor_failed, "the hypervisor gave a picture that cannot be read (expecting PNG or PPM)");
    }
    unsigned char* bytes = nullptr;
    unsigned long size = 0;
    const bool done = compress(pixels->rgb.data(), pixels->width, pixels->height, &bytes, &size);
    std::string jpeg(reinterpret_cast<const char*>(bytes), done ? size : 0);
    std::free(bytes);
    return done ? Result<std::string>(std::move(jpeg))
                : Result<std::string>(Error(Code::hypervisor_failed, "the picture cannot be made a JPEG"));
}

std::unique_ptr<Screens> make_screens(std::shared_ptr<Domains> domains) { return std::make_unique<LibvirtScreens>(std::move(domains)); }

}  // namespace amivirt::libvirt
