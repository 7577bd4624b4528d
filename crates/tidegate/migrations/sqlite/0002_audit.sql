-- What was done and what was refused. Rows are added, and removed when their time is over; never changed.
CREATE TABLE audit_events (
    id          BLOB    NOT NULL PRIMARY KEY,
    at          BIGINT  NOT NULL,
    actor_kind  TEXT    NOT NULL,
    actor       TEXT    NOT NULL,
    acting_for  TEXT,
    action      TEXT    NOT NULL,
    owner_kind  TEXT,
    owner_id    TEXT,
    object_id   BLOB,
    address     TEXT,
    outcome     TEXT    NOT NULL,
    request_id  TEXT    NOT NULL
);
CREATE INDEX audit_by_owner ON audit_events (owner_kind, owner_id, at, id);
CREATE INDEX audit_by_object ON audit_events (object_id, at, id) WHERE object_id IS NOT NULL;
CREATE INDEX audit_by_time ON audit_events (at, id);
CREATE TRIGGER audit_events_stay_as_they_are BEFORE UPDATE ON audit_events
BEGIN
    SELECT RAISE(ABORT, 'audit events are never changed');
END;
