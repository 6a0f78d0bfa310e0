// Filters of what is listed by the API alone.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "amivirt/domain/filter.hpp"
#include "faces/ec2/xml.hpp"

namespace amivirt::ec2 {

/// What a filter's name asks for of a thing: its values, perhaps none; nullopt: there is no such filter.
using FilterFields = std::optional<std::vector<std::string>>;

/// Leaves those that pass all filters. `fields_of(thing, name)` gives FilterFields; of `nothing` it tells which filters there are.
template <class T, class FieldsOf>
[[nodiscard]] Result<void> keep_passing(std::vector<T>& all, const std::vector<Filter>& filters, const T& nothing,
                                        const FieldsOf& fields_of) {
    for (const Filter& filter : filters) {
        if (!fields_of(nothing, filter.name)) {
            return Error(Code::invalid_parameter_value, fmt::format("The filter '{}' is invalid", printable(filter.name)));
        }
        std::erase_if(all, [&](const T& each) {
            const FilterFields fields = fields_of(each, filter.name);
            return std::none_of(fields->begin(), fields->end(), [&](const std::string& field) {
                return std::any_of(filter.values.begin(), filter.values.end(),
                                   [&](const std::string& value) { return wildcard_match(value, field); });
            });
        });
    }
    return {};
}

}  // namespace amivirt::ec2
