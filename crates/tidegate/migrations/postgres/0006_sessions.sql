-- Sessions: what an organisation's people put together. Their media are objects like all others.
CREATE TABLE sessions (
    id          TEXT    COLLATE "C" NOT NULL PRIMARY KEY,
    org         TEXT    COLLATE "C" NOT NULL,
    created_by  TEXT    COLLATE "C" NOT NULL,
    created_at  BIGINT  NOT NULL,
    deleted_at  BIGINT
);

-- What is said of a medium, what became of it, and why.
ALTER TABLE objects ADD COLUMN stage TEXT;
ALTER TABLE objects ADD COLUMN alt TEXT;
-- Where what was sent lies until it is published: nothing else is ever looked at.
ALTER TABLE objects ADD COLUMN sealed_key TEXT;
ALTER TABLE objects ADD COLUMN reason TEXT;
ALTER TABLE objects ADD COLUMN scan TEXT;
ALTER TABLE objects ADD COLUMN width BIGINT;
ALTER TABLE objects ADD COLUMN height BIGINT;
ALTER TABLE objects ADD COLUMN duration_ms BIGINT;
ALTER TABLE objects ADD COLUMN blurhash TEXT;
CREATE INDEX objects_deleted ON objects (owner_kind, deleted_at, id) WHERE state = 'DELETED';

-- What was derived from an object.
CREATE TABLE variants (
    object_id     UUID    NOT NULL,
    name          TEXT    COLLATE "C" NOT NULL,
    object_key    TEXT    COLLATE "C" NOT NULL UNIQUE,
    content_type  TEXT    NOT NULL,
    size          BIGINT  NOT NULL,
    etag          TEXT    NOT NULL,
    modified_at   BIGINT  NOT NULL,
    width         BIGINT  NOT NULL,
    height        BIGINT  NOT NULL,
    PRIMARY KEY (object_id, name)
);

-- What an object became, and when.
CREATE TABLE object_history (
    id          BIGINT  NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    object_id   UUID    NOT NULL,
    owner_kind  TEXT    COLLATE "C" NOT NULL,
    owner_id    TEXT    COLLATE "C" NOT NULL,
    status      TEXT    COLLATE "C" NOT NULL,
    reason      TEXT,
    at          BIGINT  NOT NULL
);
CREATE INDEX object_history_of_object ON object_history (object_id, id);
CREATE INDEX object_history_of_owner ON object_history (owner_kind, owner_id, id);

-- Which sort of work a job is, and how urgent: the higher the sooner.
ALTER TABLE jobs ADD COLUMN class TEXT COLLATE "C" NOT NULL DEFAULT 'upkeep';
ALTER TABLE jobs ADD COLUMN priority BIGINT NOT NULL DEFAULT 0;
DROP INDEX jobs_due;
CREATE INDEX jobs_due ON jobs (class, priority DESC, run_at, id) WHERE state = 'QUEUED';
CREATE INDEX jobs_dead ON jobs (id) WHERE state = 'DEAD';
