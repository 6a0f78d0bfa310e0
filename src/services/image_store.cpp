#include "amivirt/services/image_store.hpp"

#include <algorithm>
#include <memory>
#include <set>

#include "kept_json.hpp"

namespace amivirt {

namespace {

const std::string k_store_task = "store-image-task";  // by image

Result<void> check_bucket(const std::string& bucket) {
    const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
    // Source: S3's rules for names of buckets.
    const bool fine = bucket.size() >= 3 && bucket.size() <= 63 && plain(bucket.front()) && plain(bucket.back()) &&
                      std::all_of(bucket.begin(), bucket.end(), [&](char c) { return plain(c) || c == '-' || c == '.'; }) &&
                      bucket.find("..") == std::string::npos;
    return fine ? Result<void>()
                : Result<void>(Error(Code::invalid_parameter_value, fmt::format("The specified bucket is not valid: \"{}\"", bucket),
                                     "3 to 63 small letters, digits, dots and dashes, beginning and ending with a letter or digit"));
}

Result<void> check_key(const std::string& key) {
    constexpr std::string_view k_suffix = ".bin";
    if (key.ends_with(k_suffix) && ImageId::parse(key.substr(0, key.size() - k_suffix.size()))) {
        return {};
    }
    return Error(Code::invalid_parameter_value, fmt::format("\"{}\" is no key of a stored image (expecting ami-....bin)", key));
}

std::optional<StoreTaskState> state_in(const std::string& word) {
    for (const auto state : {StoreTaskState::in_progress, StoreTaskState::completed, StoreTaskState::failed}) {
        if (to_string(state) == word) {
            return state;
        }
    }
    return std::nullopt;
}

}  // namespace

std::string_view to_string(StoreTaskState value) noexcept {
    switch (value) {
        case StoreTaskState::completed:
            return "Completed";
        case StoreTaskState::failed:
            return "Failed";
        case StoreTaskState::in_progress:
            break;
    }
    return "InProgress";
}

Result<std::string> ImageStore::bucket_folder(const AccountId& caller, const std::string& bucket) const {
    AMIVIRT_TRY(check_bucket(bucket));
    return fmt::format("{}/{}/{}", ports_.folder, caller.str(), bucket);
}

Result<void> ImageStore::write(const AccountId& caller, const StoreTask& task) {
    return ports_.catalog.write([&](CatalogSession& session) {
        const kept::Json body{{"bucket", task.bucket},
                              {"key", task.key},
                              {"state", std::string(to_string(task.state))},
                              {"reason", task.reason},
                              {"started", to_iso8601(task.started)}};
        return kept::put(session, k_store_task, task.image.str(), caller.str(), body, task.started);
    });
}

Result<StoreTask> ImageStore::store(const AccountId& caller, const std::string& wanted, const std::string& bucket,
                                    const std::function<void(const StoreTask&)>& begun, Progress& progress) {
    const auto folder = AMIVIRT_TRY(bucket_folder(caller, bucket));
    const auto image = AMIVIRT_TRY(ports_.images.resolve_to(ImageAction::export_image, caller, wanted));
    StoreTask task;
    task.image = image.id;
    task.bucket = bucket;
    task.key = image.id.str() + ".bin";
    task.started = ports_.clock.now();
    const std::string file = folder + "/" + task.key;
    if (!running_.lock()->insert(file).second) {
        return Error(Code::busy, fmt::format("image \"{}\" is being stored in bucket \"{}\"", image.id.str(), bucket));
    }
    const auto leave = [&](const std::string* written) { running_.lock()->erase(*written); };
    const std::unique_ptr<const std::string, decltype(leave)> until_the_end(&file, leave);
    const auto done = [&]() -> Result<void> {
        AMIVIRT_TRY(ports_.files.make_folder(folder));
        AMIVIRT_TRY(write(caller, task));
        begun(task);
        AMIVIRT_TRY(ports_.carrying.store(caller, {image.id.str(), file, "", Replace::yes}, progress));
        return {};
    }();
    task.state = done ? StoreTaskState::completed : StoreTaskState::failed;
    task.reason = done ? "" : done.error().message;
    const auto written = write(caller, task);
    if (!done) {
        return done.error();
    }
    AMIVIRT_TRY(written);
    return task;
}

Result<std::vector<std::pair<AccountId, StoreTask>>> ImageStore::all_tasks() {
    std::vector<std::pair<AccountId, StoreTask>> all;
    AMIVIRT_TRY(ports_.catalog.read([&](CatalogSession& session) -> Result<void> {
        all.clear();
        for (const Document& document : AMIVIRT_TRY(session.index().documents(k_store_task))) {
            const auto id = ImageId::parse(kept::id_of(document));
            if (!id) {
                continue;
            }
            const auto body = AMIVIRT_TRY(kept::parse(document));
            StoreTask task;
            task.image = *id;
            task.bucket = kept::text(body, "bucket");
            task.key = kept::text(body, "key");
            task.state = state_in(kept::text(body, "state")).value_or(StoreTaskState::failed);
            task.reason = kept::text(body, "reason");
            task.started = kept::time(body, "started").value_or(document.created);
            all.emplace_back(AMIVIRT_TRY(AccountId::parse(document.owner)), std::move(task));
        }
        return {};
    }));
    return all;
}

Result<std::vector<StoreTask>> ImageStore::tasks(const AccountId& caller, const std::vector<ImageId>& images) {
    std::vector<StoreTask> own;
    for (auto& [account, task] : AMIVIRT_TRY(all_tasks())) {
        if (account == caller && (images.empty() || std::find(images.begin(), images.end(), task.image) != images.end())) {
            own.push_back(std::move(task));
        }
    }
    return own;
}

Result<std::vector<std::pair<AccountId, StoreTask>>> ImageStore::unfinished() {
    auto tasks = AMIVIRT_TRY(all_tasks());
    std::erase_if(tasks, [](const auto& each) { return each.second.state != StoreTaskState::in_progress; });
    if (tasks.empty()) {
        return tasks;
    }
    std::set<std::string> going_on = *running_.lock();
    AMIVIRT_TRY(ports_.catalog.read([&](CatalogSession& session) -> Result<void> {
        for (const Operation& row : AMIVIRT_TRY(session.operations().list()).records) {
            going_on.insert(row.objects.begin(), row.objects.end());
        }
        return {};
    }));
    std::erase_if(tasks, [&](const auto& each) {
        return going_on.contains(fmt::format("{}/{}/{}/{}", ports_.folder, each.first.str(), each.second.bucket, each.second.key));
    });
    return tasks;
}

void ImageStore::store_again(const AccountId& caller, const StoreTask& task, Progress& progress) {
    const auto done = store(
        caller, task.image.str(), task.bucket, [](const StoreTask&) {}, progress);
    if (!done && done.error().code != Code::busy) {
        StoreTask failed = task;
        failed.state = StoreTaskState::failed;
        failed.reason = done.error().message;
        static_cast<void>(write(caller, failed));  // else the next look finds it unfinished again
    }
}

Result<Image> ImageStore::restore(const AccountId& caller, const RestoreObjectRequest& request, Progress& progress) {
    const auto folder = AMIVIRT_TRY(bucket_folder(caller, request.bucket));
    AMIVIRT_TRY(check_key(request.key));
    AMIVIRT_TRY(check_tags(request.tags));
    RestoreRequest wanted;
    wanted.file = folder + "/" + request.key;
    wanted.name = request.name;
    wanted.tags = request.tags;
    wanted.on_reserved = request.on_reserved;
    wanted.promise = request.promise;
    auto restored = ports_.carrying.restore(caller, wanted, progress);
    if (!restored && restored.error().code == Code::fetch_failed) {
        return Error(Code::invalid_parameter_value, fmt::format("There is no object \"{}\" in bucket \"{}\"", request.key, request.bucket));
    }
    return restored;
}

}  // namespace amivirt
