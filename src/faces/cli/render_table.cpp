#include "faces/cli/render_table.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "amivirt/services/doctor.hpp"
#include "faces/cli/text.hpp"

namespace amivirt::cli {

namespace {

std::string operating_system(const Image& image) {
    if (!image.distribution.empty()) {
        return image.os_version.empty() ? image.distribution : fmt::format("{} {}", image.distribution, image.os_version);
    }
    return image.platform;
}

std::string root_size(const Image& image) {
    for (const BlockDevice& device : image.mapping) {
        const auto* ebs = std::get_if<EbsDevice>(&device.what);
        if (device.device_name == image.root_device_name && ebs != nullptr && ebs->size) {
            return fmt::format("{} GiB", ebs->size->count);
        }
    }
    return {};
}

std::string describe_device(const BlockDevice& device) {
    if (const auto* ephemeral = std::get_if<EphemeralDevice>(&device.what)) {
        return fmt::format("{} ephemeral{}", device.device_name, ephemeral->number);
    }
    const auto* ebs = std::get_if<EbsDevice>(&device.what);
    if (ebs == nullptr) {
        return fmt::format("{} none", device.device_name);
    }
    std::string out = device.device_name;
    if (ebs->size) {
        out += fmt::format(" {} GiB", ebs->size->count);
    }
    if (ebs->type) {
        out += fmt::format(" {}", to_string(*ebs->type));
    }
    if (ebs->snapshot) {
        out += fmt::format(" from {}", ebs->snapshot->str());
    }
    if (ebs->encrypted.value_or(false)) {
        out += ", encrypted";
    }
    if (ebs->delete_on_termination) {
        out += *ebs->delete_on_termination ? ", deleted on termination" : ", kept on termination";
    }
    return out;
}

std::string describe_volume(const Volume& volume) {
    std::string out;
    if (volume.attachment) {
        out = volume.attachment->device_name + " ";
    }
    out += fmt::format("{} {} GiB {}", volume.id.str(), volume.size.count,
                       volume.instance_store ? std::string_view("instance store") : to_string(volume.type));
    if (volume.encrypted) {
        out += ", encrypted";
    }
    if (volume.attachment && !volume.instance_store) {
        out += volume.attachment->delete_on_termination ? ", deleted on termination" : ", kept on termination";
    }
    return out;
}

std::string describe_protection(const Image& image) {
    switch (image.protection) {
        case DeregistrationProtection::enabled:
            return "from deregistration";
        case DeregistrationProtection::enabled_with_cooldown:
            return "from deregistration, and for 24 hours after that is switched off";
        case DeregistrationProtection::disabled:
            break;
    }
    return image.protected_until ? fmt::format("from deregistration until {}", to_iso8601(*image.protected_until)) : std::string();
}

std::string describe_source(const Image& image) {
    std::string out = image.source_image ? image.source_image->str() : "";
    if (!image.source_region.empty()) {
        out += fmt::format(" in {}", image.source_region);
    }
    return out;
}

std::string describe_permissions(const Image& image) {
    if (image.permissions.everyone) {
        return "everyone";
    }
    std::string out = image.owner.str();
    for (const AccountId& account : image.permissions.accounts) {
        out += ", " + account.str();
    }
    return out;
}

bool is_up(const Instance& instance) { return instance.state == InstanceState::running || instance.state == InstanceState::pending; }

std::string ssh_address(const InstanceView& view) {
    if (!is_up(view.instance)) {
        return {};
    }
    if (const std::optional<PortForward> forward = ssh_forward(view.instance)) {
        return fmt::format("{}:{}", forward->address, forward->host_port);
    }
    return view.addresses.empty() ? std::string() : view.addresses.front() + ":22";
}

/// All but SSH, which has a column of its own.
std::string other_ports(const Instance& instance) {
    const std::optional<PortForward> ssh = ssh_forward(instance);
    std::string out;
    for (const PortForward& port : instance.ports) {
        if (port != ssh) {
            out += fmt::format("{}{}:{}->{}{}", out.empty() ? "" : ", ", port.address, port.host_port, port.guest_port,
                               port.protocol == "tcp" ? "" : "/" + port.protocol);
        }
    }
    return out;
}

}  // namespace

std::string images_table(const std::vector<Image>& images, TimePoint now) {
    TextTable table({"ID", "NAME", "OS", "ARCH", "BOOT", "ROOT", "SIZE", "STATE", "AGE"});
    for (const Image& image : images) {
        table.add({image.id.str(), image.name, operating_system(image), std::string(to_string(image.architecture)),
                   std::string(to_string(image.boot_mode)), std::string(to_string(image.root_device_type)), root_size(image),
                   fmt::format("{}{}", to_string(image.state), is_deprecated(image, now) ? ", deprecated" : ""), age(image.created, now)});
    }
    return table.str();
}

std::string image_fields(const Image& image) {
    FieldList fields;
    fields.add("Image", image.id.str());
    fields.add("Name", image.name);
    fields.add("Description", image.description);
    fields.add("State", std::string(to_string(image.state)));
    fields.add("Reason", image.state_reason);
    fields.add("Owner", image.owner.str());
    fields.add("May launch", describe_permissions(image));
    fields.add("Created", to_iso8601(image.created));
    fields.add("System", image.platform_details.empty() ? operating_system(image) : image.platform_details);
    fields.add("Architecture", std::string(to_string(image.architecture)));
    fields.add("Boot mode", std::string(to_string(image.boot_mode)));
    fields.add("Default user", image.default_user);
    fields.add("Root device", fmt::format("{} ({})", image.root_device_name, to_string(image.root_device_type)));
    for (const BlockDevice& device : image.mapping) {
        fields.add("Device", describe_device(device));
    }
    fields.add("Signed by", image.signer);
    fields.add("Source", image.source_location);
    fields.add("From image", describe_source(image));
    fields.add("From instance", image.source_instance ? image.source_instance->str() : "");
    fields.add("Deprecated", image.deprecated ? to_iso8601(*image.deprecated) : "");
    fields.add("Protected", describe_protection(image));
    fields.add("Last launched", image.last_launched ? to_iso8601(*image.last_launched) : "");
    fields.add_tags(image.tags);
    return fields.str();
}

std::string state_text(const InstanceView& view, Observed observed) {
    std::string text(to_string(view.instance.state));
    if (view.instance.state == InstanceState::terminated) {
        return text;  // it has no domain that could be in another state
    }
    if (observed == Observed::no) {
        return text + "?";
    }
    if (view.observed == DomainState::paused) {
        text += " (paused)";
    }
    return text;
}

std::string instances_table(const std::vector<InstanceView>& views, TimePoint now, Observed observed) {
    // Most have no ports but SSH's: then there is no column of dashes.
    const bool any_ports =
        std::any_of(views.begin(), views.end(), [](const InstanceView& view) { return !other_ports(view.instance).empty(); });
    std::vector<std::string> headers{"ID", "NAME", "IMAGE", "TYPE", "STATE", "SSH", "AGE"};
    if (any_ports) {
        headers.insert(headers.end() - 1, "PORTS");
    }
    TextTable table(std::move(headers));
    for (const InstanceView& view : views) {
        const Instance& instance = view.instance;
        std::vector<std::string> row{instance.id.str(),
                                     name_tag(instance.tags),
                                     view.image_name.empty() ? instance.image.str() : view.image_name,
                                     instance.type,
                                     state_text(view, observed),
                                     ssh_address(view),
                                     age(instance.launched, now)};
        if (any_ports) {
            row.insert(row.end() - 1, other_ports(instance));
        }
        table.add(std::move(row));
    }
    return table.str();
}

std::string instance_fields(const InstanceView& view, const std::string& console_log, Observed observed) {
    const Instance& instance = view.instance;
    FieldList fields;
    fields.add("Instance", instance.id.str());
    fields.add("Name", name_tag(instance.tags));
    fields.add("State", state_text(view, observed));
    fields.add("Reason", instance.state_reason_message);
    fields.add("Image", view.image_name.empty() ? instance.image.str() : fmt::format("{} ({})", instance.image.str(), view.image_name));
    fields.add("Type", instance.type);
    fields.add("Architecture", std::string(to_string(instance.architecture)));
    fields.add("Firmware", std::string(to_string(instance.firmware)));
    fields.add("Accelerator", std::string(to_string(instance.accelerator)));
    fields.add("Launched", to_iso8601(instance.launched));
    if (instance.terminated) {
        fields.add("Terminated", to_iso8601(*instance.terminated));
    }
    fields.add("Expires", instance.expires ? to_iso8601(*instance.expires) : "");
    fields.add("Session", instance.session);
    fields.add("Reservation", fmt::format("{}, index {}", instance.reservation.str(), instance.launch_index));
    fields.add("Owner", instance.owner.str());
    if (instance.network != "user") {
        fields.add("Network", instance.network);
    }
    for (const std::string& address : view.addresses) {
        fields.add("Address", address);
    }
    for (const PortForward& forward : instance.ports) {
        fields.add("Port", fmt::format("{}:{} -> {}/{}", forward.address, forward.host_port, forward.guest_port, forward.protocol));
    }
    for (const Volume& volume : view.volumes) {
        fields.add("Volume", describe_volume(volume));
    }
    for (const EphemeralDisk& disk : instance.ephemeral) {
        fields.add("Volume", fmt::format("{} ephemeral{} {} GiB instance store", disk.device_name, disk.number, disk.size.count));
    }
    fields.add("On shutdown", std::string(to_string(instance.shutdown_behavior)));
    if (instance.termination_protected) {
        fields.add("Protected", "from termination");
    }
    if (instance.state != InstanceState::terminated) {
        fields.add("Console log", console_log);
    }
    fields.add_tags(instance.tags);
    return fields.str();
}

std::string types_table(const std::vector<InstanceType>& types) {
    TextTable table({"TYPE", "VCPUS", "MEMORY", "INSTANCE STORE"});
    for (const InstanceType& type : types) {
        table.add({type.name, fmt::format("{}", type.vcpus), human(type.memory.bytes()),
                   type.instance_store_volumes == 0
                       ? ""
                       : fmt::format("{} x {} GiB", type.instance_store_volumes, type.instance_store_size.count)});
    }
    return table.str();
}

std::string findings_text(const std::vector<Finding>& findings, Colour colour) {
    std::size_t subject_width = 0;
    for (const Finding& finding : findings) {
        subject_width = std::max(subject_width, width(printable_line(finding.subject)));
    }
    std::string out;
    for (const Finding& finding : findings) {
        std::string_view mark = "ok";
        std::string_view ink = "\x1b[32m";
        if (finding.health == Health::warning) {
            mark = "warn";
            ink = "\x1b[33m";
        } else if (finding.health == Health::fault) {
            mark = "FAIL";
            ink = "\x1b[31m";
        }
        const std::string subject = printable_line(finding.subject);
        const std::string marked = colour == Colour::yes ? fmt::format("{}{:<4}\x1b[0m", ink, mark) : fmt::format("{:<4}", mark);
        out += fmt::format("{}  {}{:{}}  {}\n", marked, subject, "", subject_width - width(subject), printable_line(finding.detail));
        if (!finding.remedy.empty()) {
            out += fmt::format("{:{}}-> {}\n", "", subject_width + 8, printable_line(finding.remedy));
        }
    }
    return out;
}

}  // namespace amivirt::cli
