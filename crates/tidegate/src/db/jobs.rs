//! Stores jobs: enqueued in the transaction of the change that needs them, claimed by lease,
//! counted at the claim so that a crash counts, and fenced by the attempt number so that a late
//! worker changes nothing. What jobs exist is in `queue`.

use std::cmp::Reverse;
use std::time::{Duration, SystemTime};

use super::{Db, EnqueuedJob, Tx, TxEngine, on_reader, on_tx, to_i64, to_u64};
use crate::error::Result;
use crate::model::micros;

row! {
    /// A job that a worker has leased.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct ClaimedJob {
        /// The id of its row.
        pub id: i64,
        /// The job as JSON.
        pub payload: String,
        /// The number of this attempt, from 1.
        pub attempts: i64,
        /// The largest number of attempts.
        pub max_attempts: i64,
    }
}

/// What happens to a failed job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is tried again.
    Retry,
    /// It is tried again, and the attempt does not count, because the fault is elsewhere.
    Uncounted,
    /// It is dead-lettered, for an operator.
    DeadLetter,
}

/// The number of jobs by state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JobCounts {
    /// The jobs that are waiting or running.
    pub queued: u64,
    /// The dead-lettered jobs.
    pub dead_letters: u64,
}

row! {
    /// The jobs of a class by state.
    #[derive(Debug, Clone, Default, PartialEq, Eq)]
    pub struct QueueState {
        /// The name of the class.
        pub class: String,
        /// The jobs that wait for their first attempt, or that were put back without a failure.
        pub waiting: i64,
        /// The jobs that a worker has leased.
        pub running: i64,
        /// The jobs that have failed and wait for another attempt.
        pub retrying: i64,
        /// The dead-lettered jobs.
        pub dead: i64,
        /// When the oldest job became due that no worker has leased, in microseconds.
        pub due_since: Option<i64>,
    }
}

row! {
    /// A job that was dead-lettered.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct DeadLetter {
        /// The id of its row.
        pub id: i64,
        /// The job as JSON.
        pub payload: String,
        /// The number of attempts made.
        pub attempts: i64,
        /// The error of the last attempt.
        pub last_error: Option<String>,
        /// When the job was enqueued, in microseconds.
        pub created_at: i64,
    }
}

row! {
    /// A job that was leased with others, and what decides its place among them.
    struct DueJob with job: ClaimedJob {
        priority: i64,
        run_at: i64,
    }
}

/// Leases up to `$4` jobs that were due at `$3`; `$class` is a condition on their class. `$from` and `$to` make the
/// engine choose the rows once, and lock them.
macro_rules! claim {
    ($class:literal, $from:literal, $to:literal) => {
        concat!(
            "UPDATE jobs SET lease_until = $2, attempts = attempts + 1 WHERE id ",
            $from,
            "SELECT id FROM jobs WHERE state = 'QUEUED' ",
            $class,
            " AND run_at <= $3 AND (lease_until IS NULL OR lease_until < $1) AND attempts < max_attempts \
             ORDER BY priority DESC, run_at, id LIMIT $4",
            $to,
            " RETURNING id, payload, attempts, max_attempts, priority, run_at"
        )
    };
}

row! {
    /// What decides whether a job can be claimed.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct JobState {
        /// The name of the class.
        pub class: String,
        /// `QUEUED` or `DEAD`.
        pub state: String,
        /// When it is due, in microseconds.
        pub run_at: i64,
        /// When its lease ends or ended, in microseconds.
        pub lease_until: Option<i64>,
        /// The number of attempts that were begun.
        pub attempts: i64,
        /// The largest number of attempts.
        pub max_attempts: i64,
    }
}

