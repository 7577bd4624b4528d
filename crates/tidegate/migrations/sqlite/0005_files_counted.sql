-- What has come of an upload, counted as it comes, so that a part needs no sum over the others.
ALTER TABLE uploads ADD COLUMN received BIGINT NOT NULL DEFAULT 0;
UPDATE uploads SET received = COALESCE((SELECT SUM(size) FROM upload_parts WHERE upload_id = uploads.id), 0);

-- A whole's checksum is taken as its parts come, or from the whole.
ALTER TABLE upload_parts DROP COLUMN sha256;

-- Where a part begins in what its place names.
ALTER TABLE upload_parts ADD COLUMN starts_at BIGINT NOT NULL DEFAULT 0;

-- Names as they are searched: in lower case, of all alphabets.
ALTER TABLE objects ADD COLUMN folded_name TEXT;
UPDATE objects SET folded_name = LOWER(name) WHERE owner_kind = 'files';
