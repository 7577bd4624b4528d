-- What goes through open uploads in the order of their ids, or of their end, and through leased jobs.
CREATE INDEX uploads_open ON uploads (id) WHERE state = 'OPEN';
DROP INDEX uploads_to_expire;
CREATE INDEX uploads_to_expire ON uploads (expires_at, id) WHERE state = 'OPEN';
CREATE INDEX jobs_leased ON jobs (lease_until) WHERE state = 'QUEUED' AND lease_until IS NOT NULL;