impl Tx {
    /// Dead-letters the jobs whose lease expired during their last attempt, and returns their
    /// payloads.
    #[tracing::instrument(name = "db.dead_letter_jobs", level = "trace", skip_all)]
    pub async fn dead_letter_jobs(&mut self, now: SystemTime) -> Result<Vec<String>> {
        const SQL: &str = "UPDATE jobs SET state = 'DEAD', last_error = COALESCE(last_error, 'the worker vanished') \
                           WHERE state = 'QUEUED' AND lease_until IS NOT NULL AND lease_until < $1 \
                           AND attempts >= max_attempts RETURNING payload";
        let payloads: Vec<(String,)> =
            on_tx!(self, |connection| sqlx::query_as(SQL).bind(micros(now)).fetch_all(connection).await?);
        Ok(payloads.into_iter().map(|(payload,)| payload).collect())
    }

    /// Leases the most urgent jobs of a class, or of any class, that were due at `due_at`: up to `most`
    /// of them. The most urgent one comes first.
    #[tracing::instrument(name = "db.claim_due_jobs", level = "trace", skip_all)]
    pub async fn claim_due_jobs(
        &mut self,
        class: Option<&str>,
        now: SystemTime,
        due_at: SystemTime,
        lease: Duration,
        most: i64,
    ) -> Result<Vec<ClaimedJob>> {
        // A server does not wait for a row that another is claiming.
        let sql = match (&self.engine, class.is_some()) {
            (TxEngine::Postgres(_), true) => claim!("AND class = $5", "= ANY (ARRAY(", " FOR UPDATE SKIP LOCKED))"),
            (TxEngine::Postgres(_), false) => claim!("", "= ANY (ARRAY(", " FOR UPDATE SKIP LOCKED))"),
            (TxEngine::Sqlite(_), true) => claim!("AND class = $5", "IN (", ")"),
            (TxEngine::Sqlite(_), false) => claim!("", "IN (", ")"),
        };
        let mut claimed: Vec<DueJob> = on_tx!(self, |connection| {
            let query = sqlx::query_as(sql).bind(micros(now)).bind(micros(now + lease)).bind(micros(due_at)).bind(most);
            match class {
                Some(class) => query.bind(class).fetch_all(connection).await?,
                None => query.fetch_all(connection).await?,
            }
        });
        claimed.sort_by_key(|due| (Reverse(due.priority), due.run_at, due.job.id));
        Ok(claimed.into_iter().map(|due| due.job).collect())
    }

    /// Deletes a job by its deduplication name, even while it runs. Its worker's result is then
    /// ignored.
    #[tracing::instrument(name = "db.delete_job", level = "trace", skip_all)]
    pub async fn delete_job(&mut self, dedupe: &str) -> Result<()> {
        const SQL: &str = "DELETE FROM jobs WHERE dedupe = $1";
        on_tx!(self, |connection| sqlx::query(SQL).bind(dedupe).execute(connection).await.map(drop)?);
        Ok(())
    }

    /// Queues a dead-lettered job again. Returns `false` if there is no such job.
    #[tracing::instrument(name = "db.requeue_dead_letter", level = "trace", skip_all)]
    pub async fn requeue_dead_letter(&mut self, id: i64, now: SystemTime) -> Result<bool> {
        const SQL: &str = "UPDATE jobs SET state = 'QUEUED', attempts = 0, lease_until = NULL, run_at = $2 \
                           WHERE id = $1 AND state = 'DEAD' RETURNING class";
        let class: Option<(String,)> = on_tx!(self, |connection| {
            sqlx::query_as(SQL).bind(id).bind(micros(now)).fetch_optional(connection).await?
        });
        let Some((class,)) = class else { return Ok(false) };
        self.signal_job(id, class, now);
        Ok(true)
    }

