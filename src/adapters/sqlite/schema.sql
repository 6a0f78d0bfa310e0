-- Migration 1: what the catalog of a region keeps. Never edited once released: a change is a new migration (migrations.cpp).
--
-- Times are milliseconds since 1970, UTC. Words (state, kind, ...) are those of the domain's to_string(). `sequence` keeps the order of
-- creation. The rules that hold between processes are the unique indexes and the references below; the adapter only words their errors.

CREATE TABLE store (
    id TEXT NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE TABLE layer (
    sequence       INTEGER PRIMARY KEY,
    id             TEXT NOT NULL UNIQUE,
    parent         TEXT REFERENCES layer (id),
    state          TEXT NOT NULL,
    virtual_size   INTEGER NOT NULL,
    content_sha256 TEXT NOT NULL,
    created        INTEGER NOT NULL
) STRICT;
CREATE INDEX layer_by_parent ON layer (parent);
CREATE UNIQUE INDEX layer_content ON layer (content_sha256) WHERE content_sha256 <> '' AND state <> 'deleting';

CREATE TABLE snapshot (
    sequence    INTEGER PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE,
    owner       TEXT NOT NULL,
    layer       TEXT NOT NULL REFERENCES layer (id),
    volume      TEXT,              -- a name only: it may be gone
    size_gib    INTEGER NOT NULL,
    state       TEXT NOT NULL,
    encrypted   INTEGER NOT NULL,
    description TEXT NOT NULL,
    created     INTEGER NOT NULL
) STRICT;
CREATE INDEX snapshot_by_layer ON snapshot (layer);

CREATE TABLE volume (
    sequence              INTEGER PRIMARY KEY,
    id                    TEXT NOT NULL UNIQUE,
    owner                 TEXT NOT NULL,
    layer                 TEXT NOT NULL REFERENCES layer (id),
    snapshot              TEXT,    -- a name only: it may be gone
    size_gib              INTEGER NOT NULL,
    type                  TEXT NOT NULL,
    iops                  INTEGER,
    throughput            INTEGER,
    encrypted             INTEGER NOT NULL,
    state                 TEXT NOT NULL,
    created               INTEGER NOT NULL,
    attached_instance     TEXT,    -- with the four below: all or none
    device_name           TEXT,
    is_root               INTEGER,
    delete_on_termination INTEGER,
    attached              INTEGER
) STRICT;
CREATE INDEX volume_by_layer ON volume (layer);

CREATE TABLE image (
    sequence         INTEGER PRIMARY KEY,
    id               TEXT NOT NULL UNIQUE,
    owner            TEXT NOT NULL,
    name             TEXT NOT NULL,
    description      TEXT NOT NULL,
    state            TEXT NOT NULL,
    state_reason     TEXT NOT NULL,
    architecture     TEXT NOT NULL,
    boot_mode        TEXT NOT NULL,
    platform         TEXT NOT NULL,
    platform_details TEXT NOT NULL,
    distribution     TEXT NOT NULL,
    os_version       TEXT NOT NULL,
    default_user     TEXT NOT NULL,
    root_device_name TEXT NOT NULL,
    created          INTEGER NOT NULL,
    source_location  TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX image_name ON image (owner, name) WHERE state NOT IN ('deregistered', 'failed');

CREATE TABLE image_block_device (
    image                 TEXT NOT NULL REFERENCES image (id) ON DELETE CASCADE,
    position              INTEGER NOT NULL,
    device_name           TEXT NOT NULL,
    kind                  TEXT NOT NULL,  -- ebs, ephemeral, none
    snapshot              TEXT,           -- a name only: it may be gone
    size_gib              INTEGER,
    type                  TEXT,
    iops                  INTEGER,
    throughput            INTEGER,
    delete_on_termination INTEGER,
    encrypted             INTEGER,
    ephemeral_number      INTEGER,
    PRIMARY KEY (image, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE image_launch_permission (
    image   TEXT NOT NULL REFERENCES image (id) ON DELETE CASCADE,
    grantee TEXT NOT NULL,                -- an account id, or 'all'
    PRIMARY KEY (image, grantee)
) STRICT, WITHOUT ROWID;

CREATE TABLE instance (
    sequence              INTEGER PRIMARY KEY,
    id                    TEXT NOT NULL UNIQUE,
    reservation           TEXT NOT NULL,
    owner                 TEXT NOT NULL,
    image                 TEXT NOT NULL,  -- a name only: it may be gone
    launch_index          INTEGER NOT NULL,
    client_token          TEXT NOT NULL,
    request_digest        TEXT NOT NULL,
    type                  TEXT NOT NULL,
    state                 TEXT NOT NULL,
    state_reason_code     TEXT NOT NULL,
    state_reason_message  TEXT NOT NULL,
    launched              INTEGER NOT NULL,
    terminated            INTEGER,
    architecture          TEXT NOT NULL,
    firmware              TEXT NOT NULL,
    accelerator           TEXT NOT NULL,
    root_device_name      TEXT NOT NULL,
    mac_address           TEXT NOT NULL,
    shutdown_behavior     TEXT NOT NULL,
    termination_protected INTEGER NOT NULL,
    user_data             BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX instance_mac_address ON instance (mac_address) WHERE mac_address <> '' AND state <> 'terminated';

CREATE TABLE port_forward (
    instance   TEXT NOT NULL REFERENCES instance (id) ON DELETE CASCADE,
    position   INTEGER NOT NULL,
    address    TEXT NOT NULL,
    host_port  INTEGER NOT NULL,
    guest_port INTEGER NOT NULL,
    protocol   TEXT NOT NULL,
    reserved   INTEGER NOT NULL,          -- 0 once the instance is terminated; an index cannot ask another table
    PRIMARY KEY (instance, position)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX port_forward_host_port ON port_forward (host_port, address, protocol) WHERE reserved = 1;

-- Of images, instances, volumes and snapshots: ids carry their kind.
CREATE TABLE tag (
    resource_id TEXT NOT NULL,
    key         TEXT NOT NULL,
    value       TEXT NOT NULL,
    PRIMARY KEY (resource_id, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE operation (
    sequence INTEGER PRIMARY KEY,
    id       TEXT NOT NULL UNIQUE,
    kind     TEXT NOT NULL,
    pid      INTEGER NOT NULL,
    started  INTEGER NOT NULL
) STRICT;

-- The primary key is the claim: no object is in two operations.
CREATE TABLE operation_object (
    object    TEXT NOT NULL PRIMARY KEY,
    operation TEXT NOT NULL REFERENCES operation (id) ON DELETE CASCADE,
    position  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX operation_object_by_operation ON operation_object (operation);

CREATE TABLE download (
    sequence  INTEGER PRIMARY KEY,
    url       TEXT NOT NULL UNIQUE,
    file      TEXT NOT NULL,
    validator TEXT NOT NULL,
    touched   INTEGER NOT NULL
) STRICT;
