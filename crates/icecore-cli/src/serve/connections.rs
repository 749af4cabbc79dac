//! Connections: taken, encrypted, answered by the router, and ended with the server.

use super::address::Listening;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

/// Most connections at once: each may hold a request of the longest kind.
const CONNECTIONS_MAX: usize = 256;

/// How long a client may take to greet, and for the headers of a request.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(10);
const HEADERS_PATIENCE: Duration = Duration::from_secs(30);

/// What of a request is held before it is understood: headers of this length are long enough.
const HEADERS_BYTES_MAX: usize = 64 << 10;

/// Time until the next try where the system has no connection to give, such as for want of files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// How long answers may take once the server ends.
const END_PATIENCE: Duration = Duration::from_secs(5);

/// Answers by `router` until `until` comes.
pub(super) async fn serve(listening: Listening, router: Router, until: impl Future<Output = ()>) {
    let Listening { listener, tls, .. } = listening;
    let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let graceful = GracefulShutdown::new();
    let mut until = pin!(until);
    loop {
        let next = async {
            // Nobody closes it.
            let place = connections.clone().acquire_owned().await.ok();
            (listener.accept().await, place)
        };
        let (accepted, place) = tokio::select! {
            next = next => next,
            () = &mut until => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!("cannot take a connection: {error}");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (watcher, router, tls) = (graceful.watcher(), router.clone(), tls.clone());
        let _detached = tokio::spawn(async move {
            let _place = place;
            match tls {
                None => answer(stream, router, watcher).await,
                Some(tls) => match timeout(HANDSHAKE_PATIENCE, tls.accept(stream)).await {
                    Ok(Ok(stream)) => answer(stream, router, watcher).await,
                    Ok(Err(error)) => tracing::debug!("no TLS with a client: {error}"),
                    Err(_) => tracing::debug!("no TLS with a client: it said nothing"),
                },
            }
        });
    }
    drop(listener);
    // Whoever does not read its answer is not waited for.
    let _ = timeout(END_PATIENCE, graceful.shutdown()).await;
}

async fn answer(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
    watcher: Watcher,
) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_PATIENCE)
        .max_buf_size(HEADERS_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!("a connection ended early: {error}");
    }
}
