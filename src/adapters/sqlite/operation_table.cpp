#include <set>

#include "adapters/sqlite/table.hpp"
#include "adapters/sqlite/tables.hpp"

namespace amivirt::sqlite {

namespace {

struct OperationKindOfRecord {
    using Record = Operation;
    using Key = OperationId;
    static constexpr const char* k_noun = "operation";
    static constexpr const char* k_table = "operation";
    static constexpr const char* k_columns = "id, kind, pid, started";

    static const Key& key(const Operation& operation) { return operation.id; }
    static void bind(Binder& binder, const Operation& operation) {
        binder.put(operation.id, operation.kind, operation.pid, operation.started);
    }
    static Operation read(Row& row) {
        Operation operation;
        row.get(operation.id);
        row.get(operation.kind, parse_operation_kind);
        row.get_all(operation.pid, operation.started);
        return operation;
    }
    static void read_parts(Transaction& transaction, Loaded<Operation>& loaded) {
        loaded.join(transaction, "SELECT operation, object FROM operation_object", "operation", "", "ORDER BY operation, position",
                    [](Row& row, Operation& operation) { operation.objects.push_back(row.text()); });
    }
    static void write_parts(Transaction& transaction, const Operation& operation) {
        int position = 0;
        for (const std::string& object : operation.objects) {
            auto query = transaction.query("INSERT INTO operation_object (object, operation, position) VALUES (?, ?, ?)");
            Binder(*query).put(object, operation.id, position++);
            query->exec();
        }
    }
    static void erase_parts(Transaction& transaction, const Key& key) {
        auto query = transaction.query("DELETE FROM operation_object WHERE operation = ?");
        Binder(*query).put(key);
        query->exec();
    }
    static std::optional<Error> obstacle(Transaction& transaction, const Operation& operation) {
        std::set<std::string> own;
        for (const std::string& object : operation.objects) {
            if (!own.insert(object).second) {
                return Error(Code::internal_error, fmt::format("The operation \"{}\" names \"{}\" twice.", operation.id.str(), object));
            }
            auto query = transaction.query(
                "SELECT operation.id, kind, pid, started FROM operation_object JOIN operation ON operation.id = operation_object.operation"
                " WHERE object = ? AND operation.id <> ?");
            Binder(*query).put(object, operation.id);
            if (query->executeStep()) {
                Row row(*query);
                const Operation holder = read(row);
                if (row.fault().empty()) {
                    return busy_error(holder, object);
                }
                return Error(Code::busy, fmt::format("busy: \"{}\" is held by an operation of which {}", object, row.fault()));
            }
        }
        return std::nullopt;
    }
};

}  // namespace

std::unique_ptr<OperationTable> make_operation_table(Transaction& transaction) {
    return std::make_unique<SqliteTable<OperationKindOfRecord>>(transaction);
}

}  // namespace amivirt::sqlite
