#include "amivirt/services/public_addresses.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>

#include "amivirt/base/stable_hash.hpp"
#include "amivirt/domain/network.hpp"

namespace amivirt {

namespace {

const std::string k_address_kind = "loopback-address";
constexpr std::uint16_t k_guest_ssh = 22;
constexpr std::uint16_t k_fallback_ssh = 2222;
constexpr unsigned k_address_attempts = 4096;  // of the 65,000 that a store has
constexpr auto k_address_lock = "op-00000000000000000";

/// The n-th that `holder` may get. Network and broadcast addresses of the /24 are left out, and 127.0.0.0/16, which the host itself uses.
std::string nth_address(const std::string& store_id, const std::string& holder, unsigned n) {
    const auto net = 1 + stable_hash(store_id) % 254;
    const auto hash = stable_hash(fmt::format("{} {}", holder, n));
    return fmt::format("127.{}.{}.{}", net, (hash >> 8U) % 256, 1 + (hash >> 16U) % 254);
}

LoopbackAddress address_record(const Document& document) {
    LoopbackAddress address;
    address.address = document.key.substr(document.key.find('/') + 1);
    const auto body = nlohmann::json::parse(document.body, nullptr, false);
    const auto text = [&](const char* name) {
        return body.is_object() && body.contains(name) && body[name].is_string() ? body[name].get<std::string>() : std::string();
    };
    address.holder = text("holder");
    address.instance = text("instance");
    if (body.is_object() && body.contains("ssh_port") && body["ssh_port"].is_number_unsigned()) {
        address.ssh_port = body["ssh_port"].get<std::uint16_t>();
    }
    return address;
}

std::string address_body(const LoopbackAddress& address) {
    return nlohmann::json{{"holder", address.holder}, {"instance", address.instance}, {"ssh_port", address.ssh_port}}.dump();
}

Result<void> change_address(CatalogSession& session, const std::string& address, const std::function<void(LoopbackAddress&)>& how) {
    auto document = AMIVIRT_TRY(session.documents().find(document_key(k_address_kind, address)));
    if (!document) {
        return Error(Code::internal_error, fmt::format("the address {} is not given out", address));
    }
    LoopbackAddress now = address_record(*document);
    how(now);
    document->body = address_body(now);
    return session.documents().update(*document);
}

/// Has it ports here that can be led to? On a network of its own it has an address of its own.
bool is_reached_by_ports(const Instance& instance) { return instance.state == InstanceState::running && ssh_forward(instance).has_value(); }

TcpForward lead_to(const std::string& address, std::uint16_t port, const PortForward& to) {
    return {address, port, to.address == "0.0.0.0" ? "127.0.0.1" : to.address, to.host_port};
}

}  // namespace

Result<LoopbackAddress> claim_loopback_address(CatalogSession& session, const std::string& store_id, const std::string& holder,
                                               const std::string& owner, TimePoint now, const std::set<std::string>& avoid) {
    for (unsigned n = 0; n < k_address_attempts; ++n) {
        LoopbackAddress address{nth_address(store_id, holder, n), holder, InstanceId::looks_like(holder) ? holder : "", 0};
        const auto key = document_key(k_address_kind, address.address);
        if (!avoid.contains(address.address) && !AMIVIRT_TRY(session.documents().find(key))) {
            AMIVIRT_TRY(session.documents().insert({key, k_address_kind, owner, address_body(address), now}));
            return address;
        }
    }
    return Error(Code::insufficient_instance_capacity, "there is no address of 127.0.0.0/8 left to give out");
}

Result<std::vector<LoopbackAddress>> loopback_addresses(CatalogSession& session) {
    std::vector<LoopbackAddress> all;
    const auto documents = AMIVIRT_TRY(session.index().documents(k_address_kind));
    std::transform(documents.begin(), documents.end(), std::back_inserter(all), address_record);
    return all;
}

Result<void> lead_loopback_address(CatalogSession& session, const std::string& address, const std::string& instance) {
    return change_address(session, address, [&](LoopbackAddress& now) {
        if (now.instance != instance) {
            now.instance = instance;
            now.ssh_port = 0;
        }
    });
}

Result<void> release_loopback_address(CatalogSession& session, const std::string& address) {
    return session.documents().erase(document_key(k_address_kind, address));
}

bool PublicAddresses::as_needed(const Instance& instance) const {
    const auto at = served_.find(instance.id);
    return is_reached_by_ports(instance) ? at != served_.end() && at->second.ports == instance.ports : at == served_.end();
}

Result<std::map<InstanceId, std::string>> PublicAddresses::of(const std::vector<const Instance*>& seen) {
    const std::lock_guard lock(mutex_);
    if (!std::all_of(seen.begin(), seen.end(), [&](const Instance* each) { return as_needed(*each); })) {
        AMIVIRT_TRY(put_right());
    }
    if (!held_) {
        return told_by_others(seen);
    }
    std::map<InstanceId, std::string> told;
    for (const Instance* each : seen) {
        const auto at = served_.find(each->id);
        if (at != served_.end() && !at->second.told.empty() && is_reached_by_ports(*each)) {
            told.emplace(each->id, at->second.told);
        }
    }
    return told;
}

Result<std::map<InstanceId, std::string>> PublicAddresses::told_by_others(const std::vector<const Instance*>& seen) {
    std::vector<LoopbackAddress> all;
    if (std::none_of(seen.begin(), seen.end(), [](const Instance* each) { return is_reached_by_ports(*each); })) {
        return std::map<InstanceId, std::string>();
    }
    AMIVIRT_TRY(ports_.catalog.read([&](CatalogSession& session) -> Result<void> {
        all = AMIVIRT_TRY(loopback_addresses(session));
        return {};
    }));
    std::map<std::string, const LoopbackAddress*> best;
    for (const LoopbackAddress& each : all) {
        const LoopbackAddress*& known = best[each.instance];
        if (each.ssh_port != 0 && (known == nullptr || known->holder == known->instance)) {
            known = &each;
        }
    }
    std::map<InstanceId, std::string> told;
    for (const Instance* each : seen) {
        const auto at = best.find(each->id.str());
        if (at != best.end() && at->second != nullptr && is_reached_by_ports(*each)) {
            told.emplace(each->id, at->second->address);
        }
    }
    return told;
}

Result<void> PublicAddresses::tidy() {
    const std::lock_guard lock(mutex_);
    return put_right();
}

void PublicAddresses::close() {
    const std::lock_guard lock(mutex_);
    ports_.forwarder.close_all();
    served_.clear();
    held_.reset();
}

Result<bool> PublicAddresses::leads() {
    if (!held_) {
        // A lock like an operation's without a row, so that it is swept when its process is dead.
        held_ = AMIVIRT_TRY(ports_.liveness.adopt(AMIVIRT_TRY(OperationId::parse(k_address_lock))));
    }
    return held_ != nullptr;
}

Result<void> PublicAddresses::put_right() {
    std::vector<Instance> instances;
    std::vector<LoopbackAddress> given;
    const auto look = [&](CatalogSession& session) -> Result<void> {
        instances = AMIVIRT_TRY(session.instances().list()).records;
        std::erase_if(instances, [](const Instance& each) { return each.state == InstanceState::terminated; });
        given = AMIVIRT_TRY(loopback_addresses(session));
        return {};
    };
    const auto has_own = [&](const Instance& instance) {
        return std::any_of(given.begin(), given.end(), [&](const LoopbackAddress& each) { return each.holder == instance.id.str(); });
    };
    const auto is_over = [&](const LoopbackAddress& address) {
        return InstanceId::looks_like(address.holder) &&
               std::none_of(instances.begin(), instances.end(), [&](const Instance& each) { return each.id.str() == address.holder; });
    };
    AMIVIRT_TRY(ports_.catalog.read(look));
    const bool nothing = std::none_of(instances.begin(), instances.end(), is_reached_by_ports) && given.empty() && served_.empty();
    if (nothing || !AMIVIRT_TRY(leads())) {
        return {};
    }
    const bool changes =
        std::any_of(given.begin(), given.end(), is_over) ||
        std::any_of(instances.begin(), instances.end(), [&](const Instance& each) { return is_reached_by_ports(each) && !has_own(each); });
    if (changes) {
        AMIVIRT_TRY(ports_.catalog.write([&](CatalogSession& session) -> Result<void> {
            AMIVIRT_TRY(look(session));
            for (const LoopbackAddress& each : given) {
                if (is_over(each)) {
                    AMIVIRT_TRY(release_loopback_address(session, each.address));
                }
            }
            std::erase_if(given, is_over);
            for (const Instance& each : instances) {
                if (is_reached_by_ports(each) && !has_own(each)) {
                    given.push_back(AMIVIRT_TRY(
                        claim_loopback_address(session, ports_.catalog.store_id(), each.id.str(), each.owner.str(), ports_.clock.now())));
                }
            }
            return {};
        }));
    }
    std::map<InstanceId, std::vector<LoopbackAddress>> needed;
    for (const Instance& instance : instances) {
        if (is_reached_by_ports(instance)) {
            auto& its = needed[instance.id];
            std::copy_if(given.begin(), given.end(), std::back_inserter(its),
                         [&](const LoopbackAddress& each) { return each.instance == instance.id.str(); });
        }
    }
    const auto addresses_of = [](const std::vector<LoopbackAddress>& its) {
        std::vector<std::string> all;
        std::transform(its.begin(), its.end(), std::back_inserter(all), [](const LoopbackAddress& each) { return each.address; });
        return all;
    };
    // What is not needed any more goes first: its port may be another's by now.
    for (auto at = served_.begin(); at != served_.end();) {
        const auto its = needed.find(at->first);
        const auto now = std::find_if(instances.begin(), instances.end(), [&](const Instance& each) { return each.id == at->first; });
        if (its == needed.end() || now->ports != at->second.ports || addresses_of(its->second) != at->second.addresses) {
            shut(at->second);
            at = served_.erase(at);
        } else {
            ++at;
        }
    }
    for (const Instance& instance : instances) {
        if (const auto its = needed.find(instance.id); its != needed.end() && !served_.contains(instance.id)) {
            served_[instance.id] = AMIVIRT_TRY(serve(instance, its->second));
        }
    }
    return {};
}

void PublicAddresses::shut(Served& served) {
    for (const TcpForward& each : served.open) {
        ports_.forwarder.close(each);
    }
}

Result<PublicAddresses::Served> PublicAddresses::serve(const Instance& instance, const std::vector<LoopbackAddress>& its) {
    Served served;
    served.ports = instance.ports;
    for (LoopbackAddress address : its) {
        if (auto done = serve_on(address, instance, served); !done) {
            shut(served);
            return std::move(done.error());
        }
        served.addresses.push_back(address.address);
        const bool elastic = address.holder != address.instance;
        if (address.ssh_port != 0 && (elastic || served.told.empty())) {
            served.told = address.address;
        }
    }
    return served;
}

Result<void> PublicAddresses::serve_on(LoopbackAddress& address, const Instance& instance, Served& served) {
    const auto ssh = ssh_forward(instance);
    const bool own = address.holder == address.instance;
    std::set<std::string> taken;
    std::uint16_t answers = 0;
    while (answers == 0) {
        const auto opened = ports_.forwarder.open(lead_to(address.address, ssh_port_, *ssh));
        if (opened) {
            answers = ssh_port_;
        } else if (own && opened.error().code == Code::busy && can_be_had_elsewhere(ssh_port_)) {
            taken.insert(address.address);
            AMIVIRT_TRY(exchange(address, instance, taken));
        } else if (ssh_port_ == k_guest_ssh && (opened.error().code != Code::busy || !can_be_had_elsewhere(ssh_port_))) {
            ssh_port_ = k_fallback_ssh;
            say_once(
                fmt::format("{}: the addresses of instances answer SSH on port {} instead (the capability CAP_NET_BIND_SERVICE, or sysctl "
                            "net.ipv4.ip_unprivileged_port_start, and no sshd of this host on all addresses make it {})",
                            opened.error().message, k_fallback_ssh, k_guest_ssh));
        } else {
            say_once(fmt::format("{}: SSH of {} is reached by its forwarded port alone, 127.0.0.1:{}", opened.error().message,
                                 instance.id.str(), ssh->host_port));
            break;
        }
    }
    if (answers != 0) {
        served.open.push_back(lead_to(address.address, answers, *ssh));
        for (const PortForward& each : instance.ports) {
            if (each.protocol != "tcp" || each.guest_port == k_guest_ssh || each.guest_port == answers) {
                continue;
            }
            const auto forward = lead_to(address.address, each.guest_port, each);
            if (const auto opened = ports_.forwarder.open(forward)) {
                served.open.push_back(forward);
            } else {
                say_once(fmt::format("{}: it is reached by its forwarded port alone, {}:{}", opened.error().message, each.address,
                                     each.host_port));
            }
        }
    }
    if (address.ssh_port != answers) {
        AMIVIRT_TRY(note(address, answers));
        address.ssh_port = answers;
    }
    return {};
}

bool PublicAddresses::can_be_had_elsewhere(std::uint16_t port) {
    for (unsigned n = 0; n < 2; ++n) {
        const TcpForward probe{nth_address(ports_.catalog.store_id(), "probe", n), port, "127.0.0.1", port};
        if (ports_.forwarder.open(probe)) {
            ports_.forwarder.close(probe);
            return true;
        }
    }
    return false;
}

Result<void> PublicAddresses::exchange(LoopbackAddress& address, const Instance& instance, const std::set<std::string>& avoid) {
    return ports_.catalog.write([&](CatalogSession& session) -> Result<void> {
        AMIVIRT_TRY(release_loopback_address(session, address.address));
        address = AMIVIRT_TRY(
            claim_loopback_address(session, ports_.catalog.store_id(), instance.id.str(), instance.owner.str(), ports_.clock.now(), avoid));
        return {};
    });
}

Result<void> PublicAddresses::note(const LoopbackAddress& address, std::uint16_t ssh_port) {
    return ports_.catalog.write([&](CatalogSession& session) {
        return change_address(session, address.address, [&](LoopbackAddress& now) { now.ssh_port = ssh_port; });
    });
}

void PublicAddresses::say_once(const std::string& sentence) {
    if (said_.insert(sentence).second) {
        ports_.log.write(LogLevel::warning, "addresses", sentence);
    }
}

}  // namespace amivirt
