// An AMI: a template for a root volume, the permissions that say who may launch it, the volumes that come with it.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "amivirt/base/clock.hpp"
#include "amivirt/base/ids.hpp"
#include "amivirt/domain/block_device_mapping.hpp"
#include "amivirt/domain/governance.hpp"
#include "amivirt/domain/platform.hpp"
#include "amivirt/domain/tag.hpp"

namespace amivirt {

enum class ImageState { pending, available, disabled, deregistered, failed };
[[nodiscard]] std::string_view to_string(ImageState value) noexcept;
[[nodiscard]] Result<ImageState> parse_image_state(std::string_view text);
enum class ImageEvent {
    ready,
    fail,
    disable,
    enable,
    deregister,
    restore,  ///< back from the recycle bin
};
/// Section 3's table; incorrect_state for a move that is not in it.
[[nodiscard]] Result<ImageState> next(ImageState state, ImageEvent event);

struct LaunchPermissions {
    bool everyone = false;  ///< group "all": a public image
    std::set<AccountId> accounts;
    friend bool operator==(const LaunchPermissions&, const LaunchPermissions&) = default;
};

struct Image {
    ImageId id;
    AccountId owner;
    std::string name;
    std::string description;
    ImageState state = ImageState::pending;
    std::string state_reason;
    Architecture architecture = Architecture::x86_64;
    BootMode boot_mode = BootMode::legacy_bios;
    std::string platform;          ///< "linux" or "windows"; "" unknown
    std::string platform_details;  ///< what inspection saw: "Debian GNU/Linux 12 (bookworm)"
    std::string distribution;      ///< inspection's short word: "debian"; "" unknown
    std::string os_version;        ///< "12.5"; "" unknown
    std::string default_user;      ///< who logs in; "" unknown
    std::string root_device_name = "/dev/sda1";
    RootDeviceType root_device_type = RootDeviceType::ebs;
    BlockDeviceMapping mapping;
    LaunchPermissions permissions;
    TimePoint created{};
    Tags tags;
    std::string source_location;  ///< file or URL it came from, for people
    // Lineage (source: EC2 SourceImageId, SourceImageRegion, SourceInstanceId); names only, they may be gone.
    std::optional<ImageId> source_image;  ///< copied from it, or of the instance it was created from
    std::string source_region;            ///< of source_image; "" none
    std::optional<InstanceId> source_instance;
    std::string client_token;             ///< of the copy that made it; "" none
    std::string request_digest;           ///< of that copy's parameters; tells an idempotent repeat from a mismatch
    std::optional<TimePoint> deprecated;  ///< from when on others do not see it; whole minutes
    DeregistrationProtection protection = DeregistrationProtection::disabled;
    std::optional<TimePoint> protected_until;  ///< the cooldown of a protection that was switched off
    std::optional<TimePoint> last_launched;
    std::string signer;          ///< fingerprint of who signed what it was restored from; see signing.hpp
    std::optional<BinStay> bin;  ///< deregistered, and still to be had back
};

/// The snapshots that the mapping names.
[[nodiscard]] std::vector<SnapshotId> snapshots_of(const Image& image);
/// May its snapshots not be deleted? While it can still be launched, now, once it is enabled again or once it is back from the bin.
[[nodiscard]] bool keeps_snapshots(const Image& image) noexcept;

/// EC2's rule: 3..128 characters of `A-Za-z0-9 ()[]./-'@_`. invalid_ami_name_malformed.
[[nodiscard]] Result<void> check_image_name(std::string_view name);
/// At most 255 characters.
[[nodiscard]] Result<void> check_description(std::string_view text);
/// Owner, listed account, or public. The permission alone: whether the image can be launched now is told by authorize().
[[nodiscard]] bool may_launch(const Image& image, const AccountId& account) noexcept;
/// Has the day of its deprecation come?
[[nodiscard]] bool is_deprecated(const Image& image, TimePoint now) noexcept;

}  // namespace amivirt
