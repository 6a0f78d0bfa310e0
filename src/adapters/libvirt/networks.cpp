#include "adapters/libvirt/networks.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <libvirt/libvirt-qemu.h>
#include <net/if.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <span>
#include <sstream>

#include "adapters/libvirt/access.hpp"
#include "amivirt/domain/filter.hpp"

namespace amivirt::libvirt {
namespace {

// A guest's agent that hangs must not hold up a listing for longer.
constexpr int k_interface_seconds = 2;

/// Addresses of the card, as one source tells them.
std::vector<std::string> ask(virDomainPtr domain, unsigned source, const std::string& mac_address) {
    virDomainInterfacePtr* raw = nullptr;
    // A source that cannot be asked (no agent, no lease file) knows nothing.
    const int count = virDomainInterfaceAddresses(domain, &raw, source, 0);
    std::vector<std::string> addresses;
    for (virDomainInterfacePtr const card : std::span(raw, count < 0 ? 0 : static_cast<std::size_t>(count))) {
        if (card->hwaddr != nullptr && strcasecmp(card->hwaddr, mac_address.c_str()) == 0) {
            for (const virDomainIPAddress& address : std::span(card->addrs, card->naddrs)) {
                if (address.type == VIR_IP_ADDR_TYPE_IPV4) {
                    addresses.emplace_back(address.addr);
                }
            }
        }
        virDomainInterfaceFree(card);
    }
    std::free(raw);
    return addresses;
}

/// With a time-out of this call's own: that of libvirt's other agent calls is the machine's, and a snapshot may rely on it at this moment.
std::vector<std::string> ask_agent(virDomainPtr domain, const std::string& mac_address) {
    const CString answer(virDomainQemuAgentCommand(domain, R"({"execute":"guest-network-get-interfaces"})", k_interface_seconds, 0));
    return answer ? addresses_in(answer.get(), mac_address) : std::vector<std::string>();
}

std::string there_are(const std::string& what, std::vector<std::string> names) {
    if (names.empty()) {
        return fmt::format("there are no {}s", what);
    }
    std::sort(names.begin(), names.end());
    return fmt::format("there {} {}", names.size() == 1 ? "is" : "are", fmt::join(names, ", "));
}

Error not_found(const std::string& kind, const std::string& name, const std::vector<std::string>& names,
                const std::vector<std::string>& shown) {
    const std::string close = nearest(name, names);
    return {Code::resource_not_found, fmt::format("{} \"{}\" not found: {}", kind, name, there_are(kind, shown)),
            close.empty() ? "" : fmt::format("did you mean \"{}\"?", close)};
}

Result<void> check_bridge(const std::string& name) {
    const std::filesystem::path all("/sys/class/net");
    std::error_code ignored;
    if (!std::filesystem::exists(all / name / "bridge", ignored)) {
        std::vector<std::string> names;
        for (const auto& device : std::filesystem::directory_iterator(all, ignored)) {
            if (std::filesystem::exists(device.path() / "bridge", ignored)) {
                names.push_back(device.path().filename());
            }
        }
        return not_found("bridge", name, names, names);
    }
    std::string text;
    std::ifstream(all / name / "flags") >> text;
    const unsigned long flags = std::strtoul(text.c_str(), nullptr, 16);
    if ((flags & IFF_UP) == 0) {
        return Error(Code::incorrect_state, fmt::format("bridge \"{}\" is down", name), fmt::format("ip link set {} up", name));
    }
    return {};
}

}  // namespace

std::vector<std::string> addresses_in(std::string_view answer, std::string_view mac_address) {
    using Json = nlohmann::json;
    const auto text = [](const Json& node, const char* key) {
        const auto found = node.is_object() ? node.find(key) : node.end();
        return node.is_object() && found != node.end() && found->is_string() ? found->get<std::string>() : std::string();
    };
    std::vector<std::string> addresses;
    const Json root = Json::parse(answer, nullptr, false);
    for (const Json& card : root.is_object() && root.contains("return") ? root["return"] : Json::array()) {
        const std::string mac = text(card, "hardware-address");
        if (mac.size() != mac_address.size() || strncasecmp(mac.data(), mac_address.data(), mac.size()) != 0 ||
            !card.contains("ip-addresses")) {
            continue;
        }
        for (const Json& entry : card["ip-addresses"]) {
            const std::string address = text(entry, "ip-address");
            in_addr parsed{};
            if (text(entry, "ip-address-type") == "ipv4" && inet_pton(AF_INET, address.c_str(), &parsed) == 1) {
                addresses.push_back(address);
            }
        }
    }
    return addresses;
}

std::vector<std::string> neighbours_in(std::string_view table, std::string_view mac_address) {
    constexpr unsigned complete = 0x2;
    std::vector<std::string> addresses;
    std::istringstream lines{std::string(table)};
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string address;
        std::string type;
        std::string mac;
        unsigned flags = 0;
        words >> address >> type >> std::hex >> flags;
        words.clear(words.rdstate() & ~std::ios::failbit);
        if (words >> mac && (flags & complete) != 0 && mac.size() == mac_address.size() &&
            strncasecmp(mac.data(), mac_address.data(), mac.size()) == 0) {
            addresses.push_back(address);
        }
    }
    return addresses;
}

