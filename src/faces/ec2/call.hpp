// One call of an action: what it is asked, who asks, where its answer goes; and what many actions read alike.
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "faces/ec2/background.hpp"
#include "faces/ec2/codes.hpp"
#include "faces/ec2/parameters.hpp"
#include "faces/ec2/services.hpp"
#include "faces/ec2/xml.hpp"

namespace amivirt::ec2 {

/// How EC2 speaks of ids of a kind.
template <class IdType>
struct IdWords;
template <>
struct IdWords<ImageId> {
    static constexpr Code not_found = Code::invalid_ami_id_not_found;
    static constexpr auto one = "The image id '[{}]' does not exist";
    static constexpr auto many = "The image ids '[{}]' do not exist";
};
template <>
struct IdWords<InstanceId> {
    static constexpr Code not_found = Code::invalid_instance_id_not_found;
    static constexpr auto one = "The instance ID '{}' does not exist";
    static constexpr auto many = "The instance IDs '{}' do not exist";
};
template <>
struct IdWords<VolumeId> {
    static constexpr Code not_found = Code::invalid_volume_not_found;
    static constexpr auto one = "The volume '{}' does not exist.";
    static constexpr auto many = "The volumes '{}' do not exist.";
};
template <>
struct IdWords<SnapshotId> {
    static constexpr Code not_found = Code::invalid_snapshot_not_found;
    static constexpr auto one = "The snapshot '{}' does not exist.";
    static constexpr auto many = "The snapshots '{}' do not exist.";
};

template <class IdType>
[[nodiscard]] Error not_found(const std::vector<std::string>& ids) {
    return {IdWords<IdType>::not_found, fmt::format(fmt::runtime(ids.size() == 1 ? IdWords<IdType>::one : IdWords<IdType>::many),
                                                    printable(fmt::format("{}", fmt::join(ids, ", "))))};
}

/// A page of a listing (source: EC2's MaxResults and NextToken).
struct Page {
    std::optional<std::size_t> most;
    std::size_t offset = 0;
    std::string after;  ///< id of the last one that was shown; "" from the beginning
};

class Call {
public:
    /// `again`: the id that was promised when this was asked before, and that is to be made now.
    Call(const Ports& all, const Services& region, Background& later, AccountId caller, Parameters parameters, std::string again = "")
        : ports(all),
          services(region),
          background(later),
          account(std::move(caller)),
          in(std::move(parameters)),
          again_(std::move(again)) {}

    const Ports& ports;
    const Services& services;
    Background& background;
    const AccountId account;
    const Parameters in;
    Xml out;

    /// To be called when all parameters are read and before anything is done: the first fault, an unknown parameter, or, where a dry run
    /// was asked for, what keeps the caller from what he wants() and else dry_run_operation.
    [[nodiscard]] Result<void> ready() const;
    /// The same for an action whose service checks a dry run by itself: nothing of it here.
    [[nodiscard]] Result<DryRun> ready_but_dry_run() const;

    static constexpr std::size_t k_most_ids = 1000;  ///< in one request (source: EC2's DescribeInstances)

    /// Is what an id names to be seen by the caller, in this region?
    enum class Seen { yes, elsewhere };

    /// An id of the right kind by its prefix: what else is wrong with it makes it one that nothing has (source: EC2).
    template <class IdType>
    [[nodiscard]] std::string id(std::string_view name, Seen seen = Seen::yes) const {
        std::string text = in.required(name);
        check_prefix<IdType>(text);
        if (seen == Seen::yes && !text.empty()) {
            wants<IdType>({text});
        }
        return text;
    }
    template <class IdType>
    [[nodiscard]] std::vector<std::string> ids(std::string_view name, Seen seen = Seen::yes) const {
        std::vector<std::string> all;
        std::set<std::string> known;
        for (std::string& text : in.texts(name)) {
            check_prefix<IdType>(text);
            if (known.insert(text).second) {
                all.push_back(std::move(text));
            }
        }
        if (all.size() > k_most_ids) {
            in.fault({Code::invalid_parameter_value,
                      fmt::format("The parameter {} has {} values; the most is {}", in.full(name), all.size(), k_most_ids)});
            all.clear();
        }
        if (seen == Seen::yes && !all.empty()) {
            wants<IdType>(all);
        }
        return all;
    }
    /// What a dry run tells of, since the action itself comes only behind ready(): that these are there for the caller ...
    template <class IdType>
    void wants(std::vector<std::string> ids) const {
        wanted_.push_back([this, ids = std::move(ids)]() -> Result<void> {
            AMIVIRT_TRY(find_all<IdType>(ids, finder<IdType>()));
            return {};
        });
    }
    /// ... that he may do this to the image ...
    void wants(ImageAction action, const std::string& image) const;
    /// ... that the snapshot is his own.
    void wants_own_snapshot(const std::string& snapshot) const;
    /// The same, and at least one.
    template <class IdType>
    [[nodiscard]] std::vector<std::string> some_ids(std::string_view name) const {
        auto all = ids<IdType>(name);
        if (all.empty()) {
            in.fault({Code::missing_parameter, fmt::format("The request must contain the parameter {}", in.full(name))});
        }
        return all;
    }
    /// Filter.N.Name and its values, empty ones too. filter_limit_exceeded beyond 50 filters or 200 values of one (source: EC2's Filter).
    [[nodiscard]] std::vector<Filter> filters() const;
    /// MaxResults, NextToken. `ids_given`: then neither may be (source: EC2). `least`: what MaxResults is at least (source: EC2's model,
    /// and its documentation where the model says nothing).
    [[nodiscard]] Page page(bool ids_given, std::uint32_t least = 5) const;
    /// TagSpecification.N for each of these resource types; of another it is invalid_parameter_value.
    [[nodiscard]] std::map<std::string, Tags> tag_specifications(const std::vector<std::string>& types) const;
    /// Tag.N.Key and .Value.
    [[nodiscard]] static Tags tags_in(const Parameters& from);
    [[nodiscard]] static BlockDeviceMapping mapping_in(const Parameters& from);
    /// One of this region's zones, the first if it is left out; another is invalid_parameter_value.
    std::string zone(std::string_view name) const;
    [[nodiscard]] std::string zone() const { return services.region + "a"; }

