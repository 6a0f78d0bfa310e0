// Which instance types meet requirements (source: EC2's InstanceRequirements; a type that lacks what is asked for is left out).
#include <algorithm>
#include <charconv>
#include <limits>

#include "amivirt/domain/type_architecture.hpp"
#include "faces/ec2/actions/actions.hpp"

namespace amivirt::ec2 {

namespace {

using Words = std::vector<std::string>;

double decimal_in(const Parameters& in, std::string_view name, double otherwise) {
    const auto text = in.text(name);
    if (!text) {
        return otherwise;
    }
    double value = otherwise;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
    if (error != std::errc() || end != text->data() + text->size() || !(value >= 0)) {
        in.fault({Code::invalid_parameter_value,
                  fmt::format("Value ({}) for parameter {} is invalid. Expected a number.", printable(*text), in.full(name))});
    }
    return value;
}

struct Range {
    double least = 0;
    double most = std::numeric_limits<double>::infinity();
    [[nodiscard]] bool holds(double value) const { return least <= value && value <= most; }
};

Range range_in(const Parameters& in, std::string_view name) {
    const Parameters its = in.below(name);
    Range range;
    range.least = decimal_in(its, "Min", range.least);
    range.most = decimal_in(its, "Max", range.most);
    if (range.most < range.least) {
        in.fault({Code::invalid_parameter_value, fmt::format("The parameter {} has a Min above its Max", in.full(name))});
    }
    return range;
}

/// One that EC2 requires.
Range range_needed(const Parameters& in, std::string_view name) {
    static_cast<void>(in.below(name).required("Min"));
    return range_in(in, name);
}

enum class Wanted { included, required, excluded };

Wanted wanted_in(const Parameters& in, std::string_view name, Wanted otherwise) {
    const auto word = in.text(name);
    if (!word) {
        return otherwise;
    }
    if (*word == "included" || *word == "required") {
        return *word == "included" ? Wanted::included : Wanted::required;
    }
    if (*word != "excluded") {
        in.fault(
            {Code::invalid_parameter_value, fmt::format("Value ({}) for parameter {} is invalid. Expected included, required or excluded.",
                                                        printable(*word), in.full(name))});
    }
    return Wanted::excluded;
}

bool suits(Wanted wanted, bool has) { return wanted == Wanted::included || (wanted == Wanted::required) == has; }

Words words_in(const Parameters& in, std::string_view name, const Words& known) {
    Words words = in.texts(name);
    for (const std::string& word : words) {
        if (std::find(known.begin(), known.end(), word) == known.end()) {
            in.fault({Code::invalid_parameter_value, fmt::format("Value ({}) for parameter {} is invalid. Expected one of {}.",
                                                                 printable(word), in.full(name), fmt::join(known, ", "))});
        }
    }
    return words;
}

Words some_words_in(const Parameters& in, std::string_view name, const Words& known) {
    Words words = words_in(in, name, known);
    if (words.empty()) {
        in.fault({Code::missing_parameter, fmt::format("The request must contain the parameter {}", in.full(name))});
    }
    return words;
}

bool one_of(const Words& words, std::string_view word) { return std::find(words.begin(), words.end(), word) != words.end(); }
bool any_pattern(const Words& patterns, const std::string& name) {
    return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) { return wildcard_match(pattern, name); });
}

/// As EC2 names families: "t3a" is AMD's, "t4g" Amazon's.
std::string_view manufacturer(const InstanceType& type) {
    if (architecture_of_type(type.name) == Architecture::arm64) {
        return "amazon-web-services";
    }
    const std::size_t after = type.name.find_first_not_of("0123456789", std::min(type.name.find_first_of("0123456789"), type.name.size()));
    return after != std::string::npos && type.name[after] == 'a' ? "amd" : "intel";
}

struct Requirements {
    Words architectures;
    Range vcpus;
    Range mib;
    Range gib_of_vcpu;
    Range store_gb;
    Wanted burstable = Wanted::excluded;
    Wanted store = Wanted::included;
    Words store_types;
    Words manufacturers;
    Words excluded;
    Words allowed;
    bool impossible = false;  ///< no type here has what is asked for
};

