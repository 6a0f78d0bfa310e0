#include <algorithm>

#include "faces/ec2/actions/actions.hpp"
#include "faces/ec2/render.hpp"

namespace amivirt::ec2 {

namespace {

/// A word that the domain knows; nullopt if it is not said.
template <class Parse>
auto word_in(const Parameters& in, std::string_view name, const Parse& parse)
    -> std::optional<typename decltype(parse(std::string()))::value_type> {
    const auto text = in.text(name);
    if (!text) {
        return std::nullopt;
    }
    auto parsed = parse(*text);
    if (!parsed) {
        in.fault({Code::invalid_parameter_value,
                  fmt::format("Value ({}) for parameter {} is invalid. {}", printable(*text), name, printable(parsed.error().message))});
        return std::nullopt;
    }
    return std::move(*parsed);
}

/// A disk file of this host, from "/..." or "file:///..."; what else stands in an ImageLocation is in no place that is known here. A path
/// is the business of whoever runs the server: other accounts must not read this host's files through an image.
std::string disk_file(const Call& call, const std::string& location) {
    constexpr std::string_view k_scheme = "file://";
    std::string path = location.starts_with(k_scheme) ? location.substr(k_scheme.size()) : location;
    if (!path.starts_with('/')) {
        call.in.fault({Code::unsupported_operation,
                       fmt::format("The parameter ImageLocation ({}) is not supported: it must be the path of a disk image on the server's "
                                   "host, beginning with a slash; there are no buckets with image manifests here",
                                   printable(location))});
        return {};
    }
    if (call.account != call.ports.anonymous) {
        call.in.fault({Code::unauthorized_operation,
                       fmt::format("ImageLocation names a file of the server's host: only account {}, for which the server runs, may do so",
                                   call.ports.anonymous.str())});
        return {};
    }
    return path;
}

void refuse_others(const Parameters& in) {
    in.refuse("KernelId", "a machine boots from its disk");
    in.refuse("RamdiskId", "a machine boots from its disk");
    in.refuse("BillingProduct", "nothing is billed here");
    in.refuse("TpmSupport", "machines here have no TPM");
    in.refuse("UefiData", "machines here begin with empty UEFI variables");
    in.refuse("ImdsSupport", "there is no metadata service here yet");
    if (const auto kind = in.text("VirtualizationType"); kind && *kind == "paravirtual") {
        in.fault(
            {Code::unsupported_operation, "The parameter VirtualizationType is not supported with the value paravirtual: it must be hvm"});
    } else if (kind && *kind != "hvm") {
        in.fault({Code::invalid_parameter_value,
                  fmt::format("Value ({}) for parameter virtualizationType is invalid. Expected hvm.", printable(*kind))});
    }
}

ImageExtras extras_of(const Parameters& in) {
    ImageExtras extras;
    extras.ena_support = in.flag("EnaSupport");
    extras.sriov_net_support = in.text("SriovNetSupport").value_or("");
    if (!extras.sriov_net_support.empty() && extras.sriov_net_support != "simple") {
        in.fault({Code::invalid_parameter_value, fmt::format("Value ({}) for parameter sriovNetSupport is invalid. Expected simple.",
                                                             printable(extras.sriov_net_support))});
    }
    return extras;
}

}  // namespace

Result<void> register_image(Call& call) {
    const Parameters& in = call.in;
    RegisterRequest request;
    request.name = in.required("Name");
    request.description = in.text("Description").value_or("");
    request.architecture = word_in(in, "Architecture", [](const std::string& text) { return parse_architecture(text); });
    request.boot_mode = word_in(in, "BootMode", [](const std::string& text) { return parse_boot_mode(text); });
    request.root_device_name = in.text("RootDeviceName").value_or("/dev/sda1");
    request.mapping = Call::mapping_in(in);
    request.tags = call.tag_specifications({"image"})["image"];
    const auto extras = extras_of(in);
    refuse_others(in);
    auto location = in.text("ImageLocation").value_or("");
    // What DescribeImages told as the location of an image of snapshots says nothing more.
    if (!request.mapping.empty() && location == call.account.str() + "/" + request.name) {
        location.clear();
    }
    const bool names_root = std::any_of(request.mapping.begin(), request.mapping.end(), [&](const BlockDevice& device) {
        const auto* ebs = std::get_if<EbsDevice>(&device.what);
        return ebs != nullptr && ebs->snapshot && device.device_name == request.root_device_name;
    });
    if (!location.empty() && names_root) {
        in.fault({Code::invalid_parameter_combination,
                  "The root device has a snapshot: ImageLocation cannot be said as well, which is where its disk would come from"});
    }
    if (location.empty() && request.mapping.empty()) {
        in.fault({Code::missing_parameter, "The request must contain the parameter BlockDeviceMapping or ImageLocation"});
    }
    const std::string file = location.empty() || names_root ? std::string() : disk_file(call, location);
    AMIVIRT_TRY(call.ready());
    const auto with_extras = [extras, &clock = call.ports.clock](CatalogSession& session, const Image& image) {
        return ImageExtrasBook::write(session, image, extras, clock.now());
    };
    if (location.empty()) {
        request.with_registration = with_extras;
        call.out.text("imageId", AMIVIRT_TRY(call.services.images.register_snapshots(call.account, request)).id.str());
        return {};
    }
    ImportRequest import;
    import.source = file;
    import.name = request.name;
    import.description = request.description;
    import.architecture = request.architecture;
    import.boot_mode = request.boot_mode;
    import.root_device_name = request.root_device_name;
    import.root_device_type = RootDeviceType::instance_store;  // source: EC2, where only such images have a location
    import.mapping = request.mapping;
    import.tags = request.tags;
    // What is said need not be looked for: an inspection takes longer than a client that waits would like.
    import.inspect = request.architecture && request.boot_mode ? Inspect::no : Inspect::yes;
    import.with_registration = with_extras;
    const auto bring_in = [&images = call.services.images, account = call.account](const ImportRequest& promised) {
        SilentProgress silent;
        return images.import(account, promised, silent);
    };
    call.out.text("imageId", AMIVIRT_TRY(call.promised("RegisterImage of " + printable(file), import, bring_in)));
    return {};
}

}  // namespace amivirt::ec2
