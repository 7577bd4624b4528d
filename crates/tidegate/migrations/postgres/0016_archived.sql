-- What is known of objects whose bytes are in an archive of the bucket; an object without a row is readable. Owner and kind are
-- those of the object.
CREATE TABLE archived_objects (
    object_id     UUID    NOT NULL PRIMARY KEY,
    owner_kind    TEXT    COLLATE "C" NOT NULL,
    owner_id      TEXT    COLLATE "C" NOT NULL,
    state         TEXT    COLLATE "C" NOT NULL,
    requested_at  BIGINT,
    thawed_until  BIGINT
);
CREATE INDEX archived_objects_thawing ON archived_objects (owner_kind, owner_id) WHERE state = 'THAWING';

-- Nothing is known of bytes that are gone, or may have been moved: a restored object is asked about anew.
CREATE FUNCTION end_archived_object() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM archived_objects WHERE object_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER archived_objects_end AFTER UPDATE OF state ON objects FOR EACH ROW
    WHEN (NEW.state <> 'READY') EXECUTE FUNCTION end_archived_object();

-- A change of the archive state is an entry beside the changes of the status, which stays what it is.
ALTER TABLE object_history ADD COLUMN archive TEXT;
ALTER TABLE object_history ADD COLUMN thawed_until BIGINT;
