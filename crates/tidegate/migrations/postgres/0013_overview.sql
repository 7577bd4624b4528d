-- The overview for operators: owners by the bytes that they use, what was added on each day, and events by actor, by action
-- and by refusal.
CREATE INDEX quotas_by_use ON quotas (owner_kind, used, owner_id) WHERE files > 0;

CREATE INDEX audit_by_actor ON audit_events (actor, at, id);
CREATE INDEX audit_by_action ON audit_events (action, at, id);
CREATE INDEX audit_refusals ON audit_events (at, id) WHERE outcome = 'refused';

-- What became readable for the first time on each day (UTC, in days since 1970), by owner, whose counters are locked then
-- anyway. The sweep adds up the rows of past days into one with an empty owner.
CREATE TABLE usage_days (
    day         BIGINT  NOT NULL,
    owner_kind  TEXT    COLLATE "C" NOT NULL,
    owner_id    TEXT    COLLATE "C" NOT NULL,
    objects     BIGINT  NOT NULL,
    bytes       BIGINT  NOT NULL,
    PRIMARY KEY (day, owner_kind, owner_id)
);
-- What is there already counts on the day it was announced.
INSERT INTO usage_days (day, owner_kind, owner_id, objects, bytes)
    SELECT created_at / 86400000000, owner_kind, '', COUNT(*), SUM(COALESCE(size, 0))::BIGINT FROM objects
    WHERE state = 'READY' GROUP BY 1, 2;

-- These run after the triggers that lock the owners' counters: triggers of one event run in the order of their names.
CREATE FUNCTION count_objects_of_day() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO usage_days AS u (day, owner_kind, owner_id, objects, bytes)
    SELECT extract(epoch FROM clock_timestamp())::BIGINT / 86400, owner_kind, owner_id, COUNT(*),
        SUM(COALESCE(size, 0))::BIGINT
    FROM new_rows WHERE state = 'READY' GROUP BY owner_kind, owner_id ORDER BY owner_kind, owner_id
    ON CONFLICT (day, owner_kind, owner_id) DO UPDATE SET objects = u.objects + excluded.objects,
        bytes = u.bytes + excluded.bytes;
    RETURN NULL;
END $$;
CREATE TRIGGER objects_are_counted_by_day AFTER INSERT ON objects REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION count_objects_of_day();

CREATE FUNCTION count_published_objects_of_day() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO usage_days AS u (day, owner_kind, owner_id, objects, bytes)
    SELECT extract(epoch FROM clock_timestamp())::BIGINT / 86400, n.owner_kind, n.owner_id, COUNT(*),
        SUM(COALESCE(n.size, 0))::BIGINT
    FROM new_rows n JOIN old_rows o ON o.id = n.id
    WHERE n.state = 'READY' AND o.state IN ('PENDING', 'SCANNING', 'PROCESSING', 'FAILED')
    GROUP BY n.owner_kind, n.owner_id ORDER BY n.owner_kind, n.owner_id
    ON CONFLICT (day, owner_kind, owner_id) DO UPDATE SET objects = u.objects + excluded.objects,
        bytes = u.bytes + excluded.bytes;
    RETURN NULL;
END $$;
CREATE TRIGGER objects_are_counted_by_day_anew AFTER UPDATE ON objects
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION count_published_objects_of_day();
