// image.yaml of strangers.
#include "adapters/manifest/manifest.hpp"
#include "scratch.hpp"

using namespace amivirt;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const fuzz::Scratch scratch;
    static const std::string disk = scratch.write("disk.img", "not looked at");
    static const auto reader = make_manifest_reader();
    const auto read = reader->read(scratch.write("image.yaml", fuzz::bytes(data, size)));
    if (!read) {
        fuzz::demand(read.error().code == Code::invalid_manifest, "a manifest is right or wrong");
        fuzz::demand(fuzz::utf8(read.error().message), "what is said of it is UTF-8");
        return 0;
    }
    fuzz::demand(check_image_name(read->name).has_value(), "a name that is taken is one");
    fuzz::demand(check_description(read->description).has_value(), "a description that is taken is one");
    fuzz::demand(check_tags(read->tags).has_value(), "tags that are taken are some");
    const int sources = static_cast<int>(!read->source.file.empty()) + static_cast<int>(!read->source.url.empty()) +
                        static_cast<int>(!read->source.build.empty());
    fuzz::demand(sources == 1, "a disk comes from one place");
    return 0;
}
