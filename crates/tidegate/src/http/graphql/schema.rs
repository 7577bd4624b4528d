//! The GraphQL schema: resolvers that parse, call `sessions/operations.rs`, and render. Complexity
//! costs are set here.

use std::sync::Arc;

use async_graphql::parser::types::OperationType;
use async_graphql::{ComplexObject, Context, ErrorExtensions as _, Object, Request, Schema, Subscription};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use uuid::Uuid;

use super::super::archived::ArchiveResponse;
use super::super::sessions::operations;
use super::super::sessions::wire::{
    ByteCount, MediaPage, MediaResponse, MediaStatus, Session, SessionPage, StatusChangeOutput, UploadUrlResponse,
};
use super::limits::Limits;
use crate::app::App;
use crate::error::Error;
use crate::model::caller::Caller;
use crate::surfaces::sessions::NewSessionUpload;

/// The schema that the handlers execute.
pub(in crate::http) type Tidegate = Schema<Query, Mutation, Subscriptions>;

/// Builds the schema with the configured limits.
pub(in crate::http) fn schema(app: &Arc<App>) -> Tidegate {
    let setting = app.config.graphql;
    let schema = Schema::build(Query, Mutation, Subscriptions)
        .data(Arc::clone(app))
        .limit_depth(setting.depth)
        .limit_complexity(setting.complexity)
        .limit_recursive_depth(MAX_RECURSION);
    let schema = schema.limit_directives(10).extension(Limits);
    // Suggestions would reveal names that introspection hides.
    if setting.introspection { schema.finish() } else { schema.disable_introspection().disable_suggestions().finish() }
}

/// Returns the schema in SDL, as it is committed.
pub fn description() -> String {
    Schema::build(Query, Mutation, Subscriptions).finish().sdl()
}

/// Returns the types of the operations that a request may execute: that of the named one, or of all;
/// none if it does not parse.
pub(super) fn operation_types(request: &Request) -> Vec<OperationType> {
    let Ok(document) = async_graphql::parser::parse_query(&request.query) else { return Vec::new() };
    let named = request.operation_name.as_deref();
    let may_run = |name: Option<&str>| named.is_none() || name == named;
    let operations = document.operations.iter().filter(|(name, _)| may_run(name.map(|name| name.as_str())));
    operations.map(|(_, operation)| operation.node.ty).collect()
}

/// Returns whether every operation of a request is a subscription; `false` if it does not parse.
pub(super) fn is_subscription(request: &Request) -> bool {
    let document = async_graphql::parser::parse_query(&request.query);
    document.is_ok_and(|document| {
        document.operations.iter().all(|(_, operation)| operation.node.ty == OperationType::Subscription)
    })
}

type GraphqlResult<T> = async_graphql::Result<T>;

/// Converts an error for GraphQL; server errors are logged.
#[expect(clippy::needless_pass_by_value, reason = "the signature that map_err calls")]
pub(super) fn to_graphql_error(error: Error) -> async_graphql::Error {
    let (code, message) = (error.code().as_str(), error.to_string());
    let is_fault =
        matches!(error, Error::Internal(_) | Error::StoreError(_) | Error::Unavailable(_) | Error::Misconfig(_));
    if is_fault && !error.is_logged() {
        tracing::error!(error = error.detail(), code, "a request failed");
    }
    async_graphql::Error::new(message).extend_with(|_, extensions| {
        extensions.set("code", code);
        if let Error::QuotaExceeded(shortage) = &error {
            extensions.set("resource", shortage.resource.as_str());
            extensions.set("used", shortage.used);
            extensions.set("quota", shortage.quota);
            extensions.set("requested", shortage.requested);
        }
        if let Error::Archived(status) = &error {
            let archive = serde_json::to_value(ArchiveResponse::from(*status)).unwrap_or_default();
            extensions.set("archive", async_graphql::Value::from_json(archive).unwrap_or_default());
        }
    })
}

fn app<'a>(context: &Context<'a>) -> GraphqlResult<&'a Arc<App>> {
    context.data::<Arc<App>>()
}

fn caller<'a>(context: &Context<'a>) -> GraphqlResult<&'a Caller> {
    context.data::<Caller>()
}

/// The deepest nesting that the parser follows, fragments included. The configured depth limit
/// applies to the result.
const MAX_RECURSION: usize = 64;
/// The complexity of reading another table.
const LOOKUP_COST: usize = 10;
/// The complexity of a mutation, which writes rows and sometimes files.
const MUTATION_COST: usize = 100;

/// The queries.
pub(in crate::http) struct Query;

#[Object]
impl Query {
    /// One of a session's media.
    async fn media(&self, context: &Context<'_>, id: Uuid) -> GraphqlResult<MediaResponse> {
        operations::media(app(context)?, caller(context)?, None, id).await.map_err(to_graphql_error)
    }

    /// A page of the sessions that the caller has created, newest first.
    #[graphql(complexity = "page_cost(first, child_complexity)")]
    async fn sessions(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "From 1 to 1000; 50 if left out.")] first: Option<i32>,
        #[graphql(desc = "`next` of the page before.")] after: Option<String>,
    ) -> GraphqlResult<SessionPage> {
        let page = operations::list_sessions(app(context)?, caller(context)?, first.map(i64::from), after.as_deref());
        page.await.map_err(to_graphql_error)
    }

    /// A page of a session's media, newest first.
    #[graphql(complexity = "page_cost(first, child_complexity)")]
    #[expect(clippy::too_many_arguments, reason = "the arguments of the query are its filters and its page")]
    async fn session_media(
        &self,
        context: &Context<'_>,
        session_id: Uuid,
        status: Option<MediaStatus>,
        #[graphql(desc = "Of this stage only.")] stage: Option<String>,
        #[graphql(desc = "From 1 to 1000; 50 if left out.")] first: Option<i32>,
        #[graphql(desc = "`next` of the page before.")] after: Option<String>,
        #[graphql(desc = "Instead of `after`: the number of items to pass over, from 0.")] offset: Option<i32>,
    ) -> GraphqlResult<MediaPage> {
        let (first, offset) = (first.map(i64::from), offset.map(|offset| offset.to_string()));
        let start = (after.as_deref(), offset.as_deref());
        let filter = (status, stage.as_deref());
        let page = operations::list(app(context)?, caller(context)?, session_id, filter, first, start).await;
        page.map_err(to_graphql_error)
    }
}

