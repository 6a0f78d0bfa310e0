-- Migration 6: what only the API of EC2 has. Never edited once released.

CREATE TABLE document (
    sequence INTEGER PRIMARY KEY,
    key      TEXT NOT NULL UNIQUE,   -- kind and id
    kind     TEXT NOT NULL,
    owner    TEXT NOT NULL,
    body     TEXT NOT NULL,          -- JSON
    created  INTEGER NOT NULL
) STRICT;
CREATE INDEX document_kind ON document (kind);
