// The catalogs that the suite runs on.
#pragma once

#include <functional>
#include <memory>
#include <ostream>
#include <string>

#include "amivirt/ports/catalog.hpp"

namespace amivirt::contract {

class CatalogStore {
public:
    virtual ~CatalogStore() = default;
    virtual Catalog& catalog() = 0;
    /// What another process, started later, would have.
    virtual Catalog& another() = 0;
    /// Spoils the record of this id in a way no program of ours would.
    virtual void make_unreadable(const std::string& id) = 0;
};

struct CatalogMaker {
    std::string name;
    std::function<std::unique_ptr<CatalogStore>()> make;
};
inline void PrintTo(const CatalogMaker& maker, std::ostream* out) { *out << maker.name; }

[[nodiscard]] CatalogMaker fake_catalog_store();
[[nodiscard]] CatalogMaker sqlite_catalog_store();

}  // namespace amivirt::contract
