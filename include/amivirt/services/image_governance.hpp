// What an image's owner decides after it was made: who may launch it, whether and how long it can be used, and what came of it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "amivirt/domain/image_access.hpp"
#include "amivirt/domain/product_code.hpp"
#include "amivirt/services/images.hpp"

namespace amivirt {

/// A link of an image's ancestry.
struct ImageAncestor {
    ImageId id;
    AccountId owner;
    std::string name;  ///< "" if the asker may not launch it
    TimePoint created{};
    std::optional<ImageId> source;
    std::string source_region;  ///< "" this one
};

/// One that refers to an image.
struct ImageReference {
    enum class Kind { instance, launch_template, image };
    Kind kind = Kind::instance;
    std::string id;
    std::string name;  ///< the Name tag, or the template's or the image's name
    AccountId owner;
    std::string state;                    ///< as its own listing shows it; "" of a launch template
    std::vector<std::uint64_t> versions;  ///< of a launch template: those that name the image
};

struct ImageUsage {
    Image image;
    std::vector<ImageReference> references;  ///< instances that are not terminated, launch templates, images copied or created from it
};

/// Which of those that nobody uses.
struct UnusedQuery {
    std::vector<Filter> filters = {};             ///< as of a listing
    std::optional<Duration> idle = std::nullopt;  ///< neither made nor launched for that long
    std::size_t keep = 0;                         ///< but for the newest so many of those that the filters match, used or not
};

/// What is said is changed, the rest stays.
struct ImageChange {
    LaunchPermissions added = {};
    LaunchPermissions removed = {};
    std::optional<std::string> description = std::nullopt;
    std::vector<ProductCode> product_codes = {};  ///< added to those there are
};

class ImageGovernance {
public:
    ImageGovernance(Catalog& catalog, Images& images, const Clock& clock, std::string region)
        : catalog_(catalog), images_(images), clock_(clock), region_(std::move(region)) {}

    // Each of these is one transaction, idempotent, and answers the image as it is then. Errors of authorize(modify).

    /// Adds permissions; the owner, who has one anyway, is left out. invalid_ami_id_unavailable if it is disabled, operation_not_permitted
    /// for everyone where the region blocks public access and the image is not public yet.
    [[nodiscard]] Result<Image> permit(const AccountId& caller, const std::string& id_or_name, const LaunchPermissions& added);
    /// One that was not there is done.
    [[nodiscard]] Result<Image> revoke(const AccountId& caller, const std::string& id_or_name, const LaunchPermissions& removed);
    /// The two above and its description, all or nothing (source: EC2 ModifyImageAttribute).
    [[nodiscard]] Result<Image> modify(const AccountId& caller, const std::string& id_or_name, const ImageChange& wanted);
    /// The owner's alone again (source: EC2 ResetImageAttribute).
    [[nodiscard]] Result<Image> reset_permissions(const AccountId& caller, const std::string& id_or_name);
    /// The caller, not the owner, gives up the permission that the image lists for it (source: EC2 CancelImageLaunchPermission).
    /// operation_not_permitted if it lists none: what everybody may cannot be given up.
    [[nodiscard]] Result<Image> cancel_permission(const AccountId& caller, const std::string& id_or_name);
    /// For its owner to look at: errors of authorize(modify).
    [[nodiscard]] Result<Image> permissions(const AccountId& caller, const std::string& id_or_name);

    /// Takes all permissions away; nobody can launch, copy or share it until it is enabled.
    [[nodiscard]] Result<Image> disable(const AccountId& caller, const std::string& id_or_name);
    /// The permissions do not come back.
    [[nodiscard]] Result<Image> enable(const AccountId& caller, const std::string& id_or_name);
    /// nullopt takes the date away. Errors of deprecation_time().
    [[nodiscard]] Result<Image> deprecate(const AccountId& caller, const std::string& id_or_name, const std::optional<TimePoint>& when);
    /// Whatever takes the place of enabled_with_cooldown leaves the image protected for 24 hours from then.
    [[nodiscard]] Result<Image> protect(const AccountId& caller, const std::string& id_or_name, DeregistrationProtection protection);

    /// The image, what it was made from, and so on: as far back as this region's catalog goes, deregistered ones included. The last may
    /// still name a source: in another region, or one that is unknown here. The owner may ask about a deregistered one, by id.
    [[nodiscard]] Result<std::vector<ImageAncestor>> ancestry(const AccountId& caller, const std::string& id_or_name);
    /// To its owner everybody's references, to others who may see it their own. The owner may ask about a deregistered one, by id.
    [[nodiscard]] Result<ImageUsage> usage(const AccountId& caller, const std::string& id_or_name);
    /// The caller's own that could go and nobody would miss, oldest first: whole or failed ones, not shared, not protected at this moment,
    /// named by no launch template and the image of no instance that is not terminated, whosever. Images made of them are no use of them:
    /// they are whole by themselves.
    [[nodiscard]] Result<std::vector<Image>> unused(const AccountId& caller, const UnusedQuery& query);

private:
    using Change = std::function<Result<void>(CatalogSession&, Image&)>;
    [[nodiscard]] Result<Image> change(const AccountId& caller, const std::string& id_or_name, const Change& make);
    [[nodiscard]] Result<Image> find_even_gone(const AccountId& caller, const std::string& id_or_name);
    Catalog& catalog_;
    Images& images_;
    const Clock& clock_;
    std::string region_;
};

}  // namespace amivirt
