-- A position in the list of all that an owner has is found by the index alone: it knows the state too.
DROP INDEX objects_alive;
CREATE INDEX objects_alive ON objects (owner_kind, owner_id, created_at, id, state) WHERE state <> 'PURGED' AND state <> 'DELETED';

-- Media items by the stage of their session.
CREATE INDEX objects_by_stage ON objects (owner_kind, owner_id, stage, created_at, id, state)
    WHERE stage IS NOT NULL AND state <> 'PURGED' AND state <> 'DELETED';

-- A position among the children of a collection, without those whose source file is not READY.
CREATE INDEX nodes_listed ON nodes (dataset_id, parent_id, name, id, object_id) WHERE state = 'READY';
