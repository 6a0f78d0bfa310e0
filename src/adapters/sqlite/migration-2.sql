-- Migration 2: volumes of their own, encryption, seals, instance store. Never edited once released.

ALTER TABLE layer ADD COLUMN encrypted INTEGER NOT NULL DEFAULT 0;
-- The seal: all three or none; none of a layer that is not sealed, or was sealed before this migration.
ALTER TABLE layer ADD COLUMN seal_file_size INTEGER;
ALTER TABLE layer ADD COLUMN seal_modified_ns INTEGER;
ALTER TABLE layer ADD COLUMN seal_sha256 TEXT;

ALTER TABLE volume ADD COLUMN instance_store INTEGER NOT NULL DEFAULT 0;

ALTER TABLE image ADD COLUMN root_device_type TEXT NOT NULL DEFAULT 'ebs';
ALTER TABLE instance ADD COLUMN root_device_type TEXT NOT NULL DEFAULT 'ebs';

CREATE TABLE instance_ephemeral_disk (
    instance    TEXT NOT NULL REFERENCES instance (id) ON DELETE CASCADE,
    position    INTEGER NOT NULL,
    device_name TEXT NOT NULL,
    number      INTEGER NOT NULL,
    size_gib    INTEGER NOT NULL,
    PRIMARY KEY (instance, position)
) STRICT, WITHOUT ROWID;
