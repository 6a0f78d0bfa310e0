#include "amivirt/domain/instance_options.hpp"

#include <fmt/format.h>

#include <array>

#include "domain/words.hpp"

namespace amivirt {

namespace {

constexpr std::array<Word<CpuCredits>, 2> k_cpu_credits{{
    {CpuCredits::standard, "standard"},
    {CpuCredits::unlimited, "unlimited"},
}};
constexpr std::uint32_t k_most_hops = 64;

template <class T>
void take(T& value, const std::optional<T>& change) {
    value = change.value_or(value);
}

}  // namespace

std::string_view to_string(CpuCredits value) noexcept { return word_for(k_cpu_credits, value); }
Result<CpuCredits> parse_cpu_credits(std::string_view text) { return parse_word(k_cpu_credits, "CPU credit option", text); }

std::optional<CpuCredits> default_cpu_credits(std::string_view type) noexcept {
    if (type.starts_with("t2.")) {
        return CpuCredits::standard;
    }
    for (const std::string_view family : {"t3.", "t3a.", "t4g."}) {
        if (type.starts_with(family)) {
            return CpuCredits::unlimited;
        }
    }
    return std::nullopt;
}

InstanceOptions changed(InstanceOptions options, const InstanceOptionsChange& change) {
    take(options.stop_protected, change.stop_protected);
    take(options.ebs_optimized, change.ebs_optimized);
    take(options.ena_support, change.ena_support);
    take(options.sriov_net_support, change.sriov_net_support);
    take(options.monitored, change.monitored);
    take(options.auto_recovery, change.auto_recovery);
    if (change.cpu_credits) {
        options.cpu_credits = change.cpu_credits;
    }
    take(options.metadata.tokens_required, change.tokens_required);
    take(options.metadata.hop_limit, change.hop_limit);
    take(options.metadata.endpoint, change.endpoint);
    take(options.metadata.ipv6, change.ipv6);
    take(options.metadata.tags, change.metadata_tags);
    return options;
}

Result<void> check_instance_options(const InstanceOptionsChange& change) {
    if (change.hop_limit && (*change.hop_limit < 1 || *change.hop_limit > k_most_hops)) {
        return Error(Code::invalid_parameter_value, fmt::format("Value ({}) for parameter HttpPutResponseHopLimit is invalid: it is 1..{}",
                                                                *change.hop_limit, k_most_hops));
    }
    return {};
}

}  // namespace amivirt
