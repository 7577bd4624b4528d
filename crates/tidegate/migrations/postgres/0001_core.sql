-- Times are microseconds since 1970, as in SQLite. Text that is compared or ordered is so by its bytes.
CREATE TABLE objects (
    id            UUID    NOT NULL PRIMARY KEY,
    owner_kind    TEXT    COLLATE "C" NOT NULL,
    owner_id      TEXT    COLLATE "C" NOT NULL,
    object_key    TEXT    COLLATE "C" NOT NULL UNIQUE,
    name          TEXT,
    content_type  TEXT    NOT NULL,
    state         TEXT    COLLATE "C" NOT NULL,
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
    id              TEXT    COLLATE "C" NOT NULL PRIMARY KEY,
    object_id       UUID    NOT NULL UNIQUE,
    owner_kind      TEXT    COLLATE "C" NOT NULL,
    owner_id        TEXT    COLLATE "C" NOT NULL,
    object_key      TEXT    COLLATE "C" NOT NULL,
    part_size       BIGINT,
    announced_size  BIGINT,
    state           TEXT    COLLATE "C" NOT NULL,
    parts_digest    TEXT,
    created_by      TEXT    NOT NULL,
    created_at      BIGINT  NOT NULL,
    expires_at      BIGINT  NOT NULL
);
CREATE INDEX uploads_to_expire ON uploads (expires_at) WHERE state = 'OPEN';
CREATE INDEX uploads_open_by_key ON uploads (object_key) WHERE state = 'OPEN';

CREATE TABLE jobs (
    id            BIGINT  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    payload       TEXT    NOT NULL,
    dedupe        TEXT    COLLATE "C" UNIQUE,
    state         TEXT    COLLATE "C" NOT NULL,
    run_at        BIGINT  NOT NULL,
    lease_until   BIGINT,
    attempts      BIGINT  NOT NULL,
    max_attempts  BIGINT  NOT NULL,
    last_error    TEXT,
    created_at    BIGINT  NOT NULL
);
CREATE INDEX jobs_due ON jobs (run_at) WHERE state = 'QUEUED';
