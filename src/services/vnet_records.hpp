// One account's records of the virtual network within a transaction. Private to src/services.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "amivirt/domain/virtual_network.hpp"
#include "amivirt/ports/catalog.hpp"
#include "amivirt/ports/id_source.hpp"

namespace amivirt {

/// Where a volume is, if not in the first zone.
struct VolumeZone {
    std::string id;
    std::string zone;
};

/// How EC2 speaks of a kind: its documents' kind is the resource type of its tags.
template <class Record>
struct VnetKind;
#define AMIVIRT_VNET_KIND(Type, words, id_prefix, code, word)     \
    template <>                                                   \
    struct VnetKind<Type> {                                       \
        static constexpr std::string_view kind = words;           \
        static constexpr std::string_view prefix = id_prefix;     \
        static constexpr Code not_found = Code::code;             \
        static constexpr std::string_view noun = word;            \
        static std::string dump(const Type& record);              \
        static std::optional<Type> load(const std::string& body); \
    }
AMIVIRT_VNET_KIND(Vpc, "vpc", "vpc-", invalid_vpc_not_found, "vpc ID");
AMIVIRT_VNET_KIND(Subnet, "subnet", "subnet-", invalid_subnet_not_found, "subnet ID");
AMIVIRT_VNET_KIND(SecurityGroup, "security-group", "sg-", invalid_group_not_found, "security group");
AMIVIRT_VNET_KIND(NetworkInterface, "network-interface", "eni-", invalid_network_interface_not_found, "networkInterface ID");
AMIVIRT_VNET_KIND(ElasticAddress, "elastic-ip", "eipalloc-", invalid_allocation_not_found, "allocation ID");
AMIVIRT_VNET_KIND(RouteTable, "route-table", "rtb-", invalid_route_table_not_found, "routeTable ID");
AMIVIRT_VNET_KIND(InternetGateway, "internet-gateway", "igw-", invalid_internet_gateway_not_found, "internetGateway ID");
AMIVIRT_VNET_KIND(DhcpOptions, "dhcp-options", "dopt-", invalid_dhcp_options_not_found, "dhcpOption ID");
AMIVIRT_VNET_KIND(NetworkAcl, "network-acl", "acl-", invalid_network_acl_not_found, "networkAcl ID");
AMIVIRT_VNET_KIND(VolumeZone, "volume-zone", "vol-", invalid_volume_not_found, "volume");
#undef AMIVIRT_VNET_KIND

class VnetRecords {
public:
    VnetRecords(CatalogSession& session, const AccountId& account) : session_(session), account_(account) {}

    [[nodiscard]] CatalogSession& session() const { return session_; }
    [[nodiscard]] const AccountId& account() const { return account_; }

    /// The account's own of this id; nullopt: it has none.
    template <class Record>
    [[nodiscard]] Result<std::optional<Record>> find(const std::string& id) const {
        using Kind = VnetKind<Record>;
        const auto document = AMIVIRT_TRY(session_.documents().find(document_key(std::string(Kind::kind), id)));
        if (!document || document->owner != account_.str()) {
            return std::optional<Record>();
        }
        auto record = Kind::load(document->body);
        if (!record) {
            return Error(Code::store_corrupt, fmt::format("the record of {} \"{}\" cannot be read", Kind::kind, id));
        }
        return record;
    }
    /// The same; without it EC2's NotFound.
    template <class Record>
    [[nodiscard]] Result<Record> get(const std::string& id) const {
        auto record = AMIVIRT_TRY(find<Record>(id));
        if (!record) {
            return missing<Record>(id);
        }
        return std::move(*record);
    }
    template <class Record>
    [[nodiscard]] static Error missing(const std::string& id) {
        using Kind = VnetKind<Record>;
        if (!id.starts_with(Kind::prefix)) {
            return {Kind::not_found == Code::invalid_group_not_found ? Code::invalid_group_id_malformed : Code::invalid_parameter_value,
                    fmt::format("Invalid id: \"{}\" (expecting \"{}...\")", id, Kind::prefix)};
        }
        return {Kind::not_found, fmt::format("The {} '{}' does not exist", Kind::noun, id)};
    }
    /// In order of creation. What cannot be read is left out.
    template <class Record>
    [[nodiscard]] Result<std::vector<Record>> list() const {
        using Kind = VnetKind<Record>;
        std::vector<Record> records;
        for (const Document& document : AMIVIRT_TRY(session_.index().documents(std::string(Kind::kind)))) {
            if (document.owner == account_.str()) {
                if (auto record = Kind::load(document.body)) {
                    records.push_back(std::move(*record));
                }
            }
        }
        return records;
    }
    template <class Record, class Which>
    [[nodiscard]] Result<std::vector<Record>> list(const Which& which) const {
        auto records = AMIVIRT_TRY(list<Record>());
        std::erase_if(records, [&](const Record& record) { return !which(record); });
        return records;
    }
    /// The interfaces attached to instances that `which` says so of; the others' records are not parsed.
    template <class Which>
    [[nodiscard]] Result<std::vector<NetworkInterface>> list_attached(const Which& which) const {
        constexpr std::string_view member = "\"instance\":\"";  // cannot stand within a JSON string
        std::vector<NetworkInterface> records;
        for (const Document& document : AMIVIRT_TRY(session_.index().documents(std::string(VnetKind<NetworkInterface>::kind)))) {
            const std::size_t at = document.body.find(member);
            const std::size_t begin = at + member.size();
            if (at == std::string::npos || document.owner != account_.str() ||
                !which(document.body.substr(begin, document.body.find('"', begin) - begin))) {
                continue;
            }
            if (auto record = VnetKind<NetworkInterface>::load(document.body)) {
                records.push_back(std::move(*record));
            }
        }
        return records;
    }
    template <class Record>
    [[nodiscard]] Result<void> insert(const Record& record, TimePoint now) const {
        const std::string kind(VnetKind<Record>::kind);
        return session_.documents().insert({document_key(kind, record.id), kind, account_.str(), VnetKind<Record>::dump(record), now});
    }
    template <class Record>
    [[nodiscard]] Result<void> update(const Record& record) const {
        auto document = AMIVIRT_TRY(session_.documents().find(document_key(std::string(VnetKind<Record>::kind), record.id)));
        if (!document) {
            return missing<Record>(record.id);
        }
        document->body = VnetKind<Record>::dump(record);
        return session_.documents().update(*document);
    }
    template <class Record>
    [[nodiscard]] Result<void> erase(const Record& record) const {
        return session_.documents().erase(document_key(std::string(VnetKind<Record>::kind), record.id));
    }

private:
    CatalogSession& session_;
    AccountId account_;
};

/// "vpc-" and 17 hex digits.
template <class Record>
[[nodiscard]] std::string fresh_id(IdSource& ids) {
    return std::string(VnetKind<Record>::prefix) + ids.hex17();
}

}  // namespace amivirt
