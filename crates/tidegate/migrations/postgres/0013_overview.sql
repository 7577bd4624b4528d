-- The overview for operators: owners by the bytes that they use, what was added on each day, and events by actor, by action
-- and by refusal.

-- Writers lock quotas before objects, and objects before quotas: an object's triggers count it. A transaction that locked both
-- tables, in any order, could deadlock with them. So each table gets a transaction of its own, and IF NOT EXISTS, because a
-- migration that was interrupted begins again.
CREATE INDEX IF NOT EXISTS quotas_by_use ON quotas (owner_kind, used, owner_id) WHERE files > 0;
COMMIT;

BEGIN;
CREATE INDEX IF NOT EXISTS audit_by_actor ON audit_events (actor, at, id);
CREATE INDEX IF NOT EXISTS audit_by_action ON audit_events (action, at, id);
CREATE INDEX IF NOT EXISTS audit_refusals ON audit_events (at, id) WHERE outcome = 'refused';
COMMIT;

BEGIN;
-- No object becomes READY between the count of those that are there and the triggers.
LOCK TABLE objects IN SHARE ROW EXCLUSIVE MODE;

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
    SELECT floor(extract(epoch FROM clock_timestamp()) / 86400)::BIGINT, owner_kind, owner_id, COUNT(*),
        SUM(COALESCE(size, 0))::BIGINT
    FROM new_rows WHERE state = 'READY' GROUP BY owner_kind, owner_id ORDER BY owner_kind, owner_id
    ON CONFLICT (day, owner_kind, owner_id) DO UPDATE SET objects = u.objects + excluded.objects,
        bytes = u.bytes + excluded.bytes;
    RETURN NULL;
END $$;
CREATE TRIGGER objects_are_counted_by_day AFTER INSERT ON objects REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION count_objects_of_day();

-- Groups the rows before and after by id. A join of them would get a nested loop from the plan that is kept for statements
-- of one row, and compare each row with every other.
CREATE FUNCTION count_published_objects_of_day() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO usage_days AS u (day, owner_kind, owner_id, objects, bytes)
    SELECT floor(extract(epoch FROM clock_timestamp()) / 86400)::BIGINT, owner_kind, owner_id, COUNT(*),
        SUM(size)::BIGINT
    FROM (SELECT MAX(owner_kind) AS owner_kind, MAX(owner_id) AS owner_id, COALESCE(MAX(size), 0) AS size
        FROM (SELECT id, owner_kind, owner_id, size, TRUE AS is_new FROM new_rows WHERE state = 'READY'
            UNION ALL SELECT id, NULL, NULL, NULL, FALSE FROM old_rows
            WHERE state IN ('PENDING', 'SCANNING', 'PROCESSING', 'FAILED')) AS changes
        GROUP BY id HAVING bool_or(is_new) AND bool_or(NOT is_new)) AS published
    GROUP BY owner_kind, owner_id ORDER BY owner_kind, owner_id
    ON CONFLICT (day, owner_kind, owner_id) DO UPDATE SET objects = u.objects + excluded.objects,
        bytes = u.bytes + excluded.bytes;
    RETURN NULL;
END $$;
CREATE TRIGGER objects_are_counted_by_day_anew AFTER UPDATE ON objects
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION count_published_objects_of_day();
