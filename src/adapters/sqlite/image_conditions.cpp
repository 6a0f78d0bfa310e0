#include "adapters/sqlite/image_conditions.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string_view>

namespace amivirt::sqlite {

namespace {

/// Up to here images are named one by one.
constexpr std::size_t k_few = 2000;
/// Of a filter (source: EC2, 200). One with more is left to the domain: SQLite has limits of its own.
constexpr std::size_t k_most_values = 200;
constexpr std::size_t k_most_conditions = 50;

using Values = std::vector<std::variant<std::string, std::int64_t>>;

void append(Values& into, const Values& more) { into.insert(into.end(), more.begin(), more.end()); }

Sql joined(const std::vector<Sql>& parts, std::string_view word, std::string_view if_none) {
    Sql all;
    for (const Sql& part : parts) {
        all.text += fmt::format("{}({})", all.text.empty() ? std::string() : fmt::format(" {} ", word), part.text);
        append(all.values, part.values);
    }
    if (parts.empty()) {
        all.text = if_none;
    }
    return all;
}

/// `column IN (?, ?)`
template <class Text>
Sql one_of(std::string_view column, const std::vector<Text>& texts) {
    if (texts.empty()) {
        return {"0", {}};
    }
    std::string marks;
    Sql sql;
    for (const Text& text : texts) {
        marks += marks.empty() ? "?" : ", ?";
        if constexpr (std::is_same_v<Text, std::string>) {
            sql.values.emplace_back(text);
        } else {
            sql.values.emplace_back(text.str());
        }
    }
    sql.text = fmt::format("{} IN ({})", column, marks);
    return sql;
}

/// What a pattern begins with, and whether that is all of it.
struct Beginning {
    std::string text;
    bool whole = false;
};
Beginning beginning_of(std::string_view pattern) {
    Beginning begin;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        if (pattern[i] == '*' || pattern[i] == '?') {
            return begin;
        }
        if (pattern[i] == '\\' && i + 1 < pattern.size()) {
            ++i;
        }
        begin.text += pattern[i];
    }
    begin.whole = true;
    return begin;
}

/// The first text, byte by byte, after all that begin with `text`; nullopt: there is none.
std::optional<std::string> after_all_with(std::string text) {
    while (!text.empty() && static_cast<unsigned char>(text.back()) == 0xFF) {
        text.pop_back();
    }
    if (text.empty()) {
        return std::nullopt;
    }
    text.back() = static_cast<char>(static_cast<unsigned char>(text.back()) + 1);
    return text;
}

/// One of `patterns` matches the text that `column` (or expression) gives; none matches NULL. What a pattern begins with is said apart, for
/// an index over the column.
Sql matches_one(std::string_view column, const std::vector<std::string>& patterns) {
    std::vector<std::string> texts;
    std::vector<Sql> ways;
    for (const std::string& pattern : patterns) {
        const Beginning begin = beginning_of(pattern);
        if (begin.whole) {
            texts.push_back(begin.text);
            continue;
        }
        Sql way{fmt::format("wildcard_match(?, {})", column), {pattern}};
        if (const auto end = begin.text.empty() ? std::nullopt : after_all_with(begin.text)) {
            way.text = fmt::format("{0} >= ? AND {0} < ? AND {1}", column, way.text);
            way.values.insert(way.values.begin(), {begin.text, *end});
        }
        ways.push_back(std::move(way));
    }
    if (!texts.empty()) {
        ways.push_back(one_of(column, texts));
    }
    return joined(ways, "OR", "0");
}

/// The first moment, of those that to_iso8601() tells in four digits of year, whose text is not before `text`.
std::int64_t first_moment_from(const std::string& text) {
    using namespace std::chrono;
    const auto at = [](int y) { return TimePoint(sys_days(year(y) / 1 / 1)).time_since_epoch().count(); };
    std::int64_t low = at(0);
    std::int64_t high = at(10000);
    while (low < high) {
        const std::int64_t middle = low + (high - low) / 2;
        if (to_iso8601(TimePoint(Duration(middle))) < text) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/// The same for a column of milliseconds, shown as EC2 shows times.
Sql time_matches_one(std::string_view column, const std::vector<std::string>& patterns) {
    std::vector<Sql> ways;
    for (const std::string& pattern : patterns) {
        const Beginning begin = beginning_of(pattern);
        Sql way{fmt::format("wildcard_match(?, iso8601({}))", column), {pattern}};
        if (const auto end = begin.text.empty() ? std::nullopt : after_all_with(begin.text)) {
            way.text = fmt::format("{0} >= ? AND {0} < ? AND {1}", column, way.text);
            way.values.insert(way.values.begin(), {first_moment_from(begin.text), first_moment_from(*end)});
        }
        ways.push_back(std::move(way));
    }
    return joined(ways, "OR", "0");
}

/// A column of the image's own row (or what is made of it), and whether an index leads to it.
enum class Indexed { yes, no };
struct Column {
    std::string_view filter;
    std::string_view expression;
    Indexed indexed;
};
constexpr std::array<Column, 12> k_columns{{
    {"architecture", "i.architecture", Indexed::no},
    {"description", "i.description", Indexed::no},
    {"image-id", "i.id", Indexed::yes},
    {"name", "i.name", Indexed::yes},
    {"owner-id", "i.owner", Indexed::yes},
    {"platform", "nullif(i.platform, '')", Indexed::no},
    {"root-device-name", "i.root_device_name", Indexed::no},
    {"root-device-type", "i.root_device_type", Indexed::no},
    {"source-image-id", "i.source_image", Indexed::yes},
    {"source-instance-id", "i.source_instance", Indexed::yes},
    {"state", "i.state", Indexed::no},
    {"state-reason-code",
     "CASE WHEN i.state_reason = '' THEN NULL WHEN i.state = 'failed' THEN 'Server.InternalError' ELSE 'Client.UserInitiated' END",
     Indexed::no},
}};

/// What is made of an entry of the mapping.
struct DeviceColumn {
    std::string_view filter;
    std::string_view expression;
};
constexpr std::array<DeviceColumn, 6> k_device_columns{{
    {"block-device-mapping.delete-on-termination",
     "CASE WHEN d.kind = 'ebs' THEN CASE coalesce(d.delete_on_termination, same_device(d.device_name, i.root_device_name))"
     " WHEN 0 THEN 'false' ELSE 'true' END END"},
    {"block-device-mapping.device-name", "d.device_name"},
    {"block-device-mapping.encrypted",
     "CASE WHEN d.kind = 'ebs' THEN CASE coalesce(d.encrypted, 0) WHEN 0 THEN 'false' ELSE 'true' END END"},
    {"block-device-mapping.snapshot-id", "d.snapshot"},
    {"block-device-mapping.volume-size", "CAST(d.size_gib AS TEXT)"},
    {"block-device-mapping.volume-type", "CASE WHEN d.kind = 'ebs' THEN coalesce(d.type, 'gp3') END"},
}};

/// Rows of another table that belong to the image `i`: which those are, and what has to hold of one of them.
struct Rows {
    std::string_view table;
    std::string_view belongs;
    Sql condition;
};
Rows devices(Sql condition) { return {"image_block_device d", "d.image = i.id", std::move(condition)}; }
Rows permissions(Sql condition) { return {"image_launch_permission p", "p.image = i.id", std::move(condition)}; }
Rows tags(Sql condition) {
    condition.text = fmt::format("t.resource_id >= 'ami-' AND t.resource_id < 'ami.' AND ({})", condition.text);
    return {"tag t", "t.resource_id = i.id", std::move(condition)};
}

template <class Columns>
auto column_for(const Columns& columns, std::string_view filter) -> const typename Columns::value_type* {
    const auto found = std::find_if(columns.begin(), columns.end(), [&](const auto& column) { return column.filter == filter; });
    return found == columns.end() ? nullptr : &*found;
}

class Conditions {
public:
    explicit Conditions(Transaction& transaction) : transaction_(transaction) {}

    /// Asked of each candidate.
    void ask(Sql condition) {
        if (asked_.size() < k_most_conditions) {
            asked_.push_back(std::move(condition));
        }
    }
    void never() { ask({"0", {}}); }

    /// `indexed` and `plain` say the same, the latter in a way that leads the planner to no index.
    void lead(const Sql& indexed, Sql plain) {
        if (!name(few(fmt::format("SELECT i.sequence FROM image i WHERE {}", indexed.text), indexed))) {
            ask(std::move(plain));
        }
    }

    /// Such a row is there.
    void there_is(const Rows& rows) {
        // CROSS JOIN: the rows come first, whatever SQLite would think best.
        if (!name(few(fmt::format("SELECT DISTINCT i.sequence FROM {} CROSS JOIN image i ON {} WHERE {}", rows.table, rows.belongs,
                                  rows.condition.text),
                      rows.condition))) {
            ask(is_there(rows));
        }
    }

    void filter(const Filter& filter) {
        constexpr std::string_view tag = "tag:";
        if (filter.values.size() > k_most_values) {
            return;
        }
        if (const auto same = same_for_all_images(filter)) {
            if (!*same) {
                never();
            }
        } else if (filter.name.starts_with(tag)) {
            Sql condition = matches_one("t.value", filter.values);
            condition.text = fmt::format("t.key = ? AND ({})", condition.text);
            condition.values.insert(condition.values.begin(), filter.name.substr(tag.size()));
            there_is(tags(std::move(condition)));
        } else if (filter.name == "tag-key") {
            there_is(tags(matches_one("t.key", filter.values)));
        } else if (filter.name == "creation-date") {
            lead(time_matches_one("i.created", filter.values), time_matches_one("+i.created", filter.values));
        } else if (filter.name == "is-public") {
            publicity(filter.values);
        } else if (const auto* column = column_for(k_columns, filter.name)) {
            if (column->indexed == Indexed::yes) {
                lead(matches_one(column->expression, filter.values), matches_one(fmt::format("+{}", column->expression), filter.values));
            } else {
                ask(matches_one(column->expression, filter.values));
            }
        } else if (const auto* of_device = column_for(k_device_columns, filter.name)) {
            there_is(devices(matches_one(of_device->expression, filter.values)));
        }  // else: the domain alone knows
    }

    void owners(const std::vector<AccountId>& owners) { lead(one_of("i.owner", owners), one_of("+i.owner", owners)); }

    void visible_to(const AccountId& account) {
        ask({"i.state <> 'deregistered'", {}});
        const Sql own{"i.owner = ?", {account.str()}};
        const Rows granted = permissions({"p.grantee IN (?, 'all')", {account.str()}});
        if (!named_) {
            auto all = few(fmt::format("SELECT i.sequence FROM image i WHERE {}", own.text), own);
            const auto more = all ? few(fmt::format("SELECT i.sequence FROM {} CROSS JOIN image i ON {} WHERE {}", granted.table,
                                                    granted.belongs, granted.condition.text),
                                        granted.condition)
                                  : std::nullopt;
            if (more) {
                all->insert(more->begin(), more->end());
                name(std::move(all));
                return;
            }
        }
        ask(joined({{"+" + own.text, own.values}, is_there(granted)}, "OR", "0"));
    }

    void executable_by(const LaunchPermissions& wanted, const std::optional<AccountId>& seen_by) {
        std::vector<std::string> open;         // of whosoever image
        std::vector<std::string> of_own_only;  // of the images of seen_by
        if (wanted.everyone) {
            open.emplace_back("all");
        }
        for (const AccountId& account : wanted.accounts) {
            (!seen_by || account == *seen_by ? open : of_own_only).push_back(account.str());
        }
        std::vector<Sql> ways{one_of("p.grantee", open)};
        if (!of_own_only.empty()) {
            Sql way = one_of("p.grantee", of_own_only);
            way.text = fmt::format("{} AND i.owner = ?", way.text);
            way.values.emplace_back(seen_by->str());
            ways.push_back(std::move(way));
        }
        there_is(permissions(joined(ways, "OR", "0")));
    }

    [[nodiscard]] Sql all() const {
        std::vector<Sql> all = asked_;
        if (named_) {
            all.push_back({"i.sequence IN (SELECT value FROM json_each(?))", {fmt::format("[{}]", fmt::join(*named_, ","))}});
        }
        return joined(all, "AND", "1");
    }

private:
    using Numbers = std::set<std::int64_t>;

    /// What `select` finds, unless it is more than a few. Not asked once some are named already: those are soon gone through.
    std::optional<Numbers> few(const std::string& select, const Sql& parameters) {
        if (named_) {
            return std::nullopt;
        }
        Numbers found;
        auto query = transaction_.query_once(fmt::format("{} LIMIT {}", select, k_few + 1));
        bind(query, parameters);
        while (query.executeStep()) {
            found.insert(query.getColumn(0).getInt64());
        }
        return found.size() <= k_few ? std::optional(std::move(found)) : std::nullopt;
    }
    bool name(std::optional<Numbers> numbers) {
        if (numbers) {
            named_ = std::move(numbers);
            return true;
        }
        return false;
    }

    static Sql is_there(const Rows& rows) {
        return {fmt::format("EXISTS (SELECT 1 FROM {} WHERE {} AND ({}))", rows.table, rows.belongs, rows.condition.text),
                rows.condition.values};
    }

    void publicity(const std::vector<std::string>& patterns) {
        const auto wanted = [&](std::string_view word) {
            return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) { return wildcard_match(pattern, word); });
        };
        const Rows everyone = permissions({"p.grantee = 'all'", {}});
        if (wanted("true") && !wanted("false")) {
            there_is(everyone);
        } else if (wanted("false") && !wanted("true")) {
            Sql nowhere = is_there(everyone);
            nowhere.text = "NOT " + nowhere.text;
            ask(std::move(nowhere));
        } else if (!wanted("true")) {
            never();
        }
    }

    Transaction& transaction_;
    std::vector<Sql> asked_;
    std::optional<Numbers> named_;
};

/// Do all its patterns begin with something an index can be searched for?
bool is_pointed(const Filter& filter) {
    return std::none_of(filter.values.begin(), filter.values.end(),
                        [](const std::string& pattern) { return beginning_of(pattern).text.empty(); });
}

}  // namespace

