//! How a job goes on, as server-sent events.
//!
//! Source of the format: WHATWG HTML, "Server-sent events".

use super::super::Server;
use super::super::job::Job;
use super::super::problem::Problem;
use super::parameters::Segments;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use futures::stream;
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::watch;
use utoipa::ToSchema;

/// One event of those that are sent
#[derive(ToSchema)]
#[schema(as = JobEvent)]
#[expect(dead_code, reason = "it describes what is sent, and is not what sends it")]
struct JobEvent {
    /// `progress`, or `ended` for the last
    event: &'static str,
    /// A job in JSON: as in the list of jobs, the last one with all of it
    data: String,
}

/// Someone who watches a job.
struct Watcher {
    job: Arc<Job>,
    changes: watch::Receiver<()>,
    has_heard_of_the_end: bool,
}

/// How a job goes on, as server-sent events
///
/// `progress` is the job without what it has printed, `ended` all of it, once; then the answer ends.
#[utoipa::path(
    get,
    operation_id = "watchJob",
    path = "/v1/jobs/{job}/events",
    tag = "jobs",
    params(("job" = String, Path, description = "The job's id")),
    responses((status = 200, description = "Events `progress` and `ended`", body = JobEvent, content_type = "text/event-stream"))
)]
pub(super) async fn events(
    State(server): State<Arc<Server>>,
    Segments(id): Segments<String>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let job = server.jobs.find(&id)?;
    let mut changes = job.changes();
    changes.mark_changed();
    let watcher = Watcher { job, changes, has_heard_of_the_end: false };
    Ok(Sse::new(stream::unfold(watcher, next)).keep_alive(KeepAlive::default()))
}

async fn next(mut watcher: Watcher) -> Option<(Result<Event, Infallible>, Watcher)> {
    if watcher.has_heard_of_the_end {
        return None;
    }
    watcher.changes.changed().await.ok()?;
    let is_ended = watcher.job.state().is_ended();
    let event = if is_ended {
        Event::default().event("ended").json_data(watcher.job.whole_view())
    } else {
        Event::default().event("progress").json_data(watcher.job.view())
    };
    watcher.has_heard_of_the_end = is_ended;
    Some((Ok(event.ok()?), watcher))
}