    /// Applies the verdict on a failed job: queues it again for `run_at`, or dead-letters it.
    /// Returns `false` if the lease was lost.
    #[tracing::instrument(name = "db.fail_job", level = "trace", skip_all)]
    pub async fn fail_job(
        &mut self,
        job: &ClaimedJob,
        run_at: SystemTime,
        verdict: Verdict,
        error: &str,
    ) -> Result<bool> {
        const SQL: &str = "UPDATE jobs SET state = $3, run_at = $4, lease_until = NULL, last_error = $5, \
                           max_attempts = max_attempts + $6 WHERE id = $1 AND attempts = $2 AND state = 'QUEUED' RETURNING class";
        let state = if verdict == Verdict::DeadLetter { "DEAD" } else { "QUEUED" };
        let more = i64::from(verdict == Verdict::Uncounted);
        let class: Option<(String,)> = on_tx!(self, |connection| {
            let query = sqlx::query_as(SQL).bind(job.id).bind(job.attempts).bind(state).bind(micros(run_at));
            query.bind(error).bind(more).fetch_optional(connection).await?
        });
        let Some((class,)) = class else { return Ok(false) };
        if verdict != Verdict::DeadLetter {
            self.signal_job(job.id, class, run_at);
        }
        Ok(true)
    }
}

impl Db {
    /// Returns dead-lettered jobs in the order of their ids, after `after`.
    #[tracing::instrument(name = "db.list_dead_letters", level = "trace", skip_all)]
    pub async fn list_dead_letters(&self, after: i64, limit: i64) -> Result<Vec<DeadLetter>> {
        const SQL: &str = "SELECT id, payload, attempts, last_error, created_at FROM jobs \
                           WHERE state = 'DEAD' AND id > $1 ORDER BY id LIMIT $2";
        Ok(on_reader!(self, |pool| sqlx::query_as(SQL).bind(after).bind(limit).fetch_all(pool).await?))
    }

    /// Returns a dead-lettered job.
    #[tracing::instrument(name = "db.find_dead_letter", level = "trace", skip_all)]
    pub async fn find_dead_letter(&self, id: i64) -> Result<Option<DeadLetter>> {
        const SQL: &str =
            "SELECT id, payload, attempts, last_error, created_at FROM jobs WHERE state = 'DEAD' AND id = $1";
        Ok(on_reader!(self, |pool| sqlx::query_as(SQL).bind(id).fetch_optional(pool).await?))
    }

    /// Ends every lease after a start, if only one server uses the database, because the workers
    /// that held them are gone. Attempts stay counted, except those of recurring jobs.
    #[tracing::instrument(name = "db.end_leases", level = "trace", skip_all)]
    pub async fn end_leases(&self) -> Result<()> {
        // A job without attempts left keeps its lease and is dead-lettered when that expires; a
        // recurring job starts again.
        const SQL: &str = "UPDATE jobs SET lease_until = NULL, \
                           attempts = CASE WHEN dedupe IN ('sweep', 'recover') THEN 0 ELSE attempts END \
                           WHERE state = 'QUEUED' AND (attempts < max_attempts OR dedupe IN ('sweep', 'recover'))";
        if self.is_shared() {
            return Ok(());
        }
        let mut tx = self.begin().await?;
        on_tx!(&mut tx, |connection| sqlx::query(SQL).execute(connection).await.map(drop)?);
        tx.commit().await
    }

    /// Returns whether there is a job that was due at `due_at`. Checked before a claim, so that an
    /// idle worker takes no write lock.
    #[tracing::instrument(name = "db.any_job_due", level = "trace", skip_all)]
    pub async fn any_job_due(&self, class: Option<&str>, now: SystemTime, due_at: SystemTime) -> Result<bool> {
        const ANY: &str = "SELECT id FROM jobs WHERE state = 'QUEUED' AND run_at <= $2 \
                           AND (lease_until IS NULL OR lease_until < $1) LIMIT 1";
        const ONE: &str = "SELECT id FROM jobs WHERE state = 'QUEUED' AND class = $3 AND run_at <= $2 \
                           AND (lease_until IS NULL OR lease_until < $1) LIMIT 1";
        let row: Option<(i64,)> = on_reader!(self, |pool| {
            match class {
                Some(class) => {
                    let query = sqlx::query_as(ONE).bind(micros(now)).bind(micros(due_at)).bind(class);
                    query.fetch_optional(pool).await?
                }
                None => sqlx::query_as(ANY).bind(micros(now)).bind(micros(due_at)).fetch_optional(pool).await?,
            }
        });
        Ok(row.is_some())
    }

