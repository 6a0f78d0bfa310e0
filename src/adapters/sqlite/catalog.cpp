#include "adapters/sqlite/catalog.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "adapters/sqlite/connection.hpp"
#include "adapters/sqlite/migrations.hpp"
#include "adapters/sqlite/tables.hpp"
#include "adapters/sqlite/transaction.hpp"
#include "amivirt/base/fault.hpp"
#include "amivirt/base/sync.hpp"

namespace amivirt {

namespace {

using sqlite::Access;
using sqlite::Connection;
using sqlite::Transaction;

class SqliteSession final : public CatalogSession {
public:
    explicit SqliteSession(Transaction& transaction) : transaction_(transaction) {}
    ImageTable& images() override { return table(images_, sqlite::make_image_table); }
    InstanceTable& instances() override { return table(instances_, sqlite::make_instance_table); }
    VolumeTable& volumes() override { return table(volumes_, sqlite::make_volume_table); }
    SnapshotTable& snapshots() override { return table(snapshots_, sqlite::make_snapshot_table); }
    LayerTable& layers() override { return table(layers_, sqlite::make_layer_table); }
    OperationTable& operations() override { return table(operations_, sqlite::make_operation_table); }
    DownloadTable& downloads() override { return table(downloads_, sqlite::make_download_table); }
    RetentionRuleTable& retention_rules() override { return table(retention_rules_, sqlite::make_retention_rule_table); }
    KeyPairTable& key_pairs() override { return table(key_pairs_, sqlite::make_key_pair_table); }
    LabMemberTable& lab_members() override { return table(lab_members_, sqlite::make_lab_member_table); }
    DocumentTable& documents() override { return table(documents_, sqlite::make_document_table); }
    CatalogIndex& index() override { return table(index_, sqlite::make_index); }
    [[nodiscard]] Result<RegionPolicy> policy() override { return sqlite::read_policy(transaction_); }
    [[nodiscard]] Result<void> set_policy(const RegionPolicy& policy) override { return sqlite::write_policy(transaction_, policy); }
    [[nodiscard]] Result<BinContents> leaving_bin(TimePoint deadline) override { return sqlite::read_leaving_bin(transaction_, deadline); }

private:
    template <class T>
    T& table(std::unique_ptr<T>& slot, std::unique_ptr<T> (*make)(Transaction&)) {
        if (!slot) {
            slot = make(transaction_);
        }
        return *slot;
    }

    Transaction& transaction_;
    std::unique_ptr<ImageTable> images_;
    std::unique_ptr<InstanceTable> instances_;
    std::unique_ptr<VolumeTable> volumes_;
    std::unique_ptr<SnapshotTable> snapshots_;
    std::unique_ptr<LayerTable> layers_;
    std::unique_ptr<OperationTable> operations_;
    std::unique_ptr<DownloadTable> downloads_;
    std::unique_ptr<RetentionRuleTable> retention_rules_;
    std::unique_ptr<KeyPairTable> key_pairs_;
    std::unique_ptr<LabMemberTable> lab_members_;
    std::unique_ptr<DocumentTable> documents_;
    std::unique_ptr<CatalogIndex> index_;
};

using Idle = Sync<std::vector<std::unique_ptr<Connection>>>;

/// A connection for one call; goes back to the idle ones unless something went wrong with it.
class Lease {
public:
    Lease(Idle& idle, std::unique_ptr<Connection> connection) : idle_(idle), connection_(std::move(connection)) {}
    Lease(Lease&&) = default;
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease() {
        constexpr std::size_t k_most_idle = 8;
        if (connection_ && connection_->healthy() && !connection_->in_transaction()) {
            auto idle = idle_.lock();
            if (idle->size() < k_most_idle) {
                idle->push_back(std::move(connection_));
            }
        }
    }
    Connection& operator*() noexcept { return *connection_; }

private:
    Idle& idle_;
    std::unique_ptr<Connection> connection_;
};

class SqliteCatalog final : public Catalog {
public:
    SqliteCatalog(std::unique_ptr<Connection> first, std::string store_id) : file_(first->file()), store_id_(std::move(store_id)) {
        idle_.lock()->push_back(std::move(first));
    }