/// Returns the complexity of a page: that of its fields, times the most rows it may hold.
fn page_cost(first: Option<i32>, child_complexity: usize) -> usize {
    let media = first.map_or(operations::USUAL_PAGE, i64::from).clamp(1, 1000);
    usize::try_from(media).unwrap_or(1).saturating_mul(child_complexity.max(1))
}

#[ComplexObject]
impl MediaResponse {
    /// What it became, and when.
    #[graphql(complexity = "LOOKUP_COST + child_complexity")]
    async fn history(&self, context: &Context<'_>) -> GraphqlResult<Vec<StatusChangeOutput>> {
        operations::history(app(context)?, caller(context)?, None, self.uuid()).await.map_err(to_graphql_error)
    }
}

/// The mutations.
pub(in crate::http) struct Mutation;

#[Object]
impl Mutation {
    /// Make a session of the caller's organisation. Asked again with the same id it answers the same.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn create_session(&self, context: &Context<'_>, id: Option<Uuid>) -> GraphqlResult<Session> {
        operations::create_session(app(context)?, caller(context)?, id).await.map_err(to_graphql_error)
    }

    /// Delete a session and all that is in it.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn delete_session(&self, context: &Context<'_>, id: Uuid) -> GraphqlResult<bool> {
        operations::delete_session(app(context)?, caller(context)?, id).await.map(|()| true).map_err(to_graphql_error)
    }

    /// Bring back a session that was deleted. What was deleted with it comes back by and by.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn restore_session(&self, context: &Context<'_>, id: Uuid) -> GraphqlResult<Session> {
        operations::restore_session(app(context)?, caller(context)?, id).await.map_err(to_graphql_error)
    }

    /// Say what is to be sent, and learn where.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    #[expect(clippy::too_many_arguments, reason = "the source's own mutation, and what we add to it")]
    async fn get_upload_url(
        &self,
        context: &Context<'_>,
        session_id: Uuid,
        filename: String,
        content_type: String,
        stage: Option<String>,
        #[graphql(desc = "Bytes. Where it is given, no other number of them is taken.")] size: Option<ByteCount>,
        #[graphql(desc = "Of what is sent, in hexadecimal digits.")] sha256: Option<String>,
    ) -> GraphqlResult<UploadUrlResponse> {
        let announced = NewSessionUpload { filename, content_type, stage, size: size.map(|size| size.0), sha256 };
        operations::upload_url(app(context)?, caller(context)?, session_id, announced).await.map_err(to_graphql_error)
    }

    /// Say that it was sent: it is scanned and made anew from here on. Asked again it answers the same.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn confirm_upload(
        &self,
        context: &Context<'_>,
        session_id: Uuid,
        file_key: String,
        stage: Option<String>,
        alt: Option<String>,
    ) -> GraphqlResult<MediaResponse> {
        let (app, caller) = (app(context)?, caller(context)?);
        operations::confirm(app, caller, session_id, &file_key, stage.as_deref(), alt.as_deref())
            .await
            .map_err(to_graphql_error)
    }

    /// Delete one of a session's media. What was published can be brought back until its retention ends.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn delete_media(&self, context: &Context<'_>, id: Uuid) -> GraphqlResult<bool> {
        operations::delete(app(context)?, caller(context)?, None, id).await.map(|()| true).map_err(to_graphql_error)
    }

    /// Bring back what was deleted.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn restore_media(&self, context: &Context<'_>, id: Uuid) -> GraphqlResult<MediaResponse> {
        operations::restore(app(context)?, caller(context)?, None, id).await.map_err(to_graphql_error)
    }

    /// Have the bucket thaw what it has archived. Its thaw is told by `mediaStatus` when it ends.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn thaw_media(&self, context: &Context<'_>, id: Uuid) -> GraphqlResult<MediaResponse> {
        operations::thaw(app(context)?, caller(context)?, None, id).await.map_err(to_graphql_error)
    }

    /// Try again what failed.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn retry_media(&self, context: &Context<'_>, id: Uuid) -> GraphqlResult<MediaResponse> {
        operations::retry(app(context)?, caller(context)?, None, id).await.map_err(to_graphql_error)
    }
}

/// The subscriptions.
pub(in crate::http) struct Subscriptions;

#[Subscription(name = "Subscription")]
impl Subscriptions {
    /// What becomes of a session's media, as it comes about.
    async fn media_status(
        &self,
        context: &Context<'_>,
        session_id: Uuid,
    ) -> async_graphql::Result<BoxStream<'static, StatusChangeOutput>> {
        let (app, caller) = (app(context)?, caller(context)?);
        let permit = app.shares.streams.acquire_for(caller).map_err(|refusal| to_graphql_error(refusal.into()))?;
        let changes = operations::watch(app, caller.clone(), session_id).await.map_err(to_graphql_error)?;
        Ok(changes
            .map(move |change| {
                let _kept = &permit;
                change
            })
            .boxed())
    }
}
