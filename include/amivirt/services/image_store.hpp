// Images as objects in buckets (source: EC2 CreateStoreImageTask, CreateRestoreImageTask). A bucket is a folder of the account's in the
// region's store, made when something is first put into it; an object is a bundle, as `amivirt image store` writes it.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "amivirt/base/sync.hpp"
#include "amivirt/services/carrying.hpp"

namespace amivirt {

enum class StoreTaskState { in_progress, completed, failed };
[[nodiscard]] std::string_view to_string(StoreTaskState value) noexcept;  // "InProgress"

/// The last one of its image.
struct StoreTask {
    ImageId image;
    std::string bucket;
    std::string key;  ///< "ami-....bin"
    StoreTaskState state = StoreTaskState::in_progress;
    std::string reason;  ///< of a failed one
    TimePoint started{};
};

struct RestoreObjectRequest {
    std::string bucket;
    std::string key;
    std::string name;  ///< "": the stored image's
    Tags tags;         ///< beside those that were stored
    std::function<void(const Image& pending)> on_reserved = {};
    PromiseOf<ImageId> promise = {};
};

class ImageStore {
public:
    struct Ports {
        Catalog& catalog;
        Images& images;
        Carrying& carrying;
        OutputFiles& files;
        const Clock& clock;
        std::string folder;  ///< of all buckets
    };
    explicit ImageStore(Ports ports) : ports_(std::move(ports)) {}

    /// Calls `begun` once the task is on record, and returns when the object is whole. One that is there is replaced. A bucket's name is 3
    /// to 63 small letters, digits, dots and dashes. Errors of Carrying::store().
    [[nodiscard]] Result<StoreTask> store(const AccountId& caller, const std::string& image, const std::string& bucket,
                                          const std::function<void(const StoreTask&)>& begun, Progress& progress);
    /// Those whose process died before they ended: for store_again().
    [[nodiscard]] Result<std::vector<std::pair<AccountId, StoreTask>>> unfinished();
    /// Such a task, once more; what keeps it from being done ends it as `failed`.
    void store_again(const AccountId& caller, const StoreTask& task, Progress& progress);
    /// The caller's, of these images or of all.
    [[nodiscard]] Result<std::vector<StoreTask>> tasks(const AccountId& caller, const std::vector<ImageId>& images);
    /// Errors of Carrying::restore(); invalid_parameter_value for an object that is not there.
    [[nodiscard]] Result<Image> restore(const AccountId& caller, const RestoreObjectRequest& request, Progress& progress);

private:
    [[nodiscard]] Result<std::string> bucket_folder(const AccountId& caller, const std::string& bucket) const;
    [[nodiscard]] Result<std::vector<std::pair<AccountId, StoreTask>>> all_tasks();
    [[nodiscard]] Result<void> write(const AccountId& caller, const StoreTask& task);
    Ports ports_;
    Sync<std::set<std::string>> running_;  ///< objects that this process is writing
};

}  // namespace amivirt
