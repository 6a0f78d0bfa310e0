// Values in and out of statements, in the order of their columns.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "amivirt/base/clock.hpp"
#include "amivirt/base/ids.hpp"
#include "amivirt/base/size.hpp"

namespace amivirt::sqlite {

struct Blob {
    const std::string& bytes;
};

/// Binds from the first parameter on. Throws SQLite::Exception, and std::out_of_range for a number SQLite cannot hold.
class Binder {
public:
    explicit Binder(SQLite::Statement& statement) : statement_(statement) {}

    template <class... Values>
    Binder& put(const Values&... values) {
        (put_one(values), ...);
        return *this;
    }

private:
    void put_one(const std::string& value) { statement_.bind(++index_, value); }
    void put_one(std::string_view value) { statement_.bind(++index_, std::string(value)); }
    void put_one(const char* value) { statement_.bind(++index_, value); }
    void put_one(const Blob& value);
    void put_one(std::nullopt_t /*null*/) { statement_.bind(++index_); }
    template <std::integral Number>
    void put_one(Number value) {
        if constexpr (std::is_unsigned_v<Number> && sizeof(Number) >= sizeof(std::int64_t)) {
            put_large(value);
        } else {
            statement_.bind(++index_, static_cast<std::int64_t>(value));
        }
    }
    void put_one(Bytes value) { put_large(value.count); }
    void put_one(GiB value) { put_large(value.count); }
    void put_one(TimePoint value) { put_one(value.time_since_epoch().count()); }
    void put_one(const AccountId& value) { put_one(value.str()); }
    template <class Kind>
    void put_one(const Id<Kind>& value) {
        put_one(value.str());
    }
    template <class Word>
    requires std::is_enum_v<Word>
    void put_one(Word value) { put_one(to_string(value)); }
    template <class T>
    void put_one(const std::optional<T>& value) {
        if (value) {
            put_one(*value);
        } else {
            put_one(std::nullopt);
        }
    }
    void put_large(std::uint64_t value);

    SQLite::Statement& statement_;
    int index_ = 0;
};

/// Reads the columns of the current row, left to right. What cannot be understood is remembered, not thrown.
class Row {
public:
    explicit Row(SQLite::Statement& statement) : statement_(statement) {}

    void get(std::string& value) { value = text(); }
    void get(bool& value) { value = number(0, 1) != 0; }
    void get(long& value) { value = number(INT64_MIN, INT64_MAX); }
    template <std::unsigned_integral Number>
    requires(!std::same_as<Number, bool>) void get(Number& value) {
        if constexpr (sizeof(Number) >= sizeof(std::int64_t)) {
            value = static_cast<Number>(number(0, INT64_MAX));
        } else {
            value = static_cast<Number>(number(0, static_cast<std::int64_t>(static_cast<Number>(-1))));
        }
    }
    void get(Bytes& value) { get(value.count); }
    void get(GiB& value) { get(value.count); }
    void get(TimePoint& value) { value = TimePoint(Duration(number(INT64_MIN, INT64_MAX))); }
    void get(AccountId& value);
    template <class Kind>
    void get(Id<Kind>& value) {
        const std::string word = text();
        if (word.empty()) {
            value = {};
        } else if (auto id = Id<Kind>::parse(word)) {
            value = std::move(*id);
        } else {
            complain(word);
        }
    }
    template <class T>
    void get(std::optional<T>& value) {
        if (statement_.isColumnNull(index_)) {
            ++index_;
            value.reset();
            return;
        }
        T found{};
        get(found);
        value = std::move(found);
    }
    /// A word that `parse` understands.
    template <class Word>
    void get(Word& value, Result<Word> (*parse)(std::string_view)) {
        const std::string word = text();
        if (auto parsed = parse(word)) {
            value = *parsed;
        } else {
            complain(word);
        }
    }
    template <class Word>
    void get(std::optional<Word>& value, Result<Word> (*parse)(std::string_view)) {
        if (statement_.isColumnNull(index_)) {
            ++index_;
            value.reset();
            return;
        }
        Word found{};
        get(found, parse);
        value = found;
    }

    /// Several at once, none of them a word.
    template <class... Values>
    void get_all(Values&... values) {
        (get(values), ...);
    }
    [[nodiscard]] std::string text();
    [[nodiscard]] bool null_here() const { return statement_.isColumnNull(index_); }
    void skip(int columns) { index_ += columns; }

    /// The first column that could not be understood, as a clause; "" if none.
    [[nodiscard]] const std::string& fault() const noexcept { return fault_; }
    /// Says that the column just read makes no sense.
    void complain(const std::string& shown);

private:
    [[nodiscard]] std::int64_t number(std::int64_t least, std::int64_t most);

    SQLite::Statement& statement_;
    int index_ = 0;
    std::string fault_;
};

}  // namespace amivirt::sqlite
