-- What was done and what was refused. Rows are added, and removed when their time is over; never changed.
CREATE TABLE audit_events (
    id          UUID    NOT NULL PRIMARY KEY,
    at          BIGINT  NOT NULL,
    actor_kind  TEXT    COLLATE "C" NOT NULL,
    actor       TEXT    COLLATE "C" NOT NULL,
    acting_for  TEXT    COLLATE "C",
    action      TEXT    COLLATE "C" NOT NULL,
    owner_kind  TEXT    COLLATE "C",
    owner_id    TEXT    COLLATE "C",
    object_id   UUID,
    address     TEXT    COLLATE "C",
    outcome     TEXT    COLLATE "C" NOT NULL,
    request_id  TEXT    COLLATE "C" NOT NULL
);
CREATE INDEX audit_by_owner ON audit_events (owner_kind, owner_id, at, id);
CREATE INDEX audit_by_object ON audit_events (object_id, at, id) WHERE object_id IS NOT NULL;
CREATE INDEX audit_by_time ON audit_events (at, id);
CREATE FUNCTION audit_events_stay_as_they_are() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit events are never changed';
END $$;
CREATE TRIGGER audit_events_stay_as_they_are BEFORE UPDATE ON audit_events
    FOR EACH ROW EXECUTE FUNCTION audit_events_stay_as_they_are();
