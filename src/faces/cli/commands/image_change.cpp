#include "faces/cli/commands/image_change.hpp"

#include <fmt/format.h>

#include "faces/cli/commands/several.hpp"
#include "faces/cli/render_disks.hpp"
#include "faces/cli/render_governance.hpp"
#include "faces/cli/render_table.hpp"

namespace amivirt::cli {

Result<int> change_images(Session& session, Services& services, const std::vector<std::string>& names,
                          const std::function<Result<Image>(const std::string& name)>& change) {
    std::vector<Image> changed;
    int status = 0;
    for (const std::string& name : distinct(names)) {
        if (Result<Image> image = change(name)) {
            changed.push_back(std::move(*image));
        } else {
            session.talk().error(image.error());
            status = status != 0 ? status : facts(image.error().code).exit_status;
        }
    }
    if (changed.empty()) {
        return status;
    }
    Answer answer;
    for (const Image& image : changed) {
        answer.ids.push_back(image.id.str());
    }
    answer.table = [&] { return images_table(changed, services.clock.now()); };
    answer.document = [&] { return deleted_document("ImageIds", answer.ids); };
    session.print(answer, Format::id);
    return status;
}

void print_permissions(Session& session, const Image& image, Format otherwise) {
    Answer answer;
    answer.table = [&] { return permissions_table(image); };
    answer.document = [&] { return permissions_document(image); };
    answer.ids = {image.id.str()};
    session.print(answer, otherwise);
}

Result<AllowedBy> allowed_by(Services& services) {
    const RegionPolicy policy = AMIVIRT_TRY(services.settings.policy());
    if (policy.allowed_images == AllowedImages::disabled) {
        return AllowedBy();
    }
    return AllowedBy([policy, account = services.account, now = services.clock.now()](const Image& image) -> std::optional<bool> {
        return meets_criteria(image, policy.criteria, account, now);
    });
}

void tell_stay(Session& session, const std::string& noun, const std::string& id, const std::optional<BinStay>& stay) {
    if (stay) {
        session.talk().note(fmt::format("{} is in the recycle bin until {}: \"amivirt {} restore-from-bin {}\" brings it back", id,
                                        to_iso8601(stay->expires), noun, id));
    }
}

}  // namespace amivirt::cli
