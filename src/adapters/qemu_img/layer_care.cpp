#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>

#include "adapters/common/digest.hpp"
#include "adapters/common/files.hpp"
#include "adapters/qemu_img/layer_folder.hpp"
#include "adapters/qemu_img/qemu_img.hpp"
#include "adapters/qemu_img/tool.hpp"
#include "amivirt/base/fault.hpp"
#include "amivirt/base/interrupt.hpp"

namespace amivirt {
namespace {

using files::FileDescriptor;
using Json = nlohmann::json;
using Links = std::vector<LayerFolder::Link>;
using Chain = std::vector<std::pair<LayerId, LayerHeader>>;

Encrypted encrypted(const LayerHeader& header) { return header.encrypted ? Encrypted::yes : Encrypted::no; }

bool any_encrypted(const Links& links) {
    return std::any_of(links.begin(), links.end(), [](const auto& link) { return link.encrypted; });
}

class QemuImgCare final : public LayerCare {
public:
    explicit QemuImgCare(const StoreOptions& options) : processes_(options.processes), folder_(options.disks_folder, options.key_file) {}

    Result<void> merge(const LayerId& target, const LayerId& source, const std::optional<LayerId>& base, Progress& progress) override;
    Result<void> rebase(const LayerId& layer, const LayerId& parent) override;
    Result<std::vector<std::string>> check(const LayerId& layer) override;
    Result<std::string> checksum(const LayerId& layer, Progress& progress) override;

private:
    [[nodiscard]] Result<Chain> sealed_chain(const LayerId& source, const std::optional<LayerId>& base) const;
    [[nodiscard]] Result<void> add_key(Command& command, bool needed);
    [[nodiscard]] Result<void> copy(const Links& from, const std::vector<std::string>& words, const std::string& to, Bytes size,
                                    std::function<void(std::string_view)> on_output);

