// What EC2 keeps of an instance beside what its machine is made of. Each default is EC2's; what is all default has no record.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "amivirt/base/result.hpp"

namespace amivirt {

enum class CpuCredits { standard, unlimited };
[[nodiscard]] std::string_view to_string(CpuCredits value) noexcept;
[[nodiscard]] Result<CpuCredits> parse_cpu_credits(std::string_view text);
/// What an instance of this type has where nothing was said: t2 standard, the other burstable ones unlimited; nullopt: it has none.
[[nodiscard]] std::optional<CpuCredits> default_cpu_credits(std::string_view type) noexcept;

/// Of the metadata service.
struct MetadataOptions {
    bool tokens_required = false;  ///< HttpTokens: "required", else "optional"
    std::uint32_t hop_limit = 1;   ///< HttpPutResponseHopLimit, 1..64
    bool endpoint = true;          ///< HttpEndpoint
    bool ipv6 = false;             ///< HttpProtocolIpv6
    bool tags = false;             ///< InstanceMetadataTags
    friend bool operator==(const MetadataOptions&, const MetadataOptions&) = default;
};

struct InstanceOptions {
    bool stop_protected = false;  ///< disableApiStop: a request to stop it is refused; what the guest does by itself is not
    bool ebs_optimized = false;
    bool ena_support = true;
    bool sriov_net_support = false;  ///< "simple" in EC2, or none
    bool monitored = false;          ///< detailed monitoring
    bool auto_recovery = true;
    std::optional<CpuCredits> cpu_credits{};  ///< none: its type's default
    MetadataOptions metadata;
    friend bool operator==(const InstanceOptions&, const InstanceOptions&) = default;
};

/// What is not there stays.
struct InstanceOptionsChange {
    std::optional<bool> stop_protected{};
    std::optional<bool> ebs_optimized{};
    std::optional<bool> ena_support{};
    std::optional<bool> sriov_net_support{};
    std::optional<bool> monitored{};
    std::optional<bool> auto_recovery{};
    std::optional<CpuCredits> cpu_credits{};
    std::optional<bool> tokens_required{};
    std::optional<std::uint32_t> hop_limit{};
    std::optional<bool> endpoint{};
    std::optional<bool> ipv6{};
    std::optional<bool> metadata_tags{};
};
[[nodiscard]] InstanceOptions changed(InstanceOptions options, const InstanceOptionsChange& change);
/// invalid_parameter_value: a hop limit out of 1..64 (source: EC2 ModifyInstanceMetadataOptions).
[[nodiscard]] Result<void> check_instance_options(const InstanceOptionsChange& change);

}  // namespace amivirt
