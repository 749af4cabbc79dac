//! What happened to the repository, and what can be recovered.

use super::super::Server;
use super::super::options::Query;
use super::super::problem::Problem;
use super::parameters::Parameters;
use super::streams::{check_limit, page};
use crate::commands::log::EntryView;
use crate::commands::timeline::{self as command, TimelineView};
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

type TimelineQuery = Query<command::Arguments>;

/// A page of the ledger, oldest entries first
#[derive(Serialize, ToSchema)]
pub(super) struct LogPage {
    entries: Vec<EntryView>,
    /// What to ask the next page with as `after`; none if this is the last
    next: Option<u64>,
}

/// Which page
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct WhichEntries {
    /// Only entries behind the one of this number, which is the last of the page before
    #[param(format = "uint64", minimum = 0)]
    after: Option<u64>,
    /// Entries of a page
    #[serde(default = "page")]
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: usize,
}

/// What can be recovered of a source, what is missing of its tail, and its newest drill
#[utoipa::path(
    get,
    operation_id = "showTimeline",
    path = "/v1/timeline",
    tag = "reading",
    params(TimelineQuery),
    responses((status = 200, description = "What can be recovered", body = TimelineView))
)]
pub(super) async fn timeline(
    State(server): State<Arc<Server>>,
    Query(arguments): TimelineQuery,
) -> Result<Json<TimelineView>, Problem> {
    let repository = server.repository().await?;
    Ok(Json(command::view(&arguments, repository).await?))
}

/// Everything that ever changed the repository, read anew and verified
#[utoipa::path(
    get,
    operation_id = "listLog",
    path = "/v1/log",
    tag = "reading",
    params(WhichEntries),
    responses((status = 200, description = "Entries", body = LogPage))
)]
pub(super) async fn log(
    State(server): State<Arc<Server>>,
    Parameters(which): Parameters<WhichEntries>,
) -> Result<Json<LogPage>, Problem> {
    check_limit(which.limit)?;
    let audit = server.repository().await?.audit().await?;
    let entries = audit.log.iter().filter(|logged| which.after.is_none_or(|it| logged.number > it));
    let mut entries: Vec<_> = entries.take(which.limit + 1).collect();
    let has_more = entries.len() > which.limit;
    entries.truncate(which.limit);
    let next = entries.last().filter(|_| has_more).map(|logged| logged.number);
    let view = |logged| EntryView::new(logged, &audit.state);
    Ok(Json(LogPage { entries: entries.into_iter().map(view).collect(), next }))
}
