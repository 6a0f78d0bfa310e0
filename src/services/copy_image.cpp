// CopyImage and CopySnapshot: of this region or another.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <map>

#include "amivirt/base/fault.hpp"
#include "amivirt/base/interrupt.hpp"
#include "amivirt/services/carrying.hpp"
#include "amivirt/services/ebs_settings.hpp"
#include "amivirt/services/image_extras.hpp"
#include "faults.hpp"
#include "machine.hpp"
#include "pins.hpp"
#include "promised.hpp"
#include "revert_log.hpp"
#include "snapshot_permission.hpp"

namespace amivirt {

namespace {

/// One snapshot of the source and what becomes of it.
struct Move {
    Snapshot from;
    std::vector<Layer> chain;  ///< top first
    bool rewrite = false;      ///< into one new encrypted layer; else its layers come as they are
    LayerId top;               ///< of the new snapshot
    SnapshotId to;
};

/// What tells a repeated request from another one.
std::string digest(const CopyRequest& request, const ImageId& source, const std::string& from) {
    std::string text = fmt::format("{}\n{}\n{}\n{}\n{}\n{}", source.str(), from, request.name, request.description.value_or(""),
                                   request.copy_tags, request.encrypted ? (*request.encrypted ? "encrypted" : "plain") : "");
    for (const auto& [key, value] : request.tags) {
        text += fmt::format("\ntag {}={}", key, value);
    }
    for (const auto& [key, value] : request.snapshot_tags) {
        text += fmt::format("\nsnapshot tag {}={}", key, value);
    }
    return text;
}

Result<void> check_request(const CopyRequest& request) {
    Faults faults;
    if (!request.name.empty()) {
        faults.check(check_image_name(request.name));
    }
    faults.check(check_description(request.description.value_or("")));
    faults.check(check_tags(request.tags));
    faults.check(check_tags(request.snapshot_tags));
    constexpr std::size_t k_longest_token = 64;  // source: EC2 CopyImage takes up to 64 ASCII characters
    if (request.client_token.size() > k_longest_token) {
        faults.add({Code::invalid_parameter_value,
                    fmt::format("the client token \"{}\" has more than {} characters", request.client_token, k_longest_token)});
    }
    return faults.none() ? Result<void>{} : faults.error("this copy");
}

Result<Move> plan_move(CatalogSession& session, const Snapshot& snapshot) {
    Move move;
    for (std::optional<LayerId> at = snapshot.layer; at;) {
        auto layer = AMIVIRT_TRY(session.layers().find(*at));
        if (!layer || layer->state != LayerState::sealed) {
            return Error(Code::store_corrupt, fmt::format("layer {} of snapshot {} is not there", at->str(), snapshot.id.str()),
                         "`amivirt fsck` tells what it hits");
        }
        at = layer->parent;
        move.chain.push_back(std::move(*layer));
    }
    move.from = snapshot;
    return move;
}

Result<std::vector<Move>> plan_moves(Catalog& catalog, const Image& image) {
    std::vector<Move> moves;
    AMIVIRT_TRY(catalog.read([&](CatalogSession& session) -> Result<void> {
        moves.clear();
        for (const auto& id : snapshots_of(image)) {
            if (std::any_of(moves.begin(), moves.end(), [&](const Move& move) { return move.from.id == id; })) {
                continue;
            }
            auto snapshot = AMIVIRT_TRY(session.snapshots().find(id));
            if (!snapshot) {
                return Error(Code::invalid_snapshot_not_found,
                             fmt::format("image \"{}\" names snapshot {}, which is gone", image.id.str(), id.str()));
            }
            moves.push_back(AMIVIRT_TRY(plan_move(session, *snapshot)));
        }
        return {};
    }));
    return moves;
}

/// Another region's layer of the same id is the same, or somebody forged one of the two.
Result<void> check_same(const Layer& here, const Layer& there) {
    const bool same_file = !here.seal || !there.seal || here.seal->file_size == there.seal->file_size;
    const bool same_sum =
        !here.seal || !there.seal || here.seal->sha256.empty() || there.seal->sha256.empty() || here.seal->sha256 == there.seal->sha256;
    if (here.parent == there.parent && here.virtual_size == there.virtual_size && here.encrypted == there.encrypted && same_file &&
        same_sum) {
        return {};
    }
    return Error(Code::store_corrupt, fmt::format("layer {} is not the same in both regions", here.id.str()), "amivirt fsck --deep");
}

/// What becomes of a repeat while the first copy is under way: it gets its id, where ids are told before the copy is there.
enum class WhilePending { is_busy, is_the_answer };

Result<std::optional<Image>> find_repeated(CatalogSession& session, const Image& wanted, WhilePending pending) {
    if (wanted.client_token.empty()) {
        return std::optional<Image>();
    }
    for (auto& image : AMIVIRT_TRY(session.images().list()).records) {
        if (image.id == wanted.id || image.owner != wanted.owner || image.client_token != wanted.client_token ||
            image.state == ImageState::failed || image.state == ImageState::deregistered) {
            continue;
        }
        if (image.request_digest != wanted.request_digest) {
            return Error(Code::idempotent_parameter_mismatch,
                         fmt::format("the client token \"{}\" was used for image \"{}\" with other parameters", wanted.client_token,
                                     image.id.str()));
        }
        if (image.state == ImageState::pending && pending == WhilePending::is_busy) {
            return Error(Code::busy, fmt::format("image \"{}\" of the same client token is being copied", image.id.str()));
        }
        return std::optional<Image>(std::move(image));
    }
    return std::optional<Image>();
}

Result<Layer> layer_there(CatalogSession& session, const LayerId& id) {
    auto layer = AMIVIRT_TRY(session.layers().find(id));
    if (!layer) {
        return Error(Code::store_corrupt, fmt::format("the row of layer {} is gone", id.str()));
    }
    return std::move(*layer);
}

Result<bool> encrypts_by_default(Catalog& catalog, const AccountId& account) {
    bool encrypts = false;
    AMIVIRT_TRY(catalog.read([&](CatalogSession& session) -> Result<void> {
        encrypts = AMIVIRT_TRY(EbsSettings::encryption(session, account)) == Encryption::by_default;
        return {};
    }));
    return encrypts;
}

/// What the move makes.
Snapshot snapshot_of(const Move& move, const AccountId& owner, TimePoint now) {
    Snapshot taken;
    taken.id = move.to;
    taken.owner = owner;
    taken.layer = move.top;
    taken.size = move.from.size;
    taken.state = SnapshotState::completed;
    taken.encrypted = move.from.encrypted || move.rewrite;
    taken.created = now;
    return taken;
}

}  // namespace

/// Snapshots on their way, and what is to be written down of them.
struct Carrying::Moving {
    std::vector<Move> moves;
    bool within = false;  ///< the region they come from is this one
    TimePoint created{};
    std::vector<std::string> claims;  ///< while layers are on their way
    // Each in a transaction: is there anything to do; what is promised before layers are on their way; what stands on them.
    std::function<Result<bool>(CatalogSession&)> is_needed;
    std::function<Result<void>(CatalogSession&)> reserve;
    std::function<Result<void>(CatalogSession&)> insert;
    std::function<void()> reserved;  ///< called when that promise is kept on record
};

Region Carrying::here() { return {ports_.region, ports_.catalog, ports_.operations, ports_.storage, ports_.images, ports_.carrier, *this}; }

Result<Image> Carrying::copy(const AccountId& caller, const CopyRequest& request, Progress& progress) {
    return make_promised(ports_.catalog, ports_.log, &CatalogSession::images, request,
                         [&](const CopyRequest& noted) { return make_copy(caller, noted, progress); });
}

Result<Image> Carrying::make_copy(const AccountId& caller, const CopyRequest& request, Progress& progress) {
    AMIVIRT_TRY(check_request(request));
    AMIVIRT_TRY(ports_.images.expire_downloads());
    const bool within = request.from_region.empty() || request.from_region == ports_.region;
    const Region from = within ? here() : AMIVIRT_TRY(ports_.regions.open(request.from_region));
    const auto pending = request.on_reserved ? WhilePending::is_the_answer : WhilePending::is_busy;
    // A repeat is answered though the source has gone since; by its name nobody could tell which one it was.
    if (!request.client_token.empty() && ImageId::looks_like(request.image)) {
        Image asked;
        asked.id = request.promise.again.value_or(ImageId());
        asked.owner = caller;
        asked.client_token = request.client_token;
        asked.request_digest = digest(request, AMIVIRT_TRY(ImageId::parse(request.image)), from.name);
        std::optional<Image> repeated;
        AMIVIRT_TRY(ports_.catalog.read([&](CatalogSession& session) -> Result<void> {
            repeated = AMIVIRT_TRY(find_repeated(session, asked, pending));
            return {};
        }));
        if (repeated) {
            return std::move(*repeated);
        }
    }
    const auto source = AMIVIRT_TRY(from.images.resolve_to(ImageAction::copy, caller, request.image));
    ImageExtras extras;
    AMIVIRT_TRY(from.catalog.read([&](CatalogSession& session) -> Result<void> {
        extras = AMIVIRT_TRY(ImageExtrasBook::read(session, source.id));
        return {};
    }));
    Moving moving;
    moving.moves = AMIVIRT_TRY(plan_moves(from.catalog, source));

    Image image = source;
    image.id = request.promise.again ? *request.promise.again : make_id<ImageId>(ports_.ids);
    image.owner = caller;
    image.name = request.name.empty() ? source.name : request.name;
    image.description = request.description.value_or(source.description);
    image.state = ImageState::pending;
    image.state_reason.clear();
    image.permissions = {};
    image.created = ports_.clock.now();
    image.tags = request.tags;
    if (request.copy_tags) {
        std::copy_if(source.tags.begin(), source.tags.end(), std::inserter(image.tags, image.tags.end()),
                     [](const auto& tag) { return !is_reserved_tag(tag.first); });
        AMIVIRT_TRY(check_tags(image.tags));  // together they may be too many
    }
    image.source_image = source.id;
    image.source_region = from.name;
    image.source_instance.reset();
    image.client_token = request.client_token;
    image.request_digest = request.client_token.empty() ? "" : digest(request, source.id, from.name);
    image.deprecated.reset();
    image.protection = DeregistrationProtection::disabled;
    image.protected_until.reset();
    image.last_launched.reset();
    image.bin.reset();

    const bool by_default = AMIVIRT_TRY(encrypts_by_default(ports_.catalog, caller));
    for (auto& move : moving.moves) {
        if (move.from.encrypted && request.encrypted && !*request.encrypted) {
            return Error(Code::invalid_parameter_combination,
                         fmt::format("snapshot {} of image \"{}\" is encrypted, and a copy of it cannot be plain", move.from.id.str(),
                                     source.id.str()));
        }
        // Another region has another key.
        move.rewrite = move.from.encrypted ? !within : request.encrypted.value_or(false) || by_default;
        move.to = make_id<SnapshotId>(ports_.ids);
        move.top = move.rewrite ? make_id<LayerId>(ports_.ids) : move.from.layer;
        AMIVIRT_TRY(from.storage.verify_chain(from.catalog, move.from.layer));
    }
    for (auto& device : image.mapping) {
        auto* ebs = std::get_if<EbsDevice>(&device.what);
        if (ebs == nullptr || !ebs->snapshot) {
            continue;
        }
        const auto at =
            std::find_if(moving.moves.begin(), moving.moves.end(), [&](const Move& move) { return move.from.id == *ebs->snapshot; });
        ebs->snapshot = at->to;
        if (at->rewrite) {
            ebs->encrypted = true;
        }
    }

    const auto insert_snapshots = [&](CatalogSession& session) -> Result<void> {
        for (const auto& move : moving.moves) {
            auto taken = snapshot_of(move, caller, image.created);
            taken.description = fmt::format("Copied for DestinationAmi {} from SourceAmi {} for SourceSnapshot {}", image.id.str(),
                                            source.id.str(), move.from.id.str());
            taken.tags = request.snapshot_tags;
            AMIVIRT_TRY(session.snapshots().insert(taken));
        }
        return {};
    };
    std::optional<Image> repeated;
    moving.within = within;
    moving.created = image.created;
    moving.claims = {image.id.str()};
    moving.is_needed = [&](CatalogSession& session) -> Result<bool> {
        AMIVIRT_TRY(check_again(session, session.images(), request.promise));
        image.state = ImageState::pending;
        repeated = AMIVIRT_TRY(find_repeated(session, image, pending));
        return !repeated;
    };
    moving.reserve = [&](CatalogSession& session) { return put_pending(session, session.images(), image, request.promise); };
    moving.reserved = [&] {
        if (request.on_reserved) {
            request.on_reserved(image);
        }
    };
    moving.insert = [&](CatalogSession& session) -> Result<void> {
        image.state = AMIVIRT_TRY(next(ImageState::pending, ImageEvent::ready));
        AMIVIRT_TRY(insert_snapshots(session));
        AMIVIRT_TRY(put_made(session.images(), image));
        return ImageExtrasBook::inherit(session, image, extras, image.created);
    };
    AMIVIRT_TRY(move_layers(from, moving, progress));
    if (!repeated) {
        ports_.log.write(LogLevel::info, "copy", fmt::format("{} \"{}\" is available", image.id.str(), image.name));
    }
    return repeated ? std::move(*repeated) : std::move(image);
}

Result<Snapshot> Carrying::copy_snapshot(const AccountId& caller, const CopySnapshotRequest& request, Progress& progress) {
    return make_promised(ports_.catalog, ports_.log, &CatalogSession::snapshots, request,
                         [&](const CopySnapshotRequest& noted) { return make_snapshot_copy(caller, noted, progress); });
}

Result<Snapshot> Carrying::make_snapshot_copy(const AccountId& caller, const CopySnapshotRequest& request, Progress& progress) {
    Faults faults;
    faults.check(check_description(request.description));
    faults.check(check_tags(request.tags));
    if (!faults.none()) {
        return faults.error("this copy");
    }
    AMIVIRT_TRY(ports_.images.expire_downloads());
    const auto id = AMIVIRT_TRY(SnapshotId::parse(request.snapshot));
    Moving moving;
    moving.within = request.from_region.empty() || request.from_region == ports_.region;
    const Region from = moving.within ? here() : AMIVIRT_TRY(ports_.regions.open(request.from_region));
    Move move;
    AMIVIRT_TRY(from.catalog.read([&](CatalogSession& session) -> Result<void> {
        const auto snapshot = AMIVIRT_TRY(session.snapshots().find(id));
        if (!snapshot || snapshot->bin || !AMIVIRT_TRY(may_use(session, *snapshot, caller))) {
            return Error(Code::invalid_snapshot_not_found, fmt::format("The snapshot '{}' does not exist.", id.str()));
        }
        if (snapshot->state != SnapshotState::completed) {
            return Error(Code::incorrect_state, fmt::format("snapshot \"{}\" is {}", id.str(), to_string(snapshot->state)));
        }
        move = AMIVIRT_TRY(plan_move(session, *snapshot));
        return {};
    }));
    const bool by_default = AMIVIRT_TRY(encrypts_by_default(ports_.catalog, caller));
    move.rewrite = move.from.encrypted ? !moving.within : request.encrypted || by_default;
    move.to = request.promise.again ? *request.promise.again : make_id<SnapshotId>(ports_.ids);
    move.top = move.rewrite ? make_id<LayerId>(ports_.ids) : move.from.layer;
    AMIVIRT_TRY(from.storage.verify_chain(from.catalog, move.from.layer));
    Snapshot made = snapshot_of(move, caller, ports_.clock.now());
    made.description = request.description.empty() ? fmt::format("[Copied {} from {}]", id.str(), from.name) : request.description;
    made.tags = request.tags;
    moving.moves = {std::move(move)};
    moving.created = made.created;
    moving.claims = {made.id.str()};
    moving.is_needed = [&](CatalogSession& session) -> Result<bool> {
        AMIVIRT_TRY(check_again(session, session.snapshots(), request.promise));
        return true;
    };
    Snapshot pending = made;
    pending.state = SnapshotState::pending;
    pending.layer = {};
    moving.reserve = [&](CatalogSession& session) -> Result<void> {
        AMIVIRT_TRY(put_pending(session, session.snapshots(), pending, request.promise));
        made.created = pending.created;
        return {};
    };
    moving.reserved = [&] {
        if (request.on_reserved) {
            request.on_reserved(pending);
        }
    };
    moving.insert = [&](CatalogSession& session) { return put_made(session.snapshots(), made); };
    AMIVIRT_TRY(move_layers(from, moving, progress));
    ports_.log.write(LogLevel::info, "copy", fmt::format("{} is completed", made.id.str()));
    return made;
}

Result<void> Carrying::move_layers(const Region& from, Moving& moving, Progress& progress) {
    const auto& moves = moving.moves;
    const bool within = moving.within;
    const bool any_rewrite = std::any_of(moves.begin(), moves.end(), [](const Move& move) { return move.rewrite; });
    // What is read there stays there until this is done.
    std::vector<Pin> pins;
    if (!within || any_rewrite) {
        for (const auto& move : moves) {
            pins.push_back({make_id<LayerId>(ports_.ids), move.from.layer});
        }
    }
    std::unique_ptr<ActiveOperation> pinned;
    Revert unpin(logged(ports_.log, "copy"));
    if (!within && !pins.empty()) {
        pinned = AMIVIRT_TRY(from.operations.begin(OperationKind::copy_image, {}, k_patience, [&](CatalogSession& session, Operation& row) {
            return put_pins(session, row, pins, moving.created);
        }));
        unpin.push("let go of the source", [&]() -> Result<void> {
            const InterruptShield shield;
            return drop_pins(*pinned, pins, from.storage);
        });
        fault_point("copy.pinned");
    }

    std::vector<Layer> missing;  // parents first
    std::vector<Pin> kept;       // what is here already, until the snapshots stand on it
    const auto begin = [&](CatalogSession& session, Operation& row) -> Result<void> {
        missing.clear();
        kept = within ? pins : std::vector<Pin>{};
        row.objects.clear();
        if (!AMIVIRT_TRY(moving.is_needed(session))) {
            return {};
        }
        for (const auto& move : moves) {
            if (move.rewrite) {
                Layer made;
                made.id = move.top;
                made.virtual_size = move.chain.front().virtual_size;
                made.encrypted = true;
                missing.push_back(std::move(made));
                continue;
            }
            for (auto layer = move.chain.rbegin(); layer != move.chain.rend(); ++layer) {
                const auto known = AMIVIRT_TRY(session.layers().find(layer->id));
                if (known && known->state == LayerState::sealed) {
                    AMIVIRT_TRY(check_same(*known, *layer));
                    if (!within && layer->id == move.top) {
                        kept.push_back({make_id<LayerId>(ports_.ids), layer->id});
                    }
                } else if (known) {
                    return Error(Code::busy, fmt::format("layer {} is {}", layer->id.str(),
                                                         known->state == LayerState::creating ? "being copied" : "being deleted"));
                } else if (std::none_of(missing.begin(), missing.end(), [&](const Layer& other) { return other.id == layer->id; })) {
                    missing.push_back(*layer);
                }
            }
        }
        if (missing.empty()) {
            return moving.insert(session);
        }
        AMIVIRT_TRY(moving.reserve(session));
        row.objects = moving.claims;
        for (auto layer : missing) {
            layer.state = LayerState::creating;
            layer.content_sha256.clear();
            layer.seal.reset();
            layer.created = moving.created;
            AMIVIRT_TRY(session.layers().insert(layer));
            row.objects.push_back(layer.id.str());
        }
        return put_pins(session, row, kept, moving.created);
    };
    auto operation = AMIVIRT_TRY(ports_.operations.begin(OperationKind::copy_image, {}, k_patience, begin));
    if (!operation) {
        unpin.roll_back();
        return {};
    }

    Revert revert(logged(ports_.log, "copy"));
    revert.push("undo the copy", [&]() -> Result<void> {
        clear_interrupt();
        return recover(*operation);
    });
    moving.reserved();
    std::vector<std::string> urls;
    for (auto& layer : missing) {
        check_interrupt();
        const auto move = std::find_if(moves.begin(), moves.end(), [&](const Move& one) { return one.rewrite && one.top == layer.id; });
        if (move != moves.end()) {
            const auto chain = AMIVIRT_TRY(from.carrier.chain(move->from.layer));
            AMIVIRT_TRY(ports_.carrier.rewrite(layer.id, chain, Encrypted::yes, progress));
        } else {
            BringRequest wanted;
            wanted.layer = layer.id;
            wanted.from = from.storage.store().source(layer.id);
            wanted.sha256 = layer.seal ? layer.seal->sha256 : "";
            wanted.url = fmt::format("amivirt://{}/{}", from.catalog.store_id(), layer.id.str());
            wanted.validator = layer.seal ? fmt::format("{}:{}", layer.seal->file_size.count, layer.seal->modified_ns) : "";
            AMIVIRT_TRY(ports_.catalog.read([&](CatalogSession& session) -> Result<void> {
                wanted.resume = AMIVIRT_TRY(session.downloads().find(wanted.url));
                return {};
            }));
            wanted.on_download = [&](const Download& download) {
                return ports_.catalog.write([&](CatalogSession& session) -> Result<void> {
                    Download row = download;
                    row.touched = ports_.clock.now();
                    return AMIVIRT_TRY(session.downloads().find(row.url)) ? session.downloads().update(row)
                                                                          : session.downloads().insert(row);
                });
            };
            const auto brought = AMIVIRT_TRY_CONTEXT(ports_.carrier.bring(wanted, progress), fmt::format("copying {}", layer.id.str()));
            urls.push_back(wanted.url);
            ports_.log.write(LogLevel::info, "copy", fmt::format("{} was {}", layer.id.str(), to_string(brought.passage)));
            layer.seal = layer.seal.value_or(Seal{});
            if (!brought.sha256.empty()) {
                layer.seal->sha256 = brought.sha256;
            }
        }
        fault_point("copy.layer_brought");
        const auto known_sum = layer.seal ? layer.seal->sha256 : std::string();
        layer.seal = AMIVIRT_TRY(ports_.storage.store().seal(layer.id));
        layer.seal->sha256 = known_sum;
    }

    AMIVIRT_TRY(operation->turn_into(OperationKind::collect_layers, [&](CatalogSession& session, Operation& row) -> Result<void> {
        for (const auto& layer : missing) {
            auto own = AMIVIRT_TRY(layer_there(session, layer.id));
            own.state = LayerState::sealed;
            own.seal = layer.seal;
            if (!layer.content_sha256.empty() && !AMIVIRT_TRY(session.index().layer_of_content(layer.content_sha256))) {
                own.content_sha256 = layer.content_sha256;
            }
            AMIVIRT_TRY(session.layers().update(own));
        }
        for (const auto& pin : kept) {
            AMIVIRT_TRY(session.layers().erase(pin.id));
        }
        for (const auto& url : urls) {
            AMIVIRT_TRY(session.downloads().erase(url));
        }
        AMIVIRT_TRY(moving.insert(session));
        return ports_.storage.mark_unreachable(session, row);
    }));
    revert.commit();
    // The copy is there from here on; what is left to tidy up is told, and mended by the next command.
    if (auto tidied = ports_.storage.finish(*operation); !tidied) {
        ports_.log.write(LogLevel::warning, "copy", fmt::format("tidying up after the copy: {}", describe(tidied.error())));
    }
    unpin.roll_back();
    return {};
}

}  // namespace amivirt
