-- Whether a class has anything to do: however much of it waits for its time, the first that is due is found at once.
CREATE INDEX jobs_by_time ON jobs (class, run_at) WHERE state = 'QUEUED';
