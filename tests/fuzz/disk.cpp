// Headers of disk images: qcow2, VMDK, VDI, VHD, VHDX and what is taken for raw; and that of a layer of ours.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "adapters/common/layer_header.hpp"
#include "adapters/qemu_img/disk_format.hpp"
#include "fuzz.hpp"

using namespace amivirt;

namespace {

/// The input, and zeros after it up to `length`; the end may be the input's own last sector, as a VHD has its footer there.
class InputBytes final : public ByteSource {
public:
    InputBytes(std::string_view bytes, std::uint64_t length) : bytes_(bytes), length_(std::max<std::uint64_t>(length, bytes.size())) {}
    [[nodiscard]] std::uint64_t size() const override { return length_; }
    [[nodiscard]] Result<std::string> read(std::uint64_t offset, std::size_t count) const override {
        fuzz::demand(count <= std::size_t{1} << 26U, "no header asks for more than 64 MiB at once");
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
    std::string_view bytes_;
    std::uint64_t length_;
};

void recognise(std::string_view bytes, std::uint64_t length) {
    const auto format = recognise_disk(InputBytes(bytes, length), "disk");
    if (!format) {
        fuzz::demand(format.error().code == Code::invalid_disk_image, "a disk is refused as one");
        fuzz::demand(fuzz::utf8(format.error().message), "what is said of it is UTF-8");
        return;
    }
    constexpr std::array<std::string_view, 6> k_known{"qcow2", "vmdk", "vdi", "vpc", "vhdx", "raw"};
    fuzz::demand(std::find(k_known.begin(), k_known.end(), format->format) != k_known.end(), "the format is one of those we know");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes = fuzz::bytes(data, size);
    recognise(bytes, 0);
    recognise(bytes, std::uint64_t{1} << 21U);
    recognise(bytes, std::uint64_t{1} << 40U);

    static const int fd = ::memfd_create("layer", MFD_CLOEXEC);
    fuzz::demand(::ftruncate(fd, 0) == 0 && ::pwrite(fd, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()),
                 "a file can be written");
    const auto header = read_layer_header(fd, "layer");
    const bool encrypted = says_encrypted(fd);
    if (!header) {
        fuzz::demand(header.error().code == Code::store_corrupt, "a layer is refused as one");
        fuzz::demand(fuzz::utf8(header.error().message), "what is said of it is UTF-8");
        return 0;
    }
    fuzz::demand(header->encrypted == encrypted, "both say the same of encryption");
    fuzz::demand(header->parent.has_value() == (header->backing_offset != 0), "a layer stands on a layer, or on nothing");
    return 0;
}
