//! Snapshots: which there are, and all of one.

use super::super::Server;
use super::super::options::Query;
use super::super::problem::Problem;
use super::parameters::{Parameters, Segments};
use crate::commands::snapshots as command;
use crate::snapshot_view::SnapshotView;
use axum::Json;
use axum::extract::State;
use icecore::{Repository, snapshots};
use icecore_format::snapshot::Snapshot;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

type SnapshotsQuery = Query<command::Arguments>;

/// Snapshots, in the order in which they were made
#[derive(Serialize, ToSchema)]
pub(super) struct Snapshots {
    snapshots: Vec<SnapshotView>,
}

/// Which `latest` is meant
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// With `latest`: the newest snapshot of this source
    pub(super) source: Option<String>,
}

/// Snapshots, in the order in which they were made
#[utoipa::path(
    get,
    operation_id = "listSnapshots",
    path = "/v1/snapshots",
    tag = "reading",
    params(SnapshotsQuery),
    responses((status = 200, description = "Snapshots", body = Snapshots))
)]
pub(super) async fn list(
    State(server): State<Arc<Server>>,
    Query(arguments): SnapshotsQuery,
) -> Result<Json<Snapshots>, Problem> {
    let repository = server.repository().await?;
    Ok(Json(Snapshots { snapshots: command::list(&arguments, repository).await? }))
}

/// All that is recorded of a snapshot
#[utoipa::path(
    get,
    operation_id = "showSnapshot",
    path = "/v1/snapshots/{snapshot}",
    tag = "reading",
    params(("snapshot" = String, Path, description = "The beginning of its id, four digits or more, or `latest`"), Which),
    responses((status = 200, description = "The snapshot", body = SnapshotView))
)]
pub(super) async fn show(
    State(server): State<Arc<Server>>,
    Segments(name): Segments<String>,
    Parameters(which): Parameters<Which>,
) -> Result<Json<SnapshotView>, Problem> {
    let repository = server.repository().await?;
    let state = repository.state().await;
    let found = snapshots::find(&state, &name, which.source.as_deref())?;
    Ok(Json(SnapshotView::new(&state, found)))
}

/// The snapshot of this name.
pub(super) async fn find(
    repository: &Repository,
    name: &str,
    source: Option<&str>,
) -> Result<Snapshot, Problem> {
    let state = repository.state().await;
    Ok(snapshots::find(&state, name, source)?.snapshot.clone())
}
