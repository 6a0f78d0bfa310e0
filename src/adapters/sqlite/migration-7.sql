-- Migration 7: which forwarded ports were chosen for an instance, and not asked for by number. Never edited once released.

ALTER TABLE port_forward ADD COLUMN picked INTEGER NOT NULL DEFAULT 0;
UPDATE port_forward SET picked = 1 WHERE host_port BETWEEN 22000 AND 29999;  -- whence they were chosen until now
