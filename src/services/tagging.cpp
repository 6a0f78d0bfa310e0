#include "amivirt/services/tagging.hpp"

#include "amivirt/domain/image_access.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "document_tags.hpp"
#include "machine.hpp"

namespace amivirt {

namespace {

// Which records a tag may be put on, one overload for each kind. Those that others see as gone are gone here.
bool has_tags_of(const Image& image, const AccountId& caller) {
    return image.owner == caller && visible_to(image, caller, {}, k_everything);
}
bool has_tags_of(const Instance& instance, const AccountId& caller) { return instance.owner == caller; }
bool has_tags_of(const Volume& volume, const AccountId& caller) { return volume.owner == caller && !volume.instance_store; }
bool has_tags_of(const Snapshot& snapshot, const AccountId& caller) { return snapshot.owner == caller && !snapshot.bin; }

bool has_tags_of(const KeyPair& pair, const AccountId& caller) { return pair.owner == caller; }

template <class Key>
struct Kind;
template <>
struct Kind<ImageId> {
    static constexpr auto type = ResourceType::image;
    static constexpr auto not_found = Code::invalid_ami_id_not_found;
    static ImageTable& table(CatalogSession& session) { return session.images(); }
};
template <>
struct Kind<InstanceId> {
    static constexpr auto type = ResourceType::instance;
    static constexpr auto not_found = Code::invalid_instance_id_not_found;
    static InstanceTable& table(CatalogSession& session) { return session.instances(); }
};
template <>
struct Kind<SnapshotId> {
    static constexpr auto type = ResourceType::snapshot;
    static constexpr auto not_found = Code::invalid_snapshot_not_found;
    static SnapshotTable& table(CatalogSession& session) { return session.snapshots(); }
};
template <>
struct Kind<VolumeId> {
    static constexpr auto type = ResourceType::volume;
    static constexpr auto not_found = Code::invalid_volume_not_found;
    static VolumeTable& table(CatalogSession& session) { return session.volumes(); }
};

template <>
struct Kind<KeyPairId> {
    static constexpr auto type = ResourceType::key_pair;
    static constexpr auto not_found = Code::invalid_key_pair_not_found;
    static KeyPairTable& table(CatalogSession& session) { return session.key_pairs(); }
};

/// Calls `then` with the id in the type that its prefix says; nullopt: it is none of those that have tags.
template <class Then>
auto with_id(const std::string& text, Then then) -> std::optional<decltype(then(ImageId()))> {
    const auto call = [&]<class Key>(Key /*tells the type*/) -> decltype(then(ImageId())) { return then(AMIVIRT_TRY(Key::parse(text))); };
    if (ImageId::looks_like(text)) {
        return call(ImageId());
    }
    if (InstanceId::looks_like(text)) {
        return call(InstanceId());
    }
    if (SnapshotId::looks_like(text)) {
        return call(SnapshotId());
    }
    if (VolumeId::looks_like(text)) {
        return call(VolumeId());
    }
    if (KeyPairId::looks_like(text)) {
        return call(KeyPairId());
    }
    return std::nullopt;
}

void check_not_another_s(const Image& image, const AccountId& caller, std::optional<Error>& error) {
    if (const auto permitted = authorize(ImageAction::modify, image, caller, {}); !permitted && image.owner != caller) {
        error = permitted.error();
    }
}
template <class Record>
void check_not_another_s(const Record& /*record*/, const AccountId& /*caller*/, std::optional<Error>& /*error*/) {}

/// The record, which is the caller's.
template <class Key>
auto find_own(CatalogSession& session, const AccountId& caller, const Key& id) {
    using Record = typename decltype(Kind<Key>::table(session).find(id))::value_type::value_type;
    return [&]() -> Result<Record> {
        auto record = AMIVIRT_TRY(Kind<Key>::table(session).find(id));
        if (record && has_tags_of(*record, caller)) {
            return std::move(*record);
        }
        std::optional<Error> other;
        if (record) {
            check_not_another_s(*record, caller, other);
        }
        return other ? std::move(*other)
                     : Error(Kind<Key>::not_found, fmt::format("{} \"{}\" not found", to_string(Kind<Key>::type), id.str()));
    }();
}

/// The document, which is the caller's.
Result<Document> own_document(CatalogSession& session, const AccountId& caller, const TaggedKind& kind, const std::string& id) {
    auto document = AMIVIRT_TRY(session.documents().find(document_key(std::string(kind.kind), id)));
    if (!document || document->owner != caller.str()) {
        return Error(kind.not_found, fmt::format("The {} '{}' does not exist", to_string(kind.type), id));
    }
    return std::move(*document);
}

Result<TaggedResource> own_resource(CatalogSession& session, const AccountId& caller, const std::string& id) {
    if (const TaggedKind* kind = tagged_kind_of(id)) {
        const auto document = AMIVIRT_TRY(own_document(session, caller, *kind, id));
        auto tags = AMIVIRT_TRY(tags_of_document(document));
        return TaggedResource{kind->type, id, std::move(tags)};
    }
    auto found = with_id(id, [&](const auto& key) -> Result<TaggedResource> {
        auto record = AMIVIRT_TRY(find_own(session, caller, key));
        return TaggedResource{Kind<std::decay_t<decltype(key)>>::type, key.str(), std::move(record.tags)};
    });
    return found ? std::move(*found)
                 : Result<TaggedResource>(Error(Code::invalid_id, fmt::format("\"{}\" is the id of nothing that has tags", id)));
}

/// Names last as long as their instances.
Result<bool> keeps_its_name(CatalogSession& session, const std::string& id) {
    if (!InstanceId::looks_like(id)) {
        return true;
    }
    const auto instance = AMIVIRT_TRY(session.instances().find(AMIVIRT_TRY(InstanceId::parse(id))));
    return instance && instance->state != InstanceState::terminated;
}

/// All that go by this name: the caller's own, or else an image of another that it sees.
Result<std::vector<TaggedResource>> named(CatalogSession& session, const AccountId& caller, const std::string& name) {
    ImageSearch of_name;
    of_name.seen_by = caller;
    of_name.ids_or_names = {name};
    auto ids = AMIVIRT_TRY(session.index().tagged("Name", name));
    std::optional<Error> foreign;
    for (const auto& image : AMIVIRT_TRY(session.index().images(of_name)).records) {
        if (image.owner != caller) {
            check_not_another_s(image, caller, foreign);
        } else if (std::find(ids.begin(), ids.end(), image.id.str()) == ids.end()) {
            ids.push_back(image.id.str());
        }
    }
    std::vector<TaggedResource> found;
    for (const auto& id : ids) {
        auto resource = own_resource(session, caller, id);
        if (resource && AMIVIRT_TRY(keeps_its_name(session, id))) {
            found.push_back(std::move(*resource));
        } else if (!resource && resource.error().code == Code::store_corrupt) {
            return std::move(resource.error());
        }
    }
    if (found.empty() && foreign) {
        return std::move(*foreign);
    }
    return found;
}

/// Puts the tags of `resource` on its record, which is read anew.
Result<void> write(CatalogSession& session, const AccountId& caller, const TaggedResource& resource) {
    if (const TaggedKind* kind = tagged_kind_of(resource.id)) {
        auto document = AMIVIRT_TRY(own_document(session, caller, *kind, resource.id));
        AMIVIRT_TRY(set_tags(document, resource.tags));
        return session.documents().update(document);
    }
    return *with_id(resource.id, [&](const auto& key) -> Result<void> {
        auto record = AMIVIRT_TRY(find_own(session, caller, key));
        record.tags = resource.tags;
        return Kind<std::decay_t<decltype(key)>>::table(session).update(record);
    });
}

/// What the filters on tags say of the images that have them.
ImageSearch images_with(const AccountId& caller, const std::vector<Filter>& filters) {
    ImageSearch search;
    search.seen_by = caller;
    search.owners = std::vector{caller};
    for (const auto& filter : filters) {
        if (filter.name == "key") {
            search.filters.push_back({"tag-key", filter.values});
        } else if (filter.name == "resource-id") {
            search.filters.push_back({"image-id", filter.values});
        } else if (filter.name.starts_with("tag:")) {
            search.filters.push_back(filter);
        }
    }
    return search;
}

}  // namespace

bool Tagging::is_id(const std::string& text) {
    const auto well_formed = with_id(text, [](const auto&) -> Result<void> { return {}; });
    return tagged_kind_of(text) != nullptr || (well_formed && *well_formed);
}

Result<TaggedResource> Tagging::resolve(const AccountId& caller, const std::string& id_or_name) {
    std::optional<TaggedResource> resource;
    AMIVIRT_TRY(catalog_.read([&](CatalogSession& session) -> Result<void> {
        if (tagged_kind_of(id_or_name) != nullptr || with_id(id_or_name, [](const auto&) -> Result<void> { return {}; })) {
            resource = AMIVIRT_TRY(own_resource(session, caller, id_or_name));
            return {};
        }
        auto found = AMIVIRT_TRY(named(session, caller, id_or_name));
        if (found.empty()) {
            const auto close = nearest(id_or_name, AMIVIRT_TRY(session.index().image_names(caller)));
            return Error(Code::invalid_id, fmt::format("no image, instance, snapshot or volume is named \"{}\"", id_or_name),
                         close.empty() ? "`amivirt tag list --filter key=Name` shows the names there are"
                                       : fmt::format("did you mean \"{}\"?", close));
        }
        if (found.size() > 1) {
            std::vector<std::string> ids;
            for (const auto& one : found) {
                ids.push_back(one.id);
            }
            return Error(Code::invalid_parameter_value, fmt::format("name \"{}\" is ambiguous: {}", id_or_name, fmt::join(ids, ", ")),
                         "use the id");
        }
        resource = std::move(found.front());
        return {};
    }));
    return std::move(*resource);
}

Result<std::vector<TaggedResource>> Tagging::add(const AccountId& caller, const std::vector<std::string>& resources, const Tags& tags) {
    AMIVIRT_TRY(check_tags(tags));
    return change(caller, resources, [&](TaggedResource& resource) -> Result<void> {
        for (const auto& [key, value] : tags) {
            resource.tags.insert_or_assign(key, value);
        }
        return check_tags(own_tags(resource.tags));
    });
}

Result<std::vector<TaggedResource>> Tagging::remove(const AccountId& caller, const std::vector<std::string>& resources,
                                                    const std::optional<TagsToRemove>& which) {
    return change(caller, resources, [&](TaggedResource& resource) -> Result<void> {
        if (!which) {
            std::erase_if(resource.tags, [](const auto& tag) { return !is_reserved_tag(tag.first); });
            return {};
        }
        for (const auto& [key, value] : *which) {
            if (is_reserved_tag(key)) {
                return Error(Code::invalid_parameter_value,
                             fmt::format("Invalid tag key \"{}\": keys that begin with \"aws:\" are reserved", key));
            }
            const auto tag = resource.tags.find(key);
            if (tag != resource.tags.end() && (!value || tag->second == *value)) {
                resource.tags.erase(tag);
            }
        }
        return {};
    });
}

Result<std::vector<TaggedResource>> Tagging::change(const AccountId& caller, const std::vector<std::string>& resources,
                                                    const std::function<Result<void>(TaggedResource&)>& how) {
    std::vector<std::string> ids;
    for (const auto& word : resources) {
        auto id = AMIVIRT_TRY(resolve(caller, word)).id;
        if (std::find(ids.begin(), ids.end(), id) == ids.end()) {
            ids.push_back(std::move(id));
        }
    }
    // Claimed, because an operation that is under way writes back the whole record at its end.
    std::vector<TaggedResource> changed;
    const auto operation = AMIVIRT_TRY(
        operations_.begin(OperationKind::collect_layers, ids, k_patience, [&](CatalogSession& session, Operation& row) -> Result<void> {
            changed.clear();
            row.objects.clear();  // done with this transaction
            for (const auto& id : ids) {
                auto resource = AMIVIRT_TRY(own_resource(session, caller, id));
                AMIVIRT_TRY_CONTEXT(how(resource), fmt::format("tagging {}", id));
                AMIVIRT_TRY(write(session, caller, resource));
                changed.push_back(std::move(resource));
            }
            return {};
        }));
    return changed;
}

Result<Listing<TagDescription>> Tagging::describe(const AccountId& caller, const std::vector<Filter>& filters) {
    AMIVIRT_TRY(check_tag_filters(filters));
    Listing<TagDescription> listing;
    const auto asked_for = [&](ResourceType type) {
        return std::all_of(filters.begin(), filters.end(), [&](const Filter& filter) {
            return filter.name != "resource-type" || matches(TagDescription{type, "", "", ""}, {filter});
        });
    };
    const auto take = [&](ResourceType type, const auto& from) {
        listing.unreadable.insert(listing.unreadable.end(), from.unreadable.begin(), from.unreadable.end());
        for (const auto& record : from.records) {
            if (!has_tags_of(record, caller)) {
                continue;
            }
            for (const auto& [key, value] : record.tags) {
                TagDescription tag{type, record.id.str(), key, value};
                if (matches(tag, filters)) {
                    listing.records.push_back(std::move(tag));
                }
            }
        }
    };
    const auto take_document = [&](const TaggedKind& kind, const Document& document) {
        const auto tags = tags_of_document(document);
        if (!tags) {
            listing.unreadable.push_back(tags.error().message);
        } else if (document.owner == caller.str()) {
            for (const auto& [key, value] : *tags) {
                TagDescription tag{kind.type, document.key.substr(kind.kind.size() + 1), key, value};
                if (matches(tag, filters)) {
                    listing.records.push_back(std::move(tag));
                }
            }
        }
    };
    AMIVIRT_TRY(catalog_.read([&](CatalogSession& session) -> Result<void> {
        if (asked_for(ResourceType::image)) {
            take(ResourceType::image, AMIVIRT_TRY(session.index().images(images_with(caller, filters))));
        }
        if (asked_for(ResourceType::instance)) {
            take(ResourceType::instance, AMIVIRT_TRY(session.instances().list()));
        }
        if (asked_for(ResourceType::key_pair)) {
            take(ResourceType::key_pair, AMIVIRT_TRY(session.key_pairs().list()));
        }
        if (asked_for(ResourceType::snapshot)) {
            take(ResourceType::snapshot, AMIVIRT_TRY(session.snapshots().list()));
        }
        if (asked_for(ResourceType::volume)) {
            take(ResourceType::volume, AMIVIRT_TRY(session.volumes().list()));
        }
        for (const TaggedKind& kind : tagged_kinds()) {
            if (asked_for(kind.type)) {
                for (const Document& document : AMIVIRT_TRY(session.index().documents(std::string(kind.kind)))) {
                    take_document(kind, document);
                }
            }
        }
        return {};
    }));
    return listing;
}

}  // namespace amivirt
