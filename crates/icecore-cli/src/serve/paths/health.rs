//! Whether the server runs.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

/// That the server runs
#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    status: &'static str,
    version: &'static str,
}

/// That the server runs; needs no token
#[utoipa::path(
    get,
    operation_id = "health",
    path = "/health",
    tag = "server",
    security(()),
    responses((status = 200, description = "It runs", body = Health))
)]
pub(super) async fn health() -> Json<Health> {
    Json(Health { status: "ok", version: env!("CARGO_PKG_VERSION") })
}