namespace {

/// libvirt 9.0 cannot read the kernel's answer everywhere ("wrong nlmsg len"). Of a libvirtd on another host this table says nothing.
std::vector<std::string> ask_kernel(std::string_view mac_address) {
    std::ifstream table("/proc/net/arp");
    return neighbours_in(std::string(std::istreambuf_iterator<char>(table), {}), mac_address);
}

class LibvirtNetworks final : public GuestNetworks {
public:
    explicit LibvirtNetworks(std::shared_ptr<Domains> domains) : domains_(std::move(domains)) {}

    Result<void> check(const NetworkChoice& network) override {
        switch (network.kind) {
            case NetworkChoice::Kind::user:
                break;
            case NetworkChoice::Kind::network:
                return check_network(network.name);
            case NetworkChoice::Kind::bridge:
                return check_bridge(network.name);
        }
        return {};
    }

    Result<std::vector<std::string>> addresses(const InstanceId& instance, const std::string& mac_address) override {
        std::vector<std::string> addresses;
        AMIVIRT_TRY(
            domains_->with(instance.str(), "find the addresses of", [&](virDomainPtr domain, const Connection&, Attempt) -> Outcome {
                if (virDomainIsActive(domain) != 1) {
                    return {};
                }
                addresses = ask(domain, VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE, mac_address);
                if (addresses.empty()) {
                    addresses = ask(domain, VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_ARP, mac_address);
                }
                if (addresses.empty()) {
                    addresses = ask_kernel(mac_address);
                }
                if (addresses.empty()) {
                    addresses = ask_agent(domain, mac_address);
                }
                return {};
            }));
        return addresses;
    }

private:
    Result<void> check_network(const std::string& name) {
        bool found = false;
        bool active = false;
        std::vector<std::string> names;
        std::vector<std::string> shown;
        const Outcome outcome = AMIVIRT_TRY(domains_->connections().use([&](const Connection& connection, Attempt) -> Outcome {
            names.clear();
            shown.clear();
            virNetworkPtr* raw = nullptr;
            const int count = virConnectListAllNetworks(connection.handle.get(), &raw, 0);
            if (count < 0) {
                return last_failure();
            }
            for (virNetworkPtr const handle : std::span(raw, static_cast<std::size_t>(count))) {
                const NetworkPtr network(handle);
                names.emplace_back(virNetworkGetName(handle));
                const bool is_active = virNetworkIsActive(handle) == 1;
                shown.push_back(names.back() + (is_active ? "" : " (not active)"));
                if (names.back() == name) {
                    found = true;
                    active = is_active;
                }
            }
            std::free(raw);
            return {};
        }));
        if (outcome) {
            return Error(Code::hypervisor_failed,
                         fmt::format("libvirt at \"{}\" could not list its networks: {}", domains_->connections().uri(), outcome->message));
        }
        if (!found) {
            return not_found("network", name, names, shown);
        }
        if (!active) {
            return Error(Code::incorrect_state, fmt::format("network \"{}\" is not active", name),
                         fmt::format("virsh -c {} net-start {}", domains_->connections().uri(), shell_word(name)));
        }
        return {};
    }

    std::shared_ptr<Domains> domains_;
};

}  // namespace

std::unique_ptr<GuestNetworks> make_networks(std::shared_ptr<Domains> domains) {
    return std::make_unique<LibvirtNetworks>(std::move(domains));
}

}  // namespace amivirt::libvirt