Requirements requirements_in(const Parameters& in) {
    Requirements all;
    all.vcpus = range_needed(in, "VCpuCount");
    all.mib = range_needed(in, "MemoryMiB");
    all.gib_of_vcpu = range_in(in, "MemoryGiBPerVCpu");
    all.store_gb = range_in(in, "TotalLocalStorageGB");
    all.burstable = wanted_in(in, "BurstablePerformance", Wanted::excluded);
    all.store = wanted_in(in, "LocalStorage", Wanted::included);
    all.store_types = words_in(in, "LocalStorageType", {"hdd", "ssd"});
    all.manufacturers = words_in(in, "CpuManufacturer", {"intel", "amd", "amazon-web-services", "apple"});
    all.excluded = in.texts("ExcludedInstanceType");
    all.allowed = in.texts("AllowedInstanceType");
    if (!all.excluded.empty() && !all.allowed.empty()) {
        in.fault({Code::invalid_parameter_combination, "AllowedInstanceTypes and ExcludedInstanceTypes cannot both be given"});
    }
    const Words generations = words_in(in, "InstanceGeneration", {"current", "previous"});
    all.impossible = (!generations.empty() && !one_of(generations, "current")) ||
                     wanted_in(in, "BareMetal", Wanted::excluded) == Wanted::required || in.flag("RequireHibernateSupport") ||
                     in.flag("RequireEncryptionInTransit");
    constexpr double k_interfaces = 16;  // as DescribeInstanceTypes says
    all.impossible = range_in(in, "NetworkInterfaceCount").least > k_interfaces || all.impossible;
    // There are no accelerators: what is asked of them is met where none may be.
    for (const std::string_view name : {"AcceleratorCount", "AcceleratorTotalMemoryMiB"}) {
        all.impossible = range_in(in, name).least > 0 || all.impossible;
    }
    for (const std::string_view name : {"AcceleratorType", "AcceleratorManufacturer", "AcceleratorName"}) {
        all.impossible = !in.texts(name).empty() || all.impossible;
    }
    for (const std::string_view name : {"BaselineEbsBandwidthMbps", "NetworkBandwidthGbps"}) {
        in.refuse(name, "nobody knows what bandwidth this host has");
    }
    for (const std::string_view name : {"SpotMaxPricePercentageOverLowestPrice", "OnDemandMaxPricePercentageOverLowestPrice",
                                        "MaxSpotPriceAsPercentageOfOptimalOnDemandPrice"}) {
        static_cast<void>(in.number(name));  // nothing here has a price
    }
    in.refuse("BaselinePerformanceFactors", "nobody knows how fast this host is");
    return all;
}

bool meets(const InstanceType& type, const Requirements& all) {
    const bool has_store = type.instance_store_volumes > 0;
    constexpr double k_mib_of_gib = 1024;
    const double mib = static_cast<double>(type.memory.count);
    return !all.impossible && one_of(all.architectures, to_string(architecture_of_type(type.name))) && all.vcpus.holds(type.vcpus) &&
           all.mib.holds(mib) && all.gib_of_vcpu.holds(mib / k_mib_of_gib / type.vcpus) &&
           suits(all.burstable, default_cpu_credits(type.name).has_value()) && suits(all.store, has_store) &&
           all.store_gb.holds(static_cast<double>(type.instance_store_volumes * type.instance_store_size.count)) &&
           (all.store_types.empty() || !has_store || one_of(all.store_types, "ssd")) &&
           (all.manufacturers.empty() || one_of(all.manufacturers, manufacturer(type))) && !any_pattern(all.excluded, type.name) &&
           (all.allowed.empty() || any_pattern(all.allowed, type.name));
}

}  // namespace

Result<void> get_instance_types_from_instance_requirements(Call& call) {
    const Words architectures = some_words_in(call.in, "ArchitectureType", {"i386", "x86_64", "arm64", "x86_64_mac", "arm64_mac"});
    const Words virtualizations = some_words_in(call.in, "VirtualizationType", {"hvm", "paravirtual"});
    Requirements wanted = requirements_in(call.in.below("InstanceRequirements"));
    wanted.architectures = architectures;
    wanted.impossible = wanted.impossible || !one_of(virtualizations, "hvm");
    call.in.refuse("Context", "there are no contexts here");
    const Page page = call.page(false);
    AMIVIRT_TRY(call.ready());
    auto types = AMIVIRT_TRY(call.services.types.list());
    std::erase_if(types, [&](const InstanceType& type) { return !meets(type, wanted); });
    std::string next;
    types = Call::cut(
        std::move(types), page, [](const InstanceType& type) { return type.name; }, next);
    call.out.list("instanceTypeSet", types, [&](const InstanceType& type) { call.out.text("instanceType", type.name); });
    call.out.some("nextToken", next);
    return {};
}

}  // namespace amivirt::ec2
