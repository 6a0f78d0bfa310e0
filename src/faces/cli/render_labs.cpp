#include "faces/cli/render_labs.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "faces/cli/json_fields.hpp"

namespace amivirt::cli {

namespace {

/// What is of no interest to a person: a disk of a machine's own goes with its machine.
bool is_hidden(const LabStep& step) { return step.kind == "disk"; }

std::string reasons_of(const LabStep& step) { return fmt::format("{}", fmt::join(step.reasons, "; ")); }

const InstanceView* view_of(const LabReport& report, const LabStep& step) {
    const auto found = std::find_if(report.views.begin(), report.views.end(),
                                    [&](const InstanceView& view) { return view.instance.id.str() == step.resource; });
    return found == report.views.end() ? nullptr : &*found;
}

std::string state_of(const LabReport& report, const LabStep& step) {
    const InstanceView* view = view_of(report, step);
    return view != nullptr ? std::string(to_string(view->instance.state)) : step.state;
}

std::string ports_of(const LabReport& report, const LabStep& step) {
    std::vector<std::string> ports;
    if (const InstanceView* view = view_of(report, step)) {
        for (const PortForward& port : view->instance.ports) {
            ports.push_back(fmt::format("{}:{}->{}{}", port.address, port.host_port, port.guest_port,
                                        port.protocol == "tcp" ? "" : "/" + port.protocol));
        }
    }
    return fmt::format("{}", fmt::join(ports, ", "));
}

}  // namespace

std::vector<std::string> plan_lines(const LabPlan& plan) {
    std::vector<std::string> lines;
    for (const LabStep& step : plan.steps) {
        if (step.action != LabAction::keep && !is_hidden(step)) {
            lines.push_back(fmt::format("{} {} {}{}{}", to_string(step.action), step.kind, step.name, step.reasons.empty() ? "" : ": ",
                                        reasons_of(step)));
        }
    }
    return lines;
}

std::string plan_table(const LabPlan& plan) {
    TextTable table({"ACTION", "KIND", "NAME", "ID", "WHY"});
    for (const LabStep& step : plan.steps) {
        if (step.action != LabAction::keep && !is_hidden(step)) {
            table.add({std::string(to_string(step.action)), step.kind, step.name, step.resource, reasons_of(step)});
        }
    }
    return table.str();
}

std::string lab_table(const LabReport& report, ToDo to_do) {
    std::vector<std::string> headers{"NAME", "KIND", "ID", "STATE", "PORTS"};
    if (to_do == ToDo::shown) {
        headers.emplace_back("TO DO");
    }
    TextTable table(std::move(headers));
    for (const LabStep& step : report.plan.steps) {
        if (is_hidden(step) || (to_do == ToDo::done && step.action == LabAction::remove)) {
            continue;
        }
        std::vector<std::string> row{step.name, step.kind, step.resource, state_of(report, step), ports_of(report, step)};
        if (to_do == ToDo::shown) {
            const std::string reasons = reasons_of(step);
            row.push_back(
                step.action == LabAction::keep ? "" : fmt::format("{}{}{}", to_string(step.action), reasons.empty() ? "" : ": ", reasons));
        }
        table.add(std::move(row));
    }
    return table.str();
}

Document lab_document(const LabReport& report, const std::string& region) {
    Json members = Json::array();
    for (const LabStep& step : report.plan.steps) {
        if (is_hidden(step)) {
            continue;
        }
        Json member;
        member["Name"] = step.name;
        member["Kind"] = step.kind;
        put(member, "ResourceId", step.resource);
        put(member, "State", state_of(report, step));
        member["Action"] = to_string(step.action);
        member["Reasons"] = step.reasons;
        members.push_back(std::move(member));
    }
    Json root;
    root["LabName"] = report.plan.lab;
    root["Changes"] = plan_lines(report.plan).size();
    root["Members"] = std::move(members);
    const Document reservations = reservations_document(report.views, region, report.hypervisor_error ? Observed::no : Observed::yes);
    root.update(*reservations.root);
    return document(std::move(root));
}

std::vector<std::string> lab_ids(const LabReport& report) {
    std::vector<std::string> ids;
    for (const LabStep& step : report.plan.steps) {
        if (step.kind == "instance" && view_of(report, step) != nullptr) {
            ids.push_back(step.resource);
        }
    }
    return ids;
}

}  // namespace amivirt::cli
