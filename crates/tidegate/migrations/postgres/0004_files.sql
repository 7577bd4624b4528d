-- Users' files: folders, checksums, who may see them without a link; what they take, and what is left for them.
ALTER TABLE objects ADD COLUMN folder TEXT COLLATE "C";
ALTER TABLE objects ADD COLUMN sha256 TEXT;
ALTER TABLE objects ADD COLUMN crc32 BIGINT;
ALTER TABLE objects ADD COLUMN visibility TEXT;
CREATE INDEX objects_in_folder ON objects (owner_kind, owner_id, folder, created_at, id) WHERE state = 'READY' AND folder IS NOT NULL;

-- Where a single PUT of an upload lands that is published somewhere else, and how many bytes are reserved for it.
ALTER TABLE uploads ADD COLUMN incoming_key TEXT COLLATE "C";
ALTER TABLE uploads ADD COLUMN reserved BIGINT NOT NULL DEFAULT 0;
CREATE UNIQUE INDEX uploads_incoming ON uploads (incoming_key) WHERE incoming_key IS NOT NULL;

-- Parts of any size, each a blob of its own until the upload ends.
CREATE TABLE upload_parts (
    upload_id  TEXT    COLLATE "C" NOT NULL,
    number     BIGINT  NOT NULL,
    blob_key   TEXT    COLLATE "C" NOT NULL,
    size       BIGINT  NOT NULL,
    sha256     TEXT    NOT NULL,
    crc32      BIGINT  NOT NULL,
    PRIMARY KEY (upload_id, number)
);

-- Bytes an owner's objects take and its uploads have reserved; the limit where it is not the usual one. A raised epoch
-- ends all links that were given before.
CREATE TABLE quotas (
    owner_kind  TEXT    COLLATE "C" NOT NULL,
    owner_id    TEXT    COLLATE "C" NOT NULL,
    used        BIGINT  NOT NULL DEFAULT 0 CHECK (used >= 0),
    reserved    BIGINT  NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    files       BIGINT  NOT NULL DEFAULT 0 CHECK (files >= 0),
    quota       BIGINT,
    link_epoch  BIGINT  NOT NULL DEFAULT 0,
    PRIMARY KEY (owner_kind, owner_id)
);

-- The same for each folder, so that totals of a listing are no sum over its files.
CREATE TABLE folders (
    owner_kind  TEXT    COLLATE "C" NOT NULL,
    owner_id    TEXT    COLLATE "C" NOT NULL,
    folder      TEXT    COLLATE "C" NOT NULL,
    files       BIGINT  NOT NULL CHECK (files >= 0),
    bytes       BIGINT  NOT NULL CHECK (bytes >= 0),
    PRIMARY KEY (owner_kind, owner_id, folder)
);

-- ZIP archives that were asked for: where each entry begins, so that any byte can be made on any server. The token is
-- kept as its hash.
CREATE TABLE archives (
    token_hash        TEXT    COLLATE "C" NOT NULL PRIMARY KEY,
    owner_kind        TEXT    COLLATE "C" NOT NULL,
    owner_id          TEXT    COLLATE "C" NOT NULL,
    name              TEXT    NOT NULL,
    etag              TEXT    NOT NULL,
    entries           BIGINT  NOT NULL,
    size              BIGINT  NOT NULL,
    directory_at      BIGINT  NOT NULL,
    directory_length  BIGINT  NOT NULL,
    created_at        BIGINT  NOT NULL,
    expires_at        BIGINT  NOT NULL
);
CREATE INDEX archives_to_expire ON archives (expires_at);
CREATE TABLE archive_entries (
    token_hash    TEXT    COLLATE "C" NOT NULL,
    number        BIGINT  NOT NULL,
    object_id     UUID    NOT NULL,
    name          TEXT    NOT NULL,
    size          BIGINT  NOT NULL,
    crc32         BIGINT  NOT NULL,
    modified_at   BIGINT  NOT NULL,
    begins_at     BIGINT  NOT NULL,
    line_at       BIGINT  NOT NULL,
    PRIMARY KEY (token_hash, number)
);
CREATE INDEX archive_entries_by_place ON archive_entries (token_hash, begins_at);
CREATE INDEX archive_entries_by_line ON archive_entries (token_hash, line_at);
