//! Claims and finishes jobs by their ids. Workers that do so at the same time share a transaction, so
//! that many jobs cost one commit; no worker waits for others to come. Which jobs there are, and how
//! the most urgent one is claimed, is in `jobs`.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::oneshot;

use super::{ClaimedJob, Db, Tx, TxEngine, outage};
use crate::error::{Error, Result};
use crate::model::job_class::JobClass;
use crate::model::micros;

/// Requests of one kind that share transactions.
#[derive(Debug)]
struct Batch<T, R> {
    waiting: Mutex<Vec<(T, oneshot::Sender<R>)>>,
    /// Held by the request that runs a transaction for all that wait.
    leader: tokio::sync::Mutex<()>,
}

/// A job to lease.
#[derive(Debug, Clone, Copy)]
struct Claim {
    id: i64,
    /// The class that the job must have; `None` for any.
    class: Option<&'static str>,
    lease: Duration,
}

/// The requests of one database that share transactions.
#[derive(Debug, Default)]
pub(super) struct JobBatches {
    claims: Batch<Claim, Result<Option<ClaimedJob>>>,
    finished: Batch<(i64, i64), Result<()>>,
}

impl<T, R> Default for Batch<T, R> {
    fn default() -> Self {
        Self { waiting: Mutex::default(), leader: tokio::sync::Mutex::default() }
    }
}

