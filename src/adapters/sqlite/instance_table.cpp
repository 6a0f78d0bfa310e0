#include <set>
#include <tuple>

#include "adapters/sqlite/table.hpp"
#include "adapters/sqlite/tables.hpp"

namespace amivirt::sqlite {

namespace {

/// For words that the domain writes but never needs to parse.
template <class Word, Word... all>
Result<Word> parse_word(std::string_view text) {
    for (const Word word : {all...}) {
        if (text == to_string(word)) {
            return word;
        }
    }
    return Error(Code::invalid_parameter_value, fmt::format("\"{}\" is not known.", text));
}

constexpr auto parse_firmware = parse_word<Firmware, Firmware::bios, Firmware::uefi>;
constexpr auto parse_accelerator_word = parse_word<Accelerator, Accelerator::kvm, Accelerator::tcg>;

Error taken_port(const PortForward& port, const std::string& holder) {
    return Error(Code::invalid_parameter_value, fmt::format("The port {}:{}/{} is already forwarded to the instance \"{}\".", port.address,
                                                            port.host_port, port.protocol, holder));
}

struct InstanceKind {
    using Record = Instance;
    using Key = InstanceId;
    static constexpr const char* k_noun = "instance";
    static constexpr const char* k_table = "instance";
    static constexpr const char* k_columns =
        "id, reservation, owner, image, launch_index, client_token, request_digest, type, state, state_reason_code, state_reason_message,"
        " launched, terminated, architecture, firmware, accelerator, root_device_name, root_device_type, mac_address,"
        " shutdown_behavior, termination_protected, user_data, key_name, login_user, host_key, host_private_key, session, expires, "
        "lifeline, network";

    static const Key& key(const Instance& instance) { return instance.id; }
    static void bind(Binder& binder, const Instance& instance) {
        binder.put(instance.id, instance.reservation, instance.owner, instance.image, instance.launch_index, instance.client_token,
                   instance.request_digest, instance.type, instance.state, instance.state_reason_code, instance.state_reason_message,
                   instance.launched, instance.terminated, instance.architecture, instance.firmware, instance.accelerator,
                   instance.root_device_name, instance.root_device_type, instance.mac_address, instance.shutdown_behavior,
                   instance.termination_protected, Blob{instance.user_data});
        binder.put(instance.key_name, instance.login_user, instance.host_key, instance.host_private_key, instance.session, instance.expires,
                   instance.lifeline, instance.network);
    }
    static Instance read(Row& row) {
        Instance instance;
        row.get_all(instance.id, instance.reservation, instance.owner, instance.image, instance.launch_index, instance.client_token,
                    instance.request_digest, instance.type);
        row.get(instance.state, parse_instance_state);
        row.get_all(instance.state_reason_code, instance.state_reason_message, instance.launched, instance.terminated);
        row.get(instance.architecture, parse_architecture);
        row.get(instance.firmware, parse_firmware);
        row.get(instance.accelerator, parse_accelerator_word);
        row.get(instance.root_device_name);
        row.get(instance.root_device_type, parse_root_device_type);
        row.get(instance.mac_address);
        row.get(instance.shutdown_behavior, parse_shutdown_behavior);
        row.get_all(instance.termination_protected, instance.user_data, instance.key_name, instance.login_user, instance.host_key,
                    instance.host_private_key, instance.session, instance.expires, instance.lifeline, instance.network);
        return instance;
    }

    static void read_parts(Transaction& transaction, Loaded<Instance>& loaded) {
        loaded.join(transaction, "SELECT instance, address, host_port, guest_port, protocol, picked FROM port_forward", "instance", "",
                    "ORDER BY instance, position", [](Row& row, Instance& instance) {
                        PortForward& port = instance.ports.emplace_back();
                        row.get_all(port.address, port.host_port, port.guest_port, port.protocol, port.picked);
                    });
        loaded.join(transaction, "SELECT instance, device_name, number, size_gib FROM instance_ephemeral_disk", "instance", "",
                    "ORDER BY instance, position", [](Row& row, Instance& instance) {
                        EphemeralDisk& disk = instance.ephemeral.emplace_back();
                        row.get_all(disk.device_name, disk.number, disk.size);
                    });
        TagParts<InstanceKind>::read(transaction, loaded);
    }
    static void write_parts(Transaction& transaction, const Instance& instance) {
        int position = 0;
        for (const PortForward& port : instance.ports) {
            auto query = transaction.query(
                "INSERT INTO port_forward (instance, position, address, host_port, guest_port, protocol, reserved, picked) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
            Binder(*query).put(instance.id, position++, port.address, port.host_port, port.guest_port, port.protocol,
                               instance.state != InstanceState::terminated, port.picked);
            query->exec();
        }
        position = 0;
        for (const EphemeralDisk& disk : instance.ephemeral) {
            auto query = transaction.query(
                "INSERT INTO instance_ephemeral_disk (instance, position, device_name, number, size_gib) VALUES (?, ?, ?, ?, ?)");
            Binder(*query).put(instance.id, position++, disk.device_name, disk.number, disk.size);
            query->exec();
        }
        TagParts<InstanceKind>::write(transaction, instance);
    }
    static void erase_parts(Transaction& transaction, const Key& key) {
        for (const char* sql : {"DELETE FROM port_forward WHERE instance = ?", "DELETE FROM instance_ephemeral_disk WHERE instance = ?"}) {
            auto query = transaction.query(sql);
            Binder(*query).put(key);
            query->exec();
        }
        TagParts<InstanceKind>::erase(transaction, key);
    }

    static std::optional<Error> obstacle(Transaction& transaction, const Instance& instance) {
        {
            auto query = transaction.query(
                "SELECT id FROM instance WHERE mac_address = ? AND mac_address <> '' AND state <> 'terminated' AND id <> ?");
            Binder(*query).put(instance.mac_address, instance.id);
            if (query->executeStep()) {
                return Error(Code::invalid_parameter_value, fmt::format("The MAC address \"{}\" is already in use by the instance \"{}\".",
                                                                        instance.mac_address, query->getColumn(0).getString()));
            }
        }
        std::set<std::tuple<std::string, std::uint16_t, std::string>> own;
        for (const PortForward& port : instance.ports) {
            if (!own.emplace(port.address, port.host_port, port.protocol).second) {
                return taken_port(port, instance.id.str());
            }
            auto query = transaction.query(
                "SELECT instance FROM port_forward WHERE address = ? AND host_port = ? AND protocol = ? AND reserved = 1 AND instance <> "
                "?");
            Binder(*query).put(port.address, port.host_port, port.protocol, instance.id);
            if (query->executeStep()) {
                return taken_port(port, query->getColumn(0).getString());
            }
        }
        return std::nullopt;
    }
};

}  // namespace

std::unique_ptr<InstanceTable> make_instance_table(Transaction& transaction) {
    return std::make_unique<SqliteTable<InstanceKind>>(transaction);
}

}  // namespace amivirt::sqlite
