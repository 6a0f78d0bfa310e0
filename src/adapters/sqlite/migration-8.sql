-- Migration 8: a snapshot that is still being copied has no layer yet, and one that could not be made says why. Never edited once released.

CREATE TABLE snapshot_8 (
    sequence      INTEGER PRIMARY KEY,
    id            TEXT NOT NULL UNIQUE,
    owner         TEXT NOT NULL,
    layer         TEXT REFERENCES layer (id),
    volume        TEXT,              -- a name only: it may be gone
    size_gib      INTEGER NOT NULL,
    state         TEXT NOT NULL,
    state_message TEXT NOT NULL,
    encrypted     INTEGER NOT NULL,
    description   TEXT NOT NULL,
    created       INTEGER NOT NULL,
    bin_entered   INTEGER,           -- the stay in the recycle bin: both or none
    bin_expires   INTEGER
) STRICT;
INSERT INTO snapshot_8 SELECT sequence, id, owner, layer, volume, size_gib, state, '', encrypted, description, created, bin_entered, bin_expires FROM snapshot;
DROP TABLE snapshot;
ALTER TABLE snapshot_8 RENAME TO snapshot;
CREATE INDEX snapshot_by_layer ON snapshot (layer);
CREATE INDEX snapshot_bin ON snapshot (bin_expires) WHERE bin_expires IS NOT NULL;
