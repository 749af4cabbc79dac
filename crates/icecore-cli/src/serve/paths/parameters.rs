//! Parameters of paths and queries, refused as all else is.

use super::super::problem::{Code, Problem};
use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

/// Segments of the path.
pub(super) struct Segments<T>(pub(super) T);

/// Parameters of the query.
pub(super) struct Parameters<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Segments<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(segments) = Path::from_request_parts(parts, state)
            .await
            .map_err(|error| Problem::new(Code::BadRequest, error.body_text()))?;
        Ok(Self(segments))
    }
}

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Query(parameters) =
            Query::try_from_uri(&parts.uri).map_err(|error| Problem::invalid(error.body_text()))?;
        Ok(Self(parameters))
    }
}
