-- Actions on many objects of one owner. Whoever started one has its rights checked again for each object, so what is known of
-- the caller is kept. Objects before `next` are done; `begun` is behind the last one that a turn has begun.
CREATE TABLE bulks (
    id           BLOB    NOT NULL PRIMARY KEY,
    owner_kind   TEXT    NOT NULL,
    owner_id     TEXT    NOT NULL,
    action       TEXT    NOT NULL,
    actor_kind   TEXT    NOT NULL,
    actor        TEXT    NOT NULL,
    org          TEXT,
    acting_for   TEXT,
    acting_org   TEXT,
    address      TEXT,
    request_id   TEXT    NOT NULL,
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
    bulk_id  BLOB    NOT NULL,
    number   BIGINT  NOT NULL,
    item     TEXT    NOT NULL,
    code     TEXT,
    message  TEXT,
    PRIMARY KEY (bulk_id, number)
);
