-- Migration 5: who logs in, how long a machine lives, where it is reached, what a lab made. Never edited once released.

CREATE TABLE key_pair (
    sequence    INTEGER PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE,
    owner       TEXT NOT NULL,
    name        TEXT NOT NULL,
    type        TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    public_key  TEXT NOT NULL,
    created     INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX key_pair_name ON key_pair (owner, name);

ALTER TABLE instance ADD COLUMN key_name TEXT NOT NULL DEFAULT '';
ALTER TABLE instance ADD COLUMN login_user TEXT NOT NULL DEFAULT '';
ALTER TABLE instance ADD COLUMN host_key TEXT NOT NULL DEFAULT '';
ALTER TABLE instance ADD COLUMN host_private_key TEXT NOT NULL DEFAULT '';
ALTER TABLE instance ADD COLUMN session TEXT NOT NULL DEFAULT '';
ALTER TABLE instance ADD COLUMN expires INTEGER;
ALTER TABLE instance ADD COLUMN lifeline TEXT NOT NULL DEFAULT '';
ALTER TABLE instance ADD COLUMN network TEXT NOT NULL DEFAULT 'user';
CREATE INDEX instance_expires ON instance (expires) WHERE expires IS NOT NULL;
CREATE INDEX instance_lifeline ON instance (lifeline) WHERE lifeline <> '';

CREATE TABLE lab_member (
    sequence INTEGER PRIMARY KEY,
    key      TEXT NOT NULL UNIQUE,   -- lab, kind and name, which alone are not unique
    lab      TEXT NOT NULL,
    kind     TEXT NOT NULL,
    name     TEXT NOT NULL,
    resource TEXT NOT NULL,          -- a name only: it may be gone
    digest   TEXT NOT NULL,
    created  INTEGER NOT NULL
) STRICT;
CREATE INDEX lab_member_lab ON lab_member (lab);
