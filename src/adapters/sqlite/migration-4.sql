-- Migration 4: what a search goes by. Never edited once released. The sequence, being the rowid, is the last column of each.

CREATE INDEX image_by_name ON image (name);
CREATE INDEX image_by_owner ON image (owner);
CREATE INDEX image_by_created ON image (created);
CREATE INDEX image_by_source_image ON image (source_image) WHERE source_image IS NOT NULL;
CREATE INDEX image_by_source_instance ON image (source_instance) WHERE source_instance IS NOT NULL;
CREATE INDEX image_block_device_by_snapshot ON image_block_device (snapshot) WHERE snapshot IS NOT NULL;
CREATE INDEX image_launch_permission_by_grantee ON image_launch_permission (grantee);
CREATE INDEX tag_by_key ON tag (key, value);
