// Known words by going through all that a catalog lists.
#pragma once

#include <algorithm>
#include <set>

#include "amivirt/domain/image_access.hpp"
#include "amivirt/ports/catalog.hpp"
#include "amivirt/ports/known_words.hpp"

namespace amivirt::fakes {

class FakeKnownWords final : public KnownWords {
public:
    explicit FakeKnownWords(Catalog& catalog) : catalog_(catalog) {}

    [[nodiscard]] Result<std::vector<KnownWord>> words(WordKind kind, const AccountId& account, const std::string& prefix,
                                                       std::size_t most) override {
        std::vector<KnownWord> found;
        const auto add = [&](const std::string& word, const std::string& note) {
            if (word.starts_with(prefix) && !word.empty()) {
                found.push_back({word, note});
            }
        };
        const auto add_both = [&](const std::string& id, const std::string& name) {
            add(id, name);
            add(name, id);
        };
        AMIVIRT_TRY(catalog_.read([&](CatalogSession& session) -> Result<void> {
            switch (kind) {
                case WordKind::image:
                    for (const Image& image : AMIVIRT_TRY(session.images().list()).records) {
                        const bool is_seen =
                            image.owner == account || image.permissions.everyone || image.permissions.accounts.contains(account);
                        if (is_seen && image.state != ImageState::deregistered && image.state != ImageState::failed) {
                            add_both(image.id.str(), image.name);
                        }
                    }
                    break;
                case WordKind::instance:
                    for (const Instance& instance : AMIVIRT_TRY(session.instances().list()).records) {
                        if (instance.owner == account && instance.state != InstanceState::terminated) {
                            add_both(instance.id.str(), name_tag(instance.tags));
                        }
                    }
                    break;
                case WordKind::volume:
                    for (const Volume& volume : AMIVIRT_TRY(session.volumes().list()).records) {
                        if (volume.owner == account) {
                            add_both(volume.id.str(), name_tag(volume.tags));
                        }
                    }
                    break;
                case WordKind::snapshot:
                    for (const Snapshot& snapshot : AMIVIRT_TRY(session.snapshots().list()).records) {
                        if (snapshot.owner == account && !snapshot.bin) {
                            add_both(snapshot.id.str(), name_tag(snapshot.tags));
                        }
                    }
                    break;
                case WordKind::key_pair:
                    for (const KeyPair& pair : AMIVIRT_TRY(session.key_pairs().list()).records) {
                        if (pair.owner == account) {
                            add(pair.name, "");
                        }
                    }
                    break;
                case WordKind::retention_rule:
                    for (const RetentionRule& rule : AMIVIRT_TRY(session.retention_rules().list()).records) {
                        add(rule.id.str(), "");
                    }
                    break;
                case WordKind::session: {
                    std::set<std::string> sessions;
                    for (const Instance& instance : AMIVIRT_TRY(session.instances().list()).records) {
                        if (instance.owner == account && instance.state != InstanceState::terminated) {
                            sessions.insert(instance.session);
                        }
                    }
                    for (const std::string& name : sessions) {
                        add(name, "");
                    }
                    break;
                }
                case WordKind::binned_image:
                    for (const Image& image : AMIVIRT_TRY(session.images().list()).records) {
                        if (image.owner == account && image.bin) {
                            add_both(image.id.str(), image.name);
                        }
                    }
                    break;
                case WordKind::binned_snapshot:
                    for (const Snapshot& snapshot : AMIVIRT_TRY(session.snapshots().list()).records) {
                        if (snapshot.owner == account && snapshot.bin) {
                            add_both(snapshot.id.str(), name_tag(snapshot.tags));
                        }
                    }
                    break;
            }
            return {};
        }));
        std::sort(found.begin(), found.end(),
                  [](const KnownWord& a, const KnownWord& b) { return std::tie(a.word, a.note) < std::tie(b.word, b.note); });
        found.resize(std::min(found.size(), most));
        return found;
    }

private:
    Catalog& catalog_;
};

}  // namespace amivirt::fakes
