-- What is known of objects whose bytes are in an archive of the bucket; an object without a row is readable. Owner and kind are
-- those of the object.
CREATE TABLE archived_objects (
    object_id     BLOB    NOT NULL PRIMARY KEY,
    owner_kind    TEXT    NOT NULL,
    owner_id      TEXT    NOT NULL,
    state         TEXT    NOT NULL,
    requested_at  BIGINT,
    thawed_until  BIGINT
);
CREATE INDEX archived_objects_thawing ON archived_objects (owner_kind, owner_id) WHERE state = 'THAWING';

-- Nothing is known of bytes that are gone, or may have been moved: a restored object is asked about anew.
CREATE TRIGGER archived_objects_end AFTER UPDATE OF state ON objects WHEN NEW.state <> 'READY'
BEGIN
    DELETE FROM archived_objects WHERE object_id = NEW.id;
END;

-- A change of the archive state is an entry beside the changes of the status, which stays what it is.
ALTER TABLE object_history ADD COLUMN archive TEXT;
ALTER TABLE object_history ADD COLUMN thawed_until BIGINT;
