-- What the owners of every kind use, counted by triggers, so that no change of an object can be missed. An object counts by
-- its state: as used once it is readable, as reserved before that, and as kept while it can be restored.
ALTER TABLE quotas ADD COLUMN reserved_files BIGINT NOT NULL DEFAULT 0 CHECK (reserved_files >= 0);
ALTER TABLE quotas ADD COLUMN kept BIGINT NOT NULL DEFAULT 0 CHECK (kept >= 0);
ALTER TABLE quotas ADD COLUMN kept_files BIGINT NOT NULL DEFAULT 0 CHECK (kept_files >= 0);
-- Open uploads of an owner; in the rows of kind 'user', those that a user has begun, whatever the owner.
ALTER TABLE quotas ADD COLUMN open_uploads BIGINT NOT NULL DEFAULT 0 CHECK (open_uploads >= 0);

-- The bytes that are reserved for an object until its size is known. The upload's own column is not needed any more.
ALTER TABLE objects ADD COLUMN announced BIGINT;
ALTER TABLE uploads DROP COLUMN reserved;
UPDATE objects SET announced = (SELECT announced_size FROM uploads WHERE uploads.object_id = objects.id)
    WHERE size IS NULL AND state IN ('PENDING', 'SCANNING', 'PROCESSING', 'FAILED');

CREATE INDEX sessions_of_creator ON sessions (created_by, deleted_at);
CREATE INDEX spaces_of_creator ON spaces (created_by, deleted_at);
CREATE INDEX datasets_of_creator ON datasets (created_by);

-- The counters, from the rows there are.
UPDATE quotas SET used = 0, reserved = 0, files = 0 WHERE owner_kind IN ('disks', 'files', 'session', 'space', 'dataset');
INSERT INTO quotas (owner_kind, owner_id) SELECT DISTINCT owner_kind, owner_id FROM objects
    WHERE TRUE ON CONFLICT (owner_kind, owner_id) DO NOTHING;
UPDATE quotas SET used = c.used, files = c.files, reserved = c.reserved, reserved_files = c.reserved_files,
    kept = c.kept, kept_files = c.kept_files
FROM (SELECT owner_kind, owner_id,
    SUM(CASE WHEN state = 'READY' THEN COALESCE(size, 0) ELSE 0 END) AS used,
    SUM(CASE WHEN state = 'READY' THEN 1 ELSE 0 END) AS files,
    SUM(CASE WHEN state IN ('PENDING', 'SCANNING', 'PROCESSING', 'FAILED') THEN COALESCE(size, announced, 0) ELSE 0 END) AS reserved,
    SUM(CASE WHEN state IN ('PENDING', 'SCANNING', 'PROCESSING', 'FAILED') THEN 1 ELSE 0 END) AS reserved_files,
    SUM(CASE WHEN state IN ('DELETED', 'RESTORING') AND owner_kind NOT IN ('disks', 'files') THEN COALESCE(size, 0) ELSE 0 END) AS kept,
    SUM(CASE WHEN state IN ('DELETED', 'RESTORING') AND owner_kind NOT IN ('disks', 'files') THEN 1 ELSE 0 END) AS kept_files
    FROM objects GROUP BY owner_kind, owner_id) AS c
WHERE quotas.owner_kind = c.owner_kind AND quotas.owner_id = c.owner_id;
UPDATE quotas SET open_uploads = c.uploads
FROM (SELECT owner_kind, owner_id, COUNT(*) AS uploads FROM uploads WHERE state = 'OPEN' GROUP BY owner_kind, owner_id) AS c
WHERE quotas.owner_kind = c.owner_kind AND quotas.owner_id = c.owner_id;
INSERT INTO quotas (owner_kind, owner_id, open_uploads) SELECT 'user', created_by, COUNT(*) FROM uploads
    WHERE state = 'OPEN' AND created_by NOT IN ('service', 'system', 'anonymous') GROUP BY created_by;

CREATE TRIGGER objects_are_counted AFTER INSERT ON objects
BEGIN
    INSERT INTO quotas (owner_kind, owner_id) SELECT NEW.owner_kind, NEW.owner_id WHERE NOT EXISTS
        (SELECT 1 FROM quotas WHERE owner_kind = NEW.owner_kind AND owner_id = NEW.owner_id);
    UPDATE quotas SET
        used = used + CASE WHEN NEW.state = 'READY' THEN COALESCE(NEW.size, 0) ELSE 0 END,
        files = files + CASE WHEN NEW.state = 'READY' THEN 1 ELSE 0 END,
        reserved = reserved + CASE WHEN NEW.state IN ('PENDING', 'SCANNING', 'PROCESSING', 'FAILED')
            THEN COALESCE(NEW.size, NEW.announced, 0) ELSE 0 END,
        reserved_files = reserved_files + CASE WHEN NEW.state IN ('PENDING', 'SCANNING', 'PROCESSING', 'FAILED') THEN 1 ELSE 0 END,
        kept = kept + CASE WHEN NEW.state IN ('DELETED', 'RESTORING') AND NEW.owner_kind NOT IN ('disks', 'files')
            THEN COALESCE(NEW.size, 0) ELSE 0 END,
        kept_files = kept_files + CASE WHEN NEW.state IN ('DELETED', 'RESTORING') AND NEW.owner_kind NOT IN ('disks', 'files')
            THEN 1 ELSE 0 END
    WHERE owner_kind = NEW.owner_kind AND owner_id = NEW.owner_id;
