-- Actions on many objects of one owner. Whoever started one has its rights checked again for each object, so what is known of
-- the caller is kept. Objects before `next` are done; `begun` is behind the last one that a turn has begun.
CREATE TABLE bulks (
    id           UUID    NOT NULL PRIMARY KEY,
    owner_kind   TEXT    COLLATE "C" NOT NULL,
    owner_id     TEXT    COLLATE "C" NOT NULL,
    action       TEXT    COLLATE "C" NOT NULL,
    actor_kind   TEXT    COLLATE "C" NOT NULL,
    actor        TEXT    COLLATE "C" NOT NULL,
    org          TEXT    COLLATE "C",
    acting_for   TEXT    COLLATE "C",
    acting_org   TEXT    COLLATE "C",
    address      TEXT    COLLATE "C",
    request_id   TEXT    COLLATE "C" NOT NULL,
    total        BIGINT  NOT NULL,
    next         BIGINT  NOT NULL DEFAULT 0,
    begun        BIGINT  NOT NULL DEFAULT 0,
    tries        BIGINT  NOT NULL DEFAULT 0,
    failed       BIGINT  NOT NULL DEFAULT 0,
    created_at   BIGINT  NOT NULL,
    finished_at  BIGINT
);
CREATE INDEX bulks_running ON bulks (actor_kind, actor) WHERE finished_at IS NULL;
CREATE INDEX bulks_by_time ON bulks (created_at);

-- The objects, by what their surface calls them; what was done without an error is removed at the end.
CREATE TABLE bulk_items (
    bulk_id  UUID    NOT NULL,
    number   BIGINT  NOT NULL,
    item     TEXT    COLLATE "C" NOT NULL,
    code     TEXT    COLLATE "C",
    message  TEXT,
    PRIMARY KEY (bulk_id, number)
);