impl<T, R> Batch<T, R> {
    /// Runs `work` with all requests that wait, or returns the result of another request that has
    /// done so. `work` returns a result for each request, in their order.
    async fn run<F>(&self, request: T, work: impl FnOnce(Vec<T>) -> F) -> Option<R>
    where
        F: Future<Output = Vec<R>>,
    {
        let (reply, mut result) = oneshot::channel();
        self.lock().push((request, reply));
        let _leading = self.leader.lock().await;
        match result.try_recv() {
            Ok(result) => return Some(result),
            // The request that had taken this one was cancelled.
            Err(oneshot::error::TryRecvError::Closed) => return None,
            Err(oneshot::error::TryRecvError::Empty) => {}
        }
        let (requests, replies): (Vec<T>, Vec<_>) = std::mem::take(&mut *self.lock()).into_iter().unzip();
        for (reply, result) in replies.into_iter().zip(work(requests).await) {
            drop(reply.send(result));
        }
        result.try_recv().ok()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(T, oneshot::Sender<R>)>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the error for a request whose transaction was cancelled.
fn cancelled() -> Error {
    Error::Unavailable(anyhow::anyhow!("the transaction was cancelled"))
}

impl Db {
    /// Leases a job if it is due, is of a class (`None` for any) and no worker has leased it.
    #[tracing::instrument(name = "db.claim_job_by_id", level = "trace", skip_all)]
    pub async fn claim_job_by_id(
        &self,
        id: i64,
        class: Option<JobClass>,
        lease: Duration,
    ) -> Result<Option<ClaimedJob>> {
        let work = async |requests: Vec<Claim>| {
            let mut claimed = match self.claim_together(&requests).await {
                Ok(claimed) => claimed,
                Err(error) if error.is_logged() => {
                    return requests.iter().map(|_| Err(outage::error(error.detail()))).collect();
                }
                Err(_) => return self.claim_each(&requests).await,
            };
            let mut take = |id: i64| claimed.iter().position(|job| job.id == id).map(|at| claimed.swap_remove(at));
            requests.iter().map(|claim| Ok(take(claim.id))).collect()
        };
        let claim = Claim { id, class: class.map(JobClass::as_str), lease };
        self.batches.claims.run(claim, work).await.unwrap_or_else(|| Err(cancelled()))
    }

    /// Deletes a job that has succeeded.
    #[tracing::instrument(name = "db.finish_job", level = "trace", skip_all)]
    pub async fn finish_job(&self, job: &ClaimedJob) -> Result<()> {
        let work = async |requests: Vec<(i64, i64)>| {
            match self.finish_together(&requests).await {
                Ok(()) => return requests.iter().map(|_| Ok(())).collect(),
                Err(error) if error.is_logged() => {
                    return requests.iter().map(|_| Err(outage::error(error.detail()))).collect();
                }
                // A statement for many jobs can meet a deadlock that one for a single job does not.
                Err(_) => {}
            }
            let mut results = Vec::with_capacity(requests.len());
            for request in requests {
                results.push(self.finish_together(&[request]).await);
            }
            results
        };
        let done = self.batches.finished.run((job.id, job.attempts), work).await;
        done.unwrap_or_else(|| Err(cancelled()))
    }

    async fn claim_together(&self, claims: &[Claim]) -> Result<Vec<ClaimedJob>> {
        let lease = claims.iter().map(|claim| claim.lease).max().unwrap_or_default();
        let mut tx = self.begin().await?;
        let claimed = tx.claim_jobs(claims, self.now(), lease).await?;
        tx.commit().await?;
        Ok(claimed)
    }

    async fn claim_each(&self, claims: &[Claim]) -> Vec<Result<Option<ClaimedJob>>> {
        let mut results = Vec::with_capacity(claims.len());
        for claim in claims {
            results.push(self.claim_together(&[*claim]).await.map(|mut claimed| claimed.pop()));
        }
        results
    }

    async fn finish_together(&self, jobs: &[(i64, i64)]) -> Result<()> {
        let mut tx = self.begin().await?;
        tx.delete_finished(jobs).await?;
        tx.commit().await
    }
}

impl Tx {
    /// Leases those of some jobs that are due, of the wanted class, and not leased by a worker.
    async fn claim_jobs(&mut self, claims: &[Claim], now: SystemTime, lease: Duration) -> Result<Vec<ClaimedJob>> {
        const SET: &str = "UPDATE jobs SET lease_until = $2, attempts = attempts + 1 WHERE id = $3 AND \
                           class = COALESCE($4, class) AND state = 'QUEUED' AND run_at <= $1 AND (lease_until IS NULL OR lease_until < $1) AND \
                           attempts < max_attempts RETURNING id, payload, attempts, max_attempts";
        // In the order of their ids, and without those that another worker is claiming.
        const SET_ALL: &str = "UPDATE jobs SET lease_until = $2, attempts = attempts + 1 WHERE id IN ( \
                               SELECT j.id FROM jobs j JOIN unnest($3::BIGINT[], $4::TEXT[]) AS wanted (id, class) \
                               ON j.id = wanted.id AND j.class = COALESCE(wanted.class, j.class) \
                               WHERE state = 'QUEUED' AND run_at <= $1 \
                               AND (lease_until IS NULL OR lease_until < $1) AND attempts < max_attempts \
                               ORDER BY j.id FOR UPDATE OF j SKIP LOCKED) RETURNING id, payload, attempts, max_attempts";
        let (now, until) = (micros(now), micros(now + lease));
        match &mut self.engine {
            TxEngine::Sqlite(transaction) => {
                let mut claimed = Vec::with_capacity(claims.len());
                for Claim { id, class, .. } in claims {
                    let query = sqlx::query_as(SET).bind(now).bind(until).bind(id).bind(*class);
                    claimed.extend(query.fetch_optional(&mut **transaction).await?);
                }
                Ok(claimed)
            }
            TxEngine::Postgres(transaction) => {
                let limit = transaction.limit();
                let (ids, classes): (Vec<i64>, Vec<Option<&str>>) =
                    claims.iter().map(|claim| (claim.id, claim.class)).unzip();
                let query = sqlx::query_as(SET_ALL).bind(now).bind(until).bind(ids).bind(classes);
                let claimed = async { Ok(query.fetch_all(transaction.get()?).await?) };
                match tokio::time::timeout(limit, claimed).await {
                    Ok(claimed) => claimed,
                    Err(_) => Err(transaction.discard()),
                }
            }
        }
    }

    /// Deletes jobs whose attempt succeeded: those whose number of attempts is still that of their
    /// worker.
    async fn delete_finished(&mut self, jobs: &[(i64, i64)]) -> Result<()> {
        const ONE: &str = "DELETE FROM jobs WHERE id = $1 AND attempts = $2";
        const ALL: &str = "DELETE FROM jobs WHERE (id, attempts) IN (SELECT * FROM unnest($1::BIGINT[], $2::BIGINT[]))";
        match &mut self.engine {
            TxEngine::Sqlite(transaction) => {
                for (id, attempts) in jobs {
                    sqlx::query(ONE).bind(id).bind(attempts).execute(&mut **transaction).await?;
                }
                Ok(())
            }
            TxEngine::Postgres(transaction) => {
                let limit = transaction.limit();
                let (ids, attempts): (Vec<i64>, Vec<i64>) = jobs.iter().copied().unzip();
                let deleting = async {
                    let query = sqlx::query(ALL).bind(ids).bind(attempts);
                    Ok(query.execute(transaction.get()?).await.map(drop)?)
                };
                match tokio::time::timeout(limit, deleting).await {
                    Ok(outcome) => outcome,
                    Err(_) => Err(transaction.discard()),
                }
            }
        }
    }
}
