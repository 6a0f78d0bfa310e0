#include "amivirt/services/image_extras.hpp"

#include <algorithm>
#include <iterator>

#include "kept_json.hpp"

namespace amivirt {

namespace {

const std::string k_image_extras = "image-extras";
constexpr std::size_t k_few = 20;  ///< up to here they are looked up one by one

ImageExtras extras_in(const kept::Json& body) {
    ImageExtras extras;
    extras.ena_support = kept::flag(body, "enaSupport");
    extras.sriov_net_support = kept::text(body, "sriovNetSupport");
    if (const auto codes = body.find("productCodes"); codes != body.end() && codes->is_array()) {
        for (const auto& code : *codes) {
            extras.product_codes.push_back({kept::text(code, "id"), kept::text(code, "type")});
        }
    }
    return extras;
}

}  // namespace

std::vector<Filter> take_extras_filters(std::vector<Filter>& filters) {
    const auto ours = std::stable_partition(filters.begin(), filters.end(), [](const Filter& filter) {
        return filter.name != "product-code" && filter.name != "product-code.type" && filter.name != "ena-support" &&
               filter.name != "sriov-net-support";
    });
    std::vector<Filter> taken(std::make_move_iterator(ours), std::make_move_iterator(filters.end()));
    filters.erase(ours, filters.end());
    return taken;
}

bool matches(const ImageExtras& extras, const std::vector<Filter>& filters) {
    return std::all_of(filters.begin(), filters.end(), [&](const Filter& filter) {
        std::vector<std::string> values;
        if (filter.name == "ena-support") {
            values = {extras.ena_support ? "true" : "false"};
        } else if (filter.name == "sriov-net-support") {
            values = {extras.sriov_net_support};
        } else {
            for (const ProductCode& code : extras.product_codes) {
                values.push_back(filter.name == "product-code" ? code.id : code.type);
            }
        }
        return std::any_of(values.begin(), values.end(), [&](const std::string& value) {
            return std::any_of(filter.values.begin(), filter.values.end(),
                               [&](const std::string& pattern) { return !value.empty() && wildcard_match(pattern, value); });
        });
    });
}

Result<ImageExtras> ImageExtrasBook::read(CatalogSession& session, const ImageId& image) {
    const auto body = AMIVIRT_TRY(kept::find(session, k_image_extras, image.str()));
    return body ? extras_in(*body) : ImageExtras();
}

Result<void> ImageExtrasBook::write(CatalogSession& session, const Image& image, const ImageExtras& extras, TimePoint now) {
    if (extras == ImageExtras()) {
        return kept::erase(session, k_image_extras, image.id.str());
    }
    kept::Json body = kept::Json::object();
    if (extras.ena_support) {
        body["enaSupport"] = true;
    }
    if (!extras.sriov_net_support.empty()) {
        body["sriovNetSupport"] = extras.sriov_net_support;
    }
    for (const ProductCode& code : extras.product_codes) {
        AMIVIRT_TRY(check_product_code(code));
        body["productCodes"].push_back({{"id", code.id}, {"type", code.type}});
    }
    return kept::put(session, k_image_extras, image.id.str(), image.owner.str(), body, now);
}

Result<std::map<ImageId, ImageExtras>> ImageExtrasBook::of(const std::vector<Image>& images) {
    std::map<ImageId, ImageExtras> all;
    AMIVIRT_TRY(catalog_.read([&](CatalogSession& session) -> Result<void> {
        if (images.size() > k_few) {  // few images of a catalog have any
            for (const Document& document : AMIVIRT_TRY(session.index().documents(k_image_extras))) {
                if (const auto id = ImageId::parse(kept::id_of(document))) {
                    all.emplace(*id, extras_in(AMIVIRT_TRY(kept::parse(document))));
                }
            }
            return {};
        }
        for (const Image& image : images) {
            if (const auto body = AMIVIRT_TRY(kept::find(session, k_image_extras, image.id.str()))) {
                all.emplace(image.id, extras_in(*body));
            }
        }
        return {};
    }));
    return all;
}

Result<void> ImageExtrasBook::add_product_codes(CatalogSession& session, const Image& image, const std::vector<ProductCode>& codes,
                                                TimePoint now) {
    ImageExtras added;
    added.product_codes = codes;
    return inherit(session, image, added, now);
}

Result<void> ImageExtrasBook::inherit(CatalogSession& session, const Image& image, const ImageExtras& from, TimePoint now) {
    auto extras = AMIVIRT_TRY(read(session, image.id));
    extras.ena_support = extras.ena_support || from.ena_support;
    if (extras.sriov_net_support.empty()) {
        extras.sriov_net_support = from.sriov_net_support;
    }
    for (const ProductCode& code : from.product_codes) {
        if (std::find(extras.product_codes.begin(), extras.product_codes.end(), code) == extras.product_codes.end()) {
            extras.product_codes.push_back(code);
        }
    }
    return write(session, image, extras, now);
}

}  // namespace amivirt
