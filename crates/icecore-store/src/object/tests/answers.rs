//! What becomes of every kind of answer, from a server that gives the same one to every request.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use super::{name, store};
use crate::{
    AccessKey, AzureCredential, AzureSettings, ObjectStore, S3Settings, Service, Store, StoreError,
    StoreErrorKind,
};

/// The address of a server that answers so.
fn server(answer: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let answer = answer.to_owned();
    thread::spawn(move || {
        for connection in listener.incoming() {
            let mut reader = BufReader::new(connection.unwrap());
            let mut bytes = 0;
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                let header = line.trim_end().to_ascii_lowercase();
                if let Some(length) = header.strip_prefix("content-length: ") {
                    bytes = length.parse().unwrap();
                }
                if header.is_empty() {
                    break;
                }
            }
            reader.read_exact(&mut vec![0; bytes]).unwrap();
            // Whoever has read enough may be gone.
            drop(reader.get_mut().write_all(answer.as_bytes()));
        }
    });
    endpoint
}

fn s3(answer: &str) -> ObjectStore {
    let service = S3Settings {
        bucket: "backups".to_owned(),
        endpoint: Some(server(answer)),
        region: "us-east-1".to_owned(),
        is_virtual_host: false,
        credential: Some(AccessKey { id: "test".to_owned(), secret: "hunter2".to_owned().into() }),
    };
    store(Service::S3(service), "")
}

fn empty(status: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}

async fn put(store: &ObjectStore) -> Result<(), StoreError> {
    store.put_new(&name("a"), vec![1].into()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_tells_what_a_caller_may_do() {
    use StoreErrorKind::{AlreadyExists, Denied, NoSpace, NotFound, Permanent, Transient};
    for (status, read, written) in [
        ("400 Bad Request", Permanent, Permanent),
        ("401 Unauthorized", Denied, Denied),
        ("403 Forbidden", Denied, Denied),
        ("404 Not Found", NotFound, Transient),
        ("408 Request Timeout", Permanent, Transient),
        ("409 Conflict", Permanent, Transient),
        ("412 Precondition Failed", Permanent, AlreadyExists),
        ("429 Too Many Requests", Transient, Transient),
        ("500 Internal Server Error", Transient, Transient),
        ("501 Not Implemented", Permanent, Permanent),
        ("503 Service Unavailable", Transient, Transient),
        ("507 Insufficient Storage", NoSpace, NoSpace),
    ] {
        let store = s3(&empty(status));
        let kinds = (
            store.get(&name("a"), 10).await.unwrap_err().kind(),
            put(&store).await.unwrap_err().kind(),
        );
        assert_eq!(kinds, (read, written), "{status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_cut_off_is_asked_for_again() {
    let cut = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\nabc";
    let error = s3(cut).get(&name("a"), 10).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Transient, "{error:?}");
    let error = put(&s3("")).await.unwrap_err();
    assert!(error.outcome_unknown(), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_was_asked_for_is_not_taken() {
    let huge = "HTTP/1.1 200 OK\r\nContent-Length: 1000000000000000\r\n\r\nabc";
    let error = s3(huge).get(&name("a"), 1 << 20).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::TooLarge, "{error:?}");
    // The whole object in place of a range.
    let whole = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\n0123456789";
    let error = s3(whole).get_range(&name("a"), 0..5).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Permanent, "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_error_has_a_signature_in_it() {
    for endpoint in [server(&empty("503 Service Unavailable")), "http://127.0.0.1:1".to_owned()] {
        let signature = "sv=2021-08-06&sig=hunter2".to_owned();
        let azure = AzureSettings {
            container: "backups".to_owned(),
            account: "shop".to_owned(),
            endpoint: Some(endpoint),
            credential: Some(AzureCredential::SharedAccessSignature(signature.into())),
        };
        let store = store(Service::Azure(azure), "");
        assert!(!format!("{store:?}").contains("hunter2"), "{store:?}");
        for error in [store.list("").await.unwrap_err(), put(&store).await.unwrap_err()] {
            assert_eq!(error.kind(), StoreErrorKind::Transient, "{error:?}");
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
    }
}
