//! A service that takes so many requests at once, and tells all others to slow down.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use futures::stream::{StreamExt as _, iter};

use super::{name, store};
use crate::{AccessKey, Patience, RetryingStore, S3Settings, Service, Store};

/// How long a request takes: long enough for others to come meanwhile.
const WORK: Duration = Duration::from_millis(5);

const TAKEN: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nbytes";
const REFUSED: &str = "HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\n\r\n";

/// What a service was asked.
#[derive(Debug, Default)]
struct Load {
    running: AtomicU32,
    taken: AtomicU32,
    refused: AtomicU32,
}

/// The address of a service that takes `capacity` requests at once.
fn service(capacity: u32, load: Arc<Load>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for connection in listener.incoming() {
            let (connection, load) = (connection.unwrap(), load.clone());
            thread::spawn(move || {
                let mut lines = BufReader::new(&connection).lines();
                // A request is its head: only reads are made here.
                while lines.by_ref().map_while(Result::ok).any(|line| line.is_empty()) {
                    let is_taken = load.running.fetch_add(1, SeqCst) < capacity;
                    if is_taken {
                        thread::sleep(WORK);
                    }
                    load.running.fetch_sub(1, SeqCst);
                    let counter = if is_taken { &load.taken } else { &load.refused };
                    counter.fetch_add(1, SeqCst);
                    let answer = if is_taken { TAKEN } else { REFUSED };
                    // Whoever asked may be gone.
                    drop((&connection).write_all(answer.as_bytes()));
                }
            });
        }
    });
    endpoint
}

/// A store of that service.
fn asked(endpoint: String) -> RetryingStore {
    let settings = S3Settings {
        bucket: "backups".to_owned(),
        endpoint: Some(endpoint),
        region: "us-east-1".to_owned(),
        is_virtual_host: false,
        credential: Some(AccessKey { id: "test".to_owned(), secret: "test".to_owned().into() }),
    };
    let patience = Patience { pause_min: Duration::from_millis(20), ..Patience::default() };
    RetryingStore::with_patience(Arc::new(store(Service::S3(settings), "")), patience)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_says_how_long_to_wait_is_asked_nothing_for_so_long() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    // The first request is told to wait; all that come too early are counted.
    let service = thread::spawn(move || {
        let (mut told, mut early) = (None::<Instant>, 0);
        for _ in 0..9 {
            let (connection, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(&connection).lines().map_while(Result::ok);
            assert!(lines.any(|line| line.is_empty()));
            let answer = match told {
                None => {
                    told = Some(Instant::now());
                    "HTTP/1.1 503 Slow Down\r\nRetry-After: 1\r\nContent-Length: 0\r\n\
                     Connection: close\r\n\r\n"
                }
                Some(told) => {
                    early += u32::from(told.elapsed() < Duration::from_secs(1));
                    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nbytes"
                }
            };
            (&connection).write_all(answer.as_bytes()).unwrap();
        }
        early
    });
    let store = &asked(endpoint);
    // One is refused and asks again, the others have not begun when it is.
    let first = store.get(&name("a"), 10).await.unwrap().len();
    let others = iter(0..7).map(|_| async { store.get(&name("a"), 10).await.unwrap().len() });
    let bytes = others.buffer_unordered(7).fold(first, async |sum, bytes| sum + bytes).await;
    assert_eq!(bytes, 5 * 8);
    assert_eq!(service.join().unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_busy_is_asked_less_at_once_and_everything_is_answered() {
    let requests = 1000;
    for capacity in [3, 10] {
        let load = Arc::<Load>::default();
        let store = &asked(service(capacity, load.clone()));
        let answered = iter(0..requests)
            .map(|_| async { store.get(&name("a"), 10).await.unwrap().len() })
            .buffer_unordered(32)
            .fold(0, async |sum, bytes| sum + bytes)
            .await;
        assert_eq!(answered, 5 * requests);
        let (taken, refused) = (load.taken.load(SeqCst), load.refused.load(SeqCst));
        assert_eq!(taken as usize, requests);
        assert!(refused < taken / 3, "{capacity} at once: {refused} of {taken} refused");
        assert!(refused > 0, "nothing was refused");
    }
}
