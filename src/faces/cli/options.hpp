// What a command accepts, declared without a parser's header.
#pragma once

#include <fmt/format.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "amivirt/base/result.hpp"

namespace amivirt::cli {

enum class Repeat {
    once,  ///< a second one is an error
    last,  ///< the last one counts
    each,  ///< every one counts
};

struct Option {
    std::string names;        ///< "-n,--count"
    std::string placeholder;  ///< "N"; "" for a flag
    std::string help;
    std::string environment;  ///< the variable that stands for it if it is not given; "" none
    Repeat repeat = Repeat::once;
    bool is_required = false;
    bool is_global = false;
    /// Called per value, in order; a flag's is called with "" each time it is given.
    std::function<Result<void>(const std::string&)> take;

    [[nodiscard]] bool is_flag() const noexcept { return placeholder.empty(); }
    [[nodiscard]] std::vector<std::string> spellings() const;  ///< "-n", "--count"
    [[nodiscard]] std::string long_name() const;               ///< "--count"

    Option& required() {
        is_required = true;
        return *this;
    }
    Option& repeated(Repeat how) {
        repeat = how;
        return *this;
    }
    Option& from_environment(std::string variable) {
        environment = std::move(variable);
        return *this;
    }
};

enum class MayBeEmpty { yes, no };

/// The words that are no options. One list per command.
struct Words {
    std::string name;  ///< "INSTANCE"; "VOLUME INSTANCE" where each word means something else
    std::string help;
    std::size_t least = 0;
    std::size_t most = 0;
    std::vector<std::string>* into = nullptr;
};

class OptionSet {
public:
    Option& add(std::string names, std::string placeholder, std::string help, std::function<Result<void>(const std::string&)> take);
    Option& flag(std::string names, std::string help, std::function<void()> on);
    Option& text(std::string names, std::string placeholder, std::string help, std::string& into, MayBeEmpty may_be_empty = MayBeEmpty::no);
    Option& texts(std::string names, std::string placeholder, std::string help, std::vector<std::string>& into);
    // NOLINTBEGIN(performance-unnecessary-value-param): they are moved from, which it does not see in a template
    /// A value that `parse` reads; its error is told with the option's name before it.
    template <class Target, class Parse>
    Option& parsed(std::string names, std::string placeholder, std::string help, Target& into, Parse parse) {
        return add(std::move(names), std::move(placeholder), std::move(help), [&into, parse](const std::string& text) -> Result<void> {
            into = AMIVIRT_TRY(parse(text));
            return {};
        });
    }
    /// The same, for one that may be given several times.
    template <class Element, class Parse>
    Option& parsed_each(std::string names, std::string placeholder, std::string help, std::vector<Element>& into, Parse parse) {
        return add(std::move(names), std::move(placeholder), std::move(help),
                   [&into, parse](const std::string& text) -> Result<void> {
                       into.push_back(AMIVIRT_TRY(parse(text)));
                       return {};
                   })
            .repeated(Repeat::each);
    }
    // NOLINTEND(performance-unnecessary-value-param)
    void words(Words words) { words_ = std::move(words); }
    /// Options added from here on are global ones.
    void begin_global() noexcept { global_ = true; }

    [[nodiscard]] const std::vector<Option>& options() const noexcept { return options_; }
    [[nodiscard]] const Words& words() const noexcept { return words_; }
    [[nodiscard]] std::vector<std::string> long_names() const;

private:
    std::vector<Option> options_;
    Words words_;
    bool global_ = false;
};

}  // namespace amivirt::cli
