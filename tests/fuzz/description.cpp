// The description in an archive, without the archive: OVF, and a bundle's manifest.json. What was read can be written, and is the same
// then.
#include "adapters/carry/bundle_manifest.hpp"
#include "adapters/carry/ovf.hpp"
#include "fuzz.hpp"

using namespace amivirt;

namespace {

void refused(const Error& error) {
    fuzz::demand(error.code == Code::invalid_disk_image || error.code == Code::store_too_new, "a description is refused as one");
    fuzz::demand(fuzz::utf8(error.message), "what is said of it is UTF-8");
}

void same(const CarriedImage& one, const Result<CarriedImage>& other) {
    fuzz::demand(other.has_value(), "what was written can be read");
    fuzz::demand(one.disks.size() == other->disks.size(), "there are as many disks");
    for (std::size_t i = 0; i < one.disks.size(); ++i) {
        const auto& before = one.disks[i];
        const auto& after = other->disks[i];
        fuzz::demand(before.device_name == after.device_name && before.virtual_size.count == after.virtual_size.count,
                     "a disk is the same");
    }
    fuzz::demand(!fuzz::utf8(one.image.name) || one.image.name == other->image.name, "the name is the same");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = fuzz::bytes(data, size);
    const auto ovf = read_ovf(text, "machine.ova");
    if (!ovf) {
        refused(ovf.error());
    } else {
        const std::string written = write_ovf(*ovf);
        fuzz::demand(fuzz::as_xml_says(written) == written, "an OVF has none but XML's characters");
        for (std::size_t at = written.find("&#"); at != std::string::npos; at = written.find("&#", at + 1)) {
            const int code = std::atoi(written.c_str() + at + 2);
            fuzz::demand(code == '\t' || code == '\n' || code == '\r' || code >= ' ', "nor refers to others");
        }
    }
    const auto bundle = read_bundle_manifest(text, "image.bundle");
    if (!bundle) {
        refused(bundle.error());
    } else {
        same(*bundle, read_bundle_manifest(write_bundle_manifest(*bundle), "image.bundle"));
    }
    return 0;
}
