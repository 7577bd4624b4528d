-- The store that the rows are about: a folder by the id in its .identity file, or a bucket by name and endpoint. A server
-- with another store does not start.
CREATE TABLE store_identity (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    identity TEXT NOT NULL,
    named_at BIGINT NOT NULL
);
