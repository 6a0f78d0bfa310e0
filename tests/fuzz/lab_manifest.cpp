// lab.yaml of strangers.
#include "adapters/manifest/manifest.hpp"
#include "faces/cli/values.hpp"
#include "scratch.hpp"

using namespace amivirt;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const fuzz::Scratch scratch;
    static const std::string text = scratch.write("text", "ssh-ed25519 AAAA somebody\n");
    static const auto reader = make_lab_reader(cli::parse_port_forward);
    const auto read = reader->read(scratch.write("lab.yaml", fuzz::bytes(data, size)));
    if (!read) {
        fuzz::demand(read.error().code == Code::invalid_manifest, "a lab is right or wrong");
        fuzz::demand(fuzz::utf8(read.error().message), "what is said of it is UTF-8");
        return 0;
    }
    fuzz::demand(!read->name.empty(), "a lab has a name");
    for (const auto& instance : read->instances) {
        fuzz::demand(check_tags(instance.tags).has_value(), "tags that are taken are some");
    }
    return 0;
}
