#include <variant>

#include "adapters/sqlite/table.hpp"
#include "adapters/sqlite/tables.hpp"

namespace amivirt::sqlite {

namespace {

constexpr const char* k_everyone = "all";

struct ImageKind {
    using Record = Image;
    using Key = ImageId;
    static constexpr const char* k_noun = "image";
    static constexpr const char* k_table = "image";
    static constexpr const char* k_columns =
        "id, owner, name, description, state, state_reason, architecture, boot_mode, platform, platform_details, distribution, os_version,"
        " default_user, root_device_name, root_device_type, created, source_location,"
        " source_image, source_region, source_instance, client_token, request_digest, deprecated, protection, protected_until,"
        " last_launched, signer, bin_entered, bin_expires";

    static const Key& key(const Image& image) { return image.id; }
    static void bind(Binder& binder, const Image& image) {
        binder.put(image.id, image.owner, image.name, image.description, image.state, image.state_reason, image.architecture,
                   image.boot_mode, image.platform, image.platform_details, image.distribution, image.os_version, image.default_user,
                   image.root_device_name, image.root_device_type, image.created, image.source_location);
        binder.put(image.source_image, image.source_region, image.source_instance, image.client_token, image.request_digest,
                   image.deprecated, image.protection, image.protected_until, image.last_launched, image.signer);
        put_bin_stay(binder, image.bin);
    }
    static Image read(Row& row) {
        Image image;
        row.get_all(image.id, image.owner, image.name, image.description);
        row.get(image.state, parse_image_state);
        row.get(image.state_reason);
        row.get(image.architecture, parse_architecture);
        row.get(image.boot_mode, parse_boot_mode);
        row.get_all(image.platform, image.platform_details, image.distribution, image.os_version, image.default_user,
                    image.root_device_name);
        row.get(image.root_device_type, parse_root_device_type);
        row.get_all(image.created, image.source_location, image.source_image, image.source_region, image.source_instance,
                    image.client_token, image.request_digest, image.deprecated);
        row.get(image.protection, parse_deregistration_protection);
        row.get_all(image.protected_until, image.last_launched, image.signer);
        get_bin_stay(row, image.bin);
        return image;
    }

    static void read_parts(Transaction& transaction, Loaded<Image>& loaded) {
        loaded.join(transaction,
                    "SELECT image, device_name, kind, snapshot, size_gib, type, iops, throughput, delete_on_termination, encrypted,"
                    " ephemeral_number FROM image_block_device",
                    "image", "", "ORDER BY image, position", [](Row& row, Image& image) { image.mapping.push_back(read_device(row)); });
        loaded.join(transaction, "SELECT image, grantee FROM image_launch_permission", "image", "", "", [](Row& row, Image& image) {
            const std::string grantee = row.text();
            if (grantee == k_everyone) {
                image.permissions.everyone = true;
            } else if (auto account = AccountId::parse(grantee)) {
                image.permissions.accounts.insert(std::move(*account));
            } else {
                row.complain(grantee);
            }
        });
        TagParts<ImageKind>::read(transaction, loaded);
    }
    static void write_parts(Transaction& transaction, const Image& image) {
        int position = 0;
        for (const BlockDevice& device : image.mapping) {
            auto query = transaction.query(
                "INSERT INTO image_block_device (image, position, device_name, kind, snapshot, size_gib, type, iops, throughput,"
                " delete_on_termination, encrypted, ephemeral_number) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
            Binder binder(*query);
            binder.put(image.id, position++, device.device_name);
            std::visit([&](const auto& what) { put_device(binder, what); }, device.what);
            query->exec();
        }
        const auto grant = [&](const auto& grantee) {
            auto query = transaction.query("INSERT INTO image_launch_permission (image, grantee) VALUES (?, ?)");
            Binder(*query).put(image.id, grantee);
            query->exec();
        };
        if (image.permissions.everyone) {
            grant(k_everyone);
        }
        for (const AccountId& account : image.permissions.accounts) {
            grant(account);
        }
        TagParts<ImageKind>::write(transaction, image);
    }
    static void erase_parts(Transaction& transaction, const Key& key) {
        for (const char* sql : {"DELETE FROM image_block_device WHERE image = ?", "DELETE FROM image_launch_permission WHERE image = ?"}) {
            auto query = transaction.query(sql);
            Binder(*query).put(key);
            query->exec();
        }
        TagParts<ImageKind>::erase(transaction, key);
    }
    static std::optional<Error> obstacle(Transaction& transaction, const Image& image) {
        auto query =
            transaction.query("SELECT id FROM image WHERE owner = ? AND name = ? AND state NOT IN ('deregistered', 'failed') AND id <> ?");
        Binder(*query).put(image.owner, image.name, image.id);
        if (query->executeStep()) {
            return Error(Code::invalid_ami_name_duplicate,
                         fmt::format("The image name \"{}\" is already in use by \"{}\".", image.name, query->getColumn(0).getString()));
        }
        return std::nullopt;
    }

private:
    static void put_device(Binder& binder, const EbsDevice& ebs) {
        binder.put("ebs", ebs.snapshot, ebs.size, ebs.type, ebs.iops, ebs.throughput, ebs.delete_on_termination, ebs.encrypted,
                   std::nullopt);
    }
    static void put_device(Binder& binder, const EphemeralDevice& ephemeral) {
        put_without_ebs(binder, "ephemeral");
        binder.put(ephemeral.number);
    }
    static void put_device(Binder& binder, const NoDevice& /*none*/) {
        put_without_ebs(binder, "none");
        binder.put(std::nullopt);
    }
    static void put_without_ebs(Binder& binder, const char* kind) {
        binder.put(kind, std::nullopt, std::nullopt, std::nullopt, std::nullopt, std::nullopt, std::nullopt, std::nullopt);
    }
    static BlockDevice read_device(Row& row) {
        BlockDevice device;
        row.get(device.device_name);
        const std::string kind = row.text();
        if (kind == "ebs") {
            EbsDevice ebs;
            row.get_all(ebs.snapshot, ebs.size);
            row.get(ebs.type, parse_volume_type);
            row.get_all(ebs.iops, ebs.throughput, ebs.delete_on_termination, ebs.encrypted);
            device.what = std::move(ebs);
        } else if (kind == "ephemeral") {
            EphemeralDevice ephemeral;
            row.skip(7);
            row.get(ephemeral.number);
            device.what = ephemeral;
        } else if (kind == "none") {
            device.what = NoDevice{};
        } else {
            row.complain(kind);
        }
        return device;
    }
};

}  // namespace

std::unique_ptr<ImageTable> make_image_table(Transaction& transaction) { return std::make_unique<SqliteTable<ImageKind>>(transaction); }

Result<Listing<Image>> read_images(Transaction& transaction, std::span<const std::int64_t> sequences) {
    return SqliteTable<ImageKind>(transaction).list(sequences);
}

}  // namespace amivirt::sqlite
