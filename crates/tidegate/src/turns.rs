//! Turns at a scarce resource: subjects that wait for it are served in rotation, so that one with many
//! requests delays another by about one. Transactions take turns, and so does the work of GraphQL. Work
//! outside a request, such as jobs, shares one subject.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::error::{Error, Result};
use crate::occasionally::Occasionally;

/// How many of one subject may usually wait. More are refused at once.
pub const MAX_WAITING: usize = 256;
/// How often refusals are logged.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// Who waits in one line: a user, or a client that has not signed in. `None` is the
/// server itself.
pub type Subject = Option<Arc<str>>;

tokio::task_local! {
    /// The subject of the request that the current task serves.
    static SUBJECT: Arc<Mutex<Subject>>;
}

/// Runs a request. It waits in the line of `subject`, until [`set_subject`] names another.
pub async fn with_subject<F: Future>(subject: Subject, request: F) -> F::Output {
    SUBJECT.scope(Arc::new(Mutex::new(subject)), request).await
}

/// Runs one step of work that goes on after [`with_subject`], such as a read of a response body.
pub fn in_line_of<T>(subject: &Subject, step: impl FnOnce() -> T) -> T {
    SUBJECT.sync_scope(Arc::new(Mutex::new(subject.clone())), step)
}

/// Names the subject of the current request, once it is known. Does nothing outside a request.
pub fn set_subject(subject: &str) {
    // Outside a request there is nobody to name.
    let _ = SUBJECT.try_with(|current| *lock(current) = Some(subject.into()));
}

