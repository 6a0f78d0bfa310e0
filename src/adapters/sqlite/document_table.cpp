#include "adapters/sqlite/table.hpp"
#include "adapters/sqlite/tables.hpp"

namespace amivirt::sqlite {

namespace {

struct DocumentKind {
    using Record = Document;
    using Key = std::string;
    static constexpr const char* k_noun = "document";
    static constexpr const char* k_table = "document";
    static constexpr const char* k_columns = "key, kind, owner, body, created";

    static const Key& key(const Document& document) { return document.key; }
    static void bind(Binder& binder, const Document& document) {
        binder.put(document.key, document.kind, document.owner, document.body, document.created);
    }
    static Document read(Row& row) {
        Document document;
        row.get_all(document.key, document.kind, document.owner, document.body, document.created);
        return document;
    }
    static void read_parts(Transaction& /*transaction*/, Loaded<Document>& /*loaded*/) {}
    static void write_parts(Transaction& /*transaction*/, const Document& /*document*/) {}
    static void erase_parts(Transaction& /*transaction*/, const Key& /*key*/) {}
    static std::optional<Error> obstacle(Transaction& /*transaction*/, const Document& /*document*/) { return std::nullopt; }
};

}  // namespace

std::unique_ptr<DocumentTable> make_document_table(Transaction& transaction) {
    return std::make_unique<SqliteTable<DocumentKind>>(transaction);
}

}  // namespace amivirt::sqlite
