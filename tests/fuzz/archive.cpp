// Bundles and OVAs of strangers: looked at and taken apart. The input is a tar whose checksums are set right here, which no mutation would
// find.
#include <fmt/format.h>

#include <charconv>

#include "adapters/carry/carry.hpp"
#include "amivirt/base/progress.hpp"
#include "scratch.hpp"

using namespace amivirt;

namespace {

constexpr std::size_t k_block = 512;
constexpr std::size_t k_largest = std::size_t{1} << 20U;

void set_checksums(std::string& tar) {
    for (std::size_t at = 0; at + k_block <= tar.size();) {
        constexpr std::size_t k_field = 148;
        tar.replace(at + k_field, 8, 8, ' ');
        unsigned sum = 0;
        for (std::size_t i = 0; i < k_block; ++i) {
            sum += static_cast<unsigned char>(tar[at + i]);
        }
        tar.replace(at + k_field, 7, fmt::format("{:06o}", sum) + '\0');
        std::size_t length = 0;
        std::from_chars(tar.data() + at + 124, tar.data() + at + 135, length, 8);
        at += k_block + std::min(tar.size(), (length + k_block - 1) / k_block * k_block);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const fuzz::Scratch scratch;
    static const auto archives = make_image_archives(Bytes{k_largest});
    std::string bytes(fuzz::bytes(data, size));
    set_checksums(bytes);
    const std::string file = scratch.write("archive", bytes);
    const auto kind = archives->recognise(file);
    const auto looked = archives->look(file);
    if (!looked) {
        fuzz::demand(fuzz::utf8(looked.error().message), "what is said of an archive is UTF-8");
        return 0;
    }
    fuzz::demand(kind == looked->kind, "what it is, is told twice alike");
    std::vector<std::string> targets;
    for (std::size_t i = 0; i < looked->disks.size(); ++i) {
        fuzz::demand(looked->disks[i].virtual_size.count <= k_largest, "a disk is not larger than allowed");
        targets.push_back(scratch.path(fmt::format("out{}", i)));
    }
    SilentProgress progress;
    const auto extracted = archives->extract(file, *looked, targets, progress);
    fuzz::demand(extracted || fuzz::utf8(extracted.error().message), "what is said of its members is UTF-8");
    return 0;
}
