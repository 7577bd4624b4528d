-- Organisations have numbers, since keys of assets begin with them.
CREATE TABLE organisations (
    id          BIGINT  NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name        TEXT    COLLATE "C" NOT NULL UNIQUE,
    created_at  BIGINT  NOT NULL
);

CREATE TABLE datasets (
    id          BIGINT  NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    node_id     TEXT    COLLATE "C" NOT NULL UNIQUE,
    org_id      BIGINT  NOT NULL REFERENCES organisations (id),
    name        TEXT    NOT NULL,
    created_by  TEXT    COLLATE "C" NOT NULL,
    created_at  BIGINT  NOT NULL
);
CREATE INDEX datasets_of_org ON datasets (org_id, created_at, node_id);
CREATE INDEX datasets_by_time ON datasets (created_at, node_id);

CREATE TABLE dataset_members (
    dataset_id  BIGINT  NOT NULL REFERENCES datasets (id),
    user_id     TEXT    COLLATE "C" NOT NULL,
    role        TEXT    COLLATE "C" NOT NULL,
    added_at    BIGINT  NOT NULL,
    PRIMARY KEY (dataset_id, user_id)
);
CREATE INDEX dataset_members_of_user ON dataset_members (user_id, dataset_id);

-- The trees of datasets: collections, and the packages in them. What has no parent has 0. A parent is older than what is in
-- it, so that no path through the tree leads back.
CREATE TABLE nodes (
    id           BIGINT  NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    node_id      TEXT    COLLATE "C" NOT NULL UNIQUE,
    dataset_id   BIGINT  NOT NULL REFERENCES datasets (id),
    parent_id    BIGINT  NOT NULL,
    kind         TEXT    COLLATE "C" NOT NULL,
    name         TEXT    COLLATE "C" NOT NULL,
    -- The name before a restore, while it is another one.
    former_name  TEXT,
    state        TEXT    COLLATE "C" NOT NULL,
    -- A package's one source file.
    object_id    UUID,
    -- What is published of a package: its source file and its assets.
    objects      BIGINT  NOT NULL,
    bytes        BIGINT  NOT NULL,
    created_by   TEXT    COLLATE "C" NOT NULL,
    created_at   BIGINT  NOT NULL,
    deleted_at   BIGINT,
    -- Which restore brings it back.
    restoring    UUID,
    CHECK (parent_id < id)
);
-- A name is free again once its bearer is deleted.
CREATE UNIQUE INDEX nodes_by_name ON nodes (dataset_id, parent_id, name) WHERE state = 'READY';
CREATE INDEX nodes_gone ON nodes (dataset_id, parent_id, name, id) WHERE state = 'DELETED' OR state = 'RESTORING';
CREATE INDEX nodes_below ON nodes (parent_id) WHERE parent_id <> 0 AND state <> 'PURGED';
CREATE INDEX nodes_coming_back ON nodes (restoring, id) WHERE restoring IS NOT NULL;
CREATE INDEX nodes_deleted ON nodes (deleted_at, id) WHERE deleted_at IS NOT NULL;
CREATE INDEX nodes_outdated ON nodes (deleted_at, id) WHERE state = 'DELETED';

-- Of an object in a dataset, which package it belongs to; the name of an asset is its path.
ALTER TABLE objects ADD COLUMN node BIGINT;
CREATE INDEX objects_of_node ON objects (node, name) WHERE node IS NOT NULL;

-- What became of a dataset's tree, for its members.
CREATE TABLE changelog (
    id             BIGINT  NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dataset_id     BIGINT  NOT NULL,
    node_id        TEXT    COLLATE "C" NOT NULL,
    event          TEXT    COLLATE "C" NOT NULL,
    name           TEXT    NOT NULL,
    original_name  TEXT,
    actor          TEXT    NOT NULL,
    at             BIGINT  NOT NULL
);
CREATE INDEX changelog_of_dataset ON changelog (dataset_id, id);
CREATE INDEX changelog_of_node ON changelog (dataset_id, node_id, id);