    ProcessRunner& processes_;
    LayerFolder folder_;
};

Result<void> QemuImgCare::add_key(Command& command, bool needed) {
    if (needed) {
        const std::vector<std::string> key = AMIVIRT_TRY(folder_.key().arguments());
        command.argv.insert(command.argv.end(), key.begin(), key.end());
    }
    return {};
}

Result<Chain> QemuImgCare::sealed_chain(const LayerId& source, const std::optional<LayerId>& base) const {
    Chain chain = AMIVIRT_TRY(folder_.chain(source));
    for (const auto& [id, header] : chain) {
        const std::string file = folder_.path(id);
        const FileDescriptor fd = AMIVIRT_TRY(files::open(file, O_RDONLY));
        if (!is_sealed(AMIVIRT_TRY(status_of(fd.get(), file)).st_mode)) {
            return Error(Code::incorrect_state, fmt::format("The layer \"{}\" is not sealed.", id.str()));
        }
    }
    if (base && (*base == source || std::none_of(chain.begin(), chain.end(), [&](const auto& link) { return link.first == *base; }))) {
        return Error(Code::internal_error, fmt::format("The layer \"{}\" is not below layer \"{}\".", base->str(), source.str()));
    }
    return chain;
}

// With -B, qemu-img convert copies what the topmost layer alone has (QEMU 7.2), zeros included, and would lose what lies between it and the
// base. So over a base each layer is copied in turn, the lowest first; over nothing one copy sees through them all. (qemu-img rebase would
// do it at once, but cannot be given the key of an encrypted base.)
Result<void> QemuImgCare::merge(const LayerId& target, const LayerId& source, const std::optional<LayerId>& base, Progress& progress) {
    const Chain chain = AMIVIRT_TRY(sealed_chain(source, base));
    const LayerHeader& top = chain.front().second;
    Links links;
    for (const auto& [id, header] : chain) {
        links.push_back({folder_.path(id), header.encrypted});
    }
    const std::string file = folder_.temporary(target);
    files::RemoveLater guard(file);
    AMIVIRT_TRY(folder_.write_empty(target, base, top.virtual_size, encrypted(top)));
    fault_point("layer_care.merge_opened");
    progress.phase("merging", top.virtual_size);
    if (base) {
        const auto at = std::find_if(chain.begin(), chain.end(), [&](const auto& link) { return link.first == *base; });
        const auto count = static_cast<std::size_t>(at - chain.begin());
        Links over_base(links.begin() + (at - chain.begin()), links.end());
        over_base.insert(over_base.begin(), {file, top.encrypted});
        const std::string to = AMIVIRT_TRY(LayerFolder::stacked(over_base));
        for (std::size_t done = 0; done < count; ++done) {
            const Links from(links.begin() + static_cast<std::ptrdiff_t>(count - 1 - done), links.end());
            const std::uint64_t share = top.virtual_size.count / count;
            AMIVIRT_TRY(copy(from, {"-O", "qcow2", "-F", "qcow2", "-B", LayerFolder::name(*base)}, to, top.virtual_size,
                             qemu_img::percent_of(progress, Bytes{done * share}, Bytes{share})));
            fault_point("layer_care.merge_copied");
        }
    } else {
        AMIVIRT_TRY(copy(links, {"--target-is-zero", "--target-image-opts"}, LayerFolder::options(file, encrypted(top)), top.virtual_size,
                         qemu_img::percent_of(progress, Bytes{0}, top.virtual_size)));
        fault_point("layer_care.merge_copied");
    }
    progress.advance(top.virtual_size);
    AMIVIRT_TRY(folder_.name_sealed(target));
    guard.keep();
    return {};
}

Result<void> QemuImgCare::copy(const Links& from, const std::vector<std::string>& words, const std::string& to, Bytes size,
                               std::function<void(std::string_view)> on_output) {
    Command command;
    // Into the file that is there already (-n). Target cache "unsafe": we sync once, at the end.
    command.argv = {"convert", "-p", "-n", "-t", "unsafe"};
    AMIVIRT_TRY(add_key(command, any_encrypted(from)));
    command.argv.insert(command.argv.end(), words.begin(), words.end());
    const std::string argument = AMIVIRT_TRY(LayerFolder::stacked(from));
    command.argv.insert(command.argv.end(), {argument, to});
    // All of the disk, its tables, and some air.
    command.file_size_limit = Bytes{size.count + size.count / 1024 + (64ULL << 20U)};
    command.on_output = std::move(on_output);
    const CommandResult result = AMIVIRT_TRY(qemu_img::run(processes_, std::move(command), qemu_img::k_copy));
    if (result.exit_status != 0) {
        const auto locked = std::find_if(from.begin(), from.end(), [](const auto& link) { return link.encrypted; });
        return qemu_img::layer_error(result, "merge", argument, (locked == from.end() ? from.front() : *locked).file, folder_.key());
    }
    return {};
}

Result<void> QemuImgCare::rebase(const LayerId& layer, const LayerId& parent) {
    const std::string file = folder_.path(layer);
    const std::string parent_file = folder_.path(parent);
    LayerHeader below;
    {
        const FileDescriptor fd = AMIVIRT_TRY(files::open(parent_file, O_RDONLY));
        below = AMIVIRT_TRY(read_layer_header(fd.get(), parent_file));
    }
    FileDescriptor fd = AMIVIRT_TRY(files::open(file, O_RDONLY));
    const LayerHeader header = AMIVIRT_TRY(read_layer_header(fd.get(), file));
    if (is_sealed(AMIVIRT_TRY(status_of(fd.get(), file)).st_mode)) {
        return Error(Code::incorrect_state, fmt::format("The layer \"{}\" is sealed and keeps its parent.", layer.str()));
    }
    if (header.virtual_size < below.virtual_size) {
        return Error(Code::invalid_parameter_value,
                     fmt::format("The layer \"{}\" holds {} and cannot lie over layer \"{}\", which holds {}.", layer.str(),
                                 human(header.virtual_size), parent.str(), human(below.virtual_size)));
    }
    fd = AMIVIRT_TRY(files::open(file, O_RDWR));
    fault_point("layer_care.rebase_opened");
    // Names of layers are all of one length: the new one goes over the old in a single write.
    const std::string name = LayerFolder::name(parent);
    if (!header.parent) {
        return layer_corrupt(file, "names no layer as its parent");
    }
    AMIVIRT_TRY(files::write_at(fd.get(), name, header.backing_offset, file));
    fault_point("layer_care.rebased");
    return files::sync(fd.get(), file);
}

Result<std::vector<std::string>> QemuImgCare::check(const LayerId& layer) {
    const std::string file = folder_.path(layer);
    const FileDescriptor fd = AMIVIRT_TRY(files::open(file, O_RDONLY));
    const Result<LayerHeader> header = read_layer_header(fd.get(), file);
    if (!header) {
        return header.error().code == Code::store_corrupt ? Result<std::vector<std::string>>({header.error().message}) : header.error();
    }
    Command command;
    // Without QEMU's lock (-U): a start or a resize that comes meanwhile would be told that the file is in use.
    command.argv = {"check", "-U", "--output=json"};
    AMIVIRT_TRY(add_key(command, header->encrypted));
    const std::string argument = AMIVIRT_TRY(LayerFolder::alone(file, encrypted(*header)));
    command.argv.push_back(argument);
    const CommandResult result = AMIVIRT_TRY(qemu_img::run(processes_, std::move(command), qemu_img::k_walk));
    if (qemu_img::in_use(result) || qemu_img::key_refused(result) || result.exit_status > 128) {
        return qemu_img::layer_error(result, "check", argument, file, folder_.key());
    }
    const Json answer = Json::parse(result.output, nullptr, false);
    std::vector<std::string> faults;
    const auto count = [&](const char* name, std::string_view sentence) {
        if (answer.is_object() && answer.contains(name) && answer[name].is_number_integer() && answer[name].get<std::int64_t>() > 0) {
            faults.push_back(fmt::format("The layer's file \"{}\" has {} {}.", file, answer[name].get<std::int64_t>(), sentence));
        }
    };
    count("corruptions", "corruptions: clusters used twice or beyond its end");
    count("check-errors", "tables that cannot be read");
    constexpr int k_only_leaks = 3;
    if (faults.empty() && result.exit_status != 0 && result.exit_status != k_only_leaks) {
        faults.push_back(fmt::format("qemu-img cannot read the layer's file \"{}\": {}.", file, qemu_img::words(result, argument, file)));
    }
    return faults;
}

Result<std::string> QemuImgCare::checksum(const LayerId& layer, Progress& progress) {
    constexpr std::size_t k_piece = 1U << 20U;
    const std::string file = folder_.path(layer);
    const FileDescriptor fd = AMIVIRT_TRY(files::open(file, O_RDONLY));
    progress.phase("reading", Bytes{static_cast<std::uint64_t>(AMIVIRT_TRY(status_of(fd.get(), file)).st_size)});
    ::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
    Sha256 hash;
    std::string room(k_piece, '\0');
    for (std::uint64_t done = 0;;) {
        check_interrupt();
        const std::string_view piece = AMIVIRT_TRY(files::read_into(room, fd.get(), done, file));
        hash.update(piece);
        done += piece.size();
        progress.advance(Bytes{done});
        if (piece.size() < k_piece) {
            return hash.finish();
        }
    }
}

}  // namespace

std::unique_ptr<LayerCare> make_layer_care(const StoreOptions& options) { return std::make_unique<QemuImgCare>(options); }

}  // namespace amivirt
