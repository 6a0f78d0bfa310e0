#include "amivirt/services/doctor.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

namespace amivirt {

StoreHealth::StoreHealth(Catalog& catalog, Storage& storage, InstanceFiles& files, Hypervisor& hypervisor)
    : catalog_(catalog), storage_(storage), files_(files), hypervisor_(hypervisor) {}

std::vector<Finding> StoreHealth::check() {
    std::vector<Finding> findings;
    std::vector<Layer> layers;
    std::vector<Instance> instances;
    std::vector<Operation> operations;
    std::vector<std::string> unreadable;
    std::size_t images = 0;
    const auto read = catalog_.read([&](CatalogSession& session) -> Result<void> {
        const auto take = [&](auto listing, auto& into) {
            into = std::move(listing.records);
            unreadable.insert(unreadable.end(), listing.unreadable.begin(), listing.unreadable.end());
        };
        std::vector<Image> rows;
        take(AMIVIRT_TRY(session.layers().list()), layers);
        take(AMIVIRT_TRY(session.instances().list()), instances);
        take(AMIVIRT_TRY(session.operations().list()), operations);
        take(AMIVIRT_TRY(session.images().list()), rows);
        images = static_cast<std::size_t>(
            std::count_if(rows.begin(), rows.end(), [](const Image& image) { return image.state == ImageState::available; }));
        return {};
    });
    if (!read) {
        return {{"store", Health::fault, describe(read.error()), ""}};
    }
    std::erase_if(instances, [](const Instance& instance) { return instance.state == InstanceState::terminated; });

    Finding store{"store", Health::ok, fmt::format("{} image(s), {} instance(s), {} layer(s)", images, instances.size(), layers.size()),
                  ""};
    const auto complain = [&](const std::string& what) {
        store.health = Health::warning;
        store.detail += "; " + what;
        store.remedy = "amivirt fsck";
    };
    for (const auto& sentence : unreadable) {
        complain(sentence);
    }
    std::set<std::string> held;
    for (const auto& operation : operations) {
        held.insert(operation.objects.begin(), operation.objects.end());
    }
    if (const auto contents = storage_.store().contents(); !contents) {
        complain(describe(contents.error()));
    } else {
        const std::set<LayerId> files(contents->layers.begin(), contents->layers.end());
        std::set<LayerId> rows;
        for (const auto& layer : layers) {
            rows.insert(layer.id);
            if (!files.contains(layer.id) && layer.state != LayerState::creating && layer.state != LayerState::deleting) {
                complain(fmt::format("the file of {} is missing", layer.id.str()));
            }
        }
        for (const auto& file : files) {
            if (!rows.contains(file)) {
                complain(fmt::format("no record knows the file of {}", file.str()));
            }
        }
        if (!contents->unknown.empty()) {
            complain(fmt::format("files that are not amivirt's: {}", fmt::join(contents->unknown, ", ")));
        }
    }
    if (const auto folders = files_.list()) {
        for (const auto& id : *folders) {
            const auto known = [&](const Instance& instance) { return instance.id == id; };
            if (std::none_of(instances.begin(), instances.end(), known) && !held.contains(id.str())) {
                complain(fmt::format("no record knows the folder of {}", id.str()));
            }
        }
    }
    findings.push_back(std::move(store));

    // Operations of the dead were recovered before this check; what is left is either alive or waits for libvirt.
    if (!operations.empty()) {
        std::vector<std::string> texts;
        texts.reserve(operations.size());
        for (const auto& operation : operations) {
            texts.push_back(fmt::format("{} (pid {}, since {})", to_string(operation.kind), operation.pid, to_iso8601(operation.started)));
        }
        findings.push_back({"operations", Health::warning, fmt::format("under way, or left by a dead process: {}", fmt::join(texts, ", ")),
                            "any amivirt command cleans up after the dead once libvirt answers"});
    } else {
        findings.push_back({"operations", Health::ok, "none stale", ""});
    }

    if (const auto observed = hypervisor_.observe()) {
        std::vector<std::string> differing;
        for (const auto& instance : instances) {
            const auto at = std::find_if(observed->begin(), observed->end(),
                                         [&](const ObservedDomain& domain) { return domain.name == instance.id.str(); });
            const bool on = at != observed->end() && at->state != DomainState::off;
            if (!held.contains(instance.id.str()) && on != (instance.state == InstanceState::running)) {
                differing.push_back(instance.id.str());
            }
        }
        if (!differing.empty()) {
            findings.push_back({"instances", Health::warning,
                                fmt::format("libvirt sees them otherwise than the catalog: {}", fmt::join(differing, ", ")), "amivirt ps"});
        }
    }
    return findings;
}

std::vector<Finding> TypesHealth::check() {
    const auto types = types_.list();
    if (!types) {
        return {{"instance types", Health::fault, describe(types.error()), types.error().hint}};
    }
    return {{"instance types", Health::ok, fmt::format("{} types", types->size()), ""}};
}

std::vector<Finding> Doctor::examine() {
    std::vector<Finding> all;
    for (auto* check : checks_) {
        auto some = check->check();
        std::move(some.begin(), some.end(), std::back_inserter(all));
    }
    return all;
}

bool healthy(const std::vector<Finding>& findings) noexcept {
    return std::none_of(findings.begin(), findings.end(), [](const Finding& finding) { return finding.health == Health::fault; });
}

}  // namespace amivirt
