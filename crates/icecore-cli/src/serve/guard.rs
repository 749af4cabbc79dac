//! What every request has to show before anything is done for it.

use super::Server;
use super::problem::Problem;
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, HOST, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use std::net::IpAddr;
use std::sync::Arc;

/// The one path that needs no token.
pub(super) const HEALTH: &str = "/health";

/// Lets a request through that names this host and shows the token.
pub(super) async fn guard(
    State(server): State<Arc<Server>>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = if server.is_loopback && !names_loopback(&request) {
        Problem::wrong_host().into_response()
    } else if request.uri().path() != HEALTH && !server.token.is_in(request.headers()) {
        Problem::unauthorized().into_response()
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Whether a request is for a name of this machine that no name server can give to another: a page in a
/// browser then came from here.
fn names_loopback(request: &Request) -> bool {
    let mut hosts = request.headers().get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    let by_header = host.to_str().is_ok_and(is_loopback);
    by_header && request.uri().authority().is_none_or(|it| is_loopback(it.as_str()))
}

/// Whether `HOST` or `HOST:PORT` is a loopback address, or its name.
fn is_loopback(host: &str) -> bool {
    let Ok(uri) = host.parse::<Uri>() else { return false };
    let Some(authority) = uri.authority().filter(|it| !it.as_str().contains('@')) else {
        return false;
    };
    let name = authority.host().trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_taken_for_it() {
        for host in ["localhost", "LOCALHOST:8417", "127.0.0.1:1", "127.1.2.3", "[::1]:8417"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "",
            "example.org",
            "localhost.example.org:8417",
            "127.0.0.1.example.org",
            "10.0.0.1",
            "[::2]",
            "me@localhost",
            "localhost/x",
            "/",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
