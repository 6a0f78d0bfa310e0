// Opens the catalog argv[1] and writes image 1: a process of its own, for tests that kill it, since fault_point() counts per process.
#include "adapters/sqlite/catalog.hpp"
#include "catalog_records.hpp"
#include "fakes/fake_id_source.hpp"

int main(int argc, char** argv) {
    using namespace amivirt;
    if (argc != 2) {
        return 2;
    }
    fakes::FakeIdSource ids;
    const auto catalog = open_sqlite_catalog(argv[1], ids);
    if (!catalog) {
        return 3;
    }
    return (*catalog)->write([](CatalogSession& session) { return session.images().insert(contract::full_image(1)); }) ? 0 : 4;
}
