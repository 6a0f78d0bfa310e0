#include "adapters/sqlite/table.hpp"
#include "adapters/sqlite/tables.hpp"

namespace amivirt::sqlite {

namespace {

struct DownloadKind {
    using Record = Download;
    using Key = std::string;
    static constexpr const char* k_noun = "download";
    static constexpr const char* k_table = "download";
    static constexpr const char* k_columns = "url, file, validator, touched";

    static const Key& key(const Download& download) { return download.url; }
    static void bind(Binder& binder, const Download& download) {
        binder.put(download.url, download.file, download.validator, download.touched);
    }
    static Download read(Row& row) {
        Download download;
        row.get_all(download.url, download.file, download.validator, download.touched);
        return download;
    }
    static void read_parts(Transaction& /*transaction*/, Loaded<Download>& /*loaded*/) {}
    static void write_parts(Transaction& /*transaction*/, const Download& /*download*/) {}
    static void erase_parts(Transaction& /*transaction*/, const Key& /*key*/) {}
    static std::optional<Error> obstacle(Transaction& /*transaction*/, const Download& /*download*/) { return std::nullopt; }
};

}  // namespace

std::unique_ptr<DownloadTable> make_download_table(Transaction& transaction) {
    return std::make_unique<SqliteTable<DownloadKind>>(transaction);
}

}  // namespace amivirt::sqlite
