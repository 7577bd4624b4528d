//! The sequential models: what an image, a user's file and an image of a space do when nothing is
//! concurrent.

use std::collections::BTreeMap;

use super::check::Model;

/// The content of a part or an object, as one letter.
pub(super) type Content = char;

/// A step of an upload by parts and of the object it becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// A part was taken.
    Part(u32, Content),
    /// A part was refused: the upload takes none any more.
    PartRefused,
    /// Parts were chosen to be joined. No other ones are joined from then on.
    Seal(Vec<(u32, Content)>),
    /// The joined parts were published.
    Publish(Vec<(u32, Content)>),
    /// A completion was refused, since the upload ended otherwise or with other parts.
    CompleteRefused(Vec<(u32, Content)>),
    /// A completion was refused, since it named a part that is not there, or has another content.
    CompleteMismatch(Vec<(u32, Content)>),
    Abort,
    AbortRefused,
    /// The object, or its open upload, was deleted.
    Delete,
    /// There was nothing to delete.
    DeleteMissing,
    /// The object was read.
    Read(Vec<(u32, Content)>),
    /// It was not there, or not yet.
    ReadNothing,
    /// Nothing happened, since the request met another one; it is to be sent again.
    Busy,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum State {
    Open(BTreeMap<u32, Content>),
    /// Joined, and not published.
    Sealed(BTreeMap<u32, Content>, Vec<(u32, Content)>),
    Ready(Vec<(u32, Content)>),
    /// Aborted, or deleted while it was open.
    Aborted,
    Deleted,
}

/// An image of a disk.
#[derive(Debug)]
pub(super) struct Image {
    /// Whether parts go to a bucket, by presigned requests that pass no server of ours. It may take
    /// parts while it joins others, or forgets the upload. Nobody reads them: a completion names
    /// its parts by their ETags.
    pub(super) in_bucket: bool,
}

impl Model for Image {
    type State = State;
    type Step = Step;

    fn start(&self) -> State {
        State::Open(BTreeMap::new())
    }

    fn apply(&self, state: &State, step: &Step) -> Vec<State> {
        let same = || vec![state.clone()];
        // The parts of a completion run from 1 without a gap.
        let has = |parts: &BTreeMap<u32, Content>, listed: &[(u32, Content)]| {
            let numbers = listed.iter().zip(1..).all(|((number, _), expected)| *number == expected);
            numbers && listed.iter().all(|(number, content)| parts.get(number) == Some(content))
        };
        match (step, state) {
            (Step::Busy, _) => same(),
            (Step::Part(..), State::Sealed(..) | State::Ready(_) | State::Aborted | State::Deleted)
                if self.in_bucket =>
            {
                same()
            }
            (Step::Part(number, content), State::Open(parts)) => {
                let mut parts = parts.clone();
                parts.insert(*number, *content);
                vec![State::Open(parts)]
            }
            (Step::PartRefused, State::Open(_)) => Vec::new(),
            (Step::PartRefused, _) => same(),
            (Step::Seal(listed), State::Open(parts)) if has(parts, listed) => {
                vec![State::Sealed(parts.clone(), listed.clone())]
            }
            (Step::Seal(listed), State::Sealed(_, joined) | State::Ready(joined)) if listed == joined => same(),
            (Step::Publish(listed), State::Sealed(_, joined)) if listed == joined => vec![State::Ready(joined.clone())],
            (Step::Publish(listed), State::Ready(joined)) if listed == joined => same(),
            (Step::CompleteRefused(_), State::Open(_)) => Vec::new(),
            (Step::CompleteRefused(listed), State::Ready(joined)) if listed == joined => Vec::new(),
            (Step::CompleteRefused(_), _) => same(),
            // A list with a gap is refused whatever became of the upload.
            (Step::CompleteMismatch(listed), _) if listed.iter().zip(1..).any(|((number, _), at)| *number != at) => {
                same()
            }
            (Step::CompleteMismatch(listed), State::Open(parts)) if !has(parts, listed) => same(),
            // Other parts than those that are being joined.
            (Step::CompleteMismatch(listed), State::Sealed(_, joined)) if listed != joined => same(),
            // Between the joined bytes and their row, an upload can still end.
            (Step::Abort, State::Open(_) | State::Sealed(..) | State::Aborted) => vec![State::Aborted],
            (Step::AbortRefused, State::Open(_) | State::Aborted) => Vec::new(),
            (Step::AbortRefused, _) => same(),
            // A delete of an open upload aborts it, and an abort may be repeated.
            (Step::Delete, State::Open(_) | State::Sealed(..) | State::Aborted) => vec![State::Aborted],
            (Step::Delete, State::Ready(_)) => vec![State::Deleted],
            // A delete that found the bytes of another one still there finishes it.
            (Step::Delete, State::Deleted) => vec![State::Deleted],
            (Step::DeleteMissing, State::Aborted | State::Deleted | State::Sealed(..)) => same(),
            (Step::Read(content), State::Ready(joined)) if content == joined => same(),
            (Step::ReadNothing, State::Open(_) | State::Sealed(..) | State::Aborted | State::Deleted) => same(),
            _ => Vec::new(),
        }
    }
}

/// A step of an object that can be taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TrashStep {
    Delete,
    DeleteMissing,
    /// A restore has begun, and is seen by nobody.
    RestoreBegin,
    RestoreFinish,
    Purge,
    PurgeMissing,
    Read,
    ReadNothing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum TrashState {
    Ready,
    Trashed,
    Restoring,
    Purged,
}

/// An image of a space, from when it is published.
#[derive(Debug)]
pub(super) struct SpaceImage;

impl Model for SpaceImage {
    type State = TrashState;
    type Step = TrashStep;

    fn start(&self) -> TrashState {
        TrashState::Ready
    }

    fn apply(&self, state: &TrashState, step: &TrashStep) -> Vec<TrashState> {
        use TrashState::{Purged, Ready, Restoring, Trashed};
        match (step, state) {
            (TrashStep::Delete, Ready) => vec![Trashed],
            (TrashStep::DeleteMissing, Trashed | Restoring | Purged) => vec![*state],
            (TrashStep::RestoreBegin, Trashed | Restoring) => vec![Restoring],
            (TrashStep::RestoreFinish, Restoring) => vec![Ready],
            // A restore of what is there says that it is there.
            (TrashStep::RestoreBegin | TrashStep::RestoreFinish, Ready) => vec![Ready],
            (TrashStep::Purge, Trashed) => vec![Purged],
            (TrashStep::PurgeMissing, Ready | Restoring | Purged) => vec![*state],
            (TrashStep::Read, Ready) => vec![Ready],
            (TrashStep::ReadNothing, Trashed | Restoring | Purged) => vec![*state],
            _ => Vec::new(),
        }
    }
}
