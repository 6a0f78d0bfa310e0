#include "fake_carrying.hpp"

#include <fmt/format.h>

#include "amivirt/base/interrupt.hpp"

namespace amivirt::fakes {

namespace {

LayerId layer_of(const DiskSource& source) {
    const auto begin = source.location.find("layer-");
    return *LayerId::parse(source.location.substr(begin, source.location.rfind('.') - begin));
}

}  // namespace

Result<ChainSource> FakeLayerCarrier::chain(const LayerId& top) {
    AMIVIRT_TRY(script_.pass("chain"));
    const auto layers = own_.layers();
    ChainSource source;
    for (std::optional<LayerId> at = top; at;) {
        const auto found = layers.find(*at);
        if (found == layers.end()) {
            return Error(Code::io_error, fmt::format("The layer \"{}\" is not in the store.", at->str()));
        }
        if (!found->second.sealed) {
            return Error(Code::incorrect_state, fmt::format("The layer \"{}\" is not sealed.", at->str()));
        }
        source.links.push_back({own_.source(*at), found->second.encrypted});
        source.virtual_size = std::max(source.virtual_size, found->second.virtual_size);
        at = found->second.parent;
    }
    return source;
}

Result<Brought> FakeLayerCarrier::bring(const BringRequest& request, Progress& progress) {
    AMIVIRT_TRY(script_.pass("bring"));
    const LayerId id = layer_of(request.from);
    for (FakeVolumeStore* const store : seen_) {
        if (store == &own_ || !store->contains(id)) {
            continue;
        }
        FakeLayer layer = store->layers().at(id);
        if (!layer.sealed) {
            return Error(Code::incorrect_state, fmt::format("The layer \"{}\" is not sealed.", id.str()));
        }
        if (passage_ == Passage::copied) {
            const bool known = request.resume && request.resume->validator == request.validator;
            resumed_ += known ? 1 : 0;
            if (!known && request.on_download) {
                AMIVIRT_TRY(request.on_download({request.url, fake_sha256(request.url) + ".part", request.validator, {}}));
            }
            progress.phase("copying", layer.virtual_size);
            AMIVIRT_TRY(script_.pass("piece"));
            check_interrupt();
        }
        const std::string sum = passage_ == Passage::copied ? fake_sha256(layer.content) : "";
        own_.put(request.layer, std::move(layer));
        return Brought{passage_, sum};
    }
    return Error(Code::io_error, fmt::format("Cannot open \"{}\": No such file or directory.", request.from.location));
}

Result<FakeLayer> FakeLayerCarrier::flat(const ChainSource& from) const {
    const LayerId top = layer_of(from.links.front().disk);
    for (const FakeVolumeStore* const store : seen_) {
        if (!store->contains(top)) {
            continue;
        }
        const auto layers = store->layers();
        FakeLayer made{std::nullopt, from.virtual_size, layers.at(layer_of(from.links.back().disk)).content, true};
        made.blocks = store->read(top);
        return made;
    }
    return Error(Code::io_error, fmt::format("Cannot open \"{}\": No such file or directory.", from.links.front().disk.location));
}

Result<void> FakeLayerCarrier::rewrite(const LayerId& target, const ChainSource& from, Encrypted encrypted, Progress& progress) {
    AMIVIRT_TRY(script_.pass("rewrite"));
    FakeLayer made = AMIVIRT_TRY(flat(from));
    made.encrypted = encrypted == Encrypted::yes;
    progress.phase("writing", from.virtual_size);
    check_interrupt();
    own_.put(target, std::move(made));
    return {};
}

Result<void> FakeLayerCarrier::write_out(const ChainSource& from, const std::string& path, DiskFileFormat format, Progress& progress) {
    AMIVIRT_TRY(script_.pass("write_out"));
    const FakeLayer made = AMIVIRT_TRY(flat(from));
    progress.phase("writing", from.virtual_size);
    check_interrupt();
    FakeDisk disk;
    disk.content = made.content;
    for (const auto& [number, text] : made.blocks) {
        disk.content += fmt::format("|{}={}", number, text);
    }
    disk.format = format == DiskFileFormat::qcow2 ? "qcow2"
                  : format == DiskFileFormat::raw ? "raw"
                  : format == DiskFileFormat::vhd ? "vpc"
                                                  : "vmdk";
    disk.virtual_size = made.virtual_size;
    disks_.put(path, std::move(disk));
    return {};
}

Result<std::string> FakeOutputFiles::check(const std::string& file, Replace replace) {
    AMIVIRT_TRY(script_.pass("check"));
    if (file.empty() || file.front() != '/') {
        return Error(Code::io_error, fmt::format("there is no folder for \"{}\"", file));
    }
    if (replace == Replace::no && disks_.find(file)) {
        return Error(Code::invalid_parameter_value, fmt::format("\"{}\" is there already", file), "--force replaces it");
    }
    return file;
}

Result<void> FakeOutputFiles::write_text(const std::string& file, const std::string& tag, const std::string& text) {
    disks_.put(temporary(file, tag), FakeDisk{text, "text", {}, std::nullopt});
    return {};
}

Result<void> FakeOutputFiles::publish(const std::string& file, const std::string& tag, Replace replace) {
    AMIVIRT_TRY(script_.pass("publish"));
    const auto whole = disks_.find(temporary(file, tag));
    if (!whole) {
        return disks_.find(file) ? Result<void>{} : Error(Code::io_error, fmt::format("\"{}\" is gone", file));
    }
    if (replace == Replace::no && disks_.find(file)) {
        return Error(Code::invalid_parameter_value, fmt::format("\"{}\" is there already", file), "--force replaces it");
    }
    disks_.put(file, *whole);
    disks_.erase(temporary(file, tag));
    return {};
}

Result<void> FakeOutputFiles::discard(const std::string& file, const std::string& tag) {
    disks_.erase(temporary(file, tag));
    return {};
}

Result<FakeImageArchives::Archive> FakeImageArchives::find(const std::string& file) const {
    const auto disk = disks_.find(file);
    if (!disk) {
        return Error(Code::fetch_failed, fmt::format("Cannot read \"{}\": No such file or directory.", file));
    }
    auto archives = archives_.lock();
    const auto found = archives->find(disk->content);
    if (found == archives->end()) {
        return Error(Code::invalid_disk_image, fmt::format("\"{}\" is neither a bundle of an image nor an OVA.", file));
    }
    return found->second;
}

std::optional<ArchiveKind> FakeImageArchives::recognise(const std::string& file) {
    const auto found = find(file);
    return found ? std::optional(found->image.kind) : std::nullopt;
}

Result<CarriedImage> FakeImageArchives::look(const std::string& file) {
    AMIVIRT_TRY(script_.pass("look"));
    return std::move((AMIVIRT_TRY(find(file))).image);
}

Result<Extracted> FakeImageArchives::extract(const std::string& file, const CarriedImage& looked, const std::vector<std::string>& targets,
                                             Progress& progress) {
    AMIVIRT_TRY(script_.pass("extract"));
    const Archive archive = AMIVIRT_TRY(find(file));
    if (archive.image.seen != looked.seen) {
        return Error(Code::fetch_failed, fmt::format("\"{}\" changed while it was read.", file));
    }
    progress.phase("unpacking", std::nullopt);
    check_interrupt();
    Extracted extracted;
    extracted.sha256 = fake_sha256((*disks_.find(file)).content);
    for (std::size_t i = 0; i < targets.size(); ++i) {
        disks_.put(targets[i], archive.disks[i]);
        extracted.disks.push_back(fake_sha256(archive.disks[i].content));
    }
    return extracted;
}

Result<std::string> FakeImageArchives::write(const std::string& file, const CarriedImage& image, Progress& progress) {
    AMIVIRT_TRY(script_.pass("write"));
    progress.phase("packing", std::nullopt);
    check_interrupt();
    Archive archive;
    archive.image = image;
    archive.image.image.owner = {};
    archive.image.image.permissions = {};
    for (auto& device : archive.image.image.mapping) {
        if (auto* ebs = std::get_if<EbsDevice>(&device.what)) {
            ebs->snapshot.reset();
        }
    }
    for (auto& disk : archive.image.disks) {
        // A layer in the store is told by its name alone here.
        archive.disks.push_back(disks_.find(disk.path).value_or(FakeDisk{disk.path, "qcow2", disk.virtual_size, std::nullopt}));
        disk.size = Bytes{archive.disks.back().content.size()};
        disk.part = disk.device_name;
    }
    auto archives = archives_.lock();
    const std::string token = fmt::format("archive {}", archives->size() + 1);
    archive.image.seen = token;
    archives->insert_or_assign(token, std::move(archive));
    disks_.put(file, FakeDisk{token, "archive", {}, std::nullopt});
    return fake_sha256(token);
}

Result<TrustedSigner> FakeSignatures::read_public_key(const std::string& file) {
    if (!file.ends_with(".pub.pem")) {
        return Error(Code::invalid_parameter_value, fmt::format("\"{}\" is no PEM file with an Ed25519 public key.", file));
    }
    const std::string who = file.substr(0, file.size() - std::string(".pub.pem").size());
    return TrustedSigner{fake_sha256(who), "", who};
}

Result<std::string> FakeSignatures::sign(const std::string& key_file, const std::string& sha256) {
    if (!key_file.ends_with(".pem") || key_file.ends_with(".pub.pem")) {
        return Error(Code::invalid_parameter_value, fmt::format("\"{}\" is no PEM file with an Ed25519 private key.", key_file));
    }
    return fmt::format("{} {}", sha256, key_file.substr(0, key_file.size() - std::string(".pem").size()));
}

Result<std::optional<DetachedSignature>> FakeSignatures::read(const std::string& file) {
    const auto text = disks_.find(file);
    if (!text) {
        return std::optional<DetachedSignature>();
    }
    const auto space = text->content.find(' ');
    if (space == std::string::npos) {
        return Error(Code::invalid_parameter_value, fmt::format("\"{}\" is no signature of amivirt's.", file));
    }
    const std::string who = text->content.substr(space + 1);
    return std::optional(DetachedSignature{fake_sha256(who), text->content.substr(0, space), who});
}

Result<void> FakeSignatures::verify(const DetachedSignature& signature, const TrustedSigner& signer) {
    if (signature.bytes != signer.public_key) {
        return Error(Code::checksum_mismatch, fmt::format("The signature was not made with the key of \"{}\".", signer.name));
    }
    return {};
}

}  // namespace amivirt::fakes
