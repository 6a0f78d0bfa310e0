#include "adapters/libvirt/domains.hpp"

#include <fmt/ranges.h>

#include "adapters/common/key_file.hpp"
#include "adapters/libvirt/access.hpp"
#include "adapters/libvirt/backing_chain.hpp"
#include "adapters/libvirt/capabilities.hpp"

namespace amivirt::libvirt {

bool says(const Failure& failure, std::string_view words) { return failure.message.find(words) != std::string::npos; }

bool out_of_slots(const Failure& failure) {
    // libvirt's words, and QEMU's where libvirt took the slot of our network card, of which it does not know, for a free one.
    return says(failure, "No more available PCI slots") || (says(failure, "PCI: slot ") && says(failure, " not available for "));
}

Domains::Domains(LibvirtOptions options) : options_(std::move(options)), connections_(options_.uri) { initialize(); }

Error Domains::not_running(const InstanceId& instance, const std::string& doing) const {
    return {Code::incorrect_instance_state, fmt::format("cannot {} \"{}\": its domain is not running", doing, instance.str())};
}

Error Domains::failed(const std::string& name, const std::string& doing, const Failure& failure) const {
    return {Code::hypervisor_failed, fmt::format("libvirt could not {} \"{}\": {}", doing, name, failure.message)};
}

Error Domains::failed_on_files(const std::string& name, const std::string& doing, const Failure& failure,
                               const std::vector<std::string>& paths, const std::vector<std::string>& encrypted) const {
    if (says_key_refused(failure.message)) {
        // QEMU tells a number of its own, not the file.
        return key_refused(options_.key_file, fmt::format("{}", fmt::join(encrypted, "\" or \"")));
    }
    Error error = failed(name, doing, failure);
    if (says(failure, "Permission denied")) {
        for (const std::string& path : paths) {
            const std::string closed = closed_folder(path);
            if (!closed.empty()) {
                error.hint = fmt::format("chmod o+x {}", shell_word(closed));
                break;
            }
        }
    }
    return error;
}

bool Domains::gives_files_away(const Connection& connection) {
    auto known = gives_files_away_.lock();
    if (!known->has_value()) {
        const auto capabilities = qemu_identity(connection);
        if (!capabilities) {
            return true;  // it could not be asked: what others share is left as it is, and it is asked again
        }
        *known = capabilities->has_value();
    }
    return **known;
}

Result<DiskChain> Domains::chain(const Connection& connection, const DiskSource& disk) {
    DiskChain chain;
    if (connection.driver == Driver::qemu) {
        chain = AMIVIRT_TRY(disk_chain(disk));
        if (!gives_files_away(connection)) {
            for (BackingFile& file : chain.below) {
                file.relabel = Relabel::yes;
            }
        }
    }
    return chain;
}

Result<Encrypted> Domains::encrypted(const Connection& connection, const DiskSource& disk) {
    return connection.driver == Driver::qemu ? disk_top(disk) : Encrypted::no;
}

Result<Outcome> Domains::lend_key(const Connection& connection, const std::string& store_id, LentKey& lent) const {
    const std::string uuid = secret_uuid(store_id);
    if (uuid.empty()) {
        return Error(Code::unsupported_operation,
                     fmt::format("encrypted volumes need a store id of 32 hexadecimal digits, and this store's is \"{}\"", store_id));
    }
    return lent.lend(connection, uuid, options_.key_file);
}

}  // namespace amivirt::libvirt
