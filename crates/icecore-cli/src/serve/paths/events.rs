//! The events of a stream, sent while they are read.

use super::super::Server;
use super::super::problem::{Code, Problem};
use super::parameters::{Parameters, Segments};
use super::snapshots::{Which, find};
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use futures::StreamExt as _;
use icecore::error::ReadError;
use icecore::selection::StreamSelection;
use icecore::streams;
use icecore::target::{EventChunk, TargetError};
use icecore_sources::events::ndjson::DumpFormat;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What ended an answer that had begun.
#[derive(Debug, thiserror::Error)]
enum BrokenOff {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Encode(#[from] TargetError),
}

/// The events of a stream, in lines of JSON
///
/// If reading fails halfway, the connection ends before the end of the body.
#[utoipa::path(
    get,
    operation_id = "listEvents",
    path = "/v1/snapshots/{snapshot}/streams/{stream}/events",
    tag = "reading",
    params(
        ("snapshot" = String, Path, description = "The beginning of its id, four digits or more, or `latest`"),
        ("stream" = String, Path, description = "The stream's id"),
        Which
    ),
    responses((status = 200, description = "An object of JSON a line, each an event", body = String, content_type = "application/x-ndjson"))
)]
pub(super) async fn list(
    State(server): State<Arc<Server>>,
    Segments((name, stream)): Segments<(String, String)>,
    Parameters(which): Parameters<Which>,
) -> Result<Response, Problem> {
    let repository = server.repository().await?;
    let snapshot = find(repository, &name, which.source.as_deref()).await?;
    let selection = StreamSelection::with_ids(Vec::new(), BTreeSet::from([stream.clone()]))?;
    if streams::streams(repository, &snapshot, &selection).await?.is_empty() {
        let detail = format!("snapshot {} has no stream '{stream}'", snapshot.id);
        return Err(Problem::new(Code::NoStream, detail));
    }
    let encoder = DumpFormat::JsonLines.encoder();
    let encode = move |chunk: Result<EventChunk, ReadError>| -> Result<Bytes, BrokenOff> {
        Ok(encoder.encode(&chunk?)?.bytes.into())
    };
    let lines = streams::events(repository, &snapshot, &selection).await?.map(encode);
    let body = Body::from_stream(lines.inspect(|line| {
        if let Err(error) = line {
            tracing::warn!("an answer was broken off: {error}");
        }
    }));
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], body).into_response())
}