Sql image_conditions(Transaction& transaction, const ImageSearch& search) {
    Conditions conditions(transaction);
    if (!search.ids_or_names.empty() && search.ids_or_names.size() <= k_most_values) {
        conditions.lead(joined({one_of("i.id", search.ids_or_names), one_of("i.name", search.ids_or_names)}, "OR", "0"),
                        joined({one_of("+i.id", search.ids_or_names), one_of("+i.name", search.ids_or_names)}, "OR", "0"));
    }
    for (const Filter& filter : search.filters) {
        if (is_pointed(filter)) {
            conditions.filter(filter);
        }
    }
    if (search.executable_by && search.executable_by->accounts.size() <= k_most_values) {
        conditions.executable_by(*search.executable_by, search.seen_by);
    }
    if (search.owners && search.owners->size() <= k_most_values) {
        conditions.owners(*search.owners);
    }
    for (const Filter& filter : search.filters) {
        if (!is_pointed(filter)) {
            conditions.filter(filter);
        }
    }
    if (search.seen_by) {
        conditions.visible_to(*search.seen_by);
    }
    if (search.hide_disabled) {
        conditions.ask({"i.state <> 'disabled'", {}});
    }
    if (search.hide_deprecated) {
        Sql current{"i.deprecated IS NULL OR i.deprecated > ?", {search.hide_deprecated->time_since_epoch().count()}};
        if (search.seen_by) {
            current.text += " OR +i.owner = ?";
            current.values.emplace_back(search.seen_by->str());
        }
        conditions.ask(std::move(current));
    }
    return conditions.all();
}

void bind(SQLite::Statement& statement, const Sql& sql) {
    int index = 0;
    for (const auto& value : sql.values) {
        ++index;
        std::visit([&](const auto& it) { statement.bind(index, it); }, value);
    }
}

}  // namespace amivirt::sqlite