END;

CREATE TRIGGER objects_are_counted_anew AFTER UPDATE OF state, size, announced ON objects
WHEN OLD.state <> NEW.state OR OLD.size IS NOT NEW.size OR OLD.announced IS NOT NEW.announced
BEGIN
    UPDATE quotas SET
        used = used + CASE WHEN NEW.state = 'READY' THEN COALESCE(NEW.size, 0) ELSE 0 END
            - CASE WHEN OLD.state = 'READY' THEN COALESCE(OLD.size, 0) ELSE 0 END,
        files = files + CASE WHEN NEW.state = 'READY' THEN 1 ELSE 0 END - CASE WHEN OLD.state = 'READY' THEN 1 ELSE 0 END,
        reserved = reserved + CASE WHEN NEW.state IN ('PENDING', 'SCANNING', 'PROCESSING', 'FAILED')
            THEN COALESCE(NEW.size, NEW.announced, 0) ELSE 0 END
            - CASE WHEN OLD.state IN ('PENDING', 'SCANNING', 'PROCESSING', 'FAILED')
            THEN COALESCE(OLD.size, OLD.announced, 0) ELSE 0 END,
        reserved_files = reserved_files + CASE WHEN NEW.state IN ('PENDING', 'SCANNING', 'PROCESSING', 'FAILED') THEN 1 ELSE 0 END
            - CASE WHEN OLD.state IN ('PENDING', 'SCANNING', 'PROCESSING', 'FAILED') THEN 1 ELSE 0 END,
        kept = kept + CASE WHEN NEW.state IN ('DELETED', 'RESTORING') AND NEW.owner_kind NOT IN ('disks', 'files')
            THEN COALESCE(NEW.size, 0) ELSE 0 END
            - CASE WHEN OLD.state IN ('DELETED', 'RESTORING') AND OLD.owner_kind NOT IN ('disks', 'files')
            THEN COALESCE(OLD.size, 0) ELSE 0 END,
        kept_files = kept_files + CASE WHEN NEW.state IN ('DELETED', 'RESTORING') AND NEW.owner_kind NOT IN ('disks', 'files')
            THEN 1 ELSE 0 END
            - CASE WHEN OLD.state IN ('DELETED', 'RESTORING') AND OLD.owner_kind NOT IN ('disks', 'files') THEN 1 ELSE 0 END
    WHERE owner_kind = NEW.owner_kind AND owner_id = NEW.owner_id;
END;

CREATE TRIGGER uploads_are_counted AFTER INSERT ON uploads WHEN NEW.state = 'OPEN'
BEGIN
    INSERT INTO quotas (owner_kind, owner_id) SELECT NEW.owner_kind, NEW.owner_id WHERE NOT EXISTS
        (SELECT 1 FROM quotas WHERE owner_kind = NEW.owner_kind AND owner_id = NEW.owner_id);
    UPDATE quotas SET open_uploads = open_uploads + 1 WHERE owner_kind = NEW.owner_kind AND owner_id = NEW.owner_id;
    INSERT INTO quotas (owner_kind, owner_id) SELECT 'user', NEW.created_by
        WHERE NEW.created_by NOT IN ('service', 'system', 'anonymous') AND NOT EXISTS
        (SELECT 1 FROM quotas WHERE owner_kind = 'user' AND owner_id = NEW.created_by);
    UPDATE quotas SET open_uploads = open_uploads + 1 WHERE owner_kind = 'user' AND owner_id = NEW.created_by
        AND NEW.created_by NOT IN ('service', 'system', 'anonymous');
END;

CREATE TRIGGER uploads_are_counted_anew AFTER UPDATE OF state ON uploads WHEN OLD.state = 'OPEN' AND NEW.state <> 'OPEN'
BEGIN
    UPDATE quotas SET open_uploads = open_uploads - 1 WHERE owner_kind = NEW.owner_kind AND owner_id = NEW.owner_id;
    UPDATE quotas SET open_uploads = open_uploads - 1 WHERE owner_kind = 'user' AND owner_id = NEW.created_by
        AND NEW.created_by NOT IN ('service', 'system', 'anonymous');
END;
