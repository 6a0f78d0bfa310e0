-- Migration 3: the life of an image. Never edited once released.

-- Lineage: names only, they may be gone.
ALTER TABLE image ADD COLUMN source_image TEXT;
ALTER TABLE image ADD COLUMN source_region TEXT NOT NULL DEFAULT '';
ALTER TABLE image ADD COLUMN source_instance TEXT;
ALTER TABLE image ADD COLUMN client_token TEXT NOT NULL DEFAULT '';
ALTER TABLE image ADD COLUMN request_digest TEXT NOT NULL DEFAULT '';
ALTER TABLE image ADD COLUMN deprecated INTEGER;
ALTER TABLE image ADD COLUMN protection TEXT NOT NULL DEFAULT 'disabled';
ALTER TABLE image ADD COLUMN protected_until INTEGER;
ALTER TABLE image ADD COLUMN last_launched INTEGER;
ALTER TABLE image ADD COLUMN signer TEXT NOT NULL DEFAULT '';
-- The stay in the recycle bin: both or none.
ALTER TABLE image ADD COLUMN bin_entered INTEGER;
ALTER TABLE image ADD COLUMN bin_expires INTEGER;
ALTER TABLE snapshot ADD COLUMN bin_entered INTEGER;
ALTER TABLE snapshot ADD COLUMN bin_expires INTEGER;
CREATE INDEX image_bin ON image (bin_expires) WHERE bin_expires IS NOT NULL;
CREATE INDEX snapshot_bin ON snapshot (bin_expires) WHERE bin_expires IS NOT NULL;

CREATE TABLE retention_rule (
    sequence    INTEGER PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE,
    kind        TEXT NOT NULL,
    days        INTEGER NOT NULL,
    description TEXT NOT NULL,
    created     INTEGER NOT NULL
) STRICT;
CREATE TABLE retention_rule_tag (
    rule     TEXT NOT NULL REFERENCES retention_rule (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    key      TEXT NOT NULL,
    value    TEXT,                         -- none: the key alone decides
    PRIMARY KEY (rule, position)
) STRICT, WITHOUT ROWID;

-- One row, or none while everything is at its default.
CREATE TABLE region_policy (
    only                INTEGER PRIMARY KEY CHECK (only = 1),
    block_public_access INTEGER NOT NULL,
    allowed_images      TEXT NOT NULL,
    demand_signature    INTEGER NOT NULL
) STRICT;
CREATE TABLE allowed_image_criterion (
    position                  INTEGER PRIMARY KEY,
    max_days_since_created    INTEGER,
    max_days_since_deprecated INTEGER
) STRICT;
CREATE TABLE allowed_image_word (
    criterion INTEGER NOT NULL REFERENCES allowed_image_criterion (position) ON DELETE CASCADE,
    kind      TEXT NOT NULL,               -- provider, name
    position  INTEGER NOT NULL,
    word      TEXT NOT NULL,
    PRIMARY KEY (criterion, kind, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE trusted_signer (
    fingerprint TEXT NOT NULL PRIMARY KEY,
    name        TEXT NOT NULL,
    public_key  TEXT NOT NULL
) STRICT, WITHOUT ROWID;
