-- Spaces, and who belongs to them. Their images are objects like all others.
CREATE TABLE spaces (
    id          TEXT    NOT NULL PRIMARY KEY,
    name        TEXT    NOT NULL,
    created_by  TEXT    NOT NULL,
    created_at  BIGINT  NOT NULL,
    deleted_at  BIGINT
);
CREATE INDEX spaces_alive ON spaces (created_at, id) WHERE deleted_at IS NULL;

CREATE TABLE members (
    space_id  TEXT    NOT NULL,
    user_id   TEXT    NOT NULL,
    role      TEXT    NOT NULL,
    added_at  BIGINT  NOT NULL,
    PRIMARY KEY (space_id, user_id)
);
CREATE INDEX members_of_user ON members (user_id, space_id);

-- What lies beside an image of a space, so that a list of very many needs no other table.
ALTER TABLE objects ADD COLUMN thumbnails TEXT;

-- What an image is copied from, where it was not sent.
ALTER TABLE objects ADD COLUMN imported_from TEXT;

-- What an owner has deleted, the latest first.
CREATE INDEX objects_in_trash ON objects (owner_kind, owner_id, deleted_at, id) WHERE state = 'DELETED';

-- Paths of which the CDN is to be told that they are gone.
CREATE TABLE invalidations (
    id         INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    path       TEXT    NOT NULL,
    queued_at  BIGINT  NOT NULL
);
