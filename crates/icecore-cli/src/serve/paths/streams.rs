//! The streams of a snapshot, in pages.

use super::super::Server;
use super::super::problem::Problem;
use super::parameters::{Parameters, Segments};
use super::snapshots::find;
use crate::commands::streams::StreamView;
use axum::Json;
use axum::extract::State;
use icecore::selection::StreamSelection;
use icecore::streams;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// Streams or entries of a page, unless it was asked for another number, and the most.
const PAGE: usize = 100;
const PAGE_MAX: usize = 1000;

/// A page of the streams of a snapshot, sorted by their ids
#[derive(Serialize, ToSchema)]
pub(super) struct StreamPage {
    streams: Vec<StreamView>,
    /// What to ask the next page with as `after`; none if this is the last
    next: Option<String>,
}

/// Which page of which streams
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct WhichStreams {
    /// With `latest`: the newest snapshot of this source
    source: Option<String>,
    /// Only streams that match, such as 'order-*'
    stream: Option<String>,
    /// Only streams behind this one, which is the last of the page before
    after: Option<String>,
    /// Streams of a page
    #[serde(default = "page")]
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: usize,
}

/// The number of what a page has by default.
pub(super) fn page() -> usize {
    PAGE
}

/// Refuses a page of nothing or of too much.
pub(super) fn check_limit(limit: usize) -> Result<(), Problem> {
    if (1..=PAGE_MAX).contains(&limit) {
        return Ok(());
    }
    Err(Problem::invalid(format!("'limit' has to be from 1 to {PAGE_MAX}")))
}

/// The streams of a snapshot, sorted by their ids
#[utoipa::path(
    get,
    operation_id = "listStreams",
    path = "/v1/snapshots/{snapshot}/streams",
    tag = "reading",
    params(("snapshot" = String, Path, description = "The beginning of its id, four digits or more, or `latest`"), WhichStreams),
    responses((status = 200, description = "Streams", body = StreamPage))
)]
pub(super) async fn list(
    State(server): State<Arc<Server>>,
    Segments(name): Segments<String>,
    Parameters(which): Parameters<WhichStreams>,
) -> Result<Json<StreamPage>, Problem> {
    check_limit(which.limit)?;
    let selection = StreamSelection::new(which.stream.into_iter().collect())?;
    let repository = server.repository().await?;
    let snapshot = find(repository, &name, which.source.as_deref()).await?;
    let found = streams::streams(repository, &snapshot, &selection).await?;
    let after = which.after.unwrap_or_default();
    let begin = found.partition_point(|stream| stream.stream <= after);
    let page = found[begin..].iter().take(which.limit);
    let streams: Vec<_> = page.map(StreamView::new).collect();
    let is_last = begin + streams.len() == found.len();
    let next = found.get(begin + streams.len() - usize::from(!streams.is_empty()));
    let next = next.filter(|_| !is_last).map(|stream| stream.stream.clone());
    Ok(Json(StreamPage { streams, next }))
}
