//! Thaws the archived source files of packages. Assets are not thawed: lifecycle rules leave them out,
//! because viewers read thousands of them. Never restores deleted packages; see `restoring`.

use futures::future;

use super::deletion::{NOT_FOUND, Outcomes, check_ids};
use crate::access;
use crate::app::App;
use crate::error::{Error, Result};
use crate::library::thaw;
use crate::model::access::Action;
use crate::model::caller::Caller;
use crate::model::object::ObjectState;
use crate::model::owner::Owner;
use crate::model::package::{Dataset, DatasetId, NodeId, NodeState};

/// The number of packages that are thawed at a time.
const CONCURRENT_THAWS: usize = 8;

/// Has the store thaw the archived source files of packages. Authorizes the caller. A package that
/// cannot be thawed gets a reason and does not affect the others; one that is not archived succeeds.
pub async fn thaw(app: &App, caller: &Caller, dataset: &DatasetId, ids: &[String]) -> Result<Outcomes> {
    let dataset = access::find_dataset(app, caller, Action::Thaw, dataset).await?;
    check_ids(ids)?;
    let mut outcomes = Vec::with_capacity(ids.len());
    for some in ids.chunks(CONCURRENT_THAWS) {
        let mut thaws = Vec::with_capacity(some.len());
        for id in some {
            thaws.push(thaw_one(app, caller, &dataset, id));
        }
        // An error of one package leaves the others as they are, and cancels no request to the store.
        let thawed =
            future::join_all(thaws).await.into_iter().map(|outcome| outcome.unwrap_or_else(|error| failed(&error)));
        outcomes.extend(some.iter().cloned().zip(thawed));
    }
    Ok(outcomes)
}

/// Logs why a thaw has failed, and returns the reason for the response.
fn failed(error: &Error) -> std::result::Result<(), &'static str> {
    if !error.is_logged() {
        tracing::warn!(error = error.detail(), "the source file of a package could not be thawed");
    }
    Err("it could not be thawed; try again")
}

/// Thaws one source file. The inner error is the reason why nothing was thawed.
async fn thaw_one(
    app: &App,
    caller: &Caller,
    dataset: &Dataset,
    id: &str,
) -> Result<std::result::Result<(), &'static str>> {
    let Some(id) = NodeId::parse(id) else { return Ok(Err(NOT_FOUND)) };
    let Some(node) = app.db.find_node(dataset.number, &id).await? else { return Ok(Err(NOT_FOUND)) };
    if node.state != NodeState::Ready {
        return Ok(Err(NOT_FOUND));
    }
    let Some(source) = &node.source else { return Ok(Err("it is a collection; name the packages in it")) };
    if source.object.state != ObjectState::Ready {
        return Ok(Err("its source file is not READY"));
    }
    match thaw::begin(app, caller, &Owner::Dataset(dataset.id.clone()), &source.object).await {
        Ok(_) => Ok(Ok(())),
        Err(Error::RateLimited { .. }) => Ok(Err("too many objects of the dataset thaw already")),
        Err(Error::InvalidState(_)) => Ok(Err("its source file is not READY")),
        Err(Error::NotFound(_)) => Ok(Err("its bytes are gone")),
        Err(error) => Err(error),
    }
}
