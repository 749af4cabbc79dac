//! The network as an enemy: a server that keeps its promises, behind a line that keeps none.
//!
//! Whatever becomes of requests and answers on the way, an operation goes on by itself or says at which
//! step of which place it ended. Then a check is clean, the next backup works, nothing that was
//! acknowledged is lost, and every event comes back as it was.

mod backups;
mod follow;

use icecore::Repository;
use icecore_store::{
    AccessKey, ObjectSettings, ObjectStore, Patience, RetryingStore, S3Settings, Service, Store,
};
use icecore_test_servers::{Ending, Proxy, S3Server, Trap, Way};
use icecore_tests::Host;
use icecore_tests::host::SMALL_CHUNKS;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// How long no byte need move before a connection counts as dead.
const SILENCE_MAX: Duration = Duration::from_millis(300);

/// How long the line is cut or silent, where it comes back: longer than what is waited for a byte.
const OUTAGE: Duration = Duration::from_millis(700);

/// Goes on for some seconds, which is longer than an outage lasts.
const PATIENCE: Patience = Patience {
    tries_max: 8,
    first_tries_max: 8,
    pause_min: Duration::from_millis(20),
    pause_max: Duration::from_secs(1),
    outage_max: Duration::from_secs(20),
};

const BUCKET: &str = "backups";

/// A server with a bucket; `None` where there is none to start.
fn server() -> Option<S3Server> {
    let server = S3Server::start()?;
    server.create_bucket(BUCKET);
    Some(server)
}

/// What is told of a line before it is used.
type Trouble = fn(&Arc<Proxy>);

/// A repository at a prefix of its own, and the line to it.
struct Far {
    host: Host,
    proxy: Arc<Proxy>,
    /// The way that needs no line.
    near: Arc<dyn Store>,
    line: Arc<dyn Store>,
}

impl Far {
    /// With an empty repository that has small chunks.
    async fn new(server: &S3Server, prefix: &str) -> Self {
        let proxy = Arc::new(Proxy::start(server.port()));
        let near = Arc::new(store(&server.endpoint(), prefix));
        let line = store(&proxy.endpoint(), prefix).with_silence_max(SILENCE_MAX);
        let line = Arc::new(RetryingStore::with_patience(Arc::new(line), PATIENCE));
        let host = Host::new();
        host.init_with_chunks(near.clone(), SMALL_CHUNKS).await;
        Self { host, proxy, near, line }
    }

    /// Opens the repository through the line.
    async fn open(&self) -> Repository {
        self.host.open(self.line.clone()).await.unwrap()
    }
}

fn store(endpoint: &str, prefix: &str) -> ObjectStore {
    let key = AccessKey { id: "test".to_owned(), secret: "test".to_owned().into() };
    let service = Service::S3(S3Settings {
        bucket: BUCKET.to_owned(),
        endpoint: Some(endpoint.to_owned()),
        region: "us-east-1".to_owned(),
        is_virtual_host: false,
        credential: Some(key),
    });
    ObjectStore::open(&ObjectSettings { service, prefix: prefix.to_owned() }).unwrap()
}

/// Cuts the line when so many bytes of requests came through, and mends it after a while.
fn cut_for_a_while(proxy: &Arc<Proxy>, bytes: u64) {
    proxy.cut_after(bytes);
    let proxy = proxy.clone();
    thread::spawn(move || {
        proxy.wait_until_cut();
        thread::sleep(OUTAGE);
        proxy.mend();
    });
}

/// Lets nothing through for a while, from now on.
fn silence_for_a_while(proxy: &Arc<Proxy>) {
    proxy.silence();
    let proxy = proxy.clone();
    thread::spawn(move || {
        thread::sleep(OUTAGE);
        proxy.mend();
    });
}

fn set_trap(proxy: &Proxy, request: &str, way: Way, bytes: u64, ending: Ending, times: u32) {
    proxy.set_trap(Trap { request: request.to_owned(), way, bytes, ending, times });
}
