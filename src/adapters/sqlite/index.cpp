// The catalog's index: searches that do not go through whole tables in memory.
#include <fmt/format.h>

#include <algorithm>

#include "adapters/sqlite/image_conditions.hpp"
#include "adapters/sqlite/row.hpp"
#include "adapters/sqlite/tables.hpp"

namespace amivirt::sqlite {

namespace {

/// So many are read, with their parts, by one statement each.
constexpr std::size_t k_batch = 1000;

std::string_view column_of(ImageField field) {
    switch (field) {
        case ImageField::creation:
            return "i.sequence";
        case ImageField::creation_date:
            return "i.created";
        case ImageField::name:
            return "i.name";
        case ImageField::image_id:
            return "i.id";
        case ImageField::owner_id:
            return "i.owner";
        case ImageField::architecture:
            return "i.architecture";
        case ImageField::state:
            return "i.state";
    }
    return "i.sequence";
}

std::string in_order(const ImageOrder& order) {
    const std::string_view direction = order.descending ? "DESC" : "ASC";
    if (order.field == ImageField::creation) {
        return fmt::format("ORDER BY i.sequence {}", direction);
    }
    return fmt::format("ORDER BY {0} {1}, i.sequence {1}", column_of(order.field), direction);
}

class Index final : public CatalogIndex {
public:
    explicit Index(Transaction& transaction) : transaction_(transaction) {}

    [[nodiscard]] Result<Listing<Image>> images(const ImageSearch& search) override {
        return transaction_.run([&]() -> Result<Listing<Image>> {
            const Sql conditions = image_conditions(transaction_, search);
            // As a rule the database's limit is the search's. Where the domain, or what cannot be read, takes candidates away: all of them.
            auto candidates = find(conditions, search, search.limit);
            auto found = AMIVIRT_TRY(judge(candidates, search));
            if (search.limit && found.records.size() < *search.limit && candidates.size() == *search.limit) {
                candidates = find(conditions, search, std::nullopt);
                found = AMIVIRT_TRY(judge(candidates, search));
            }
            return found;
        });
    }

    [[nodiscard]] Result<std::vector<std::string>> image_names(const AccountId& account) override {
        return transaction_.run([&]() -> Result<std::vector<std::string>> {
            ImageSearch visible;
            visible.seen_by = account;
            const Sql conditions = image_conditions(transaction_, visible);
            auto query = transaction_.query_once(fmt::format("SELECT DISTINCT i.name FROM image i WHERE {}", conditions.text));
            bind(query, conditions);
            std::vector<std::string> names;
            while (query.executeStep()) {
                names.push_back(query.getColumn(0).getString());
            }
            return names;
        });
    }

    [[nodiscard]] Result<std::optional<Layer>> layer_of_content(const std::string& sha256) override {
        std::optional<LayerId> id;
        AMIVIRT_TRY(transaction_.run([&]() -> Result<void> {
            // The last condition is for the sake of the partial index.
            auto query = transaction_.query(
                "SELECT id FROM layer WHERE content_sha256 = ? AND content_sha256 <> '' AND state = 'sealed' AND state <> 'deleting'");
            Binder(*query).put(sha256);
            if (query->executeStep()) {
                Row(*query).get(id);
            }
            return {};
        }));
        return id ? make_layer_table(transaction_)->find(*id) : Result<std::optional<Layer>>(std::optional<Layer>());
    }

    [[nodiscard]] Result<std::vector<SnapshotId>> snapshots_of_layer(const LayerId& layer, std::size_t most) override {
        return transaction_.run([&]() -> Result<std::vector<SnapshotId>> {
            auto query = transaction_.query("SELECT id FROM snapshot WHERE layer = ? ORDER BY sequence LIMIT ?");
            Binder(*query).put(layer, most);
            std::vector<SnapshotId> ids;
            while (query->executeStep()) {
                Row(*query).get(ids.emplace_back());
            }
            return ids;
        });
    }

    [[nodiscard]] Result<std::vector<std::string>> tagged(const std::string& key, const std::string& value) override {
        return transaction_.run([&]() -> Result<std::vector<std::string>> {
            auto query = transaction_.query("SELECT resource_id FROM tag WHERE key = ? AND value = ? ORDER BY resource_id");
            Binder(*query).put(key, value);
            std::vector<std::string> ids;
            while (query->executeStep()) {
                ids.push_back(query->getColumn(0).getString());
            }
            return ids;
        });
    }

    [[nodiscard]] Result<std::vector<Document>> documents(const std::string& kind) override {
        return transaction_.run([&]() -> Result<std::vector<Document>> {
            auto query = transaction_.query("SELECT key, kind, owner, body, created FROM document WHERE kind = ? ORDER BY sequence");
            Binder(*query).put(kind);
            std::vector<Document> found;
            while (query->executeStep()) {
                Document& document = found.emplace_back();
                Row(*query).get_all(document.key, document.kind, document.owner, document.body, document.created);
            }
            return found;
        });
    }

    [[nodiscard]] Result<LeasedInstances> leased(TimePoint deadline) override {
        return transaction_.run([&]() -> Result<LeasedInstances> {
            LeasedInstances leased;
            auto expired = transaction_.query(
                "SELECT id FROM instance INDEXED BY instance_expires WHERE expires <= ? AND state <> 'terminated' ORDER BY expires");
            Binder(*expired).put(deadline);
            while (expired->executeStep()) {
                Row(*expired).get(leased.expired.emplace_back());
            }
            auto bound = transaction_.query(
                "SELECT id, lifeline FROM instance INDEXED BY instance_lifeline WHERE lifeline <> '' AND state <> 'terminated' "
                "ORDER BY sequence");
            while (bound->executeStep()) {
                auto& [id, lifeline] = leased.lifelines.emplace_back();
                Row(*bound).get_all(id, lifeline);
            }
            return leased;
        });
    }

private:
    [[nodiscard]] std::vector<std::int64_t> find(const Sql& conditions, const ImageSearch& search, std::optional<std::size_t> limit) {
        auto query = transaction_.query_once(
            fmt::format("SELECT i.sequence FROM image i WHERE {} {} {}", conditions.text, in_order(search.order), limit ? "LIMIT ?" : ""));
        bind(query, conditions);
        if (limit) {
            query.bind(static_cast<int>(conditions.values.size()) + 1, static_cast<std::int64_t>(std::min<std::size_t>(*limit, INT64_MAX)));
        }
        std::vector<std::int64_t> found;
        while (query.executeStep()) {
            found.push_back(query.getColumn(0).getInt64());
        }
        return found;
    }

    [[nodiscard]] Result<Listing<Image>> judge(std::span<const std::int64_t> candidates, const ImageSearch& search) {
        Listing<Image> found;
        while (!candidates.empty() && !(search.limit && found.records.size() >= *search.limit)) {
            const auto some = candidates.first(std::min(candidates.size(), k_batch));
            candidates = candidates.subspan(some.size());
            auto read = AMIVIRT_TRY(read_images(transaction_, some));
            for (auto& image : read.records) {
                if (matches(image, search) && !(search.limit && found.records.size() >= *search.limit)) {
                    found.records.push_back(std::move(image));
                }
            }
            std::move(read.unreadable.begin(), read.unreadable.end(), std::back_inserter(found.unreadable));
        }
        return found;
    }

    Transaction& transaction_;
};

}  // namespace

std::unique_ptr<CatalogIndex> make_index(Transaction& transaction) { return std::make_unique<Index>(transaction); }

}  // namespace amivirt::sqlite