    /// Extends a lease until `until`. Returns `false` if the lease was lost.
    #[tracing::instrument(name = "db.extend_job", level = "trace", skip_all)]
    pub async fn extend_job(&self, job: &ClaimedJob, until: SystemTime) -> Result<bool> {
        const SQL: &str = "UPDATE jobs SET lease_until = $3 WHERE id = $1 AND attempts = $2 AND state = 'QUEUED'";
        let mut tx = self.begin().await?;
        let done = on_tx!(&mut tx, |connection| {
            let query = sqlx::query(SQL).bind(job.id).bind(job.attempts).bind(micros(until));
            query.execute(connection).await?.rows_affected()
        });
        tx.commit().await?;
        Ok(done == 1)
    }

    /// Gives a lease back, so that the job can be leased at once. One without attempts left keeps its
    /// lease, and is dead-lettered when that expires.
    #[tracing::instrument(name = "db.release_job", level = "trace", skip_all)]
    pub async fn release_job(&self, job: &ClaimedJob) -> Result<()> {
        const SQL: &str = "UPDATE jobs SET lease_until = NULL \
                           WHERE id = $1 AND attempts = $2 AND state = 'QUEUED' AND attempts < max_attempts";
        let mut tx = self.begin().await?;
        on_tx!(&mut tx, |connection| {
            sqlx::query(SQL).bind(job.id).bind(job.attempts).execute(connection).await.map(drop)?
        });
        tx.commit().await
    }

    /// Gives back jobs that were leased and never begun. Their attempts do not count.
    #[tracing::instrument(name = "db.release_unbegun_jobs", level = "trace", skip_all)]
    pub async fn release_unbegun_jobs(&self, jobs: &[ClaimedJob]) -> Result<()> {
        const SQL: &str = "UPDATE jobs SET lease_until = NULL, attempts = attempts - 1 \
                           WHERE id = $1 AND attempts = $2 AND state = 'QUEUED'";
        let mut tx = self.begin().await?;
        for job in jobs {
            on_tx!(&mut tx, |connection| {
                sqlx::query(SQL).bind(job.id).bind(job.attempts).execute(connection).await.map(drop)?
            });
        }
        tx.commit().await
    }

    /// Returns the state of a job; `None` if there is no such job.
    #[tracing::instrument(name = "db.read_job_state", level = "trace", skip_all)]
    pub async fn read_job_state(&self, id: i64) -> Result<Option<JobState>> {
        const SQL: &str = "SELECT class, state, run_at, lease_until, attempts, max_attempts FROM jobs WHERE id = $1";
        Ok(on_reader!(self, |pool| sqlx::query_as(SQL).bind(id).fetch_optional(pool).await?))
    }

    /// Returns whether a job with this deduplication name is waiting or running. A failed job that
    /// waits for its next attempt does not count.
    #[tracing::instrument(name = "db.is_job_waiting", level = "trace", skip_all)]
    pub async fn is_job_waiting(&self, dedupe: &str) -> Result<bool> {
        const SQL: &str = "SELECT id FROM jobs WHERE dedupe = $1 AND state = 'QUEUED' \
                           AND (last_error IS NULL OR lease_until IS NOT NULL)";
        let row: Option<(i64,)> =
            on_reader!(self, |pool| sqlx::query_as(SQL).bind(dedupe).fetch_optional(pool).await?);
        Ok(row.is_some())
    }

