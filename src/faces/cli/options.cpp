#include "faces/cli/options.hpp"

#include <algorithm>

namespace amivirt::cli {

namespace {

/// `--home "$UNSET"` must not mean what is meant where nothing is said.
Result<std::string> not_empty(const std::string& text) {
    return text.empty() ? Result<std::string>(Error(Code::usage, "the value is empty")) : text;
}

}  // namespace

std::vector<std::string> Option::spellings() const {
    std::vector<std::string> out;
    std::size_t begin = 0;
    while (begin <= names.size()) {
        const std::size_t end = std::min(names.find(',', begin), names.size());
        out.push_back(names.substr(begin, end - begin));
        begin = end + 1;
    }
    return out;
}

std::string Option::long_name() const {
    const std::vector<std::string> all = spellings();
    for (const std::string& name : all) {
        if (name.starts_with("--")) {
            return name;
        }
    }
    return all.front();
}

Option& OptionSet::add(std::string names, std::string placeholder, std::string help, std::function<Result<void>(const std::string&)> take) {
    Option option;
    option.names = std::move(names);
    option.placeholder = std::move(placeholder);
    option.help = std::move(help);
    option.is_global = global_;
    option.repeat = global_ ? Repeat::last : Repeat::once;
    option.take = std::move(take);
    return options_.emplace_back(std::move(option));
}

Option& OptionSet::flag(std::string names, std::string help, std::function<void()> on) {
    return add(std::move(names), {}, std::move(help),
               [on = std::move(on)](const std::string&) -> Result<void> {
                   on();
                   return {};
               })
        .repeated(Repeat::each);
}

Option& OptionSet::text(std::string names, std::string placeholder, std::string help, std::string& into, MayBeEmpty may_be_empty) {
    return add(std::move(names), std::move(placeholder), std::move(help), [&into, may_be_empty](const std::string& text) -> Result<void> {
        into = may_be_empty == MayBeEmpty::yes ? text : AMIVIRT_TRY(not_empty(text));
        return {};
    });
}

Option& OptionSet::texts(std::string names, std::string placeholder, std::string help, std::vector<std::string>& into) {
    return add(std::move(names), std::move(placeholder), std::move(help),
               [&into](const std::string& text) -> Result<void> {
                   into.push_back(AMIVIRT_TRY(not_empty(text)));
                   return {};
               })
        .repeated(Repeat::each);
}

std::vector<std::string> OptionSet::long_names() const {
    std::vector<std::string> out;
    for (const Option& option : options_) {
        out.push_back(option.long_name());
    }
    return out;
}

}  // namespace amivirt::cli
