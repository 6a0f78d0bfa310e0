#include "faces/cli/render_insides.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "faces/cli/json_fields.hpp"
#include "faces/cli/text.hpp"

namespace amivirt::cli {

namespace {

/// A stranger's file name need not be UTF-8, which JSON must be.
std::string name_of(const std::string& text) {
    const Json probe = text;
    return Json::parse(probe.dump(-1, ' ', false, Json::error_handler_t::replace)).get<std::string>();
}

Json names_of(const std::vector<std::string>& paths) {
    Json list = Json::array();
    for (const std::string& path : paths) {
        list.push_back(name_of(path));
    }
    return list;
}

Json versions(const std::vector<ImageDiff::Versions>& all) {
    const auto side = [](const std::string& text) { return text.empty() ? Json() : Json(name_of(text)); };
    Json list = Json::array();
    for (const ImageDiff::Versions& one : all) {
        list.push_back({{"Name", name_of(one.name)}, {"Before", side(one.before)}, {"After", side(one.after)}});
    }
    return list;
}

void add_lines(std::string& out, std::string_view noun, const std::vector<ImageDiff::Versions>& all) {
    for (const ImageDiff::Versions& one : all) {
        const std::string name = printable_line(one.name);
        if (one.before.empty()) {
            out += fmt::format("+ {} {} {}\n", noun, name, printable_line(one.after));
        } else if (one.after.empty()) {
            out += fmt::format("- {} {} {}\n", noun, name, printable_line(one.before));
        } else {
            out += fmt::format("~ {} {} {} -> {}\n", noun, name, printable_line(one.before), printable_line(one.after));
        }
    }
}

}  // namespace

Document lint_document(const LintReport& report) {
    Json findings = Json::array();
    for (const LintFinding& finding : report.findings) {
        findings.push_back({{"Severity", to_string(finding.severity)},
                            {"Rule", finding.rule},
                            {"Path", name_of(finding.path)},
                            {"Message", name_of(finding.message)},
                            {"Fix", to_string(finding.fix)}});
    }
    Json root{{"ImageId", report.image.id.str()}, {"Clean", report.findings.empty()}, {"Findings", std::move(findings)}};
    if (report.cleaned) {
        root["CleanedImageId"] = report.cleaned->id.str();
    }
    return document(std::move(root));
}

std::string lint_table(const LintReport& report) {
    TextTable table({"SEVERITY", "RULE", "PATH", "WHAT"});
    for (const LintFinding& finding : report.findings) {
        table.add({std::string(to_string(finding.severity)), finding.rule, printable_line(finding.path), printable_line(finding.message)});
    }
    return table.str();
}

Document diff_document(const ImageDiff& diff) {
    Json changed = Json::array();
    for (const ImageDiff::Changed& one : diff.changed) {
        changed.push_back({{"Path", name_of(one.path)}, {"What", one.what}});
    }
    Json files{{"Added", names_of(diff.added)}, {"Removed", names_of(diff.removed)}, {"Changed", std::move(changed)}};
    Json packages = diff.packages_unknown ? Json() : versions(diff.packages);
    return document({{"Files", std::move(files)}, {"Packages", std::move(packages)}, {"Users", versions(diff.users)}});
}

std::string diff_text(const ImageDiff& diff) {
    std::string out;
    for (const std::string& path : diff.added) {
        out += fmt::format("+ {}\n", printable_line(path));
    }
    for (const std::string& path : diff.removed) {
        out += fmt::format("- {}\n", printable_line(path));
    }
    for (const ImageDiff::Changed& one : diff.changed) {
        out += fmt::format("~ {} ({})\n", printable_line(one.path), fmt::join(one.what, ", "));
    }
    add_lines(out, "package", diff.packages);
    add_lines(out, "user", diff.users);
    return out;
}

}  // namespace amivirt::cli