    /// The elements of `all` that belong on the page; `next` is what NextToken says, "" on the last one.
    template <class T, class Key>
    [[nodiscard]] static std::vector<T> cut(std::vector<T> all, const Page& page, const Key& key_of, std::string& next) {
        std::size_t first = 0;
        if (!page.after.empty()) {
            const auto at = std::find_if(all.begin(), all.end(), [&](const T& element) { return key_of(element) == page.after; });
            // It may have gone since; what stood before it has not moved by much then.
            first = at == all.end() ? std::min(page.offset, all.size()) : static_cast<std::size_t>(at - all.begin()) + 1;
        }
        const std::size_t end = page.most ? std::min(all.size(), first + *page.most) : all.size();
        next = end < all.size() && end > first ? token(end, key_of(all[end - 1])) : "";
        all.erase(all.begin() + static_cast<std::ptrdiff_t>(end), all.end());
        all.erase(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(first));
        return all;
    }
    /// What `find` says of each id; those that are not there are told together (source: EC2), any other error at once.
    template <class IdType, class Find>
    [[nodiscard]] static auto find_all(const std::vector<std::string>& ids, const Find& find) {
        using Record = std::remove_reference_t<decltype(*find(std::string()))>;
        std::vector<Record> records;
        std::vector<std::string> missing;
        for (const std::string& id : ids) {
            if (!IdType::parse(id)) {
                missing.push_back(id);
                continue;
            }
            auto record = find(id);
            if (record) {
                records.push_back(std::move(*record));
            } else if (record.error().code == IdWords<IdType>::not_found) {
                missing.push_back(id);
            } else {
                return Result<std::vector<Record>>(std::move(record.error()));
            }
        }
        return missing.empty() ? Result<std::vector<Record>>(std::move(records)) : Result<std::vector<Record>>(not_found<IdType>(missing));
    }
    /// The one of that id.
    template <class IdType, class Find>
    [[nodiscard]] static auto find_one(const std::string& id, const Find& find) {
        auto all = find_all<IdType>({id}, find);
        using Record = typename std::remove_reference_t<decltype(*all)>::value_type;
        return all ? Result<Record>(std::move(all->front())) : Result<Record>(std::move(all.error()));
    }

    // The services' find, for the above.
    [[nodiscard]] auto image() const {
        return [this](const std::string& id) { return services.images.resolve(account, id); };
    }
    [[nodiscard]] auto instance() const {
        return [this](const std::string& id) { return services.instances.resolve(account, id); };
    }
    [[nodiscard]] auto volume() const {
        return [this](const std::string& id) { return services.volumes.resolve(account, id); };
    }
    [[nodiscard]] auto snapshot() const {
        return [this](const std::string& id) { return services.snapshots.resolve(account, id); };
    }
    void yes() { out.boolean("return", true); }
    /// The id of what `make`, which goes on in the background, promises to make of the request; where its process dies first, this call is
    /// made again (Api).
    template <class Request, class Make>
    [[nodiscard]] Result<std::string> promised(const std::string& what, Request request, Make make) {
        note_promise(request.promise);
        return background.until_promised(what,
                                         [request = std::move(request), make = std::move(make)](
                                             const std::function<void(std::string)>& begun) mutable -> Result<std::string> {
                                             request.on_reserved = [&](const auto& pending) { begun(pending.id.str()); };
                                             return AMIVIRT_TRY(make(request)).id.str();
                                         });
    }

private:
    template <class IdType>
    void note_promise(PromiseOf<IdType>& promise) const {
        promise.how = in.form();
        if (const auto id = IdType::parse(again_)) {
            promise.again = *id;
        }
    }
    template <class IdType>
    [[nodiscard]] auto finder() const {
        if constexpr (std::is_same_v<IdType, ImageId>) {
            return image();
        } else if constexpr (std::is_same_v<IdType, InstanceId>) {
            return instance();
        } else if constexpr (std::is_same_v<IdType, VolumeId>) {
            return volume();
        } else {
            return snapshot();
        }
    }
    template <class IdType>
    void check_prefix(const std::string& text) const {
        if (!text.empty() && !IdType::looks_like(text)) {
            in.fault(IdType::parse(text).error());
        }
    }
    [[nodiscard]] static std::string token(std::size_t offset, const std::string& after);
    mutable std::vector<std::function<Result<void>()>> wanted_;
    std::string again_;
};

/// What becomes of a ClientToken.
enum class ClientToken {
    unknown,  ///< it is no parameter of the action (source: EC2's model)
    answers,  ///< Answers keeps what was answered
    service,  ///< the action's service knows for good what it made
};

struct Action {
    std::string_view name;
    Result<void> (*run)(Call& call);
    bool reads_all = false;  ///< it holds everything there is of a kind while it looks through it
    ClientToken token = ClientToken::unknown;
};
/// All that is known, by service: "ec2", "sts", "iam".
[[nodiscard]] const std::vector<Action>& actions_of(std::string_view service);

}  // namespace amivirt::ec2