/// Returns the subject of the current request; `None` outside one.
pub fn current_subject() -> Subject {
    SUBJECT.try_with(|current| lock(current).clone()).ok().flatten()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The turns of one resource.
#[derive(Debug)]
pub struct Turns {
    /// The name of the resource in metrics.
    of: &'static str,
    /// The most turns of one subject at a time.
    per_subject: usize,
    /// How many of one subject may wait.
    max_waiting: usize,
    /// The longest wait for a turn.
    max_wait: Duration,
    logged: Occasionally,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Turns that nobody has.
    free: usize,
    /// The number of turns that each subject has.
    taken: HashMap<Subject, usize>,
    /// Who waits, by subject.
    lines: HashMap<Subject, VecDeque<oneshot::Sender<Turn>>>,
    /// The subjects with a line, the next one first.
    rotation: VecDeque<Subject>,
}

/// A turn. It ends when this is dropped.
#[derive(Debug)]
pub struct Turn {
    /// `None` once the turn was given back.
    turns: Option<Arc<Turns>>,
    subject: Subject,
}

impl Turns {
    /// Makes `turns` turns. One subject never has all of them, unless there is only one.
    pub fn new(of: &'static str, turns: usize, max_wait: Duration) -> Self {
        let state = State { free: turns, taken: HashMap::new(), lines: HashMap::new(), rotation: VecDeque::new() };
        Self {
            of,
            per_subject: turns.div_ceil(2),
            max_waiting: MAX_WAITING,
            max_wait,
            logged: Occasionally::new(LOG_INTERVAL),
            state: Mutex::new(state),
        }
    }

    /// Lets any number of one subject wait, where something else bounds it.
    pub fn with_any_number_waiting(self) -> Self {
        Self { max_waiting: usize::MAX, ..self }
    }

    /// Waits for a turn of the current subject.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] if too many of the subject wait already, or no turn was free in time.
    pub async fn wait(self: &Arc<Self>) -> Result<Turn> {
        let subject = current_subject();
        let started = Instant::now();
        let waiting = {
            let mut state = lock(&self.state);
            if let Some(line) = state.lines.get_mut(&subject) {
                line.retain(|waiting| !waiting.is_closed());
                // The server's own work is bounded by its workers.
                if line.len() >= self.max_waiting && subject.is_some() {
                    return Err(self.refuse("full", &subject));
                }
            }
            let (sender, waiting) = oneshot::channel();
            if !state.lines.contains_key(&subject) {
                state.rotation.push_back(subject.clone());
            }
            state.lines.entry(subject.clone()).or_default().push_back(sender);
            self.hand_out(&mut state);
            waiting
        };
        match tokio::time::timeout(self.max_wait, waiting).await {
            Ok(Ok(turn)) => {
                metrics::histogram!("tidegate_turn_seconds", "of" => self.of).record(started.elapsed().as_secs_f64());
                Ok(turn)
            }
            _ => Err(self.refuse("late", &subject)),
        }
    }

    /// Counts and logs a refusal, and returns its error.
    fn refuse(&self, reason: &'static str, subject: &Subject) -> Error {
        metrics::counter!("tidegate_turns_refused_total", "of" => self.of, "reason" => reason).increment(1);
        if let Some(more) = self.logged.now() {
            let subject = subject.as_deref().unwrap_or("system");
            tracing::warn!(of = self.of, reason, subject, more, "there was no turn");
        }
        Error::Busy
    }

    /// Gives free turns to the subjects in rotation.
    fn hand_out(self: &Arc<Self>, state: &mut State) {
        let mut skipped = 0;
        while state.free > 0 && skipped < state.rotation.len() {
            let Some(subject) = state.rotation.pop_front() else { return };
            if state.taken.get(&subject).is_some_and(|taken| *taken >= self.per_subject) {
                state.rotation.push_back(subject);
                skipped += 1;
                continue;
            }
            let Some(next) = state.lines.get_mut(&subject).and_then(VecDeque::pop_front) else {
                state.lines.remove(&subject);
                continue;
            };
            if state.lines.get(&subject).is_some_and(VecDeque::is_empty) {
                state.lines.remove(&subject);
            } else {
                state.rotation.push_back(subject.clone());
            }
            match next.send(Turn { turns: Some(Arc::clone(self)), subject: subject.clone() }) {
                Ok(()) => {
                    state.free -= 1;
                    *state.taken.entry(subject).or_default() += 1;
                    skipped = 0;
                }
                // It does not wait any more, and the turn was never taken. Those who were skipped are
                // looked at again, since the rotation is a shorter one now.
                Err(mut unused) => {
                    unused.turns = None;
                    skipped = 0;
                }
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(turns) = self.turns.take() else { return };
        let mut state = lock(&turns.state);
        state.free += 1;
        if let Some(taken) = state.taken.get_mut(&self.subject) {
            *taken -= 1;
            if *taken == 0 {
                state.taken.remove(&self.subject);
            }
        }
        turns.hand_out(&mut state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    const WAIT: Duration = Duration::from_secs(10);

    fn subject(name: &str) -> Subject {
        Some(name.into())
    }

    async fn take(turns: &Arc<Turns>, name: &str) -> Result<Turn> {
        with_subject(subject(name), turns.wait()).await
    }

    /// Lets every task that can run do so.
    async fn settle() {
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_subject_with_one_transaction_waits_for_one_of_a_subject_with_many() {
        let turns = Arc::new(Turns::new("test", 1, WAIT));
        let first = take(&turns, "heavy").await.unwrap();
        let served = Arc::new(AtomicUsize::new(0));
        for _ in 0..200 {
            let (turns, served) = (Arc::clone(&turns), Arc::clone(&served));
            tokio::spawn(async move {
                let turn = take(&turns, "heavy").await.unwrap();
                served.fetch_add(1, Ordering::SeqCst);
                settle().await;
                drop(turn);
            });
        }
        settle().await;
        let light = tokio::spawn({
            let (turns, served) = (Arc::clone(&turns), Arc::clone(&served));
            async move {
                let _turn = take(&turns, "light").await.unwrap();
                served.load(Ordering::SeqCst)
            }
        });
        settle().await;
        drop(first);
        assert!(light.await.unwrap() <= 1, "served before it");
    }

    #[tokio::test]
    async fn jobs_have_a_line_of_their_own() {
        let turns = Arc::new(Turns::new("test", 1, WAIT));
        let held = take(&turns, "heavy").await.unwrap();
        let mut heavy: Vec<_> = (0..50).map(|_| Box::pin(take(&turns, "heavy"))).collect();
        for waiting in &mut heavy {
            assert!(futures::poll!(waiting.as_mut()).is_pending());
        }
        let job = turns.wait();
        tokio::pin!(job);
        assert!(futures::poll!(job.as_mut()).is_pending());
        drop(held);
        // The first of the long line was next in the rotation, and the job comes after it.
        let std::task::Poll::Ready(first) = futures::poll!(heavy[0].as_mut()) else { panic!("it waits") };
        drop(first);
        assert!(futures::poll!(job.as_mut()).is_ready());
    }

    #[tokio::test]
    async fn lines_are_bounded_and_one_subject_never_has_all_turns() {
        let turns = Arc::new(Turns::new("test", 4, WAIT));
        let held = [take(&turns, "heavy").await.unwrap(), take(&turns, "heavy").await.unwrap()];
        let mut waiting: Vec<_> = (0..MAX_WAITING).map(|_| Box::pin(take(&turns, "heavy"))).collect();
        for one in &mut waiting {
            assert!(futures::poll!(one.as_mut()).is_pending(), "half of the turns are for others");
        }
        assert!(matches!(take(&turns, "heavy").await, Err(Error::Busy)));
        drop(take(&turns, "light").await.unwrap());
        // Those who gave up leave the line.
        waiting.clear();
        let next = take(&turns, "heavy");
        tokio::pin!(next);
        assert!(futures::poll!(next.as_mut()).is_pending());
        drop(held);
        assert!(futures::poll!(next.as_mut()).is_ready());
    }

    #[tokio::test]
    async fn who_gave_up_hides_nobody() {
        let turns = Arc::new(Turns::new("test", 4, WAIT));
        let heavy = [take(&turns, "heavy").await.unwrap(), take(&turns, "heavy").await.unwrap()];
        let (other, another) = (take(&turns, "a").await.unwrap(), take(&turns, "b").await.unwrap());
        let waits = |name| Box::pin(take(&turns, name));
        let (mut more, mut gone, mut light) = (waits("heavy"), waits("light"), waits("light"));
        for one in [&mut more, &mut gone, &mut light] {
            assert!(futures::poll!(one.as_mut()).is_pending());
        }
        drop(gone);
        // The heavy subject is skipped, the one that is gone is found, and then the one that waits.
        drop(other);
        assert!(futures::poll!(light.as_mut()).is_ready());
        drop((heavy, another, more));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_ever_and_turns_of_the_impatient_are_not_lost() {
        let turns = Arc::new(Turns::new("test", 1, WAIT));
        let held = take(&turns, "a").await.unwrap();
        assert!(matches!(take(&turns, "b").await, Err(Error::Busy)), "after the longest wait");
        {
            let mut dropped = Box::pin(take(&turns, "c"));
            assert!(futures::poll!(dropped.as_mut()).is_pending());
            // The turn is handed to it, and it is dropped before it sees that.
            drop(held);
        }
        take(&turns, "d").await.unwrap();
        assert_eq!(lock(&turns.state).free, 1);
        assert!(lock(&turns.state).taken.is_empty() && lock(&turns.state).lines.is_empty());
    }

    #[tokio::test]
    async fn a_request_names_its_subject_once_it_is_known() {
        assert_eq!(current_subject(), None);
        set_subject("nobody");
        with_subject(subject("203.0.113.9"), async {
            assert_eq!(current_subject(), subject("203.0.113.9"));
            set_subject("alice");
            assert_eq!(current_subject(), subject("alice"));
        })
        .await;
        assert_eq!(current_subject(), None);
    }
}
