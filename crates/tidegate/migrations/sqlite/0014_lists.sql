-- A position in the list of all that an owner has is found by the index alone: it knows the state too.
DROP INDEX objects_alive;
CREATE INDEX objects_alive ON objects (owner_kind, owner_id, created_at, id, state) WHERE state <> 'PURGED' AND state <> 'DELETED';
