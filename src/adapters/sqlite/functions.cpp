#include "adapters/sqlite/functions.hpp"

#include <SQLiteCpp/Exception.h>
#include <sqlite3.h>

#include <string>
#include <string_view>

#include "amivirt/domain/device_name.hpp"
#include "amivirt/domain/filter.hpp"

namespace amivirt::sqlite {

namespace {

std::string_view text_of(sqlite3_value* value) {
    const auto* bytes = reinterpret_cast<const char*>(::sqlite3_value_text(value));  // before its length: it may have to be converted
    return bytes == nullptr ? std::string_view() : std::string_view(bytes, static_cast<std::size_t>(::sqlite3_value_bytes(value)));
}

bool any_null(int count, sqlite3_value** values) {
    for (int i = 0; i < count; ++i) {
        if (::sqlite3_value_type(values[i]) == SQLITE_NULL) {
            return true;
        }
    }
    return false;
}

// No exception may go through SQLite's frames; the only one that could is bad_alloc.
template <class Body>
void answer(sqlite3_context* context, int count, sqlite3_value** values, Body body) noexcept {
    if (any_null(count, values)) {
        ::sqlite3_result_null(context);
        return;
    }
    try {
        body();
    } catch (...) {
        ::sqlite3_result_error_nomem(context);
    }
}

void wildcard(sqlite3_context* context, int count, sqlite3_value** values) {
    answer(context, count, values, [&] { ::sqlite3_result_int(context, wildcard_match(text_of(values[0]), text_of(values[1])) ? 1 : 0); });
}

void device(sqlite3_context* context, int count, sqlite3_value** values) {
    answer(context, count, values, [&] { ::sqlite3_result_int(context, same_device(text_of(values[0]), text_of(values[1])) ? 1 : 0); });
}

void iso8601(sqlite3_context* context, int count, sqlite3_value** values) {
    answer(context, count, values, [&] {
        const std::string text = to_iso8601(TimePoint(Duration(::sqlite3_value_int64(values[0]))));
        ::sqlite3_result_text(context, text.data(), static_cast<int>(text.size()), SQLITE_TRANSIENT);
    });
}

}  // namespace

void add_functions(sqlite3* database) {
    struct Function {
        const char* name;
        int arguments;
        void (*body)(sqlite3_context*, int, sqlite3_value**);
    };
    for (const Function& function : {Function{"wildcard_match", 2, wildcard}, {"same_device", 2, device}, {"iso8601", 1, iso8601}}) {
        const int result = ::sqlite3_create_function_v2(database, function.name, function.arguments,
                                                        SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY, nullptr, function.body,
                                                        nullptr, nullptr, nullptr);
        if (result != SQLITE_OK) {
            throw SQLite::Exception(database, result);
        }
    }
}

}  // namespace amivirt::sqlite
