-- Each table is locked in a transaction of its own, as in migration 13: writers lock nodes and objects in either order.

-- A position among the children of a collection, without those whose source file is not READY.
CREATE INDEX IF NOT EXISTS nodes_listed ON nodes (dataset_id, parent_id, name, id, object_id) WHERE state = 'READY';
COMMIT;

BEGIN;
-- A position in the list of all that an owner has is found by the index alone: it knows the state too.
CREATE INDEX IF NOT EXISTS objects_alive_with_state ON objects (owner_kind, owner_id, created_at, id, state)
    WHERE state <> 'PURGED' AND state <> 'DELETED';

-- Media items by the stage of their session.
CREATE INDEX IF NOT EXISTS objects_by_stage ON objects (owner_kind, owner_id, stage, created_at, id, state)
    WHERE stage IS NOT NULL AND state <> 'PURGED' AND state <> 'DELETED';
COMMIT;

BEGIN;
-- Reads wait for DROP INDEX too, so no index is built in its transaction. It could deadlock if the transaction had a lock
-- already: a writer that has read objects may wait for that lock.
DROP INDEX objects_alive;
ALTER INDEX objects_alive_with_state RENAME TO objects_alive;
