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
    owner_kind  TEXT    NOT NULL,
    owner_id    TEXT    NOT NULL,
    objects     BIGINT  NOT NULL,
    bytes       BIGINT  NOT NULL,
    PRIMARY KEY (day, owner_kind, owner_id)
);
-- What is there already counts on the day it was announced.
INSERT INTO usage_days (day, owner_kind, owner_id, objects, bytes)
    SELECT created_at / 86400000000, owner_kind, '', COUNT(*), SUM(COALESCE(size, 0)) FROM objects
    WHERE state = 'READY' GROUP BY 1, 2;

CREATE TRIGGER objects_are_counted_by_day AFTER INSERT ON objects WHEN NEW.state = 'READY'
BEGIN
    INSERT INTO usage_days (day, owner_kind, owner_id, objects, bytes)
        SELECT CAST(strftime('%s', 'now') AS INTEGER) / 86400, NEW.owner_kind, NEW.owner_id, 0, 0 WHERE NOT EXISTS
        (SELECT 1 FROM usage_days WHERE day = CAST(strftime('%s', 'now') AS INTEGER) / 86400
            AND owner_kind = NEW.owner_kind AND owner_id = NEW.owner_id);
    UPDATE usage_days SET objects = objects + 1, bytes = bytes + COALESCE(NEW.size, 0)
    WHERE day = CAST(strftime('%s', 'now') AS INTEGER) / 86400 AND owner_kind = NEW.owner_kind AND owner_id = NEW.owner_id;
END;

CREATE TRIGGER objects_are_counted_by_day_anew AFTER UPDATE OF state ON objects
WHEN NEW.state = 'READY' AND OLD.state IN ('PENDING', 'SCANNING', 'PROCESSING', 'FAILED')
BEGIN
    INSERT INTO usage_days (day, owner_kind, owner_id, objects, bytes)
        SELECT CAST(strftime('%s', 'now') AS INTEGER) / 86400, NEW.owner_kind, NEW.owner_id, 0, 0 WHERE NOT EXISTS
        (SELECT 1 FROM usage_days WHERE day = CAST(strftime('%s', 'now') AS INTEGER) / 86400
            AND owner_kind = NEW.owner_kind AND owner_id = NEW.owner_id);
    UPDATE usage_days SET objects = objects + 1, bytes = bytes + COALESCE(NEW.size, 0)
    WHERE day = CAST(strftime('%s', 'now') AS INTEGER) / 86400 AND owner_kind = NEW.owner_kind AND owner_id = NEW.owner_id;
END;
