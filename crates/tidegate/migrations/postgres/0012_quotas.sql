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

-- Once per statement: a statement may change thousands of objects of one owner, and a row that is updated thousands of times
-- in one transaction becomes slow. Counters are locked in the order of their keys.
CREATE FUNCTION count_new_objects() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE d RECORD;
BEGIN
    FOR d IN SELECT owner_kind, owner_id,
        SUM(CASE WHEN state = 'READY' THEN COALESCE(size, 0) ELSE 0 END)::BIGINT AS used,
        SUM(CASE WHEN state = 'READY' THEN 1 ELSE 0 END)::BIGINT AS files,
        SUM(CASE WHEN state IN ('PENDING', 'SCANNING', 'PROCESSING', 'FAILED') THEN COALESCE(size, announced, 0) ELSE 0 END)::BIGINT AS reserved,
        SUM(CASE WHEN state IN ('PENDING', 'SCANNING', 'PROCESSING', 'FAILED') THEN 1 ELSE 0 END)::BIGINT AS reserved_files,
        SUM(CASE WHEN state IN ('DELETED', 'RESTORING') AND owner_kind NOT IN ('disks', 'files') THEN COALESCE(size, 0) ELSE 0 END)::BIGINT AS kept,
        SUM(CASE WHEN state IN ('DELETED', 'RESTORING') AND owner_kind NOT IN ('disks', 'files') THEN 1 ELSE 0 END)::BIGINT AS kept_files
        FROM new_rows GROUP BY owner_kind, owner_id ORDER BY owner_kind, owner_id
    LOOP
        INSERT INTO quotas AS q (owner_kind, owner_id, used, files, reserved, reserved_files, kept, kept_files)
        VALUES (d.owner_kind, d.owner_id, d.used, d.files, d.reserved, d.reserved_files, d.kept, d.kept_files)
        ON CONFLICT (owner_kind, owner_id) DO UPDATE SET used = q.used + d.used, files = q.files + d.files,
            reserved = q.reserved + d.reserved, reserved_files = q.reserved_files + d.reserved_files,
            kept = q.kept + d.kept, kept_files = q.kept_files + d.kept_files;
    END LOOP;
    RETURN NULL;
END $$;
CREATE TRIGGER objects_are_counted AFTER INSERT ON objects REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION count_new_objects();

CREATE FUNCTION count_changed_objects() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE d RECORD;
BEGIN
    FOR d IN SELECT * FROM (SELECT owner_kind, owner_id,
        SUM(CASE WHEN state = 'READY' THEN sign * COALESCE(size, 0) ELSE 0 END)::BIGINT AS used,
        SUM(CASE WHEN state = 'READY' THEN sign ELSE 0 END)::BIGINT AS files,
        SUM(CASE WHEN state IN ('PENDING', 'SCANNING', 'PROCESSING', 'FAILED') THEN sign * COALESCE(size, announced, 0) ELSE 0 END)::BIGINT AS reserved,
        SUM(CASE WHEN state IN ('PENDING', 'SCANNING', 'PROCESSING', 'FAILED') THEN sign ELSE 0 END)::BIGINT AS reserved_files,
        SUM(CASE WHEN state IN ('DELETED', 'RESTORING') AND owner_kind NOT IN ('disks', 'files') THEN sign * COALESCE(size, 0) ELSE 0 END)::BIGINT AS kept,
        SUM(CASE WHEN state IN ('DELETED', 'RESTORING') AND owner_kind NOT IN ('disks', 'files') THEN sign ELSE 0 END)::BIGINT AS kept_files
        FROM (SELECT owner_kind, owner_id, state, size, announced, 1 AS sign FROM new_rows
            UNION ALL SELECT owner_kind, owner_id, state, size, announced, -1 FROM old_rows) AS changes
        GROUP BY owner_kind, owner_id) AS sums
        WHERE (used, files, reserved, reserved_files, kept, kept_files) <> (0, 0, 0, 0, 0, 0)
        ORDER BY owner_kind, owner_id
    LOOP
        UPDATE quotas SET used = used + d.used, files = files + d.files, reserved = reserved + d.reserved,
            reserved_files = reserved_files + d.reserved_files, kept = kept + d.kept, kept_files = kept_files + d.kept_files
        WHERE owner_kind = d.owner_kind AND owner_id = d.owner_id;
    END LOOP;
    RETURN NULL;
END $$;
CREATE TRIGGER objects_are_counted_anew AFTER UPDATE ON objects REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION count_changed_objects();

CREATE FUNCTION count_new_uploads() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE d RECORD;
BEGIN
    FOR d IN SELECT owner_kind, owner_id, COUNT(*) AS uploads FROM
        (SELECT owner_kind, owner_id FROM new_rows WHERE state = 'OPEN'
            UNION ALL SELECT 'user', created_by FROM new_rows
            WHERE state = 'OPEN' AND created_by NOT IN ('service', 'system', 'anonymous')) AS begun
        GROUP BY owner_kind, owner_id ORDER BY owner_kind, owner_id
    LOOP
        INSERT INTO quotas AS q (owner_kind, owner_id, open_uploads) VALUES (d.owner_kind, d.owner_id, d.uploads)
        ON CONFLICT (owner_kind, owner_id) DO UPDATE SET open_uploads = q.open_uploads + d.uploads;
    END LOOP;
    RETURN NULL;
END $$;
CREATE TRIGGER uploads_are_counted AFTER INSERT ON uploads REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION count_new_uploads();

CREATE FUNCTION count_ended_uploads() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE d RECORD;
BEGIN
    FOR d IN SELECT owner_kind, owner_id, COUNT(*) AS uploads FROM
        (SELECT n.owner_kind, n.owner_id FROM new_rows n JOIN old_rows o ON o.id = n.id WHERE o.state = 'OPEN' AND n.state <> 'OPEN'
            UNION ALL SELECT 'user', n.created_by FROM new_rows n JOIN old_rows o ON o.id = n.id
            WHERE o.state = 'OPEN' AND n.state <> 'OPEN' AND n.created_by NOT IN ('service', 'system', 'anonymous')) AS ended
        GROUP BY owner_kind, owner_id ORDER BY owner_kind, owner_id
    LOOP
        UPDATE quotas SET open_uploads = open_uploads - d.uploads WHERE owner_kind = d.owner_kind AND owner_id = d.owner_id;
    END LOOP;
    RETURN NULL;
END $$;
CREATE TRIGGER uploads_are_counted_anew AFTER UPDATE ON uploads REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION count_ended_uploads();
