#include "catalog_records.hpp"

#include <fmt/format.h>

#include <string>
#include <tuple>

#include "fakes/fake_id_source.hpp"

namespace amivirt {

namespace {

auto fields(const Attachment& value) {
    const auto& [instance, device_name, is_root, delete_on_termination, attached] = value;
    return std::tie(instance, device_name, is_root, delete_on_termination, attached);
}
auto fields(const Image& value) {
    const auto& [id, owner, name, description, state, state_reason, architecture, boot_mode, platform, platform_details, distribution,
                 os_version, default_user, root_device_name, root_device_type, mapping, permissions, created, tags, source_location,
                 source_image, source_region, source_instance, client_token, request_digest, deprecated, protection, protected_until,
                 last_launched, signer, bin] = value;
    return std::tie(id, owner, name, description, state, state_reason, architecture, boot_mode, platform, platform_details, distribution,
                    os_version, default_user, root_device_name, root_device_type, mapping, permissions, created, tags, source_location,
                    source_image, source_region, source_instance, client_token, request_digest, deprecated, protection, protected_until,
                    last_launched, signer, bin);
}
auto fields(const Instance& value) {
    const auto& [id, reservation, owner, image, launch_index, client_token, request_digest, type, state, state_reason_code,
                 state_reason_message, launched, terminated, architecture, firmware, accelerator, root_device_name, root_device_type,
                 ephemeral, mac_address, ports, shutdown_behavior, termination_protected, user_data, key_name, login_user, host_key,
                 host_private_key, session, expires, lifeline, network, tags] = value;
    return std::tie(id, reservation, owner, image, launch_index, client_token, request_digest, type, state, state_reason_code,
                    state_reason_message, launched, terminated, architecture, firmware, accelerator, root_device_name, root_device_type,
                    ephemeral, mac_address, ports, shutdown_behavior, termination_protected, user_data, key_name, login_user, host_key,
                    host_private_key, session, expires, lifeline, network, tags);
}
auto fields(const Volume& value) {
    const auto& [id, owner, layer, snapshot, size, type, iops, throughput, encrypted, instance_store, state, attachment, created, tags] =
        value;
    return std::tie(id, owner, layer, snapshot, size, type, iops, throughput, encrypted, instance_store, state, attachment, created, tags);
}
auto fields(const Snapshot& value) {
    const auto& [id, owner, layer, volume, size, state, state_message, encrypted, description, created, tags, bin] = value;
    return std::tie(id, owner, layer, volume, size, state, state_message, encrypted, description, created, tags, bin);
}
auto fields(const Layer& value) {
    const auto& [id, parent, state, virtual_size, content_sha256, encrypted, seal, created] = value;
    return std::tie(id, parent, state, virtual_size, content_sha256, encrypted, seal, created);
}
auto fields(const Operation& value) {
    const auto& [id, kind, objects, pid, started] = value;
    return std::tie(id, kind, objects, pid, started);
}
auto fields(const RetentionRule& value) {
    const auto& [id, kind, tags, days, description, created] = value;
    return std::tie(id, kind, tags, days, description, created);
}
auto fields(const KeyPair& value) {
    const auto& [id, owner, name, type, fingerprint, public_key, created, tags] = value;
    return std::tie(id, owner, name, type, fingerprint, public_key, created, tags);
}
auto fields(const LabMember& value) {
    const auto& [key, lab, kind, name, resource, digest, created] = value;
    return std::tie(key, lab, kind, name, resource, digest, created);
}
auto fields(const Document& value) {
    const auto& [key, kind, owner, body, created] = value;
    return std::tie(key, kind, owner, body, created);
}
auto fields(const Download& value) {
    const auto& [url, file, validator, touched] = value;
    return std::tie(url, file, validator, touched);
}

}  // namespace

bool operator==(const Attachment& a, const Attachment& b) { return fields(a) == fields(b); }
bool operator==(const Image& a, const Image& b) { return fields(a) == fields(b); }
bool operator==(const Instance& a, const Instance& b) { return fields(a) == fields(b); }
bool operator==(const Volume& a, const Volume& b) { return fields(a) == fields(b); }
bool operator==(const Snapshot& a, const Snapshot& b) { return fields(a) == fields(b); }
bool operator==(const Layer& a, const Layer& b) { return fields(a) == fields(b); }
bool operator==(const Operation& a, const Operation& b) { return fields(a) == fields(b); }
bool operator==(const RetentionRule& a, const RetentionRule& b) { return fields(a) == fields(b); }
bool operator==(const KeyPair& a, const KeyPair& b) { return fields(a) == fields(b); }
bool operator==(const LabMember& a, const LabMember& b) { return fields(a) == fields(b); }
bool operator==(const Document& a, const Document& b) { return fields(a) == fields(b); }
bool operator==(const Download& a, const Download& b) { return fields(a) == fields(b); }

namespace contract {

using fakes::nth_id;

namespace {

const AccountId k_owner = *AccountId::parse("111122223333");

TimePoint moment(std::uint64_t n) { return TimePoint(Duration(1795325400123 + static_cast<std::int64_t>(n))); }

/// What a careless writer of SQL or of text files would stumble over.
const std::string k_nasty = "o'brien \"x\"; DROP TABLE image;-- \xc3\xa4\xe2\x82\xac\n\t%s ?1";

Tags some_tags(std::uint64_t n) { return {{"Name", fmt::format("name {}", n)}, {k_nasty, k_nasty}, {"empty", ""}}; }

}  // namespace

Image full_image(std::uint64_t n) {
    Image image;
    image.id = nth_id<ImageId>(n);
    image.owner = k_owner;
    image.name = fmt::format("image {}", n);
    image.description = k_nasty;
    image.state = ImageState::disabled;
    image.state_reason = "a reason";
    image.architecture = Architecture::arm64;
    image.boot_mode = BootMode::uefi_preferred;
    image.platform = "windows";
    image.platform_details = "Windows 11";
    image.distribution = "windows";
    image.os_version = "11.1";
    image.default_user = "root";
    image.root_device_name = "/dev/xvda";
    image.root_device_type = RootDeviceType::instance_store;
    EbsDevice full;
    full.snapshot = nth_id<SnapshotId>(n + 500);  // a name only: it is not there
    full.size = GiB{20};
    full.type = VolumeType::io2;
    full.iops = 4000;
    full.throughput = 250;
    full.delete_on_termination = false;
    full.encrypted = true;
    EbsDevice sparse;
    sparse.size = GiB{1};
    image.mapping = {{"/dev/xvda", full}, {"/dev/sdz", NoDevice{}}, {"/dev/sdb", EphemeralDevice{23}}, {"/dev/sda2", sparse}};
    image.permissions = {true, {*AccountId::parse("222233334444"), *AccountId::parse("000000000001")}};
    image.created = moment(n);
    image.tags = some_tags(n);
    image.source_location = "https://example.org/a b?c=d";
    image.source_image = nth_id<ImageId>(n + 600);
    image.source_region = "eu-west-1";
    image.source_instance = nth_id<InstanceId>(n + 600);
    image.client_token = "token";
    image.request_digest = "digest";
    image.deprecated = moment(n + 2);
    image.protection = DeregistrationProtection::enabled_with_cooldown;
    image.protected_until = moment(n + 3);
    image.last_launched = moment(n + 4);
    image.signer = fmt::format("{:064x}", n + 2);
    image.bin = BinStay{moment(n + 5), moment(n + 6)};
    return image;
}

Instance full_instance(std::uint64_t n) {
    Instance instance;
    instance.id = nth_id<InstanceId>(n);
    instance.reservation = nth_id<ReservationId>(n + 1);
    instance.owner = k_owner;
    instance.image = nth_id<ImageId>(n + 500);
    instance.launch_index = 7;
    instance.client_token = "token";
    instance.request_digest = "digest";
    instance.type = "t3.small";
    instance.state = InstanceState::shutting_down;
    instance.state_reason_code = "Client.UserInitiatedShutdown";
    instance.state_reason_message = k_nasty;
    instance.launched = moment(n);
    instance.terminated = moment(n + 1);
    instance.architecture = Architecture::i386;
    instance.firmware = Firmware::uefi;
    instance.accelerator = Accelerator::kvm;
    instance.root_device_name = "/dev/xvda";
    instance.root_device_type = RootDeviceType::instance_store;
    instance.ephemeral = {{"/dev/sdc", 23, GiB{75}}, {"/dev/sdb", 0, GiB{1}}};  // an order of their own
    instance.mac_address = fmt::format("52:54:00:00:{:02x}:{:02x}", (n >> 8U) & 0xffU, n & 0xffU);
    const auto port = static_cast<std::uint16_t>(20000 + 2 * n);
    instance.ports = {{"127.0.0.1", static_cast<std::uint16_t>(port + 1), 80, "tcp", true}, {"0.0.0.0", port, 65535, "udp"}};
    instance.shutdown_behavior = ShutdownBehavior::terminate;
    instance.termination_protected = true;
    instance.user_data = std::string("#!/bin/sh\n\0\xff\xfe binary", 20);
    instance.key_name = k_nasty;
    instance.login_user = "debian";
    instance.host_key = "ssh-ed25519 AAAA";
    instance.host_private_key = k_nasty;
    instance.session = k_nasty;
    instance.expires = moment(n + 2);
    instance.lifeline = fmt::format("life-{}", n);
    instance.network = "network:default";
    instance.tags = some_tags(n);
    return instance;
}

Volume full_volume(std::uint64_t n) {
    Volume volume;
    volume.id = nth_id<VolumeId>(n);
    volume.owner = k_owner;
    volume.layer = nth_id<LayerId>(n);
    volume.snapshot = nth_id<SnapshotId>(n + 500);
    volume.size = GiB{16384};
    volume.type = VolumeType::st1;
    volume.iops = 16000;
    volume.throughput = 1000;
    volume.encrypted = true;
    volume.instance_store = true;
    volume.state = VolumeState::in_use;
    volume.attachment = Attachment{nth_id<InstanceId>(n), "/dev/sdf", true, true, moment(n)};
    volume.created = moment(n + 1);
    volume.tags = some_tags(n);
    return volume;
}

Snapshot full_snapshot(std::uint64_t n) {
    Snapshot snapshot;
    snapshot.id = nth_id<SnapshotId>(n);
    snapshot.owner = k_owner;
    snapshot.layer = nth_id<LayerId>(n);
    snapshot.volume = nth_id<VolumeId>(n + 500);
    snapshot.size = GiB{3};
    snapshot.state = SnapshotState::error;
    snapshot.state_message = k_nasty;
    snapshot.encrypted = true;
    snapshot.description = k_nasty;
    snapshot.created = moment(n);
    snapshot.tags = some_tags(n);
    snapshot.bin = BinStay{moment(n + 5), moment(n + 6)};
    return snapshot;
}

Layer full_layer(std::uint64_t n) {
    Layer layer;
    layer.id = nth_id<LayerId>(n);
    layer.state = LayerState::sealed;
    layer.virtual_size = Bytes{(1ULL << 62U) + n};
    layer.content_sha256 = fmt::format("{:064x}", n);
    layer.encrypted = true;
    layer.seal = Seal{Bytes{(1ULL << 40U) + n}, 1795325400123456789 + static_cast<std::int64_t>(n), fmt::format("{:064x}", n + 1)};
    layer.created = moment(n);
    return layer;
}

Operation full_operation(std::uint64_t n) {
    Operation operation;
    operation.id = nth_id<OperationId>(n);
    operation.kind = OperationKind::terminate_instances;
    operation.objects = {fmt::format("i-z{}", n), fmt::format("i-a{}", n), fmt::format("vol-{}", n)};  // an order of their own
    operation.pid = 4711;
    operation.started = moment(n);
    return operation;
}

RetentionRule full_retention_rule(std::uint64_t n) {
    RetentionRule rule;
    rule.id = nth_id<RetentionRuleId>(n);
    rule.kind = RetainedKind::snapshot;
    rule.tags = {{"z", "1"}, {k_nasty, k_nasty}, {"a", std::nullopt}, {"empty", ""}};  // an order of their own
    rule.days = 365;
    rule.description = k_nasty;
    rule.created = moment(n);
    return rule;
}

KeyPair full_key_pair(std::uint64_t n) {
    KeyPair pair;
    pair.id = nth_id<KeyPairId>(n);
    pair.owner = k_owner;
    pair.name = fmt::format("key {} {}", n, k_nasty);
    pair.type = KeyType::rsa;
    pair.fingerprint = "SHA256:abc";
    pair.public_key = "ssh-rsa AAAA comment";
    pair.created = moment(n);
    pair.tags = some_tags(n);
    return pair;
}

LabMember full_lab_member(std::uint64_t n) {
    const auto name = fmt::format("web-{}", n);
    return {lab_member_key("lab", "instance", name), "lab", "instance", name, k_nasty, "digest", moment(n)};
}

Document full_document(std::uint64_t n, const std::string& kind) {
    return {document_key(kind, fmt::format("{}-{}", k_nasty, n)), kind, k_owner.str(), fmt::format("{{\"n\": {}}}", n), moment(n)};
}

RegionPolicy full_policy() {
    return {true,
            AllowedImages::audit,
            {{{"self", "amazon"}, {"deb*", k_nasty}, 30, 0}, {}, {{}, {"only"}, std::nullopt, 3}},
            true,
            {{fmt::format("{:064x}", 1), k_nasty, "-----BEGIN"}, {fmt::format("{:064x}", 2), "", ""}}};
}

Download full_download(std::uint64_t n) {
    return {fmt::format("https://example.org/{}?x='y'", n), fmt::format("file-{}", n), "\"etag\"", moment(n)};
}

Image plain_image(std::uint64_t n) {
    Image image;
    image.id = nth_id<ImageId>(n);
    image.owner = AccountId::local();
    image.name = fmt::format("image {}", n);
    return image;
}

Instance plain_instance(std::uint64_t n) {
    Instance instance;
    instance.id = nth_id<InstanceId>(n);
    instance.reservation = nth_id<ReservationId>(1);
    instance.owner = AccountId::local();
    instance.image = nth_id<ImageId>(1);
    return instance;
}

Volume plain_volume(std::uint64_t n) {
    Volume volume;
    volume.id = nth_id<VolumeId>(n);
    volume.owner = AccountId::local();
    volume.layer = nth_id<LayerId>(n);
    return volume;
}

Snapshot plain_snapshot(std::uint64_t n) {
    Snapshot snapshot;
    snapshot.id = nth_id<SnapshotId>(n);
    snapshot.owner = AccountId::local();
    snapshot.layer = nth_id<LayerId>(n);
    return snapshot;
}

Layer plain_layer(std::uint64_t n) {
    Layer layer;
    layer.id = nth_id<LayerId>(n);
    return layer;
}

}  // namespace contract

}  // namespace amivirt
