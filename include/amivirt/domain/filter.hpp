// Filters as in EC2's Describe calls: ANDed between filters, ORed within one; `*` and `?` are wildcards, `\` escapes.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "amivirt/base/result.hpp"
#include "amivirt/domain/image.hpp"
#include "amivirt/domain/instance.hpp"
#include "amivirt/domain/storage.hpp"

namespace amivirt {

struct Filter {
    std::string name;
    std::vector<std::string> values;
    friend bool operator==(const Filter&, const Filter&) = default;
};

/// "Name=state,Values=available,pending", as in the aws CLI; also the short "state=available,pending".
/// A comma is escaped by a backslash. invalid_parameter_value, quoting the text.
[[nodiscard]] Result<Filter> parse_filter(std::string_view text);
/// Case-sensitive; linear in the text for any pattern without adjacent stars, never exponential.
[[nodiscard]] bool wildcard_match(std::string_view pattern, std::string_view text) noexcept;

/// An unknown filter name is invalid_parameter_value "The filter 'x' is invalid", with the nearest known one as hint.
[[nodiscard]] Result<void> check_image_filters(const std::vector<Filter>& filters);
[[nodiscard]] Result<void> check_instance_filters(const std::vector<Filter>& filters);
/// Both assume checked filters. Filter names of EC2.md ("Search"), for instances those of DescribeInstances that an instance and
/// its volumes can answer; what none here has ("kernel-id") matches nothing.
[[nodiscard]] Result<void> check_volume_filters(const std::vector<Filter>& filters);
[[nodiscard]] Result<void> check_snapshot_filters(const std::vector<Filter>& filters);
[[nodiscard]] bool matches(const Image& image, const std::vector<Filter>& filters);
/// Does the filter match every image, or none, because it asks for what all have in common ("hypervisor")? nullopt: that depends on the
/// image.
[[nodiscard]] std::optional<bool> same_for_all_images(const Filter& filter);
[[nodiscard]] bool matches(const Instance& instance, const std::vector<Volume>& attached, const std::vector<Filter>& filters);
/// Those of DescribeVolumes: attachment.attach-time, attachment.delete-on-termination, attachment.device, attachment.instance-id,
/// attachment.status, create-time, encrypted, owner-id, size, snapshot-id, status, volume-id, volume-type, tag:<key>, tag-key.
[[nodiscard]] bool matches(const Volume& volume, const std::vector<Filter>& filters);
/// Those of DescribeSnapshots: description, encrypted, owner-id, snapshot-id, start-time, status, volume-id, volume-size, tag:<key>,
/// tag-key.
[[nodiscard]] bool matches(const Snapshot& snapshot, const std::vector<Filter>& filters);
/// Those of DescribeTags: key, resource-id, resource-type, value, tag:<key>.
[[nodiscard]] Result<void> check_tag_filters(const std::vector<Filter>& filters);
[[nodiscard]] bool matches(const TagDescription& tag, const std::vector<Filter>& filters);

/// The member of `words` nearest to `word` by edit distance, if near enough to be a slip; else "".
[[nodiscard]] std::string nearest(std::string_view word, const std::vector<std::string>& words);

}  // namespace amivirt
