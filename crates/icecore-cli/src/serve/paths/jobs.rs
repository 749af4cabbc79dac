//! Jobs: started, listed, looked at and asked to stop.

use super::super::Server;
use super::super::job::{JobView, WholeJobView};
use super::super::options::Body;
use super::super::problem::Problem;
use super::parameters::Segments;
use crate::arguments::Command;
use crate::commands;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use serde_json::{Map, Value};
use std::sync::Arc;
use utoipa::ToSchema;

type BackupRequest = Body<commands::backup::EventsArguments>;
type RestoreRequest = Body<commands::restore::Arguments>;
type RecoverRequest = Body<commands::recover::Arguments>;
type CheckRequest = Body<commands::check::Arguments>;
type DrillRequest = Body<commands::drill::Arguments>;

/// Jobs, oldest first
#[derive(Serialize, ToSchema)]
pub(super) struct JobList {
    jobs: Vec<JobView>,
}

/// All jobs that run or wait, and the last that ended
#[utoipa::path(
    get,
    operation_id = "listJobs",
    path = "/v1/jobs",
    tag = "jobs",
    responses((status = 200, description = "Jobs, oldest first", body = JobList))
)]
pub(super) async fn list(State(server): State<Arc<Server>>) -> Json<JobList> {
    Json(JobList { jobs: server.jobs.all().iter().map(|job| job.view()).collect() })
}

/// Back up an event store as a new snapshot
#[utoipa::path(
    post,
    operation_id = "startBackup",
    path = "/v1/jobs/backup",
    tag = "jobs",
    request_body = BackupRequest,
    responses((status = 202, description = "The job", body = WholeJobView, headers(("Location" = String, description = "Its path"))))
)]
pub(super) async fn backup(
    State(server): State<Arc<Server>>,
    request: BackupRequest,
) -> Result<Response, Problem> {
    let command = Command::Backup(request.arguments.into());
    start(&server, "backup", request.members, command)
}

/// Restore a snapshot, or some of its streams
#[utoipa::path(
    post,
    operation_id = "startRestore",
    path = "/v1/jobs/restore",
    tag = "jobs",
    request_body = RestoreRequest,
    responses((status = 202, description = "The job", body = WholeJobView, headers(("Location" = String, description = "Its path"))))
)]
pub(super) async fn restore(
    State(server): State<Arc<Server>>,
    request: RestoreRequest,
) -> Result<Response, Problem> {
    start(&server, "restore", request.members, Command::Restore(request.arguments))
}

/// Bring a source back to any point, into a store
///
/// The point is one of `to_time`, `to_commit_time`, `to_position`, `to_event`, `to_version` and `latest`.
#[utoipa::path(
    post,
    operation_id = "startRecover",
    path = "/v1/jobs/recover",
    tag = "jobs",
    request_body = RecoverRequest,
    responses((status = 202, description = "The job", body = WholeJobView, headers(("Location" = String, description = "Its path"))))
)]
pub(super) async fn recover(
    State(server): State<Arc<Server>>,
    request: RecoverRequest,
) -> Result<Response, Problem> {
    let command = Command::Recover(Box::new(request.arguments));
    start(&server, "recover", request.members, command)
}

/// Check that everything is there, and is what it should be
#[utoipa::path(
    post,
    operation_id = "startCheck",
    path = "/v1/jobs/check",
    tag = "jobs",
    request_body = CheckRequest,
    responses((status = 202, description = "The job", body = WholeJobView, headers(("Location" = String, description = "Its path"))))
)]
pub(super) async fn check(
    State(server): State<Arc<Server>>,
    request: CheckRequest,
) -> Result<Response, Problem> {
    start(&server, "check", request.members, Command::Check(request.arguments))
}

/// Prove that a source can be recovered
#[utoipa::path(
    post,
    operation_id = "startDrill",
    path = "/v1/jobs/drill",
    tag = "jobs",
    request_body = DrillRequest,
    responses((status = 202, description = "The job", body = WholeJobView, headers(("Location" = String, description = "Its path"))))
)]
pub(super) async fn drill(
    State(server): State<Arc<Server>>,
    request: DrillRequest,
) -> Result<Response, Problem> {
    let command = Command::Drill(Box::new(request.arguments));
    start(&server, "drill", request.members, command)
}

/// All of a job
#[utoipa::path(
    get,
    operation_id = "showJob",
    path = "/v1/jobs/{job}",
    tag = "jobs",
    params(("job" = String, Path, description = "The job's id")),
    responses((status = 200, description = "The job", body = WholeJobView))
)]
pub(super) async fn show(
    State(server): State<Arc<Server>>,
    Segments(id): Segments<String>,
) -> Result<Json<WholeJobView>, Problem> {
    Ok(Json(server.jobs.find(&id)?.whole_view()))
}

/// Ask a job to stop, as soon as that is safe
///
/// One that has ended stays as it is.
#[utoipa::path(
    post,
    operation_id = "cancelJob",
    path = "/v1/jobs/{job}/cancel",
    tag = "jobs",
    params(("job" = String, Path, description = "The job's id")),
    responses((status = 202, description = "The job, which may still run", body = WholeJobView))
)]
pub(super) async fn cancel(
    State(server): State<Arc<Server>>,
    Segments(id): Segments<String>,
) -> Result<(StatusCode, Json<WholeJobView>), Problem> {
    let job = server.jobs.find(&id)?;
    job.interrupt().interrupt();
    Ok((StatusCode::ACCEPTED, Json(job.whole_view())))
}

fn start(
    server: &Server,
    operation: &'static str,
    members: Map<String, Value>,
    command: Command,
) -> Result<Response, Problem> {
    let job = server.jobs.start(operation, members, command, server)?;
    let location = format!("/v1/jobs/{}", job.id());
    Ok((StatusCode::ACCEPTED, [(LOCATION, location)], Json(job.whole_view())).into_response())
}
