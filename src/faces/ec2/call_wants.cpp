// What a request names, asked of the services when it is a dry run.
#include "faces/ec2/call.hpp"

namespace amivirt::ec2 {

void Call::wants(ImageAction action, const std::string& image) const {
    wanted_.push_back([this, action, image]() -> Result<void> {
        AMIVIRT_TRY(find_one<ImageId>(image, [&](const std::string& id) { return services.images.resolve_to(action, account, id); }));
        return {};
    });
}

void Call::wants_own_snapshot(const std::string& snapshot) const {
    wanted_.push_back([this, snapshot]() -> Result<void> {
        const auto found = AMIVIRT_TRY(find_one<SnapshotId>(snapshot, this->snapshot()));
        return found.owner == account
                   ? Result<void>()
                   : Error(Code::auth_failure, fmt::format("Not authorized for snapshot: {} belongs to another account", snapshot));
    });
}

}  // namespace amivirt::ec2
