-- ETags of 32 digits from before this moment may be random. In a folder their records say so from now on, and rows must say
-- the same; in a bucket they stay what S3 says. Which of the two it is, a setting says, so that this is not done here.
CREATE TABLE etags_to_mark (
    stored_before BIGINT NOT NULL
);
INSERT INTO etags_to_mark (stored_before) VALUES ((extract(epoch FROM clock_timestamp()) * 1000000)::BIGINT);
