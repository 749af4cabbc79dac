//! What there is, by path: docs/http.md.

mod events;
mod health;
mod jobs;
mod ledger;
mod parameters;
mod progress;
mod snapshots;
mod streams;

use super::Server;
use super::guard::guard;
use super::openapi;
use super::problem::{Code, Problem};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::Uri;
use axum::middleware;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Longest body of a request: a list of many thousand patterns.
const BODY_BYTES_MAX: usize = 1 << 20;

/// What is answered, and its description.
pub(super) fn described() -> OpenApiRouter<Arc<Server>> {
    OpenApiRouter::with_openapi(openapi::frame())
        .routes(routes!(health::health))
        .routes(routes!(openapi::get))
        .routes(routes!(snapshots::list))
        .routes(routes!(snapshots::show))
        .routes(routes!(streams::list))
        .routes(routes!(events::list))
        .routes(routes!(ledger::timeline))
        .routes(routes!(ledger::log))
        .routes(routes!(jobs::list))
        .routes(routes!(jobs::backup))
        .routes(routes!(jobs::restore))
        .routes(routes!(jobs::recover))
        .routes(routes!(jobs::check))
        .routes(routes!(jobs::drill))
        .routes(routes!(jobs::show))
        .routes(routes!(jobs::cancel))
        .routes(routes!(progress::events))
}

/// What answers requests.
pub(super) fn router(server: Arc<Server>) -> Router {
    let (router, _) = described().split_for_parts();
    router
        .fallback(nothing)
        .method_not_allowed_fallback(not_allowed)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn_with_state(server.clone(), guard))
        .with_state(server)
}

async fn nothing(uri: Uri) -> Problem {
    Problem::new(Code::NotFound, format!("there is no {}", uri.path()))
}

async fn not_allowed() -> Problem {
    Problem::new(Code::MethodNotAllowed, "the header `Allow` says what can be done")
}
