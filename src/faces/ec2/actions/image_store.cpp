#include <algorithm>
#include <memory>

#include "faces/ec2/actions/actions.hpp"
#include "faces/ec2/render.hpp"

namespace amivirt::ec2 {

Result<void> create_store_image_task(Call& call) {
    const auto id = call.id<ImageId>("ImageId");
    const auto bucket = call.in.required("Bucket");
    call.in.refuse("S3ObjectTag", "an object in a bucket here is a file, which has no tags");
    call.wants(ImageAction::export_image, id);
    AMIVIRT_TRY(call.ready());
    AMIVIRT_TRY(Call::find_one<ImageId>(id, call.image()));
    const auto key = AMIVIRT_TRY(call.background.until_begun<std::string>(
        "CreateStoreImageTask of " + id,
        [&store = call.services.image_store, account = call.account, id,
         bucket](const std::function<void(std::string)>& begun) -> Result<std::string> {
            SilentProgress silent;
            return AMIVIRT_TRY(store.store(
                                   account, id, bucket, [&](const StoreTask& task) { begun(task.key); }, silent))
                .key;
        }));
    call.out.text("objectKey", key);
    return {};
}

Result<void> describe_store_image_tasks(Call& call) {
    const auto ids = call.ids<ImageId>("ImageId");
    const auto filters = call.filters();
    const Page page = call.page(!ids.empty(), 1);
    for (const Filter& filter : filters) {
        if (filter.name != "task-state" && filter.name != "bucket") {
            call.in.fault({Code::invalid_parameter_value, fmt::format("The filter '{}' is invalid", printable(filter.name))});
        }
    }
    AMIVIRT_TRY(call.ready());
    AMIVIRT_TRY(Call::find_all<ImageId>(ids, call.image()));
    std::vector<ImageId> images;
    for (const std::string& id : ids) {
        images.push_back(AMIVIRT_TRY(ImageId::parse(id)));
    }
    auto tasks = AMIVIRT_TRY(call.services.image_store.tasks(call.account, images));
    std::erase_if(tasks, [&](const StoreTask& task) {
        return !std::all_of(filters.begin(), filters.end(), [&](const Filter& filter) {
            const std::string value = filter.name == "bucket" ? task.bucket : std::string(to_string(task.state));
            return std::any_of(filter.values.begin(), filter.values.end(),
                               [&](const std::string& pattern) { return wildcard_match(pattern, value); });
        });
    });
    std::string next;
    tasks = Call::cut(
        std::move(tasks), page, [](const StoreTask& each) { return each.image.str(); }, next);
    call.out.list("storeImageTaskResultSet", tasks, [&](const StoreTask& each) {
        call.out.text("amiId", each.image.str());
        call.out.time("taskStartTime", each.started);
        call.out.text("bucket", each.bucket);
        call.out.text("s3objectKey", each.key);
        call.out.number("progressPercentage", each.state == StoreTaskState::completed ? 100 : 0);
        call.out.text("storeTaskState", to_string(each.state));
        call.out.some("storeTaskFailureReason", each.reason);
    });
    call.out.some("nextToken", next);
    return {};
}

Result<void> create_restore_image_task(Call& call) {
    RestoreObjectRequest request;
    request.bucket = call.in.required("Bucket");
    request.key = call.in.required("ObjectKey");
    request.name = call.in.text("Name").value_or("");
    auto tags = call.tag_specifications({"image", "snapshot"});
    if (tags.contains("snapshot")) {
        call.in.fault({Code::unsupported_operation,
                       "The parameter TagSpecification is not supported for snapshots: use CreateTags when they are there"});
    }
    request.tags = tags["image"];
    AMIVIRT_TRY(call.ready());
    const auto restore = [&store = call.services.image_store, account = call.account](const RestoreObjectRequest& promised) {
        SilentProgress silent;
        return store.restore(account, promised, silent);
    };
    call.out.text("imageId", AMIVIRT_TRY(call.promised("CreateRestoreImageTask of " + printable(request.key), request, restore)));
    return {};
}

}  // namespace amivirt::ec2
