#include "adapters/sqlite/table.hpp"
#include "adapters/sqlite/tables.hpp"

namespace amivirt::sqlite {

namespace {

struct LabMemberKind {
    using Record = LabMember;
    using Key = std::string;
    static constexpr const char* k_noun = "lab member";
    static constexpr const char* k_table = "lab_member";
    static constexpr const char* k_columns = "key, lab, kind, name, resource, digest, created";

    static const Key& key(const LabMember& member) { return member.key; }
    static void bind(Binder& binder, const LabMember& member) {
        binder.put(member.key, member.lab, member.kind, member.name, member.resource, member.digest, member.created);
    }
    static LabMember read(Row& row) {
        LabMember member;
        row.get_all(member.key, member.lab, member.kind, member.name, member.resource, member.digest, member.created);
        return member;
    }
    static void read_parts(Transaction& /*transaction*/, Loaded<LabMember>& /*loaded*/) {}
    static void write_parts(Transaction& /*transaction*/, const LabMember& /*member*/) {}
    static void erase_parts(Transaction& /*transaction*/, const Key& /*key*/) {}
    static std::optional<Error> obstacle(Transaction& /*transaction*/, const LabMember& /*member*/) { return std::nullopt; }
};

}  // namespace

std::unique_ptr<LabMemberTable> make_lab_member_table(Transaction& transaction) {
    return std::make_unique<SqliteTable<LabMemberKind>>(transaction);
}

}  // namespace amivirt::sqlite
