-- Times are microseconds since 1970. Ids are 16 bytes unless they are text.
CREATE TABLE objects (
    id            BLOB    NOT NULL PRIMARY KEY,
    owner_kind    TEXT    NOT NULL,
    owner_id      TEXT    NOT NULL,
    object_key    TEXT    NOT NULL UNIQUE,
    name          TEXT,
    content_type  TEXT    NOT NULL,
    state         TEXT    NOT NULL,
    size          BIGINT,
    etag          TEXT,
    modified_at   BIGINT,
    created_by    TEXT    NOT NULL,
    created_at    BIGINT  NOT NULL,
    deleted_at    BIGINT
);
CREATE INDEX objects_by_state ON objects (owner_kind, owner_id, state, created_at, id);
CREATE INDEX objects_alive ON objects (owner_kind, owner_id, created_at, id) WHERE state <> 'PURGED' AND state <> 'DELETED';

CREATE TABLE uploads (
    id              TEXT    NOT NULL PRIMARY KEY,
    object_id       BLOB    NOT NULL UNIQUE,
    owner_kind      TEXT    NOT NULL,
    owner_id        TEXT    NOT NULL,
    object_key      TEXT    NOT NULL,
    part_size       BIGINT,
    announced_size  BIGINT,
    state           TEXT    NOT NULL,
    parts_digest    TEXT,
    created_by      TEXT    NOT NULL,
    created_at      BIGINT  NOT NULL,
    expires_at      BIGINT  NOT NULL
);
CREATE INDEX uploads_to_expire ON uploads (expires_at) WHERE state = 'OPEN';
CREATE INDEX uploads_open_by_key ON uploads (object_key) WHERE state = 'OPEN';

CREATE TABLE jobs (
    id            INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    payload       TEXT    NOT NULL,
    dedupe        TEXT    UNIQUE,
    state         TEXT    NOT NULL,
    run_at        BIGINT  NOT NULL,
    lease_until   BIGINT,
    attempts      BIGINT  NOT NULL,
    max_attempts  BIGINT  NOT NULL,
    last_error    TEXT,
    created_at    BIGINT  NOT NULL
);
CREATE INDEX jobs_due ON jobs (run_at) WHERE state = 'QUEUED';
