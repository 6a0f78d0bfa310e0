// What only EC2 asks of an image: product codes, and words about devices that every machine here has anyway.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "amivirt/domain/filter.hpp"
#include "amivirt/domain/product_code.hpp"
#include "amivirt/ports/catalog.hpp"

namespace amivirt {

struct ImageExtras {
    bool ena_support = false;
    std::string sriov_net_support;  ///< "simple"; "" not said
    std::vector<ProductCode> product_codes;
    friend bool operator==(const ImageExtras&, const ImageExtras&) = default;
};

/// Takes out those filters of DescribeImages that ask for what is kept here: product-code, product-code.type, ena-support,
/// sriov-net-support.
[[nodiscard]] std::vector<Filter> take_extras_filters(std::vector<Filter>& filters);
[[nodiscard]] bool matches(const ImageExtras& extras, const std::vector<Filter>& filters);

class ImageExtrasBook {
public:
    explicit ImageExtrasBook(Catalog& catalog) : catalog_(catalog) {}

    /// Of those among `images` that have any, and perhaps of others. One transaction.
    [[nodiscard]] Result<std::map<ImageId, ImageExtras>> of(const std::vector<Image>& images);
    /// In a transaction of the caller's: instead of what there was; nothing to say leaves no record.
    [[nodiscard]] static Result<void> write(CatalogSession& session, const Image& image, const ImageExtras& extras, TimePoint now);
    [[nodiscard]] static Result<ImageExtras> read(CatalogSession& session, const ImageId& image);
    /// Likewise: adds to those there are, once each, since none is taken away again (source: EC2 ModifyImageAttribute).
    [[nodiscard]] static Result<void> add_product_codes(CatalogSession& session, const Image& image, const std::vector<ProductCode>& codes,
                                                        TimePoint now);
    /// Likewise: what the image that stands behind this one has, besides what this one was given itself.
    [[nodiscard]] static Result<void> inherit(CatalogSession& session, const Image& image, const ImageExtras& from, TimePoint now);

private:
    Catalog& catalog_;
};

}  // namespace amivirt
