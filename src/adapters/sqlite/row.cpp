#include "adapters/sqlite/row.hpp"

#include <fmt/format.h>

#include <limits>
#include <stdexcept>

namespace amivirt::sqlite {

void Binder::put_one(const Blob& value) { statement_.bind(++index_, value.bytes.data(), static_cast<int>(value.bytes.size())); }

void Binder::put_large(std::uint64_t value) {
    if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
        throw std::out_of_range(fmt::format("{} is larger than 2^63 - 1", value));
    }
    statement_.bind(++index_, static_cast<std::int64_t>(value));
}

void Row::get(AccountId& value) {
    const std::string word = text();
    if (word.empty()) {
        value = {};
    } else if (auto account = AccountId::parse(word)) {
        value = std::move(*account);
    } else {
        complain(word);
    }
}

std::string Row::text() { return statement_.getColumn(index_++).getString(); }

std::int64_t Row::number(std::int64_t least, std::int64_t most) {
    const std::int64_t value = statement_.getColumn(index_++).getInt64();
    if (value < least || value > most) {
        complain(fmt::to_string(value));
        return least;
    }
    return value;
}

void Row::complain(const std::string& shown) {
    if (fault_.empty()) {
        fault_ = fmt::format("its {} is \"{}\"", statement_.getColumnName(index_ - 1), shown);
    }
}

}  // namespace amivirt::sqlite