    // NOLINTBEGIN(clang-analyzer-cplusplus.NewDeleteLeaks): it does not see the destructors of a value that comes out of AMIVIRT_TRY
    [[nodiscard]] Result<void> write(const Body& body) override {
        // A second write transaction of this thread would wait for the first, which cannot go on meanwhile.
        if (writing_ == this) {
            return Error(Code::internal_error, "The catalog was to be written inside a write().");
        }
        struct Writing {
            explicit Writing(const SqliteCatalog* now) : before(std::exchange(writing_, now)) {}
            Writing(const Writing&) = delete;
            Writing& operator=(const Writing&) = delete;
            ~Writing() { writing_ = before; }
            const SqliteCatalog* before;
        } const writing(this);

        auto lease = AMIVIRT_TRY(take());
        Transaction transaction(*lease, Access::write);
        AMIVIRT_TRY(transaction.begin());
        SqliteSession session(transaction);
        AMIVIRT_TRY(body(session));
        fault_point("catalog.commit");
        AMIVIRT_TRY(transaction.commit());
        fault_point("catalog.committed");
        return {};
    }

    [[nodiscard]] Result<void> read(const Body& body) override {
        auto lease = AMIVIRT_TRY(take());
        Transaction transaction(*lease, Access::read);
        AMIVIRT_TRY(transaction.begin());
        SqliteSession session(transaction);
        return body(session);
    }
    // NOLINTEND(clang-analyzer-cplusplus.NewDeleteLeaks)

    [[nodiscard]] const std::string& store_id() const override { return store_id_; }

private:
    [[nodiscard]] Result<Lease> take() {
        {
            auto idle = idle_.lock();
            if (!idle->empty()) {
                auto connection = std::move(idle->back());
                idle->pop_back();
                return Result<Lease>(Lease(idle_, std::move(connection)));
            }
        }
        try {
            return Result<Lease>(Lease(idle_, std::make_unique<Connection>(file_)));
        } catch (const SQLite::Exception& exception) {
            return sqlite::to_error(exception, file_, errno);
        }
    }

    static thread_local const SqliteCatalog* writing_;

    std::string file_;
    std::string store_id_;
    Idle idle_;
};

thread_local const SqliteCatalog* SqliteCatalog::writing_ = nullptr;

Error cannot_open(const std::string& file, std::string_view why) {
    return Error(Code::io_error, fmt::format("Cannot open the catalog \"{}\": {}.", file, why));
}

/// Makes the file, if need be, and says in plain words what SQLite would only call "unable to open". The file is not opened here: closing
/// it would drop the locks that another connection of this process has on it (source: fcntl(2), record locks).
Result<void> prepare_file(const std::string& file) {
    const auto why = [] { return std::generic_category().message(errno); };
    if (::mknod(file.c_str(), S_IFREG | 0600, 0) == 0) {
        fault_point("catalog.created");
    } else if (errno != EEXIST) {
        return cannot_open(file, why());
    }
    struct stat facts {};
    if (::stat(file.c_str(), &facts) != 0) {
        return cannot_open(file, why());
    }
    if (!S_ISREG(facts.st_mode)) {
        return cannot_open(file, S_ISDIR(facts.st_mode) ? "it is a directory" : "it is not a regular file");
    }
    if (::faccessat(AT_FDCWD, file.c_str(), R_OK | W_OK, AT_EACCESS) != 0) {
        return cannot_open(file, why());
    }
    return {};
}

}  // namespace

Result<std::unique_ptr<Catalog>> open_sqlite_catalog(const std::string& file, IdSource& ids) {
    AMIVIRT_TRY(prepare_file(file));
    std::unique_ptr<Connection> connection;
    try {
        connection = std::make_unique<Connection>(file);
    } catch (const SQLite::Exception& exception) {
        return sqlite::to_error(exception, file, errno);
    }
    try {
        AMIVIRT_TRY(sqlite::migrate(*connection, sqlite::migrations(), ids));
        std::string store_id;
        {
            auto query = connection->query("SELECT id FROM store");
            if (!query->executeStep()) {
                return Error(Code::store_corrupt, fmt::format("The catalog \"{}\" has no store id.", file));
            }
            store_id = query->getColumn(0).getString();
        }
        return std::unique_ptr<Catalog>(std::make_unique<SqliteCatalog>(std::move(connection), std::move(store_id)));
    } catch (const SQLite::Exception& exception) {
        return connection->error(exception);
    }
}

}  // namespace amivirt
