-- What has come of an upload, counted as it comes, so that a part needs no sum over the others.
ALTER TABLE uploads ADD COLUMN received BIGINT NOT NULL DEFAULT 0;

-- Parts lie in drafts now: those of uploads that are open are to be sent again.
DELETE FROM upload_parts;

-- A whole's checksum is taken as its parts come, or from the whole.
ALTER TABLE upload_parts DROP COLUMN sha256;

-- Where a part begins in what its place names.
ALTER TABLE upload_parts ADD COLUMN starts_at BIGINT NOT NULL DEFAULT 0;

-- Names as they are searched, in lower case. Those from before are folded by the database, which may know ASCII only.
ALTER TABLE objects ADD COLUMN folded_name TEXT COLLATE "C";
UPDATE objects SET folded_name = LOWER(name) WHERE owner_kind = 'files';

-- Ended with the links of their owner.
CREATE INDEX archives_of_owner ON archives (owner_kind, owner_id, expires_at);