    /// Returns the jobs of each class by state; classes without jobs are left out. Reads all jobs.
    #[tracing::instrument(name = "db.list_queues", level = "trace", skip_all)]
    pub async fn list_queues(&self, now: SystemTime) -> Result<Vec<QueueState>> {
        const SQL: &str = "SELECT class, \
                           COUNT(CASE WHEN state = 'QUEUED' AND NOT leased AND last_error IS NULL THEN 1 END) AS waiting, \
                           COUNT(CASE WHEN state = 'QUEUED' AND leased THEN 1 END) AS running, \
                           COUNT(CASE WHEN state = 'QUEUED' AND NOT leased AND last_error IS NOT NULL THEN 1 END) AS retrying, \
                           COUNT(CASE WHEN state = 'DEAD' THEN 1 END) AS dead, \
                           MIN(CASE WHEN state = 'QUEUED' AND NOT leased AND run_at <= $1 THEN run_at END) AS due_since \
                           FROM (SELECT class, state, last_error, run_at, \
                           lease_until IS NOT NULL AND lease_until >= $1 AS leased FROM jobs) AS states \
                           GROUP BY class ORDER BY class";
        Ok(on_reader!(self, |pool| sqlx::query_as(SQL).bind(micros(now)).fetch_all(pool).await?))
    }

    /// Returns the number of jobs by state.
    #[tracing::instrument(name = "db.count_jobs", level = "trace", skip_all)]
    pub async fn count_jobs(&self) -> Result<JobCounts> {
        const SQL: &str = "SELECT state, COUNT(*) FROM jobs GROUP BY state";
        let rows: Vec<(String, i64)> = on_reader!(self, |pool| sqlx::query_as(SQL).fetch_all(pool).await?);
        let of = |wanted: &str| rows.iter().find(|(state, _)| state == wanted).map_or(0, |(_, count)| to_u64(*count));
        Ok(JobCounts { queued: of("QUEUED"), dead_letters: of("DEAD") })
    }
}

/// A job to enqueue.
#[derive(Debug, Clone, Copy)]
pub struct NewJob<'a> {
    /// The job as JSON.
    pub payload: &'a str,
    /// The deduplication name, which at most one job has.
    pub dedupe: Option<&'a str>,
    /// The name of the class.
    pub class: &'a str,
    /// The priority; higher ones run first.
    pub priority: i64,
    /// The largest number of attempts.
    pub max_attempts: u64,
}

impl Tx {
    /// Inserts a job, which becomes visible with the commit. If its deduplication name exists,
    /// queues it again if it is dead-lettered or out of attempts, and otherwise does nothing.
    /// Returns the id if it was inserted or queued again.
    #[tracing::instrument(name = "db.enqueue_job", level = "trace", skip_all)]
    pub async fn enqueue_job(&mut self, job: NewJob<'_>, run_at: SystemTime) -> Result<Option<i64>> {
        const SQL: &str = "INSERT INTO jobs (payload, dedupe, state, run_at, attempts, max_attempts, created_at, class, priority) \
                           VALUES ($1, $2, 'QUEUED', $3, 0, $4, $5, $6, $7) ON CONFLICT (dedupe) DO UPDATE \
                           SET state = 'QUEUED', attempts = 0, lease_until = NULL, run_at = excluded.run_at, \
                           payload = excluded.payload, class = excluded.class, priority = excluded.priority \
                           WHERE jobs.state = 'DEAD' OR (jobs.attempts >= jobs.max_attempts \
                           AND (jobs.lease_until IS NULL OR jobs.lease_until < excluded.run_at)) RETURNING id";
        let now = self.now_micros();
        let added: Option<(i64,)> = on_tx!(self, |connection| {
            sqlx::query_as(SQL)
                .bind(job.payload)
                .bind(job.dedupe)
                .bind(micros(run_at))
                .bind(to_i64(job.max_attempts))
                .bind(now)
                .bind(job.class)
                .bind(job.priority)
                .fetch_optional(connection)
                .await?
        });
        let id = added.map(|(id,)| id);
        if let Some(id) = id {
            self.signal_job(id, job.class.to_owned(), run_at);
        }
        Ok(id)
    }

    /// Signals a queued job after the commit: to the workers, if it is due.
    fn signal_job(&mut self, id: i64, class: String, run_at: SystemTime) {
        let left = micros(run_at).saturating_sub(self.now_micros());
        let due_in = Duration::from_micros(u64::try_from(left).unwrap_or(0));
        self.pending.jobs.push(EnqueuedJob { id, class, due_in });
    }
}
