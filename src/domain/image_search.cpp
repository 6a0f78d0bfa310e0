#include "amivirt/domain/image_search.hpp"

#include <algorithm>

#include "amivirt/domain/image_access.hpp"

#include "domain/words.hpp"

namespace amivirt {

namespace {

constexpr std::array<Word<ImageField>, 7> k_fields{{
    {ImageField::creation, "creation"},
    {ImageField::creation_date, "creation-date"},
    {ImageField::name, "name"},
    {ImageField::image_id, "image-id"},
    {ImageField::owner_id, "owner-id"},
    {ImageField::architecture, "architecture"},
    {ImageField::state, "state"},
}};

bool granted(const Image& image, const LaunchPermissions& wanted, const std::optional<AccountId>& seen_by) {
    if (wanted.everyone && image.permissions.everyone) {
        return true;
    }
    return std::any_of(wanted.accounts.begin(), wanted.accounts.end(), [&](const AccountId& account) {
        return image.permissions.accounts.contains(account) && (!seen_by || account == *seen_by || image.owner == *seen_by);
    });
}

bool less(const Image& a, const Image& b, ImageField field) {
    switch (field) {
        case ImageField::creation:
            return false;
        case ImageField::creation_date:
            return a.created < b.created;
        case ImageField::name:
            return a.name < b.name;
        case ImageField::image_id:
            return a.id < b.id;
        case ImageField::owner_id:
            return a.owner < b.owner;
        case ImageField::architecture:
            return to_string(a.architecture) < to_string(b.architecture);
        case ImageField::state:
            return to_string(a.state) < to_string(b.state);
    }
    return false;
}

}  // namespace

std::string_view to_string(ImageField value) noexcept { return word_for(k_fields, value); }

Result<ImageOrder> parse_image_order(std::string_view text) {
    ImageOrder order;
    std::string_view word = text;
    if (word.starts_with('-')) {
        order.descending = true;
        word.remove_prefix(1);
    }
    order.field = AMIVIRT_TRY(parse_word(k_fields, "field to sort by", word));
    return order;
}

bool matches(const Image& image, const ImageSearch& search) {
    const auto named = [&](const std::string& wanted) { return image.id.str() == wanted || image.name == wanted; };
    if (search.seen_by && !visible_to(image, *search.seen_by, {}, k_everything)) {
        return false;
    }
    if (!search.ids_or_names.empty() && std::none_of(search.ids_or_names.begin(), search.ids_or_names.end(), named)) {
        return false;
    }
    if (search.owners && std::find(search.owners->begin(), search.owners->end(), image.owner) == search.owners->end()) {
        return false;
    }
    if (search.executable_by && !granted(image, *search.executable_by, search.seen_by)) {
        return false;
    }
    if (search.hide_disabled && image.state == ImageState::disabled) {
        return false;
    }
    if (search.hide_deprecated && is_deprecated(image, *search.hide_deprecated) && image.owner != search.seen_by) {
        return false;
    }
    return matches(image, search.filters);
}

void arrange(std::vector<Image>& images, const ImageSearch& search) {
    std::stable_sort(images.begin(), images.end(), [&](const Image& a, const Image& b) { return less(a, b, search.order.field); });
    if (search.order.descending) {
        std::reverse(images.begin(), images.end());
    }
    if (search.limit && images.size() > *search.limit) {
        images.erase(images.begin() + static_cast<std::ptrdiff_t>(*search.limit), images.end());
    }
}

}  // namespace amivirt
