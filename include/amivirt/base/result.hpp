// Result<T>: a value or an Error; not looking at it is a compile-time warning.
#pragma once

#include <tl/expected.hpp>

#include <type_traits>
#include <utility>

#include "amivirt/base/error.hpp"

namespace amivirt {

template <class T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
public:
    using Base = tl::expected<T, Error>;
    using Base::Base;
    Result(Error error) : Base(tl::unexpect, std::move(error)) {}  // NOLINT(google-explicit-constructor): so `return Error{...}` reads
};

template <>
class [[nodiscard]] Result<void> : public tl::expected<void, Error> {
public:
    using Base = tl::expected<void, Error>;
    using Base::Base;
    Result() = default;
    Result(Error error) : Base(tl::unexpect, std::move(error)) {}  // NOLINT(google-explicit-constructor)
};

namespace detail {
template <class T>
T take(Result<T>& result) {
    if constexpr (!std::is_void_v<T>) {
        return std::move(*result);
    }
}
}  // namespace detail

// Each use has a variable name of its own: a lambda inside the expression may use the macro too.
// NOLINTBEGIN(bugprone-macro-parentheses): `result` is the name of a variable, and a name that is declared stands in no parentheses.
#define AMIVIRT_DETAIL_JOIN_(a, b) a##b
#define AMIVIRT_DETAIL_JOIN(a, b) AMIVIRT_DETAIL_JOIN_(a, b)
#define AMIVIRT_DETAIL_TRY(expression, result, failed) \
    __extension__({                                    \
        auto result = (expression);                    \
        if (!result) {                                 \
            return failed;                             \
        }                                              \
        ::amivirt::detail::take(result);               \
    })
#define AMIVIRT_DETAIL_TRY_NAMED(expression, result) AMIVIRT_DETAIL_TRY(expression, result, ::amivirt::Error(std::move(result.error())))
#define AMIVIRT_DETAIL_TRY_CONTEXT_NAMED(expression, what, result) \
    AMIVIRT_DETAIL_TRY(expression, result, ::amivirt::Error(std::move(result.error()).with_context(what)))
// NOLINTEND(bugprone-macro-parentheses)

/// `auto x = AMIVIRT_TRY(may_fail());` gives the value, or returns the error from the calling function.
/// Not within braces that begin an object: g++ 12 leaks the members before it when it returns (so found by LeakSanitizer).
#define AMIVIRT_TRY(expression) AMIVIRT_DETAIL_TRY_NAMED(expression, AMIVIRT_DETAIL_JOIN(amivirt_try_, __COUNTER__))

/// The same, and says what was being done: `AMIVIRT_TRY_CONTEXT(store.remove(id), fmt::format("removing {}", id))`.
#define AMIVIRT_TRY_CONTEXT(expression, what) \
    AMIVIRT_DETAIL_TRY_CONTEXT_NAMED(expression, what, AMIVIRT_DETAIL_JOIN(amivirt_try_, __COUNTER__))

}  // namespace amivirt
