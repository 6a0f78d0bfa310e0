#include "catalog_stores.hpp"

#include <SQLiteCpp/SQLiteCpp.h>

#include <stdexcept>

#include "adapters/sqlite/catalog.hpp"
#include "fakes/fake_catalog.hpp"
#include "fakes/fake_id_source.hpp"
#include "temporary_folder.hpp"

namespace amivirt::contract {

namespace {

class FakeStore final : public CatalogStore {
public:
    Catalog& catalog() override { return catalog_; }
    Catalog& another() override { return catalog_; }
    void make_unreadable(const std::string& id) override { catalog_.make_unreadable(id); }

private:
    fakes::FakeCatalog catalog_;
};

class SqliteStore final : public CatalogStore {
public:
    Catalog& catalog() override { return open(first_); }
    Catalog& another() override { return open(second_); }
    void make_unreadable(const std::string& id) override {
        SQLite::Database database(file_, SQLite::OPEN_READWRITE);
        int changed = 0;
        for (const char* table : {"image", "instance", "volume", "snapshot", "layer"}) {
            SQLite::Statement update(database, std::string("UPDATE ") + table + " SET state = 'enchanted' WHERE id = ?");
            update.bind(1, id);
            changed += update.exec();
        }
        SQLite::Statement update(database, "UPDATE operation SET kind = 'EnchantInstances' WHERE id = ?");
        update.bind(1, id);
        changed += update.exec();
        if (changed != 1) {
            throw std::runtime_error("nothing to spoil: " + id);
        }
    }

private:
    Catalog& open(std::unique_ptr<Catalog>& slot) {
        if (!slot) {
            auto opened = open_sqlite_catalog(file_, ids_);
            if (!opened) {
                throw std::runtime_error(opened.error().message);
            }
            slot = std::move(*opened);
        }
        return *slot;
    }

    TemporaryFolder folder_;
    std::string file_ = folder_ / "catalog.db";
    fakes::FakeIdSource ids_;
    std::unique_ptr<Catalog> first_;
    std::unique_ptr<Catalog> second_;
};

}  // namespace

CatalogMaker fake_catalog_store() {
    return {"fake", [] { return std::make_unique<FakeStore>(); }};
}

CatalogMaker sqlite_catalog_store() {
    return {"sqlite", [] { return std::make_unique<SqliteStore>(); }};
}

}  // namespace amivirt::contract
